from __future__ import annotations

from tincans.channel import Side
from tincans.conversation import How, Kind, Opening
from tincans.journal import Bounds
from tincans.journal.memory import _ENTRY_BYTES, MemoryJournal
from tincans.limits import MEMORY_JOURNAL_BYTES
from tincans.testing import check_journal


async def test_it_keeps_the_contract() -> None:
    await check_journal(MemoryJournal)


async def test_what_went_on_is_stopped_when_it_closes() -> None:
    journal = MemoryJournal()
    tap = journal.begin(Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2"))
    await journal.aclose()
    [conversation] = await journal.conversations()
    assert (conversation.number, conversation.how) == (tap.number, How.STOPPED)


async def test_it_keeps_its_bound_to_the_entry() -> None:
    journal = MemoryJournal(Bounds(total=1000))
    tap = journal.begin(Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2"))
    for letter in b"abcdef":
        tap.said(Side.CLIENT, bytes([letter]))
    said = [entry async for entry in journal.read(tap.number)]
    assert [getattr(entry, "data", None) for entry in said] == [None, None, b"d", b"e", b"f"]
    await journal.aclose()


async def test_without_bounds_of_ones_own_it_keeps_the_limit_and_not_one_byte_more() -> None:
    journal = MemoryJournal()
    tap = journal.begin(Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2"))
    tap.said(Side.CLIENT, bytes(MEMORY_JOURNAL_BYTES - 3 * _ENTRY_BYTES))
    tap.said(Side.SERVER, b"")
    assert [c.dropped for c in await journal.conversations()] == [0]
    assert len(journal._entries) == 3
    tap.said(Side.SERVER, b"x")
    assert [c.dropped for c in await journal.conversations()] == [MEMORY_JOURNAL_BYTES - 3 * _ENTRY_BYTES]
    await journal.aclose()
