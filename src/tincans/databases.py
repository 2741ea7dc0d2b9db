"""SQLite databases that several processes share: opened patiently, in WAL mode, brought to the format of this program.

In WAL mode readers and the one who writes never wait for each other, and with `synchronous=NORMAL` a commit is no
fsync. The format number is SQLite's `user_version`. `converters[n]` turns format n into n+1; the first makes format 1
of nothing. Errors are `sqlite3.Error`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tincans.limits import JOURNAL_BUSY_SECONDS

#: Turns one format into the next; and what is raised of the format that was found and the last one known.
Converter = Callable[[sqlite3.Connection], None]
TooNew = Callable[[int, int], Exception]

#: Between two attempts, in seconds: longer than anybody needs to make a database a WAL.
_BUSY_REST = 0.005


def open_database(
    path: Path,
    converters: Sequence[Converter],
    too_new: TooNew,
    *,
    cached_statements: int = 128,
) -> sqlite3.Connection:
    """Open a database, made where there is none, and bring it to the last format. Statements commit by themselves.

    Raises what `too_new` makes of the format that was found and the last one known, where that is a later one. The
    caller closes the connection, which any thread may use.
    """
    database = sqlite3.connect(
        path, timeout=JOURNAL_BUSY_SECONDS, isolation_level=None, check_same_thread=False,
        cached_statements=cached_statements,
    )  # fmt: skip
    try:
        _patiently(lambda: _prepare(database, converters, too_new))
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, and no other process writes meanwhile."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite itself rolls back after some errors
            database.execute("ROLLBACK")
        raise


def _prepare(database: sqlite3.Connection, converters: Sequence[Converter], too_new: TooNew) -> None:
    database.execute("PRAGMA synchronous = NORMAL")
    if _format(database) != len(converters):
        with transaction(database):
            _convert(database, converters, too_new)
    if database.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        database.execute("PRAGMA journal_mode = WAL")


def _format(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _convert(database: sqlite3.Connection, converters: Sequence[Converter], too_new: TooNew) -> None:
    found, last = _format(database), len(converters)
    if found > last:
        raise too_new(found, last)
    for convert in converters[found:]:
        convert(database)
    database.execute(f"PRAGMA user_version = {last}")


def _patiently(prepare: Callable[[], None]) -> None:
    """Prepare again while others are in the way, as long as SQLite waits for them elsewhere.

    It does not where a database becomes a WAL, nor where the last to close takes that away (https://sqlite.org/wal.html,
    "Sometimes Queries Return SQLITE_BUSY In WAL Mode").
    """
    end = time.monotonic() + JOURNAL_BUSY_SECONDS
    while True:
        try:
            return prepare()
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0)  # of SQLite's own errors, with more in its higher bits
            if code & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(_BUSY_REST)
