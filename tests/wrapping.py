"""Pairs of channels inside wraps, for the tests of TLS, WebSocket and both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tincans import transports
from tincans.address import Address
from tincans.channel import Channel
from tincans.testing import memory_pair

Pair = tuple[Channel, Channel]


async def over_tcp() -> Pair:
    """Two channels over connected sockets."""
    async with await transports.listen(Address.parse(":0")) as listener:
        return await asyncio.gather(transports.dial(listener.address), listener.accept())


async def in_memory() -> Pair:
    return memory_pair()


async def wrapped(below: Callable[[], Awaitable[Pair]], client: Address, server: Address) -> Pair:
    """A pair with the wraps of `client` and `server`, of which only those count."""
    calling, called = await below()
    opened = await asyncio.gather(
        transports.greet(calling, transports.client_wraps(client)),
        transports.greet(called, transports.server_wraps(server)),
        return_exceptions=True,
    )
    for result in opened:
        if isinstance(result, BaseException):
            for other in opened:
                if isinstance(other, Channel):
                    other.abort()
            raise result
    here, there = opened
    assert isinstance(here, Channel)
    assert isinstance(there, Channel)
    return here, there
