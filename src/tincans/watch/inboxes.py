"""The mail stores that the page shows: those of the mail servers that run here, else the user's own.

Each distinct folder is an inbox with a name: that of the first listener that keeps its mails there; those of the others
mean it too. One that nobody has written to is none yet, and nobody makes it by looking. What is asked of a store is
done in threads, as others may write to it, and what they hold up is to hold up nobody else.

Who makes an `Inboxes` closes it: it has the stores open that were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from tincans.apps.mail.store import Mails
from tincans.config import Entry, Listen
from tincans.errors import MailsError
from tincans.folders import mails_folder
from tincans.watch.framed import Frames
from tincans.watch.reels import Run
from tincans.watch.trouble import Refused

if TYPE_CHECKING:
    from tincans.switchboard import Switchboard

T = TypeVar("T")

#: The name of an inbox that no listener has.
OWN = "mails"
#: The file by which a folder is known to keep mails.
INDEX = "index.sqlite3"


def folders_of(entries: Iterable[Entry]) -> dict[str, Path]:
    """The folder in which each of these listeners keeps mails, by name."""
    return {
        entry.name: Path(entry.settings.mails or mails_folder()).absolute()
        for entry in entries
        if isinstance(entry, Listen) and entry.app.partition(":")[0] == "mail"
    }


def of_board(board: Switchboard) -> Callable[[], dict[str, Path]]:
    """The folders of a switchboard's mail servers, as it runs now; where it has none, the user's own."""
    return lambda: folders_of(board.entries) or {OWN: mails_folder()}


def of_folder(folder: str | Path) -> Callable[[], dict[str, Path]]:
    """That folder."""
    path = Path(folder).absolute()
    return lambda: {OWN: path}


class Inboxes:
    """The stores of the folders that `named` gives, asked whenever somebody wants one of them."""

    def __init__(self, named: Callable[[], Mapping[str, Path]] = dict) -> None:
        self._named = named
        self._open: dict[Path, tuple[int, Mails]] = {}  # with the inode of its index
        self._opening = Lock()
        self.frames = Frames()
        self.run = Run()

    def named(self) -> dict[str, Path]:
        """The inboxes that there are now, each under its first name."""
        first = {folder: name for name, folder in reversed(self._there().items())}
        return {first[folder]: folder for folder in reversed(first)}

    def _there(self) -> dict[str, Path]:
        return {name: folder for name, folder in self._named().items() if (folder / INDEX).exists()}

    async def ask(self, name: str, question: Callable[[Mails], T]) -> T:
        """Ask the inbox of that name, the first where it is empty. Raises `Refused`, 404 where there is none."""
        there = self._there()
        folder = there.get(name) if name else next(iter(there.values()), None)
        if folder is None:
            what = f"there is no inbox {name!r}" if name else "there is no inbox"
            raise Refused(404, what, "GET /api/inboxes has those that there are; tincans listen :7725 mail makes one.")
        return await self.run(partial(self._ask, folder, question))

    def _ask(self, folder: Path, question: Callable[[Mails], T]) -> T:
        with self._opening:
            mails = self._store(folder)
        return question(mails)

    def _store(self, folder: Path) -> Mails:
        """The store of a folder; where another has taken its place, that one."""
        try:
            inode = (folder / INDEX).stat().st_ino
        except FileNotFoundError:
            raise MailsError(folder, "it is gone") from None
        found, mails = self._open.get(folder, (0, None))
        if mails is not None and found == inode:
            return mails
        if mails is not None:
            mails.close()
        opened = Mails.open(folder)
        self._open[folder] = inode, opened
        return opened

    def close(self) -> None:
        """Close the stores, and end the threads."""
        self.run.close()
        for _, mails in self._open.values():
            mails.close()
        self._open.clear()
