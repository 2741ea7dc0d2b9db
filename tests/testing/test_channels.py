"""The suite passes what keeps the contract, and finds whoever breaks one clause of it."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import Mapping

import pytest

from tincans.channel import STREAM, Buffer, Channel, Traits
from tincans.errors import CannotHalfClose, ChannelBroken, ChannelBusy, ChannelClosed, EndOfStream
from tincans.limits import MEMORY_BYTES
from tincans.testing import check_channel, memory_pair
from tincans.testing.ends import CLAUSES

MESSAGES = Traits(boundaries=True, half_close=False)
TRAITS = (STREAM, Traits(half_close=False), Traits(boundaries=True), MESSAGES, MESSAGES._replace(reliable=False))


@pytest.mark.parametrize("traits", TRAITS, ids=str)
async def test_memory_keeps_the_contract_whatever_its_traits(traits: Traits) -> None:
    async def make_pair() -> tuple[Channel, Channel]:
        return memory_pair(traits)

    async def make_clogged_pair() -> tuple[Channel, Channel]:
        client, server = memory_pair(traits)
        await client.send(bytes(MEMORY_BYTES))
        return client, server

    await check_channel(make_pair, make_clogged_pair)


# ── one wrong channel a clause ────────────────────────────────────────────────────────────────────────────


class Right(Channel):
    """Does all that the channel below it does; each subclass does one thing wrong."""

    def __init__(self, below: Channel) -> None:
        self.below = below
        self.local, self.remote, self.traits = below.local, below.remote, below.traits
        self.closed = False

    async def receive(self) -> bytes:
        return await self.below.receive()

    async def send(self, data: Buffer) -> None:
        await self.below.send(data)

    async def send_eof(self) -> None:
        await self.below.send_eof()

    async def aclose(self) -> None:
        await self.below.aclose()

    def abort(self) -> None:
        self.below.abort()


class Nameless(Right):
    def __init__(self, below: Channel) -> None:
        super().__init__(below)
        self.local = "here"  # type: ignore[assignment]


class BadFacts(Right):
    @property
    def facts(self) -> Mapping[str, str]:
        return {"process.id": 12}  # type: ignore[dict-item]


class KeepsTheBuffer(Right):
    """Sends the buffer later than it says."""

    late: Buffer | None = None

    async def send(self, data: Buffer) -> None:
        asyncio.get_running_loop().call_soon(self._later, data)

    def _later(self, data: Buffer) -> None:
        asyncio.get_running_loop().create_task(self.below.send(data))


class Capitals(Right):
    async def receive(self) -> bytes:
        return (await self.below.receive()).upper()


class LosesLong(Right):
    """Tears off what is beyond 64 KiB."""

    async def send(self, data: Buffer) -> None:
        await self.below.send(memoryview(data)[:65_536])


class SwallowsEmpty(Right):
    async def send(self, data: Buffer) -> None:
        if len(data):
            await self.below.send(data)


class EmptyAtTheEnd(Right):
    async def receive(self) -> bytes:
        try:
            return await self.below.receive()
        except EndOfStream:
            return b""


class EndsOnce(Right):
    """Says only once that the other side has ended."""

    ends = 0

    async def receive(self) -> bytes:
        try:
            return await self.below.receive()
        except EndOfStream:
            self.ends += 1
            if self.ends > 1:
                return b"again"
            raise


class ReceivesTooMuch(Right):
    async def receive(self) -> bytes:
        data = await self.below.receive()
        try:
            async with asyncio.timeout(0.001):
                return data + await self.below.receive()
        except TimeoutError:
            return data


class NeverWaits(Right):
    """Queues without a bound."""

    def __init__(self, below: Channel) -> None:
        super().__init__(below)
        self.queue = asyncio.Queue[bytes]()
        self.pump: asyncio.Task[None] | None = None

    async def send(self, data: Buffer) -> None:
        if self.pump is None:
            self.pump = asyncio.get_running_loop().create_task(self._pump())
        if self.closed:
            raise ChannelClosed
        self.queue.put_nowait(bytes(data))

    async def _pump(self) -> None:
        while True:
            await self.below.send(await self.queue.get())

    def abort(self) -> None:
        self.closed = True
        if self.pump is not None:
            self.pump.cancel()
        super().abort()


class EndsBoth(Right):
    """Closes the whole channel where one direction was to end."""

    async def send_eof(self) -> None:
        await self.below.send_eof()
        await self.below.aclose()


class EndsNothing(Right):
    async def send_eof(self) -> None:
        if self.closed:
            raise ChannelClosed


class SpeaksAfterItsEnd(Right):
    ended = False

    async def send(self, data: Buffer) -> None:
        if not self.ended:
            await self.below.send(data)

    async def send_eof(self) -> None:
        self.ended = True
        await self.below.send_eof()


class HalfClosesAnyway(Right):
    async def send_eof(self) -> None:
        try:
            await self.below.send_eof()
        except CannotHalfClose:
            pass


class ClosedIsBroken(Right):
    async def receive(self) -> bytes:
        try:
            return await self.below.receive()
        except ChannelClosed:
            raise ChannelBroken from None


class ClosesOnce(Right):
    async def aclose(self) -> None:
        if self.closed:
            raise ChannelClosed
        self.closed = True
        await self.below.aclose()


class StaysOpenWhenCancelled(Right):
    async def aclose(self) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self.below.aclose()


class SleepsOn(Right):
    """Does not wake whoever is receiving when it is closed."""

    async def receive(self) -> bytes:
        if self.closed:
            raise ChannelClosed
        try:
            return await self.below.receive()
        except ChannelClosed:
            await asyncio.Event().wait()
            raise

    async def aclose(self) -> None:
        self.closed = True
        await super().aclose()

    def abort(self) -> None:
        self.closed = True
        super().abort()


class NeverNoticesLoss(Right):
    async def send(self, data: Buffer) -> None:
        try:
            await self.below.send(data)
        except ChannelBroken:
            pass


class WaitsBehindWords(Right):
    async def receive(self) -> bytes:
        try:
            return await self.below.receive()
        except ChannelBroken:
            await asyncio.Event().wait()
            raise


class DropsLastWords(Right):
    async def aclose(self) -> None:
        self.below.abort()


class LetsTwoIn(Right):
    async def receive(self) -> bytes:
        while True:
            try:
                return await self.below.receive()
            except ChannelBusy:
                await asyncio.sleep(0)


class LosesWhenCancelled(Right):
    async def receive(self) -> bytes:
        data = await self.below.receive()
        await asyncio.sleep(0)
        return data


class OneTaskOnly(Right):
    """Cannot receive while it sends."""

    def __init__(self, below: Channel) -> None:
        super().__init__(below)
        self.lock = asyncio.Lock()

    async def send(self, data: Buffer) -> None:
        if self.lock.locked():
            raise ChannelBusy("sending")
        async with self.lock:
            await self.below.send(data)

    async def receive(self) -> bytes:
        while self.lock.locked():
            await asyncio.sleep(0)
        return await self.below.receive()


class QueuesSenders(Right):
    """Lets a second sender wait for the first."""

    def __init__(self, below: Channel) -> None:
        super().__init__(below)
        self.lock = asyncio.Lock()

    async def send(self, data: Buffer) -> None:
        async with self.lock:
            await self.below.send(data)


class CannotBeCancelled(Right):
    async def send(self, data: Buffer) -> None:
        try:
            await self.below.send(data)
        except asyncio.CancelledError:
            pass


class SendsOn(Right):
    """Says nothing of its own close to whoever is sending."""

    async def send(self, data: Buffer) -> None:
        try:
            await self.below.send(data)
        except ChannelClosed:
            pass


class SwallowsEnds(Right):
    """Takes an empty send for an end."""

    async def send(self, data: Buffer) -> None:
        await (self.below.send(data) if len(data) else self.below.send_eof())

    async def receive(self) -> bytes:
        try:
            return await self.below.receive()
        except EndOfStream:
            return b""


class Shuffles(Right):
    """Sends every second piece before the first."""

    held = b""

    async def send(self, data: Buffer) -> None:
        if self.held:
            await self.below.send(data)
            await self.below.send(self.held)
        self.held = b"" if self.held else bytes(data)


class ForgetsLastWords(Right):
    """Sends when it is closed, and not even then where something was not received."""

    def __init__(self, below: Channel) -> None:
        super().__init__(below)
        self.words = b""

    async def send(self, data: Buffer) -> None:
        self.words += data

    async def aclose(self) -> None:
        await self.below.aclose()


class LeavesOpen(Right):
    async def __aexit__(self, *_: object) -> None:
        pass


class FromTheBeginning(Right):
    async def send_file(self, file: int, offset: int, count: int) -> None:
        await super().send_file(file, 0, count)


class MovesTheFile(Right):
    async def send_file(self, file: int, offset: int, count: int) -> None:
        await super().send_file(file, offset, count)
        os.lseek(file, offset + count, os.SEEK_SET)


class FillsUp(Right):
    """Says zeros where a file has nothing any more."""

    async def send_file(self, file: int, offset: int, count: int) -> None:
        data = os.pread(file, count, offset)
        await self.send(data + bytes(count - len(data)))


class BreaksOfAFile(Right):
    """Takes a file that cannot be read for a loss."""

    async def send_file(self, file: int, offset: int, count: int) -> None:
        try:
            await super().send_file(file, offset, count)
        except OSError:
            raise ChannelBroken from None


class SaysAll(Right):
    """Claims to have said at once what it did not."""

    def send_now(self, data: Buffer) -> int:
        return len(data)


class SaysTooMuch(Right):
    def send_now(self, data: Buffer) -> int:
        return len(data) + 1


class SaysAPart(Right):
    def send_now(self, data: Buffer) -> int:
        return len(data) // 2


class Hoards(Right):
    def __init__(self, below: Channel) -> None:
        super().__init__(below)
        self.all = bytearray()

    async def receive(self) -> bytes:
        data = await self.below.receive()
        self.all += data
        return data


#: Who is wrong, the traits of its pair, the clause that finds it, and what that says.
WRONG = [
    (Nameless, STREAM, "Both ends have an address", "local is 'here'"),
    (BadFacts, STREAM, "Both ends have an address", "facts are"),
    (KeepsTheBuffer, STREAM, "What one side sends the other receives", "instead of b'first'"),
    (Capitals, STREAM, "What one side sends the other receives", "it received b'HELLO'"),
    (LosesLong, MESSAGES, "Every size arrives", "(65536 bytes) instead of"),
    (LosesLong, STREAM, "Every size arrives", "did not finish"),
    (SwallowsEmpty, MESSAGES, "Every size arrives", "did not finish"),
    (ReceivesTooMuch, STREAM, "Every size arrives", "bytes at once"),
    (SwallowsEnds, STREAM, "To send nothing on a stream", "closed at this end"),
    (Shuffles, STREAM, "Many small pieces", "instead of"),
    (NeverWaits, STREAM, "Send waits", "send never waited"),
    (NeverWaits, MESSAGES, "Send waits", "send never waited"),
    (SaysAll, STREAM, "Send_now says a beginning", "did not finish"),
    (SaysTooMuch, STREAM, "Send_now says a beginning", "it says that it said 2 bytes of 1"),
    (SaysAPart, MESSAGES, "Send_now says a beginning", "of a message"),
    (SaysAll, STREAM, "Send_now says nothing while a send waits", "it said 1 bytes"),
    (SaysAll, STREAM, "After aclose send_now says nothing", "it said 1 bytes"),
    (Hoards, STREAM, "memory does not grow", "bytes more are held"),
    (EmptyAtTheEnd, STREAM, "Send_eof ends one direction", "b'' instead of raising EndOfStream"),
    (EndsOnce, STREAM, "Send_eof ends one direction", "b'again' instead of raising EndOfStream"),
    (EndsBoth, STREAM, "Send_eof ends one direction", ""),
    (EndsNothing, STREAM, "Send_eof ends one direction", ""),
    (EndsNothing, STREAM, "Send_eof wakes", "did not finish"),
    (SpeaksAfterItsEnd, STREAM, "Send_eof ends one direction", "instead of raising ChannelClosed"),
    (HalfClosesAnyway, MESSAGES, "raises CannotHalfClose and changes nothing", "instead of raising CannotHalfClose"),
    (ClosedIsBroken, STREAM, "After aclose every call", "instead of ChannelClosed"),
    (ClosedIsBroken, STREAM, "After abort every call", "instead of ChannelClosed"),
    (ClosesOnce, STREAM, "After aclose every call", "closed at this end"),
    (ClosesOnce, STREAM, "Several tasks may close", "closed at this end"),
    (StaysOpenWhenCancelled, STREAM, "A cancelled aclose", "did not finish"),
    (SleepsOn, STREAM, "Aclose here wakes a waiting receive", "did not finish"),
    (SleepsOn, STREAM, "Abort here wakes a waiting receive", "did not finish"),
    (SendsOn, STREAM, "Aclose here wakes a waiting send", ""),
    (SendsOn, STREAM, "Abort here wakes a waiting send", ""),
    (DropsLastWords, STREAM, "What was sent before aclose arrives whole, and then EndOfStream", "the channel broke"),
    (ForgetsLastWords, STREAM, "even where the other side's words were not received", "b'' instead of"),
    (NeverNoticesLoss, STREAM, "When the other side has closed", "did not finish"),
    (NeverNoticesLoss, STREAM, "a waiting receive is woken", "did not finish"),
    (NeverNoticesLoss, STREAM, "a waiting send raises ChannelBroken", "returned"),
    (Capitals, STREAM, "What is received before a loss", "which nobody sent"),
    (WaitsBehindWords, STREAM, "An abort right behind words", "did not finish"),
    (Capitals, STREAM, "An abort right behind words", "which nobody sent"),
    (LetsTwoIn, STREAM, "A second receive raises ChannelBusy", ""),
    (QueuesSenders, STREAM, "A second send raises ChannelBusy", "did not finish"),
    (OneTaskOnly, STREAM, "A second send raises ChannelBusy while one waits, and receiving goes on", "did not finish"),
    (CannotBeCancelled, STREAM, "A send that waits can be cancelled", ""),
    (LosesWhenCancelled, STREAM, "A cancelled receive has lost nothing", ""),
    (LosesWhenCancelled, MESSAGES, "A cancelled receive has lost nothing", "instead of"),
    (LosesWhenCancelled, MESSAGES._replace(reliable=False), "A cancelled receive has lost nothing", "did not finish"),
    (LeavesOpen, STREAM, "Async for gives all", ""),
    (FromTheBeginning, STREAM, "Send_file says what is in a file", "instead of"),
    (MovesTheFile, STREAM, "Send_file says what is in a file", "the file stands elsewhere"),
    (FillsUp, STREAM, "Where a file is shorter", "instead of raising EOFError"),
    (BreaksOfAFile, STREAM, "Where a file cannot be read", "instead of OSError"),
    (SpeaksAfterItsEnd, STREAM, "After send_eof send_file", "instead of raising ChannelClosed"),
    (NeverWaits, STREAM, "Send_file waits", "send_file never waited"),
    (QueuesSenders, STREAM, "While a send_file waits nobody else sends", "did not finish"),
    (SendsOn, STREAM, "Aclose here wakes a waiting send_file", "instead of raising ChannelClosed"),
    (NeverNoticesLoss, STREAM, "a waiting send_file raises ChannelBroken", "instead of raising ChannelBroken"),
    (CannotBeCancelled, STREAM, "A send_file that waits can be cancelled", ""),
]


async def _right_pair(traits: Traits) -> tuple[Channel, Channel]:
    client, server = memory_pair(traits)
    return Right(client), Right(server)


async def test_what_wraps_rightly_passes() -> None:
    await check_channel(lambda: _right_pair(STREAM))


@pytest.mark.parametrize(("wrong", "traits", "clause", "says"), WRONG)
async def test_what_is_wrong_is_found(wrong: type[Right], traits: Traits, clause: str, says: str) -> None:
    async def make_pair() -> tuple[Channel, Channel]:
        client, server = await _right_pair(traits)
        return client, wrong(server)

    with pytest.raises(AssertionError, match=re.escape(clause)) as caught:
        await check_channel(make_pair, only=clause, patience=0.1 if says in ("", "did not finish") else 10)
    assert says in str(caught.value)


def test_every_clause_has_a_channel_that_breaks_it() -> None:
    broken = [clause for _, _, clause, _ in WRONG]
    # To deadlock needs both ends to be wrong in the same way, and a real transport's buffers.
    broken.append("Both sides may send much at once")
    assert [c.says for c in CLAUSES if not any(text in c.says for text in broken)] == []


async def test_both_ends_have_the_same_traits() -> None:
    async def make_pair() -> tuple[Channel, Channel]:
        client, server = memory_pair()
        wrong = Right(server)
        wrong.traits = MESSAGES
        return client, wrong

    with pytest.raises(AssertionError, match="the traits differ"):
        await check_channel(make_pair)


async def test_a_clause_that_there_is_not() -> None:
    with pytest.raises(AssertionError, match="no clause"):
        await check_channel(lambda: _right_pair(STREAM), only="never said")


async def test_no_pair_is_left_open() -> None:
    pairs: list[tuple[Channel, Channel]] = []

    async def make_pair() -> tuple[Channel, Channel]:
        pairs.append(await _right_pair(STREAM))
        return pairs[-1]

    await check_channel(make_pair, only="Both ends")
    for channel in itertools.chain(*pairs):
        with pytest.raises(ChannelClosed):
            await channel.receive()
