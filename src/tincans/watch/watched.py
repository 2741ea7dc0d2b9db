"""What is watched: a journal and inboxes, and in `tincans up` the switchboard and what goes on through it.

`tincans watch` looks at a journal that others write, and that may go away and come back while it looks: a folder that
was deleted, and made anew by the next program that records. So nobody keeps the journal: each asks for it when it is
needed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tincans.clock import SYSTEM, Clock
from tincans.errors import JournalError
from tincans.folders import mails_folder
from tincans.journal import Journal, default_folder, open_journal
from tincans.watch.inboxes import Inboxes, of_folder

if TYPE_CHECKING:
    from tincans.register import Register
    from tincans.switchboard import Switchboard


class Watched:
    """The journal, the inboxes, the switchboard and the register. Who made those closes them, but for a journal that
    was reopened."""

    def __init__(
        self, journal: Journal, where: str = "", *, board: Switchboard | None = None, register: Register | None = None,
        inboxes: Inboxes | None = None, reopen: Callable[[], Journal] | None = None, index: Path | None = None,
        clock: Clock = SYSTEM,
    ) -> None:  # fmt: skip
        """`where` is what a person is told. `index` is the journal's file that is looked after; where it was replaced,
        `reopen` opens the new one."""
        self._journal, self.where = journal, where
        self.board, self.register = board, register
        self.inboxes = inboxes if inboxes is not None else Inboxes()
        self.now = clock.now
        self._index, self._reopen = index, reopen
        self._seen = _identity(index)

    @classmethod
    @asynccontextmanager
    async def reading(cls, where: str | None, mails: str | None = None) -> AsyncIterator[Watched]:
        """A journal that other programs write, as `open_journal` names it, and the mails in a folder, the user's own
        where it is None, while the block runs. Raises `JournalError`."""
        folder = _folder(where)

        def reopen() -> Journal:
            return open_journal(folder, create=False)

        inboxes = Inboxes(of_folder(mails or mails_folder()))
        watched = cls(reopen(), str(folder), inboxes=inboxes, reopen=reopen, index=folder / "index.sqlite3")
        try:
            yield watched
        finally:
            await asyncio.to_thread(inboxes.close)
            await watched.journal.aclose()

    @property
    def journal(self) -> Journal:
        return self._journal

    async def look_after(self) -> bool:
        """See whether the journal is still there; whether another has taken its place, which then is the journal.

        Raises `JournalError` where it is gone.
        """
        if self._index is None:
            return False
        found = _identity(self._index)
        if found is None:
            raise JournalError(f"the journal in {self._index.parent} is gone")
        if found == self._seen:
            return False
        if self._reopen is None:
            raise JournalError(f"the journal in {self._index.parent} was replaced by another")
        before, self._journal = self._journal, self._reopen()
        self._seen = found
        await before.aclose()
        return True


def _folder(where: str | None) -> Path:
    text = (where if where is not None else os.environ.get("TINCANS_JOURNAL", "")).removeprefix("sqlite:")
    return Path(text).expanduser() if text else default_folder()


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Which file it is; None where there is none."""
    if path is None:
        return None
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
