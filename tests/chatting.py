"""A hub that does what a test wants: as docs/chat.md has it, but for the faults it is told to have."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from running import Serving, start, tincans
from tincans.address import Address
from tincans.apps import find_app
from tincans.apps.settings import Settings
from tincans.channel import Buffered, Channel
from tincans.errors import ChannelClosed, ChannelError, EndOfStream
from tincans.server import serve

AT = "2026-11-28T03:00:00.000000Z"

Words = dict[str, Any]


class Caller:
    """One program that has called."""

    def __init__(self, hub: LittleHub, channel: Channel) -> None:
        self.hub, self.channel = hub, Buffered(channel)
        self.nick, self.rooms, self.label, self.is_gone = "", set[str](), "", False

    @property
    def who(self) -> Words:
        return {"nick": self.nick, "account": ""}

    async def tell(self, on: str, **words: Any) -> None:
        words = {"on": on, **words}
        data = json.dumps({**words, "label": self.label} if self.label else words).encode()
        try:
            await self.channel.send(data if self.channel.traits.boundaries else data + b"\n")
        except ChannelError:
            pass

    async def attend(self) -> None:
        while not self.is_gone:
            if self.channel.traits.boundaries:
                said = json.loads(await self.channel.receive())
            else:
                said = json.loads(await self.channel.receive_until(b"\n"))
            self.hub.said.append(said)
            self.label = said.pop("label", "")
            await self.hub.do(self, said.pop("do"), said)
            self.label = ""


class LittleHub:
    """An app. What was said to it is in `said`; the rooms' messages are in `kept`."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []
        self.said: list[Words] = []
        self.kept: list[Words] = []
        self.ticket = "ticket"
        #: Nicks of others; and the last command.
        self.taken = set[str]()
        self.last = ""
        #: Told instead of what would be done, by the command; `None` tells nothing at all.
        self.instead: dict[str, Words | None] = {}
        #: Messages of this text make the hub hang up, once, after they were kept, or before.
        self.hang_up_behind = self.hang_up_before = ""
        #: Commands that make it hang up, always.
        self.hang_up_at = set[str]()
        self.address = Address("tcp", "127.0.0.1", 0)

    async def __call__(self, channel: Channel) -> None:
        caller = Caller(self, channel)
        self.callers.append(caller)
        try:
            await caller.attend()
        except (EndOfStream, ChannelClosed):
            pass
        finally:
            self.callers.remove(caller)

    def hang_up(self) -> None:
        """Lose everybody, as a hub that is killed does."""
        for caller in self.callers:
            caller.is_gone = True
            caller.channel.abort()

    async def say_bye(self, text: str) -> None:
        """Let everybody go, and say why."""
        for caller in list(self.callers):
            await caller.tell("bye", text=text)
            await caller.channel.aclose()

    async def everybody(self, on: str, room: str, but: Caller | None = None, **words: Any) -> None:
        for caller in list(self.callers):
            if room in caller.rooms and caller is not but:
                label, caller.label = caller.label, ""
                await caller.tell(on, room=room, at=AT, **words)
                caller.label = label

    async def do(self, caller: Caller, do: str, words: Words) -> None:
        self.last = do
        if do in self.hang_up_at:
            self.hang_up()
        elif do in self.instead:
            if (answer := self.instead[do]) is not None:
                await caller.tell(**answer)
        elif do in ("say", "act", "notice"):
            await self.keep(caller, do, words)
        else:
            await getattr(self, f"do_{do}")(caller, words)

    async def keep(self, caller: Caller, kind: str, words: Words) -> None:
        if "to" in words:
            await caller.tell("whisper", kind=kind, **{"from": caller.nick}, **words)
            return
        if words["text"] == self.hang_up_before:
            self.hang_up_before = ""
            self.hang_up()
            return
        known = [message for message in self.kept if words.get("again") and message["id"] == words["id"]]
        if known:
            await caller.tell("message", **known[0])
            return
        message = self.message(words["room"], caller.nick, words["text"], kind)
        message["id"] = words.get("id", message["id"])
        if words["text"] == self.hang_up_behind:
            self.hang_up_behind = ""
            self.hang_up()
            return
        await self.everybody("message", but=caller, **message)
        await caller.tell("message", **message)

    def message(self, room: str, nick: str, text: str, kind: str = "say", *, name: str = "") -> Words:
        """Keep one."""
        number = len(self.kept) + 1
        message = {"number": number, "id": name or f"m{number}", "room": room, "from": nick, "kind": kind, "text": text}
        self.kept.append(message)
        return message

    async def say(self, room: str, nick: str, text: str) -> None:
        """Somebody says something."""
        await self.everybody("message", **self.message(room, nick, text))

    async def do_hello(self, caller: Caller, words: Words) -> None:
        nick = words.get("nick") or "guest1"
        if nick in self.taken or any(other.nick == nick for other in self.callers):
            await caller.tell("error", code="nick-taken", text=f"somebody is called {nick} already")
            return
        caller.nick = nick
        await caller.tell(
            "welcome", hub="little", protocol=1, nick=nick, account="", limits={"text": 16384}, ticket=self.ticket
        )

    async def do_join(self, caller: Caller, words: Words) -> None:
        caller.rooms.add(room := words["room"])
        await self.everybody("joined", room, who=caller.who)
        people = [each.who for each in self.callers if room in each.rooms]
        await caller.tell("room", room=room, topic=None, people=people)

    async def do_part(self, caller: Caller, words: Words) -> None:
        await self.everybody("left", words["room"], but=caller, who=caller.who)
        await caller.tell("left", who=caller.who, **words)

    async def do_history(self, caller: Caller, words: Words) -> None:
        limit, after, before = words.get("limit", 50), words.get("after"), words.get("before")
        found = [
            each for each in self.kept
            if each["room"] == words["room"] and (not after or each["number"] > after)
            and (not before or each["number"] < before)
        ]  # fmt: skip
        page = found[:limit] if after else found[-limit:]
        await caller.tell("history", room=words["room"], messages=page, more=len(page) < len(found))

    async def do_nick(self, caller: Caller, words: Words) -> None:
        old, caller.nick = caller.nick, words["nick"]
        for room in caller.rooms:
            for other in self.callers:
                if other is not caller and room in other.rooms:
                    await other.tell("renamed", nick=old, new=caller.nick)
        await caller.tell("renamed", nick=old, new=caller.nick)

    async def do_ping(self, caller: Caller, words: Words) -> None:
        await caller.tell("pong")

    async def do_pong(self, caller: Caller, words: Words) -> None:
        pass

    async def do_quit(self, caller: Caller, words: Words) -> None:
        await caller.channel.aclose()


@asynccontextmanager
async def little_hub(address: str = "tcp://127.0.0.1:0") -> AsyncIterator[LittleHub]:
    """It serves while the block runs."""
    hub = LittleHub()
    async with await serve(address, hub) as server:
        hub.address = server.address
        yield hub


@asynccontextmanager
async def real_hub(
    rooms: str = "memory:", address: str = "tcp://127.0.0.1:0", **settings: Any
) -> AsyncIterator[Address]:
    """Our own, in this loop, while the block runs; gives where it is."""
    app = find_app("chat", Settings(rooms=rooms, flood=0, **settings))
    async with await serve(address, app) as server:
        yield server.address


class HubProcess:
    """Our own, as a process."""

    def __init__(self, serving: Serving) -> None:
        self.port, self._process = serving.port, serving.program.process

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait()


@contextmanager
def hub_process(rooms: str, port: int = 0) -> Iterator[HubProcess]:
    """`tincans listen :PORT chat`, while the block runs, or until it is killed."""
    command = tincans("listen", f"127.0.0.1:{port}", "chat", "--rooms", rooms, "--flood", "0", "--no-record")
    with start(command) as running:
        found = running.wait_for(r"^listening on tcp://127\.0\.0\.1:(\d+)$", stream="err")
        yield HubProcess(Serving(int(found[1]), running))
