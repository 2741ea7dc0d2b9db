"""Deleting mails, and the thread that does it for those that are too old, or too many for their mailbox.

A mail's rows go first, with its file written down as doomed, and then the file: so no mail is ever without its file,
and what a kill leaves of that is removed by whoever opens the store next.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tincans.apps.mail.store_folder import Folder, remove_empty
from tincans.apps.mail.store_index import Index
from tincans.errors import MailsError
from tincans.limits import MAILS_A_LOOK, MAILS_LOOK_SECONDS

if TYPE_CHECKING:
    from tincans.apps.mail.store import Mails

log = logging.getLogger(__name__)

_DAY = 86_400 * 10**9

#: Parameters of one statement: SQLITE_MAX_VARIABLE_NUMBER was 999 before SQLite 3.32.
_PARAMETERS = 900


def delete(folder: Folder, index: Index, numbers: Sequence[int], mailboxes: Sequence[str] | None = None) -> None:
    """Take mails out of these mailboxes, or of all; those that are in none then are gone, with their files."""
    for start in range(0, len(numbers), _PARAMETERS):
        some = numbers[start : start + _PARAMETERS]
        marks = ", ".join("?" * len(some))
        with index.change():
            if mailboxes is None:
                index.execute(f"DELETE FROM boxes WHERE number IN ({marks})", some)
            else:
                pairs = [(name, number) for name in mailboxes for number in some]
                index.execute_many("DELETE FROM boxes WHERE mailbox = ? AND number = ?", pairs)
            gone = f"number IN ({marks}) AND NOT EXISTS (SELECT 1 FROM boxes WHERE boxes.number = mails.number)"
            index.execute(f"INSERT OR IGNORE INTO doomed SELECT file FROM mails WHERE {gone}", some)
            index.execute(f"DELETE FROM words WHERE rowid IN (SELECT number FROM mails WHERE {gone})", some)
            index.execute(f"DELETE FROM mails WHERE {gone}", some)
        remove_doomed(folder, index)


def remove_doomed(folder: Folder, index: Index) -> None:
    """Remove the files whose mails are gone. Raises `OSError`."""
    files = [file for (file,) in index.rows("SELECT file FROM doomed")]
    if not files:
        return
    for file in files:
        (folder.letters / file).unlink(missing_ok=True)
    with index.transaction():
        index.execute_many("DELETE FROM doomed WHERE file = ?", ((file,) for file in files))
    remove_empty(folder.letters, [file.rpartition("/")[0] for file in files])


class Keeper:
    """The thread of a store that takes mails. It begins with the first mail, and with the first bound on what is kept.

    It has the index take in what came, every MAILS_A_LOOK mails and every MAILS_LOOK_SECONDS, so that the log stays
    short, and keeps the bounds. What goes wrong there is logged and tried again the next time.
    """

    def __init__(self, mails: Mails) -> None:
        self._mails = mails
        self._keep, self._days = 0, 0.0
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._left = MAILS_A_LOOK  # mails until it looks
        self._closing = False

    def ask(self, keep: int, days: float) -> None:
        """Keep so many of each mailbox, for so many days; 0 asks for nothing. The strictest that was asked counts."""
        if keep or days:
            self._keep = min(filter(None, (self._keep, keep)), default=0)
            self._days = min(filter(None, (self._days, days)), default=0.0)
            self.look()
            self._start()

    def arrived(self) -> None:
        """A mail was taken."""
        self._left -= 1
        if self._left <= 0:
            self._left = MAILS_A_LOOK
            self._start()
            self._wake.set()

    def look(self) -> None:
        """Have the index take in what came, and remove what is too old or too much. Raises `MailsError`."""
        with self._mails.index() as index:
            index.may_begin_log()
            if self._days:
                oldest = time.time_ns() - int(self._days * _DAY)
                found = index.rows("SELECT number FROM mails WHERE at < ? ORDER BY number", (oldest,))
                delete(self._mails.folder, index, [number for (number,) in found])
            if self._keep:
                self._thin_out(index)

    def _thin_out(self, index: Index) -> None:
        counts = "SELECT mailbox, count(*) - ? FROM boxes GROUP BY mailbox HAVING count(*) > ?"
        for mailbox, more in index.rows(counts, (self._keep, self._keep)):
            oldest = "SELECT number FROM boxes WHERE mailbox = ? ORDER BY number LIMIT ?"
            numbers = [number for (number,) in index.rows(oldest, (mailbox, more))]
            delete(self._mails.folder, index, numbers, [mailbox])

    def close(self) -> None:
        """End the thread, after a last look. Idempotent."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="tincans-mails", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(MAILS_LOOK_SECONDS)
            self._wake.clear()
            with contextlib.suppress(RuntimeError):  # the interpreter ends
                self._look_once()

    def _look_once(self) -> None:
        try:
            self.look()
        except MailsError as error:
            log.warning("%s", error)
