from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tincans.channel import Side
from tincans.conversation import Conversation, How, Kind
from tincans.errors import JournalError, JournalTooNew, NoSuchConversation
from tincans.journal import index as index_module
from tincans.journal.folder import Folder
from tincans.journal.index import FORMAT, Extent, Flushed, Index, joined
from tincans.limits import JOURNAL_BUSY_SECONDS


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path / "j")
    yield folder
    folder.close()


@pytest.fixture
def index(folder: Folder) -> Iterator[Index]:
    index = Index(folder)
    yield index
    index.close()


def conversation(number: int, **values: object) -> Conversation:
    return Conversation(number=number, kind=Kind.RELAY, client="a", server="b", opened=1, **values)  # type: ignore[arg-type]


def flushed(writer: int, extents: list[Extent], *rows: Conversation, last: int = 1) -> Flushed:
    sizes = {extent.segment: extent.offset + extent.length for extent in extents}
    return Flushed(writer, sizes, 0, last, list(rows), [], extents)


def test_a_newer_format_is_refused(folder: Folder) -> None:
    Index(folder).close()
    database = sqlite3.connect(folder.index)
    database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database.close()
    with pytest.raises(JournalTooNew) as told:
        Index(folder)
    assert (told.value.format_number, told.value.known) == (FORMAT + 1, FORMAT)


def test_an_older_format_is_converted(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index(folder)
    index.commit(flushed(1, [Extent(1, 1, 0, 10, 1, 1)], conversation(1)))
    index.close()

    def to_next_format(database: sqlite3.Connection) -> None:
        database.execute("ALTER TABLE conversations ADD COLUMN colour TEXT")

    monkeypatch.setattr(index_module, "CONVERTERS", [*index_module.CONVERTERS, to_next_format])
    monkeypatch.setattr(index_module, "FORMAT", FORMAT + 1)
    for _ in range(2):  # the second time there is nothing left to convert
        index = Index(folder)
        assert [c.number for c in index.conversations()] == [1]
        index.close()
    database = sqlite3.connect(folder.index)
    assert database.execute("SELECT colour FROM conversations").fetchall() == [(None,)]
    assert database.execute("PRAGMA user_version").fetchone() == (FORMAT + 1,)
    database.close()


def test_a_failed_conversion_changes_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(database: sqlite3.Connection) -> None:
        database.execute("CREATE TABLE half (way)")
        raise sqlite3.OperationalError("no more")

    with monkeypatch.context() as patched:
        patched.setattr(index_module, "CONVERTERS", [*index_module.CONVERTERS, fails])
        patched.setattr(index_module, "FORMAT", FORMAT + 1)
        with pytest.raises(JournalError, match="no more"):
            Index(folder)
    Index(folder).close()


def test_what_is_not_a_database_is_told(folder: Folder) -> None:
    folder.index.write_bytes(b"something else altogether" * 100)
    with pytest.raises(JournalError, match="file is not a database"):
        Index(folder)


def test_many_may_open_a_new_one_at_once(folder: Folder) -> None:
    failures: list[Exception] = []

    def open_it() -> None:
        try:
            Index(folder).close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_every_field_of_a_conversation_has_a_column(index: Index) -> None:
    full = conversation(
        5, name="n", near="c", far="d", boundaries=True, facts={"x": "y"}, closed=9, detail="z", client_bytes=2**40,
        server_bytes=2, client_pieces=3, server_pieces=4, dropped=5, last=2**62, notes=["1", "2"], joined=6,
        client_ended=7, server_ended=8,
    )  # fmt: skip
    index.commit(flushed(1, [], full))
    assert index.conversations() == [full]
    assert index.conversation(5) == (full, 0, 0)
    with pytest.raises(NoSuchConversation):
        index.conversation(6)


def test_counts_are_changed_alone(index: Index) -> None:
    index.commit(flushed(1, [], conversation(1, name="n"), conversation(2)))
    later = [conversation(1, client_bytes=10, server_pieces=2, last=7), conversation(2, dropped=3)]
    index.commit(Flushed(1, {}, 0, 7, [], later, []))
    one, two = index.conversations()
    assert (one.name, one.client_bytes, one.server_pieces, one.last, two.dropped) == ("n", 10, 2, 7, 3)


def test_extents_come_in_the_order_of_the_commits(index: Index) -> None:
    first, second = Extent(1, 1, 0, 10, 1, 1), Extent(2, 1, 10, 5, 1, 1)
    index.commit(flushed(1, [first, second]))
    index.commit(flushed(1, [third := Extent(1, 2, 0, 7, 1, 1)]))
    assert [e[:6] for e in index.extents(None, 0, 9)] == [first[:6], second[:6], third[:6]]
    assert [e[:6] for e in index.extents(1, 0, 9)] == [first[:6], third[:6]]
    assert [e.identity for e in index.extents(1, 1, 9)] == [index.newest_extent()] == [3]
    assert len(index.extents(None, 0, 2)) == 2


def test_a_segment_that_was_left_is_taken_up_again(index: Index) -> None:
    one, two = index.register(), index.register()
    assert index.claim(one, 100) == (1, 0)
    assert index.claim(two, 100) == (2, 0)
    index.commit(flushed(one, [Extent(1, 1, 0, 50, 0, 0)]))  # appending to none, so it is left
    assert index.claim(two, 50) == (3, 0)
    assert index.claim(two, 51) == (1, 50)
    assert index.segments(two) == [(1, 50), (2, 0), (3, 0)]
    index.leave(two)
    assert index.segments(two) == []
    assert index.writers() == [one]


def test_the_oldest_segment_is_forgotten_and_who_has_nothing_left(index: Index) -> None:
    writer = index.register()
    for segment in (1, 2):
        assert index.claim(writer, 0) == (segment, 0)
    over, long, going_on = conversation(1, closed=5), conversation(2, closed=5), conversation(3)
    index.commit(flushed(writer, [Extent(1, 1, 0, 9, 1, 2), Extent(2, 1, 9, 9, 10, 20), Extent(3, 1, 18, 9, 0, 5)],
                         over, long, going_on))  # fmt: skip
    index.commit(flushed(writer, [Extent(2, 2, 0, 9, 3, 3)], last=2))
    assert index.forget(10**9, None) == []
    assert index.forget(10**9, before=2) == [1]
    assert [c.number for c in index.conversations()] == [2, 3]
    assert index.conversation(2)[1:] == (10, 20)
    assert index.conversation(3)[1:] == (0, 5)
    assert index.conversation(3)[0].dropped == 5
    assert [e.segment for e in index.extents(None, 0, 9)] == [2]
    assert index.strangers([1, 2, 3, 4]) == [1]


def test_what_somebody_appends_to_is_never_forgotten(index: Index) -> None:
    writer = index.register()
    segment, _ = index.claim(writer, 0)
    index.commit(Flushed(writer, {segment: 10**6}, segment, 1, [], [], [Extent(1, segment, 0, 10**6, 0, 0)]))
    assert index.size() > 10**6
    assert index.forget(0, None) == []
    index.leave(writer)
    assert index.forget(0, None) == [segment]
    assert index.size() < 10**6


def test_extents_that_follow_each_other_are_one() -> None:
    a, b, c = Extent(1, 1, 0, 10, 1, 2), Extent(1, 1, 10, 5, 3, 4), Extent(2, 1, 15, 5, 0, 0)
    assert joined([a, b, c, Extent(1, 1, 20, 1, 0, 0), Extent(1, 2, 21, 1, 0, 0)]) == [
        Extent(1, 1, 0, 15, 4, 6), c, Extent(1, 1, 20, 1, 0, 0), Extent(1, 2, 21, 1, 0, 0),
    ]  # fmt: skip


def test_it_waits_for_another_writer_as_long_as_the_limit_says(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.databases.JOURNAL_BUSY_SECONDS", 0.03)
    index, somebody = Index(folder), sqlite3.connect(folder.index, isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="locked"), index.transaction():
        pass
    assert 0.02 <= time.monotonic() - begun < JOURNAL_BUSY_SECONDS
    somebody.close()
    with index.transaction():
        pass
    index.close()


#: As tincans wrote it before format 3.
OLD = """
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
CREATE INDEX extents_of_segment ON extents(segment);
PRAGMA journal_mode = WAL;
INSERT INTO conversations VALUES (
    1, 1, 'relay', 'front', 'tcp://127.0.0.1:1', 'tcp://127.0.0.1:4', 'tcp://127.0.0.1:2', 'tcp://127.0.0.1:3', 0,
    '{"a":"b"}', 1000, 9000, 'finished', 'client', 'bye', 10, 20, 1, 2, 5, 9000, '["a note"]', 3, 4
);
"""


@pytest.mark.parametrize("old", [1, 2])
def test_an_index_of_an_old_format_is_taken_over_with_all_that_it_has(folder: Folder, old: int) -> None:
    database = sqlite3.connect(folder.index)
    database.executescript(f"{OLD} PRAGMA user_version = {old}")
    database.close()
    index = Index(folder)
    known = Conversation(
        number=1, kind=Kind.RELAY, name="front", client="tcp://127.0.0.1:1", near="tcp://127.0.0.1:2",
        far="tcp://127.0.0.1:3", server="tcp://127.0.0.1:4", facts={"a": "b"}, opened=1000, closed=9000,
        how=How.FINISHED, by=Side.CLIENT, detail="bye", client_bytes=10, server_bytes=20, client_pieces=1,
        server_pieces=2, dropped=5 + 3 + 4, last=9000, notes=["a note"],
    )  # fmt: skip
    assert index.conversations() == [known]
    new = conversation(2, joined=5, client_ended=6, server_ended=7)
    index.commit(flushed(1, [], new))
    assert index.conversations() == [known, new]
    index.close()


def test_who_knows_only_format_2_is_told_that_this_one_is_newer(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    Index(folder).close()
    monkeypatch.setattr(index_module, "CONVERTERS", index_module.CONVERTERS[:2])
    monkeypatch.setattr(index_module, "FORMAT", 2)
    with pytest.raises(JournalTooNew) as told:
        Index(folder)
    assert (told.value.format_number, told.value.known) == (3, 2)
