"""The journal in memory: for tests, and for a program that wants to look at what it does without leaving a trace.

All entries stand in one dictionary by their position, which only grows; the oldest are dropped when they are too many
bytes. A conversation knows the positions of its own. It lives on one loop's thread, and needs no lock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping
from itertools import islice, takewhile

from msgspec.structs import replace

from tincans.channel import Buffer, Side
from tincans.clock import SYSTEM, Clock
from tincans.conversation import (
    Closed,
    Conversation,
    Dropped,
    Ended,
    Entry,
    How,
    Joined,
    Noted,
    Opened,
    Opening,
    Said,
    Secured,
    Tap,
)  # fmt: skip
from tincans.errors import JournalError, NoSuchConversation
from tincans.journal import ALL, CARRIED, FORGOTTEN, Bounds, Changes, Filter, Passage, Place, beginning, checked
from tincans.limits import MEMORY_JOURNAL_BYTES

#: What an entry costs beside the bytes that were said, roughly.
_ENTRY_BYTES = 256


class MemoryJournal:
    """The `Journal` in memory. Made by `open_journal("memory:")`; of the bounds only `total` has a meaning here."""

    def __init__(self, bounds: Bounds | None = None, clock: Clock = SYSTEM) -> None:
        self._total = MEMORY_JOURNAL_BYTES if bounds is None else bounds.total
        self.now = clock.now
        self._entries: dict[int, Entry] = {}
        self._next = 0
        self._bytes = 0
        self._kept: dict[int, _Kept] = {}
        #: The position of each one's last entry, which was dropped perhaps; in the order of these positions.
        self._changed: dict[int, int] = {}
        self._newest = 0
        self._closed = False
        self._news = asyncio.Event()

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, opening: Opening) -> Tap:
        self._newest += 1
        opened = opening.opened(self._newest, self.now())
        if not self._closed:
            self._kept[opened.conversation] = _Kept(opened)
            self.add(opened)
        return MemoryTap(self, opened.conversation)

    def add(self, entry: Entry) -> None:
        """Keep an entry, and drop the oldest ones if it is too much. Nothing is kept of what is over."""
        kept = self._kept.get(entry.conversation)
        if kept is None or kept.conversation.closed is not None or self._closed:
            return
        kept.conversation.fold(entry)
        kept.positions.append(self._next)
        self._changed.pop(entry.conversation, None)
        self._changed[entry.conversation] = self._next
        self._entries[self._next] = entry
        self._next += 1
        self._bytes += _cost(entry)
        while self._bytes > self._total and len(self._entries) > 1:
            self._drop_oldest()
        self._news.set()

    def _drop_oldest(self) -> None:
        entry = self._entries.pop(next(iter(self._entries)))
        self._bytes -= _cost(entry)
        kept = self._kept[entry.conversation]
        kept.positions.popleft()
        kept.gone += 1
        for side in Side:
            kept.forgotten[side] += _said(entry, side)
        if not kept.positions and kept.conversation.closed is not None:
            del self._kept[entry.conversation], self._changed[entry.conversation]

    async def adopt(self, entries: Iterable[Entry]) -> int:
        if self._closed:
            raise JournalError("the journal is closed")
        number, kept = 0, None
        try:
            for entry in checked(entries):
                entry = replace(entry, conversation=number or self._newest + 1)
                if isinstance(entry, Opened):
                    self._newest = number = entry.conversation
                    kept = self._kept[number] = _Kept(entry)
                self.add(entry)
        finally:
            if kept is not None and kept.conversation.closed is None:
                self.add(Closed(conversation=number, at=kept.conversation.last, how=How.LOST))
        return number

    async def flush(self) -> None:
        pass

    async def aclose(self) -> None:
        for kept in list(self._kept.values()):
            if kept.conversation.closed is None:
                self.add(Closed(conversation=kept.conversation.number, at=self.now(), how=How.STOPPED))
        self._closed = True

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    async def conversations(self, which: Filter = ALL) -> list[Conversation]:
        found = [c for c in (kept.seen() for kept in self._kept.values()) if which.matches(c)]
        return found if which.limit is None else found[max(0, len(found) - which.limit) :]

    async def conversation(self, number: int) -> Conversation:
        return self._find(number).seen()

    async def count(self, which: Filter = ALL) -> int:
        return sum(which.matches(kept.seen()) for kept in self._kept.values())

    async def some(self, which: Filter, offset: int, limit: int) -> list[Conversation]:
        found = (c for c in (kept.seen() for kept in self._kept.values()) if which.matches(c))
        return list(islice(found, offset, offset + limit))

    async def changes(self, mark: int | None, limit: int) -> Changes:
        if mark is None:
            numbers = [number for number, kept in reversed(self._kept.items()) if kept.conversation.closed is None]
        else:
            numbers = [number for number, _ in takewhile(lambda item: item[1] >= mark, reversed(self._changed.items()))]
        told = numbers[:limit]
        return Changes([self._kept[number].seen() for number in sorted(told)], len(numbers) - len(told), self._next)

    async def places(self, number: int, every: int, start: Place | None = None) -> list[Place]:
        return self._find(number).places(self._so_far(number), every, start)

    async def entries(self, number: int, place: Place | None, count: int) -> list[Entry]:
        kept, entries = self._find(number), self._so_far(number)
        return kept.since(place, entries)[:count] if place is not None and place.entry else entries[:count]

    async def passage(self, number: int, place: Place | None, size: int) -> Passage:
        kept, entries = self._find(number), self._so_far(number)
        return kept.passage(entries, place if place is not None and place.entry else kept.start, size)

    async def read(self, number: int, *, start: int = 0) -> AsyncGenerator[Entry]:
        for entry in self._so_far(number)[start:]:
            yield entry

    def _find(self, number: int) -> _Kept:
        if number not in self._kept:
            raise NoSuchConversation(number)
        return self._kept[number]

    def _so_far(self, number: int) -> list[Entry]:
        kept = self._find(number)
        entries = [self._entries[position] for position in kept.positions]
        if not entries or not isinstance(entries[0], Opened):
            entries[:0] = beginning(kept.conversation, kept.forgotten[Side.CLIENT], kept.forgotten[Side.SERVER])
        return entries

    def follow(self, number: int | None = None) -> AsyncGenerator[Entry]:
        return self._follow(number, self._next)

    async def _follow(self, number: int | None, position: int) -> AsyncGenerator[Entry]:
        if number is not None:
            position = self._next
            for told in self._so_far(number):
                yield told
                if isinstance(told, Closed):
                    return
        while True:
            while position < self._next:
                entry = self._entries.get(position)
                position += 1
                if entry is None or number not in (None, entry.conversation):
                    continue
                yield entry
                if number is not None and isinstance(entry, Closed):
                    return
            self._news.clear()
            await self._news.wait()


class _Kept:
    """What is kept of one conversation."""

    __slots__ = ("conversation", "forgotten", "gone", "positions")

    def __init__(self, opened: Opened) -> None:
        self.conversation = Conversation.from_opened(opened)
        self.positions: deque[int] = deque()
        #: Entries that were dropped to stay within the bound, and bytes said by each side in them.
        self.gone = 0
        self.forgotten = {Side.CLIENT: 0, Side.SERVER: 0}

    def seen(self) -> Conversation:
        """The conversation as a reader is told of it, and the reader's own."""
        forgotten = sum(self.forgotten.values())
        return replace(self.conversation, dropped=self.conversation.dropped + forgotten)

    @property
    def start(self) -> Place:
        """The place before all entries."""
        return Place(0, 0, 0, self.conversation.opened, (self.gone, self.gone))

    def places(self, entries: list[Entry], every: int, start: Place | None) -> list[Place]:
        """The places among `entries`, which are all.

        A token is how many entries had been dropped, and how many of all there ever were come before the place.
        """
        first = start.entry if start is not None and start.token[0] == self.gone else 0
        put_in_front = len(entries) - len(self.positions)
        found: list[Place] = []
        here = self.start
        for passed, entry in enumerate(entries, 1):
            if here.entry >= first and here.entry % every == 0:
                found.append(here)
            here = Place(
                passed, here.client + _said(entry, Side.CLIENT), here.server + _said(entry, Side.SERVER), entry.at,
                (self.gone, self.gone + max(0, passed - put_in_front)),
            )  # fmt: skip
        return [*found, here]

    def passage(self, entries: list[Entry], place: Place, size: int) -> Passage:
        """About `size` bytes of `entries`, which are all, from the place on."""
        found: list[Entry] = []
        rest = self.since(place, entries)
        for entry in rest:
            if size <= 0:
                break
            found.append(entry)
            size -= 0 if isinstance(entry, Dropped) else _cost(entry)
        passed = len(entries) - len(rest) + len(found)
        before = self.gone + max(0, passed - len(entries) + len(self.positions))
        client, server = (
            said + sum(_said(entry, side) for entry in found)
            for side, said in ((Side.CLIENT, place.client), (Side.SERVER, place.server))
        )
        return Passage(found, Place(passed, client, server, found[-1].at if found else place.at, (self.gone, before)))

    def since(self, place: Place, entries: list[Entry]) -> list[Entry]:
        """Of all `entries` those from the place on; where they were dropped meanwhile, that and what is left."""
        gone, before = place.token
        if gone == self.gone:
            return entries[place.entry :]
        kept = entries[len(entries) - len(self.positions) :]
        if before >= self.gone:
            return kept[before - self.gone :]
        return [
            *(
                Dropped(conversation=self.conversation.number, at=place.at, side=side, count=count, reason=FORGOTTEN)
                for side, said in ((Side.CLIENT, place.client), (Side.SERVER, place.server))
                if (count := self.forgotten[side] - said) > 0
            ),
            *kept,
        ]


def _said(entry: Entry, side: Side) -> int:
    """Bytes that the entry tells of as said by that side."""
    if isinstance(entry, Said | Dropped) and entry.side is side:
        return len(entry.data) if isinstance(entry, Said) else entry.count
    return 0


def _cost(entry: Entry) -> int:
    return _ENTRY_BYTES + (len(entry.data) if isinstance(entry, Said) else 0)


class MemoryTap:
    """A tap of the memory journal."""

    __slots__ = ("_journal", "number")

    def __init__(self, journal: MemoryJournal, number: int) -> None:
        self._journal, self.number = journal, number

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None:
        at = self._journal.now()
        self._journal.add(Joined(conversation=self.number, at=at, far=far, server=server, facts=dict(facts)))

    def said(self, side: Side, data: Buffer) -> None:
        self._journal.add(Said(conversation=self.number, at=self._journal.now(), side=side, data=bytes(data)))

    def wants(self, side: Side) -> bool:
        return True

    def carried(self, side: Side, count: int) -> None:
        at = self._journal.now()
        self._journal.add(Dropped(conversation=self.number, at=at, side=side, count=count, reason=CARRIED))

    def ended(self, side: Side) -> None:
        self._journal.add(Ended(conversation=self.number, at=self._journal.now(), side=side))

    def noted(self, text: str) -> None:
        self._journal.add(Noted(conversation=self.number, at=self._journal.now(), text=text))

    def secured(self, facts: Mapping[str, str]) -> None:
        self._journal.add(Secured(conversation=self.number, at=self._journal.now(), facts=dict(facts)))

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        at = self._journal.now()
        self._journal.add(Closed(conversation=self.number, at=at, how=how, by=by, detail=detail))
