"""Deleting mails, and the thread that does it for those that are too old, or too many for their mailbox.

A mail's rows go first, with its file written down as doomed, and then the file: so no mail is ever without its file,
and what a kill leaves of that is removed by whoever opens the store next.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING

from tincans.apps.mail.store_folder import Folder, remove_empty
from tincans.apps.mail.store_index import Index
from tincans.errors import MailsError
from tincans.limits import MAILS_A_LOOK, MAILS_CLOSE_SECONDS, MAILS_LOOK_SECONDS

if TYPE_CHECKING:
    from tincans.apps.mail.store import Mails

log = logging.getLogger(__name__)

_DAY = 86_400 * 10**9

#: Mails that are deleted at once, before others have their turn at the index.
A_TURN = 250


def delete(folder: Folder, index: Index, numbers: Sequence[int], mailboxes: Sequence[str] | None = None) -> None:
    """Take mails, A_TURN at most, out of these mailboxes, or of all; those that are in none then are gone."""
    marks = ", ".join("?" * len(numbers))
    with index.change():
        if mailboxes is None:
            index.execute(f"DELETE FROM boxes WHERE number IN ({marks})", numbers)
        else:
            pairs = [(name, number) for name in mailboxes for number in numbers]
            index.execute_many("DELETE FROM boxes WHERE mailbox = ? AND number = ?", pairs)
        gone = f"number IN ({marks}) AND NOT EXISTS (SELECT 1 FROM boxes WHERE boxes.number = mails.number)"
        index.execute(f"INSERT OR IGNORE INTO doomed SELECT file FROM mails WHERE {gone}", numbers)
        index.execute(f"DELETE FROM words WHERE rowid IN (SELECT number FROM mails WHERE {gone})", numbers)
        index.execute(f"DELETE FROM mails WHERE {gone}", numbers)
    remove_doomed(folder, index)


def remove_doomed(folder: Folder, index: Index) -> None:
    """Remove the files whose mails are gone. Raises `OSError`."""
    files = [file for (file,) in index.rows("SELECT file FROM doomed")]
    if not files:
        return
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder.letters}/{file}")
    with index.transaction():
        index.execute_many("DELETE FROM doomed WHERE file = ?", ((file,) for file in files))
    remove_empty(folder.letters, [file.rpartition("/")[0] for file in files])


class Keeper:
    """The thread of a store that takes mails, or keeps bounds. It begins when one of the two does.

    It has the index take in what came, every MAILS_A_LOOK mails and every MAILS_LOOK_SECONDS, so that the log stays
    short, and keeps the bounds. What goes wrong there is logged and tried again the next time.
    """

    def __init__(self, mails: Mails) -> None:
        self._mails = mails
        self._keep, self._days = 0, 0.0
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._left = MAILS_A_LOOK  # mails until it looks
        self._end = inf  # when it has to be done, by time.monotonic

    def ask(self, keep: int, days: float) -> None:
        """Keep so many of each mailbox, for so many days; 0 asks for nothing. The strictest that was asked counts."""
        if keep or days:
            self._keep = min(filter(None, (self._keep, keep)), default=0)
            self._days = min(filter(None, (self._days, days)), default=0.0)
            self._start()

    def arrived(self) -> None:
        """A mail was taken."""
        self._left -= 1
        if self._left <= 0:
            self._left = MAILS_A_LOOK
            self._start()

    def look(self) -> None:
        """Have the index take in what came, and remove what is too old or too much. Raises `MailsError`."""
        with self._mails.index() as index:
            index.may_begin_log()
            surplus = [*self._too_old(index), *self._too_many(index)]
        for numbers, mailboxes in surplus:
            for start in range(0, len(numbers), A_TURN):
                if time.monotonic() > self._end:
                    return
                self._mails.delete_all(numbers[start : start + A_TURN], mailboxes)

    def _too_old(self, index: Index) -> Iterator[tuple[list[int], None]]:
        if self._days:
            oldest = time.time_ns() - int(self._days * _DAY)
            found = index.rows("SELECT number FROM mails WHERE at < ? ORDER BY number", (oldest,))
            yield [number for (number,) in found], None

    def _too_many(self, index: Index) -> Iterator[tuple[list[int], list[str]]]:
        if self._keep:
            counts = "SELECT mailbox, count(*) - ? FROM boxes GROUP BY mailbox HAVING count(*) > ?"
            oldest = "SELECT number FROM boxes WHERE mailbox = ? ORDER BY number LIMIT ?"
            for mailbox, more in index.rows(counts, (self._keep, self._keep)):
                yield [number for (number,) in index.rows(oldest, (mailbox, more))], [mailbox]

    def close(self) -> None:
        """End the thread, after a last look of MAILS_CLOSE_SECONDS at most. Idempotent."""
        self._end = time.monotonic() + MAILS_CLOSE_SECONDS
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _start(self) -> None:
        """Have it look soon."""
        self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="tincans-mails", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait(MAILS_LOOK_SECONDS)
            self._wake.clear()
            is_last = self._end < inf
            self._look_once()
            if is_last:
                return

    def _look_once(self) -> None:
        try:
            self.look()
        except MailsError as error:
            log.warning("%s", error)
