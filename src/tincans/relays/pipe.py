"""One direction of a link between two stream sockets.

A pipe is driven by the loop's callbacks, not by a task: a small message costs one wake-up, one recv(2) and one send(2).
It is in one of seven states, each with the descriptor it watches:

    state     watches           on the event
    ───────   ───────────────   ─────────────────────────────────────────────────────────────────────────────
    COPYING   source readable   recv into the shared room, send; what was not accepted is held → HOLDING
    HOLDING   target writable   send what is held; when all is gone → COPYING
    SPLICING  source readable   splice into the kernel pipe and out of it; what stays inside → POURING
    POURING   target writable   splice out of the kernel pipe; when it is empty → SPLICING
    RESTING   a timer           SPLICING, after the journal's thread had a moment to catch up
    PAUSED    nothing           COPYING or SPLICING, once somebody lets it go on who has paused it by hand
    ENDED     nothing           the source has ended, and the target was told so

BULK_AFTER receives of BULK_BYTES or more in a row make COPYING into SPLICING where a kernel pipe is to be had; the
plumbing's sweep makes it COPYING again when nothing more flows. Nothing is read while something waits to be written:
that is the backpressure, and the bound.

Taps hear what was passed on. A tap that only counts bulk hears `carried`; a journal gets a copy made by tee(2) in a
kernel pipe of its own (`BulkTap.said_pipe`). Where the journal is behind, or has all the pipes, the traffic rests for
REST_MOST in all; a journal that is still behind then loses what is carried, and is told so, until it has caught up.

A pipe can be steered: it is the `Way` of its side (`tincans.controls`). What is done by hand waits its turn: what is
held or inside the kernel pipe goes out first, then what is said by hand (HOLDING, until the target has all of it), then
the pipe is PAUSED, or ENDED as if the source had. A paused pipe does not watch its source: that the source is lost is
noticed when the pipe goes on, or when the other direction writes to it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from tincans.channel import Side
from tincans.conversation import BulkTap, Tap
from tincans.errors import CannotSteer
from tincans.limits import BULK_AFTER, BULK_BYTES, PIPE_BYTES, REST_MOST, REST_SECONDS, SAY_BYTES
from tincans.relays.plumbing import CAN_SPLICE, CAN_TEE, SPLICE, KernelPipe, Plumbing, tee
from tincans.tasks import wake
from tincans.transports.readers import Reader


class Ends(Protocol):
    """Who is told how a pipe fares: the link."""

    def ended(self, side: Side) -> None:
        """`side` has said its last word, and the other was told."""

    def lost(self, side: Side, error: OSError) -> None:
        """`side` is gone."""


class Pipe:
    """Carries what `side` says from `source` to `target`; the link owns both sockets."""

    __slots__ = (
        "_by_hand", "_held", "_inside", "_journal", "_kernel", "_large", "_link", "_lookers", "_loop", "_marked",
        "_plumbing", "_pouring", "_reader", "_recv_into", "_rested", "_resting", "_send", "_source", "_taps", "_target",
        "count", "ended", "side",
    )  # fmt: skip

    least, most = 1, SAY_BYTES

    def __init__(
        self,
        side: Side,
        source: socket.socket,
        target: socket.socket,
        taps: Sequence[Tap],
        plumbing: Plumbing,
        link: Ends,
    ) -> None:
        self.side = side
        #: Bytes carried.
        self.count = 0
        self.ended = False
        self._source, self._target = source.fileno(), target.fileno()
        self._recv_into, self._send = source.recv_into, target.send
        self._taps = taps
        self._journal = _journal_of(taps) if CAN_TEE and taps else None
        self._lookers = [tap for tap in taps if tap is not self._journal] if taps else taps
        self._plumbing = plumbing
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._reader: Reader | None = None  # while it watches the source
        self._large = 0  # large receives in a row
        self._held: memoryview | None = None
        self._kernel: KernelPipe | None = None
        self._inside = 0  # bytes in the kernel pipe
        self._pouring = False
        self._resting: asyncio.TimerHandle | None = None
        self._rested = 0.0  # seconds, since the journal was not behind
        self._marked = 0  # the count when the sweep last looked
        self._by_hand: _ByHand | None = None  # once somebody steers

    def start(self) -> None:
        """Begin to carry."""
        self._go_on()

    def stop(self) -> None:
        """Carry nothing more and give the kernel pipe back. The link closes the sockets."""
        self._stop_reading()
        self._loop.remove_writer(self._target)
        if self._resting is not None:
            self._resting.cancel()
        self._held = None
        self._return_kernel()
        if self._by_hand is not None:
            self._by_hand.over()

    def _go_on(self) -> None:
        """Nothing is held, nor inside: read from the source again, unless something was done by hand."""
        if self._by_hand is None or self._heed(self._by_hand):
            self._read()

    def _read(self) -> None:
        look = self._splice if self._kernel else self._copy
        if self._reader is None:
            self._reader = Reader(self._loop, self._source, look)
        else:
            self._reader.turn_to(look)

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    # ── COPYING and HOLDING ───────────────────────────────────────────────────────────────────────────────

    def _copy(self) -> None:
        room = self._plumbing.room
        try:
            size = self._recv_into(room)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._link.lost(self.side, error)
            return
        if not size:
            self._end()
            return
        data = room[:size]
        try:
            sent = self._send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._link.lost(self.side.other, error)
            return
        self.count += size
        if self._taps:
            for tap in self._taps:
                tap.said(self.side, data)
        if sent != size:
            self._hold(data[sent:])
        if size >= BULK_BYTES:
            self._large += 1
            if self._large >= BULK_AFTER:
                self._become_bulk()
        else:
            self._large = 0

    def _hold(self, rest: memoryview) -> None:
        self._held = memoryview(bytes(rest))
        self._stop_reading()
        self._loop.add_writer(self._target, self._send_held)

    def _send_held(self) -> None:
        assert self._held is not None
        try:
            self._held = self._held[self._send(self._held) :]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._link.lost(self.side.other, error)
            return
        if not self._held:
            self._held = None
            self._loop.remove_writer(self._target)
            self._go_on()

    # ── SPLICING and POURING ──────────────────────────────────────────────────────────────────────────────

    def _become_bulk(self) -> None:
        if self._kernel is None and CAN_SPLICE and (kernel := self._plumbing.lend(self)):
            self._kernel = kernel
            self._marked = -1
            if self._held is None:
                self._go_on()

    def _splice(self) -> None:
        assert self._kernel is not None
        copy: KernelPipe | None = None
        if self._taps:
            if any(tap.wants(self.side) for tap in self._lookers):
                self._copy()
                return
            if self._journal is not None:
                copy = None if self._journal.is_behind() else self._plumbing.take()
                if copy is None and self._rest():
                    return
        try:
            size = os.splice(self._source, self._kernel.writer, PIPE_BYTES, flags=SPLICE)
        except OSError as error:
            self._give_back(copy)
            if not isinstance(error, BlockingIOError):
                self._link.lost(self.side, error)
            return
        if not size:
            self._give_back(copy)
            self._end()
            return
        self.count += size
        self._inside = size
        if self._taps:
            self._tell(size, copy)
        self._pour()

    def _rest(self) -> bool:
        """Give the journal's thread a moment. False when it had enough of them in a row."""
        if self._rested >= REST_MOST:
            return False
        self._rested += REST_SECONDS
        self._stop_reading()
        self._resting = self._loop.call_later(REST_SECONDS, self._rest_no_more)
        return True

    def _rest_no_more(self) -> None:
        self._resting = None
        self._read()

    def _give_back(self, pipe: KernelPipe | None) -> None:
        if pipe is not None:
            self._plumbing.give(pipe)

    def _tell(self, size: int, copy: KernelPipe | None) -> None:
        """Tell the taps of the bytes that are in the kernel pipe now; `copy` is an empty one for the journal's."""
        for tap in self._lookers:
            tap.carried(self.side, size)
        if self._journal is None:
            return
        copied = self._copy_for_journal(size, copy) if copy else 0
        if copied < size:
            self._journal.carried(self.side, size - copied)

    def _copy_for_journal(self, size: int, copy: KernelPipe) -> int:
        """Give the journal what is in the kernel pipe, by way of an empty one; says how much it got."""
        assert self._kernel is not None
        assert self._journal is not None
        plumbing = self._plumbing
        copied = tee(self._kernel.reader, copy.writer, size)
        if not self._journal.said_pipe(self.side, copy.reader, copied, lambda: plumbing.give(copy)):
            plumbing.scrap(copy)
            return 0
        self._rested = 0.0
        return copied

    def _pour(self) -> None:
        """Move what is in the kernel pipe on to the target, as much as it takes now."""
        assert self._kernel is not None
        try:
            self._inside -= os.splice(self._kernel.reader, self._target, self._inside, flags=SPLICE)
        except BlockingIOError:
            pass
        except OSError as error:
            self._link.lost(self.side.other, error)
            return
        if bool(self._inside) is not self._pouring:
            self._pouring = not self._pouring
            if self._pouring:
                self._stop_reading()
                self._loop.add_writer(self._target, self._pour)
            else:
                self._loop.remove_writer(self._target)
                self._go_on()

    def idle(self) -> bool:
        """The plumbing asks: nothing carried since it last did? Then go back to COPYING."""
        if self.count != self._marked or self._inside or self._resting:
            self._marked = self.count
            return False
        self._return_kernel()
        self._large = 0
        if self._held is None and not self.ended:
            self._go_on()
        return True

    def _return_kernel(self) -> None:
        if self._kernel is not None:
            self._plumbing.forget(self)
            (self._plumbing.scrap if self._inside else self._plumbing.give)(self._kernel)
            self._kernel = None
            self._inside = 0

    # ── ENDED ─────────────────────────────────────────────────────────────────────────────────────────────

    def _end(self) -> None:
        """The source has said its last word: tell the target so, and leave the other direction open."""
        self.ended = True
        self._stop_reading()
        self._return_kernel()
        self._link.ended(self.side)

    # ── by hand ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def paused(self) -> bool:
        return self._by_hand is not None and self._by_hand.paused

    @property
    def cut(self) -> bool:
        """Whether it was ended by hand: the source may say more, and nobody reads it."""
        return self._by_hand is not None and self._by_hand.ending is not None

    def pause(self) -> None:
        self._hold_back().paused = True

    def resume(self) -> None:
        self._hold_back().paused = False
        self._go_on_if_free()

    async def say(self, data: bytes, told: Callable[[], None]) -> None:
        if self._by_hand is not None and self._by_hand.saying is not None:
            raise CannotSteer("what was said before by hand has not been taken yet")
        self._refuse_if_cut()
        by_hand = self._hold_back()
        saying = by_hand.saying = self._loop.create_future()
        by_hand.words = data
        told()
        self.count += len(data)
        for tap in self._taps:
            tap.said(self.side, data)
        self._go_on_if_free()
        await saying

    async def end(self) -> None:
        self._refuse_if_cut()
        by_hand = self._hold_back()
        ending = by_hand.ending = self._loop.create_future()
        self._go_on_if_free()
        await ending

    def _refuse_if_cut(self) -> None:
        if self.cut:
            raise CannotSteer(f"the {self.side.value} is being ended already")

    def _hold_back(self) -> _ByHand:
        """Read nothing from the source: something is to be done by hand."""
        self._stop_reading()
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self._by_hand is None:
            self._by_hand = _ByHand()
        return self._by_hand

    def _go_on_if_free(self) -> None:
        if self._held is None and not self._inside:
            self._go_on()

    def _heed(self, by_hand: _ByHand) -> bool:
        """Do what is to be done by hand, now that nothing waits before it. Whether the source may be read after it."""
        if by_hand.words:
            self._held, by_hand.words = memoryview(by_hand.words), b""
            self._stop_reading()
            self._loop.add_writer(self._target, self._send_held)
            return False
        by_hand.said()
        if by_hand.ending is not None:
            self._end()
            wake(by_hand.ending)
            return False
        return not by_hand.paused


class _ByHand:
    """What was done to a pipe by hand."""

    __slots__ = ("ending", "paused", "saying", "words")

    def __init__(self) -> None:
        self.paused = False
        self.words = b""  # to be said once nothing else waits
        self.saying: asyncio.Future[None] | None = None  # until they are said
        self.ending: asyncio.Future[None] | None = None  # once the end was asked for

    def said(self) -> None:
        wake(self.saying)
        self.saying = None

    def over(self) -> None:
        """The pipe carries nothing more."""
        for waiting in (self.saying, self.ending):
            if waiting is not None and not waiting.done():
                waiting.set_exception(CannotSteer("the conversation was over before that was done"))


def _journal_of(taps: Sequence[Tap]) -> BulkTap | None:
    """The first tap that takes bulk as a pipe. Asked of every pipe, and `isinstance` takes 30 µs to tell."""
    return next((cast("BulkTap", tap) for tap in taps if hasattr(tap, "said_pipe")), None)
