"""What the hub refuses, as IRC says it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ircing import chat, messages
from tincans.apps.chat.events import Message, RoomState
from tincans.apps.chat.history import MemoryHistory
from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.refusals import refuse
from tincans.apps.chat.refusals import Refused, Why


class Full(MemoryHistory):
    """A history whose disk is full, once it is told so."""

    full = False

    def append(self, messages: Iterable[Message]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().append(messages)

    def keep(self, room: RoomState) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().keep(room)


async def test_a_full_disk_is_said_and_nobody_was_told() -> None:
    history = Full()
    async with chat(history=history) as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        history.full = True
        assert await ann.says("PRIVMSG #tea :hi", "TOPIC #tea :hi", "JOIN #new") == [
            ":tincans 400 ann PRIVMSG :it cannot be kept: no space left on device",
            ":tincans 400 ann TOPIC :it cannot be kept: no space left on device",
            ":tincans 400 ann JOIN :it cannot be kept: no space left on device",
        ]
        assert await bob.hears() == []


@pytest.mark.parametrize("why", list(Why))
async def test_every_reason_has_a_number(why: Why) -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        member = house.hub.find("ann")
        assert isinstance(member, IrcMember)
        refuse(member, Refused(why, "because"), "x", command="JOIN")
        (heard,) = messages(await ann.hears())
        assert heard.name.startswith("ERR_")
        assert heard.parameters[-1] == "because"


async def test_what_cannot_stand_in_the_middle_is_a_star() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        assert await ann.says("PART :a b", "PART ::x", "PART :") == [
            ":tincans 403 ann * :there is no room a b", ":tincans 403 ann * :there is no room :x"
        ]  # fmt: skip
