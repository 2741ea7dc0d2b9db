from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import os
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Entry, How, Kind, Noted, Opened, Opening, Said, Tap
from tincans.errors import JournalError, NoSuchConversation
from tincans.journal import FORGOTTEN, Bounds, Journal, open_journal
from tincans.journal.reading import DAMAGED
from tincans.journal.sqlite import SqliteJournal
from tincans.limits import FLUSH_SECONDS, FOLLOW_SECONDS, HURRY_BYTES, JOURNAL_READ_BYTES
from tincans.testing import check_journal

OPENING = Opening(kind=Kind.RELAY, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2")


async def test_it_keeps_the_contract(tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in itertools.count())
    await check_journal(lambda bounds: open_journal(next(folders), bounds))


async def read(journal: Journal, number: int = 1) -> list[Entry]:
    return [entry async for entry in journal.read(number)]


async def record(folder: Path, *words: bytes) -> None:
    """Conversation 1, in two flushes: the first word, and the rest with the end."""
    journal = open_journal(folder)
    tap = journal.begin(OPENING)
    tap.said(Side.CLIENT, words[0])
    await journal.flush()
    for word in words[1:]:
        tap.said(Side.SERVER, word)
    tap.closed(How.FINISHED)
    await journal.aclose()


# ── one process after the other, and beside it ────────────────────────────────────────────────────────────


async def test_what_one_has_written_the_next_reads(tmp_path: Path) -> None:
    await record(tmp_path / "j", b"a", b"b")
    journal = open_journal(tmp_path / "j")
    assert [entry.data for entry in await read(journal) if isinstance(entry, Said)] == [b"a", b"b"]
    assert journal.begin(OPENING).number == 2
    await journal.aclose()


async def test_what_goes_on_when_it_closes_is_stopped(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j")
    journal.begin(OPENING)
    await journal.aclose()
    journal = open_journal(tmp_path / "j")
    [conversation] = await journal.conversations()
    assert conversation.how is How.STOPPED
    assert isinstance((await read(journal))[-1], Closed)
    await journal.aclose()


FORGETFUL = """
import sys
from tincans.channel import Side
from tincans.conversation import Kind, Opening
from tincans.journal import open_journal
tap = open_journal(sys.argv[1]).begin(Opening(kind=Kind.LISTEN, client="a", server="b"))
tap.said(Side.CLIENT, b"the last word")
"""


async def test_a_program_that_forgets_to_close_loses_nothing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FORGETFUL, tmp_path / "j"], check=True)
    journal = open_journal(tmp_path / "j")
    entries = await read(journal)
    assert [entry.data for entry in entries if isinstance(entry, Said)] == [b"the last word"]
    assert [c.how for c in await journal.conversations()] == [How.STOPPED]
    await journal.aclose()


async def test_two_journals_number_as_one(tmp_path: Path) -> None:
    one, two = open_journal(tmp_path / "j"), open_journal(tmp_path / "j")
    taps: list[Tap] = [journal.begin(OPENING) for journal in (one, two, one, two)]
    assert [tap.number for tap in taps] == [1, 2, 3, 4]
    for tap in taps:
        tap.said(Side.CLIENT, b"%d" % tap.number)
    await one.aclose()
    await two.flush()
    assert [c.how for c in await two.conversations()] == [How.STOPPED, None, How.STOPPED, None]
    assert [e.data for number in (1, 2, 3, 4) for e in await read(two, number) if isinstance(e, Said)] == [
        b"1", b"2", b"3", b"4",
    ]  # fmt: skip
    await two.aclose()


async def test_after_closing_it_says_so(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j")
    await journal.aclose()
    with pytest.raises(JournalError, match="the journal is closed"):
        await journal.conversations()
    with pytest.raises(JournalError, match="the journal is closed"):
        await read(journal)
    with pytest.raises(JournalError, match="the journal is closed"):
        journal.follow()
    await journal.flush()


async def test_a_cancelled_close_still_closes(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j")
    journal.begin(OPENING).said(Side.CLIENT, b"kept")
    closing = asyncio.get_running_loop().create_task(journal.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    journal = open_journal(tmp_path / "j")
    while not [c for c in await journal.conversations() if c.how]:
        await asyncio.sleep(0.005)
    assert [entry.data for entry in await read(journal) if isinstance(entry, Said)] == [b"kept"]
    await journal.aclose()


async def test_a_close_that_the_disk_holds_up_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tincans.journal.sqlite.JOURNAL_CLOSE_SECONDS", 0.04)
    caplog.set_level(logging.WARNING, "tincans.journal")
    journal = open_journal(tmp_path / "j")
    tap = journal.begin(OPENING)
    await journal.flush()
    somebody = sqlite3.connect(tmp_path / "j" / "index.sqlite3", isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    tap.said(Side.CLIENT, b"late")
    await journal.aclose()
    assert "was still being written when it was closed" in caplog.text
    somebody.close()  # the disk wakes up, and the thread ends by itself
    journal = open_journal(tmp_path / "j")
    while not [c for c in await journal.conversations() if c.how is How.STOPPED]:
        await asyncio.sleep(0.005)
    await journal.aclose()


# ── bounded memory ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_large_conversation_is_read_in_bounded_memory(tmp_path: Path) -> None:
    word, count = bytes(65_536), 32 * JOURNAL_READ_BYTES // 65_536
    await record(tmp_path / "j", *[word] * count)
    journal = open_journal(tmp_path / "j")
    await journal.conversations()
    tracemalloc.start()
    total = 0
    async for entry in journal.read(1):
        total += len(entry.data) if isinstance(entry, Said) else 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 32 * JOURNAL_READ_BYTES
    # Some pieces, as each of the threads that read may hold its last one until it has its next turn.
    assert peak < 10 * JOURNAL_READ_BYTES
    await journal.aclose()


# ── damage ────────────────────────────────────────────────────────────────────────────────────────────────


def segment(folder: Path) -> Path:
    [path] = folder.glob("*.segment")
    return path


async def test_a_segment_that_a_crash_cut_off_is_read_up_to_where_it_is_whole(tmp_path: Path) -> None:
    await record(tmp_path / "j", b"first", b"second", b"third")
    path = segment(tmp_path / "j")
    whole = path.read_bytes()
    for end in (whole.index(b"third") + 4, whole.index(b"second") - 1, whole.index(b"first"), 10, 0):
        path.write_bytes(whole[:end])
        journal = open_journal(tmp_path / "j")
        entries = await read(journal)
        await journal.aclose()
        assert isinstance(entries[0], Opened)
        said = b"".join(entry.data for entry in entries if isinstance(entry, Said))
        gaps = [entry for entry in entries if isinstance(entry, Dropped)]
        assert b"firstsecondthird".startswith(said)
        assert len(said) + sum(gap.count for gap in gaps) == 16
        assert {gap.reason for gap in gaps} == {DAMAGED}


async def test_zeros_where_the_machine_lost_what_was_written_are_a_gap(tmp_path: Path) -> None:
    await record(tmp_path / "j", b"first", b"second")
    path = segment(tmp_path / "j")
    with path.open("r+b") as file:
        file.write(bytes(path.read_bytes().index(b"first") + 5))
    journal = open_journal(tmp_path / "j")
    entries = await read(journal)
    assert [type(entry) for entry in entries] == [Opened, Dropped, Said, Closed]
    await journal.aclose()


async def test_a_segment_that_is_gone_is_told_as_forgotten(tmp_path: Path) -> None:
    await record(tmp_path / "j", b"first", b"second")
    segment(tmp_path / "j").unlink()
    journal = open_journal(tmp_path / "j")
    entries = await read(journal)
    assert [type(entry) for entry in entries] == [Opened, Dropped, Dropped]
    assert [(e.count, e.reason) for e in entries if isinstance(e, Dropped)] == [(5, FORGOTTEN), (6, FORGOTTEN)]
    await journal.aclose()


async def test_a_lost_counter_gives_no_number_twice(tmp_path: Path) -> None:
    await record(tmp_path / "j", b"x")
    (tmp_path / "j" / "counter").unlink()
    journal = open_journal(tmp_path / "j")
    assert journal.begin(OPENING).number == 2
    await journal.aclose()


async def test_a_broken_index_is_a_sentence(tmp_path: Path) -> None:
    await record(tmp_path / "j", b"x")
    journal = open_journal(tmp_path / "j")
    database = sqlite3.connect(tmp_path / "j" / "index.sqlite3")
    database.execute("DROP TABLE extents")
    database.close()
    with pytest.raises(JournalError, match="the journal's index cannot be read: no such table: extents"):
        await read(journal)
    await journal.aclose()


async def test_nothing_is_left_open_when_it_cannot_be_opened(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    (tmp_path / "index.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(JournalError, match="not a database"):
        SqliteJournal(tmp_path, Bounds())
    assert len(os.listdir("/proc/self/fd")) == len(before)


async def test_who_is_not_there_cannot_be_followed(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j")
    with pytest.raises(NoSuchConversation):
        await anext(journal.follow(1))
    await journal.aclose()


async def test_who_follows_looks_as_often_as_the_limit_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = open_journal(tmp_path / "j")
    tap = journal.begin(OPENING)
    await journal.flush()
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            tap.closed(How.FINISHED)
            await journal.flush()

    monkeypatch.setattr("tincans.journal.sqlite.asyncio.sleep", note)
    assert [type(entry) async for entry in journal.follow(1)] == [Opened, Closed]
    assert pauses == [FOLLOW_SECONDS] * 3
    assert FLUSH_SECONDS + FOLLOW_SECONDS < 0.1, "the contract of Journal.follow"
    await journal.aclose()


# ── conversations of the past ─────────────────────────────────────────────────────────────────────────────


def past(count: int, size: int) -> list[Entry]:
    opened = Opened(conversation=9, at=1, kind=Kind.RELAY, client="a\0", server="\udcff", facts={"\0": "\udcff"})
    return [opened, *[Said(conversation=9, at=2, side=Side.SERVER, data=bytes(size))] * count]


async def test_a_large_one_is_adopted_as_fast_as_the_disk_takes_it(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j", Bounds())
    waiting: list[int] = []

    def entries() -> Iterator[Entry]:
        for entry in past(20, 1_000_000):
            assert journal._writer is not None
            waiting.append(journal._writer.unwritten)
            yield entry

    assert await journal.adopt(entries()) == 1
    assert max(waiting) <= HURRY_BYTES
    assert sum(len(entry.data) for entry in await read(journal) if isinstance(entry, Said)) == 20_000_000
    await journal.aclose()


async def test_what_is_adopted_is_kept_in_text_that_can_be_kept(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j")
    await journal.adopt([*past(0, 0), Noted(conversation=9, at=3, text="\udc80\0")])
    opened, noted, _ = await read(journal)
    assert isinstance(opened, Opened)
    assert (opened.client, opened.server, opened.facts) == ("a\\0", "\\udcff", {"\\0": "\\udcff"})
    assert isinstance(noted, Noted)
    assert noted.text == "\\udc80\\0"
    await journal.aclose()


async def test_who_adopts_is_told_that_the_disk_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = open_journal(tmp_path / "j")
    with monkeypatch.context() as patch:
        patch.setattr("tincans.journal.writer.Segment.write", refuse)
        patch.setattr("tincans.journal.writer.JOURNAL_RETRY_SECONDS", 0.01)
        with pytest.raises(JournalError, match="no space left on device"):
            await journal.adopt(past(3, 1_000_000))
    await journal.aclose()
