"""A file is made in pieces, each a short work of another thread, however long the conversation is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tincans.channel import Side
from tincans.conversation import Entry, Kind, Opening
from tincans.journal import Bounds
from tincans.journal.memory import MemoryJournal
from tincans.limits import BATCH_BYTES
from tincans.watch.files import _batches, _cost

OPENING = Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:7")


@pytest.fixture
async def journal() -> AsyncIterator[MemoryJournal]:
    journal = MemoryJournal(Bounds(total=2**40))
    yield journal
    await journal.aclose()


async def batches(journal: MemoryJournal) -> list[list[Entry]]:
    return [batch async for batch in _batches(journal, 1)]


@pytest.mark.parametrize(("less", "lengths"), [(0, [2, 1]), (1, [3, 0])])
async def test_so_much_is_made_at_once_and_not_one_byte_more(
    journal: MemoryJournal, less: int, lengths: list[int]
) -> None:
    tap = journal.begin(OPENING)
    (opened,) = await journal.entries(1, None, 1)
    empty = 2 * _cost(opened)  # two entries that say nothing
    tap.said(Side.CLIENT, bytes(BATCH_BYTES - empty - less))
    tap.ended(Side.CLIENT)
    assert [len(batch) for batch in await batches(journal)] == lengths


async def test_all_that_happened_is_in_its_order(journal: MemoryJournal) -> None:
    tap = journal.begin(OPENING)
    for number in range(3000):
        tap.said(Side.SERVER, b"%d\n" % number)
    made = await batches(journal)
    assert len(made) > 2
    whole = [entry async for entry in journal.read(1)]
    assert [entry for batch in made for entry in batch] == whole
