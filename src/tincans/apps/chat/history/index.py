"""The index of a history: in SQLite stands where in the log each message is, and under which words it is found.

    messages    one row each: its number, its room's, its place in the log, when it was said; by room, too
    rooms       their names, as they are compared, how many messages they have, the number of the last
    segments    the first number in each file of the log
    progress    one row: which log this is the index of, how far it was taken in, and up to which number the messages
                are not in `words` yet (`history/words.py`)
    words       FTS5, of which the texts themselves are not kept (`history/search.py` has the words): it also says which
                message has an id, and which ones are in a room and have a word

All of it can be made anew from the log, and is, where it is missing, broken, of another format, or knows more than the
log has (a machine that lost power). So it is written by a thread that follows the log (`history/follow.py`), in WAL
mode, where readers never wait for it, and no commit waits for the disk.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import Any

from tincans.apps.chat.history.log import End, Log, Place
from tincans.apps.chat.history.search import Term, id_word, match
from tincans.databases import Converter, open_database, transaction

logger = logging.getLogger(__name__)

_FORMAT_1 = """
CREATE TABLE messages (
    number INTEGER PRIMARY KEY, room INTEGER NOT NULL,
    segment INTEGER NOT NULL, "offset" INTEGER NOT NULL, length INTEGER NOT NULL, at INTEGER NOT NULL
);
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, last INTEGER NOT NULL
);
CREATE TABLE segments (id INTEGER PRIMARY KEY, first INTEGER NOT NULL);
CREATE TABLE progress (
    history TEXT NOT NULL, segment INTEGER NOT NULL, "offset" INTEGER NOT NULL, number INTEGER NOT NULL
);
CREATE VIRTUAL TABLE words USING fts5(
    text, content = '', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2'
)
"""


def _make_format_1(database: sqlite3.Connection) -> None:
    for statement in _FORMAT_1.split(";"):
        database.execute(statement)


def _make_format_2(database: sqlite3.Connection) -> None:
    database.execute("CREATE INDEX by_room ON messages (room)")  # with the number, as every index has it behind
    database.execute("ALTER TABLE progress ADD COLUMN wordless INTEGER NOT NULL DEFAULT 0")


_CONVERTERS: list[Converter] = [_make_format_1, _make_format_2]

#: Parameters of one statement: SQLITE_MAX_VARIABLE_NUMBER was 999 before SQLite 3.32.
_PARAMETERS = 900
#: So many rooms, with so small a part of all messages, are looked for by their words.
_ROOMS, _SHARE = 256, 50
#: Above all numbers that SQLite has.
_ABOVE = 2**62

_PLACE = 'segment, "offset", length'
#: What is found by words, with their rows: in the order of the words, which has to be said.
FOUND = "words CROSS JOIN messages ON number = words.rowid"


class Index:
    """One connection to the index. For one thread at a time. Its errors are `sqlite3.Error`."""

    def __init__(self, path: Path) -> None:
        """Open it, made where it is not there. `Unusable` where it has a later format."""
        self.path = path
        self._database = open_database(path, _CONVERTERS, _too_new)

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        self._database.close()

    def interrupt(self) -> None:
        """Let what another thread asks of it end soon, in an error."""
        self._database.interrupt()

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing."""
        return transaction(self._database)

    def execute(self, query: str, values: Sequence[object] = ()) -> int:
        """Change something; how many rows were."""
        return self._database.execute(query, values).rowcount

    def execute_many(self, query: str, values: Iterable[Sequence[object]]) -> None:
        self._database.executemany(query, values)

    def insert(self, query: str, rows: Sequence[Sequence[object]], end: str = "") -> None:
        """Insert rows, as many at once as a statement takes; `query` stands before their values, and `end` behind.

        A statement releases the interpreter once, and not for every row, so that the loop's thread hardly waits.
        """
        width = len(rows[0]) if rows else 1
        row, most = f"({', '.join('?' * width)})", _PARAMETERS // width
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            self._database.execute(
                f"{query} VALUES {', '.join([row] * len(some))} {end}", list(chain.from_iterable(some))
            )

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of an answer."""
        return self._database.execute(query, values).fetchall()

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    def progress(self, history: str) -> End | None:
        """How far the log of that history was taken in; None where this is the index of another, or a new one."""
        found = self.rows('SELECT segment, "offset", number FROM progress WHERE history = ?', (history,))
        return End(*found[0]) if found else None

    def rooms(self) -> list[tuple[str, int, int, int]]:
        """Every room's name, its number here, how many messages it has, and the number of the last."""
        return self.rows("SELECT name, id, size, last FROM rooms")

    def wordless(self) -> int:
        """Up to which number no message has words."""
        return self._value("SELECT COALESCE(MAX(wordless), 0) FROM progress")

    def places(self, room: str, *, after: int, before: int, limit: int, oldest: bool = False) -> list[Place]:
        """Where messages of a room are, the oldest first: `limit` of them, from the newest or the oldest on."""
        query = (
            f"SELECT {_PLACE} FROM messages WHERE room = ? AND number > ? AND number < ? "
            f"ORDER BY number {'ASC' if oldest else 'DESC'} LIMIT ?"
        )
        found = self.rows(query, (self._ids([room])[0], after, before or _ABOVE, limit))
        return [Place(*row) for row in (found if oldest else reversed(found))]

    def named(self, msgid: str) -> list[Place]:
        """Where messages are that may have this id: there is rarely more than one."""
        query = f"SELECT {_PLACE} FROM {FOUND} WHERE words MATCH ?"
        return [Place(*row) for row in self.rows(query, (f'"{id_word(msgid)}"',))]

    def has_all(self, number: int) -> bool:
        """Whether all messages up to this number are found by their words."""
        return bool(self.rows("SELECT 1 FROM progress WHERE number >= ? AND wordless = 0", (number,)))

    def names(self, file: str) -> bool:
        """Whether a message has this id of a file in it, by itself or in a link that is a part of another (`%2F`)."""
        query = "SELECT rowid FROM words WHERE words MATCH ? LIMIT 1"
        return bool(self.rows(query, (f'"{file}" OR "2f{file}"',)))

    def before(self, room: str, at: int) -> list[Place]:
        """Where a room's last message is that was said before `at`, if there is one.

        Found by halving, as times grow with numbers. Where some do not, it is near there.
        """
        query = (
            f"SELECT at, number, {_PLACE} FROM messages WHERE room = ? AND number > ? AND number <= ? "
            "ORDER BY number DESC LIMIT 1"
        )
        in_room, found = self._ids([room])[0], list[Place]()
        low, high = 0, self._value("SELECT COALESCE(MAX(number), 0) FROM messages")
        while low < high:
            middle = (low + high + 1) // 2
            row = self.rows(query, (in_room, low, middle))
            if row and row[0][0] >= at:
                high = row[0][1] - 1
            else:  # all up to `middle` is before
                found, low = ([Place(*row[0][2:])] if row else found), middle
        return found

    def search(self, terms: Sequence[Term], rooms: Iterable[str], before: int, limit: int) -> list[Place]:
        """Where messages are that have all terms and are in one of these rooms, the newest first.

        In few rooms with a small part of all messages it looks where their words and those searched for meet, in many
        at what the rows of all that are found say of their rooms.
        """
        these = self._ids(rooms)
        share = "SELECT COALESCE(SUM(size), 0) FROM rooms WHERE id IN (SELECT value FROM json_each(?))"
        size = self._value(share, (json.dumps(these),))
        if len(these) <= _ROOMS and size * _SHARE <= self._value("SELECT COALESCE(SUM(size), 0) FROM rooms"):
            source, values = FOUND, [match(terms, these)]
        else:
            source = f"{FOUND} AND room IN (SELECT value FROM json_each(?))"
            values = [json.dumps(these), match(terms)]
        query = (
            f"SELECT {_PLACE} FROM {source} WHERE words MATCH ? AND words.rowid < ? ORDER BY words.rowid DESC LIMIT ?"
        )
        return [Place(*row) for row in self.rows(query, (*values, before or _ABOVE, limit))]

    def _ids(self, rooms: Iterable[str]) -> list[int]:
        """The numbers of the rooms with these names; 0, which no room has, where there are none."""
        query = "SELECT id FROM rooms WHERE name IN (SELECT value FROM json_each(?))"
        return [row[0] for row in self.rows(query, (json.dumps(list(rooms)),))] or [0]

    def _value(self, query: str, values: Sequence[object] = ()) -> int:
        return int(self._database.execute(query, values).fetchone()[0])


class Unusable(sqlite3.DatabaseError):
    """An index that has to be made anew."""


def _too_new(found: int, last: int) -> Exception:
    return Unusable(f"it has format {found}, not {last}")


def open_index(path: Path, history: str, log: Log) -> Index:
    """The index of a log, made anew where the one that is there is of no use. Raises `sqlite3.Error`, `OSError`."""
    is_there = path.exists()
    _make(path)
    try:
        index = Index(path)
        if is_there and _fits(_progress(index, history), log):
            return index
        index.close()
    except sqlite3.OperationalError:  # the disk is full, or the like
        raise
    except sqlite3.DatabaseError as error:
        logger.warning("%s cannot be used: %s", path, error)
    if is_there or log.end.number:
        logger.warning("the index of %s is made anew: for a minute a million messages are not all found", path.parent)
    remove_index(path)
    _make(path)
    index = Index(path)
    index.execute("INSERT INTO progress VALUES (?, 0, 0, 0, 0)", (history,))
    return index


def _make(path: Path) -> None:
    """Make an empty one for its owner alone; SQLite's files beside it will be as this one.

    Not while a connection is open: closing any descriptor of a file takes all locks away that the process has on it.
    """
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _progress(index: Index, history: str) -> End | None:
    try:
        return index.progress(history)
    except BaseException:
        index.close()
        raise


def _fits(known: End | None, log: Log) -> bool:
    """Whether the log has all that the index knows."""
    if known is None or known.number > log.end.number or known.segment > log.end.segment:
        return False
    if known.segment not in log.segments:
        return known.segment == 0
    return known.offset <= log.path(known.segment).stat().st_size


def remove_index(path: Path) -> None:
    """Remove an index that nobody has open. Raises `OSError`."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def give_up_broken(path: Path, error: sqlite3.Error) -> None:
    """Where an error says that an index is broken, remove its files, so that who opens the history next makes it anew.

    Those who have it open go on with what it is.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # there is more in the higher bits
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) and path.exists():
        logger.warning("the index of %s is broken (%s), and is made anew at the next start", path.parent, error)
        remove_index(path)
