"""MONITOR: who is told of whose coming and going."""

from __future__ import annotations

from ircing import chat
from tincans.apps.chat.irc.monitor import board_of
from tincans.limits import IRC_MESSAGE_BYTES, IRC_MONITORED


async def test_one_is_told_who_comes_and_goes() -> None:
    async with chat() as house:
        ann, eve = await house.enter("ann"), await house.enter("eve")
        assert await ann.says("MONITOR + Eve,bob,eve,1st,") == [
            ":tincans 730 ann eve!eve@localhost",
            ":tincans 731 ann bob",
        ]
        bob = await house.enter("bob")
        await bob.says("NICK robert", "NICK bob")
        await bob.say("QUIT")
        await bob.hears_the_end()
        assert await ann.hears() == [
            ":tincans 730 ann bob!bob@localhost",
            ":tincans 731 ann bob",
            ":tincans 730 ann bob!bob@localhost",
            ":tincans 731 ann bob",
        ]
        await eve.says("NICK EVE")
        assert await ann.hears() == [], "it is the same name"


async def test_the_list_is_shown_taken_from_and_cleared() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        await ann.says("MONITOR + bob,eve")
        assert await ann.says("MONITOR L", "MONITOR - Bob,nobody", "MONITOR l") == [
            ":tincans 732 ann bob,eve",
            ":tincans 733 ann :that is all",
            ":tincans 732 ann eve",
            ":tincans 733 ann :that is all",
        ]
        await house.enter("bob")
        assert await ann.hears() == []
        await house.enter("eve")
        assert await ann.says("MONITOR S", "MONITOR C", "MONITOR S", "MONITOR L") == [
            ":tincans 730 ann eve!eve@localhost",
            ":tincans 730 ann eve!eve@localhost",
            ":tincans 733 ann :that is all",
        ]
        assert await ann.says("MONITOR + ", "MONITOR X y") == [":tincans 461 ann MONITOR :name nicks behind it"]


async def test_a_list_is_as_long_as_it_may_be() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        nicks = [f"n{number}" for number in range(IRC_MONITORED)]
        lines = await ann.says(f"MONITOR + {','.join(nicks[:50])}", f"MONITOR + {','.join(nicks[50:])}")
        assert ",".join(line.split()[3] for line in lines) == ",".join(nicks)
        assert all(len(line) + 2 <= IRC_MESSAGE_BYTES for line in lines)
        assert await ann.says("MONITOR + n1,one,two") == [
            f":tincans 734 ann {IRC_MONITORED} one,two :nobody waits for more than {IRC_MONITORED}"
        ]
        await ann.says("MONITOR - n1", "MONITOR + one")
        assert len(await ann.says("MONITOR + two")) == 1


async def test_nobody_waits_who_is_gone() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        await ann.says("MONITOR + bob,eve")
        assert set(board_of(house.hub).waiting) == {"bob", "eve"}
        await ann.say("QUIT")
        await ann.hears_the_end()
        await ann.door
        assert not board_of(house.hub).waiting
        await house.enter("bob")
