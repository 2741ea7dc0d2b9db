"""TLS on a socket: what is its own beside what both engines share (`test_tls_channel`)."""

from __future__ import annotations

import asyncio
import os

import pytest

from running import PATIENCE
from tincans import transports
from tincans.address import Address
from tincans.errors import ChannelBroken, ChannelClosed
from tincans.limits import RECEIVE_BYTES
from tincans.tasks import spawn
from tincans.transports.stream import SocketChannel
from tincans.transports.tls_over_channel import OverChannel
from tincans.transports.tls_over_socket import OverSocket
from wrapping import over_tcp, wrapped


async def pair(tls: Address) -> tuple[OverSocket, OverSocket]:
    here, there = await wrapped(over_tcp, tls, tls)
    assert isinstance(here, OverSocket)
    assert isinstance(there, OverSocket)
    return here, there


async def test_it_takes_the_socket_and_its_addresses(tls: Address) -> None:
    calling, called = await over_tcp()
    (here, there) = await asyncio.gather(
        transports.greet(calling, transports.client_wraps(tls)), transports.greet(called, transports.server_wraps(tls))
    )
    async with here, there:
        assert (here.local, here.remote) == (there.remote, there.local) == (calling.local, calling.remote)
        with pytest.raises(ChannelClosed):
            await calling.receive()


async def test_a_socket_from_which_something_was_read_ahead_is_not_taken(tls: Address) -> None:
    """OpenSSL, reading the socket, would never see the first words."""
    calling, called = await over_tcp()
    assert isinstance(called, SocketChannel)
    hearing = spawn(called.receive())
    await asyncio.sleep(0)
    hearing.cancel()  # from now on the loop receives for it
    await asyncio.wait([hearing])
    greeting = spawn(transports.greet(calling, transports.client_wraps(tls)))
    async with asyncio.timeout(PATIENCE):
        while called.fresh:
            await asyncio.sleep(0)
    async with await transports.greet(called, transports.server_wraps(tls)) as there, await greeting as here:
        assert type(there) is OverChannel
        await here.send(b"hello")
        assert await there.receive() == b"hello"


@pytest.mark.parametrize("words", [b"", b"the last words", bytes(RECEIVE_BYTES + 1)])
@pytest.mark.parametrize("waiting", [False, True])
async def test_a_reset_right_behind_words(tls: Address, words: bytes, waiting: bool) -> None:
    """In one event of the loop; and it is no end without a goodbye, for which the ssl module takes it."""
    here, there = await pair(tls)
    async with here:
        heard = bytearray()
        hearing = spawn(receive_into(heard, here))
        for _ in range(10 * waiting):
            await asyncio.sleep(0)
        if words:
            await there.send(words)
        there.abort()
        with pytest.raises(ChannelBroken, match="the other side reset it"):
            await asyncio.wait_for(hearing, PATIENCE)
        assert heard == words
        assert "tls.truncated" not in here.facts


async def receive_into(heard: bytearray, channel: OverSocket) -> None:
    async for piece in channel:
        heard += piece


async def test_a_goodbye_leaves_the_same_socket_under_the_same_number(tls: Address) -> None:
    here, there = await pair(tls)
    async with here, there:
        number = here._tls.fileno()
        before, descriptors = os.readlink(f"/proc/self/fd/{number}"), os.listdir("/proc/self/fd")
        await here.send_eof()
        assert here._tls.fileno() == number
        assert os.readlink(f"/proc/self/fd/{number}") == before
        assert not os.get_inheritable(number)
        assert len(os.listdir("/proc/self/fd")) == len(descriptors)


async def test_a_cancelled_handshake_leaves_nothing_open(tls: Address) -> None:
    calling, called = await over_tcp()
    async with called:
        greeting = spawn(transports.greet(calling, transports.client_wraps(tls)))
        assert await called.receive()
        greeting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await greeting
        with pytest.raises(ChannelBroken):
            await called.receive()
