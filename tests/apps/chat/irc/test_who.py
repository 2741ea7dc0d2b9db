"""WHO and WHOX: who is shown what of whom."""

from __future__ import annotations

import asyncio

import pytest

from ircing import chat
from rooming import USERS, Guest
from tincans.apps.chat.member import Member
from tincans.tasks import spawn

END = ":that is all"


async def test_who_is_in_a_room() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#ops"), await house.enter("bob", "#ops")
        await ann.says("MODE #ops +v bob")
        await bob.says("AWAY :tea", "MODE bob +B")
        Guest(house.hub, "plain")
        house.hub.join(house.hub.find("plain"), "#ops")
        await ann.hears()
        assert await ann.says("WHO #OPS") == [
            ":tincans 352 ann #ops ann localhost tincans ann H@ :0 Ann Smith",
            ":tincans 352 ann #ops bob localhost tincans bob G+B :0 Bob Smith",
            ":tincans 352 ann #ops plain hub tincans plain H :0 plain",
            f":tincans 315 ann #OPS {END}",
        ]
        assert await ann.says("WHO #nowhere", "WHO") == [
            f":tincans 315 ann #nowhere {END}",
            ":tincans 461 ann WHO :it needs more parameters: WHO <room, nick or mask> [o] [%<fields>]: who is there",
        ]


async def test_who_a_mask_fits() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        ann = await house.enter("a1", "#ops", login="ann:ann")
        await house.enter("b1", "#ops", login="bob:bob")
        await house.enter("r1", login="root:root")

        await ann.hears()

        async def found(asked: str) -> list[str]:
            return [line.split()[7] for line in (await ann.says(f"WHO {asked}"))[:-1]]

        assert await found("b1") == ["b1"]
        assert await found("?1") == ["a1", "b1", "r1"]
        assert await found("0") == ["a1", "b1", "r1"]
        assert await found("* o") == ["r1"]
        assert await found("bob") == ["b1"], "by the account"
        assert await found("*1!*@local*") == ["a1", "b1", "r1"]
        assert await found("r1!*@elsewhere") == []
        assert await found("r1?smith") == ["r1"], "by the real name"
        assert await found("nobody") == []


async def test_who_is_invisible_is_left_out_where_somebody_looks_around() -> None:
    async with chat() as house:
        ann, bob, eve = await house.enter("ann", "#ops"), await house.enter("bob", "#ops"), await house.enter("eve")
        await bob.says("MODE bob +i")
        await ann.hears()
        assert len(await eve.says("WHO *")) == 3
        assert len(await ann.says("WHO *")) == 4, "they share a room"
        assert len(await bob.says("WHO *")) == 4, "one sees oneself"
        assert len(await eve.says("WHO bob")) == 2, "his name is known already"


async def test_people_are_not_listed_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.irc.who.IRC_WHO_PEOPLE", 2)
    async with chat() as house:
        ann = await house.enter("ann", "#ops")
        for nick in ("bob", "eve"):
            await house.enter(nick, "#ops")
        await ann.hears()
        assert len(await ann.says("WHO *")) == 3
        assert len(await ann.says("WHO #ops")) == 4, "a room is told whole"


async def test_whox_tells_what_was_asked_in_one_order() -> None:
    async with chat(users=USERS) as house:
        ann = await house.enter("a1", "#ops", login="ann:ann")
        await house.enter("eve", "#ops", login="bob:bob")
        await ann.hears()
        assert await ann.says("WHO #ops %afnct,17", "WHO eve %tuihsnfdlaor,1234", "WHO #ops %zz") == [
            ":tincans 354 a1 17 #ops a1 H@ ann",
            ":tincans 354 a1 17 #ops eve H bob",
            f":tincans 315 a1 #ops {END}",
            ":tincans 354 a1 123 bob 255.255.255.255 localhost tincans eve H 0 0 bob n/a :Eve Smith",
            f":tincans 315 a1 eve {END}",
            ":tincans 354 a1",
            ":tincans 354 a1",
            f":tincans 315 a1 #ops {END}",
        ]


async def test_a_secret_room_is_named_to_who_is_in_it() -> None:
    async with chat() as house:
        ann, bob, eve = await house.enter("ann", "#ops"), await house.enter("bob", "#ops"), await house.enter("eve")
        await ann.says("MODE #ops +s")
        await bob.hears()
        assert await eve.says("WHO #ops", "WHO ann") == [
            f":tincans 315 eve #ops {END}",
            ":tincans 352 eve * ann localhost tincans ann H :0 Ann Smith",
            f":tincans 315 eve ann {END}",
        ]
        assert not any(" 319 " in line for line in await eve.says("WHOIS ann"))
        assert ":tincans 319 bob ann @#ops" in await bob.says("WHOIS ann")


async def test_others_have_their_turn_while_somebody_looks_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.irc.who._SLICE", 1)
    async with chat() as house:
        ann, bob = await house.enter("ann"), await house.enter("bob")
        for number in range(100):
            house.hub.enter(Member("elsewhere"), f"n{number}")
        looking, turns = spawn(ann.says("WHO *nobody*")), 0
        while not looking.done():
            await bob.hears()
            turns += 1
        assert turns > 10
        assert await looking == [f":tincans 315 ann *nobody* {END}"]


async def test_who_leaves_while_somebody_looks_around_is_not_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.irc.who._SLICE", 1)
    async with chat() as house:
        ann = await house.enter("ann")
        for number in range(20):
            house.hub.enter(Member("elsewhere"), f"n{number}")
        looking = spawn(ann.says("WHO n*"))
        while not looking.done() and house.hub.people.get("n19"):
            await asyncio.sleep(0)
            house.hub.leave(house.hub.find("n19"))
        assert [line.split()[7] for line in (await looking)[:-1]] == [f"n{number}" for number in range(19)]
