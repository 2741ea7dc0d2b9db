"""The words that the clauses of the channel contract are written in (`channel_clauses.py`)."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

from tincans.channel import Channel, Traits
from tincans.errors import ChannelBroken, EndOfStream
from tincans.limits import DATAGRAM_BYTES, RECEIVE_BYTES
from tincans.tasks import spawn

KIB = 1024
MIB = 1024 * KIB

_STREAM_SIZES = (1, 2, 3, 100, 1459, 4096, 65_535, 65_536, 65_537, MIB + 1, 3 * MIB + 7)
_MESSAGE_SIZES = (0, 1, 125, 126, 65_535, 65_536, 65_537, 0, MIB + 1)
_DATAGRAM_SIZES = (0, 1, 1472, 1473, 0, DATAGRAM_BYTES)

#: More than the kernel holds for any stream, sockets' buffers at both ends together (tcp_rmem, tcp_wmem: 10 MiB).
_CLOG_BYTES = 32 * MIB

#: Loop turns in which something that must not happen would have happened.
_TURNS = 30


class Ends(NamedTuple):
    """A pair, seen from one side, and the clause's own dice."""

    one: Channel
    other: Channel
    rng: random.Random
    #: The next `send` waits already.
    clogged: bool

    @property
    def traits(self) -> Traits:
        return self.one.traits

    def sizes(self) -> tuple[int, ...]:
        if not self.traits.boundaries:
            return _STREAM_SIZES
        return _MESSAGE_SIZES if self.traits.reliable else _DATAGRAM_SIZES

    async def carries(self, data: bytes = b"still here") -> None:
        """Both directions work."""
        for says, hearer in ((self.one, self.other), (self.other, self.one)):
            await passes(says, hearer, data)


class Clause(NamedTuple):
    says: str
    check: Callable[[Ends], Awaitable[None]]
    applies: Callable[[Traits], bool]
    clogged: bool


CLAUSES: list[Clause] = []

_Check = Callable[[Ends], Coroutine[Any, Any, None]]


def _always(_: Traits) -> bool:
    return True


def reliable(traits: Traits) -> bool:
    return traits.reliable


def stream(traits: Traits) -> bool:
    return traits.reliable and not traits.boundaries


def half_close(traits: Traits) -> bool:
    return traits.half_close


def no_half_close(traits: Traits) -> bool:
    return not traits.half_close


def clause(applies: Callable[[Traits], bool] = _always, *, clogged: bool = False) -> Callable[[_Check], _Check]:
    """Register a clause for the channels that it `applies` to; one that is `clogged` runs on clogged pairs as well."""

    def register(check: _Check) -> _Check:
        assert check.__doc__
        CLAUSES.append(Clause(check.__doc__.rstrip("."), check, applies, clogged))
        return check

    return register


async def turns(count: int = _TURNS) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def over(task: asyncio.Task[Any]) -> None:
    """Wait until the task has ended, however it did."""
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


async def raises(doing: Awaitable[object], *errors: type[Exception]) -> None:
    names = " or ".join(error.__name__ for error in errors)
    try:
        result = await doing
    except errors:
        return
    except Exception as error:
        raise AssertionError(f"it raised {error!r} instead of {names}") from error
    raise AssertionError(f"it returned {short(result)} instead of raising {names}")


async def waits(task: asyncio.Task[Any]) -> None:
    """The task is still at it after some turns of the loop."""
    await turns()
    assert not task.done(), "it did not wait"


async def receives(channel: Channel, count: int) -> bytes:
    """Exactly `count` bytes of a stream."""
    data = bytearray()
    while len(data) < count:
        piece = await channel.receive()
        assert isinstance(piece, bytes), f"it received {type(piece).__name__} and not bytes"
        assert 0 < len(piece) <= RECEIVE_BYTES, f"it received {len(piece)} bytes at once"
        data += piece
    return bytes(data)


async def hears(channel: Channel, pieces: Sequence[bytes]) -> None:
    """Exactly those messages, or as many bytes of a stream."""
    if channel.traits.boundaries:
        for piece in pieces:
            same(await channel.receive(), piece)
    else:
        same(await receives(channel, sum(map(len, pieces))), b"".join(pieces))


async def passes(says: Channel, hearer: Channel, data: bytes | memoryview) -> None:
    """What one sends the other receives: the same bytes, or the same message."""
    hearing = hearer.receive() if says.traits.boundaries else receives(hearer, len(data))
    _, heard = await asyncio.gather(says.send(data), hearing)
    same(heard, bytes(data))


async def gathers(channel: Channel, count: int) -> bytes:
    """So many bytes, in however many pieces or messages."""
    data = bytearray()
    while len(data) < count:
        data += await channel.receive()
    return bytes(data)


async def to_the_end(channel: Channel, *, lost: bool = False) -> bytes:
    """All that is received until `EndOfStream`, or, where it may be `lost`, until `ChannelBroken`."""
    data = bytearray()
    try:
        while True:
            piece = await channel.receive()
            assert piece or channel.traits.boundaries, "it received b'' instead of raising EndOfStream"
            data += piece
    except EndOfStream:
        return bytes(data)
    except ChannelBroken:
        assert lost, "the channel broke"
        return bytes(data)


def same(got: bytes, wanted: bytes) -> None:
    assert got == wanted, f"it received {short(got)} instead of {short(wanted)}"


def short(value: object) -> str:
    if isinstance(value, bytes) and len(value) > 20:
        return f"{value[:16]!r}… ({len(value)} bytes)"
    return repr(value)


@contextmanager
def file_of(data: bytes) -> Iterator[int]:
    """The descriptor of a file with this in it, which stands at its third byte."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(data)
        file.seek(2)
        yield file.fileno()


class Stuck:
    """`one` says more and more until a `send` waits; `sending` is the task in which it does."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self.piece = ends.rng.randbytes(64 * KIB)
        self.count = 1 if ends.clogged else _CLOG_BYTES // len(self.piece)
        self._sent = 0
        self.sending = spawn(self._say())

    async def _say(self) -> None:
        for _ in range(self.count):
            await self._ends.one.send(b"x" if self._ends.clogged else self.piece)
            self._sent += 1

    async def is_stuck(self) -> None:
        sent = -1
        while sent != self._sent:
            sent = self._sent
            await turns()
        assert not self.sending.done(), "send never waited"

    async def __aenter__(self) -> Self:
        try:
            await self.is_stuck()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.sending.cancel()
        self._ends.one.abort()
        await over(self.sending)


class StuckInFile(Stuck):
    """`one` says a file of zeros, longer than there is room for."""

    def __init__(self, ends: Ends) -> None:
        self.size = 1 if ends.clogged else _CLOG_BYTES
        self.file = os.memfd_create("zeros")
        os.truncate(self.file, self.size)
        super().__init__(ends)

    async def _say(self) -> None:
        await self._ends.one.send_file(self.file, 0, self.size)

    async def is_stuck(self) -> None:
        await turns()
        assert not self.sending.done(), "send_file never waited"

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        os.close(self.file)
