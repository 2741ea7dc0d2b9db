"""The live printer: a `Recorder` that prints conversations while they go on.

It must not slow the traffic down, so it shows how each turn begins and only counts the rest: of what a side says
`TURN_BYTES` are shown; then it does not want the bytes any more (`wants`), and a relay may carry them past it. A new turn
begins when the other side speaks, and once a second in a long one, so that a slow stream is shown whole and a
fast one as how far it has come:

    said by the same side, room left ──► shown        no room left ──► counted, and a timer is set
    said by the other side, or the timer fires ──► what was counted is told, and a new turn begins

Printing itself happens in the thread of an `Output`.
"""

from __future__ import annotations

import asyncio
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
)

#: How much of a turn is shown: about what a terminal of 80 × 24 holds half of.
TURN_BYTES = 1024

#: A turn in which more is said than is shown ends after so many seconds.
TURN_SECONDS = 1.0

_NOT_SHOWN = "not shown (--full shows all)"


@contextmanager
def printing(show: Show, on_broken: Callable[[], object]) -> Iterator[Printer]:
    """A printer to stdout, with the totals at the end; in colour where that is a terminal and wants it.

    `on_broken` is called, from another thread, when whoever reads stdout has gone.
    """
    sys.stdout.flush()
    form = Json() if show.json else Script(hex=show.hex, colour=wants_colour(1))
    printer = Printer(Output(1, form, on_broken), full=show.full)
    try:
        yield printer
    finally:
        printer.close()


def wants_colour(fd: int) -> bool:
    """Whether it is a terminal that can, and NO_COLOR (no-color.org) does not forbid it."""
    return os.isatty(fd) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Printer:
    """Gives every conversation a tap that prints it to `output`, and at the end prints the totals."""

    def __init__(self, output: Output[Event], *, full: bool = False, clock: Clock = SYSTEM) -> None:
        self.full, self.now = full, clock.now
        self._output = output
        self._count = 0
        self._totals = Totals()

    def begin(self, opening: Opening) -> _Ear:
        self._count += 1
        return _Ear(self, opening, opening.number or self._count)

    def tell(self, entry: Entry, conversation: Conversation) -> None:
        """Print an entry, and count a conversation that is over."""
        self._output.put((entry, conversation), len(entry.data) if isinstance(entry, Said) else 0)
        if isinstance(entry, Closed):
            self._totals.add(conversation)

    def close(self) -> None:
        """Print the totals, and wait until all is printed."""
        self._output.put(self._totals)
        self._output.close()


class _Ear:
    """The tap of one conversation."""

    __slots__ = ("_began", "_conversation", "_cut", "_full", "_printer", "_room", "_side", "_timer", "number")

    def __init__(self, printer: Printer, opening: Opening, number: int) -> None:
        self.number = number
        self._printer, self._full = printer, printer.full
        self._side = Side.CLIENT  # whose turn it is,
        self._began = printer.now()  # since when,
        self._room = TURN_BYTES  # how much more of it is shown,
        self._cut = 0  # and how much of it was not
        self._timer: asyncio.TimerHandle | None = None
        opened = Opened(
            conversation=number, at=self._began, kind=opening.kind, name=opening.name, client=opening.client,
            server=opening.server, near=opening.near, far=opening.far, boundaries=opening.boundaries,
            facts=opening.facts,
        )  # fmt: skip
        self._conversation = Conversation.from_opened(opened)
        printer.tell(opened, self._conversation)

    # ── what a relay or a channel tells ───────────────────────────────────────────────────────────────────

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None:
        self._tell(Joined(**self._now(), far=far, server=server, facts=dict(facts)))

    def wants(self, side: Side) -> bool:
        return self._full or side is not self._side or self._room > 0

    def said(self, side: Side, data: Buffer) -> None:
        count = len(data)
        shown = count if self._full else self._spend(side, count)
        if shown or not count:
            self._tell(Said(**self._now(), side=side, data=bytes(data[:shown])))
        if shown < count:
            self._leave_out(count - shown)

    def carried(self, side: Side, count: int) -> None:
        if side is not self._side:
            self._begin_turn(side)
        self._leave_out(count)

    def ended(self, side: Side) -> None:
        self._begin_turn(self._side)
        self._tell(Ended(**self._now(), side=side))

    def noted(self, text: str) -> None:
        self._tell(Noted(**self._now(), text=text))

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        self._begin_turn(self._side)
        self._tell(Closed(**self._now(), how=how, by=by, detail=detail))

    # ── turns ─────────────────────────────────────────────────────────────────────────────────────────────

    def _spend(self, side: Side, count: int) -> int:
        """How many of the `count` bytes that `side` says are shown."""
        if side is not self._side or (count > self._room and self._printer.now() - self._began > TURN_SECONDS * 1e9):
            self._begin_turn(side)
        shown = min(count, self._room)
        self._room -= shown
        return shown

    def _leave_out(self, count: int) -> None:
        self._cut += count
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TURN_SECONDS, self._turn_over)

    def _turn_over(self) -> None:
        self._timer = None
        self._begin_turn(self._side)

    def _begin_turn(self, side: Side) -> None:
        """Tell what was left out of the turn before, and begin one of `side`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._cut:
            cut, self._cut = self._cut, 0
            self._tell(Dropped(**self._now(), side=self._side, count=cut, reason=_NOT_SHOWN))
        self._side, self._room, self._began = side, TURN_BYTES, self._printer.now()

    def _now(self) -> _When:
        return {"conversation": self.number, "at": self._printer.now()}

    def _tell(self, entry: Entry) -> None:
        self._conversation.fold(entry)
        self._printer.tell(entry, self._conversation)


class _When(TypedDict):
    conversation: int
    at: int
