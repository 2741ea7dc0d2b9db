"""The live printer: a `Recorder` that prints conversations while they go on.

It must not slow the traffic down, so it shows how each turn begins and only counts the rest: after `TURN_BYTES` of a
turn, or `SECOND_BYTES` of one side in a second, it does not want the bytes any more (`wants`), and a relay may carry
them past it. So a slow stream is shown whole, a long one as how far it has come, and two that cross do not flood the
screen:

    the other side speaks, with bytes left for this second ──► what was not shown is told, a turn begins
    said, room left in the turn ──► shown                  no room left ──► counted, and a timer is set
    the timer fires, a second later ──► what was not shown is told, a second begins

Printing itself happens in the thread of an `Output`.
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
from tincans.cli.transcript import Event, Json, Script, Totals
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

#: How much of a turn is shown, and of all that one side says in a second: half a screen of text, and eight screens.
TURN_BYTES = 1024
SECOND_BYTES = 16 * 1024
SECOND = 1.0

_NOT_SHOWN = "not shown (--full shows all)"


@contextmanager
def printing(
    show: Show, on_broken: Callable[[], object], *, fd: int = 1, worker: int = 0, of: int = 1
) -> Iterator[Printer]:
    """A printer to `fd`, with the totals at a good end; in colour where that is a terminal and wants it.

    `on_broken` is called, from another thread, when whoever reads it has gone. Where several processes print, each
    is a `worker` of so many.
    """
    sys.stdout.flush()
    form = Json() if show.json else Script(hex=show.hex, colour=wants_colour(fd))
    printer = Printer(Output(fd, form, on_broken), full=show.full, worker=worker, of=of)
    try:
        yield printer
    except BaseException:
        printer.close(totals=False)
        raise
    printer.close()


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

    def begin(self, opening: Opening) -> _Ear:
        return _Ear(self, opening, opening.number or next(self._numbers))

    def tell(self, entry: Entry, conversation: Conversation) -> None:
        """Print an entry, and count a conversation that is over."""
        self._output.put((entry, conversation), len(entry.data) if isinstance(entry, Said) else 0)
        if isinstance(entry, Closed):
            self._totals.add(conversation)

    def close(self, *, totals: bool = True) -> None:
        """Print the totals, and wait until all is printed."""
        if totals:
            self._output.put(self._totals)
        self._output.close()


class _Voice:
    """How much more of what one side says is shown, and how much was not."""

    __slots__ = ("cut", "left", "room", "since")

    def __init__(self, now: int) -> None:
        self.since = now  # when its second began, in nanoseconds
        self.left = SECOND_BYTES
        self.room = TURN_BYTES
        self.cut = 0

    def begin_turn(self, now: int) -> None:
        if now - self.since > SECOND * 1e9:
            self.since, self.left = now, SECOND_BYTES
        self.room = min(TURN_BYTES, self.left)

    def spend(self, count: int) -> int:
        """How many of `count` bytes are shown."""
        shown = min(count, self.room)
        self.room -= shown
        self.left -= shown
        return shown


class _Ear:
    """The tap of one conversation."""

    __slots__ = ("_conversation", "_full", "_printer", "_side", "_timer", "_voices", "number")

    def __init__(self, printer: Printer, opening: Opening, number: int) -> None:
        self.number = number
        self._printer, self._full = printer, printer.full
        now = printer.now()
        self._side = Side.CLIENT  # whose turn it is
        self._voices = {side: _Voice(now) for side in Side}
        self._timer: asyncio.TimerHandle | None = None
        opened = Opened(
            conversation=number, at=now, kind=opening.kind, name=opening.name, client=opening.client,
            server=opening.server, near=opening.near, far=opening.far, boundaries=opening.boundaries,
            facts=opening.facts,
        )  # fmt: skip
        self._conversation = Conversation.from_opened(opened)
        printer.tell(opened, self._conversation)

    # ── what a relay or a channel tells ───────────────────────────────────────────────────────────────────

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None:
        self._tell(Joined(**self._now(), far=far, server=server, facts=dict(facts)))

    def wants(self, side: Side) -> bool:
        voice = self._voices[side]
        return self._full or voice.room > 0 or (side is not self._side and voice.left > 0)

    def said(self, side: Side, data: Buffer) -> None:
        count = len(data)
        shown = count if self._full else self._spend(side, count)
        if shown or not count:
            self._tell(Said(**self._now(), side=side, data=bytes(data[:shown])))
        if shown < count:
            self._leave_out(side, count - shown)

    def carried(self, side: Side, count: int) -> None:
        if side is not self._side:
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

    # ── turns ─────────────────────────────────────────────────────────────────────────────────────────────

    def _spend(self, side: Side, count: int) -> int:
        voice = self._voices[side]
        if side is not self._side or (count > voice.room and self._printer.now() - voice.since > SECOND * 1e9):
            self._begin_turn(side)
        return voice.spend(count)

    def _begin_turn(self, side: Side) -> None:
        self._side = side
        voice = self._voices[side]
        voice.begin_turn(self._printer.now())
        if voice.room:
            self._tell_cut()

    def _leave_out(self, side: Side, count: int) -> None:
        self._voices[side].cut += count
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SECOND, self._second_over)

    def _second_over(self) -> None:
        self._tell_cut()
        for voice in self._voices.values():
            voice.begin_turn(self._printer.now())

    def _tell_cut(self) -> None:
        """Tell how much was not shown."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for side, voice in self._voices.items():
            if voice.cut:
                cut, voice.cut = voice.cut, 0
                self._tell(Dropped(**self._now(), side=side, count=cut, reason=_NOT_SHOWN))

    def _now(self) -> _When:
        return {"conversation": self.number, "at": self._printer.now()}

    def _tell(self, entry: Entry) -> None:
        self._conversation.fold(entry)
        self._printer.tell(entry, self._conversation)


class _When(TypedDict):
    conversation: int
    at: int
