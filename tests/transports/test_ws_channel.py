"""A WebSocket keeps the contract of channels; frames, pings, limits and closes, with the library's core as the peer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from running import PATIENCE
from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import ChannelBroken, ChannelClosed, EndOfStream, LimitExceeded
from tincans.limits import WEBSOCKET_CLOSE_SECONDS, WEBSOCKET_MESSAGE_BYTES
from tincans.tasks import spawn
from tincans.testing import check_channel, memory_pair
from tincans.transports import ws_channel
from tincans.transports.ws_channel import WebSocketChannel
from wrapping import Pair, in_memory, over_tcp, wrapped

Below = Callable[[], Awaitable[Pair]]

WS = Address.parse("ws://localhost:1")


@pytest.mark.parametrize(("below", "scheme"), [(in_memory, "ws"), (over_tcp, "ws"), (over_tcp, "wss")])
async def test_a_websocket_keeps_the_contract(
    below: Below, scheme: str, tls: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws_channel, "WEBSOCKET_CLOSE_SECONDS", 0.02)  # many of its clauses close on a deaf peer
    address = tls._replace(wraps=("ws", "tls") if scheme == "wss" else ("ws",))
    await check_channel(partial(wrapped, below, address, address))


async def test_compressed_messages_keep_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws_channel, "WEBSOCKET_CLOSE_SECONDS", 0.02)
    client = Address.parse("ws://localhost:1?deflate=on")
    here, there = await wrapped(in_memory, client, WS)
    async with here, there:
        assert here.facts["ws.deflate"] == there.facts["ws.deflate"] == "yes"
        for message in (b"", b"x" * 100_000, bytes(range(256))):
            await here.send(message)
            assert await there.receive() == message


class Peer:
    """A client that sends whatever frames a test wants, and an open channel that hears them."""

    def __init__(self, *, text: bool = False) -> None:
        self.below, called = memory_pair()
        self.protocol = Protocol(Side.CLIENT, max_size=None)
        self.channel = WebSocketChannel(called, Protocol(Side.SERVER, max_size=WEBSOCKET_MESSAGE_BYTES), {}, text=text)

    async def say(self, *frames: Frame) -> None:
        await self.below.send(b"".join(frame.serialize(mask=True) for frame in frames))

    async def hear(self) -> list[Frame]:
        self.protocol.receive_data(await self.below.receive())
        return [event for event in self.protocol.events_received() if isinstance(event, Frame)]

    async def __aenter__(self) -> Peer:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.below.abort()
        self.channel.abort()


async def test_text_and_binary_both_come_as_bytes() -> None:
    async with Peer() as peer:
        await peer.say(Frame(Opcode.TEXT, "für".encode()), Frame(Opcode.BINARY, b"\xff\x00"))
        assert await peer.channel.receive() == "für".encode()
        assert await peer.channel.receive() == b"\xff\x00"


async def test_text_goes_as_text_where_it_is_text() -> None:
    async with Peer(text=True) as peer:
        await peer.channel.send("für".encode())
        await peer.channel.send(b"\xff\x00")  # must not go as text, and must arrive
        frames = await peer.hear() + await peer.hear()
        assert [(frame.opcode, bytes(frame.data)) for frame in frames] == [
            (Opcode.TEXT, "für".encode()),
            (Opcode.BINARY, b"\xff\x00"),
        ]


async def test_fragments_are_joined_and_pings_between_them_answered() -> None:
    async with Peer() as peer:
        await peer.say(
            Frame(Opcode.TEXT, b"f\xc3", fin=False),  # the cut goes through a character
            Frame(Opcode.PING, b"there?"),
            Frame(Opcode.CONT, b"", fin=False),
            Frame(Opcode.CONT, b"\xbcr"),
        )
        assert await peer.channel.receive() == "für".encode()
        (pong,) = await peer.hear()
        assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"there?")


async def test_pongs_are_not_hoarded_for_a_peer_that_does_not_read() -> None:
    async with Peer() as peer:
        clogging = spawn(peer.channel.send(b"x" * 1_000_000))
        hearing = spawn(peer.channel.receive())
        for number in range(1000):
            await peer.say(Frame(Opcode.PING, str(number).encode()))
        await peer.say(Frame(Opcode.BINARY, b"done"))
        assert await hearing == b"done"
        frames: list[Frame] = []
        while not frames or frames[-1].opcode is not Opcode.PONG:
            frames += await peer.hear()
        await clogging
        assert [frame.opcode for frame in frames] == [Opcode.BINARY, Opcode.PONG]
        assert bytes(frames[-1].data) == b"999"


@pytest.mark.parametrize("cut", [False, True])
async def test_a_message_of_just_the_limit_and_one_byte_more(cut: bool) -> None:
    def message(size: int) -> list[Frame]:
        if not cut:
            return [Frame(Opcode.BINARY, bytes(size))]
        half = size // 2
        return [Frame(Opcode.BINARY, bytes(half), fin=False), Frame(Opcode.CONT, bytes(size - half))]

    async with Peer() as peer:
        saying = spawn(peer.say(*message(WEBSOCKET_MESSAGE_BYTES)))
        assert len(await peer.channel.receive()) == WEBSOCKET_MESSAGE_BYTES
        await saying
        saying = spawn(peer.say(*message(WEBSOCKET_MESSAGE_BYTES + 1)))
        for _ in range(2):
            with pytest.raises(LimitExceeded, match="a WebSocket message is longer than 16777216 bytes"):
                await peer.channel.receive()
        (close,) = await peer.hear()
        assert close.opcode is Opcode.CLOSE
        assert close.data[:2] == (1009).to_bytes(2, "big")
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (Frame(Opcode.TEXT, b"\xff"), "the other side sent text that is not UTF-8"),
        (
            Frame(Opcode.CONT, b"of nothing"),
            "broke the rules of WebSocket: unexpected continuation frame",
        ),
    ],
)
async def test_broken_rules_come_after_what_was_said_before(frame: Frame, reason: str) -> None:
    async with Peer() as peer:
        await peer.say(Frame(Opcode.TEXT, b"before"), frame)
        assert await peer.channel.receive() == b"before"
        for _ in range(2):
            with pytest.raises(ChannelBroken, match=reason):
                await peer.channel.receive()
        with pytest.raises(ChannelBroken):
            await peer.channel.send(b"x")
        assert (await peer.hear())[-1].opcode is Opcode.CLOSE


def close(code: int, reason: bytes = b"") -> Frame:
    return Frame(Opcode.CLOSE, code.to_bytes(2, "big") + reason)


@pytest.mark.parametrize("frame", [close(1000), close(1001), close(3000), close(4321), Frame(Opcode.CLOSE, b"")])
async def test_a_finished_peer(frame: Frame) -> None:
    async with Peer() as peer:
        await peer.say(Frame(Opcode.BINARY, b"last"), frame)
        assert await peer.channel.receive() == b"last"
        for _ in range(2):
            with pytest.raises(EndOfStream):
                await peer.channel.receive()
        assert (await peer.hear())[-1].data == frame.data
        with pytest.raises(ChannelBroken, match="the other side closed the WebSocket"):
            await peer.channel.send(b"x")
        assert peer.channel.facts["ws.close"] == str(int.from_bytes(frame.data[:2], "big") or 1005)


async def test_a_peer_that_complains() -> None:
    async with Peer() as peer:
        await peer.say(close(1011, b"out of memory"))
        with pytest.raises(ChannelBroken, match=r"closed the WebSocket: 1011 \(internal error\): 'out of memory'"):
            await peer.channel.receive()


async def test_a_peer_that_leaves_without_a_close_frame() -> None:
    async with Peer() as peer:
        await peer.below.aclose()
        with pytest.raises(ChannelBroken, match="went away without closing the WebSocket"):
            await peer.channel.receive()


async def test_a_close_says_so_and_waits_for_the_answer() -> None:
    async with Peer() as peer:
        closing = spawn(peer.channel.aclose())
        (frame,) = await peer.hear()
        assert frame.data == (1000).to_bytes(2, "big")
        assert not closing.done()
        await peer.say(Frame(Opcode.BINARY, b"too late"), close(1000))
        await closing
        with pytest.raises(ChannelClosed):
            await peer.channel.receive()


async def test_a_close_waits_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WEBSOCKET_CLOSE_SECONDS == 1.0
    monkeypatch.setattr(ws_channel, "WEBSOCKET_CLOSE_SECONDS", 0.02)
    async with Peer() as peer:
        async with asyncio.timeout(PATIENCE):
            await peer.channel.aclose()
        await peer.hear()
        with pytest.raises(EndOfStream):
            await peer.below.receive()


async def test_a_close_says_nothing_into_the_middle_of_a_message() -> None:
    async with Peer() as peer:
        sending = spawn(peer.channel.send(b"x" * 1_000_000))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await peer.channel.aclose()
        heard = await _all(peer.below)
        assert b"\x88" not in heard  # the first byte of a close frame


async def _all(channel: Channel) -> bytes:
    return b"".join([piece async for piece in channel])
