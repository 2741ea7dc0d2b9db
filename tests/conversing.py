"""A real hub that is served, and those who call it: programs that say objects, and people who say lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from rooming import user
from running import PATIENCE
from tincans.address import Address
from tincans.apps.chat import Chat
from tincans.apps.chat.hub import Hub
from tincans.apps.settings import Settings
from tincans.channel import Buffered, Channel
from tincans.client import connect
from tincans.errors import EndOfStream
from tincans.limits import CHAT_ANSWER_BYTES
from tincans.server import serve
from tincans.users import Users

USERS = Users({"root": user("toor"), "ann": user("lovelace")})

Object = dict[str, Any]


class Talker:
    """Somebody who has called a hub."""

    def __init__(self, channel: Channel) -> None:
        self.channel = Buffered(channel)
        self._labels = 0

    async def say(self, *objects: Object) -> None:
        """Say objects, all at once; over a WebSocket a message each."""
        lines = [json.dumps(each, ensure_ascii=False).encode() for each in objects]
        if not self.channel.traits.boundaries:
            lines = [b"".join(line + b"\n" for line in lines)]
        for line in lines:
            await self.channel.send(line)

    async def type(self, text: str | bytes) -> None:
        """Say bytes as they are."""
        await self.channel.send(text.encode() if isinstance(text, str) else text)

    async def line(self) -> str:
        """The next line that is told. `EndOfStream` behind the last."""
        async with asyncio.timeout(PATIENCE):
            if self.channel.traits.boundaries:
                return (await self.channel.receive()).decode()
            return (await self.channel.receive_until(b"\n", CHAT_ANSWER_BYTES)).decode()

    async def told(self, on: str = "") -> Object:
        """The next object; with `on` the next of that kind, whatever comes before."""
        while True:
            found: Object = json.loads(await self.line())
            if not on or found["on"] == on:
                return found

    async def ask(self, do: str, **fields: Any) -> Object:
        """Say a command, and wait for what answers it; what is told before that is dropped."""
        self._labels += 1
        label = f"ask {self._labels}"
        await self.say({"do": do, **fields, "label": label})
        while True:
            answer = await self.told()
            if answer.get("label") == label:
                return answer

    async def rest(self) -> list[str]:
        """All lines until the end."""
        lines = []
        try:
            while True:
                lines.append(await self.line())
        except EndOfStream:
            return lines

    async def end(self) -> list[str]:
        """End what is said, and hear the rest."""
        await self.channel.send_eof()
        return await self.rest()


class Party:
    """A hub, and who calls it. Made by `party`."""

    def __init__(self, chat: Chat, address: Address, stack: AsyncExitStack) -> None:
        self.chat, self.address, self._stack = chat, address, stack

    @property
    def hub(self) -> Hub:
        return self.chat.hub

    async def call(self, scheme: str = "tcp") -> Talker:
        """Call the hub, over `tcp` or `ws`; the channel is closed with the party."""
        path = "/chat" if scheme == "ws" else ""
        return Talker(
            await self._stack.enter_async_context(await connect(f"{scheme}://127.0.0.1:{self.address.port}{path}"))
        )

    async def program(self, nick: str, *rooms: str, scheme: str = "tcp") -> Talker:
        """Call, come in as a program, and enter rooms."""
        talker = await self.call(scheme)
        assert (await talker.ask("hello", nick=nick))["on"] == "welcome"
        for room in rooms:
            assert (await talker.ask("join", room=room))["on"] == "room"
        return talker

    async def person(self, nick: str, *rooms: str) -> Talker:
        """Call, come in as a person, and enter rooms; the words of greeting are dropped."""
        talker = await self.call()
        await talker.type("".join(f"{line}\n" for line in (f"/nick {nick}", *(f"/join {room}" for room in rooms))))
        for _ in range(1 + len(rooms)):
            assert (await talker.line()).startswith("- ")
        return talker


@asynccontextmanager
async def party(**settings: Any) -> AsyncIterator[Party]:
    """Serve a hub in memory while the block runs; everybody's flood is allowed unless a test says otherwise."""
    chat = Chat("tincans", Settings(**{"rooms": "memory:", "flood": 0, **settings}))
    async with await serve("tcp://127.0.0.1:0", chat) as server, AsyncExitStack() as stack:
        yield Party(chat, server.address, stack)
