"""The journal in a folder, shared by every process that names it.

Writing is the business of `tap.py` (what a word costs) and `writer.py` (the thread); `segments.py` has the bytes,
`index.py` what and where they are, `folder.py` what the processes agree on, `burial.py` what becomes of those that were
killed. This module puts them together, and reads.

Reading blocks, on the disk and on SQLite, so it happens in the loop's thread pool, about JOURNAL_READ_BYTES a call.
Between calls nothing is held but a position, so a reader may stop, or be cancelled, anywhere.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import wait
from pathlib import Path
from typing import TypeVar

from tincans.channel import Side
from tincans.clock import SYSTEM, Clock
from tincans.conversation import Closed, Conversation, Dropped, Entry, How, Opened, Opening, Said, Tap
from tincans.errors import JournalError
from tincans.journal import ALL, FORGOTTEN, Bounds, Filter, beginning, checked
from tincans.journal.burial import bury
from tincans.journal.folder import Folder
from tincans.journal.index import Extent, Index
from tincans.journal.segments import records
from tincans.journal.tap import DEAF, SegmentTap, clean, clean_facts, cleaned
from tincans.journal.writer import Writer
from tincans.limits import FOLLOW_SECONDS, HURRY_BYTES, JOURNAL_CLOSE_SECONDS, JOURNAL_READ_BYTES

_log = logging.getLogger("tincans.journal")

T = TypeVar("T")

#: The reason of the `Dropped` entries that stand for what the index knows of and the segments do not hold.
DAMAGED = "the recording is damaged here"

_EXTENTS = 256


class SqliteJournal:
    """The `Journal` in a folder. Made by `open_journal`."""

    def __init__(self, path: Path, bounds: Bounds, clock: Clock = SYSTEM) -> None:
        self._bounds, self._clock = bounds, clock
        self._folder = Folder(path)
        try:
            self._index = _Shared(Index(self._folder))
        except BaseException:
            self._folder.close()
            raise
        self._folder.no_number_up_to(self._index.call(Index.newest_number))
        self._writer: Writer | None = None
        self._closed = False

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, opening: Opening) -> Tap:
        """A tap for a conversation that begins; the first one starts the writer's thread."""
        if self._closed:
            return DEAF
        writer = self._writer or self._start()
        if writer.overwhelmed():
            return DEAF
        try:
            number = self._folder.next_number()
        except OSError:
            return DEAF
        tap = SegmentTap(writer, _opened(opening, number, self._clock.now()))
        writer.taps.add(tap)
        return tap

    async def adopt(self, entries: Iterable[Entry]) -> int:
        if self._closed:
            raise JournalError("the journal is closed")
        writer = self._writer or self._start()
        told = checked(entries)
        opened = cleaned(next(told), self._folder.next_number())
        assert isinstance(opened, Opened)
        tap = SegmentTap(writer, opened)
        writer.taps.add(tap)
        try:
            for entry in told:
                tap.adopt(cleaned(entry, tap.number))
                if writer.unwritten > HURRY_BYTES:
                    await self.flush()
        finally:
            if tap.conversation.closed is None:
                tap.adopt(Closed(conversation=tap.number, at=tap.conversation.last, how=How.LOST))
        await self.flush()
        return tap.number

    def _start(self) -> Writer:
        self._writer = writer = Writer(self._folder, self._bounds, self._clock)
        writer.start()
        atexit.register(self._close_at_exit)
        return writer

    async def flush(self) -> None:
        if self._writer is not None:
            await asyncio.wrap_future(self._writer.flush())

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._index.close()
        if self._writer is None:
            self._folder.close()
            return
        atexit.unregister(self._close_at_exit)
        ended = self._writer.close()
        ended.add_done_callback(lambda _: self._folder.close())  # with it goes the lock that says that the writer lives
        try:
            await asyncio.wait_for(asyncio.wrap_future(ended), JOURNAL_CLOSE_SECONDS)
        except TimeoutError:
            _log.warning("the journal %s was still being written when it was closed", self._folder.path)

    def _close_at_exit(self) -> None:
        """The program ends and nobody closed the journal."""
        if self._writer is not None:
            wait([self._writer.close()], JOURNAL_CLOSE_SECONDS)

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    async def conversations(self, which: Filter = ALL) -> list[Conversation]:
        return await asyncio.to_thread(self._list, which)

    def _list(self, which: Filter) -> list[Conversation]:
        self._bury()
        return self._index.call(Index.conversations, which)

    def _bury(self) -> None:
        self._index.call(lambda index: bury(self._folder, index))

    async def read(self, number: int, *, start: int = 0) -> AsyncGenerator[Entry]:
        await asyncio.to_thread(self._bury)
        reading = await asyncio.to_thread(_Reading, self._folder, self._index, number)
        while entries := await asyncio.to_thread(reading.more):
            left_out = min(start, len(entries))
            start -= left_out
            for entry in entries[left_out:]:
                yield entry

    def follow(self, number: int | None = None) -> AsyncGenerator[Entry]:
        newest = self._index.call(Index.newest_extent) if number is None else 0
        return self._follow(number, newest)

    async def _follow(self, number: int | None, newest: int) -> AsyncGenerator[Entry]:
        reading = await asyncio.to_thread(_Reading, self._folder, self._index, number, newest)
        while True:
            entries = await asyncio.to_thread(reading.more)
            for entry in entries:
                yield entry
            if entries and number is not None and isinstance(entries[-1], Closed):
                return
            if not entries:
                await asyncio.sleep(FOLLOW_SECONDS)
                await asyncio.to_thread(self._bury)


class _Shared:
    """The index, for one thread at a time, with errors of ours."""

    def __init__(self, index: Index) -> None:
        self._index: Index | None = index
        self._lock = threading.Lock()

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        with self._lock:
            if self._index is None:
                raise JournalError("the journal is closed")
            try:
                return function(self._index, *arguments)
            except sqlite3.Error as error:
                raise JournalError(f"the journal's index cannot be read: {error}") from error

    def close(self) -> None:
        with self._lock:
            if self._index is not None:
                self._index.close()
                self._index = None


class _Reading:
    """A position among the entries of one conversation, or of all."""

    def __init__(self, folder: Folder, index: _Shared, number: int | None, after: int = 0) -> None:
        self._folder, self._index, self._number = folder, index, number
        #: The last extent that was read whole, those that come next, and how far the first of them was read.
        self._after = after
        self._extents: deque[Extent] = deque()
        self._done = 0
        self._told = {Side.CLIENT: 0, Side.SERVER: 0}
        self._at = 0
        self._beginning: list[Entry] = []
        if number is not None:
            self._beginning = beginning(*index.call(Index.conversation, number))
            self._at = self._beginning[0].at

    def more(self) -> list[Entry]:
        """The next entries, about JOURNAL_READ_BYTES of them; none when there are no more yet."""
        entries: list[Entry] = []
        room = JOURNAL_READ_BYTES
        while room > 0 and self._next_extent():
            room -= self._read(self._extents[0], entries, room)
        if entries and self._beginning:
            if not isinstance(entries[0], Opened):
                entries[:0] = self._beginning
            self._beginning = []
        return entries

    def _next_extent(self) -> bool:
        if not self._extents:
            self._extents.extend(self._index.call(Index.extents, self._number, self._after, _EXTENTS))
        return bool(self._extents)

    def _read(self, extent: Extent, entries: list[Entry], room: int) -> int:
        """Entries of the extent, about `room` bytes of them; gives how many."""
        first = begun = extent.offset + self._done
        try:
            file = os.open(self._folder.segment(extent.segment), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._leave(extent, entries, FORGOTTEN)
            return 1
        try:
            for entry, end in records(file, first, extent.offset + extent.length):
                if entry.conversation != extent.conversation:
                    break
                self._tell(entry)
                entries.append(entry)
                begun = end
                if begun - first >= room:
                    break
        finally:
            os.close(file)
        self._done = begun - extent.offset
        if self._done == extent.length or begun - first < room:
            self._leave(extent, entries, DAMAGED)
        return begun - first + 1

    def _tell(self, entry: Entry) -> None:
        self._at = entry.at
        if isinstance(entry, Said):
            self._told[entry.side] += len(entry.data)
        elif isinstance(entry, Dropped):
            self._told[entry.side] += entry.count

    def _leave(self, extent: Extent, entries: list[Entry], reason: str) -> None:
        """Done with an extent: what it should have told of and did not is missing."""
        for side, count in ((Side.CLIENT, extent.client_bytes), (Side.SERVER, extent.server_bytes)):
            if count > self._told[side]:
                entries.append(_dropped(extent.conversation, self._at, side, count - self._told[side], reason))
        self._told = {Side.CLIENT: 0, Side.SERVER: 0}
        self._done = 0
        self._after = extent.identity
        self._extents.popleft()


def _opened(opening: Opening, number: int, at: int) -> Opened:
    """`opening`, numbered, in text that can be kept."""
    return Opened(
        conversation=number, at=at, kind=opening.kind, boundaries=opening.boundaries,
        name=clean(opening.name), client=clean(opening.client), server=clean(opening.server),
        near=clean(opening.near), far=clean(opening.far),
        facts=clean_facts(opening.facts),
    )  # fmt: skip


def _dropped(number: int, at: int, side: Side, count: int, reason: str) -> Dropped:
    return Dropped(conversation=number, at=at, side=side, count=count, reason=reason)
