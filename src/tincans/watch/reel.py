"""A conversation by pages: any part of it at the cost of that part, however long it is.

A `Reel` is one conversation under one way of decoding, shared by all who look at it. It is cut into pages of so many
recorded entries (PAGE_ENTRIES), whose places the journal tells without reading them, and a page is decoded when
somebody asks for it:

    exact         from the nearest `Playhead` before it that has read all from the beginning on, where that is not
                  more than EXACT_PAGES away, or however far it is for whom that matters
    provisional   else: from the page before it on, knowing only how much was said until there; and others on from it

An exact page is the same whoever asked for what before; a provisional one gives way to it. The last page of a
conversation that goes on is read on from where it was left (`_Tip`), so that looking on costs what is new.

Decoding is done in a thread (`reels.Run`), at a pace that leaves the interpreter to the traffic.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from msgspec.structs import replace

from tincans.channel import Side
from tincans.conversation import Dropped, Entry, Opened, Said
from tincans.decoding import Heard
from tincans.errors import NoSuchProtocol
from tincans.journal import Journal, Place
from tincans.limits import (
    ANSWER_SECONDS,
    EXACT_PAGES,
    HEX_BYTES,
    PAGE_ENTRIES,
    PAGE_READ_BYTES,
    PAGES_KEPT,
    STATE_SECONDS,
)
from tincans.protocols import Data, Malformed, find_protocol
from tincans.protocols.view import View
from tincans.transports.queues import queues
from tincans.waiting import State, ends
from tincans.watch import shapes
from tincans.watch.items import Begun, Items
from tincans.watch.playhead import Marks, Pace, Playhead, Spans
from tincans.watch.trouble import Refused

if TYPE_CHECKING:
    from tincans.watch.reels import Run

T = TypeVar("T")

#: Entries that a page of bulk is read by: each divides PAGE_ENTRIES, so that its beginning is one of the places.
_STEPS = [step for step in range(PAGE_ENTRIES, 0, -1) if PAGE_ENTRIES % step == 0]


class Stretch(NamedTuple):
    """A page, decoded: what became of so many entries."""

    page: int
    entries: int
    items: list[shapes.Item]
    #: Of each side: where its secrets are, and up to where events tell what it said.
    hidden: dict[Side, Spans]
    told: dict[Side, int]
    protocol: str
    is_exact: bool
    #: Whether what is not told can be shown, as it can hold no secret.
    is_plain: bool


class _Tip:
    """The reading of a page that goes on, or may."""

    def __init__(self, head: Playhead) -> None:
        self.head, self.page = head, head.page
        self.items = Items(head.page)
        self.hidden = _nowhere()
        self.entries = 0

    def read(self, entries: list[Entry], pace: Pace) -> None:
        self.head.read(entries, self.items, self.hidden, pace)
        self.entries += len(entries)

    def stretch(self, *, last: bool = False) -> Stretch:
        """What became of it until now; `last`: with what was begun."""
        head = self.head
        items = self.items.made()
        if last and head.waiting.conversation.closed is None:
            begun = Items(self.page, len(items))
            head.end(begun)
            items += begun.made()
        return Stretch(
            self.page, self.entries, items, self.hidden, dict(head.told), head.decoding.protocol, head.is_exact,
            head.is_plain,
        )  # fmt: skip


class _Doubts(Items):
    """Counts the bytes of which nothing could be made."""

    def __init__(self, page: int) -> None:
        super().__init__(page)
        self.bytes = 0

    def heard(self, heard: Heard, view: View, begun: dict[Side, Begun]) -> None:
        if isinstance(heard.event, Malformed | Data):
            self.bytes += heard.event.end - heard.event.start
        super().heard(heard, view, begun)


def _nowhere() -> dict[Side, Spans]:
    return {side: [] for side in Side}


class Reel:
    """One conversation. Its methods raise `NoSuchConversation` and `JournalError` as the journal does."""

    def __init__(self, journal: Journal, number: int, run: Run, protocol: str = "", *, secrets: bool = False) -> None:
        """`run` runs a function in a thread. `protocol` as `find_protocol` takes it. Raises `NoSuchProtocol`."""
        self.number, self.secrets = number, secrets
        self._journal, self._run, self._protocol = journal, run, protocol
        self._given = find_protocol(protocol).name if protocol else ""
        self._lock = asyncio.Lock()
        self._opened: Opened | None = None
        #: The beginnings of the pages, and the end of what is there.
        self._places: list[Place] = []
        self._end = Place(0, 0, 0, 0)
        self._exact, self._provisional = Marks(), Marks()
        self._kept: OrderedDict[int, Stretch] = OrderedDict()  # the one used last is last
        self._tip: _Tip | None = None
        self._told: State | None = None

    @property
    def pages(self) -> int:
        """How many pages there are; as far as `look` has seen."""
        return len(self._places)

    @property
    def total(self) -> int:
        """How many recorded entries there are; likewise."""
        return self._end.entry

    async def look(self) -> None:
        """See how long it is now."""
        async with self._lock:
            await self._look()

    async def page(self, number: int, *, exact: bool = False) -> shapes.Page:
        """A page; `exact` decodes all before it first, however long that takes. Raises `Refused` where there is none.

        Cancelling loses nothing but what was decoded last.
        """
        stretch = await self.stretch(number, exact=exact)
        return shapes.Page(
            conversation=self.number, page=number, first=number * PAGE_ENTRIES, entries=stretch.entries,
            pages=self.pages, total=self.total, protocol=stretch.protocol, exact=stretch.is_exact, items=stretch.items,
        )  # fmt: skip

    async def stretch(self, number: int, *, exact: bool = False) -> Stretch:
        """As `page`, with what only the server knows."""
        await self.look()
        self._check(number)
        while exact and number - self._nearest(number) > EXACT_PAGES:  # in slices, between which others have their turn
            async with self._lock:
                await self._advance(self._nearest(number) + EXACT_PAGES)
        async with self._lock:
            return await self._stretch(number, exact=exact)

    async def state(self, now: int) -> State:
        """Who waits for whom at `now`. Of a conversation whose end alone was decoded the sentence says so.

        Of one that grows so fast that its end has to be looked for each time, the state is a moment old at times.
        """
        async with self._lock:
            await self._look()
            told = self._told
            if told is not None and now - told.at < STATE_SECONDS * 1e9 and self._has_run_away():
                return told
            await self._stretch(self.pages - 1, exact=False)
            assert self._tip is not None
            self._told = await self._judged(self._tip, now)
            return self._told

    def _has_run_away(self) -> bool:
        """Whether its end is further away than what is read on quickly."""
        last = self._tip.page if self._tip is not None else self._nearest(self.pages - 1)
        return self.pages - 1 - last > EXACT_PAGES

    async def _judged(self, tip: _Tip, now: int) -> State:
        waiting, counted = tip.head.waiting, tip.head.waiting.conversation
        try:
            if not tip.head.is_exact:
                waiting.conversation = await self._journal.conversation(self.number)
            sockets = partial(queues, ends(waiting.conversation))
            state = await self._run(lambda: waiting.state(now, sockets(), patience=ANSWER_SECONDS))
        finally:
            waiting.conversation = counted
        if tip.head.is_exact:
            return state
        read = tip.entries + PAGE_ENTRIES
        return replace(state, sentence=f"judged by its last {read} recorded entries alone: {state.sentence}")

    async def bytes(self, side: Side, start: int, end: int) -> shapes.Bytes:
        """What `side` said from `start` up to `end`, as far as it did; HEX_BYTES at most."""
        if not 0 <= start <= end:
            raise Refused(400, "that is no span of bytes: it ends before it begins", "GET /api/openapi.json has more.")
        async with self._lock:
            await self._look()
            end = max(start, min(end, start + HEX_BYTES, _said(self._end, side)))
            data, missing = await self._said(side, start, end)
            hidden = [] if self.secrets else await self._hidden(side, start, end)
        for first, last in hidden:
            data[first - start : last - start] = bytes(last - first)
        return shapes.said(start, bytes(data), hidden, missing)

    async def head_at(self, page: int, *, exact: bool) -> Playhead:
        """A playhead at the beginning of a page, which is the caller's; as for `page`."""
        async with self._lock:
            return await self._reach(page, exact=exact)

    async def run(self, function: Callable[[], T]) -> T:
        """What a function gives that takes long, and is run where decoding is done."""
        return await self._run(function)

    async def entries(self, page: int) -> AsyncIterator[list[Entry]]:
        """The entries of a page, some megabytes at a time; none where the journal has forgotten it meanwhile."""
        if page >= self.pages:
            return
        place = self._places[page]
        after = self._places[page + 1] if page + 1 < self.pages else self._end
        said = after.client + after.server - place.client - place.server
        step = next(each for each in _STEPS if each == 1 or each * said <= PAGE_READ_BYTES * PAGE_ENTRIES)
        if step == PAGE_ENTRIES:
            yield await self._journal.entries(self.number, place, step)
            return
        for each in await self._journal.places(self.number, step, place):
            if place.entry <= each.entry < place.entry + PAGE_ENTRIES:
                yield await self._journal.entries(self.number, each, step)

    # ── how long it is ────────────────────────────────────────────────────────────────────────────────────

    async def _look(self) -> None:
        start = self._places[-1] if self._places else None
        *places, end = await self._journal.places(self.number, PAGE_ENTRIES, start)
        if start is not None and (places or [end])[0].entry != start.entry:
            self._forget()  # the journal has dropped the beginning, and the rest has other numbers
        self._places = [*self._places[:-1], *places] or [end]
        self._end = end
        if self._opened is None:
            (opened,) = await self._journal.entries(self.number, None, 1)
            assert isinstance(opened, Opened)
            self._opened = opened

    def _forget(self) -> None:
        self._places, self._opened, self._tip, self._told = [], None, None, None
        self._exact.clear()
        self._provisional.clear()
        self._kept.clear()

    def _check(self, number: int) -> None:
        if not 0 <= number < self.pages:
            raise Refused(404, f"there is no page {number}", f"There are {self.pages} pages, of which the first is 0.")

    # ── decoding ──────────────────────────────────────────────────────────────────────────────────────────

    async def _stretch(self, number: int, *, exact: bool) -> Stretch:
        """The page, decoded now or before."""
        await self._finish_tip()
        is_last = number == self.pages - 1
        if is_last:
            return await self._last(number, exact=exact)
        kept = self._kept.get(number)
        if kept is not None and (kept.is_exact or not self._is_near(number, exact)):
            self._kept.move_to_end(number)
            return kept
        return await self._read(_Tip(await self._reach(number, exact=exact)))

    async def _last(self, number: int, *, exact: bool) -> Stretch:
        """The page that may still grow."""
        tip, self._tip = self._tip, None  # whoever is cancelled leaves none
        if tip is None or tip.page != number or (exact and not tip.head.is_exact):
            tip = _Tip(await self._reach(number, exact=exact))
        await self._read_on(tip)
        self._tip = tip
        return await self._run(lambda: tip.stretch(last=True))

    async def _finish_tip(self) -> None:
        """What was the last page is one like others as soon as there is a further one."""
        if self._tip is not None and self._tip.page < self.pages - 1:
            tip, self._tip = self._tip, None
            await self._read(tip)

    async def _read(self, tip: _Tip) -> Stretch:
        """Read a page that is whole to its end, and keep what became of it, and where the next one begins."""
        await self._read_on(tip)
        stretch = await self._run(tip.stretch)
        self._kept[tip.page] = stretch
        self._kept.move_to_end(tip.page)
        while len(self._kept) > PAGES_KEPT:
            self._kept.popitem(last=False)
        tip.head.page += 1
        (self._exact if tip.head.is_exact else self._provisional).put(tip.head)
        return stretch

    async def _read_on(self, tip: _Tip) -> None:
        """Read what is there of a page and was not read yet."""
        known = tip.entries
        async for entries in self.entries(tip.page):
            fresh, known = entries[known:], max(0, known - len(entries))
            if fresh:
                await self._run(partial(tip.read, fresh, Pace()))
        ends_at = tip.page * PAGE_ENTRIES + tip.entries
        if ends_at > self._end.entry and tip.page == self.pages - 1:  # more has happened since
            self._end = self._end._replace(entry=ends_at)

    async def _advance(self, page: int) -> None:
        """Read exactly up to the beginning of a page."""
        await self._finish_tip()
        head = await self._reach(page, exact=True)
        self._exact.put(head)

    async def _reach(self, number: int, *, exact: bool) -> Playhead:
        """A playhead that stands at the beginning of a page, and is the caller's."""
        if self._is_near(number, exact):
            found = self._exact.nearest(number)
            head = await self._run(partial(self._exact.take, found)) if found is not None else self._first()
        else:
            found = self._provisional.nearest(number)
            if found is not None and number - found <= EXACT_PAGES:
                head = await self._run(partial(self._provisional.take, found))
            else:
                head = await self._jumped(number)
        while head.page < number:
            tip = _Tip(head)
            await self._read_on(tip)
            head.page += 1
        return head

    async def _jumped(self, number: int) -> Playhead:
        """A playhead at a page of which it has read only the page before.

        It speaks what was spoken when that was last known, and takes the place where it began for the middle of a
        message or for the beginning of one: whatever makes more sense of that page.
        """
        if self._exact.nearest(number) is None:
            await self._read(_Tip(self._first()))
        heads = [await self._run(partial(self._begun_at, number - 1, torn)) for torn in (True, False)]
        doubts = [_Doubts(number - 1), _Doubts(number - 1)]
        async for entries in self.entries(number - 1):
            for head, doubt in zip(heads, doubts, strict=True):
                await self._run(partial(head.read, entries, doubt, _nowhere(), Pace()))
        _, head = min(zip(doubts, heads, strict=True), key=lambda each: each[0].bytes + each[1].size)
        head.page += 1
        return head

    def _begun_at(self, number: int, torn: bool) -> Playhead:
        known = self._exact.nearest(number)
        name = self._exact.protocol(known) if known is not None else ""
        protocol = self._protocol if name in ("", self._given) else name
        assert self._opened is not None
        begin = partial(Playhead.at, self._places[number], self._opened, secrets=self.secrets, page=number, torn=torn)
        try:
            return begin(protocol)
        except NoSuchProtocol:  # a class that others named
            return begin(self._protocol)

    def _first(self) -> Playhead:
        assert self._opened is not None
        return Playhead(self._opened, self._protocol, secrets=self.secrets)

    def _nearest(self, number: int) -> int:
        return self._exact.nearest(number) or 0

    def _is_near(self, number: int, exact: bool) -> bool:
        """Whether a page is decoded exactly: from its nearest playhead that is, however far that is for `exact`."""
        return exact or number - self._nearest(number) <= EXACT_PAGES

    # ── bytes ─────────────────────────────────────────────────────────────────────────────────────────────

    def _page_of(self, side: Side, offset: int) -> int:
        """The page in whose entries a byte was said."""
        return max(0, bisect_right(self._places, offset, key=lambda place: _said(place, side)) - 1)

    async def _said(self, side: Side, start: int, end: int) -> tuple[bytearray, Spans]:
        """The bytes, zeros in the place of those that are missing, and where those are."""
        data, missing = bytearray(end - start), Spans()
        page = self._page_of(side, start)
        while page < self.pages and start < end:
            at = _said(self._places[page], side)
            if at >= end:
                break
            async for entries in self.entries(page):
                for entry in entries:
                    at = _fill(data, missing, start, entry, side, at)
            page += 1
        return data, missing

    async def _hidden(self, side: Side, start: int, end: int) -> Spans:
        """Where in it secrets are, known by the events that it is a part of, which may end pages later."""
        hidden, told = Spans(), start
        first = self._page_of(side, start)
        last = self._page_of(side, max(start, end - 1))
        for page in range(first, min(last + EXACT_PAGES, self.pages)):
            stretch = await self._stretch(page, exact=False)
            hidden += [(max(a, start), min(b, end)) for a, b in stretch.hidden[side] if a < end and b > start]
            told = end if stretch.is_plain else max(told, min(end, stretch.told[side]))
            if told >= end:
                break
        return [*hidden, (told, end)] if told < end else hidden


def _said(place: Place, side: Side) -> int:
    return place.client if side is Side.CLIENT else place.server


def _fill(data: bytearray, missing: Spans, start: int, entry: Entry, side: Side, at: int) -> int:
    """Put what an entry tells of, which begins at `at`, into `data`, which begins at `start`; gives where it ends."""
    if not isinstance(entry, Said | Dropped) or entry.side is not side:
        return at
    end = at + (len(entry.data) if isinstance(entry, Said) else entry.count)
    first, last = max(at, start), min(end, start + len(data))
    if first < last:
        if isinstance(entry, Said):
            data[first - start : last - start] = entry.data[first - at : last - at]
        else:
            missing.append((first, last))
    return end
