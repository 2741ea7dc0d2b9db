"""Carries what two channels say from each to the other, until both are done: the middle of a relay, or of `exec:`.

Each direction is one task that receives from one side and sends to the other; nothing is queued between them, so a slow
reader slows the writer down. A message is passed on as one message, and what a stream gives at once as one piece.

* **Half-close passes.** The end of what A says becomes `send_eof` on B, and B goes on talking to A until it ends too.
* **Where one of them cannot half-close**: what A said has been delivered, and B goes on for as long as it says
  something; once it was silent for `DRAIN_SECONDS`, both are closed. The taps are told in a note.
* **A loss passes.** When one side is lost (`ChannelBroken`) or breaks its protocol's rules, the other is aborted. Only
  a side that has said goodbye and cannot half-close, a WebSocket that sent Close, is not lost by not listening; nor is
  one whose two directions are pipes of their own, a process that does not read its input.
* **A join loses boundaries** where one side is a stream and the other has messages; the taps are told once, before
  anything is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tincans.channel import Buffer, Channel, Side
from tincans.conversation import How, Tap
from tincans.errors import CannotHalfClose, ChannelBroken, ChannelClosed, ChannelError, EndOfStream
from tincans.limits import DATAGRAM_BYTES, DRAIN_SECONDS
from tincans.recording import Outcome
from tincans.tasks import spawn

_Send = Callable[[Buffer], Awaitable[None]]


async def pump(client: Channel, server: Channel, taps: Sequence[Tap] = (), *, drain: float = DRAIN_SECONDS) -> Outcome:
    """Carry both directions to their ends, close both channels and say how it ended. The taps hear all but `closed`.

    Owns both channels: they are closed when it returns, raises or is cancelled; cancelling aborts them, and so does
    an error that is none of a channel's, which is raised. `drain` is in seconds.
    """
    return await _Pump(client, server, taps, drain).run()


class _Pump:
    """One conversation being carried."""

    __slots__ = ("_drain", "_ends", "_grace", "_moved", "_outcome", "_sides", "_taps")

    def __init__(self, client: Channel, server: Channel, taps: Sequence[Tap], drain: float) -> None:
        self._sides = {Side.CLIENT: client, Side.SERVER: server}
        self._taps = tuple(taps)
        self._drain = drain
        self._ends: tuple[Side, ...] = ()  # who ended what they say, the first first
        self._outcome: Outcome | None = None
        self._moved = True  # something was said since the grace timer looked
        self._grace: asyncio.TimerHandle | None = None

    async def run(self) -> Outcome:
        answers = spawn(self._carry(Side.SERVER, Side.CLIENT))
        try:
            await self._carry(Side.CLIENT, Side.SERVER)
            await answers
            if self._outcome is None:
                await self._close()
        except BaseException:
            self._abort()
            await asyncio.wait([answers])  # at once: the abort has woken it
            raise
        finally:
            if self._grace is not None:
                self._grace.cancel()
        return self._outcome or Outcome(How.FINISHED, self._ends[0] if self._ends else None)

    # ── one direction ─────────────────────────────────────────────────────────────────────────────────────

    async def _carry(self, side: Side, other: Side) -> None:
        try:
            await self._carry_all(side, other)
        except EndOfStream:
            await self._ended(side, other)
        except ChannelClosed:
            # the other direction has closed both; or somebody else this one, so the other goes, too
            await self._close()
        except ChannelBroken as error:
            self._lost(side, error)
        except ChannelError as error:
            self._end(Outcome(How.RESET, side, str(error)))
        except BaseException:
            self._abort()
            raise

    async def _carry_all(self, side: Side, other: Side) -> None:
        """Until the source ends. This is the loop that every byte goes through."""
        receive, send = self._sides[side].receive, self._sender(side, other)
        taps = self._taps
        while True:
            data = await receive()
            try:
                await send(data)
            except ChannelBroken as error:
                return self._unheard(other, error)
            except ChannelClosed:
                return None  # the other was told already that this side has ended
            self._moved = True
            for tap in taps:
                tap.said(side, data)

    def _sender(self, side: Side, other: Side) -> _Send:
        """How a piece from one side is sent to the other, where one has boundaries and the other has not."""
        source, sink = self._sides[side], self._sides[other]
        if source.traits.boundaries is sink.traits.boundaries:
            return sink.send
        if sink.traits.boundaries:
            self._note(f"the {side.value} is a stream, so what it says at once is one message to the {other.value}")
            return sink.send if sink.traits.reliable else _in_datagrams(sink)
        self._note(f"the {other.value} is a stream, so it does not see where a message of the {side.value} ends")
        return _but_nothing(sink)

    # ── endings ───────────────────────────────────────────────────────────────────────────────────────────

    async def _ended(self, side: Side, other: Side) -> None:
        self._ends += (side,)
        for tap in self._taps:
            tap.ended(side)
        try:
            await self._sides[other].send_eof()
        except CannotHalfClose:
            self._begin_grace(other, f"the {other.value} cannot be told that the {side.value} has ended")
        except ChannelClosed:
            pass
        except ChannelBroken as error:
            if other not in self._ends:
                self._lost(other, error)
        else:
            if not self._sides[side].traits.half_close:
                self._begin_grace(other, f"the {side.value} has closed its channel")

    def _begin_grace(self, other: Side, why: str) -> None:
        """The rule where one side's end is not just its own: the other may go on until it is silent."""
        if other not in self._ends:
            self._note(f"{why}: both are closed when the {other.value} was silent for {self._drain:g} s")
            self._moved = True
            self._look()

    def _look(self) -> None:
        if self._moved:
            self._moved = False
            self._grace = asyncio.get_running_loop().call_later(self._drain, self._look)
        else:
            spawn(self._close())

    def _unheard(self, side: Side, error: ChannelBroken) -> None:
        """What was said to `side` did not reach it. A process that does not read its input may still have an answer."""
        if side in self._ends and not self._sides[side].traits.half_close:
            self._note(f"the {side.value} has closed its channel and did not hear the rest")
        elif self._sides[side].traits.independent:
            self._note(f"the {side.value} does not read any more and did not hear the rest")
        else:
            self._lost(side, error)

    def _lost(self, side: Side, error: ChannelBroken) -> None:
        self._end(Outcome(How.RESET, side, error.reason))

    def _end(self, outcome: Outcome) -> None:
        """The first reason is the story; what the abort sets off after it is not."""
        if self._outcome is None:
            self._outcome = outcome
        self._abort()

    def _note(self, text: str) -> None:
        for tap in self._taps:
            tap.noted(text)

    def _abort(self) -> None:
        for channel in self._sides.values():
            channel.abort()

    async def _close(self) -> None:
        await asyncio.gather(*(channel.aclose() for channel in self._sides.values()))


def _in_datagrams(sink: Channel) -> _Send:
    async def send(data: Buffer) -> None:
        for start in range(0, len(data), DATAGRAM_BYTES):
            await sink.send(data[start : start + DATAGRAM_BYTES])

    return send


def _but_nothing(sink: Channel) -> _Send:
    async def send(data: Buffer) -> None:
        if data:
            await sink.send(data)

    return send
