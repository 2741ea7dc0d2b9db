"""The mail store: a folder that keeps every mail that was sent to it, and gives it out by mailbox.

    taking      begin ─► write … ─► commit: a file, and a line in a log; no database       store_folder, store_incoming
    asking      list, get, mailboxes: the index takes in the log's new lines first         store_index
    looking     header, attachments and words are found when somebody asks for a mail      store_look, store_reading
    keeping     a thread of the process that takes mails removes the oldest                store_keeper

Several processes may use one folder at once, to take mails and to read them. Taking is synchronous, some ten
microseconds, and done in the loop; whoever asks does it in a thread (`asyncio.to_thread`), as a database and files are
read.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from tincans.apps.mail.store_folder import Folder, Shelf, sweep
from tincans.apps.mail.store_incoming import Incoming
from tincans.apps.mail.store_index import Index
from tincans.apps.mail.store_keeper import A_TURN, Keeper, delete, remove_doomed
from tincans.apps.mail.store_mail import NOBODY, Envelope, Mail, Mailbox
from tincans.apps.mail.store_reading import COLUMNS, MOST, bounded, chosen, clean, look_on, mails_of
from tincans.errors import MailsError, NoSuchMail, reason_of
from tincans.limits import LIST_ROWS, MAIL_READ_SECONDS

__all__ = ["NOBODY", "Envelope", "Incoming", "Mail", "Mailbox", "Mails"]

#: Names of their own, as `Mails.list` hides the type's.
_Mails = list[Mail]
_Letters = list[tuple[int, int, str]]
_Names = list[str]


class Mails:
    """The store in one folder. In one process there is one of each folder: `open` it and `close` it again.

    Any thread may use it. Whatever the disk or the index refuses is a `MailsError`. Not to be used across a fork.
    """

    _opened: ClassVar[dict[Path, Mails]] = {}
    _opening: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def open(cls, folder: Path | str, *, keep: int = 0, days: float = 0) -> Mails:
        """Open the store in `folder`, which is made where there is none. Each `open` needs its `close`.

        `keep` is how many mails each mailbox keeps, `days` for how long; 0 is all, and for ever. Where several ask, the
        strictest counts. Raises `MailsError`, and `MailsTooNew`.
        """
        path = Path(folder).absolute()
        with cls._opening:
            mails = cls._opened.get(path)
            if mails is None:
                mails = cls._opened[path] = cls(path)
            mails._users += 1
        try:
            mails.keeper.ask(keep, days)
        except BaseException:
            mails.close()
            raise
        return mails

    def __init__(self, path: Path) -> None:
        """Use `open`."""
        self._users = 0
        self._turn = threading.RLock()  # whose turn it is at the index
        self.taking = threading.Lock()
        self._shelf: Shelf | None = None
        self.folder = Folder(path)
        try:
            self._index = Index(self.folder)
        except BaseException:
            self.folder.close()
            raise
        self.keeper = Keeper(self)
        try:
            self._tidy()
        except BaseException:
            self._close()
            raise

    def _tidy(self) -> None:
        """What another process left undone when it was killed."""
        with self.index() as index:
            self.folder.no_number_up_to(index.value("SELECT max(number) FROM mails") or 0)
            remove_doomed(self.folder, index)
            sweep(self.folder.letters, self._known)

    def _known(self, files: Sequence[str]) -> set[str]:
        with self.index() as index:
            return {file for file in files if index.value("SELECT 1 FROM mails WHERE file = ?", (file,))}

    def close(self) -> None:
        """Give it back; the last one closes it. What was begun and not committed is discarded by then."""
        with self._opening:
            self._users -= 1
            if self._users == 0:
                del self._opened[self.folder.path]
                self._close()

    def _close(self) -> None:
        self.keeper.close()
        with self._turn:
            self._index.close()
            if self._shelf is not None:
                self._shelf.close()
            self.folder.close()

    # ── taking ────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, envelope: Envelope) -> Incoming:
        """Begin to take a mail."""
        return Incoming(self, envelope)

    def shelf(self) -> Shelf:
        """Where this process puts mails; to be asked for while `taking`. Raises `OSError`."""
        if self._shelf is None:
            self._shelf = Shelf(self.folder.letters)
        return self._shelf

    def arrived(self) -> None:
        """A mail was taken."""
        self.keeper.arrived()

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def index(self) -> Iterator[Index]:
        """The index, for this thread alone, with all that was taken. Raises `MailsError` for what it raises."""
        with self._turn:
            try:
                self._index.catch_up()
                yield self._index
            except sqlite3.Error as error:
                raise MailsError(self.folder.path, f"its index cannot be used: {error}") from error
            except OSError as error:
                raise MailsError(self.folder.path, reason_of(error)) from error

    @property
    def revision(self) -> int:
        """A number that grows whenever anything changed, in other processes too."""
        with self.index() as index:
            return self.folder.newest + index.changes

    @property
    def identity(self) -> str:
        """What tells this store from any other that there was or will be, in this folder too."""
        with self.index() as index:
            return index.identity

    def mailboxes(self) -> list[Mailbox]:
        """Those that have a mail in them, by name."""
        counts = "count(*), count(*) - sum(seen), sum(size), max(number)"
        with self.index() as index:
            rows = index.rows(f"SELECT mailbox, {counts} FROM boxes GROUP BY mailbox ORDER BY mailbox")
        return [Mailbox(*row) for row in rows]

    def mailboxes_of(self, name: str) -> _Names:
        """Those that belong to who is called `name`: of that name; and, where it is no address, of that local part."""
        own = name.lower() if "@" in name else name
        with self.index() as index:
            names = [found for (found,) in index.rows("SELECT DISTINCT mailbox FROM boxes")]
        return [each for each in names if each == own or ("@" in each and each.rpartition("@")[0] == name.lower())]

    def letters(self, mailboxes: Sequence[str] | None = None) -> _Letters:
        """Number, size and file (below `folder.letters`) of each mail in any of these mailboxes, the oldest first.

        None is all of them.
        """
        query, names = "SELECT number, size, file FROM mails", list(mailboxes or ())
        if mailboxes is not None:
            query += f" WHERE number IN (SELECT number FROM boxes WHERE mailbox IN ({', '.join('?' * len(names))}))"
        with self.index() as index:
            return index.rows(f"{query} ORDER BY number", names)

    def list(
        self, *, mailbox: str = "", text: str = "", before: int = 0, offset: int = 0, limit: int = LIST_ROWS
    ) -> _Mails:
        """The newest mails first: of one mailbox or of all, numbered below `before` where that is given, without the
        first `offset` of them.

        `text` is words, all of which stand in the header, the addresses or the text; the last letters of each may be
        left out. Only mails that were looked at are found: see `look`, which this calls once.
        """
        if text.strip():
            self.look()
        among, by, values = chosen(mailbox, text)
        numbers = f"SELECT {by} FROM {among} AND {by} < ? ORDER BY {by} DESC LIMIT ? OFFSET ?"
        query = f"SELECT {COLUMNS} FROM mails WHERE number IN ({numbers}) ORDER BY number DESC"
        with self.index() as index:
            rows = index.rows(query, [*values, bounded(before or MOST), bounded(limit), bounded(offset)])
            return mails_of(self.folder, index, rows)

    def count(self, *, mailbox: str = "", text: str = "") -> int:
        """How many `list` has, of those that were looked at until now."""
        among, _, values = chosen(mailbox, text)
        with self.index() as index:
            return int(index.value(f"SELECT count(*) FROM {among}", values))

    def get(self, number: int) -> Mail:
        """One mail. Raises `NoSuchMail`."""
        with self.index() as index:
            rows = index.rows(f"SELECT {COLUMNS} FROM mails WHERE number = ?", (bounded(number),))
            if not rows:
                raise NoSuchMail(number)
            return mails_of(self.folder, index, rows)[0]

    def path(self, number: int) -> Path:
        """The file of one mail: byte by byte what was sent. Raises `NoSuchMail`."""
        with self.index() as index:
            file = index.value("SELECT file FROM mails WHERE number = ?", (bounded(number),))
        if file is None:
            raise NoSuchMail(number)
        return self.folder.letters / str(file)

    # ── changing ──────────────────────────────────────────────────────────────────────────────────────────

    def delete(self, number: int, mailbox: str = "") -> None:
        """Take a mail out of one mailbox, or of all; with the last it is gone. Raises `NoSuchMail`."""
        with self.index() as index:
            mailboxes = index.mailboxes_of([bounded(number)]).get(number, ())
            if not mailboxes or (mailbox and mailbox not in mailboxes):
                raise NoSuchMail(number)
            delete(self.folder, index, [number], [mailbox] if mailbox else None)

    def delete_all(self, numbers: Sequence[int], mailboxes: Sequence[str] | None = None) -> None:
        """Take mails out of these mailboxes, or of all. Those that are not in them are left out."""
        for start in range(0, len(numbers), A_TURN):
            with self.index() as index:
                delete(self.folder, index, numbers[start : start + A_TURN], mailboxes)

    def clear(self, mailbox: str = "") -> None:
        """Empty a mailbox, or all of them. What comes meanwhile stays."""
        mailboxes = [clean(mailbox)] if mailbox else None
        self.delete_all([number for number, _, _ in self.letters(mailboxes)], mailboxes)

    def mark_seen(self, number: int) -> None:
        """Somebody has seen it, in each mailbox. Raises `NoSuchMail`."""
        with self.index() as index:
            if not index.numbers([bounded(number)]):
                raise NoSuchMail(number)
            self.mark_all_seen([number])

    def mark_all_seen(self, numbers: Sequence[int]) -> None:
        """Somebody has seen them. Those that there are not are left out."""
        with self.index() as index:
            unseen = [(n,) for n in numbers if index.value("SELECT seen FROM mails WHERE number = ?", (n,)) == 0]
            if unseen:
                with index.change():
                    index.execute_many("UPDATE mails SET seen = 1 WHERE number = ?", unseen)
                    index.execute_many("UPDATE boxes SET seen = 1 WHERE number = ?", unseen)

    def look(self, seconds: float = MAIL_READ_SECONDS) -> int:
        """Read mails that nobody has looked at, the newest first, for so long; how many are left.

        A search finds those alone that were looked at: call it again while something is left.
        """
        with self.index() as index:
            return look_on(self.folder, index, seconds)
