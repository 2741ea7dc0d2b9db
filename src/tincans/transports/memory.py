"""memory:NAME, two parties in one process and one loop: what tests talk over, and switchboards within themselves.

A pair has two `_Direction`s, each a bounded queue with one writer and one reader. A stream's pieces are cut to the room
there is, so nobody holds more than MEMORY_BYTES; a message is never cut: it waits until the queue has room at all,
so one message may be larger than the bound, and never two. As with TCP, what was accepted before an abort is still
received, and then the channel is broken.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import count
from weakref import WeakKeyDictionary

from tincans.address import Address
from tincans.channel import STREAM, Buffer, Channel, Listener, Traits, Turn
from tincans.errors import (
    AddressInUse,
    CannotHalfClose,
    ChannelBroken,
    ChannelClosed,
    ConnectionRefused,
    EndOfStream,
)
from tincans.limits import MEMORY_BYTES, MEMORY_MESSAGES
from tincans.tasks import wake
from tincans.transports.callers import Callers

_names = WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, "MemoryListener"]]()
_callers = count(1)


class _Direction:
    """What one side says and the other has not yet received."""

    __slots__ = ("_boundaries", "_held", "_pieces", "ended", "lost", "reader", "unread", "writer")

    def __init__(self, boundaries: bool) -> None:
        self._boundaries = boundaries
        self._pieces = deque[bytes]()
        self._held = 0
        self.ended = False  # the writer has said its last word
        self.lost = False  # the writer aborted
        self.unread = False  # the reader has left
        self.reader: asyncio.Future[None] | None = None
        self.writer: asyncio.Future[None] | None = None

    def put(self, rest: memoryview) -> memoryview | None:
        """Take what there is room for and return the rest; None when all is taken."""
        room = MEMORY_BYTES - self._held
        if room <= 0 or (self._boundaries and len(self._pieces) >= MEMORY_MESSAGES):
            return rest
        piece = bytes(rest if self._boundaries else rest[:room])
        self._pieces.append(piece)
        self._held += len(piece)
        wake(self.reader)
        return rest[len(piece) :] if len(piece) < len(rest) else None

    def take(self) -> bytes | None:
        """The next piece, or None."""
        if not self._pieces:
            return None
        piece = self._pieces.popleft()
        self._held -= len(piece)
        wake(self.writer)
        return piece

    def end(self, *, lost: bool = False) -> None:
        self.ended, self.lost = True, self.lost or lost
        wake(self.reader)
        wake(self.writer)

    def leave(self) -> None:
        """The reader leaves, and nobody will receive what is held."""
        self.unread = True
        self._pieces.clear()
        self._held = 0
        wake(self.reader)
        wake(self.writer)


class MemoryChannel(Channel):
    """One end of a pair; see `memory_pair`."""

    __slots__ = ("_closed", "_in", "_out", "_receiving", "_sending", "local", "remote", "traits")

    def __init__(self, hears: _Direction, says: _Direction, local: Address, remote: Address, traits: Traits) -> None:
        self.local, self.remote, self.traits = local, remote, traits
        self._in, self._out = hears, says
        self._receiving, self._sending = Turn("receiving"), Turn("sending")
        self._closed = False

    async def receive(self) -> bytes:
        with self._receiving:
            while True:
                if self._closed:
                    raise ChannelClosed
                piece = self._in.take()
                if piece is not None:
                    return piece
                if self._in.lost:
                    raise ChannelBroken
                if self._in.ended:
                    raise EndOfStream
                await self._wait_to_receive()

    async def send(self, data: Buffer) -> None:
        with self._sending:
            self._check_send()
            view = memoryview(data).cast("B")
            rest: memoryview | None = view if view or self.traits.boundaries else None
            while rest is not None:
                rest = self._out.put(rest)
                if rest is not None:
                    await self._wait_to_send()
                    self._check_send()

    def _check_send(self) -> None:
        if self._closed or self._out.ended:
            raise ChannelClosed
        if self._out.unread:
            raise ChannelBroken("the other side does not read any more")

    async def send_eof(self) -> None:
        if self._closed:
            raise ChannelClosed
        if not self.traits.half_close:
            raise CannotHalfClose("memory")
        with self._sending:
            self._out.end()

    async def aclose(self) -> None:
        self._leave(lost=False)

    def abort(self) -> None:
        self._leave(lost=True)

    def _leave(self, *, lost: bool) -> None:
        if not self._closed:
            self._closed = True
            self._in.leave()
            self._out.end(lost=lost)

    async def _wait_to_receive(self) -> None:
        self._in.reader = asyncio.get_running_loop().create_future()
        try:
            await self._in.reader
        finally:
            self._in.reader = None

    async def _wait_to_send(self) -> None:
        self._out.writer = asyncio.get_running_loop().create_future()
        try:
            await self._out.writer
        finally:
            self._out.writer = None


def memory_pair(traits: Traits = STREAM, *, name: str = "pair") -> tuple[MemoryChannel, MemoryChannel]:
    """Two channels, client and server, whose ends are joined. `traits` chooses messages or a stream, half-close or not.

    Closing either end is all there is to give back.
    """
    called = Address("memory", path=name)
    caller = Address("memory", path=f"{name}/{next(_callers)}")
    there, back = _Direction(traits.boundaries), _Direction(traits.boundaries)
    return MemoryChannel(back, there, caller, called, traits), MemoryChannel(there, back, called, caller, traits)


class MemoryListener(Listener):
    """The one who answers to a name in this loop."""

    __slots__ = ("_callers", "_taken", "address")

    def __init__(self, address: Address, taken: dict[str, MemoryListener]) -> None:
        self.address = address
        self._taken = taken
        self._callers: Callers[MemoryChannel] = Callers()

    @property
    def waiting(self) -> int:
        """How many have called and were not accepted yet."""
        return len(self._callers)

    def call(self, channel: MemoryChannel) -> bool:
        """Queue a caller; False where too many wait."""
        if self._callers.full:
            return False
        self._callers.add(channel)
        return True

    async def accept(self) -> Channel:
        return await self._callers.accept()

    async def aclose(self) -> None:
        if not self._callers.closed:
            del self._taken[self.address.path]
            self._callers.close()


async def dial(address: Address) -> Channel:
    """Call the name in this loop; `ConnectionRefused` where nobody answers to it, or too many wait already."""
    listener = _names.get(asyncio.get_running_loop(), {}).get(address.path)
    if listener is None:
        raise ConnectionRefused(address, "nobody in this process listens on that name")
    client, server = memory_pair(name=address.path)
    if not listener.call(server):
        raise ConnectionRefused(address, f"{listener.waiting} callers wait there already")
    return client


async def listen(address: Address, *, reuse_port: bool = False) -> Listener:
    """Answer to the name in this loop, until closed; `AddressInUse` where somebody else does. There are no ports to
    reuse."""
    taken = _names.setdefault(asyncio.get_running_loop(), {})
    if address.path in taken:
        raise AddressInUse(address)
    listener = taken[address.path] = MemoryListener(address, taken)
    return listener
