"""So many conversations are kept decoded, those that were looked at last; and what takes long runs in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tincans.journal.memory import MemoryJournal
from tincans.limits import REELS_KEPT
from tincans.watch.reels import Reels


@pytest.fixture
def reels() -> Iterator[Reels]:
    reels = Reels()
    yield reels
    reels.close()


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


async def test_so_many_conversations_and_not_one_more(reels: Reels, journal: MemoryJournal) -> None:
    found = [reels.reel(journal, number) for number in range(REELS_KEPT)]
    assert reels.reel(journal, 0) is found[0]
    reels.reel(journal, REELS_KEPT)
    assert reels.reel(journal, 0) is found[0], "it was looked at last"
    assert reels.reel(journal, 1) is not found[1]
    assert reels.reel(journal, 0, "raw") is not found[0]
    assert reels.reel(journal, 0, secrets=True) is not found[0]
    assert Reels().reel(journal, 0) is not found[0]


async def test_another_journal_has_other_conversations(reels: Reels, journal: MemoryJournal) -> None:
    found = reels.reel(journal, 1)
    assert reels.reel(MemoryJournal(), 1) is not found
    assert reels.reel(journal, 1) is not found


async def test_what_takes_long_runs_in_a_thread_until_it_is_closed(reels: Reels) -> None:
    assert (await reels.run(threading.current_thread)).name.startswith("tincans-watch")
    with pytest.raises(ZeroDivisionError):
        await reels.run(lambda: 1 // 0)
    reels.close()
    with pytest.raises(RuntimeError):
        await reels.run(threading.current_thread)
