"""WHO, WHOX, WHOIS, WHOWAS, ISON, USERHOST: who is shown what of whom."""

from __future__ import annotations

import re

import pytest

from ircing import chat
from rooming import USERS, Guest
from tincans.limits import IRC_USERHOST_NICKS

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
    monkeypatch.setattr("tincans.apps.chat.irc_people.IRC_WHO_PEOPLE", 2)
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


def still(lines: list[str]) -> list[str]:
    """Lines in which times do not differ."""
    return [re.sub(r"(?<= )\d+ \d{9,} :", "IDLE SINCE :", line) for line in lines]


async def test_what_is_known_of_somebody() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        ann = await house.enter("a1", "#ops", "#tea", login="ann:ann")
        root = await house.enter("r1", "#ops", login="root:root")
        await root.says("AWAY :tea", "MODE r1 +B")
        await ann.hears()
        assert still(await ann.says("WHOIS R1", "WHOIS nobody")) == [
            ":tincans 311 a1 r1 root localhost * :R1 Smith",
            ":tincans 312 a1 r1 tincans tincans",
            ":tincans 319 a1 r1 #ops",
            ":tincans 313 a1 r1 :is an operator of this hub",
            ":tincans 301 a1 r1 :tea",
            ":tincans 330 a1 r1 root :has logged in as",
            ":tincans 335 a1 r1 :is a program",
            ":tincans 317 a1 r1 IDLE SINCE :seconds idle, signon time",
            f":tincans 318 a1 R1 {END}",
            ":tincans 401 a1 nobody :nobody is called nobody",
            f":tincans 318 a1 nobody {END}",
        ]
        about_ann = still(await root.says("WHOIS tincans a1,a1"))
        assert about_ann[1:3] == [":tincans 312 r1 a1 tincans tincans", ":tincans 319 r1 a1 :@#ops @#tea"]
        assert ":tincans 378 r1 a1 :is connecting from localhost" in about_ann
        assert len([line for line in about_ann if " 318 " in line]) == 1
        assert any(" 378 " in line for line in await ann.says("WHOIS a1")), "one is told of oneself"


async def test_who_was_called_that() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#ops")
        for why in ("first", "second"):
            bob = await house.enter("bob", "#ops")
            await bob.say(f"QUIT :{why}")
            await bob.hears_the_end()
        eve = await house.enter("eve", "#ops")
        await eve.says("NICK eva")
        await ann.hears()
        once = [
            ":tincans 314 ann bob bob localhost * :Bob Smith",
            ":tincans 312 ann bob tincans :until WHEN",
        ]

        async def was(asked: str) -> list[str]:
            return [re.sub(r"until .*", "until WHEN", line) for line in await ann.says(f"WHOWAS {asked}")]

        assert await was("BOB") == [*once, *once, f":tincans 369 ann BOB {END}"]
        assert await was("bob 1") == [*once, f":tincans 369 ann bob {END}"]
        assert await was("bob 0") == await was("bob -1") == [*once, *once, f":tincans 369 ann bob {END}"]
        assert (await was("eve"))[0] == ":tincans 314 ann eve eve localhost * :Eve Smith"
        assert await ann.says("WHOIS", "WHOWAS") == [":tincans 431 ann :name a nick"] * 2
        assert await was("ann") == [
            ":tincans 406 ann ann :there was nobody called that",
            f":tincans 369 ann ann {END}",
        ]


async def test_who_of_these_is_on_and_where() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        ann = await house.enter("ann_")
        root = await house.enter("r1", login="root:root")
        await root.says("AWAY :tea")
        assert await ann.says("ISON r1 nobody ANN_", "ISON :nobody r1", "ISON nobody") == [
            ":tincans 303 ann_ :r1 ann_",
            ":tincans 303 ann_ r1",
            ":tincans 303 ann_ :",
        ]
        assert await ann.says("USERHOST ann_ nobody r1") == [
            ":tincans 302 ann_ :ann_=+ann_@localhost r1*=-root@localhost"
        ]
        (line,) = await ann.says(f"USERHOST {'ann_ ' * IRC_USERHOST_NICKS}r1")
        assert line.count("ann_=") == IRC_USERHOST_NICKS
        assert "r1" not in line
