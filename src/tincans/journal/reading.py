"""Reading the folder journal: the entries of one conversation, or of all, by way of the index.

The index names the extents in their order, and each is read from its segment. What an extent should tell of and does
not, because its file is gone or damaged, is told as dropped at its end. Between two calls nothing is held but a
position, so whoever reads may stop anywhere.

All of it blocks, and belongs in a thread.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tincans.channel import Side
from tincans.conversation import Dropped, Entry, Opened, Said
from tincans.errors import JournalError
from tincans.journal import FORGOTTEN, Passage, Place, beginning
from tincans.journal.folder import Folder
from tincans.journal.index import Extent, Index
from tincans.journal.segments import records
from tincans.limits import JOURNAL_READ_BYTES

T = TypeVar("T")

#: The reason of the `Dropped` entries that stand for what the index knows of and the segments do not hold.
DAMAGED = "the recording is damaged here"

#: Asked of the index at once; and at first where few entries are wanted, twice as many each time.
EXTENTS = 256
_FEW_EXTENTS = 8

#: Read of a segment at once, where few entries are wanted: two hundred small ones and their headers, twice over.
_FEW_BYTES = 32 * 1024


class Shared:
    """The index, for one thread at a time, with errors of ours."""

    def __init__(self, index: Index) -> None:
        self._index: Index | None = index
        self._lock = threading.Lock()

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """What the function gives for the index. Raises `JournalError` where it cannot be read, closed, or gone."""
        with self._lock:
            if self._index is None:
                raise JournalError("the journal is closed")
            try:
                self._index.check()
                return function(self._index, *arguments)
            except sqlite3.Error as error:
                raise JournalError(f"the journal's index cannot be read: {error}") from error

    def close(self) -> None:
        with self._lock:
            if self._index is not None:
                self._index.close()
                self._index = None


class Token(NamedTuple):
    """What the folder journal knows a `Place` by: a position in an extent, and how many entries it is from there."""

    #: What the numbers of all entries hang on: the conversation's first extent, and the bytes forgotten before it.
    first: int
    forgotten: int
    #: The extent, how far into it, and how many bytes of each side it told of by then; 0: before all of them.
    extent: int = 0
    done: int = 0
    client: int = 0
    server: int = 0
    #: Entries from there to the place: those that stand for what is missing have no position of their own.
    skip: int = 0


class Reading:
    """A position among the entries of one conversation, or of all."""

    def __init__(self, folder: Folder, index: Shared, number: int | None, after: int = 0) -> None:
        self._folder, self._index, self._number = folder, index, number
        #: The last extent that was read whole, those that come next, and how far the first of them was read.
        self._after = after
        self._extents: deque[Extent] = deque()
        self._batch = EXTENTS
        self._done = 0
        self._told = {Side.CLIENT: 0, Side.SERVER: 0}
        self._at = 0
        self._beginning: list[Entry] = []
        #: The place that was gone to, and as in `Token`: what numbers hang on, and the position behind the last extent.
        self._from = Place(0, 0, 0, 0)
        self._origin = (0, 0)
        self._position: tuple[int, ...] = (0, 0, 0, 0, 0)
        if number is not None:
            self._beginning = beginning(*index.call(Index.conversation, number))
            self._at = self._beginning[0].at

    def more(self) -> list[Entry]:
        """The next entries, about JOURNAL_READ_BYTES of them; none when there are no more yet."""
        entries: list[Entry] = []
        room = JOURNAL_READ_BYTES
        while room > 0 and self._next_extent():
            room -= self._read(self._extents[0], entries, room)
        self._begin(entries)
        return entries

    def some(self, place: Place | None, count: int) -> list[Entry]:
        """Up to `count` entries from a place on, or from the beginning, and nothing else. Only once, and instead."""
        entries: list[Entry] = []
        skip = self._go_to(place, entries)
        wanted = skip + count
        while len(entries) < wanted and self._next_extent():
            self._read(self._extents[0], entries, most=wanted, window=_FEW_BYTES)
        self._begin(entries)
        return entries[skip:wanted]

    def passage(self, place: Place | None, size: int) -> Passage:
        """About `size` bytes of entries from a place on, or from the beginning. Only once, and instead."""
        entries: list[Entry] = []
        skip = self._go_to(place, entries)
        room = size
        while (room > 0 or len(entries) <= skip) and self._next_extent():
            room -= self._read(self._extents[0], entries, room, window=_FEW_BYTES)
        self._begin(entries)
        entries = entries[skip:]
        return Passage(entries, self._behind(entries))

    def _go_to(self, place: Place | None, entries: list[Entry]) -> int:
        """Go to a place; gives how many entries come before it from there on.

        Where what stood there has been forgotten, `entries` begin with how much that was from there on.
        """
        assert self._number is not None
        self._batch = _FEW_EXTENTS
        first, *forgotten = self._index.call(Index.standing, self._number)
        self._origin = (first, sum(forgotten))
        if place is None or not place.entry:
            return 0
        token, self._from = Token(*place.token), place
        if not token.extent and token[:2] == self._origin:
            return token.skip
        injected, self._beginning = self._beginning, []
        self._at = place.at
        self._after = token.extent - 1
        if self._next_extent() and self._extents[0].identity == token.extent:
            self._origin, self._position = token[:2], token[2:]  # the numbers are as they were then
            self._done = token.done
            self._told = {Side.CLIENT: token.client, Side.SERVER: token.server}
            return token.skip
        for side, before, now in zip(Side, (place.client, place.server), forgotten, strict=True):
            if now > before:
                entries.append(dropped(self._number, place.at, side, now - before, FORGOTTEN))
        self._from = place._replace(entry=len(injected) - len(entries))  # the numbers are new
        self._position = (0, 0, 0, 0, len(injected))
        return 0

    def _behind(self, entries: list[Entry]) -> Place:
        """The place behind all that was read, which are these entries."""
        told = {Side.CLIENT: 0, Side.SERVER: 0}
        for entry in entries:
            add(told, entry)
        within = (self._extents[0].identity, self._done, *self._told.values(), 0) if self._done else None
        return Place(
            self._from.entry + len(entries), self._from.client + told[Side.CLIENT],
            self._from.server + told[Side.SERVER], self._at, Token(*self._origin, *(within or self._position)),
        )  # fmt: skip

    def _begin(self, entries: list[Entry]) -> None:
        """Put what was forgotten before the first entries in front of them, or in their place where there are none."""
        if not self._beginning:
            return
        if not entries and not self._position[0]:
            self._position = (0, 0, 0, 0, len(self._beginning))
        if not entries or not isinstance(entries[0], Opened):
            entries[:0] = self._beginning
        self._beginning = []

    def _next_extent(self) -> bool:
        if not self._extents:
            self._extents.extend(self._index.call(Index.extents, self._number, self._after, self._batch))
            self._batch = min(2 * self._batch, EXTENTS)
        return bool(self._extents)

    def _read(
        self, extent: Extent, entries: list[Entry], room: float = float("inf"), most: float = float("inf"),
        window: int = JOURNAL_READ_BYTES,
    ) -> int:  # fmt: skip
        """Entries of the extent, about `room` bytes of them, until there are `most` in all; gives how many bytes."""
        first = begun = extent.offset + self._done
        full = False
        try:
            file = os.open(self._folder.segment(extent.segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._leave(extent, entries, FORGOTTEN)
            return 1
        try:
            for entry, end in records(file, first, extent.offset + extent.length, window):
                if entry.conversation != extent.conversation:
                    break
                self._at = entry.at
                add(self._told, entry)
                entries.append(entry)
                begun = end
                full = begun - first >= room or len(entries) >= most
                if full:
                    break
        finally:
            os.close(file)
        self._done = begun - extent.offset
        if self._done == extent.length or not full:
            self._leave(extent, entries, DAMAGED)
        return begun - first + 1

    def _leave(self, extent: Extent, entries: list[Entry], reason: str) -> None:
        """Done with an extent: what it should have told of and did not is missing."""
        lost = missing(extent, self._told, self._at, reason)
        entries += lost
        self._position = (extent.identity, self._done, *self._told.values(), len(lost))
        self._told = {Side.CLIENT: 0, Side.SERVER: 0}
        self._done = 0
        self._after = extent.identity
        self._extents.popleft()


def add(told: dict[Side, int], entry: Entry) -> None:
    """Count the bytes that an entry tells of."""
    if isinstance(entry, Said):
        told[entry.side] += len(entry.data)
    elif isinstance(entry, Dropped):
        told[entry.side] += entry.count


def missing(extent: Extent, told: dict[Side, int], at: int, reason: str) -> list[Entry]:
    """What stands for what an extent should have told of and did not."""
    sums = ((Side.CLIENT, extent.client_bytes), (Side.SERVER, extent.server_bytes))
    return [
        dropped(extent.conversation, at, side, count - told[side], reason) for side, count in sums if count > told[side]
    ]


def dropped(number: int, at: int, side: Side, count: int, reason: str) -> Dropped:
    return Dropped(conversation=number, at=at, side=side, count=count, reason=reason)
