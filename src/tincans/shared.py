"""A recording channel that an app shares with a person: both hear the caller, and both may answer.

What the caller says passes through a `HeldChannel`. What the app says passes through a `Voice`, at which one speaks
after the other: an app that wants to send while it is paused, or while something is said by hand, waits for its turn;
what is said by hand waits until the app has finished its word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from tincans.channel import Buffer, Buffered, Channel, Side
from tincans.controls import RESET, Hand
from tincans.conversation import Recorder, Tap
from tincans.errors import CannotSteer, ChannelBusy, ChannelClosed, ChannelError
from tincans.held import HeldChannel
from tincans.limits import DATAGRAM_BYTES, SAY_BYTES
from tincans.recording import RecordingChannel
from tincans.tasks import spawn, wake
from tincans.transports import Wrap


class SharedChannel(RecordingChannel):
    """A `RecordingChannel` whose taps are handed the controls of the conversation; else as that.

    An app that goes on sending after its side was ended by hand is told `ChannelClosed`, as after its own `send_eof`.
    """

    __slots__ = ("_hand", "_held", "_voice")

    def __init__(
        self, channel: Channel, taps: Sequence[Tap], side: Side, *, recorders: Sequence[Recorder] = (), name: str = ""
    ) -> None:
        most = SAY_BYTES if channel.traits.reliable else min(SAY_BYTES, DATAGRAM_BYTES)
        self._held = held = HeldChannel(channel, most=most)
        super().__init__(held, taps, side, recorders=recorders, name=name)
        self._voice = Voice(self, most)
        client, server = (held, self._voice) if side is Side.SERVER else (self._voice, held)
        self._hand = Hand(client, server, taps, self._reset)
        self._hand.offer()

    async def send(self, data: Buffer) -> None:
        voice = self._voice
        if voice.is_taken:
            await voice.queue()
        voice.speaking = True
        try:
            await super().send(data)
        finally:
            voice.finish()

    def send_now(self, data: Buffer) -> int:
        """Nothing where a person has, or waits for, the word."""
        voice = self._voice
        return 0 if voice.is_taken or voice.speaking else super().send_now(data)

    def buffered(self) -> Buffered:
        held = self._held
        if not isinstance(held.channel, Buffered):
            held.channel = Buffered(held.channel)
        return held.channel

    async def send_file(self, file: int, offset: int, count: int) -> None:
        """Piece by piece, so that a person has a turn between them."""
        await Channel.send_file(self, file, offset, count)

    async def secure(self, wrap: Wrap) -> None:
        held = self._held
        held.channel = await wrap(held.channel)
        for tap in self._taps:
            tap.secured(held.facts)

    async def send_eof(self) -> None:
        voice = self._voice
        if voice.is_taken:
            await voice.queue()
        voice.speaking = True
        try:
            await super().send_eof()
        finally:
            voice.finish()

    async def send_by_hand(self, data: bytes) -> None:
        """As `send`, out of turn."""
        await super().send(data)

    async def end_by_hand(self) -> None:
        """As `send_eof`, out of turn."""
        await super().send_eof()

    @property
    def has_ended(self) -> bool:
        """Whether our side has."""
        return self.side in self._ends

    async def aclose(self) -> None:
        self._over()
        await super().aclose()

    def abort(self) -> None:
        self._over()
        super().abort()

    def _over(self) -> None:
        self._hand.withdraw()
        self._voice.close()

    def _reset(self) -> None:
        self.end(*RESET)
        self.abort()


class Voice:
    """What an app says, as it can be steered: the `Way` of our side."""

    __slots__ = ("_app", "_channel", "_closed", "_person", "_spoken_for", "least", "most", "paused", "speaking")

    def __init__(self, channel: SharedChannel, most: int) -> None:
        self.least, self.most = 0 if channel.traits.boundaries else 1, most
        self.paused = False
        #: The app is.
        self.speaking = False
        self._channel = channel
        self._spoken_for = False  # something is done by hand, or waits for its turn
        self._closed = False
        self._app: asyncio.Future[None] | None = None  # the app waits for its turn
        self._person: asyncio.Future[None] | None = None  # the person does

    # ── the app's ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_taken(self) -> bool:
        """Whether it is not the app's turn, who would have to `queue`."""
        return self.speaking or self.paused or self._spoken_for

    async def queue(self) -> None:
        """Wait until it is. Raises `ChannelBusy` where the app is speaking or waiting already, `ChannelClosed`."""
        if self.speaking or self._app is not None:
            raise ChannelBusy("sending")
        while self.is_taken and not self._closed:
            self._app = asyncio.get_running_loop().create_future()
            try:
                await self._app
            finally:
                self._app = None
        if self._closed:
            raise ChannelClosed

    def finish(self) -> None:
        """The app has finished its word."""
        self.speaking = False
        wake(self._person)

    def close(self) -> None:
        """The channel is closed: whoever waits for their turn need not."""
        self._closed = True
        wake(self._app)
        wake(self._person)

    # ── by hand ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def ended(self) -> bool:
        return self._channel.has_ended

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        wake(self._app)

    async def say(self, data: bytes, told: Callable[[], None]) -> None:
        async def speak() -> None:
            told()
            await self._channel.send_by_hand(data)

        await self._interject(speak)

    async def end(self) -> None:
        await self._interject(self._channel.end_by_hand)

    async def _interject(self, doing: Callable[[], Coroutine[object, object, None]]) -> None:
        """Do it between two words of the app, and to its end though who asked for it is cancelled."""
        if self._spoken_for:
            raise CannotSteer("what was said before by hand has not been taken yet")
        self._spoken_for = True
        await asyncio.shield(spawn(self._take_turn(doing)))

    async def _take_turn(self, doing: Callable[[], Coroutine[object, object, None]]) -> None:
        try:
            while self.speaking and not self._closed:
                self._person = asyncio.get_running_loop().create_future()
                await self._person
            if self._closed:
                raise ChannelClosed
            await doing()
        except ChannelError as error:
            raise CannotSteer(str(error)) from error
        finally:
            self._person = None
            self._spoken_for = False
            wake(self._app)
