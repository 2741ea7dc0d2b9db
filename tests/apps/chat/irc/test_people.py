"""WHOIS, WHOWAS, ISON, USERHOST: who is shown what of whom."""

from __future__ import annotations

import re

from ircing import chat
from rooming import USERS
from tincans.limits import IRC_USERHOST_NICKS

END = ":that is all"


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
