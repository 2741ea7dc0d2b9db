"""A scripted client of IRC on a real hub: what it says, and exactly the lines that it hears.

    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        assert await ann.says("PRIVMSG #tea :hello") == []
        assert await bob.hears() == [":ann!ann@localhost PRIVMSG #tea :hello"]

A client knows that it has heard all that there is by a PING of its own, whose PONG is left out.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from rooming import hub_of
from running import PATIENCE
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.irc import attend
from tincans.channel import Channel
from tincans.errors import ChannelError, EndOfStream
from tincans.protocols.irc import Message, read_message
from tincans.tasks import spawn
from tincans.testing import memory_pair

#: Tags that differ each time.
_VOLATILE = re.compile(r"(?<=[@;])(?:time|msgid)=[^; ]*;?|;(?:time|msgid)=[^; ]*(?= )|@(?:time|msgid)=[^; ]* ")


def bare(lines: list[str]) -> list[str]:
    """The lines without the times and the names of messages."""
    return [_VOLATILE.sub("", line).replace("@ ", "", 1) for line in lines]


def messages(lines: list[str]) -> list[Message]:
    """The lines, parsed."""
    return [read_message(line.encode()) for line in lines]


class IrcClient:
    """One client. `door` is the task that attends to it, where the test has that."""

    door: asyncio.Task[None]

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._data = b""
        self._pings = 0

    async def say(self, *lines: str | bytes) -> None:
        """Say lines, all at once."""
        said = [line if isinstance(line, bytes) else line.encode() for line in lines]
        await self.channel.send(b"".join(line + b"\r\n" for line in said))

    async def hears(self) -> list[str]:
        """What was said to it since it was last asked."""
        self._pings += 1
        word = f"heard-{self._pings}"
        await self.say(f"PING {word}")
        heard = list[str]()
        while True:
            line = await self.line()
            if line.endswith(f" {word}") and " PONG " in line:
                return heard
            heard.append(line)

    async def says(self, *lines: str | bytes) -> list[str]:
        """Say lines, and hear all that there is then."""
        await self.say(*lines)
        return await self.hears()

    async def line(self) -> str:
        """The next line. `EndOfStream` behind the last."""
        async with asyncio.timeout(PATIENCE):
            while b"\n" not in self._data:
                self._data += await self.channel.receive()
        line, _, self._data = self._data.partition(b"\n")
        assert line.endswith(b"\r"), f"{line!r} has no CR at its end"
        return line[:-1].decode()

    async def hears_the_end(self) -> list[str]:
        """All lines until the door closes the channel."""
        heard = list[str]()
        try:
            while True:
                heard.append(await self.line())
        except EndOfStream:
            return heard


class House:
    """A hub, and its clients. Made by `chat`."""

    def __init__(self, hub: Hub, stack: AsyncExitStack) -> None:
        self.hub, self._stack = hub, stack

    def call(self, *, first: bytes = b"", ours: Channel | None = None) -> IrcClient:
        """Somebody calls, of whom `first` was received already; `ours` is the hub's end, by default in memory."""
        near, far = memory_pair()
        client = IrcClient(far)
        client.door = spawn(_attended(attend(self.hub, ours or near, first), ours or near))
        self._stack.push_async_callback(_end, client)
        return client

    async def enter(self, nick: str, *rooms: str, caps: str = "", login: str = "") -> IrcClient:
        """Somebody comes in with these capabilities, and enters rooms; what they hear of that is dropped.

        `login` is name:password."""
        client = self.call()
        await client.say(*([f"PASS {login}"] if login else []), *(["CAP LS 302", f"CAP REQ :{caps}"] if caps else []))
        await client.say(f"NICK {nick}", f"USER {nick} 0 * :{nick.title()} Smith", *(["CAP END"] if caps else []))
        heard = await client.says(*(f"JOIN {room}" for room in rooms)) if rooms else await client.hears()
        assert any(f" 001 {nick} " in line for line in heard), heard
        return client


async def _attended(attending: Coroutine[Any, Any, None], channel: Channel) -> None:
    """What a server does around a door."""
    try:
        async with channel:
            await attending
    except ChannelError:
        pass


async def _end(client: IrcClient) -> None:
    await client.channel.aclose()
    await asyncio.wait([client.door])


@asynccontextmanager
async def chat(**settings: Any) -> AsyncIterator[House]:
    """A hub in memory, with `hub_of`'s settings, while the block runs."""
    async with hub_of(**settings) as hub, AsyncExitStack() as stack:
        yield House(hub, stack)
