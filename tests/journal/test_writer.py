"""The writer's thread: what happens when the disk is slow, full or gone, and what a pipe goes through."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from filling import no_file_longer_than
from running import PATIENCE
from tincans.channel import Side
from tincans.conversation import BulkTap, Closed, Dropped, Entry, How, Kind, Opening, Said, conversations
from tincans.errors import JournalError
from tincans.journal import Bounds, Journal, open_journal
from tincans.journal.sqlite import SqliteJournal

KIB, MIB = 1024, 1024 * 1024
OPENING = Opening(kind=Kind.RELAY, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2")


def make(path: Path, **bounds: int) -> SqliteJournal:
    return SqliteJournal(path / "journal", Bounds(**bounds))


def begin(journal: Journal) -> BulkTap:
    tap = journal.begin(OPENING)
    assert isinstance(tap, BulkTap)
    return tap


async def read(journal: Journal, number: int = 1) -> list[Entry]:
    return [entry async for entry in journal.read(number)]


def said(entries: list[Entry]) -> bytes:
    return b"".join(entry.data for entry in entries if isinstance(entry, Said))


# ── pipes ─────────────────────────────────────────────────────────────────────────────────────────────────


class Pipe:
    """A kernel pipe as a relay lends it, and whether it was given back."""

    def __init__(self, data: bytes) -> None:
        self.reader, writer = os.pipe2(os.O_NONBLOCK)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, MIB)
        self.length = os.write(writer, data)
        assert self.length == len(data)
        self._writer = writer
        self.back = threading.Event()

    def done(self) -> None:
        with pytest.raises(BlockingIOError):  # it is empty
            os.read(self.reader, 1)
        self.back.set()

    def close(self) -> None:
        os.close(self.reader)
        os.close(self._writer)


@contextmanager
def pipe(data: bytes) -> Iterator[Pipe]:
    lent = Pipe(data)
    try:
        yield lent
    finally:
        lent.close()


async def test_pipes_and_words_keep_their_order(tmp_path: Path) -> None:
    journal = make(tmp_path)
    tap, other = begin(journal), begin(journal)
    bulk = os.urandom(MIB)
    for _ in range(3):
        with pipe(bulk) as one, pipe(b"short") as two:
            tap.said(Side.CLIENT, b"before")
            assert tap.said_pipe(Side.SERVER, one.reader, one.length, one.done)
            tap.said(Side.CLIENT, b"between" * 10_000)
            other.said(Side.CLIENT, b"elsewhere")
            assert tap.said_pipe(Side.SERVER, two.reader, two.length, two.done)
            tap.said(Side.CLIENT, b"after")
            await journal.flush()
            assert one.back.is_set()
            assert two.back.is_set()
    tap.closed(How.FINISHED)
    await journal.flush()
    words = [entry.data for entry in await read(journal) if isinstance(entry, Said)]
    assert words == [b"before", bulk, b"between" * 10_000, b"short", b"after"] * 3
    assert said(await read(journal, 2)) == b"elsewhere" * 3
    listed = await journal.conversations()
    assert listed == list(conversations(await read(journal) + await read(journal, 2)).values())
    await journal.aclose()


async def test_a_pipe_is_given_back_at_once_and_not_when_the_batch_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tincans.journal.writer.FLUSH_SECONDS", 1000)
    journal = make(tmp_path)
    tap = begin(journal)
    await journal.flush()
    for _ in range(20):
        with pipe(b"x" * 1000) as lent:
            assert tap.said_pipe(Side.CLIENT, lent.reader, lent.length, lent.done)
            assert lent.back.wait(PATIENCE)
    await journal.aclose()


async def test_a_pipe_that_has_less_than_it_should_is_told_as_a_gap(tmp_path: Path) -> None:
    journal = make(tmp_path)
    tap = begin(journal)
    with pipe(b"12345") as lent, pipe(b"") as empty:
        assert tap.said_pipe(Side.CLIENT, lent.reader, 8, lent.done)
        assert tap.said_pipe(Side.SERVER, empty.reader, 2, empty.done)
        tap.said(Side.CLIENT, b"after")
        await journal.flush()
    entries = await read(journal)
    assert said(entries) == b"12345after"
    gaps = [(e.side, e.count) for e in entries if isinstance(e, Dropped)]
    assert gaps == [(Side.CLIENT, 3), (Side.SERVER, 2)]
    [listed] = await journal.conversations()
    assert (listed.client_bytes, listed.server_bytes, listed.dropped) == (13, 2, 5)
    await journal.aclose()


async def test_a_pipe_is_refused_when_too_much_waits_and_after_the_end(tmp_path: Path) -> None:
    journal = make(tmp_path, unwritten=1000)
    tap = begin(journal)
    with pipe(b"x" * 2000) as lent:
        assert not tap.said_pipe(Side.CLIENT, lent.reader, lent.length, lent.done)
        tap.carried(Side.CLIENT, lent.length)
        tap.closed(How.FINISHED)
        assert not tap.said_pipe(Side.CLIENT, lent.reader, 10, lent.done)
        await journal.aclose()
        assert not tap.said_pipe(Side.CLIENT, lent.reader, 10, lent.done)
        assert len(os.read(lent.reader, 5000)) == 2000  # left as it was


# ── a disk that stalls ────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def stalled(folder: Path) -> Iterator[None]:
    """Somebody else holds the index: the writer waits in the middle of its work, as it would for a disk that hangs."""
    somebody = sqlite3.connect(folder / "journal" / "index.sqlite3", isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        somebody.close()


async def test_nobody_waits_for_a_stalled_disk_and_what_is_dropped_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tincans.databases.JOURNAL_BUSY_SECONDS", PATIENCE)
    bound, word, count = 512 * KIB, b"x" * 64, 40_000
    journal = make(tmp_path, unwritten=bound)
    tap = begin(journal)
    await journal.flush()
    longest = 0.0
    with stalled(tmp_path):
        for turn in range(count):
            started = time.perf_counter()
            tap.said(Side.CLIENT if turn % 2 else Side.SERVER, word)
            longest = max(longest, time.perf_counter() - started)
            if turn % 1000 == 0:
                time.sleep(0.002)
    assert longest < PATIENCE / 2  # the writer waits to the end, and said() for nothing but its turn on the processor
    tap.said(Side.CLIENT, b"the end")
    await journal.flush()
    entries = await read(journal)
    [listed] = await journal.conversations()
    dropped = sum(entry.count for entry in entries if isinstance(entry, Dropped))
    assert dropped == listed.dropped > 0
    assert len(said(entries)) + dropped == 64 * count + 7
    assert {e.reason for e in entries if isinstance(e, Dropped)} == {"the disk was too slow"}
    assert isinstance(entries[-1], Said)
    assert entries[-1].data == b"the end"
    await journal.aclose()


async def test_conversations_may_begin_and_end_while_it_stalls(tmp_path: Path) -> None:
    journal = make(tmp_path, unwritten=100 * KIB)
    first = begin(journal)
    await journal.flush()
    with stalled(tmp_path):
        first.said(Side.CLIENT, b"x")
        time.sleep(0.05)  # now the writer waits
        numbers = [journal.begin(OPENING).number for _ in range(5000)]
    assert numbers[:3] == [2, 3, 4]
    assert numbers[-1] == 0  # beyond twice the bound they are not recorded at all
    await journal.flush()
    assert len(await journal.conversations()) == 1 + sum(map(bool, numbers))
    await journal.aclose()


# ── a disk that is full ───────────────────────────────────────────────────────────────────────────────────


async def test_a_full_disk_is_told_once_and_recording_goes_on_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tincans.journal.writer.JOURNAL_RETRY_SECONDS", 0.05)
    caplog.set_level(logging.INFO, "tincans.journal")
    journal = make(tmp_path, unwritten=300 * KIB)
    tap = begin(journal)
    tap.said(Side.CLIENT, b"a" * 200 * KIB)
    await journal.flush()
    with no_file_longer_than(250 * KIB), pipe(b"p" * 60_000) as lent, pipe(b"q" * 60_000) as late:
        tap.said(Side.SERVER, b"b" * 30_000)
        assert tap.said_pipe(Side.SERVER, lent.reader, lent.length, lent.done)
        assert lent.back.wait(PATIENCE)
        with pytest.raises(JournalError, match="file too large"):
            await journal.flush()
        assert not tap.said_pipe(Side.CLIENT, late.reader, late.length, late.done)
        tap.carried(Side.CLIENT, late.length)
        for _ in range(10):
            tap.said(Side.CLIENT, b"c" * 50_000)
    await journal.flush()
    tap.said(Side.CLIENT, b"the end")
    tap.closed(How.FINISHED)
    await journal.flush()
    entries = await read(journal)
    found = said(entries)
    dropped = sum(entry.count for entry in entries if isinstance(entry, Dropped))
    assert found.startswith(b"a" * 200 * KIB + b"b" * 30_000)
    assert found.endswith(b"c" * 50_000 + b"the end")
    assert len(found) + dropped == 200 * KIB + 30_000 + 120_000 + 500_000 + 7
    assert {e.reason for e in entries if isinstance(e, Dropped)} == {"file too large"}
    [listed] = await journal.conversations()
    assert (listed.dropped, listed.how) == (dropped, How.FINISHED)
    warnings = [record.message for record in caplog.records]
    assert len(warnings) == 2
    assert "cannot be written: file too large; trying again every second" in warnings[0]
    assert "is written again" in warnings[1]
    await journal.aclose()


async def test_closing_gives_up_on_a_full_disk_and_says_what_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = make(tmp_path)
    tap = begin(journal)
    tap.said(Side.CLIENT, b"kept")
    await journal.flush()
    with no_file_longer_than(10_000):
        tap.said(Side.CLIENT, b"x" * 20_000)
        await journal.aclose()
    assert "bytes of the journal" in caplog.text
    journal = make(tmp_path)
    entries = await read(journal)
    assert said(entries) == b"kept"
    assert isinstance(entries[-1], Closed)
    assert entries[-1].how is How.LOST
    await journal.aclose()


# ── the rest ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_sleeps_while_nothing_is_said(tmp_path: Path) -> None:
    journal = make(tmp_path)
    begin(journal).said(Side.CLIENT, b"x")
    await journal.flush()
    [thread] = [thread for thread in threading.enumerate() if thread.name == "tincans-journal"]
    status = Path(f"/proc/self/task/{thread.native_id}/status")
    until = time.monotonic() + PATIENCE

    def wakes() -> list[str]:
        return [line for line in status.read_text().splitlines() if "voluntary_ctxt_switches" in line]

    before: list[str] = []
    while (now := wakes()) != before:  # where the machine is busy it is late to lie down
        assert time.monotonic() < until, "it never sleeps"
        before = now
        time.sleep(0.05)
    await journal.aclose()


async def test_without_a_conversation_there_is_no_thread(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal")
    assert await journal.conversations() == []
    await journal.flush()
    assert "tincans-journal" not in [thread.name for thread in threading.enumerate()]
    await journal.aclose()


async def test_segments_are_changed_when_they_are_full(tmp_path: Path) -> None:
    journal = make(tmp_path, segment=100 * KIB)
    tap = begin(journal)
    for turn in range(50):
        tap.said(Side.CLIENT, bytes([turn]) * 10 * KIB)
        if turn % 5 == 0:
            await journal.flush()
    await journal.flush()
    assert len(list((tmp_path / "journal").glob("*.segment"))) >= 4
    assert said(await read(journal)) == b"".join(bytes([turn]) * 10 * KIB for turn in range(50))
    await journal.aclose()


async def test_the_next_program_goes_on_in_the_same_segment(tmp_path: Path) -> None:
    for _ in range(5):
        journal = make(tmp_path)
        begin(journal).said(Side.CLIENT, b"x")
        await journal.aclose()
    assert len(list((tmp_path / "journal").glob("*.segment"))) == 1
    journal = make(tmp_path)
    assert [said(await read(journal, number)) for number in range(1, 6)] == [b"x"] * 5
    await journal.aclose()


async def test_old_segments_go_by_age_too(tmp_path: Path) -> None:
    journal = make(tmp_path)
    begin(journal).closed(How.FINISHED)
    await journal.aclose()
    keeper = open_journal(tmp_path / "journal")
    journal = SqliteJournal(tmp_path / "journal", Bounds(segment=1, age=0.0))
    begin(journal).closed(How.FINISHED)
    await journal.flush()
    assert [c.number for c in await keeper.conversations()] == [2]
    assert len(list((tmp_path / "journal").glob("*.segment"))) == 1
    await journal.aclose()
    await keeper.aclose()


async def test_the_bound_holds_over_programs(tmp_path: Path) -> None:
    for turn in range(12):
        journal = make(tmp_path, total=2 * MIB)
        begin(journal).said(Side.CLIENT, bytes([turn]) * 300 * KIB)
        await journal.aclose()
    kept = sum(path.stat().st_size for path in (tmp_path / "journal").glob("*.segment"))
    assert kept <= 2 * MIB
    journal = make(tmp_path)
    numbers = [c.number for c in await journal.conversations()]
    assert numbers == list(range(numbers[0], 13))
    assert 1 < numbers[0] < 9
    for number in numbers:
        assert said(await read(journal, number)) == bytes([number - 1]) * 300 * KIB
    await journal.aclose()


async def test_a_file_that_a_crash_kept_from_being_deleted_is_deleted(tmp_path: Path) -> None:
    journal = make(tmp_path, segment=1)
    for _ in range(3):
        begin(journal).closed(How.FINISHED)
        await journal.flush()
    await journal.aclose()
    database = sqlite3.connect(tmp_path / "journal" / "index.sqlite3")
    with database:
        database.execute("DELETE FROM segments WHERE id = 1")
    database.close()
    journal = make(tmp_path)
    begin(journal)
    await journal.aclose()
    assert not (tmp_path / "journal" / "00000001.segment").exists()
