"""udp://, one channel a peer."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import (
    AddressInUse,
    ChannelBusy,
    ChannelClosed,
    ConnectError,
    EndOfStream,
    ListenError,
    NameNotFound,
)
from tincans.limits import UDP_IDLE_SECONDS
from tincans.tasks import spawn
from tincans.testing import check_channel
from tincans.transports import callers, dial, listen, udp
from tincans.transports.datagrams import UdpChannel

ANY = Address("udp", "127.0.0.1")


async def join(address: Address = ANY, **called: str) -> tuple[Channel, Channel]:
    async with await listen(address) as listener:
        client = await dial(listener.address._replace(options=tuple(called.items())))
        await client.send(b"hello")
        server = await listener.accept()
        assert await server.receive() == b"hello"
        return client, server


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_keeps_the_channel_contract(host: str) -> None:
    await check_channel(lambda: join(Address("udp", host)))


async def test_each_peer_has_a_channel_of_its_own() -> None:
    async with await listen(ANY) as listener:
        clients = [await dial(listener.address) for _ in range(5)]
        for i, client in enumerate(clients):
            for word in (b"first", b"", b"third"):
                await client.send(word + b"%d" % i if word else word)
        servers = [await listener.accept() for _ in clients]
        for i, (client, server) in enumerate(zip(clients, servers, strict=True)):
            assert (client.local, client.remote) == (server.remote, server.local)
            assert [await server.receive() for _ in range(3)] == [b"first%d" % i, b"", b"third%d" % i]
            await server.send(b"answer%d" % i)
            assert await client.receive() == b"answer%d" % i
        for channel in (*clients, *servers):
            await channel.aclose()


async def test_it_ends_after_idle_seconds_and_begins_anew() -> None:
    async with await listen(ANY._replace(options=(("idle", "0.02"),))) as listener:
        client = await dial(listener.address._replace(options=()))
        await client.send(b"one")
        first = await listener.accept()
        assert await first.receive() == b"one"
        for _ in range(2):
            with pytest.raises(EndOfStream):
                await first.receive()
        await first.send(b"what you say may still reach it")
        assert await client.receive() == b"what you say may still reach it"
        await client.send(b"two")
        second = await listener.accept()
        assert second is not first
        assert await second.receive() == b"two"
        for channel in (client, first, second):
            await channel.aclose()


async def test_a_datagram_either_way_puts_the_end_off() -> None:
    client, server = await join(ANY._replace(options=(("idle", "0.04"),)))
    assert isinstance(server, UdpChannel)
    loop = asyncio.get_running_loop()
    async with client, server:
        begun = last = loop.time()
        says, hears = client, server
        with contextlib.suppress(EndOfStream):  # for less long where the machine lets us sleep for too long
            while (now := loop.time()) < min(begun + 0.1, last + 0.04):
                await says.send(b"x")
                await hears.receive()
                last = now
                says, hears = hears, says
                await asyncio.sleep(0.025)
        with pytest.raises(EndOfStream):
            await server.receive()
        assert loop.time() - last >= 0.039


async def test_a_listener_has_an_idle_end_and_a_caller_only_where_it_is_asked() -> None:
    client, server = await join()
    assert isinstance(client, UdpChannel)
    assert isinstance(server, UdpChannel)
    assert (client._idle, server._idle) == (0, UDP_IDLE_SECONDS)
    await client.aclose()
    await server.aclose()
    client, server = await join(idle="0.01")
    async with client, server:
        with pytest.raises(EndOfStream):
            await client.receive()


async def test_closing_keeps_the_accepted_and_drops_the_others() -> None:
    listener = await listen(ANY)
    client, stranger = await dial(listener.address), await dial(listener.address)
    await client.send(b"hello")
    server = await listener.accept()
    await stranger.send(b"me too")
    await listener.aclose()
    await listener.aclose()
    with pytest.raises(ChannelClosed):
        await listener.accept()
    await stranger.send(b"anybody?")
    await client.send(b"still here")
    assert [await server.receive() for _ in range(2)] == [b"hello", b"still here"]
    await server.aclose()  # the socket goes with its last user
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", listener.address.port))
    for channel in (client, stranger):
        await channel.aclose()


async def test_closing_wakes_who_accepts_and_only_one_may() -> None:
    listener = await listen(ANY)
    accepting = spawn(listener.accept())
    await asyncio.sleep(0)
    with pytest.raises(ChannelBusy):
        await listener.accept()
    await listener.aclose()
    with pytest.raises(ChannelClosed):
        await accepting


async def test_one_peer_more_than_may_wait_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "BACKLOG", 2)
    async with await listen(ANY) as listener:
        assert isinstance(listener, udp.UdpListener)
        clients = [await dial(listener.address) for _ in range(3)]
        for i, client in enumerate(clients):
            await client.send(b"%d" % i)
        servers = [await listener.accept() for _ in range(2)]
        assert not listener._callers
        await clients[2].send(b"again")
        servers.append(await listener.accept())
        assert [await server.receive() for server in servers] in ([b"0", b"1", b"again"], [b"0", b"1", b"2"])
        for channel in (*clients, *servers):
            await channel.aclose()


async def test_an_address_in_use_is_said() -> None:
    async with await listen(ANY) as listener:
        with pytest.raises(AddressInUse):
            await listen(listener.address)


async def test_several_may_share_a_port() -> None:
    async with await listen(ANY, reuse_port=True) as one, await listen(one.address, reuse_port=True) as other:
        assert one.address == other.address


@pytest.mark.parametrize("text", ["udp://192.0.2.1:9", "udp://no-such-host.invalid:9"])
async def test_where_nobody_can_listen(text: str) -> None:
    with pytest.raises(ListenError):
        await listen(Address.parse(text))


async def test_nobody_is_called_by_a_name_that_is_not_there() -> None:
    with pytest.raises(NameNotFound):
        await dial(Address.parse("udp://no-such-host.invalid:9"))


async def test_calling_from_a_place_of_ones_own() -> None:
    client, server = await join(bind="127.0.0.5")
    async with client, server:
        assert client.local.host == server.remote.host == "127.0.0.5"
    taken = await listen(ANY)
    with pytest.raises(ConnectError, match="in use"):
        await dial(taken.address._replace(options=(("bind", f"127.0.0.1:{taken.address.port}"),)))
    await taken.aclose()


async def test_a_foreign_end_with_nothing_but_a_socket() -> None:
    async with await listen(ANY) as listener:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.sendto(b"question", ("127.0.0.1", listener.address.port))
            async with await listener.accept() as channel:
                assert await channel.receive() == b"question"
                await channel.send(b"")
                assert sock.recvfrom(10) == (b"", ("127.0.0.1", listener.address.port))
