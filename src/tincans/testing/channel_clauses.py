"""What the channel contract promises, clause by clause; `channels.py` runs them."""

from __future__ import annotations

import asyncio
import random
import tracemalloc

from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import CannotHalfClose, ChannelBroken, ChannelBusy, ChannelClosed, EndOfStream
from tincans.tasks import spawn
from tincans.testing.ends import (
    KIB,
    MIB,
    Ends,
    Stuck,
    clause,
    half_close,
    hears,
    no_half_close,
    over,
    passes,
    raises,
    reliable,
    same,
    short,
    stream,
    to_the_end,
    turns,
    waits,
)  # fmt: skip

# ── saying and hearing ────────────────────────────────────────────────────────────────────────────────────


@clause()
async def _names(ends: Ends) -> None:
    """Both ends have an address, the same traits, and facts by name."""
    for channel in (ends.one, ends.other):
        assert isinstance(channel, Channel), f"{channel!r} is not a Channel"
        assert isinstance(channel.local, Address), f"local is {channel.local!r}"
        assert isinstance(channel.remote, Address), f"remote is {channel.remote!r}"
        facts = dict(channel.facts)
        assert all(type(text) is str for pair in facts.items() for text in pair), f"facts are {facts!r}"
    assert ends.one.traits == ends.other.traits, "the traits differ"


@clause()
async def _says(ends: Ends) -> None:
    """What one side sends the other receives, and the buffer is the sender's again."""
    await ends.carries(b"hello")
    buffer = bytearray(b"first")
    await ends.one.send(buffer)
    buffer[:] = b"other"
    same(await ends.other.receive(), b"first")
    await passes(ends.one, ends.other, memoryview(b"-view-")[1:-1])


@clause()
async def _sizes(ends: Ends) -> None:
    """Every size arrives exactly as it was sent, and in order."""
    for size in ends.sizes():
        await passes(ends.one, ends.other, ends.rng.randbytes(size))


@clause(reliable)
async def _small(ends: Ends) -> None:
    """Many small pieces arrive exactly as they were sent, and in order."""
    pieces = [ends.rng.randbytes(1) for _ in range(1000)]

    async def say() -> None:
        for piece in pieces:
            await ends.one.send(piece)

    await asyncio.gather(say(), hears(ends.other, pieces))


@clause(stream)
async def _nothing(ends: Ends) -> None:
    """To send nothing on a stream is no end and no message."""
    await ends.one.send(b"")
    await ends.carries()


@clause(reliable)
async def _both_at_once(ends: Ends) -> None:
    """Both sides may send much at once while both receive."""
    chunks = [ends.rng.randbytes(256 * KIB) for _ in range(16)]

    async def say(channel: Channel) -> None:
        for chunk in chunks:
            await channel.send(chunk)

    await asyncio.gather(say(ends.one), say(ends.other), hears(ends.one, chunks), hears(ends.other, chunks))


@clause(reliable, clogged=True)
async def _backpressure(ends: Ends) -> None:
    """Send waits while the other side does not receive, and goes on when it does."""
    async with Stuck(ends) as stuck:
        if ends.clogged:  # nobody knows what was said before
            hearing = spawn(to_the_end(ends.other, lost=True))
            await stuck.sending
            hearing.cancel()
        else:
            await hears(ends.other, [stuck.piece] * stuck.count)
            await stuck.sending
            await ends.carries()


@clause(reliable)
async def _says_now(ends: Ends) -> None:
    """Send_now says a beginning and how much of it that was, and send the rest."""
    for size in ends.sizes():
        words = ends.rng.randbytes(size)
        hearing = spawn(hears(ends.other, [words] if size else []))
        said = ends.one.send_now(words)
        assert 0 <= said <= size, f"it says that it said {said} bytes of {size}"
        if ends.traits.boundaries:
            assert said in (0, size), f"it said {said} bytes of a message of {size}"
        if said < size:
            await ends.one.send(words[said:])
        await hearing
    await ends.carries()


@clause(reliable, clogged=True)
async def _says_nothing_now(ends: Ends) -> None:
    """Send_now says nothing while a send waits."""
    async with Stuck(ends):
        said = ends.one.send_now(b"x")
        assert not said, f"it said {said} bytes"


@clause()
async def _says_nothing_when_closed(ends: Ends) -> None:
    """After aclose send_now says nothing, or raises ChannelClosed."""
    await ends.one.aclose()
    try:
        said = ends.one.send_now(b"x")
    except ChannelClosed:
        return
    assert not said, f"it said {said} bytes"


@clause()
async def _keeps_nothing(ends: Ends) -> None:
    """What was received is not kept: memory does not grow."""
    data = ends.rng.randbytes(16 * KIB)
    for _ in range(20):
        await ends.carries(data)
    tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(100):
            await ends.carries(data)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        if not tracing:
            tracemalloc.stop()
    assert after - before < 256 * KIB, f"{after - before} bytes more are held after {200 * len(data)} were carried"


# ── ending one direction ──────────────────────────────────────────────────────────────────────────────────


@clause(half_close)
async def _half(ends: Ends) -> None:
    """Send_eof ends one direction, and the other goes on."""
    words, answer = ends.rng.randbytes(1000), ends.rng.randbytes(MIB)
    await ends.one.send(words)
    await ends.one.send_eof()
    await ends.one.send_eof()
    await raises(ends.one.send(b"more"), ChannelClosed)
    same(await to_the_end(ends.other), words)
    for _ in range(3):
        await raises(ends.other.receive(), EndOfStream)
    await passes(ends.other, ends.one, answer)
    await ends.other.send_eof()
    for _ in range(3):
        await raises(ends.one.receive(), EndOfStream)


@clause(half_close)
async def _half_wakes(ends: Ends) -> None:
    """Send_eof wakes the other side's waiting receive with EndOfStream."""
    hearing = spawn(ends.other.receive())
    await waits(hearing)
    await ends.one.send_eof()
    await raises(hearing, EndOfStream)


@clause(no_half_close)
async def _no_half(ends: Ends) -> None:
    """Where there is no half-close send_eof raises CannotHalfClose and changes nothing."""
    await raises(ends.one.send_eof(), CannotHalfClose)
    await ends.carries()
    await ends.one.aclose()
    await raises(ends.one.send_eof(), ChannelClosed)


# ── closing here ──────────────────────────────────────────────────────────────────────────────────────────


async def _is_closed(channel: Channel) -> None:
    await raises(channel.receive(), ChannelClosed)
    await raises(channel.send(b"x"), ChannelClosed)
    await raises(channel.send(b""), ChannelClosed)
    await raises(channel.send_eof(), ChannelClosed)


@clause()
async def _closes(ends: Ends) -> None:
    """After aclose every call raises ChannelClosed, and closing again does nothing."""
    await ends.carries()
    await ends.one.aclose()
    await _is_closed(ends.one)
    await ends.one.aclose()
    ends.one.abort()
    await _is_closed(ends.one)
    assert isinstance(ends.one.local, Address), "a closed channel forgot its address"


@clause()
async def _aborts(ends: Ends) -> None:
    """After abort every call raises ChannelClosed, and closing again does nothing."""
    await ends.carries()
    ends.one.abort()
    await _is_closed(ends.one)
    ends.one.abort()
    await ends.one.aclose()
    await _is_closed(ends.one)


@clause()
async def _closes_together(ends: Ends) -> None:
    """Several tasks may close at once."""
    await asyncio.gather(*(ends.one.aclose() for _ in range(3)))
    await _is_closed(ends.one)


@clause()
async def _close_cancelled(ends: Ends) -> None:
    """A cancelled aclose still closes."""
    closing = spawn(ends.one.aclose())
    await asyncio.sleep(0)  # it has begun; cancelled before, it would never run
    closing.cancel()
    await over(closing)
    await _is_closed(ends.one)
    if ends.traits.reliable:
        await to_the_end(ends.other, lost=True)


@clause()
async def _close_wakes(ends: Ends) -> None:
    """Aclose here wakes a waiting receive with ChannelClosed."""
    hearing = spawn(ends.one.receive())
    await waits(hearing)
    await ends.one.aclose()
    await raises(hearing, ChannelClosed)


@clause()
async def _abort_wakes(ends: Ends) -> None:
    """Abort here wakes a waiting receive with ChannelClosed."""
    hearing = spawn(ends.one.receive())
    await waits(hearing)
    ends.one.abort()
    await raises(hearing, ChannelClosed)


@clause(reliable, clogged=True)
async def _close_wakes_sender(ends: Ends) -> None:
    """Aclose here wakes a waiting send with ChannelClosed."""
    async with Stuck(ends) as stuck:
        await ends.one.aclose()
        await raises(stuck.sending, ChannelClosed)


@clause(reliable, clogged=True)
async def _abort_wakes_sender(ends: Ends) -> None:
    """Abort here wakes a waiting send with ChannelClosed."""
    async with Stuck(ends) as stuck:
        ends.one.abort()
        await raises(stuck.sending, ChannelClosed)


# ── closed there ──────────────────────────────────────────────────────────────────────────────────────────


@clause(reliable)
async def _last_words(ends: Ends) -> None:
    """What was sent before aclose arrives whole, and then EndOfStream."""
    words = ends.rng.randbytes(100_000)

    async def say() -> None:
        await ends.one.send(words)
        await ends.one.aclose()

    _, heard = await asyncio.gather(say(), to_the_end(ends.other))
    same(heard, words)
    await raises(ends.other.receive(), EndOfStream)


@clause(reliable)
async def _last_words_unread(ends: Ends) -> None:
    """What was sent before aclose arrives whole even where the other side's words were not received."""
    await ends.other.send(b"nobody receives this")
    await ends.one.send(b"the last words")

    async def hear() -> bytes:
        heard = await to_the_end(ends.other, lost=True)
        await ends.other.aclose()
        return heard

    _, heard = await asyncio.gather(ends.one.aclose(), hear())
    same(heard, b"the last words")


@clause(reliable)
async def _peer_closed(ends: Ends) -> None:
    """When the other side has closed, send raises ChannelBroken in the end, and goes on doing so."""
    await ends.other.aclose()
    await raises(_send_on(ends.one), ChannelBroken)
    await raises(ends.one.send(b"x"), ChannelBroken)


@clause(reliable)
async def _peer_lost(ends: Ends) -> None:
    """When the other side has aborted, a waiting receive is woken, and send raises ChannelBroken in the end."""
    hearing = spawn(ends.one.receive())
    await waits(hearing)
    ends.other.abort()
    await raises(hearing, ChannelBroken, EndOfStream)
    await raises(ends.one.receive(), ChannelBroken, EndOfStream)
    await raises(_send_on(ends.one), ChannelBroken)
    await raises(ends.one.send(b"x"), ChannelBroken)
    await ends.one.aclose()


@clause(reliable, clogged=True)
async def _peer_lost_wakes(ends: Ends) -> None:
    """When the other side has aborted, a waiting send raises ChannelBroken."""
    async with Stuck(ends) as stuck:
        ends.other.abort()
        await raises(stuck.sending, ChannelBroken)


@clause(reliable)
async def _before_a_loss(ends: Ends) -> None:
    """What is received before a loss is what was sent, from its beginning."""
    words = ends.rng.randbytes(50_000)
    speaking = spawn(ends.one.send(words))
    first = await ends.other.receive()
    await speaking
    ends.one.abort()
    heard = first + await to_the_end(ends.other, lost=True)
    assert words.startswith(heard), f"it received {short(heard)}, which nobody sent"


@clause(reliable)
async def _lost_behind_words(ends: Ends) -> None:
    """An abort right behind words wakes whoever waits for them, and for what follows."""
    words = ends.rng.randbytes(1000)
    hearing = spawn(to_the_end(ends.other, lost=True))
    await waits(hearing)
    await ends.one.send(words)
    ends.one.abort()
    heard = await hearing
    assert words.startswith(heard), f"it received {short(heard)}, which nobody sent"


async def _send_on(channel: Channel) -> None:
    while True:
        await channel.send(b"anybody there?")
        await asyncio.sleep(0)


# ── two tasks, and cancelling them ────────────────────────────────────────────────────────────────────────


@clause()
async def _busy(ends: Ends) -> None:
    """A second receive raises ChannelBusy, and the first goes on."""
    first = spawn(ends.one.receive())
    await waits(first)
    await raises(ends.one.receive(), ChannelBusy)
    await ends.other.send(b"for the first")
    same(await first, b"for the first")
    await ends.carries()


@clause(reliable, clogged=True)
async def _busy_sending(ends: Ends) -> None:
    """A second send raises ChannelBusy while one waits, and receiving goes on."""
    async with Stuck(ends) as stuck:
        await raises(ends.one.send(b"x"), ChannelBusy)
        await passes(ends.other, ends.one, b"meanwhile")
        await waits(stuck.sending)


@clause(reliable, clogged=True)
async def _send_cancelled(ends: Ends) -> None:
    """A send that waits can be cancelled, and the channel closed after it."""
    async with Stuck(ends) as stuck:
        stuck.sending.cancel()
        await over(stuck.sending)
        assert stuck.sending.cancelled(), "it was not cancelled"
        await ends.one.aclose()
        await _is_closed(ends.one)


@clause()
async def _receive_cancelled(ends: Ends) -> None:
    """A cancelled receive has lost nothing."""
    pieces = [ends.rng.randbytes(ends.rng.randrange(1, 200)) for _ in range(400)]
    hearing = _Impatient(ends.other, ends.rng)
    if not ends.traits.reliable:
        for piece in pieces:
            same((await asyncio.gather(hearing.receive(), _dawdle(ends, [piece])))[0], piece)
        return
    saying = spawn(_dawdle(ends, pieces))
    if ends.traits.boundaries:
        for piece in pieces:
            same(await hearing.receive(), piece)
    else:
        wanted = b"".join(pieces)
        heard = b""
        while len(heard) < len(wanted):
            heard += await hearing.receive()
            assert wanted.startswith(heard), f"after {hearing.cancelled} cancelled receives something is missing"
    await saying
    assert hearing.cancelled, "no receive was cancelled"


class _Impatient:
    """Receives with tasks that it cancels after some turns, until one has something."""

    def __init__(self, channel: Channel, rng: random.Random) -> None:
        self._channel, self._rng = channel, rng
        self.cancelled = 0

    async def receive(self) -> bytes:
        while True:
            receiving = spawn(self._channel.receive())
            await turns(self._rng.randrange(5))
            receiving.cancel()
            await asyncio.wait([receiving])
            if not receiving.cancelled():
                return receiving.result()
            self.cancelled += 1


async def _dawdle(ends: Ends, pieces: list[bytes]) -> None:
    for piece in pieces:
        await turns(ends.rng.randrange(4))
        await ends.one.send(piece)


# ── sugar ─────────────────────────────────────────────────────────────────────────────────────────────────


@clause(reliable)
async def _iterates(ends: Ends) -> None:
    """Async for gives all that the other side says, and async with closes."""
    async with ends.one:
        await ends.one.send(b"all of it")
    await _is_closed(ends.one)
    same(b"".join([piece async for piece in ends.other]), b"all of it")
