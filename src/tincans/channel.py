"""The channel: a two-way tunnel between two parties, and the listener that gives one to every caller.

The contract below is the whole of it. Every transport (tcp, unix, udp, stdio, exec, memory) and every wrap (tls, ws)
keeps it, and `tincans.testing.check_channel` proves it on each. What the contract promises:

* **A stream or messages.** Where `traits.boundaries` is false, `receive` returns some bytes, at least one, as they
  came; where it is true, exactly one message as it was sent, which may be empty.
* **The end is an exception.** `EndOfStream`, never ``b""``; every later `receive` raises it again.
* **Backpressure.** `send` returns when the bytes were accepted and waits while the other side is slow; nothing is
  queued without a bound.
* **Half-close.** `send_eof` ends one direction and leaves the other open, or raises `CannotHalfClose`.
* **One task a direction.** A second `receive` (or `send`) while one waits raises `ChannelBusy`; one of each is fine.
* **Cancellation.** A cancelled `receive` has lost nothing. A cancelled `send` may have sent a part: the stream is then
  torn, so close the channel. A cancelled `aclose` still closes.
* **After the end.** After `aclose` or `abort` here every call raises `ChannelClosed` (a waiting one too); after the
  peer's loss, `ChannelBroken`. Bytes that came before a loss are still received first where the kernel has them.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from enum import Enum
from types import MappingProxyType, TracebackType
from typing import NamedTuple, TypeVar

from tincans.address import Address
from tincans.errors import ChannelBusy, ChannelClosed, ChannelError, EndOfStream, LimitExceeded
from tincans.limits import DATAGRAM_BYTES, LINE_BYTES, LINGER_SECONDS, RECEIVE_BYTES

Buffer = bytes | bytearray | memoryview

_Self = TypeVar("_Self", bound="Channel")


class Side(Enum):
    """Who spoke: the one who called, or the one who was called."""

    CLIENT = "client"
    SERVER = "server"

    #: A member is one object. Enum's own hash is written in Python, and a decoder looks sides up all the time.
    __hash__ = object.__hash__

    @property
    def other(self) -> Side:
        return Side.SERVER if self is Side.CLIENT else Side.CLIENT


class Traits(NamedTuple):
    """What a kind of channel can do."""

    #: `receive` returns whole messages (udp, ws), not some bytes of a stream.
    boundaries: bool = False
    #: `send_eof` works.
    half_close: bool = True
    #: What was sent arrives, once and in order (all but udp).
    reliable: bool = True
    #: Each direction is a pipe of its own (exec, stdio): the other side may stop reading and still talk.
    independent: bool = False


STREAM = Traits()

_NO_FACTS: Mapping[str, str] = MappingProxyType({})


class Channel(ABC):
    """A two-way tunnel. See the head of this module for what every channel promises."""

    __slots__ = ()

    #: This end's address, and the other's, with the real ports: `tcp://127.0.0.1:50312`.
    local: Address
    remote: Address
    traits: Traits = STREAM

    @property
    def facts(self) -> Mapping[str, str]:
        """What the wraps and the place found out, by name: `tls.version`, `tls.alpn`, `ws.resource`, `process.id` …"""
        return _NO_FACTS

    @abstractmethod
    async def receive(self) -> bytes:
        """Wait for what the other side says next and return it.

        A stream gives 1 … `RECEIVE_BYTES` bytes; a channel with boundaries one whole message, perhaps empty.
        Raises `EndOfStream` when the other side has ended, `ChannelBroken` when it was lost, `ChannelClosed` after a
        close at this end, `ChannelBusy` when another task is receiving. Cancelling loses nothing.
        """

    @abstractmethod
    async def send(self, data: Buffer) -> None:
        """Say `data`: all of it on a stream, one message on a channel with boundaries; return when it was accepted.

        Waits while the other side is slow. `data` may be reused once this returns. Raises `ChannelBroken`,
        `ChannelClosed` (also after `send_eof`) or `ChannelBusy`. Cancelling may leave a part said.
        """

    def send_now(self, data: Buffer) -> int:
        """Say as much of `data` as is accepted at once, without waiting, and return how many bytes that was.

        Where nothing is, while somebody sends, or where the kind of channel cannot tell, it is 0, and `send` says it. A
        channel with boundaries says all or nothing. Raises `ChannelBroken` and `ChannelClosed` as `send` does.
        """
        return 0

    async def send_file(self, file: int, offset: int, count: int) -> None:
        """Say `count` bytes of an open file, from `offset` on, as `send` would: a socket has the kernel do it.

        `file` is a descriptor; where it stands does not matter and stays, and the caller closes it. A channel with
        boundaries makes several messages of it. Raises as `send` does, `EOFError` where the file is shorter than that
        (what it had was sent), and `OSError` where it cannot be read. Cancelling may leave a part said.
        """
        end, most = offset + count, RECEIVE_BYTES if self.traits.reliable else DATAGRAM_BYTES
        while offset < end:
            data = os.pread(file, min(end - offset, most), offset)
            if not data:
                raise EOFError
            await self.send(data)
            offset += len(data)

    @abstractmethod
    async def send_eof(self) -> None:
        """End what this side says; the other direction goes on. A second call does nothing.

        Raises `CannotHalfClose` where the kind of channel cannot, and then nothing has changed.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close both directions, politely where the protocol has a goodbye. Idempotent, never raises what the peer did.

        When cancelled the channel is closed all the same, without the goodbye.
        """

    @abstractmethod
    def abort(self) -> None:
        """Close at once and throw away what was not yet sent; on TCP the peer sees a reset. Idempotent."""

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """All that the other side says, `receive` by `receive`, until it ends."""
        try:
            while True:
                yield await self.receive()
        except EndOfStream:
            return


async def linger(channel: Channel) -> None:
    """End what this side says and hear the other side out, for at most LINGER_SECONDS: then close the channel.

    What the other side says after a close is answered by a reset, which overtakes our own last words (RFC 9293 §3.6.1).
    """
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            await channel.send_eof()
            while True:
                await channel.receive()
    except (TimeoutError, ChannelError):
        pass


class Listener(ABC):
    """What `listen` gives: a channel for every caller, while it goes on listening.

    `async for channel in listener` takes callers one by one, ready to talk. A server that must not wait for a slow
    handshake takes them in two steps: `accept` returns at once with the bare channel, and `greet`, in a
    task of its own, performs the handshakes (TLS, WebSocket) that the address asks for.
    """

    __slots__ = ()

    #: Where it really listens: port 0 is replaced by the port that the kernel chose.
    address: Address

    @abstractmethod
    async def accept(self) -> Channel:
        """Wait for the next caller. Survives running out of file descriptors. `ChannelClosed` after `aclose`."""

    async def greet(self, channel: Channel) -> Channel:
        """Perform the handshakes over a channel that `accept` gave; on failure the channel is closed and it raises."""
        return channel

    @abstractmethod
    async def aclose(self) -> None:
        """Stop listening; channels already given stay open. Idempotent."""

    async def __aenter__(self) -> Listener:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def __aiter__(self) -> AsyncIterator[Channel]:
        try:
            while True:
                yield await self.greet(await self.accept())
        except ChannelClosed:
            return


class Turn:
    """One direction's "somebody is doing this already": `with turn:` raises `ChannelBusy` for a second one."""

    __slots__ = ("_doing", "taken")

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self.taken = False

    def __enter__(self) -> None:
        if self.taken:
            raise ChannelBusy(self._doing)
        self.taken = True

    def __exit__(self, *_: object) -> None:
        self.taken = False


class Buffered(Channel):
    """A channel read by delimiter, by count or by line (`receive_until`, `receive_exactly`, `lines`), or looked into.

    It is a channel itself and owns the one it is over: what was read ahead comes out of `receive` first, so it may be
    handed on at any time, and closing it closes both. Cancelling any of the reads loses nothing.
    """

    __slots__ = ("_ahead", "channel", "local", "remote", "traits")

    def __init__(self, channel: Channel, ahead: bytes = b"") -> None:
        self.channel = channel
        self.local, self.remote, self.traits = channel.local, channel.remote, channel.traits
        self._ahead = bytearray(ahead)

    @property
    def facts(self) -> Mapping[str, str]:
        return self.channel.facts

    @property
    def ahead(self) -> bytes:
        """What was received from the channel below and not yet asked for."""
        return bytes(self._ahead)

    async def receive(self) -> bytes:
        if self._ahead:
            return self._take(min(len(self._ahead), RECEIVE_BYTES))
        return await self.channel.receive()

    async def look(self, enough: Callable[[bytes], object]) -> bytes:
        """What the other side says next, all of it that is there once that is `enough`; it is still to be received.

        What can never be enough is returned when the other side has ended. Raises `EndOfStream` where it said nothing.
        """
        while not self._ahead or not enough(bytes(self._ahead)):
            try:
                self._ahead += await self.channel.receive()
            except EndOfStream:
                if not self._ahead:
                    raise
                break
        return bytes(self._ahead)

    async def receive_exactly(self, count: int) -> bytes:
        """Exactly `count` bytes. `EndOfStream` if the other side ends before; what came is kept."""
        while len(self._ahead) < count:
            self._ahead += await self.channel.receive()
        return self._take(count)

    async def receive_until(self, delimiter: bytes, max_bytes: int = LINE_BYTES) -> bytes:
        """What comes before `delimiter`, which is taken too and not returned.

        Raises `LimitExceeded` when `max_bytes` came without it, and `EndOfStream` when the other side ends first; what
        came is kept both times.
        """
        looked = 0
        while (found := self._ahead.find(delimiter, looked)) < 0:
            looked = max(0, len(self._ahead) - len(delimiter) + 1)  # the rest may be the delimiter's beginning
            if looked > max_bytes:
                raise LimitExceeded(f"what comes before {delimiter!r}", max_bytes)
            self._ahead += await self.channel.receive()
        if found > max_bytes:
            raise LimitExceeded(f"what comes before {delimiter!r}", max_bytes)
        data = self._take(found)
        del self._ahead[: len(delimiter)]
        return data

    async def lines(self, max_bytes: int = LINE_BYTES) -> AsyncIterator[bytes]:
        """Lines without their LF or CRLF, to the end; a last line without an end is a line."""
        while True:
            try:
                line = await self.receive_until(b"\n", max_bytes)
            except EndOfStream:
                if self._ahead:
                    yield self._take(len(self._ahead))
                return
            yield line.removesuffix(b"\r")

    def send_now(self, data: Buffer) -> int:
        return self.channel.send_now(data)

    async def send(self, data: Buffer) -> None:
        await self.channel.send(data)

    async def send_file(self, file: int, offset: int, count: int) -> None:
        await self.channel.send_file(file, offset, count)

    async def send_line(self, line: str | bytes, end: bytes = b"\n") -> None:
        """One line and its end, in one `send`; text goes as UTF-8."""
        await self.channel.send((line.encode() if isinstance(line, str) else line) + end)

    async def send_eof(self) -> None:
        await self.channel.send_eof()

    async def aclose(self) -> None:
        await self.channel.aclose()

    def abort(self) -> None:
        self.channel.abort()

    def _take(self, count: int) -> bytes:
        data = bytes(self._ahead[:count])
        del self._ahead[:count]
        return data
