"""What every channel shares: reading by delimiter, count and line, and who may use a direction."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tincans.channel import Buffered, Channel, Listener, Side, Traits, Turn
from tincans.errors import ChannelBroken, ChannelBusy, ChannelClosed, EndOfStream, LimitExceeded
from tincans.limits import DATAGRAM_BYTES, LINE_BYTES, RECEIVE_BYTES
from tincans.tasks import run, spawn
from tincans.testing import check_channel, memory_pair


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Channel, Buffered]]:
    """Who speaks, and who reads what is said."""
    client, server = memory_pair()
    async with client, Buffered(server) as buffered:
        yield client, buffered


Pair = tuple[Channel, Buffered]


# ── it is a channel itself ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("traits", [Traits(), Traits(boundaries=True, half_close=False)], ids=str)
async def test_a_buffered_channel_keeps_the_contract(traits: Traits) -> None:
    async def make_pair() -> tuple[Channel, Channel]:
        client, server = memory_pair(traits)
        return Buffered(client), Buffered(server)

    await check_channel(make_pair)


async def test_it_says_what_the_one_below_says(pair: Pair) -> None:
    _, buffered = pair
    below = buffered.channel
    assert (buffered.local, buffered.remote, buffered.traits) == (below.local, below.remote, below.traits)
    assert buffered.facts == below.facts


async def test_what_was_read_ahead_is_received_first(pair: Pair) -> None:
    client, buffered = pair
    await client.send(b"head;body")
    assert await buffered.receive_until(b";") == b"head"
    assert buffered.ahead == b"body"
    await client.send(b", and more")
    assert [await buffered.receive(), await buffered.receive()] == [b"body", b", and more"]
    assert buffered.ahead == b""


async def test_what_was_given_ahead_is_cut_to_what_a_receive_may_return() -> None:
    client, server = memory_pair()
    async with client, Buffered(server, bytes(RECEIVE_BYTES + 1)) as buffered:
        assert [len(await buffered.receive()) for _ in range(2)] == [RECEIVE_BYTES, 1]


# ── by count ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_exactly_so_many_bytes(pair: Pair) -> None:
    client, buffered = pair
    for piece in (b"ab", b"cd", b"ef"):
        await client.send(piece)
    assert await buffered.receive_exactly(0) == b""
    assert await buffered.receive_exactly(3) == b"abc"
    assert await buffered.receive_exactly(3) == b"def"


async def test_an_end_before_the_count_keeps_what_came(pair: Pair) -> None:
    client, buffered = pair
    await client.send(b"abc")
    await client.send_eof()
    with pytest.raises(EndOfStream):
        await buffered.receive_exactly(4)
    assert buffered.ahead == b"abc"
    assert await buffered.receive_exactly(3) == b"abc"


# ── by delimiter ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_delimiter_may_come_in_pieces(pair: Pair) -> None:
    client, buffered = pair
    for byte in b"one\r\r\n\r\ntwo\r\n\r\n":
        await client.send(bytes([byte]))
    assert await buffered.receive_until(b"\r\n\r\n") == b"one\r"
    assert await buffered.receive_until(b"\r\n\r\n") == b"two"


async def test_what_comes_before_a_delimiter_may_be_as_long_as_the_limit_and_not_one_byte_longer(pair: Pair) -> None:
    client, buffered = pair
    await client.send(b"12345;12345;123456;")
    assert await buffered.receive_until(b";", 5) == b"12345"
    assert await buffered.receive_until(b";", max_bytes=5) == b"12345"
    with pytest.raises(LimitExceeded, match="b';' is longer than 5 bytes"):
        await buffered.receive_until(b";", 5)
    assert buffered.ahead == b"123456;"
    assert await buffered.receive_until(b";", 6) == b"123456"


async def test_too_much_without_a_delimiter_is_noticed_before_it_comes(pair: Pair) -> None:
    client, buffered = pair
    await client.send(bytes(LINE_BYTES))
    reading = spawn(buffered.receive_until(b"\n"))
    while len(buffered.ahead) < LINE_BYTES:
        await asyncio.sleep(0)
    assert not reading.done()
    await client.send(b"x")
    with pytest.raises(LimitExceeded):
        await reading
    assert len(buffered.ahead) == LINE_BYTES + 1


async def test_a_long_delimiter_that_is_just_beginning_is_within_the_limit(pair: Pair) -> None:
    client, buffered = pair
    await client.send(b"12345\r\n\r")
    reading = spawn(buffered.receive_until(b"\r\n\r\n", 5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await client.send(b"\n")
    assert await reading == b"12345"


async def test_an_end_before_the_delimiter_keeps_what_came(pair: Pair) -> None:
    client, buffered = pair
    await client.send(b"unfinished")
    await client.send_eof()
    with pytest.raises(EndOfStream):
        await buffered.receive_until(b"\n")
    assert buffered.ahead == b"unfinished"


@settings(deadline=None)  # a busy machine is not a slow test
@given(st.data())
def test_every_cut_of_the_same_bytes_reads_the_same(data: st.DataObject) -> None:
    delimiter = data.draw(st.sampled_from([b"\n", b"\r\n", b"aab", b"\r\n\r\n"]))
    parts = data.draw(st.lists(st.binary(max_size=8).filter(lambda part: delimiter not in part), max_size=5))
    whole = b"".join(part + delimiter for part in parts)
    expected = whole.split(delimiter)[:-1]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    async def main() -> list[bytes]:
        client, server = memory_pair()
        async with client, Buffered(server) as buffered:
            for piece in pieces:
                await client.send(piece)
            return [await buffered.receive_until(delimiter) for _ in expected]

    assert run(main()) == expected


# ── lines ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_looked_at_comes_out_again(pair: Pair) -> None:
    client, buffered = pair
    await client.send(b"one\ntw")
    assert await buffered.look(len) == b"one\ntw"
    looking = spawn(buffered.look(lambda said: said.count(b"\n") == 2))
    await asyncio.sleep(0)
    await client.send(b"o\n")
    assert await looking == b"one\ntwo\n"
    assert [await buffered.receive_until(b"\n") for _ in range(2)] == [b"one", b"two"]


async def test_what_can_never_be_enough_is_what_there_is_at_the_end(pair: Pair) -> None:
    client, buffered = pair
    await client.send(b"one")
    await client.send_eof()
    assert await buffered.look(lambda said: b"\n" in said) == b"one"
    assert await buffered.receive() == b"one"
    with pytest.raises(EndOfStream):
        await buffered.look(len)


async def test_lines_end_in_lf_or_crlf_and_the_last_may_have_no_end(pair: Pair) -> None:
    client, buffered = pair
    await client.send(b"one\ntwo\r\n\n\r\nthree\r\r\nlast")
    await client.send_eof()
    assert [line async for line in buffered.lines()] == [b"one", b"two", b"", b"", b"three\r", b"last"]
    with pytest.raises(EndOfStream):
        await buffered.receive()


async def test_a_line_too_long_is_said(pair: Pair) -> None:
    client, buffered = pair
    await client.send(b"12345\n123456\n")
    lines = buffered.lines(5)
    assert await anext(lines) == b"12345"
    with pytest.raises(LimitExceeded):
        await anext(lines)


async def test_lines_are_said_as_text_or_bytes(pair: Pair) -> None:
    client, buffered = pair
    await buffered.send_line("grüß")
    await buffered.send_line(b"raw\xff", end=b"\r\n")
    assert await client.receive() + await client.receive() == "grüß\n".encode() + b"raw\xff\r\n"


async def test_a_loss_is_no_end(pair: Pair) -> None:
    client, buffered = pair
    await client.send(b"one\ntw")
    client.abort()
    lines = buffered.lines()
    assert await anext(lines) == b"one"
    with pytest.raises(ChannelBroken):
        await anext(lines)
    assert buffered.ahead == b"tw"


@pytest.mark.parametrize("read", ["receive_until", "receive_exactly"])
async def test_a_cancelled_read_has_lost_nothing(pair: Pair, read: str) -> None:
    client, buffered = pair
    for piece in (b"on", b"e;", b"two;"):
        what = buffered.receive_until(b"never") if read == "receive_until" else buffered.receive_exactly(100)
        reading = spawn(what)
        await client.send(piece)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
    assert await buffered.receive_until(b";") == b"one"
    assert await buffered.receive_exactly(4) == b"two;"


# ── sides, turns, listeners ───────────────────────────────────────────────────────────────────────────────


def test_the_other_side_of_the_other_side() -> None:
    assert Side.CLIENT.other is Side.SERVER
    assert Side.SERVER.other is Side.CLIENT


def test_a_turn_is_for_one_and_is_given_back() -> None:
    turn = Turn("receiving")
    with turn:
        with pytest.raises(ChannelBusy, match="already receiving"), turn:
            pass
        assert turn.taken, "whoever was refused gave it back"
    with pytest.raises(ZeroDivisionError), turn:
        raise ZeroDivisionError
    with turn:
        pass


class Callers(Listener):
    """A listener whose callers are there already."""

    def __init__(self, *channels: Channel) -> None:
        self.channels = [*channels]
        self.greeted = 0
        self.closed = False

    async def accept(self) -> Channel:
        if not self.channels:
            raise ChannelClosed
        return self.channels.pop(0)

    async def greet(self, channel: Channel) -> Channel:
        self.greeted += 1
        return await super().greet(channel)

    async def aclose(self) -> None:
        self.closed = True


async def test_a_listener_gives_greeted_channels_until_it_is_closed() -> None:
    one, other = memory_pair()
    async with Callers(one, other) as listener:
        assert [channel async for channel in listener] == [one, other]
        assert listener.greeted == 2  # type: ignore[attr-defined]
    assert listener.closed  # type: ignore[attr-defined]


async def test_a_file_goes_in_datagrams_where_nothing_longer_would_arrive() -> None:
    client, server = memory_pair(Traits(boundaries=True, half_close=False, reliable=False))
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(bytes(DATAGRAM_BYTES + 10))
        await client.send_file(file.fileno(), 0, DATAGRAM_BYTES + 10)
    assert [len(await server.receive()) for _ in range(2)] == [DATAGRAM_BYTES, 10]
