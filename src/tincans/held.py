"""A channel of which what the other side says can be held back, added to and ended by hand.

A `HeldChannel` stands over the channel that it owns, and keeps its contract. Nothing happens to what is sent. Who
receives waits in one of two places, and something done by hand has them look again:

    below     in the `receive` of the channel below, which is cancelled (and so has lost nothing)
    here      while it is paused

What a `receive` finds then is, in this order: what was said by hand, the end by hand, the pause, the channel below.

A link that a pump carries has one on each side (`hold`), and can be steered while `carry_held` has it. Where nobody
asks for the controls there is none of this, and it costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from tincans.channel import Buffer, Channel
from tincans.controls import RESET, Hand
from tincans.conversation import Tap
from tincans.errors import CannotSteer, ChannelBusy, ChannelClosed, EndOfStream, TincansError
from tincans.limits import DATAGRAM_BYTES, SAY_BYTES
from tincans.recording import Outcome
from tincans.tasks import wake

_OVER = "the conversation was over before that was taken"


class HeldChannel(Channel):
    """A channel whose `receive` gives what may pass: the `Way` (`tincans.controls`) of the other side.

    It owns the one below. A cancelled `receive` has lost nothing here either, and a paused one is woken by a close.
    """

    __slots__ = (
        "_before", "_closed", "_cut", "_ear", "_handed", "_interrupted", "_passes_on", "_paused", "_receiving",
        "_saying", "_steered", "_told", "_waiter", "_words", "channel", "ended", "least", "local", "most", "remote",
        "traits",
    )  # fmt: skip

    def __init__(self, channel: Channel, *, most: int = SAY_BYTES, passes_on: bool = False) -> None:
        """`most` is how much can be said at once by hand. It was accepted when it was received; with `passes_on`, when
        the next `receive` begins: who receives has sent it on then.
        """
        #: The channel below, which may be replaced while nobody receives.
        self.channel = channel
        self.local, self.remote, self.traits = channel.local, channel.remote, channel.traits
        self.least, self.most = 0 if channel.traits.boundaries else 1, most
        #: The other side has said its last word, or was ended by hand.
        self.ended = False
        self._passes_on = passes_on
        self._receiving = False
        self._ear: asyncio.Task[object] | None = None  # who waits in the channel below
        self._before = 0  # how often that task had been cancelled then
        self._interrupted = False  # it was cancelled once more, to look again
        self._waiter: asyncio.Future[None] | None = None  # who waits here
        # What was done by hand. Nothing of it is asked about while `_steered` is false.
        self._steered = self._paused = self._cut = self._handed = self._closed = False
        self._words: bytes | None = None
        self._told: Callable[[], None] = _nothing
        self._saying: asyncio.Future[None] | None = None

    @property
    def facts(self) -> Mapping[str, str]:
        return self.channel.facts

    # ── receiving ─────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self) -> bytes:
        if self._receiving:
            raise ChannelBusy("receiving")
        self._receiving = True
        try:
            while True:
                if self._steered and (words := await self._heed()) is not None:
                    return words
                if (data := await self._listen()) is not None:
                    return data
        finally:
            self._receiving = False

    async def _listen(self) -> bytes | None:
        """Receive from below; None when something was done by hand."""
        task = self._ear = asyncio.current_task()
        assert task is not None
        self._before = task.cancelling()
        try:
            return await self.channel.receive()
        except EndOfStream:
            self.ended = True
            raise
        except asyncio.CancelledError:
            if self._interrupted:
                self._interrupted = False
                if task.uncancel() <= self._before:
                    return None
            raise
        finally:
            self._ear = None

    async def _heed(self) -> bytes | None:
        """What was said by hand; None once it is the turn of the channel below."""
        if self._handed:
            self._accepted()
        while True:
            if self._closed:
                raise ChannelClosed
            if self._words is not None:
                return self._hand_over(self._words)
            if self._cut:
                raise EndOfStream
            if not self._paused:
                self._steered = False
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _hand_over(self, words: bytes) -> bytes:
        self._words = None
        self._told()
        if self._passes_on:
            self._handed = True
        else:
            self._accepted()
        return words

    def _accepted(self) -> None:
        self._handed = False
        wake(self._saying)
        self._saying = None

    # ── by hand ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        self._paused = True
        self._look_again()

    def resume(self) -> None:
        self._paused = False
        self._look_again()

    async def say(self, data: bytes, told: Callable[[], None]) -> None:
        if self._closed:
            raise CannotSteer(_OVER)
        if self._saying is not None:
            raise CannotSteer("what was said before by hand has not been taken yet")
        self._words, self._told = data, told
        saying = self._saying = asyncio.get_running_loop().create_future()
        self._look_again()
        await saying

    async def end(self) -> None:
        self.ended = self._cut = True
        self._look_again()

    def _look_again(self) -> None:
        self._steered = True
        if self._ear is not None and not self._interrupted:
            self._interrupted = True
            self._ear.cancel()
        wake(self._waiter)

    # ── and all else ──────────────────────────────────────────────────────────────────────────────────────

    def send_now(self, data: Buffer) -> int:
        return self.channel.send_now(data)

    async def send(self, data: Buffer) -> None:
        await self.channel.send(data)

    async def send_eof(self) -> None:
        await self.channel.send_eof()

    async def aclose(self) -> None:
        self._close()
        await self.channel.aclose()

    def abort(self) -> None:
        self._close()
        self.channel.abort()

    def _close(self) -> None:
        self._steered = self._closed = True
        wake(self._waiter)
        if self._saying is not None and not self._saying.done():
            self._saying.set_exception(CannotSteer(_OVER))


def _nothing() -> None:
    """Nobody is told."""


# ── a link ────────────────────────────────────────────────────────────────────────────────────────────────


def hold(client: Channel, server: Channel) -> tuple[HeldChannel, HeldChannel]:
    """The two channels of a link, of which a pump carries what may pass."""
    return (
        HeldChannel(client, most=_most(client, server), passes_on=True),
        HeldChannel(server, most=_most(server, client), passes_on=True),
    )


def _most(source: Channel, sink: Channel) -> int:
    """What can be said at once: a message that the sink cannot send would break it."""
    is_datagram = source.traits.boundaries and not sink.traits.reliable
    return min(SAY_BYTES, DATAGRAM_BYTES) if is_datagram else SAY_BYTES


async def carry_held(
    client: HeldChannel, server: HeldChannel, taps: Sequence[Tap], carrying: Awaitable[Outcome],
    *aborts: Callable[[], None],
) -> Outcome:  # fmt: skip
    """Await `carrying`, which carries a link of those channels; meanwhile it can be steered.

    `aborts` abort all that is carried. Where somebody did that by hand the outcome says so, whatever came of it.
    """
    was_reset = False

    def reset() -> None:
        nonlocal was_reset
        was_reset = True
        for abort in aborts:
            abort()

    try:
        with Hand(client, server, taps, reset):
            outcome = await carrying
    except TincansError:
        if not was_reset:
            raise
    return RESET if was_reset else outcome
