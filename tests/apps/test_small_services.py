"""The five old services answer over TCP, UDP and WebSocket alike, each found by its name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from apps.test_daytime import as_unix
from tincans.apps import find_app
from tincans.apps.chargen import LINES
from tincans.channel import Channel
from tincans.errors import ChannelBroken, EndOfStream
from tincans.server import serve
from tincans.transports import dial

PLACES = ["tcp://127.0.0.1:0", "udp://127.0.0.1:0", "ws://127.0.0.1:0"]


async def is_over(channel: Channel) -> bool:
    """Whether the other side says no more; of datagrams, that it does not for a while."""
    try:
        async with asyncio.timeout(None if channel.traits.reliable else 0.03):
            await channel.receive()
    except (EndOfStream, ChannelBroken, TimeoutError):
        return True
    return False


async def echoes(channel: Channel) -> None:
    for said in (b"hello", b"again"):
        await channel.send(said)
        assert await channel.receive() == said


async def discards(channel: Channel) -> None:
    await channel.send(b"hello")
    if channel.traits.half_close:
        await channel.send_eof()
        assert await is_over(channel)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.03):
            await _nothing(channel)


async def _nothing(channel: Channel) -> None:
    """Wait for a word; an end is none."""
    try:
        pytest.fail(f"it said {await channel.receive()!r}")
    except EndOfStream:
        await asyncio.Event().wait()


async def generates(channel: Channel) -> None:
    heard = b""
    while len(heard) < 5000:
        if not channel.traits.reliable:
            await channel.send(b"")
        heard += await channel.receive()
    assert heard == (b"".join(LINES) * (len(heard) // 7030 + 1))[: len(heard)]


async def tells(channel: Channel) -> None:
    before = int(time.time())
    if not channel.traits.reliable:
        await channel.send(b"")
    assert before <= as_unix(await channel.receive()) <= time.time()
    assert await is_over(channel)


SERVICES: dict[str, Callable[[Channel], Awaitable[None]]] = {
    "echo": echoes,
    "discard": discards,
    "chargen": generates,
    "daytime": tells,
    "time": tells,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", SERVICES)
async def test_it_answers(name: str, place: str) -> None:
    async with await serve(place, find_app(name)) as server:
        for _ in range(2):  # and answers the next one, too
            channel = await dial(server.address)
            try:
                await SERVICES[name](channel)
            finally:
                channel.abort()
        server.abort()
