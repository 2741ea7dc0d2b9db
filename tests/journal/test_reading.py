from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tincans.channel import Side
from tincans.conversation import How, Kind, Opened, Opening, Said
from tincans.errors import JournalError
from tincans.journal import ALL, Journal, open_journal

OPENING = Opening(kind=Kind.RELAY, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2")


async def record(folder: Path, word: bytes) -> None:
    journal = open_journal(folder)
    tap = journal.begin(OPENING)
    tap.said(Side.CLIENT, word)
    tap.closed(How.FINISHED)
    await journal.aclose()


async def all_that_reads(journal: Journal) -> None:
    """Every way to read, each of which has to say that the journal is gone."""
    answers = (
        journal.conversations(), journal.conversation(1), journal.count(), journal.some(ALL, 0, 1),
        journal.changes(None, 1), journal.places(1, 1), journal.entries(1, None, 1), anext(journal.read(1)),
        anext(journal.follow(1)),
    )  # fmt: skip
    for answer in answers:
        with pytest.raises(JournalError, match=r"the journal .* is gone"):
            await answer
    with pytest.raises(JournalError, match=r"the journal .* is gone"):
        journal.follow()


async def test_that_the_folder_was_deleted_is_said(tmp_path: Path) -> None:
    await record(tmp_path / "j", b"a")
    journal = open_journal(tmp_path / "j")
    assert await journal.count() == 1
    shutil.rmtree(tmp_path / "j")
    await all_that_reads(journal)
    await journal.aclose()


async def test_that_another_journal_stands_in_its_place_is_said(tmp_path: Path) -> None:
    await record(tmp_path / "j", b"a")
    journal = open_journal(tmp_path / "j")
    following = journal.follow(1)
    assert [type(await anext(following)) for _ in range(2)] == [Opened, Said]
    (tmp_path / "j").rename(tmp_path / "old")
    await record(tmp_path / "j", b"b")
    await all_that_reads(journal)
    await journal.aclose()
    again = open_journal(tmp_path / "j")
    assert [entry.data async for entry in again.read(1) if isinstance(entry, Said)] == [b"b"]
    await again.aclose()


async def test_who_follows_is_told_that_the_journal_is_gone(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j")
    tap = journal.begin(OPENING)
    tap.said(Side.CLIENT, b"a")
    await journal.flush()
    following = journal.follow(tap.number)
    assert [type(await anext(following)) for _ in range(2)] == [Opened, Said]
    (tmp_path / "j" / "index.sqlite3").unlink()
    with pytest.raises(JournalError, match="is gone"):
        await anext(following)
    await journal.aclose()
