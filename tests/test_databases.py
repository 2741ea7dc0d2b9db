"""A database is brought to the last format, once, by however many open it; a later one is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tincans.databases import Converter, open_database, transaction


class TooNewError(Exception):
    """Of the format that was found, and the last one known."""


def making(*tables: str) -> list[Converter]:
    """Converters of which each makes a table."""

    def make(table: str) -> Callable[[sqlite3.Connection], None]:
        def convert(database: sqlite3.Connection) -> None:
            database.execute(f"CREATE TABLE {table} (value)")

        return convert

    return [make(table) for table in tables]


def insert(database: sqlite3.Connection, *names: str) -> None:
    for name in names:
        database.execute(f"INSERT INTO {name} VALUES (1)")


def tables(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [name for (name,) in database.execute("SELECT name FROM sqlite_master ORDER BY name")]


def test_it_is_brought_from_any_format_to_the_last(tmp_path: Path) -> None:
    path = tmp_path / "database"
    open_database(path, making("one"), TooNewError).close()
    with closing(open_database(path, making("one", "two", "three"), TooNewError)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert tables(path) == ["one", "three", "two"]
    with pytest.raises(TooNewError) as told:
        open_database(path, making("one"), TooNewError)
    assert told.value.args == (3, 1)


def test_a_conversion_that_fails_has_changed_nothing(tmp_path: Path) -> None:
    path = tmp_path / "database"
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        open_database(path, making("one", "one"), TooNewError)
    assert tables(path) == []


def test_many_may_open_it_at_once(tmp_path: Path) -> None:
    def opened(number: int) -> int:
        with closing(open_database(tmp_path / "database", making("one", "two"), TooNewError)) as database:
            with transaction(database):
                database.execute("INSERT INTO one VALUES (?)", (number,))
            return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(opened, range(40))) == list(range(40))
    with closing(sqlite3.connect(tmp_path / "database")) as database:
        assert database.execute("SELECT count(*) FROM one").fetchone() == (40,)


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "database", making("one"), TooNewError)) as database:
        with pytest.raises(sqlite3.OperationalError, match="no such table"), transaction(database):
            insert(database, "one", "two")
        assert database.execute("SELECT count(*) FROM one").fetchone() == (0,)
        assert not database.in_transaction
