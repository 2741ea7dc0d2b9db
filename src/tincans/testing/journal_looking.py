"""What the journal contract promises to who looks at it piece by piece, and again and again; `journals.py` runs it.

A piece has to be what the whole has there, so all of it is compared with the list and with `read`.
"""

from __future__ import annotations

from collections.abc import Callable

from tincans.channel import Side
from tincans.conversation import Dropped, Entry, How, Kind, Opened, Said
from tincans.journal import ALL, FORGOTTEN, Filter, Journal, Place
from tincans.testing.telling import MIB, Clause, equal, opening, read, said_by, talk

# ── conversations ─────────────────────────────────────────────────────────────────────────────────────────


async def _one(journal: Journal) -> None:
    """One conversation is told as the list tells it"""
    talk(journal.begin(opening()))
    journal.begin(opening(name="second")).said(Side.CLIENT, b"?")
    await journal.flush()
    equal([await journal.conversation(number) for number in (1, 2)], await journal.conversations())


async def _part(journal: Journal) -> None:
    """A part of the list is what the list has there, and a count is how long the list is"""
    for kind in (Kind.LISTEN, Kind.RELAY, Kind.RELAY, Kind.LISTEN, Kind.RELAY, Kind.CONNECT, Kind.RELAY):
        tap = journal.begin(opening(kind))
        tap.said(Side.CLIENT, b"x" * tap.number)
        tap.carried(Side.SERVER, 10 * tap.number)
        if tap.number % 2:
            tap.closed(How.RESET if tap.number % 3 else How.IDLE)
    await journal.flush()
    for which, expected in (
        (ALL, [1, 2, 3, 4, 5, 6, 7]),
        (Filter(kind=Kind.RELAY), [2, 3, 5, 7]),
        (Filter(least=44), [4, 5, 6, 7]),
        (Filter(most=44), [1, 2, 3, 4]),
        (Filter(least=33, most=55), [3, 4, 5]),
        (Filter(before=4), [1, 2, 3]),
        (Filter(how=(None,)), [2, 4, 6]),
        (Filter(how=(None, How.IDLE)), [2, 3, 4, 6]),
        (Filter(how=(How.RESET,), kind=Kind.RELAY, before=7), [5]),
    ):
        equal([c.number for c in await journal.conversations(which)], expected)
        for each in (which, which._replace(limit=1)):
            equal(await journal.count(each), len(expected))
            for offset, limit in ((0, 3), (1, 2), (2, 100), (0, 0), (7, 1)):
                some = [c.number for c in await journal.some(each, offset, limit)]
                equal(some, expected[offset : offset + limit])
    equal(await journal.some(ALL, 2, 3), (await journal.conversations())[2:5])


async def _changes(journal: Journal) -> None:
    """Who asks what has changed is told of each conversation once, as it is, and of every change since"""
    taps = [journal.begin(opening()) for _ in range(5)]
    talk(taps[1])
    await journal.flush()
    told, left_out, mark = await journal.changes(None, 3)
    equal(([c.number for c in told], left_out), ([3, 4, 5], 1))
    equal(told, [await journal.conversation(number) for number in (3, 4, 5)])
    equal(await journal.changes(mark, 9), ([], 0, mark))
    changes: list[Callable[[], None]] = [
        lambda: taps[3].said(Side.CLIENT, b"a"),
        lambda: taps[3].carried(Side.SERVER, 5),
        lambda: taps[3].noted("a note"),
        lambda: taps[3].ended(Side.CLIENT),
        lambda: taps[3].closed(How.FINISHED),
    ]
    for change in changes:
        change()
        await journal.flush()
        told, left_out, mark = await journal.changes(mark, 9)
        equal((told, left_out), ([await journal.conversation(4)], 0))
    equal(told[0].how, How.FINISHED)


async def _many_changes(journal: Journal) -> None:
    """Of too many changes those are told that came last, and the others are counted and not told again"""
    taps = [journal.begin(opening()) for _ in range(5)]
    await journal.flush()
    mark = (await journal.changes(None, 0)).mark
    for number in (5, 1, 4, 2, 1):
        taps[number - 1].said(Side.CLIENT, b"?")
        await journal.flush()
    told, left_out, mark = await journal.changes(mark, 2)
    equal(([c.number for c in told], left_out), ([1, 2], 2))
    equal(await journal.changes(mark, 9), ([], 0, mark))


# ── entries ───────────────────────────────────────────────────────────────────────────────────────────────


def _place(entries: list[Entry]) -> tuple[int, int, int, int]:
    """Of a place that is behind all these entries, what anybody can tell."""
    lost = {side: sum(e.count for e in entries if isinstance(e, Dropped) and e.side is side) for side in Side}
    client, server = (len(said_by(entries, side)) + lost[side] for side in Side)
    return len(entries), client, server, entries[-1].at


async def _all_places(journal: Journal, number: int, every: int, start: Place | None = None) -> list[Place]:
    """The places, after a check that each is what it should be, and leads to the entries that `read` gives."""
    entries = await read(journal, number)
    places = await journal.places(number, every, start)
    first = -(-start.entry // every) * every if start else 0
    equal([place.entry for place in places], [*range(first, len(entries), every), len(entries)])
    for place in places:
        if place.entry:
            equal(place[:4], _place(entries[: place.entry]))
        for count in (1, every, len(entries)):
            equal(await journal.entries(number, place, count), entries[place.entry : place.entry + count])
    return places


async def _places(journal: Journal) -> None:
    """From any place on the entries can be read that stand there"""
    tap, other = journal.begin(opening()), journal.begin(opening())
    for turn in range(30):
        tap.said(Side.CLIENT if turn % 3 else Side.SERVER, b"x" * turn)
        other.said(Side.CLIENT, b"another")
        if turn % 10 == 4:
            tap.carried(Side.SERVER, 1000)
            await journal.flush()
    tap.said(Side.SERVER, bytes(MIB))
    talk(tap)
    for every in (1, 2, 7, 45, 1000):
        await _all_places(journal, tap.number, every)
    for count in (0, 1, 10, 1000):
        equal(await journal.entries(tap.number, None, count), (await read(journal, tap.number))[:count])


async def _passages(journal: Journal) -> None:
    """Passage by passage all is read that there is, and what comes after it"""
    tap = journal.begin(opening())
    await journal.flush()
    equal(await _in_passages(journal, tap.number, 1), await read(journal, tap.number))
    last = (await journal.places(tap.number, 1))[-1]
    nothing, end = await journal.passage(tap.number, last, 100)
    equal((nothing, end[:4]), ([], last[:4]))
    for turn in range(20):
        tap.said(Side.CLIENT if turn % 3 else Side.SERVER, b"x" * (turn * turn))
        if turn % 5 == 2:
            tap.carried(Side.SERVER, 1000)
            await journal.flush()
    entries = await read(journal, tap.number)
    more, end = await journal.passage(tap.number, end, 10_000_000)
    equal(more, entries[1:])
    talk(tap)
    entries = await read(journal, tap.number)
    equal((await journal.passage(tap.number, end, 10_000_000)).entries, entries[1 + len(more) :])
    for size in (1, 100, 1000, 10_000, 10_000_000):
        equal(await _in_passages(journal, tap.number, size), entries)


async def _in_passages(journal: Journal, number: int, size: int) -> list[Entry]:
    """All there is, after a check that each passage is no longer than it should be, and ends where it says."""
    found: list[Entry] = []
    place = None
    while (passage := await journal.passage(number, place, size)).entries:
        found += passage.entries
        place = passage.end
        assert len(passage.entries[:-1]) <= size, f"{len(passage.entries)} entries are more than {size} bytes"
        equal(place[:4], _place(found))
        equal((await journal.places(number, 1, place))[0][:4], place[:4])
    return found


async def _growing(journal: Journal) -> None:
    """As a conversation grows, its places go on from the last"""
    tap = journal.begin(opening())
    await journal.flush()
    places = await _all_places(journal, tap.number, 3)
    for turn in range(10):
        tap.said(Side.CLIENT, b"x" * turn)
        if turn % 4 != 2:
            await journal.flush()
        more = await _all_places(journal, tap.number, 3, places[-1])
        places[-1:] = more
        equal(places, await journal.places(tap.number, 3))
    equal(await journal.places(tap.number, 3, places[-1]), places[-1:])


async def _forgotten(journal: Journal) -> None:
    """From a place that was forgotten on it is told how much that was, and then what is left; its numbers are new"""
    tap = journal.begin(opening())
    for turn in range(64):
        tap.said(Side.CLIENT if turn % 2 else Side.SERVER, bytes([turn]) * 65_536)
        if turn % 4 == 3:
            await journal.flush()
    places = await _all_places(journal, tap.number, 5)
    for turn in range(64, 128):
        tap.said(Side.SERVER, bytes([turn]) * 65_536)
        if turn % 4 == 3:
            await journal.flush()
    await _all_places(journal, tap.number, 5)
    equal((await journal.places(tap.number, 5, places[-1]))[0].entry, 0)
    left = [entry for entry in await read(journal, tap.number) if isinstance(entry, Said)]
    seen = await journal.conversation(tap.number)
    for place in places[1:3]:
        entries = await journal.entries(tap.number, place, 1000)
        lost = [entry for entry in entries if isinstance(entry, Dropped)]
        equal({entry.reason for entry in lost}, {FORGOTTEN})
        equal(entries, [*lost, *left])
        equal(_place(entries)[1:3], (seen.client_bytes - place.client, seen.server_bytes - place.server))
        equal(await _rest(journal, tap.number, place), entries)
    equal(await journal.entries(tap.number, places[0], 1000), await read(journal, tap.number))
    equal(await _rest(journal, tap.number, places[0]), await read(journal, tap.number))


async def _rest(journal: Journal, number: int, place: Place) -> list[Entry]:
    """What comes from a place on, in passages; the last ends where all ends."""
    found: list[Entry] = []
    while True:
        passage, place = await journal.passage(number, place, MIB)
        if not passage:
            equal((await journal.places(number, 7, place))[-1][:4], place[:4])
            return found
        found += passage


async def _all_forgotten(journal: Journal) -> None:
    """Of what goes on and was forgotten altogether is told how it began, and how much that was; it may go on"""
    tap, other = journal.begin(opening()), journal.begin(opening())
    tap.said(Side.CLIENT, b"first")
    await journal.flush()
    for _ in range(256):
        other.said(Side.SERVER, bytes(65_536))
        await journal.flush()
    entries = await _in_passages(journal, tap.number, 10)
    equal([type(entry) for entry in entries], [Opened, Dropped])
    end = (await _all_places(journal, tap.number, 1))[-1]
    tap.said(Side.CLIENT, b"second")
    await journal.flush()
    equal(await _rest(journal, tap.number, end), (await read(journal, tap.number))[2:])
    await _all_places(journal, tap.number, 1)


CLAUSES: list[Clause] = [_one, _part, _changes, _many_changes, _places, _growing, _passages]
#: On a journal of 4 MiB.
BOUNDED_CLAUSES: list[Clause] = [_forgotten, _all_forgotten]
