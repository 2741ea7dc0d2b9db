"""What is said from now on, in all recorded conversations, decoded: `/api/events` and `tincans watch --json`.

    the journal ──► Funnel: so many pieces a second and so many bytes that wait; the rest is counted
                ──► Ears: a decoder for every conversation, which is told how much of it is missing ──► lines of JSON

The journal is read as fast as it is written, and what comes out as fast as somebody reads: so a reader that is slow is
never behind, but has more left out. Decoding happens in another thread, and only of what comes out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from tincans.channel import Side
from tincans.clock import SYSTEM, Clock
from tincans.conversation import Closed, Conversation, Dropped, Entry, Opened, Said
from tincans.decoding import Decoding, Heard, to_json
from tincans.errors import JournalError
from tincans.limits import FEED_BYTES, FEED_CONVERSATIONS, FEED_PIECES, IDLE_LOOK_SECONDS
from tincans.tasks import spawn
from tincans.watch.asking import Text
from tincans.watch.watched import Watched

log = logging.getLogger(__name__)

#: What an entry costs beside its bytes, roughly.
_ENTRY_BYTES = 256
#: Entries that are decoded together: some milliseconds of work.
_BATCH = 64
_SECOND = 1_000_000_000
#: Why a decoder is told that bytes are missing which are in the recording.
_SKIPPED = "skipped"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How events are told."""

    protocol: Annotated[Text, Meta(description="what is spoken, as `http` or `lines:nul`; it is found out")] = ""
    full: Annotated[bool, Meta(description=f"decode more than {FEED_PIECES} pieces a second")] = False
    secrets: Annotated[bool, Meta(description="leave passwords and the like as they are")] = False


class Funnel:
    """What waits to be decoded. Never more than FEED_BYTES; what it has no room for is counted."""

    def __init__(self, *, full: bool = False, clock: Clock = SYSTEM) -> None:
        """`full`: however many pieces there are in a second."""
        self._full, self._now = full, clock.now
        self._waiting: deque[tuple[Entry, int]] = deque()  # each, and how many were skipped before it
        self._bytes = 0
        self._skipped = 0
        #: Of each conversation and side, how many bytes were skipped that its decoder has not been told of.
        self._lost: Counter[tuple[int, Side]] = Counter()
        self._second, self._pieces = 0, 0
        self._news = asyncio.Event()

    def put(self, entry: Entry) -> None:
        """What happened next. Never blocks."""
        cost = _cost(entry)
        if self._bytes + cost > FEED_BYTES or not self._is_in_time(entry):
            self._skipped += 1
            if isinstance(entry, Said | Dropped):
                self._lost[entry.conversation, entry.side] += _count(entry)
            return
        for lost in self._told_of(entry):
            self._add(lost)
        self._add(entry)

    def _is_in_time(self, entry: Entry) -> bool:
        """Whether it is one of the pieces that are decoded in this second."""
        if self._full or not isinstance(entry, Said):
            return True
        if (now := self._now()) - self._second >= _SECOND:
            self._second, self._pieces = now, 0
        self._pieces += 1
        return self._pieces <= FEED_PIECES

    def _told_of(self, entry: Entry) -> Iterator[Entry]:
        """What was skipped of the same conversation, which is known before it goes on."""
        for side in Side if self._lost else ():
            if count := self._lost.pop((entry.conversation, side), 0):
                yield Dropped(conversation=entry.conversation, at=entry.at, side=side, count=count, reason=_SKIPPED)

    def _add(self, entry: Entry) -> None:
        self._waiting.append((entry, self._skipped))
        self._skipped = 0
        self._bytes += _cost(entry)
        self._news.set()

    @property
    def waits(self) -> bool:
        """Whether anything does."""
        return bool(self._waiting)

    async def take(self) -> list[tuple[Entry, int]]:
        """The next entries, each with how many were skipped before it. Waits for one. A cancelled call has lost
        none."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        taken = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        self._bytes -= sum(_cost(entry) for entry, _ in taken)
        return taken


def _cost(entry: Entry) -> int:
    return _ENTRY_BYTES + (len(entry.data) if isinstance(entry, Said) else 0)


def _count(entry: Said | Dropped) -> int:
    return len(entry.data) if isinstance(entry, Said) else entry.count


class Ears:
    """A decoder for every conversation, as long as there are not more than FEED_CONVERSATIONS."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._open: OrderedDict[int, Decoding] = OrderedDict()  # who spoke last is last

    def unknown(self, entries: Iterable[Entry]) -> set[int]:
        """The conversations of these of which it has not heard the beginning, and will not hear it among them."""
        unknown, opened = set[int](), set[int]()
        for entry in entries:
            if isinstance(entry, Opened):
                opened.add(entry.conversation)
            elif entry.conversation not in self._open and entry.conversation not in opened:
                unknown.add(entry.conversation)
        return unknown

    def begin(self, told: Conversation) -> Iterator[bytes]:
        """A conversation that has begun before: what was said in it until now is not known."""
        opened = Opened(
            conversation=told.number, at=told.opened, kind=told.kind, name=told.name, client=told.client,
            server=told.server, near=told.near, far=told.far, boundaries=told.boundaries, facts=told.facts,
        )  # fmt: skip
        yield from self.lines(opened)
        for side, count in ((Side.CLIENT, told.client_bytes), (Side.SERVER, told.server_bytes)):
            if count:
                yield from self.lines(
                    Dropped(conversation=told.number, at=told.last, side=side, count=count, reason=_SKIPPED)
                )

    def lines(self, entry: Entry) -> Iterator[bytes]:
        """What an entry of a conversation that it knows completes, a line of JSON each."""
        number = entry.conversation
        if isinstance(entry, Opened):
            self._open[number] = Decoding(entry, self._wanted.protocol)
            if len(self._open) > FEED_CONVERSATIONS:
                self._open.popitem(last=False)
        self._open.move_to_end(number)
        for told in self._open[number].take(entry):
            if not (isinstance(told, Dropped) and told.reason == _SKIPPED):
                yield self._line(told)
        if isinstance(entry, Closed):
            del self._open[number]

    def _line(self, told: Entry | Heard) -> bytes:
        return to_json(told.masked() if isinstance(told, Heard) and not self._wanted.secrets else told)


async def events(watched: Watched, wanted: Wanted) -> AsyncGenerator[bytes]:
    """What happens from now on, a line of JSON each and without its end. Ends never; closing it leaves nothing behind.

    A journal that is gone, and another that takes its place, are waited for.
    """
    funnel, ears = Funnel(full=wanted.full, clock=watched), Ears(wanted)
    before = {each.number: each for each in (await watched.journal.changes(None, FEED_CONVERSATIONS)).conversations}
    pumping, attending = spawn(_pump(watched, funnel)), spawn(_attend(watched))
    try:
        while True:
            taken = await funnel.take()
            begun = await _begun(watched, before, ears.unknown(entry for entry, _ in taken))
            for line in await asyncio.to_thread(_decoded, ears, taken, begun):
                yield line
    finally:
        for task in (pumping, attending):
            task.cancel()
        await asyncio.wait([pumping, attending])


async def _begun(watched: Watched, before: dict[int, Conversation], numbers: set[int]) -> dict[int, Conversation]:
    """Conversations whose beginning was not heard, as they were `before` events were told, or else are now."""
    found: dict[int, Conversation] = {}
    for number in numbers:
        with contextlib.suppress(JournalError):
            found[number] = before.pop(number) if number in before else await watched.journal.conversation(number)
    return found


def _decoded(ears: Ears, taken: Iterable[tuple[Entry, int]], begun: Mapping[int, Conversation]) -> list[bytes]:
    """In another thread."""
    lines: list[bytes] = []
    for entry, skipped in taken:
        if skipped:
            lines.append(msgspec.json.encode({"type": "skipped", "count": skipped}))
        if not isinstance(entry, Opened) and ears.unknown([entry]) and entry.conversation in begun:
            lines += ears.begin(begun[entry.conversation])
        if not ears.unknown([entry]):
            lines += ears.lines(entry)
    return lines


async def _pump(watched: Watched, funnel: Funnel) -> None:
    """Put all that happens into the funnel."""
    while True:
        try:
            async with contextlib.aclosing(watched.journal.follow()) as entries:
                async for entry in entries:
                    funnel.put(entry)
        except JournalError as error:
            log.info("the journal cannot be followed now: %s", error)
        await asyncio.sleep(IDLE_LOOK_SECONDS)


async def _attend(watched: Watched) -> None:
    """See whether another journal has taken the place of this one: following that one ends then, and begins anew."""
    while True:
        await asyncio.sleep(IDLE_LOOK_SECONDS)
        try:
            await watched.look_after()
        except JournalError:
            pass  # it may come back
