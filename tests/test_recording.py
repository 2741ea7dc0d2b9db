"""A recording channel tells its taps what is said, by whom, and how it ended; and is the channel below otherwise."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Awaitable, Callable

import pytest

from hearing import Heard, Hearing
from running import Certificates
from tincans.address import Address
from tincans.channel import STREAM, Buffer, Channel, Side, Traits
from tincans.conversation import How, Kind, Tap
from tincans.errors import CannotHalfClose, ChannelBroken, ChannelClosed, ConnectError, EndOfStream
from tincans.limits import CARRIED_BYTES
from tincans.recording import (
    Deaf,
    RecordingChannel,
    Silence,
    beside,
    look_ahead,
    note,
    number_of,
    opening,
    secure,
)
from tincans.testing.ends import gathers
from tincans.transports import Wrap
from tincans.transports.memory import memory_pair
from tincans.transports.tls import client_wrap, server_wrap
from wrapping import Pair, in_memory, over_tcp

CLIENT, SERVER = Side.CLIENT, Side.SERVER


def recorded(traits: Traits = STREAM) -> tuple[Channel, RecordingChannel, Heard]:
    """A client, the server who records it, and what is heard."""
    client, server = memory_pair(traits)
    heard = Hearing().begin(opening(Kind.LISTEN, server, "shop"))
    return client, RecordingChannel(server, [heard], SERVER), heard


async def test_it_tells_who_called_whom() -> None:
    client, server, heard = recorded(Traits(boundaries=True))
    assert (heard.opening.client, heard.opening.server) == (str(client.local), str(server.local))
    assert heard.opening.boundaries
    assert heard.opening.name == "shop"
    called = opening(Kind.CONNECT, client)
    assert (called.client, called.server) == (str(client.local), str(client.remote))
    assert server.traits == client.traits
    assert server.facts == {}


async def test_it_tells_what_is_said_and_by_whom() -> None:
    client, server, heard = recorded()
    await client.send(b"ping")
    assert await server.receive() == b"ping"
    await server.send(bytearray(b"pong"))
    assert await client.receive() == b"pong"
    assert heard.pieces == [(CLIENT, b"ping"), (SERVER, b"pong")]


async def test_a_client_that_records_is_the_client() -> None:
    client, server = memory_pair()
    heard = Hearing().begin(opening(Kind.CONNECT, client))
    async with RecordingChannel(client, [heard], CLIENT) as recording:
        await recording.send(b"ping")
        await server.send(b"pong")
        await recording.receive()
    assert heard.pieces == [(CLIENT, b"ping"), (SERVER, b"pong")]
    assert heard.outcome == (How.FINISHED, CLIENT, "")


async def test_who_ends_first_is_told_once_and_finishes_it() -> None:
    client, server, heard = recorded()
    await client.send_eof()
    for _ in range(2):
        with pytest.raises(EndOfStream):
            await server.receive()
    await server.send_eof()
    await server.send_eof()
    assert heard.ends == [CLIENT, SERVER]
    assert not heard.over.is_set()
    await server.aclose()
    await server.aclose()
    server.abort()
    assert heard.outcome == (How.FINISHED, CLIENT, "")


async def test_a_close_without_an_end_is_ours() -> None:
    _, server, heard = recorded()
    await server.aclose()
    assert heard.outcome == (How.FINISHED, SERVER, "")
    with pytest.raises(ChannelClosed):
        await server.receive()


async def test_an_abort_is_a_reset_by_us() -> None:
    client, server, heard = recorded()
    server.abort()
    assert heard.outcome == (How.RESET, SERVER, "")
    with pytest.raises(ChannelBroken):
        await client.receive()


@pytest.mark.parametrize("doing", ["receive", "send"])
async def test_a_loss_is_a_reset_by_the_other_side(doing: str) -> None:
    client, server, heard = recorded()
    client.abort()
    with pytest.raises(ChannelBroken) as broken:
        await (server.receive() if doing == "receive" else server.send(b"x"))
    assert not heard.over.is_set(), "it is over when it is closed"
    await server.aclose()
    assert heard.outcome == (How.RESET, CLIENT, broken.value.reason)
    assert heard.pieces == []


async def test_the_first_explanation_counts() -> None:
    _, server, heard = recorded()
    server.end(How.IDLE, None, "nothing was said for 1 s")
    server.end(How.STOPPED)
    server.abort()
    assert heard.outcome == (How.IDLE, None, "nothing was said for 1 s")


async def test_what_was_not_ended_is_not_told() -> None:
    _, server, heard = recorded(Traits(half_close=False))
    with pytest.raises(CannotHalfClose):
        await server.send_eof()
    assert heard.ends == []
    await server.aclose()


async def test_a_cancelled_close_is_told() -> None:
    _, server, heard = recorded()
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await server.aclose()
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        task.uncancel()
    assert heard.outcome == (How.FINISHED, SERVER, "")


# ── silence ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_silence_is_told_after_the_last_word_and_not_before() -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    silence = Silence(0.04, over.set)
    start = last = loop.time()
    while loop.time() < start + 0.08 and not over.is_set():
        silence.said(CLIENT, b"x")
        silence.carried(SERVER, 9)
        silence.ended(CLIENT)
        last = loop.time()
        await asyncio.sleep(0.005)
    await over.wait()  # already, only if the machine let us sleep for longer than the limit
    assert loop.time() - last >= 0.039


async def test_silence_that_is_closed_is_silent() -> None:
    calls: list[int] = []
    silence = Silence(0.001, lambda: calls.append(1))
    silence.closed(How.FINISHED)
    await asyncio.sleep(0.01)
    assert calls == []


def test_a_deaf_tap_wants_nothing() -> None:
    deaf = Deaf()
    assert not deaf.wants(CLIENT)
    assert deaf.number == 0


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────


class Counting(Deaf):
    """A tap that wants no bytes, until it was told of so many pieces."""

    def __init__(self, until: int = 1000) -> None:
        self.counts: list[int] = []
        self.words = b""
        self._until = until

    def wants(self, side: Side) -> bool:
        return len(self.counts) >= self._until

    def carried(self, side: Side, count: int) -> None:
        assert side is SERVER
        self.counts.append(count)

    def said(self, side: Side, data: Buffer) -> None:
        self.words += data


async def sent(tap: Tap, size: int) -> tuple[bytes, Channel]:
    """A file of random bytes, sent to a caller who hears all of it: what was in it; and the caller."""
    data = random.Random(5).randbytes(size)
    caller, called = await over_tcp()
    recording = RecordingChannel(called, [tap], SERVER)
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(data)
        _, heard = await asyncio.gather(recording.send_file(file.fileno(), 0, size), gathers(caller, size))
    assert heard == data
    await recording.aclose()
    return data, caller


async def test_a_file_is_counted_where_nobody_wants_its_bytes() -> None:
    tap = Counting()
    _, caller = await sent(tap, CARRIED_BYTES + 1)
    assert tap.counts == [CARRIED_BYTES, 1]
    assert tap.words == b""
    caller.abort()


async def test_a_file_is_told_from_where_its_bytes_are_wanted() -> None:
    tap = Counting(until=1)
    data, caller = await sent(tap, CARRIED_BYTES + 100_000)
    assert tap.counts == [CARRIED_BYTES]
    assert tap.words == data[CARRIED_BYTES:]
    caller.abort()


async def test_a_file_is_told_whole_where_somebody_wants_it() -> None:
    heard = Hearing().begin(opening(Kind.LISTEN, memory_pair()[1]))
    data, caller = await sent(heard, 300_000)
    assert heard.words[SERVER] == data
    assert heard.counted[SERVER] == 0
    caller.abort()


@pytest.mark.parametrize("curious", [False, True])
async def test_a_loss_while_a_file_is_sent_is_a_reset_by_the_other_side(curious: bool) -> None:
    caller, called = await over_tcp()
    heard = Hearing().begin(opening(Kind.LISTEN, called))
    heard.curious = curious
    recording = RecordingChannel(called, [heard], SERVER)
    caller.abort()
    with tempfile.TemporaryFile(buffering=0) as file:
        file.truncate(CARRIED_BYTES * 8)
        with pytest.raises(ChannelBroken) as broken:
            await recording.send_file(file.fileno(), 0, CARRIED_BYTES * 8)
    await recording.aclose()
    assert heard.outcome == (How.RESET, CLIENT, broken.value.reason)


# ── TLS that begins in the middle ─────────────────────────────────────────────────────────────────────────


def wraps(certificates: Certificates) -> tuple[Wrap, Wrap]:
    """The handshake of the client, and that of the server."""
    leaf = str(certificates.leaf)
    trusting = Address("tcp", "localhost", wraps=("tls",), options=(("ca", str(certificates.ca)),))
    showing = Address("tcp", "localhost", wraps=("tls",), options=(("cert", leaf), ("key", leaf)))
    return client_wrap(trusting), server_wrap(showing)


@pytest.mark.parametrize("make", [in_memory, over_tcp])
async def test_what_is_said_inside_tls_is_told_plain(
    make: Callable[[], Awaitable[Pair]], certificates: Certificates
) -> None:
    theirs, ours = wraps(certificates)
    client, below = await make()
    heard = Hearing().begin(opening(Kind.LISTEN, below))
    server: Channel = RecordingChannel(below, [heard], SERVER)
    await client.send(b"STARTTLS")
    assert await server.receive() == b"STARTTLS"
    inside, secured = await asyncio.gather(secure(client, theirs), secure(server, ours))
    assert secured is server
    assert inside is not client
    await inside.send(b"inside")
    assert await server.receive() == b"inside"
    await server.send(b"heard")
    assert await inside.receive() == b"heard"
    assert heard.pieces == [(CLIENT, b"STARTTLS"), (CLIENT, b"inside"), (SERVER, b"heard")]
    assert [facts["tls.version"] for facts in heard.security] == ["TLSv1.3"]
    assert server.facts["tls.version"] == "TLSv1.3"
    await asyncio.gather(inside.aclose(), server.aclose())
    assert heard.outcome is not None
    assert heard.outcome[0] is How.FINISHED


async def test_a_handshake_that_fails_closes_the_channel(certificates: Certificates) -> None:
    client, server, heard = recorded()
    await client.send(b"this is no TLS at all\r\n")
    with pytest.raises(ConnectError):
        await secure(server, wraps(certificates)[1])
    await client.aclose()
    with pytest.raises(ChannelClosed):
        await server.receive()
    await server.aclose()
    assert heard.security == []
    assert heard.over.is_set()


# ── a conversation beside another ─────────────────────────────────────────────────────────────────────────


async def test_nobody_is_told_of_what_is_beside_a_channel_that_is_not_recorded() -> None:
    channel, other = memory_pair()
    assert beside(channel, other, Kind.LISTEN) is other
    untold = RecordingChannel(channel, [], SERVER)  # an idle limit alone has no recorders
    assert beside(untold, other, Kind.LISTEN) is other


@pytest.mark.parametrize(("kind", "side"), [(Kind.LISTEN, SERVER), (Kind.CONNECT, CLIENT)])
async def test_what_is_beside_a_recorded_channel_is_a_conversation_of_its_own(kind: Kind, side: Side) -> None:
    hearing = Hearing()
    _, below = memory_pair()
    taps = [hearing.begin(opening(Kind.LISTEN, below, "shop"))]
    channel = RecordingChannel(below, taps, SERVER, recorders=[hearing], name="shop")
    other, ours = memory_pair()
    async with beside(channel, ours, kind, {"ftp.file": "/letter"}) as data:
        await data.send(b"dear")
        assert await other.receive() == b"dear"
        assert (number_of(channel), number_of(data)) == (1, 2)
    first, second = hearing.all
    assert first.pieces == []
    assert second.pieces == [(side, b"dear")]
    assert (second.opening.kind, second.opening.name) == (kind, "shop")
    assert second.opening.facts == {"ftp.file": "/letter"}
    assert (second.opening.client == str(ours.local)) is (kind is Kind.CONNECT)
    assert second.outcome == (How.FINISHED, side, "")


async def test_a_note_is_told_and_a_number_is_that_of_the_first_journal() -> None:
    client, server, heard = recorded()
    note(server, "the client is slow")
    note(client, "nobody hears this")
    assert heard.notes == ["the client is slow"]
    assert number_of(client) == 0
    assert number_of(server) == 1
    assert number_of(RecordingChannel(client, [Deaf()], CLIENT)) == 0
    assert number_of(RecordingChannel(client, [Deaf(), heard], CLIENT)) == 1
    await server.aclose()
    note(server, "too late")
    assert heard.notes == ["the client is slow"]


# ── what is said first ────────────────────────────────────────────────────────────────────────────────────


def _bare() -> tuple[Channel, Channel]:
    return memory_pair()


def _recorded() -> tuple[Channel, Channel]:
    return recorded()[:2]


BOTH = pytest.mark.parametrize("make", [_bare, _recorded], ids=["bare", "recorded"])


@BOTH
async def test_what_was_looked_at_is_still_to_be_received(make: Callable[[], tuple[Channel, Channel]]) -> None:
    client, server = make()
    await client.send(b"hel")
    same, first = await look_ahead(server)
    assert first == b"hel"
    await client.send(b"lo\n")
    assert (await look_ahead(same, lambda said: b"\n" in said))[1] == b"hello\n"
    assert await same.receive() == b"hello\n"


@BOTH
async def test_who_never_says_enough_is_looked_at_for_so_long(make: Callable[[], tuple[Channel, Channel]]) -> None:
    client, server = make()
    await client.send(b"hel")
    channel, first = await look_ahead(server, lambda said: b"\n" in said, seconds=0.001)
    assert first == b"hel"
    await client.send(b"lo")
    assert await channel.receive() + await channel.receive() == b"hello"


@BOTH
@pytest.mark.parametrize("said", [b"", b"hel"])
async def test_who_ends_before_it_is_enough_has_said_what_there_is(
    make: Callable[[], tuple[Channel, Channel]], said: bytes
) -> None:
    client, server = make()
    if said:
        await client.send(said)
    await client.send_eof()
    channel, first = await look_ahead(server, lambda said: b"\n" in said)
    assert first == said
    if said:
        assert await channel.receive() == said
    with pytest.raises(EndOfStream):
        await channel.receive()


@BOTH
async def test_who_is_lost_while_looked_at_is_lost(make: Callable[[], tuple[Channel, Channel]]) -> None:
    client, server = make()
    client.abort()
    with pytest.raises(ChannelBroken):
        await look_ahead(server)


async def test_a_tap_hears_what_was_looked_at_when_it_is_received() -> None:
    client, server, heard = recorded()
    await client.send(b"hello")
    await look_ahead(server)
    assert heard.pieces == []
    await server.receive()
    assert heard.pieces == [(CLIENT, b"hello")]


async def test_a_handshake_that_was_looked_at_is_no_part_of_what_was_said(certificates: Certificates) -> None:
    client, server, heard = recorded()
    leaf = str(certificates.leaf)
    address = Address("tcp", "localhost", wraps=("tls",), options=(("cert", leaf), ("key", leaf)))
    trusting, _ = wraps(certificates)

    async def serve() -> Channel:
        channel, first = await look_ahead(server)
        assert first.startswith(b"\x16")
        return await secure(channel, server_wrap(address, looked_ahead=True))

    inside, channel = await asyncio.gather(trusting(client), serve())
    await inside.send(b"hello")
    assert await channel.receive() == b"hello"
    assert heard.pieces == [(CLIENT, b"hello")]
    await inside.aclose()
    await channel.aclose()


async def test_what_is_said_at_once_is_told_as_far_as_it_was_accepted() -> None:
    client, server = await over_tcp()
    heard = Hearing().begin(opening(Kind.LISTEN, server))
    recording = RecordingChannel(server, [heard], SERVER)
    words, said = bytes(range(256)) * 4096, 0
    while sent := recording.send_now(words):
        said += sent
    assert sum(len(piece) for _, piece in heard.pieces) == said
    assert heard.pieces[-1][1] == words[: len(heard.pieces[-1][1])]
    client.abort()
    await asyncio.sleep(0.01)
    with pytest.raises(ChannelBroken):
        recording.send_now(words)
    await recording.aclose()
    assert heard.outcome is not None
    assert heard.outcome[:2] == (How.RESET, CLIENT)
