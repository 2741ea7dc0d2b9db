"""Places and wraps are put together as an address says."""

from __future__ import annotations

import asyncio

import pytest

from tincans import transports
from tincans.address import PLACES, WRAPS, Address
from tincans.channel import Channel
from tincans.errors import AddressError, ChannelBroken, ChannelClosed, ConnectionRefused
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports import Wrap, dial, greet, listen
from tincans.transports.memory import MemoryListener


def wrap_called(name: str, order: list[str]) -> Wrap:
    async def wrap(channel: Channel) -> Channel:
        order.append(name)
        return channel

    return wrap


@pytest.mark.parametrize("place", PLACES)
def test_every_place_can_be_dialled_and_listened_on(place: str) -> None:
    module = transports._module(place)
    assert asyncio.iscoroutinefunction(module.dial)
    assert asyncio.iscoroutinefunction(module.listen)


@pytest.mark.parametrize("name", WRAPS)
def test_every_wrap_has_two_sides(name: str) -> None:
    module = transports._module(name)
    assert callable(module.client_wrap)
    assert callable(module.server_wrap)


async def test_the_wraps_nearest_to_the_place_come_first(tls: Address) -> None:
    wrapped = Address("memory", path="x", wraps=("ws", "tls"), options=(("sni", "localhost"), *tls.options))
    async with await listen(wrapped) as listener:
        assert listener.address == wrapped._replace(host="", port=0)
        calling = spawn(dial(wrapped))
        there, here = await listener.greet(await listener.accept()), await calling
        assert {"ws.resource", "tls.version"} <= {*here.facts} & {*there.facts}
        await here.send(b"hello")
        assert await there.receive() == b"hello"
        here.abort()
        there.abort()


async def test_handshakes_happen_one_over_the_other() -> None:
    order: list[str] = []
    client, server = memory_pair()
    async with server, await greet(client, [wrap_called("inner", order), wrap_called("outer", order)]) as channel:
        assert channel is client
    assert order == ["inner", "outer"]


async def test_a_failed_handshake_leaves_nothing_open() -> None:
    async def fail(_: Channel) -> Channel:
        raise ConnectionRefused("memory:x")

    client, server = memory_pair()
    with pytest.raises(ConnectionRefused):
        await greet(client, [fail])
    with pytest.raises(ChannelClosed):
        await client.receive()
    with pytest.raises(ChannelBroken):
        await server.receive()


async def test_a_cancelled_handshake_leaves_nothing_open() -> None:
    async def wait(channel: Channel) -> Channel:
        await channel.receive()
        return channel

    client, server = memory_pair()
    greeting = spawn(greet(client, [wait]))
    await asyncio.sleep(0)
    greeting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await greeting
    with pytest.raises(ChannelBroken):
        await server.receive()


async def test_without_wraps_the_place_s_own_listener_is_given() -> None:
    async with await listen(Address.parse("memory:x")) as listener:
        assert type(listener) is MemoryListener


async def test_what_a_wrap_needs_is_looked_for_before_anybody_is_called_or_listened_for() -> None:
    missing = Address.parse("tls+memory:x?cert=/nowhere.pem&key=/nowhere.key")
    with pytest.raises(AddressError, match=r"/nowhere\.pem"):
        await listen(missing)
    with pytest.raises(AddressError, match=r"/nowhere\.pem"):
        await dial(missing)


async def test_a_wrapped_listener_knows_its_real_port_and_keeps_its_wraps(tls: Address) -> None:
    async with await listen(tls._replace(host="127.0.0.1", port=0)) as listener:
        assert listener.address.port
        assert listener.address.wraps == ("tls",)
        assert listener.address.options == tls.options
