"""The app `echo` says back what it hears."""

from __future__ import annotations

import pytest

from tincans.apps.echo import echo
from tincans.channel import Traits
from tincans.errors import EndOfStream
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair


async def test_it_says_back_what_it_hears_to_the_end() -> None:
    client, server = memory_pair(Traits(boundaries=True))
    echoing = spawn(echo(server))
    for message in (b"one", b"", b"three"):
        await client.send(message)
        assert await client.receive() == message
    await client.send_eof()
    with pytest.raises(EndOfStream):
        await echoing
