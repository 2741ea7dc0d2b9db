"""The journal in memory: for tests, and for a program that wants to look at what it does without leaving a trace.

All entries stand in one dictionary by their position, which only grows; the oldest are dropped when they are too many
bytes. A conversation knows the positions of its own. It lives on one loop's thread, and needs no lock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping

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
from tincans.journal import ALL, CARRIED, Bounds, Filter, beginning, checked
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
        if isinstance(entry, Said):
            kept.forgotten[entry.side] += len(entry.data)
        elif isinstance(entry, Dropped):
            kept.forgotten[entry.side] += entry.count
        if not kept.positions and kept.conversation.closed is not None:
            del self._kept[entry.conversation]

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

    async def read(self, number: int, *, start: int = 0) -> AsyncGenerator[Entry]:
        for entry in self._so_far(number)[start:]:
            yield entry

    def _so_far(self, number: int) -> list[Entry]:
        kept = self._kept.get(number)
        if kept is None:
            raise NoSuchConversation(number)
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

    __slots__ = ("conversation", "forgotten", "positions")

    def __init__(self, opened: Opened) -> None:
        self.conversation = Conversation.from_opened(opened)
        self.positions: deque[int] = deque()
        #: Bytes said by each side that were dropped to stay within the bound.
        self.forgotten = {Side.CLIENT: 0, Side.SERVER: 0}

    def seen(self) -> Conversation:
        """The conversation as a reader is told of it, and the reader's own."""
        forgotten = sum(self.forgotten.values())
        return replace(self.conversation, dropped=self.conversation.dropped + forgotten)


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
