"""A channel that tells what is said on it, for a party that tincans itself is: the server, or the client.

A `RecordingChannel` stands over the channel and calls its taps: what was received was said by the other side, what was
sent by ours. The story's end is one `closed`, told when the channel closes here, and it names what came first:

    an explanation given with `end` (idle, stopped, an app that crashed)     → as explained
    the other side was lost                                                  → RESET by it
    both directions ended, or were closed here politely                      → FINISHED by who ended first
    it was aborted here                                                      → RESET by us

`Silence` is a tap too, with a timer: it hears when nothing is heard any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from tincans.channel import Buffer, Buffered, Channel, Side
from tincans.conversation import How, Kind, Opening, Recorder, Tap, begin
from tincans.errors import ChannelBroken, EndOfStream
from tincans.limits import CARRIED_BYTES
from tincans.transports import Wrap

_NO_FACTS: Mapping[str, str] = MappingProxyType({})


class Outcome(NamedTuple):
    """How a conversation ended, as `Tap.closed` is told."""

    how: How
    by: Side | None = None
    detail: str = ""


def opening(kind: Kind, channel: Channel, name: str = "") -> Opening:
    """The beginning of a conversation in which tincans is a party: the client under `connect`, else the server."""
    local, remote = str(channel.local.bare()), str(channel.remote.bare())
    client, server = (local, remote) if kind is Kind.CONNECT else (remote, local)
    return Opening(
        kind=kind, client=client, server=server, name=name,
        boundaries=channel.traits.boundaries, facts=dict(channel.facts),
    )  # fmt: skip


class RecordingChannel(Channel):
    """A channel whose every word is told to `taps`. It owns the one it is over; `side` is who we are on it.

    It keeps the contract of the channel below to the letter, boundaries and half-close included, and adds nothing to
    what is sent. The taps hear what was received when `receive` returns it, and what was sent when it was accepted.
    """

    __slots__ = ("_ends", "_outcome", "_taps", "channel", "local", "name", "recorders", "remote", "side", "traits")

    def __init__(
        self, channel: Channel, taps: Sequence[Tap], side: Side, *, recorders: Sequence[Recorder] = (), name: str = ""
    ) -> None:
        """`recorders` are those that gave the taps, and `name` what they were told: `beside` tells them more."""
        self.channel, self.side = channel, side
        self.recorders, self.name = tuple(recorders), name
        self.local, self.remote, self.traits = channel.local, channel.remote, channel.traits
        self._taps = tuple(taps)  # none any more once they were told the end
        self._ends: tuple[Side, ...] = ()  # who ended what they say, the first first
        self._outcome: Outcome | None = None

    @property
    def facts(self) -> Mapping[str, str]:
        return self.channel.facts

    async def receive(self) -> bytes:
        try:
            data = await self.channel.receive()
        except EndOfStream:
            self._ended(self.side.other)
            raise
        except ChannelBroken as error:
            self._lost(error)
            raise
        for tap in self._taps:
            tap.said(self.side.other, data)
        return data

    async def send(self, data: Buffer) -> None:
        try:
            await self.channel.send(data)
        except ChannelBroken as error:
            self._lost(error)
            raise
        for tap in self._taps:
            tap.said(self.side, data)

    def send_now(self, data: Buffer) -> int:
        try:
            sent = self.channel.send_now(data)
        except ChannelBroken as error:
            self._lost(error)
            raise
        if sent:
            said = memoryview(data)[:sent] if sent < len(data) else data
            for tap in self._taps:
                tap.said(self.side, said)
        return sent

    async def send_file(self, file: int, offset: int, count: int) -> None:
        """As `Channel.send_file`; the kernel does it as long as no tap wants the bytes."""
        end = offset + count
        while offset < end and not any(tap.wants(self.side) for tap in self._taps):
            sent = min(end - offset, CARRIED_BYTES)
            try:
                await self.channel.send_file(file, offset, sent)
            except ChannelBroken as error:
                self._lost(error)
                raise
            for tap in self._taps:
                tap.carried(self.side, sent)
            offset += sent
        await super().send_file(file, offset, end - offset)

    def buffered(self) -> Buffered:
        """The channel below, which can be looked into from now on. Nobody may be receiving."""
        if not isinstance(self.channel, Buffered):
            self.channel = Buffered(self.channel)
        return self.channel

    async def secure(self, wrap: Wrap) -> None:
        """Perform a handshake on the channel below: what is said from here on is said inside, and told plain.

        Nobody may be receiving or sending. Raises `ConnectError`, and then the channel is closed.
        """
        self.channel = await wrap(self.channel)
        for tap in self._taps:
            tap.secured(self.channel.facts)

    async def send_eof(self) -> None:
        try:
            await self.channel.send_eof()
        except ChannelBroken as error:
            self._lost(error)
            raise
        self._ended(self.side)

    async def aclose(self) -> None:
        try:
            await self.channel.aclose()
        finally:
            self._closed(Outcome(How.FINISHED, self._ends[0] if self._ends else self.side))

    def abort(self) -> None:
        self.channel.abort()
        self._closed(Outcome(How.RESET, self.side))

    @property
    def number(self) -> int:
        """The conversation's number in the first journal that has it; 0 where none does."""
        return next((tap.number for tap in self._taps if tap.number), 0)

    def note(self, text: str) -> None:
        """Tell the taps something that a reader should know."""
        for tap in self._taps:
            tap.noted(text)

    def end(self, how: How, by: Side | None = None, detail: str = "") -> None:
        """Explain beforehand why the channel is about to be closed; the first explanation counts."""
        if self._outcome is None:
            self._outcome = Outcome(how, by, detail)

    def _lost(self, error: ChannelBroken) -> None:
        self.end(How.RESET, self.side.other, error.reason)

    def _ended(self, side: Side) -> None:
        if side not in self._ends:
            self._ends += (side,)
            for tap in self._taps:
                tap.ended(side)

    def _closed(self, outcome: Outcome) -> None:
        taps, self._taps = self._taps, ()
        for tap in taps:
            tap.closed(*(self._outcome or outcome))


async def secure(channel: Channel, wrap: Wrap) -> Channel:
    """The channel inside TLS, after both agreed on it in the middle of a conversation (STARTTLS, AUTH TLS, STLS).

    Where it is recorded, the recording goes on with what is said inside. Nobody may be receiving or sending, and what
    came before the handshake must have been taken: whoever reads ahead refuses what the other side said too early.
    Raises `ConnectError`; then, and when it is cancelled, the channel is closed.
    """
    if not isinstance(channel, RecordingChannel):
        return await wrap(channel)
    await channel.secure(wrap)
    return channel


async def look_ahead(
    channel: Channel, enough: Callable[[bytes], object] = len, *, seconds: float | None = None
) -> tuple[Channel, bytes]:
    """What the other side says first, once that is `enough`, and the channel from which it is still to be received.

    After so many seconds, and when the other side ends, it is what there is by then: perhaps nothing. No tap has heard
    it yet, so a handshake that begins with it is no part of what was said. For a channel of bytes. Raises
    `ChannelBroken` and the like, as `receive` does. Cancelling closes nothing.
    """
    if isinstance(channel, RecordingChannel):
        buffered = channel.buffered()
    else:
        channel = buffered = channel if isinstance(channel, Buffered) else Buffered(channel)
    try:
        async with asyncio.timeout(seconds):
            await buffered.look(enough)
    except (TimeoutError, EndOfStream):
        pass  # the end is said again to who receives
    return channel, buffered.ahead


def beside(channel: Channel, other: Channel, kind: Kind, facts: Mapping[str, str] = _NO_FACTS) -> Channel:
    """`other`, told to those who record `channel`, as a conversation of its own: FTP's data connections.

    `kind` says which part we have in it: LISTEN where the other side called us, CONNECT where we called. `facts` are
    added to its own. Where `channel` is not recorded this is `other` itself. Owns `other`.
    """
    if not isinstance(channel, RecordingChannel) or not channel.recorders:
        return other
    begins = opening(kind, other, channel.name)
    taps = begin(channel.recorders, msgspec.structs.replace(begins, facts={**begins.facts, **facts}))
    return RecordingChannel(other, taps, Side.CLIENT if kind is Kind.CONNECT else Side.SERVER)


def note(channel: Channel, text: str) -> None:
    """Tell those who record `channel` something that a reader should know."""
    if isinstance(channel, RecordingChannel):
        channel.note(text)


def number_of(channel: Channel) -> int:
    """The number of the conversation on `channel` in the journal that records it; 0 where none does."""
    return channel.number if isinstance(channel, RecordingChannel) else 0


class Deaf:
    """A tap that hears nothing: what a tap that hears one thing is built on."""

    __slots__ = ()

    number = 0

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None: ...

    def said(self, side: Side, data: Buffer) -> None: ...

    def wants(self, side: Side) -> bool:
        return False

    def carried(self, side: Side, count: int) -> None: ...

    def ended(self, side: Side) -> None: ...

    def noted(self, text: str) -> None: ...

    def secured(self, facts: Mapping[str, str]) -> None: ...

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None: ...


class Silence(Deaf):
    """A tap that calls `over` when nothing was said for `seconds`; `closed` stops it.

    It costs one timer a conversation and none a message: a word only leaves its time, and the timer, when it fires, is
    set again for what is left.
    """

    __slots__ = ("_last", "_loop", "_over", "_seconds", "_timer")

    def __init__(self, seconds: float, over: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds, self._over = seconds, over
        self._last = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._look)

    def said(self, side: Side, data: Buffer) -> None:
        self._last = self._loop.time()

    def carried(self, side: Side, count: int) -> None:
        self._last = self._loop.time()

    def ended(self, side: Side) -> None:
        self._last = self._loop.time()

    def secured(self, facts: Mapping[str, str]) -> None:
        self._last = self._loop.time()

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        self._timer.cancel()

    def _look(self) -> None:
        left = self._last + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._over()
