"""Sockets of datagrams: what they keep for slow receivers, what they lose, and what breaks them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from running import PATIENCE
from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import CannotHalfClose, ChannelBroken, ChannelClosed, LimitExceeded
from tincans.limits import DATAGRAM6_BYTES, DATAGRAM_BYTES, DATAGRAMS_A_TURN, DATAGRAMS_QUEUED
from tincans.tasks import spawn
from tincans.transports import datagrams, dial, listen
from tincans.transports.datagrams import UdpChannel

Pair = tuple[UdpChannel, UdpChannel]


async def join(host: str = "127.0.0.1") -> Pair:
    """A client and the listener's channel for it; the listener is closed, and the server's channel has the socket."""
    async with await listen(Address("udp", host)) as listener:
        client = await dial(listener.address)
        await client.send(b"hello")
        server = await listener.accept()
        assert await server.receive() == b"hello"
    assert isinstance(client, UdpChannel)
    assert isinstance(server, UdpChannel)
    return client, server


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    client, server = await join()
    async with client, server:
        yield client, server


async def arrived(channel: UdpChannel, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(channel._arrived) + channel._dropped < count:
            await asyncio.sleep(0)


async def test_one_datagram_more_than_is_kept_is_lost_and_counted(pair: Pair) -> None:
    client, server = pair
    for i in range(DATAGRAMS_QUEUED):
        await client.send(b"%d" % i)
        await arrived(server, i + 1)
    assert server.facts == {}
    await client.send(b"one more")
    await arrived(server, DATAGRAMS_QUEUED + 1)
    assert server.facts == {"udp.dropped": "1"}
    assert [await server.receive() for _ in range(DATAGRAMS_QUEUED)] == [b"%d" % i for i in range(DATAGRAMS_QUEUED)]
    await client.send(b"again")
    assert await server.receive() == b"again"


async def test_one_byte_more_than_all_may_hold_together_is_lost(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "DATAGRAM_BYTES_QUEUED", 100)
    client, server = pair
    for size in (60, 40, 0, 1):
        await client.send(bytes(size))
    await arrived(server, 4)
    assert server.facts == {"udp.dropped": "1"}
    assert [len(await server.receive()) for _ in range(3)] == [60, 40, 0]
    await client.send(bytes(100))
    assert len(await server.receive()) == 100
    assert server._port.held == 0


async def test_what_a_closed_channel_held_is_room_again(pair: Pair) -> None:
    client, server = pair
    await client.send(b"12345")
    await arrived(server, 1)
    assert server._port.held == 5
    server.abort()
    assert server._port.held == 0


@pytest.mark.parametrize(("host", "limit"), [("127.0.0.1", DATAGRAM_BYTES), ("::1", DATAGRAM6_BYTES)])
async def test_one_byte_more_than_a_datagram_holds_is_said_and_breaks_nothing(host: str, limit: int) -> None:
    client, server = await join(host)
    async with client, server:
        for says, hears in ((client, server), (server, client)):
            with pytest.raises(LimitExceeded, match=f"a datagram is longer than {limit} bytes"):
                await says.send(bytes(limit + 1))
            await says.send(bytes(limit))
            assert len(await hears.receive()) == limit


async def test_a_refusal_breaks_the_caller_and_stays() -> None:
    client, server = await join()
    async with client:
        receiving = spawn(client.receive())
        await server.aclose()
        await client.send(b"anybody?")
        for _ in range(2):
            with pytest.raises(ChannelBroken, match="refused"):
                await receiving
            receiving = spawn(client.receive())
        with pytest.raises(ChannelBroken, match="refused"):
            await receiving
        with pytest.raises(ChannelBroken, match="refused"):
            await client.send(b"x")


async def test_what_came_before_a_refusal_is_received_first() -> None:
    client, server = await join()
    async with client:
        await server.send(b"the last words")
        await server.aclose()
        await client.send(b"anybody?")
        assert await client.receive() == b"the last words"
        with pytest.raises(ChannelBroken, match="refused"):
            await client.receive()


async def test_what_came_before_a_send_was_refused_is_received_first() -> None:
    client, server = await join()
    async with client:
        await server.send(b"the last words")
        await server.aclose()
        client._port.socket.send(b"anybody?")
        with pytest.raises(ChannelBroken, match="refused"):
            await client.send(b"x")
        assert await client.receive() == b"the last words"


async def test_both_directions_at_once_or_neither(pair: Pair) -> None:
    for channel in pair:
        with pytest.raises(CannotHalfClose, match="udp"):
            await channel.send_eof()


class Full(socket.socket):
    """A socket whose buffer is full for the first `times` sends."""

    times = 1

    def send(self, data: object, flags: int = 0) -> int:
        if self.times:
            self.times -= 1
            raise BlockingIOError
        return super().send(data, flags)  # type: ignore[arg-type]


async def full(pair: Pair, times: int) -> Channel:
    """The client with a socket that is full."""
    port = pair[0]._port
    port.loop.remove_reader(port.socket)
    sock = Full(fileno=port.socket.detach())
    sock.times = times
    port.socket = sock
    port.loop.add_reader(sock, port.drain)
    return pair[0]


async def test_a_full_socket_is_waited_for(pair: Pair) -> None:
    client = await full(pair, 2)
    await client.send(b"in the end")
    assert await pair[1].receive() == b"in the end"


async def test_a_close_wakes_who_waits_for_a_full_socket(pair: Pair) -> None:
    client = await full(pair, 1_000_000)
    sending = spawn(client.send(b"never"))
    await asyncio.sleep(0)
    await client.aclose()
    with pytest.raises(ChannelClosed):
        await sending


async def test_others_have_their_turn_after_so_many_datagrams(pair: Pair) -> None:
    client, server = pair
    for _ in range(DATAGRAMS_A_TURN + 1):
        client._port.socket.send(b"x")
    server._port.drain()
    assert len(server._arrived) == DATAGRAMS_A_TURN
    server._port.drain()
    assert len(server._arrived) == DATAGRAMS_A_TURN + 1


@pytest.mark.parametrize(("listens", "called"), [("*", "127.0.0.2"), ("0.0.0.0", "127.0.0.3"), ("*", "::1")])
async def test_a_listener_everywhere_answers_from_where_it_was_called(listens: str, called: str) -> None:
    async with await listen(Address("udp", listens)) as listener:
        port = listener.address.port
        assert listener.address == Address("udp", listens, port)
        async with await dial(Address("udp", called, port)) as client:
            await client.send(b"hello")
            async with await listener.accept() as server:
                assert await server.receive() == b"hello"
                assert server.local == Address("udp", called, port) == client.remote
                assert server.remote == client.local
                await server.send(b"from where you called")
                assert await client.receive() == b"from where you called"


async def test_who_calls_two_of_our_addresses_has_two_channels() -> None:
    async with await listen(Address("udp", "*")) as listener:
        port = listener.address.port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for host in ("127.0.0.2", "127.0.0.3"):
                sock.sendto(host.encode(), (host, port))
            channels = [await listener.accept() for _ in range(2)]
            assert [await channel.receive() for channel in channels] == [b"127.0.0.2", b"127.0.0.3"]
            for channel in channels:
                await channel.aclose()
