"""Who says lines, to a program or to a person: how much is acted upon before what it asked for was said."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable

import pytest

from rooming import Guest, hub_of
from tincans.apps.chat import plain, programs
from tincans.apps.chat.doors import Attend
from tincans.errors import ChannelError
from tincans.limits import CHAT_BACKLOG_BYTES
from tincans.tasks import spawn
from tincans.testing import memory_pair

PROGRAM = (
    b'{"do": "hello", "nick": "ann"}\n{"do": "join", "room": "#ops"}\n',
    b'{"do": "who", "room": "#ops"}\n',
    (b'{"do": "say", "room": "#ops", "text": "done"}\n'),
)
PERSON = b"/nick ann\n/join #ops\n", b"/help\n", b"done\n"


@pytest.mark.parametrize(
    ("attend", "words"), [(programs.attend, PROGRAM), (plain.attend, PERSON)], ids=["program", "person"]
)
async def test_who_asks_for_much_and_reads_nothing_is_not_heard_any_more(
    attend: Attend, words: tuple[bytes, bytes, bytes]
) -> None:
    enters, asks, says = words
    client, server = memory_pair()
    async with hub_of() as hub:
        bob = Guest(hub, "bob")
        hub.join(bob, "#ops")
        for number in range(400):
            hub.join(Guest(hub, f"n{number}"), "#ops")
        door = spawn(_attended(attend(hub, server, enters + asks * 1500 + says)))
        heard = 0
        for _ in range(50):
            heard += sum("done" in line for line in await bob.heard_lines())
            await asyncio.sleep(0)
        assert heard == 0
        size = 0
        while not heard:
            size += len(await client.receive())
            heard += sum("done" in line for line in await bob.heard_lines())
        assert size > CHAT_BACKLOG_BYTES
        await client.aclose()
        with contextlib.suppress(ChannelError):
            await door
    await server.aclose()


async def _attended(attending: Awaitable[None]) -> None:
    await attending
