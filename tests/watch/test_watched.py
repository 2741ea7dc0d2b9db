"""A journal that others write is looked after: that it is there, and that it is still the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tincans.conversation import Kind, Opening
from tincans.errors import JournalError
from tincans.journal import open_journal
from tincans.watch.watched import Watched

OPENING = Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2")


async def write(folder: Path, count: int) -> None:
    journal = open_journal(folder)
    for _ in range(count):
        journal.begin(OPENING)
    await journal.flush()
    await journal.aclose()


async def test_it_is_reopened_when_another_has_taken_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    await write(folder, 1)
    async with Watched.reading(str(folder)) as watched:
        assert watched.where == str(folder)
        assert await watched.look_after() is False
        shutil.rmtree(folder)
        with pytest.raises(JournalError, match=r"the journal in .* is gone"):
            await watched.look_after()
        await write(folder, 2)
        assert await watched.look_after() is True
        assert await watched.look_after() is False
        assert await watched.journal.count() == 2


async def test_one_that_is_written_here_cannot_be_reopened(tmp_path: Path) -> None:
    index = tmp_path / "index.sqlite3"
    index.write_text("")
    journal = open_journal("memory:")
    watched = Watched(journal, index=index)
    (tmp_path / "other").write_text("")
    (tmp_path / "other").rename(index)
    with pytest.raises(JournalError, match="was replaced by another"):
        await watched.look_after()
    await journal.aclose()


async def test_a_journal_in_memory_needs_no_looking_after() -> None:
    journal = open_journal("memory:")
    assert await Watched(journal).look_after() is False
    await journal.aclose()


@pytest.mark.parametrize("form", ["{}", "sqlite:{}"])
async def test_it_is_named_as_for_every_command(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await write(tmp_path / "named", 1)
    async with Watched.reading(form.format(tmp_path / "named")) as watched:
        assert await watched.journal.count() == 1
    monkeypatch.setenv("TINCANS_JOURNAL", form.format(tmp_path / "named"))
    async with Watched.reading(None) as watched:
        assert await watched.journal.count() == 1
    with pytest.raises(JournalError, match="there is no journal in"):
        async with Watched.reading(str(tmp_path / "none")):
            pass
