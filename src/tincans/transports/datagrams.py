"""A UDP socket, and the channels of those who talk through it.

A `Port` owns one socket and hands what arrives to the channel of whoever sent it. Nobody can make a UDP peer wait:
datagrams for a channel that is slow to receive are kept up to DATAGRAMS_QUEUED, and for all channels of a port up to
DATAGRAM_BYTES_QUEUED; what comes beyond is lost, and counted in `udp.dropped`.

There are three ports. A caller's is connected to its one peer, so the kernel keeps strangers out and tells when the
peer's machine refuses (ICMP port unreachable). A listener's is bound. And a listener's on every interface answers
from the address that was called, not from the one that the routing table would choose, which the other side would drop
as a stranger's: IPV6_PKTINFO (RFC 3542 §6.1) and IP_PKTINFO (ip(7)) tell it both ways.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tincans.address import Address
from tincans.channel import Buffer, Channel, Traits, Turn
from tincans.errors import CannotHalfClose, ChannelBroken, ChannelClosed, EndOfStream, LimitExceeded
from tincans.limits import (
    DATAGRAM6_BYTES,
    DATAGRAM_BYTES,
    DATAGRAM_BYTES_QUEUED,
    DATAGRAMS_A_TURN,
    DATAGRAMS_QUEUED,
)
from tincans.tasks import wake
from tincans.transports.stream import describe

DATAGRAMS = Traits(boundaries=True, half_close=False, reliable=False)

#: Whom a datagram is from, and which of our addresses it came to (empty: the socket's only one).
Pair = tuple[tuple[Any, ...], bytes]
ONLY: Pair = ((), b"")


class UdpChannel(Channel):
    """What is said with one peer. It owns its port where it called; a listener's port closes with its last channel."""

    __slots__ = (
        "_arrived", "_broken", "_closed", "_dropped", "_idle", "_last", "_pair", "_port", "_reader", "_receiving",
        "_sending", "_timer", "local", "remote",
    )  # fmt: skip

    traits = DATAGRAMS

    def __init__(self, port: Port, pair: Pair, local: Address, remote: Address, idle: float) -> None:
        """`idle` 0 is for ever."""
        self.local, self.remote = local, remote
        self._port, self._pair, self._idle = port, pair, idle
        self._receiving, self._sending = Turn("receiving"), Turn("sending")
        self._arrived = deque[bytes]()
        self._reader: asyncio.Future[None] | None = None
        self._dropped = 0
        self._broken = ""
        self._closed = False
        port.users += 1
        self._last = port.loop.time()
        self._timer = port.loop.call_later(idle, self._look_idle) if idle else None

    @property
    def facts(self) -> Mapping[str, str]:
        """`udp.dropped`, where there are any: datagrams that came and were lost, as nobody received fast enough."""
        return {"udp.dropped": str(self._dropped)} if self._dropped else {}

    async def receive(self) -> bytes:
        with self._receiving:
            while True:
                if self._closed:
                    raise ChannelClosed
                if self._arrived:
                    data = self._arrived.popleft()
                    self._port.held -= len(data)
                    return data
                if self._broken:
                    raise ChannelBroken(self._broken)
                if self._timer is None and self._idle:
                    raise EndOfStream
                await self._wait()

    async def _wait(self) -> None:
        self._reader = self._port.loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    async def send(self, data: Buffer) -> None:
        with self._sending:
            limit = DATAGRAM6_BYTES if ":" in self.remote.host else DATAGRAM_BYTES
            view = memoryview(data).cast("B")
            while True:
                if self._closed:
                    raise ChannelClosed
                if self._broken:
                    raise ChannelBroken(self._broken)
                if len(view) > limit:
                    raise LimitExceeded("a datagram", limit)
                self._last = self._port.loop.time()
                try:
                    return self._port.send(view, self._pair)
                except (BlockingIOError, InterruptedError):
                    await self._port.writable()
                except OSError as error:
                    self.lost(error)
                    self._port.drain()

    async def send_eof(self) -> None:
        if self._closed:
            raise ChannelClosed
        raise CannotHalfClose("udp")

    async def aclose(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._stop_timer()
        self._port.held -= sum(map(len, self._arrived))
        self._arrived.clear()
        self._port.forget(self._pair, self)
        self._port.release()
        wake(self._reader)

    # ── told by the port ──────────────────────────────────────────────────────────────────────────────────

    def arrive(self, data: bytes) -> None:
        """Keep a datagram that the peer sent, or lose it where too much is kept already."""
        self._last = self._port.loop.time()
        if len(self._arrived) >= DATAGRAMS_QUEUED or self._port.held + len(data) > DATAGRAM_BYTES_QUEUED:
            self._dropped += 1
            return
        self._port.held += len(data)
        self._arrived.append(data)
        wake(self._reader)

    def lost(self, error: OSError) -> None:
        """The peer's machine says that it cannot be reached."""
        self._broken = "refused: nobody listens there" if error.errno == errno.ECONNREFUSED else describe(error)
        wake(self._reader)

    def _look_idle(self) -> None:
        """The timer is not set anew for each datagram; it looks, when it is due, how long it is since the last."""
        left = self._last + self._idle - self._port.loop.time()
        if left > 0:
            self._timer = self._port.loop.call_later(left, self._look_idle)
            return
        self._timer = None
        self._port.forget(self._pair, self)
        wake(self._reader)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


# ── sockets ───────────────────────────────────────────────────────────────────────────────────────────────


class Port(ABC):
    """One socket and the channels of those who talk through it; the last of its users closes it."""

    __slots__ = ("_channels", "_room", "held", "loop", "socket", "users")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.loop = asyncio.get_running_loop()
        #: Bytes kept for all channels together.
        self.held = 0
        #: Channels that are not closed, and the listener while it listens.
        self.users = 0
        self._channels: dict[Pair, UdpChannel] = {}
        self._room: asyncio.Future[None] | None = None
        self.loop.add_reader(sock, self.drain)

    @abstractmethod
    def take(self) -> tuple[bytes, Pair]:
        """The next datagram and who said it to whom."""

    @abstractmethod
    def send(self, data: memoryview, pair: Pair) -> None:
        """One datagram, the other way."""

    @abstractmethod
    def newcomer(self, pair: Pair) -> UdpChannel | None:
        """A channel for a peer that has none, unless nobody wants it."""

    def add(self, pair: Pair, local: Address, remote: Address, idle: float) -> UdpChannel:
        channel = self._channels[pair] = UdpChannel(self, pair, local, remote, idle)
        return channel

    def forget(self, pair: Pair, channel: UdpChannel) -> None:
        """What the peer says from now on is not for `channel`."""
        if self._channels.get(pair) is channel:
            del self._channels[pair]

    def release(self) -> None:
        self.users -= 1
        self._on_writable()  # whoever waits to send looks whether its channel is closed
        if not self.users:
            self.loop.remove_reader(self.socket)
            self.socket.close()

    async def writable(self) -> None:
        """Wait until the kernel may take a datagram; all who wait are woken together."""
        if self._room is None:
            self._room = self.loop.create_future()
            self.loop.add_writer(self.socket, self._on_writable)
        await asyncio.shield(self._room)

    def _on_writable(self) -> None:
        if self._room is not None:
            self.loop.remove_writer(self.socket)
            wake(self._room)
            self._room = None

    def drain(self) -> None:
        """Hand out what has arrived, as much as one turn of the loop may take."""
        for _ in range(DATAGRAMS_A_TURN):
            try:
                data, pair = self.take()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.failed(error)  # the kernel tells of it before it gives what came earlier
                continue
            channel = self._channels.get(pair) or self.newcomer(pair)
            if channel is not None:
                channel.arrive(data)

    @abstractmethod
    def failed(self, error: OSError) -> None:
        """The socket says that something went wrong."""


class ConnectedPort(Port):
    """A caller's: the kernel lets through what the one peer says."""

    __slots__ = ()

    def take(self) -> tuple[bytes, Pair]:
        return self.socket.recv(DATAGRAM6_BYTES), ONLY

    def send(self, data: memoryview, pair: Pair) -> None:
        self.socket.send(data)

    def newcomer(self, pair: Pair) -> UdpChannel | None:
        return None

    def failed(self, error: OSError) -> None:
        for channel in self._channels.values():
            channel.lost(error)


class BoundPort(Port):
    """A listener's, on one address; it asks `welcome` about every peer that it hears for the first time."""

    __slots__ = ("welcome",)

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.welcome: Callable[[Pair], UdpChannel | None] | None = None

    def take(self) -> tuple[bytes, Pair]:
        data, place = self.socket.recvfrom(DATAGRAM6_BYTES)
        return data, (place, b"")

    def send(self, data: memoryview, pair: Pair) -> None:
        self.socket.sendto(data, pair[0])

    def newcomer(self, pair: Pair) -> UdpChannel | None:
        return self.welcome(pair) if self.welcome is not None else None

    def failed(self, error: OSError) -> None:
        """It serves many, and the kernel does not say with whom something went wrong."""


class EverywherePort(BoundPort):
    """A listener's, on every interface: it knows which of our addresses was called, and answers from there."""

    __slots__ = ("_info",)

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._info = _INFO[sock.family]
        sock.setsockopt(self._info.level, self._info.ask, 1)

    def take(self) -> tuple[bytes, Pair]:
        info = self._info
        data, notes, _, place = self.socket.recvmsg(DATAGRAM6_BYTES, socket.CMSG_SPACE(info.layout.size))
        called = next((info.layout.unpack(note)[info.ours] for _, kind, note in notes if kind == info.kind), b"")
        return data, (place, called)

    def send(self, data: memoryview, pair: Pair) -> None:
        info = self._info
        note = info.layout.pack(*(pair[1] if field == info.ours else empty for field, empty in enumerate(info.empty)))
        self.socket.sendmsg([data], [(info.level, info.kind, note)], 0, pair[0])


class _Info(NamedTuple):
    """How a family's packet information is asked for and laid out, and which of its fields is our address."""

    level: int
    ask: int
    kind: int
    layout: struct.Struct
    empty: tuple[int | bytes, ...]
    ours: int


_IP_PKTINFO = 8  # <linux/in.h>; the socket module has no name for it

_INFO = {
    socket.AF_INET: _Info(socket.IPPROTO_IP, _IP_PKTINFO, _IP_PKTINFO, struct.Struct("=I4s4s"), (0, b"", b""), 1),
    socket.AF_INET6: _Info(
        socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, socket.IPV6_PKTINFO, struct.Struct("=16sI"), (b"", 0), 0
    ),
}
