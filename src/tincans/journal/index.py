"""The index of a journal folder: in SQLite stands what there is, and where in the segments its bytes are.

    writers         those that write, or wrote and were not yet found dead
    segments        every file, who appends to it (nobody once it is full), and how long it is
    conversations   one row each, as `Conversation`; their bytes are not here (`rows.py` has the columns)
    extents         where a conversation's records stand: one row for all that one flush wrote of it in one place

The database is in WAL mode, so readers and the one who writes never wait for each other, and with `synchronous=NORMAL`,
so a commit is no fsync: what a crashed machine loses of the newest commits is still in the segments.

Rows go to SQLite by the hundred, as one VALUES list a statement. That is as fast as rows are written, and a statement
releases the interpreter's lock once and not for every row, so a flush does not hold up the loop's thread.

The format number is SQLite's `user_version`. CONVERTERS[n] turns format n into n+1 (`tincans.databases`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from tincans.conversation import Conversation
from tincans.databases import Converter, open_database, transaction
from tincans.errors import JournalError, JournalTooNew, NoSuchConversation
from tincans.journal import ALL, Changes, Filter
from tincans.journal.folder import Folder
from tincans.journal.rows import COUNTS, SELECT, UPDATE, UPSERT, chosen, forgotten, from_row, seen, to_row

_FORMAT_1 = """
CREATE TABLE writers (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, writer INTEGER,
    size INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE conversations (
    number INTEGER PRIMARY KEY, writer INTEGER NOT NULL,
    kind TEXT NOT NULL, name TEXT NOT NULL,
    client TEXT NOT NULL, server TEXT NOT NULL, near TEXT NOT NULL, far TEXT NOT NULL,
    boundaries INTEGER NOT NULL, facts TEXT NOT NULL,
    opened INTEGER NOT NULL, closed INTEGER, how TEXT, "by" TEXT, detail TEXT NOT NULL,
    client_bytes INTEGER NOT NULL, server_bytes INTEGER NOT NULL,
    client_pieces INTEGER NOT NULL, server_pieces INTEGER NOT NULL, dropped INTEGER NOT NULL,
    last INTEGER NOT NULL, notes TEXT NOT NULL,
    client_forgotten INTEGER NOT NULL DEFAULT 0, server_forgotten INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX open_conversations ON conversations(writer) WHERE closed IS NULL;
CREATE TABLE extents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, conversation INTEGER NOT NULL,
    segment INTEGER NOT NULL, "offset" INTEGER NOT NULL, length INTEGER NOT NULL,
    client_bytes INTEGER NOT NULL, server_bytes INTEGER NOT NULL
);
CREATE INDEX extents_of_conversation ON extents(conversation);
CREATE INDEX extents_of_segment ON extents(segment)
"""


def _make_format_1(database: sqlite3.Connection) -> None:
    for statement in _FORMAT_1.split(";"):
        database.execute(statement)


def _make_format_2(database: sqlite3.Connection) -> None:
    """Nothing changes here: from now on segments have `Secured` entries, at which a reader of format 1 would stop."""


_FORMAT_3 = """
ALTER TABLE conversations ADD COLUMN joined INTEGER;
ALTER TABLE conversations ADD COLUMN client_ended INTEGER;
ALTER TABLE conversations ADD COLUMN server_ended INTEGER;
CREATE INDEX numbers_of_conversations ON conversations(number)
"""


def _make_format_3(database: sqlite3.Connection) -> None:
    """Of what was recorded before nobody looks up when sides joined and ended: it is NULL, and still in the segments.

    The index of nothing but the numbers is a tenth of the table: counting and leafing go through it.
    """
    for statement in _FORMAT_3.split(";"):
        database.execute(statement)


#: By the format they start from. Adding one raises FORMAT.
CONVERTERS: list[Converter] = [_make_format_1, _make_format_2, _make_format_3]
FORMAT = len(CONVERTERS)


class Extent(NamedTuple):
    """Where records of one conversation stand, one after the other, and how many bytes they tell of."""

    conversation: int
    segment: int
    offset: int
    length: int
    client_bytes: int
    server_bytes: int
    #: Grows in the order of the commits, over all processes.
    identity: int = 0


def joined(extents: Iterable[Extent]) -> list[Extent]:
    """The same, with those that are of one conversation and stand one after the other made one."""
    found: list[Extent] = []
    for new in extents:
        last = found[-1] if found else None
        if (
            last is not None
            and last.conversation == new.conversation
            and last.segment == new.segment
            and last.offset + last.length == new.offset
        ):
            sums = (a + b for a, b in zip(last[3:6], new[3:6], strict=True))
            found[-1] = Extent(last.conversation, last.segment, last.offset, *sums)
        else:
            found.append(new)
    return found


class Flushed(NamedTuple):
    """What one commit takes in."""

    writer: int
    #: Segments by number, with how long they are now; those of this writer that are not `appending` are given up.
    sizes: dict[int, int]
    appending: int
    #: When the newest record was made, by the clock of the records.
    last: int
    rows: list[Conversation]
    counts: list[Conversation]
    extents: list[Extent]


_EXTENT_COLUMNS = 'conversation, segment, "offset", length, client_bytes, server_bytes'
_INSERT_EXTENTS = f"INSERT INTO extents ({_EXTENT_COLUMNS}) VALUES {{rows}}"

#: Parameters of one statement: SQLITE_MAX_VARIABLE_NUMBER was 999 before SQLite 3.32.
_PARAMETERS = 999


#: A conversation's row as UPDATE takes it.
_counts = attrgetter("number", *COUNTS)


def _which(path: Path) -> tuple[int, int] | None:
    """What tells a file from any other that stood or will stand there; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Index:
    """One connection to the index. For one thread at a time; its errors are `sqlite3.Error`, but where it says else."""

    def __init__(self, folder: Folder) -> None:
        """Open it, and bring it to this format. Raises `JournalError` and `JournalTooNew`."""
        self._folder = folder
        #: Which file this is: another may come to stand in its place.
        self._file = _which(folder.index)
        try:
            self._database = open_database(
                folder.index, CONVERTERS, partial(JournalTooNew, folder.path),
                cached_statements=512,  # one for every number of rows
            )  # fmt: skip
        except sqlite3.Error as error:
            raise JournalError(f"cannot open the journal {folder.path}: {error}") from error

    def _value(self, query: str) -> Any:
        row = self._database.execute(query).fetchone()
        return row[0]

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, and no other process writes meanwhile."""
        return transaction(self._database)

    def close(self) -> None:
        self._database.close()

    def check(self) -> None:
        """Raises `JournalError` where the file that this is was deleted, or another stands in its place.

        SQLite keeps the deleted file open and would tell for ever how things stood.
        """
        if _which(self._folder.index) != self._file:
            raise JournalError(f"the journal {self._folder.path} is gone")

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def register(self) -> int:
        """A number for a writer, whose lock is held before anybody can see it."""
        with self.transaction():
            writer = self._database.execute("INSERT INTO writers DEFAULT VALUES").lastrowid
            assert writer is not None
            self._folder.live(writer)
        return writer

    def claim(self, writer: int, room: int) -> tuple[int, int]:
        """A segment to append to, and its length: one that was left with less than `room` bytes, or a new one."""
        with self.transaction():
            left = "SELECT id FROM segments WHERE writer IS NULL AND size < ? ORDER BY id DESC LIMIT 1"
            row = self._database.execute(
                f"UPDATE segments SET writer = ? WHERE id = ({left}) RETURNING id, size", (writer, room)
            ).fetchone()
            if row is None:
                row = self._database.execute(
                    "INSERT INTO segments (writer) VALUES (?) RETURNING id, size", (writer,)
                ).fetchone()
        return int(row[0]), int(row[1])

    def commit(self, flushed: Flushed) -> None:
        """Take in what a writer has written, all of it or nothing."""
        with self.transaction():
            self.take_in(flushed)

    def take_in(self, flushed: Flushed) -> None:
        """As `commit`, within a transaction."""
        execute = self._database.execute
        self._execute_rows(UPSERT, [(*to_row(each), flushed.writer) for each in flushed.rows])
        self._execute_rows(UPDATE, list(map(_counts, flushed.counts)))
        self._execute_rows(_INSERT_EXTENTS, [extent[:6] for extent in flushed.extents])
        for identity, size in flushed.sizes.items():
            execute("UPDATE segments SET size = ?, last = ? WHERE id = ?", (size, flushed.last, identity))
        execute("UPDATE segments SET writer = NULL WHERE writer = ? AND id <> ?", (flushed.writer, flushed.appending))

    def _execute_rows(self, query: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute `query` for all rows, as many at once as a statement takes."""
        if not rows:
            return
        width = len(rows[0])
        row, most = f"({', '.join('?' * width)})", _PARAMETERS // width
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            self._database.execute(query.format(rows=", ".join([row] * len(some))), list(chain.from_iterable(some)))

    def leave(self, writer: int) -> None:
        """A writer is done, or dead and dealt with; its segments are anybody's."""
        self._database.execute("UPDATE segments SET writer = NULL WHERE writer = ?", (writer,))
        self._database.execute("DELETE FROM writers WHERE id = ?", (writer,))

    def forget(self, total: int, before: int | None) -> list[int]:
        """Drop what is too much, or was last written before `before`; gives the segments whose files can be deleted."""
        gone: list[int] = []
        while (segment := self._oldest(total, before)) is not None:
            with self.transaction():
                self._forget(segment)
            gone.append(segment)
        return gone

    def _oldest(self, total: int, before: int | None) -> int | None:
        """The segment to drop next, if any must be; never one that somebody appends to."""
        row = self._database.execute(
            "SELECT id, last FROM segments WHERE writer IS NULL ORDER BY last, id LIMIT 1"
        ).fetchone()
        if row is None or (self.size() <= total and (before is None or row[1] >= before)):
            return None
        return int(row[0])

    def size(self) -> int:
        """Bytes of all segments and of the index."""
        used = "(SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)"
        size = f"SELECT (SELECT COALESCE(SUM(size), 0) FROM segments) + ({used}) * page_size FROM pragma_page_size"
        return int(self._value(size))

    def _forget(self, segment: int) -> None:
        """Drop a segment's extents, and the conversations of which nothing is left but a row."""
        execute = self._database.execute
        execute(
            "UPDATE conversations SET client_forgotten = client_forgotten + gone.client, "
            "server_forgotten = server_forgotten + gone.server FROM (SELECT conversation, SUM(client_bytes) AS client, "
            "SUM(server_bytes) AS server FROM extents WHERE segment = ? GROUP BY conversation) AS gone "
            "WHERE number = gone.conversation",
            (segment,),
        )
        execute(
            "DELETE FROM conversations WHERE closed IS NOT NULL "
            "AND number IN (SELECT conversation FROM extents WHERE segment = ?1) "
            "AND NOT EXISTS (SELECT 1 FROM extents WHERE conversation = number AND segment <> ?1)",
            (segment,),
        )
        execute("DELETE FROM extents WHERE segment = ?", (segment,))
        execute("DELETE FROM segments WHERE id = ?", (segment,))

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def conversations(self, which: Filter = ALL) -> list[Conversation]:
        """Those that match, the oldest first."""
        source, parameters = chosen(which)
        limit = -1 if which.limit is None else which.limit
        query = f"{SELECT} {source} ORDER BY number DESC LIMIT ?"
        return [seen(row) for row in self._database.execute(query, (*parameters, limit))][::-1]

    def count(self, which: Filter = ALL) -> int:
        """How many match, but for the filter's limit."""
        source, parameters = chosen(which)
        row = self._database.execute(f"SELECT COUNT(*) {source}", parameters).fetchone()
        return int(row[0])

    def some(self, which: Filter, offset: int, limit: int) -> list[Conversation]:
        """Of those that match, the oldest first, `limit` from the one at `offset` on; the filter's own is not heeded.

        Only of these are whole rows read: the ones before are passed over in an index.
        """
        source, parameters = chosen(which)
        numbers = f"SELECT number {source} ORDER BY number LIMIT ? OFFSET ?"
        query = f"{SELECT} FROM conversations WHERE number IN ({numbers}) ORDER BY number"
        return [seen(row) for row in self._database.execute(query, (*parameters, limit, offset))]

    def conversation(self, number: int) -> tuple[Conversation, int, int]:
        """One, with the bytes of its client and its server that were dropped to stay within the bound."""
        row = self._database.execute(f"{SELECT} FROM conversations WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise NoSuchConversation(number)
        return seen(row), *forgotten(row)

    def standing(self, number: int) -> tuple[int, int, int]:
        """What is left of one: the identity of its first extent (0: nothing), and bytes of both sides that are not."""
        first = "SELECT MIN(id) FROM extents WHERE conversation = number"
        row = self._database.execute(
            f"SELECT COALESCE(({first}), 0), client_forgotten, server_forgotten FROM conversations WHERE number = ?",
            (number,),
        ).fetchone()
        if row is None:
            raise NoSuchConversation(number)
        return int(row[0]), int(row[1]), int(row[2])

    def changes(self, mark: int | None, limit: int) -> Changes:
        """What a writer committed after the extent `mark`: every commit of a conversation has one."""
        newest = self.newest_extent()
        if mark is None:
            changed = "SELECT number FROM conversations INDEXED BY open_conversations WHERE closed IS NULL"
            numbers = sorted((row[0] for row in self._database.execute(changed)), reverse=True)
        else:
            # Without its indexes, by the rowid: grouping would go through all there is, in the conversations' order.
            changed = (
                "SELECT conversation FROM extents NOT INDEXED WHERE id > ? GROUP BY conversation ORDER BY MAX(id) DESC"
            )
            numbers = [row[0] for row in self._database.execute(changed, (mark,))]
        found = self._of_numbers(numbers[:limit])
        return Changes(found, len(numbers) - len(numbers[:limit]), newest)

    def _of_numbers(self, numbers: Sequence[int]) -> list[Conversation]:
        """Those that there are, the oldest first."""
        found: list[Conversation] = []
        for start in range(0, len(numbers), _PARAMETERS):
            some = numbers[start : start + _PARAMETERS]
            query = f"{SELECT} FROM conversations WHERE number IN ({', '.join('?' * len(some))})"
            found += map(seen, self._database.execute(query, some))
        return sorted(found, key=lambda conversation: conversation.number)

    def unclosed(self, writer: int) -> list[Conversation]:
        """Those that a writer has not closed."""
        query = f"{SELECT} FROM conversations WHERE writer = ? AND closed IS NULL"
        return [from_row(row) for row in self._database.execute(query, (writer,))]

    def extents(self, number: int | None, after: int, limit: int) -> list[Extent]:
        """Those of one conversation, or of all, that were committed after the one with the identity `after`."""
        which = "" if number is None else "AND conversation = ?"
        query = f"SELECT {_EXTENT_COLUMNS}, id FROM extents WHERE id > ? {which} ORDER BY id LIMIT ?"
        parameters: Sequence[int] = (after, limit) if number is None else (after, number, limit)
        return [Extent(*row) for row in self._database.execute(query, parameters)]

    def newest_extent(self) -> int:
        """The identity of the extent that was committed last, 0 before the first."""
        return self._newest("extents")

    def _newest(self, table: str) -> int:
        return int(self._value(f"SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = '{table}'"))

    def newest_number(self) -> int:
        return int(self._value("SELECT COALESCE(MAX(number), 0) FROM conversations"))

    def writers(self) -> list[int]:
        return [row[0] for row in self._database.execute("SELECT id FROM writers")]

    def segments(self, writer: int) -> list[tuple[int, int]]:
        """The segments that a writer appends to, with their lengths as far as they are indexed."""
        return self._database.execute(
            "SELECT id, size FROM segments WHERE writer = ? ORDER BY id", (writer,)
        ).fetchall()

    def strangers(self, files: Iterable[int]) -> list[int]:
        """Those of the segments `files` that were dropped, and whose deletion a crash prevented."""
        known = {row[0] for row in self._database.execute("SELECT id FROM segments")}
        newest = self._newest("segments")
        return [file for file in files if file <= newest and file not in known]
