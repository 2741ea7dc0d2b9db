"""The app `discard` hears everything and says nothing."""

from __future__ import annotations

import pytest

from tincans.apps.discard import discard
from tincans.errors import EndOfStream
from tincans.limits import MEMORY_BYTES
from tincans.server import serve
from tincans.tasks import spawn
from tincans.transports import dial
from tincans.transports.memory import memory_pair


async def test_it_hears_everything() -> None:
    client, server = memory_pair()
    discarding = spawn(discard(server))
    await client.send(bytes(3 * MEMORY_BYTES))
    await client.send_eof()
    with pytest.raises(EndOfStream):
        await discarding


async def test_it_says_nothing() -> None:
    async with await serve("tcp://127.0.0.1:0", discard) as server, await dial(server.address) as caller:
        await caller.send(b"hello")
        await caller.send_eof()
        with pytest.raises(EndOfStream):
            await caller.receive()
