"""The index of a mail store: in SQLite stands what there is, and what was found out about it.

    mails    one row a mail; `header` is what `store_look.py` made of it, NULL as long as nobody has looked
    boxes    the mailboxes that a mail is in; a mail lives until it has left the last
    words    the text that is searched (FTS5), of the mails that were looked at
    doomed   files whose mails are deleted, until they are removed: the row goes first, so no mail is without its file
    meta     how far in the log of arrivals the index has come, and what else there is once

The index follows the log (`store_folder.py`): whoever asks it has it take in first what came since. So taking a mail
costs nothing here, and a mail is found by whoever asks after its `commit`.

In WAL mode readers and the one who writes never wait for each other; with `synchronous=NORMAL` a commit is no fsync.
What a machine that loses power takes of the newest commits is taken in again from the log, where that has it.

The format number is SQLite's `user_version`. CONVERTERS[n] turns format n into n+1 (`tincans.databases`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import chain
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from tincans.apps.mail.store_folder import TOKEN_BYTES, Folder
from tincans.apps.mail.store_mail import Envelope
from tincans.databases import Converter, open_database, transaction
from tincans.errors import MailsError, MailsTooNew
from tincans.limits import ARRIVALS_BYTES

_FORMAT_1 = """
CREATE TABLE mails (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, size INTEGER NOT NULL, file TEXT NOT NULL,
    envelope BLOB NOT NULL, seen INTEGER NOT NULL DEFAULT 0, header BLOB
);
CREATE INDEX mails_by_age ON mails(at);
CREATE INDEX mails_by_file ON mails(file);
CREATE INDEX mails_unread ON mails(number) WHERE header IS NULL;
CREATE TABLE boxes (
    mailbox TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (mailbox, number)
) WITHOUT ROWID;
CREATE INDEX boxes_of_mail ON boxes(number);
CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'unicode61 remove_diacritics 2');
CREATE TABLE doomed (file TEXT PRIMARY KEY);
CREATE TABLE meta (name TEXT PRIMARY KEY, value)
"""


def _make_format_1(database: sqlite3.Connection) -> None:
    for statement in _FORMAT_1.split(";"):
        database.execute(statement)
    facts = [("identity", uuid4().hex), ("changes", 0), ("log", ""), ("offset", 0)]
    database.executemany("INSERT INTO meta VALUES (?, ?)", facts)


#: By the format they start from. Adding one raises FORMAT.
CONVERTERS: list[Converter] = [_make_format_1]
FORMAT = len(CONVERTERS)

#: Parameters of one statement: SQLITE_MAX_VARIABLE_NUMBER was 999 before SQLite 3.32.
_PARAMETERS = 900

_decode = msgspec.json.Decoder(Envelope).decode


class Arrival(NamedTuple):
    """One line of the log."""

    number: int
    at: int
    size: int
    file: str
    envelope: bytes
    mailboxes: tuple[str, ...]

    @classmethod
    def parse(cls, line: bytes) -> Arrival | None:
        """Read one; None where a kill has torn it."""
        try:
            number, at, size, file, envelope = line.split(b" ", 4)
            mailboxes = _decode(envelope).mailboxes
            return cls(int(number), int(at), int(size), file.decode(), envelope, mailboxes)
        except (ValueError, msgspec.MsgspecError):
            return None


class Index:
    """One connection to the index. For one thread at a time. Its errors are `sqlite3.Error`, but where it says else."""

    def __init__(self, folder: Folder) -> None:
        """Open it, and bring it to this format. Raises `MailsError` and `MailsTooNew`."""
        self._folder = folder
        self._taken = (0, 0)  # the inode of the log, and how far it was taken in when this connection last did
        self._log = -1  # held open, so that no other file gets its inode
        try:
            self._database = open_database(folder.index, CONVERTERS, partial(MailsTooNew, folder.path))
        except sqlite3.Error as error:
            raise MailsError(folder.path, f"its index cannot be used: {error}") from error

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        self._database.close()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    # ── asking and changing ───────────────────────────────────────────────────────────────────────────────

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of an answer."""
        return self._database.execute(query, values).fetchall()

    def value(self, query: str, values: Sequence[object] = ()) -> Any:
        """The one value of an answer; None where there is no row."""
        row = self._database.execute(query, values).fetchone()
        return None if row is None else row[0]

    def execute(self, query: str, values: Sequence[object] = ()) -> int:
        """Change something; how many rows were."""
        return self._database.execute(query, values).rowcount

    def execute_many(self, query: str, values: Iterable[Sequence[object]]) -> None:
        self._database.executemany(query, values)

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, and no other process writes meanwhile."""
        return transaction(self._database)

    @contextmanager
    def change(self) -> Iterator[None]:
        """A transaction after which `changes` is another number."""
        with self.transaction():
            yield
            self.execute("UPDATE meta SET value = value + 1 WHERE name = 'changes'")

    def numbers(self, asked: Sequence[int]) -> list[int]:
        """Those of these numbers of which there is a mail."""
        marks = ", ".join("?" * len(asked))
        return [number for (number,) in self.rows(f"SELECT number FROM mails WHERE number IN ({marks})", asked)]

    def mailboxes_of(self, asked: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """The mailboxes that each of these mails is in."""
        marks = ", ".join("?" * len(asked))
        found: dict[int, tuple[str, ...]] = {}
        query = f"SELECT number, mailbox FROM boxes WHERE number IN ({marks}) ORDER BY mailbox"
        for number, mailbox in self.rows(query, asked):
            found[number] = (*found.get(number, ()), mailbox)
        return found

    @property
    def changes(self) -> int:
        return int(self._meta("changes"))

    @property
    def identity(self) -> str:
        """What tells this store from any other that there was or will be, in this folder too."""
        return str(self._meta("identity"))

    def _meta(self, name: str) -> Any:
        return self.value("SELECT value FROM meta WHERE name = ?", (name,))

    # ── following the log ─────────────────────────────────────────────────────────────────────────────────

    def catch_up(self) -> None:
        """Take in what came since. Quick where nothing did. May raise `OSError` too."""
        while self._is_behind():
            with self.transaction():
                taken = self._take_in()
            if not taken:
                return

    def may_begin_log(self) -> None:
        """Have the log begun anew where it is long, and all of it was taken in. May raise `OSError` too."""
        if self._taken[1] >= ARRIVALS_BYTES:
            self._folder.begin_log(self._taken)

    def _is_behind(self) -> bool:
        try:
            found = os.stat(self._folder.log)
        except FileNotFoundError:
            return False
        if found.st_ino != self._taken[0]:
            if self._log >= 0:
                os.close(self._log)
            self._log = os.open(self._folder.log, os.O_RDONLY | os.O_CLOEXEC)
            self._taken = (os.fstat(self._log).st_ino, 0)
        return os.fstat(self._log).st_size != self._taken[1]

    def _take_in(self) -> bool:
        """Take in one piece of the log, in a transaction; whether there was one."""
        token = os.pread(self._log, TOKEN_BYTES, 0).decode()
        size = os.fstat(self._log).st_size
        offset = int(self._meta("offset")) if self._meta("log") == token else TOKEN_BYTES
        if offset > size:  # the machine has lost what the index already knew
            offset = TOKEN_BYTES
        piece = os.pread(self._log, ARRIVALS_BYTES, offset)
        while b"\n" not in piece[1:] and offset + len(piece) < size:  # one line is longer: it has many recipients
            piece += os.pread(self._log, ARRIVALS_BYTES, offset + len(piece))
        piece = piece[: piece.rfind(b"\n") + 1]
        found = [each for line in piece.split(b"\n") if line and (each := Arrival.parse(line)) is not None]
        self._insert([each for each in found if self._is_whole(each)])
        offset += len(piece)
        self.execute_many("UPDATE meta SET value = ? WHERE name = ?", [(token, "log"), (offset, "offset")])
        self._taken = (self._taken[0], offset)
        return bool(piece)

    def _is_whole(self, arrival: Arrival) -> bool:
        """Whether its file is all there: a machine that lost power may have lost some, or that it was deleted."""
        try:
            return os.stat(f"{self._folder.letters}/{arrival.file}").st_size == arrival.size
        except FileNotFoundError:
            return False

    def _insert(self, arrivals: Sequence[Arrival]) -> None:
        mails = [each[:5] for each in arrivals]
        boxes = [(name, each.number, each.size) for each in arrivals for name in each.mailboxes]
        self._insert_rows("INSERT OR IGNORE INTO mails (number, at, size, file, envelope) VALUES {rows}", mails)
        self._insert_rows("INSERT OR IGNORE INTO boxes (mailbox, number, size) VALUES {rows}", boxes)

    def _insert_rows(self, query: str, rows: Sequence[Sequence[object]]) -> None:
        """As many rows at once as a statement takes: it releases the interpreter once, and not for every row."""
        width = len(rows[0]) if rows else 1
        row, most = f"({', '.join('?' * width)})", _PARAMETERS // width
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            self._database.execute(query.format(rows=", ".join([row] * len(some))), list(chain.from_iterable(some)))
