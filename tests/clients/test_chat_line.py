"""The line to a hub: greeting it, and finding out that it is gone."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import tincans
from chatting import little_hub
from tincans.clients import chat_line
from tincans.clients.chat import Lost, Regained, open_chat
from tincans.clients.chat_line import Me
from tincans.errors import ChannelBroken, ChatRefused, ConnectionRefused, ConnectTimedOut, UsageError
from tincans.limits import CHAT_NICK_BYTES
from tincans.tasks import spawn


async def test_nobody_is_there() -> None:
    with pytest.raises(ConnectionRefused):
        await open_chat("tcp://127.0.0.1:1")


async def test_a_hub_that_says_nothing_is_given_up() -> None:
    async with little_hub() as hub:
        hub.instead["hello"] = None
        with pytest.raises(ConnectTimedOut):
            await open_chat(hub.address, how=tincans.Calling(timeout=0.02))


async def test_a_hub_that_hangs_up_before_it_has_greeted() -> None:
    async with little_hub() as hub:
        hub.instead["hello"] = {"on": "bye", "text": "the hub stops"}
        opening = spawn(open_chat(hub.address))
        while not hub.said:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        await hub.callers[0].channel.aclose()
        with pytest.raises(ChannelBroken, match="the hub stops"):
            await opening


async def test_a_nick_that_somebody_has_gets_signs_as_long_as_there_is_room() -> None:
    async with little_hub() as hub:
        hub.taken = {"ann", "ann_", "ann__"}
        async with await open_chat(hub.address, Me("ann", yields=True)) as chat:
            assert chat.nick == "ann___"
        hub.instead["hello"] = {"on": "error", "code": "nick-taken", "text": "taken"}
        with pytest.raises(ChatRefused):
            await open_chat(hub.address, Me("a" * CHAT_NICK_BYTES, yields=True))
        assert hub.said[-1]["nick"] == "a" * CHAT_NICK_BYTES + "_" * 9


async def test_a_password_is_netrcs_where_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with little_hub() as hub:
        for me in (Me("ann", "ann"), Me("ann", "ann", "other"), Me("bob")):
            await (await open_chat(hub.address, me)).aclose()
    hellos = [words for words in hub.said if "client" in words]
    assert [words.get("password") for words in hellos] == ["secret", "other", None]


async def test_a_password_that_nobody_has_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", os.devnull)
    async with little_hub() as hub:
        with pytest.raises(UsageError, match=r"^ann has no password in ~/\.netrc for 127\.0\.0\.1, and nobody here"):
            await open_chat(hub.address, Me("ann", "ann"))
        assert "hello" not in [words["do"] for words in hub.said]


async def test_a_ping_is_answered() -> None:
    async with little_hub() as hub, await open_chat(hub.address):
        await hub.callers[0].tell("ping")
        while hub.last != "pong":
            await asyncio.sleep(0.001)


async def test_a_hub_that_is_silent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_line, "CHAT_ALIVE_SECONDS", 0.01)
    monkeypatch.setattr(chat_line, "CHAT_PONG_SECONDS", 0.01)
    async with little_hub() as hub, await open_chat(hub.address, reconnect=True) as chat:
        hub.instead["ping"] = None
        happened = chat.events()
        lost = await anext(happened)
        assert isinstance(lost, Lost)
        assert "silent for 0.01 s" in lost.reason
        del hub.instead["ping"]
        assert isinstance(await anext(happened), Regained)
    async with little_hub() as hub, await open_chat(hub.address) as chat:
        hub.instead["ping"] = None
        with pytest.raises(ChannelBroken, match="silent"):
            await anext(chat.events())


async def test_commands_given_while_the_hub_is_lost_are_said_when_it_is_there() -> None:
    async with little_hub() as hub, await open_chat(hub.address, Me("ann"), reconnect=True) as chat:
        room, happened = await chat.join("#ops"), chat.events()
        hub.hang_up()
        assert isinstance(await anext(happened), Lost)
        assert (await room.say("are you there?")).number == 1


async def test_who_was_given_up_by_a_rule_does_not_call_again() -> None:
    async with little_hub() as hub, await open_chat(hub.address, reconnect=True) as chat:
        await hub.say_bye("not understood")
        with pytest.raises(ChannelBroken, match="not understood"):
            await anext(chat.events())
