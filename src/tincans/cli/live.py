"""The live printer: a `Recorder` that prints conversations while they go on.

It must not slow the traffic down, so it takes how each turn begins and only counts the rest: beyond the `BOUNDS` of a
turn, or of one side in a second, it does not want the bytes any more (`wants`), and a relay may carry them past it. So
a slow stream is shown whole, a long one as how far it has come, and two that cross do not flood the screen:

    the other side speaks, with bytes left for this second ──► what was not shown is told, a turn begins
    said, room left in the turn ──► shown                  no room left ──► counted, and a timer is set
    the timer fires, a second later ──► what was not shown is told, a second begins

Decoding and printing happen in the thread of an `Output`. What its queue has no room for is left out like what is
beyond the bounds, so the decoder hears of every gap; it hears of the beginning of a conversation before anything else
of it, and always of its end.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypedDict

from tincans.channel import Buffer, Side
from tincans.cli.options import Show
from tincans.cli.output import Output
from tincans.cli.transcript import NOT_SHOWN, Event, Json, Pause, Script, Totals
from tincans.cli.voice import SECOND, Bounds, Voice
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
)

#: How much of a turn goes to the decoder, and of one side in a second: the header of any ordinary message is whole in a
#: turn, as it is in a buffer of nginx (large_client_header_buffers: 8 KiB).
BOUNDS = Bounds(turn=8 * 1024, second=32 * 1024)

#: Pieces of all conversations together that are decoded in a second, more than anybody reads. An HTTP message takes
#: 0.15 ms, in which the loop waits for the interpreter: so it loses a tenth of its time at the most.
PIECES = Bounds(turn=500, second=500)

#: How long the other thread may keep the interpreter from the loop, in seconds. With Python's own 5 ms a relay of 50
#: busy connections carries a third less.
SWITCH_SECONDS = 0.0001

#: What comes a few times in a conversation, and changes how what follows it is understood.
_ALWAYS_TOLD = (Joined, Ended, Secured, Closed)


@contextmanager
def printing(
    show: Show, on_broken: Callable[[], object], *, fd: int = 1, worker: int = 0, of: int = 1, totals: bool = True
) -> Iterator[Printer]:
    """A printer to `fd`, with the `totals` at a good end; in colour where that is a terminal and wants it.

    `on_broken` is called, from another thread, when whoever reads it has gone. Where several processes print, each
    is a `worker` of so many.
    """
    sys.stdout.flush()
    sys.setswitchinterval(SWITCH_SECONDS)
    style = show.style(wants_colour(fd))._replace(live=True)
    form = Json(style) if show.json else Script(style)
    printer = Printer(Output(fd, form, on_broken), full=show.full, worker=worker, of=of)
    try:
        yield printer
    except BaseException:
        printer.close(totals=False)
        raise
    printer.close(totals=totals)


def wants_colour(fd: int) -> bool:
    """Whether it is a terminal that can, and NO_COLOR (no-color.org) does not forbid it."""
    return os.isatty(fd) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Printer:
    """Gives every conversation a tap that prints it to `output`, and at the end prints the totals.

    A conversation without a journal's number gets one that no other worker gives.
    """

    def __init__(
        self, output: Output[Event], *, full: bool = False, clock: Clock = SYSTEM, worker: int = 0, of: int = 1
    ) -> None:
        self.full, self.now = full, clock.now
        self._output = output
        self._numbers = itertools.count(worker + 1, of)
        self._totals = Totals(worker=worker if of > 1 else None)
        self._pieces = Voice(0, PIECES)
        self._spoken = False  # since the last look
        self._look: asyncio.TimerHandle | None = None

    def begin(self, opening: Opening) -> _Ear:
        return _Ear(self, opening, opening.number or next(self._numbers))

    def tell(self, entry: Entry, conversation: Conversation) -> bool:
        """Print an entry; whether there was room for it."""
        size = len(entry.data) if isinstance(entry, Said) else 0
        if isinstance(entry, Said | Dropped):
            self._hear()
        return self._output.put((entry, conversation), size, must=isinstance(entry, _ALWAYS_TOLD))

    @property
    def is_crowded(self) -> bool:
        """Whether more is said this second, by all together, than is shown."""
        return not (self.full or self._pieces.room or self._pieces.is_over(self.now()))

    def take_piece(self) -> bool:
        """Whether one more piece is shown this second."""
        if self.full:
            return True
        now = self.now()
        if self._pieces.is_over(now):
            self._pieces.begin_turn(now)
        return self._pieces.spend(1) > 0

    def count(self, conversation: Conversation) -> None:
        """It is over."""
        self._totals.add(conversation)

    def close(self, *, totals: bool = True) -> None:
        """Print the totals, and wait until all is printed."""
        if self._look is not None:
            self._look.cancel()
        if totals:
            self._output.put(self._totals)
        self._output.close()

    # ── who was silent for a second ───────────────────────────────────────────────────────────────────────

    def _hear(self) -> None:
        self._spoken = True
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(SECOND, self._second_over)

    def _second_over(self) -> None:
        self._output.put(Pause(self.now()))
        self._look = None
        if self._spoken:
            self._hear()
            self._spoken = False


class _Ear:
    """The tap of one conversation."""

    __slots__ = ("_conversation", "_full", "_opened", "_printer", "_side", "_timer", "_voices", "number")

    def __init__(self, printer: Printer, opening: Opening, number: int) -> None:
        self.number = number
        self._printer, self._full = printer, printer.full
        now = printer.now()
        self._side = Side.CLIENT  # whose turn it is
        self._voices = {side: Voice(now, BOUNDS) for side in Side}
        self._timer: asyncio.TimerHandle | None = None
        opened = opening.opened(number, now)
        self._conversation = Conversation.from_opened(opened)
        #: Until there was room for it: nothing else is told before.
        self._opened: Opened | None = opened
        self._put()

    # ── what a relay or a channel tells ───────────────────────────────────────────────────────────────────

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None:
        self._tell(Joined(**self._now(), far=far, server=server, facts=dict(facts)))

    def wants(self, side: Side) -> bool:
        voice = self._voices[side]
        if self._full:
            return True
        return (voice.room > 0 or (side is not self._side and voice.left > 0)) and not self._printer.is_crowded

    def said(self, side: Side, data: Buffer) -> None:
        count = len(data)
        if not self._printer.take_piece():
            self._leave_out(side, count)
            return
        shown = count if self._full else self._spend(side, count)
        if shown or not count:
            entry = Said(**self._now(), side=side, data=bytes(data[:shown]))
            self._conversation.fold(entry)
            if not (self._is_told_whole(side) and self._put(entry)):
                self._cut(side, shown)
        if shown < count:
            self._leave_out(side, count - shown)

    def carried(self, side: Side, count: int) -> None:
        if side is not self._side and not self._printer.is_crowded:
            self._begin_turn(side)
        self._leave_out(side, count)

    def ended(self, side: Side) -> None:
        self._tell_cut()
        self._tell(Ended(**self._now(), side=side))

    def noted(self, text: str) -> None:
        self._tell(Noted(**self._now(), text=text))

    def secured(self, facts: Mapping[str, str]) -> None:
        self._tell_cut()
        self._tell(Secured(**self._now(), facts=dict(facts)))

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        self._tell_cut()
        self._tell(Closed(**self._now(), how=how, by=by, detail=detail))
        if self._timer is not None:
            self._timer.cancel()
        self._printer.count(self._conversation)

    # ── turns ─────────────────────────────────────────────────────────────────────────────────────────────

    def _spend(self, side: Side, count: int) -> int:
        voice = self._voices[side]
        if side is not self._side or (count > voice.room and voice.is_over(self._printer.now())):
            self._begin_turn(side)
        return voice.spend(count)

    def _begin_turn(self, side: Side) -> None:
        self._side = side
        voice = self._voices[side]
        voice.begin_turn(self._printer.now())
        if voice.room:
            self._tell_cut()

    def _leave_out(self, side: Side, count: int) -> None:
        self._conversation.fold(self._dropped(side, count))
        self._cut(side, count)

    def _cut(self, side: Side, count: int) -> None:
        self._voices[side].cut += count
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SECOND, self._second_over)

    def _second_over(self) -> None:
        self._timer = None
        self._tell_cut()
        for voice in self._voices.values():
            voice.begin_turn(self._printer.now())

    # ── telling ───────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, entry: Entry) -> None:
        self._conversation.fold(entry)
        self._put(entry)

    def _put(self, entry: Entry | None = None) -> bool:
        """Print it, behind the beginning; whether there was room for that."""
        if self._opened is not None:
            if not self._printer.tell(self._opened, self._conversation):
                return False
            self._opened = None
        return entry is None or self._printer.tell(entry, self._conversation)

    def _is_told_whole(self, side: Side) -> bool:
        """Whether nothing lacks of what that side said before, or the decoder knows how much."""
        if self._voices[side].cut:
            self._tell_cut()
        return not self._voices[side].cut

    def _tell_cut(self) -> None:
        """Tell how much was not shown."""
        for side, voice in self._voices.items():
            if voice.cut and self._put(self._dropped(side, voice.cut)):
                voice.cut = 0
        if self._timer is not None and not any(voice.cut for voice in self._voices.values()):
            self._timer.cancel()
            self._timer = None

    def _dropped(self, side: Side, count: int) -> Dropped:
        return Dropped(**self._now(), side=side, count=count, reason=NOT_SHOWN)

    def _now(self) -> _When:
        return {"conversation": self.number, "at": self._printer.now()}


class _When(TypedDict):
    conversation: int
    at: int
