"""A conversation by pages: the same whoever asks for what first, each byte in one item, and no more kept than may be."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tincans.channel import Side
from tincans.conversation import Dropped, Entry, Kind, Opened, Opening, Said
from tincans.journal import Bounds, Journal
from tincans.journal.memory import MemoryJournal
from tincans.testing.sessions import read
from tincans.watch import reel as module
from tincans.watch.reel import Reel, Reels
from tincans.watch.shapes import Item

TRANSCRIPTS = sorted((Path(__file__).parent.parent / "protocols" / "transcripts").glob("*/*.tin"))
PLACE: dict[str, Any] = {"conversation": 1, "at": 1_790_000_000_000_000_000}
OPENED = Opened(**PLACE, kind=Kind.LISTEN, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:7")
OPENING = Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:7")


@pytest.fixture
def reels() -> Iterator[Reels]:
    reels = Reels()
    yield reels
    reels.close()


@pytest.fixture
async def journal() -> AsyncIterator[MemoryJournal]:
    journal = MemoryJournal(Bounds(total=2**40))
    yield journal
    await journal.aclose()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pages of few entries, so that what is short has many."""
    size = 4
    monkeypatch.setattr(module, "PAGE_ENTRIES", size)
    monkeypatch.setattr(module, "_STEPS", [4, 2, 1])
    return size


def cut(entries: list[Entry], rng: random.Random) -> Iterator[Entry]:
    """The same, said in smaller pieces where no boundaries are kept."""
    boundaries = False
    for entry in entries:
        if isinstance(entry, Opened):
            boundaries = entry.boundaries
        if not isinstance(entry, Said) or boundaries:
            yield entry
            continue
        at = 0
        while at < len(entry.data):
            size = rng.randint(1, 40)
            yield Said(conversation=entry.conversation, at=entry.at, side=entry.side, data=entry.data[at : at + size])
            at += size


async def kept(journal: Journal, entries: list[Entry]) -> int:
    return await journal.adopt(entries)


def said(entries: list[Entry], side: Side) -> int:
    told = [entry for entry in entries if isinstance(entry, Said | Dropped) and entry.side is side]
    return sum(len(entry.data) if isinstance(entry, Said) else entry.count for entry in told)


async def all_items(reel: Reel) -> list[Item]:
    await reel.look()
    return [item for number in range(reel.pages) for item in (await reel.page(number, exact=True)).items]


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_pages_are_the_same_whoever_asks_for_what_first(
    path: Path, reels: Reels, journal: MemoryJournal, small: int
) -> None:
    rng = random.Random(path.name)
    entries = list(cut(read(path), rng))
    number = await kept(journal, entries)
    wanted = await all_items(reels.reel(journal, number))
    for _ in range(3):
        reel = Reel(journal, number, reels.run)
        await reel.look()
        pages: dict[int, list[Item]] = {}
        for page in rng.sample(range(reel.pages), reel.pages):
            if rng.random() < 0.5:
                await reel.page(rng.randrange(reel.pages))
            pages[page] = (await reel.page(page, exact=True)).items
        assert [item for page in sorted(pages) for item in pages[page]] == wanted
    _tiles(wanted, entries)


def _tiles(items: list[Item], entries: list[Entry]) -> None:
    """Every byte is in one item, and no item has an identity twice."""
    for side in Side:
        spans = [(item.start, item.end) for item in items if item.side == side.value and item.end > item.start]
        at = 0
        for start, end in sorted(spans):
            assert start == at
            at = end
        assert at == said(entries, side)
    assert len({item.id for item in items}) == len(items)
