"""The pump carries both directions to their ends: bytes, half-close, losses, backpressure and boundaries."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
import random
from typing import NamedTuple

import pytest

from hearing import Heard, Hearing
from running import PATIENCE
from tincans.channel import Buffer, Channel, Side, Traits
from tincans.conversation import How, Kind, Opening
from tincans.errors import ChannelBroken, ChannelClosed, EndOfStream, LimitExceeded, RemoteProtocolError
from tincans.limits import DATAGRAM_BYTES, DRAIN_SECONDS, MEMORY_BYTES, RECEIVE_BYTES
from tincans.pump import pump
from tincans.recording import Outcome
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair
from tincans.transports.process import spawn_process

CLIENT, SERVER = Side.CLIENT, Side.SERVER
STREAM = Traits()
MESSAGES = Traits(boundaries=True)
WEBSOCKET = Traits(boundaries=True, half_close=False)
DATAGRAMS = Traits(boundaries=True, half_close=False, reliable=False)


class Line(NamedTuple):
    """A client and a server with a pump between them."""

    client: Channel
    server: Channel
    near: Channel
    far: Channel
    heard: Heard
    pumping: asyncio.Task[Outcome]


def line(client: Traits = STREAM, server: Traits = STREAM, drain: float = 0.02) -> Line:
    caller, near = memory_pair(client)
    far, called = memory_pair(server)
    heard = Hearing().begin(Opening(kind=Kind.RELAY, client="c", server="s"))
    return Line(caller, called, near, far, heard, spawn(pump(near, far, [heard], drain=drain)))


async def everything(channel: Channel) -> bytes:
    return b"".join([data async for data in channel])


async def test_both_directions_are_carried_and_told() -> None:
    client, server, *_, heard, pumping = line()
    await client.send(b"ping")
    assert await server.receive() == b"ping"
    await server.send(b"pong")
    assert await client.receive() == b"pong"
    await client.aclose()
    await server.aclose()
    assert await pumping == (How.FINISHED, CLIENT, "")
    assert heard.pieces == [(CLIENT, b"ping"), (SERVER, b"pong")]
    assert heard.ends == [CLIENT, SERVER]
    assert heard.notes == []
    assert not heard.over.is_set(), "the end is the caller's to tell"


@pytest.mark.parametrize("first", [CLIENT, SERVER])
async def test_half_close_passes_and_the_other_direction_goes_on(first: Side) -> None:
    client, server, *_, heard, pumping = line()
    one, two = (client, server) if first is CLIENT else (server, client)
    await one.send(b"last words")
    await one.send_eof()
    assert await everything(two) == b"last words"
    for _ in range(3):
        await two.send(b"still here")
        assert await one.receive() == b"still here"
    await two.send_eof()
    with pytest.raises(EndOfStream):
        await one.receive()
    assert await pumping == (How.FINISHED, first, "")
    assert heard.ends == [first, first.other]


async def test_both_channels_are_closed_at_the_end() -> None:
    client, server, near, far, _, pumping = line()
    await client.send_eof()
    await server.send_eof()
    await pumping
    for channel in (near, far):
        with pytest.raises(ChannelClosed):
            await channel.receive()


async def test_much_is_carried_exactly_both_ways_at_once() -> None:
    client, server, *_, pumping = line()
    data = random.Random(1).randbytes(5_000_000)

    async def say(channel: Channel) -> None:
        await channel.send(data)
        await channel.send_eof()

    *_, there, back = await asyncio.gather(say(client), say(server), everything(server), everything(client))
    assert hashlib.sha256(there).digest() == hashlib.sha256(back).digest() == hashlib.sha256(data).digest()
    assert (await pumping).how is How.FINISHED


async def test_a_slow_reader_slows_the_writer() -> None:
    client, server, *_, heard, _ = line()
    saying = spawn(client.send(bytes(10 * MEMORY_BYTES)))
    await asyncio.sleep(0.01)
    assert not saying.done()
    assert len(heard.words[CLIENT]) <= MEMORY_BYTES + RECEIVE_BYTES
    assert len(await server.receive()) > 0
    client.abort()
    with pytest.raises(ChannelClosed):
        await saying


# ── losses ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lost", [CLIENT, SERVER])
async def test_a_loss_passes(lost: Side) -> None:
    client, server, *_, pumping = line()
    one, two = (client, server) if lost is CLIENT else (server, client)
    await one.send(b"and")
    one.abort()
    assert await two.receive() == b"and"
    with pytest.raises(ChannelBroken):
        await two.receive()
    outcome = await pumping
    assert (outcome.how, outcome.by) == (How.RESET, lost)
    assert outcome.detail


async def test_a_side_that_does_not_listen_any_more_is_lost() -> None:
    client, server, *_, heard, pumping = line()
    await server.aclose()  # its EOF passes; what is said to it now is not heard
    with pytest.raises(EndOfStream):
        await client.receive()
    await client.send(b"hello?")
    outcome = await pumping
    assert (outcome.how, outcome.by) == (How.RESET, SERVER)
    assert heard.words[CLIENT] == b"", "what did not pass was not said"


class Odd(Channel):
    """A channel on which something else than words comes."""

    def __init__(self, below: Channel, error: Exception) -> None:
        self.below, self.error = below, error
        self.local, self.remote, self.traits = below.local, below.remote, below.traits

    async def receive(self) -> bytes:
        await self.below.receive()
        raise self.error

    async def send(self, data: Buffer) -> None:
        await self.below.send(data)

    async def send_eof(self) -> None:
        await self.below.send_eof()

    async def aclose(self) -> None:
        await self.below.aclose()

    def abort(self) -> None:
        self.below.abort()


@pytest.mark.parametrize("side", [CLIENT, SERVER])
async def test_a_broken_rule_ends_both(side: Side) -> None:
    client, near = memory_pair()
    far, server = memory_pair()
    error = RemoteProtocolError("a frame without an end")
    pumping = spawn(pump(Odd(near, error), far) if side is CLIENT else pump(near, Odd(far, error)))
    await (client if side is CLIENT else server).send(b"x")
    for channel in (client, server):
        with pytest.raises(ChannelBroken):
            await channel.receive()
    assert await pumping == (How.RESET, side, "a frame without an end")


@pytest.mark.parametrize("side", [CLIENT, SERVER])
async def test_a_bug_is_raised_and_leaves_nothing_open(side: Side) -> None:
    client, near = memory_pair()
    far, server = memory_pair()
    error = KeyError("bug")
    pumping = spawn(pump(Odd(near, error), far) if side is CLIENT else pump(near, Odd(far, error)))
    await (client if side is CLIENT else server).send(b"x")
    with pytest.raises(KeyError):
        await pumping
    for channel in (client, server):
        with pytest.raises(ChannelBroken):
            await channel.receive()


async def test_cancelling_aborts_both() -> None:
    client, server, *_, pumping = line()
    await client.send(b"x")
    await server.receive()
    pumping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pumping
    for channel in (client, server):
        with pytest.raises(ChannelBroken):
            await channel.receive()


async def test_cancelling_while_only_the_server_talks_aborts_both() -> None:
    client, server, *_, pumping = line()
    await client.send_eof()
    with pytest.raises(EndOfStream):
        await server.receive()
    pumping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pumping
    with pytest.raises(ChannelBroken):
        await client.receive()


async def test_channels_that_somebody_else_closes_end_it() -> None:
    _, _, near, far, _, pumping = line()
    await asyncio.sleep(0)
    await near.aclose()
    await far.aclose()
    assert await pumping == (How.FINISHED, None, "")


# ── where one cannot half-close ───────────────────────────────────────────────────────────────────────────


async def test_a_side_that_cannot_be_told_goes_on_until_it_is_silent() -> None:
    client, server, *_, heard, pumping = line(MESSAGES, WEBSOCKET, drain=0.02)
    await client.send(b"question")
    await client.send_eof()
    assert await server.receive() == b"question"
    time = asyncio.get_running_loop().time
    begun = last = time()
    with contextlib.suppress(EndOfStream):  # longer than the grace, if the machine lets us, and never silent
        while (now := time()) < min(begun + 0.08, last + 0.019):
            await server.send(b"answer")
            assert await client.receive() == b"answer"
            last = now
            await asyncio.sleep(0.005)
    with pytest.raises(EndOfStream):
        await client.receive()
    assert time() - last >= 0.019
    with pytest.raises(EndOfStream):
        await server.receive()
    assert await pumping == (How.FINISHED, CLIENT, "")
    assert heard.notes == [
        "the server cannot be told that the client has ended: both are closed when the server was silent for 0.02 s"
    ]


async def test_a_side_that_ends_in_time_needs_no_grace() -> None:
    client, server, *_, pumping = line(MESSAGES, WEBSOCKET, drain=60)
    await client.send_eof()
    await server.aclose()
    async with asyncio.timeout(PATIENCE):
        assert await pumping == (How.FINISHED, CLIENT, "")


async def test_after_a_goodbye_that_means_both_directions_the_other_side_has_the_grace() -> None:
    client, server, *_, heard, pumping = line(WEBSOCKET, MESSAGES)
    await client.aclose()
    with pytest.raises(EndOfStream):
        await server.receive()
    async with asyncio.timeout(PATIENCE):
        assert await pumping == (How.FINISHED, CLIENT, "")
    assert "the client has closed its channel" in heard.notes[0]


async def test_what_is_said_after_a_goodbye_is_noted_and_no_reset() -> None:
    client, server, *_, heard, pumping = line(WEBSOCKET, MESSAGES, drain=60)
    await client.aclose()
    with pytest.raises(EndOfStream):
        await server.receive()
    await server.send(b"too late")
    async with asyncio.timeout(PATIENCE):
        assert await pumping == (How.FINISHED, CLIENT, "")
    assert heard.notes[-1] == "the client has closed its channel and did not hear the rest"
    assert heard.words[SERVER] == b""


# ── boundaries ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_side_that_only_stopped_reading_may_answer() -> None:
    """A pipe to a process: the loss of one direction is not the loss of the other."""
    process = await spawn_process("exec <&-; echo the answer")
    caller, client = memory_pair()
    heard = Hearing().begin(Opening(kind=Kind.RELAY, client="", server=""))
    await process.exited()
    pumping = spawn(pump(client, process, [heard]))
    await caller.send(b"a question")
    assert await everything(caller) == b"the answer\n"
    assert (await pumping).how is How.FINISHED
    assert heard.notes == ["the server does not read any more and did not hear the rest"]
    await caller.aclose()


async def test_a_message_stays_a_message() -> None:
    client, server, *_, heard, pumping = line(MESSAGES, MESSAGES)
    for message in (b"one", b"", b"three"):
        await client.send(message)
    assert [await server.receive() for _ in range(3)] == [b"one", b"", b"three"]
    assert heard.pieces == [(CLIENT, b"one"), (CLIENT, b""), (CLIENT, b"three")]
    assert heard.notes == []
    pumping.cancel()


async def test_a_join_of_a_stream_and_messages_says_what_it_loses() -> None:
    client, server, *_, heard, pumping = line(STREAM, MESSAGES)
    await client.send(b"a piece")
    assert await server.receive() == b"a piece"
    await server.send(b"")
    await server.send(b"one")
    await server.send_eof()
    assert await everything(client) == b"one"
    assert sorted(heard.notes) == [
        "the client is a stream, so it does not see where a message of the server ends",
        "the client is a stream, so what it says at once is one message to the server",
    ]
    pumping.cancel()


async def test_a_stream_is_cut_to_what_a_datagram_holds() -> None:
    client, server, *_, pumping = line(STREAM, DATAGRAMS)
    data = random.Random(2).randbytes(DATAGRAM_BYTES + 1)
    assert len(data) <= RECEIVE_BYTES
    await client.send(data)
    first, second = await server.receive(), await server.receive()
    assert (len(first), len(second)) == (DATAGRAM_BYTES, 1)
    assert first + second == data
    pumping.cancel()


async def test_a_message_too_long_for_the_other_side_ends_it() -> None:
    class Small(Odd):
        async def receive(self) -> bytes:
            return await self.below.receive()

        async def send(self, data: Buffer) -> None:
            raise self.error

    client, near = memory_pair(MESSAGES)
    far, _ = memory_pair(DATAGRAMS)
    pumping = spawn(pump(near, Small(far, LimitExceeded("a datagram", DATAGRAM_BYTES))))
    await client.send(b"x")
    assert await pumping == (How.RESET, CLIENT, f"a datagram is longer than {DATAGRAM_BYTES} bytes")


def test_the_grace_is_the_limit_s_unless_told_otherwise() -> None:
    assert inspect.signature(pump).parameters["drain"].default == DRAIN_SECONDS


# ── somebody else closes or ends one of them ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("politely", [False, True])
async def test_when_somebody_else_closes_one_both_are_closed(side: Side, politely: bool) -> None:
    client, server, near, far, _, pumping = line()
    await client.send(b"hello")
    assert await server.receive() == b"hello"
    closed = near if side is CLIENT else far
    if politely:
        await closed.aclose()
    else:
        closed.abort()
    assert (await pumping).how is How.FINISHED
    for channel in (client, server):
        with pytest.raises((EndOfStream, ChannelBroken)):
            await channel.receive()


async def test_a_side_that_somebody_else_ended_is_not_heard_and_the_other_goes_on() -> None:
    client, server, near, *_, heard, pumping = line()
    await near.send_eof()
    assert await everything(client) == b""
    await server.send(b"nobody hears this")
    for word in (b"the client", b"goes on"):
        await client.send(word)
        assert await server.receive() == word
    await client.send_eof()
    assert (await pumping).how is How.FINISHED
    assert heard.words == {CLIENT: b"the clientgoes on", SERVER: b""}
