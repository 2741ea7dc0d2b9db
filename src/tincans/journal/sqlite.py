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
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import wait
from pathlib import Path
from typing import TypeVar

from tincans.clock import SYSTEM, Clock
from tincans.conversation import Closed, Conversation, Entry, How, Opened, Opening, Tap
from tincans.errors import JournalError
from tincans.journal import ALL, Bounds, Changes, Filter, Passage, Place, checked
from tincans.journal.burial import bury
from tincans.journal.folder import Folder
from tincans.journal.index import Index
from tincans.journal.places import places
from tincans.journal.reading import Reading, Shared
from tincans.journal.tap import DEAF, SegmentTap, clean, clean_facts, cleaned
from tincans.journal.writer import Writer
from tincans.limits import FOLLOW_SECONDS, HURRY_BYTES, JOURNAL_CLOSE_SECONDS

_log = logging.getLogger("tincans.journal")

T = TypeVar("T")


class SqliteJournal:
    """The `Journal` in a folder. Made by `open_journal`."""

    def __init__(self, path: Path, bounds: Bounds, clock: Clock = SYSTEM) -> None:
        self._bounds, self._clock = bounds, clock
        self._folder = Folder(path)
        try:
            self._index = Shared(Index(self._folder))
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
        return await asyncio.to_thread(self._ask, Index.conversations, which)

    async def conversation(self, number: int) -> Conversation:
        return (await asyncio.to_thread(self._ask, Index.conversation, number))[0]

    async def count(self, which: Filter = ALL) -> int:
        return await asyncio.to_thread(self._ask, Index.count, which)

    async def some(self, which: Filter, offset: int, limit: int) -> list[Conversation]:
        return await asyncio.to_thread(self._ask, Index.some, which, offset, limit)

    async def changes(self, mark: int | None, limit: int) -> Changes:
        return await asyncio.to_thread(self._ask, Index.changes, mark, limit)

    def _ask(self, question: Callable[..., T], *arguments: object) -> T:
        """Ask the index, when the dead are buried."""
        self._bury()
        return self._index.call(question, *arguments)

    async def places(self, number: int, every: int, start: Place | None = None) -> list[Place]:
        return await asyncio.to_thread(places, self._folder, self._index, number, every, start)

    async def entries(self, number: int, place: Place | None, count: int) -> list[Entry]:
        return await asyncio.to_thread(lambda: self._reading(number).some(place, count))

    async def passage(self, number: int, place: Place | None, size: int) -> Passage:
        return await asyncio.to_thread(lambda: self._reading(number).passage(place, size))

    def _reading(self, number: int) -> Reading:
        return Reading(self._folder, self._index, number)

    def _bury(self) -> None:
        self._index.call(lambda index: bury(self._folder, index))

    async def read(self, number: int, *, start: int = 0) -> AsyncGenerator[Entry]:
        await asyncio.to_thread(self._bury)
        reading = await asyncio.to_thread(Reading, self._folder, self._index, number)
        while entries := await asyncio.to_thread(reading.more):
            left_out = min(start, len(entries))
            start -= left_out
            for entry in entries[left_out:]:
                yield entry

    def follow(self, number: int | None = None) -> AsyncGenerator[Entry]:
        newest = self._index.call(Index.newest_extent) if number is None else 0
        return self._follow(number, newest)

    async def _follow(self, number: int | None, newest: int) -> AsyncGenerator[Entry]:
        reading = await asyncio.to_thread(Reading, self._folder, self._index, number, newest)
        while True:
            entries = await asyncio.to_thread(reading.more)
            for entry in entries:
                yield entry
            if entries and number is not None and isinstance(entries[-1], Closed):
                return
            if not entries:
                await asyncio.sleep(FOLLOW_SECONDS)
                await asyncio.to_thread(self._bury)


def _opened(opening: Opening, number: int, at: int) -> Opened:
    """`opening`, numbered, in text that can be kept."""
    return Opened(
        conversation=number, at=at, kind=opening.kind, boundaries=opening.boundaries,
        name=clean(opening.name), client=clean(opening.client), server=clean(opening.server),
        near=clean(opening.near), far=clean(opening.far),
        facts=clean_facts(opening.facts),
    )  # fmt: skip
