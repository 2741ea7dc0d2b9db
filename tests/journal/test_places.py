from __future__ import annotations

import os
from pathlib import Path

import pytest

from tincans.channel import Side
from tincans.conversation import Dropped, Kind, Opening
from tincans.journal import FORGOTTEN, Journal, open_journal
from tincans.journal.places import _WINDOW_BYTES
from tincans.journal.reading import DAMAGED

OPENING = Opening(kind=Kind.RELAY, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2")
SEGMENT = "00000001.segment"


async def places_lead_where_they_should(journal: Journal, number: int = 1) -> None:
    entries = [entry async for entry in journal.read(number)]
    for every in (1, 2, 3):
        places = await journal.places(number, every)
        assert [place.entry for place in places] == [*range(0, len(entries), every), len(entries)]
        for place in places:
            assert await journal.entries(number, place, 2) == entries[place.entry : place.entry + 2]
            assert (await journal.places(number, every, place))[-1] == places[-1]
    for size in (1, 60, 500):
        passage = await journal.passage(number, None, size)
        found = passage.entries
        while passage.entries:
            passage = await journal.passage(number, passage.end, size)
            found += passage.entries
        assert found == entries


async def reasons(journal: Journal) -> set[str]:
    return {entry.reason async for entry in journal.read(1) if isinstance(entry, Dropped)}


async def spoken(folder: Path) -> Journal:
    """Conversation 1, in twelve extents, with another's records between them."""
    journal = open_journal(folder)
    tap, other = journal.begin(OPENING), journal.begin(OPENING)
    for _ in range(12):
        for size in (10, 20, 30):
            tap.said(Side.CLIENT, bytes(size))
            tap.said(Side.SERVER, bytes(2 * size))
        await journal.flush()
        other.said(Side.CLIENT, b"between")
        await journal.flush()
    return journal


@pytest.mark.parametrize("end", [21, 100, 200, 300, 900, 1000])
async def test_places_in_what_is_left_of_a_segment(tmp_path: Path, end: int) -> None:
    journal = await spoken(tmp_path / "j")
    os.truncate(tmp_path / "j" / SEGMENT, end)
    await places_lead_where_they_should(journal)
    assert DAMAGED in {
        entry.reason for entry in [entry async for entry in journal.read(1)] if isinstance(entry, Dropped)
    }
    await journal.aclose()


@pytest.mark.parametrize("at", [0, 5, 150, 300, 301, 700])
async def test_places_where_a_segment_has_zeros(tmp_path: Path, at: int) -> None:
    journal = await spoken(tmp_path / "j")
    with (tmp_path / "j" / SEGMENT).open("r+b") as file:
        file.seek(at)
        file.write(bytes(200))
    await places_lead_where_they_should(journal)
    await journal.aclose()


async def test_places_of_a_segment_that_is_gone(tmp_path: Path) -> None:
    journal = await spoken(tmp_path / "j")
    (tmp_path / "j" / SEGMENT).unlink()
    await places_lead_where_they_should(journal)
    assert FORGOTTEN in {
        entry.reason for entry in [entry async for entry in journal.read(1)] if isinstance(entry, Dropped)
    }
    await journal.aclose()


async def test_places_in_records_that_are_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j")
    tap = journal.begin(OPENING)
    for size in (_WINDOW_BYTES - 21, _WINDOW_BYTES, 1, 3 * _WINDOW_BYTES, 0, _WINDOW_BYTES - 22, 5):
        tap.said(Side.CLIENT, bytes(size))
        tap.ended(Side.SERVER)
    await journal.flush()
    await places_lead_where_they_should(journal)
    await journal.aclose()
