"""What was said, in words for people: HISTORY and SEARCH."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ircing import House, chat
from rooming import USERS
from tincans.apps.chat.events import Kind, Message
from tincans.apps.chat.history import MemoryHistory
from tincans.limits import CHAT_HISTORY_MESSAGES

SECOND = 10**9
AT = 1_800_000_000 * SECOND


def say(house: House, *said: tuple[Kind, str]) -> None:
    """Ann says these in #tea, a second after each other."""
    for number, (kind, text) in enumerate(said):
        house.hub.say(house.hub.find("ann"), "#tea", text, kind, at=AT + number * SECOND)


async def test_who_has_a_simple_client_reads_it_in_words() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        say(house, ("say", "one"), ("act", "waves"), ("notice", "two\nthree"))
        said = [
            ":tincans NOTICE ann :[2027-01-15 08:00:00] #tea <ann> one",
            ":tincans NOTICE ann :[2027-01-15 08:00:01] #tea * ann waves",
            ":tincans NOTICE ann :[2027-01-15 08:00:02] #tea <ann> two",
            ":tincans NOTICE ann :[2027-01-15 08:00:02] #tea <ann> three",
            ":tincans NOTICE ann :That is all of #tea.",
        ]
        assert await ann.says("HISTORY #TEA") == said
        assert await ann.says("HISTORY #tea 1") == said[2:]


async def test_a_long_one_is_whole() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        say(house, ("say", "x" * 900))
        *lines, _ = await ann.says("HISTORY #tea 1")
        assert "".join(line.rpartition("> ")[2] for line in lines) == "x" * 900


async def test_words_are_found_in_the_rooms_that_one_is_in() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#other")
        say(house, ("say", "deploy done"), ("say", "tea?"), ("say", "done, deploy again"))
        await bob.says("PRIVMSG #other :deploy done here")
        assert await ann.says("SEARCH :deploy done") == [
            ":tincans NOTICE ann :[2027-01-15 08:00:00] #tea <ann> deploy done",
            ":tincans NOTICE ann :[2027-01-15 08:00:02] #tea <ann> done, deploy again",
            ":tincans NOTICE ann :That is all with deploy done.",
        ]
        assert await ann.says("SEARCH nothing") == [":tincans NOTICE ann :That is all with nothing."]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("HISTORY #none", "403 ann #none :there is no room #none"),
        ("HISTORY #other", "442 ann #other :you are not in #other"),
        ("HISTORY #tea x", "400 ann HISTORY :'x' is no number of messages"),
        ("HISTORY #tea 0", "400 ann HISTORY :'0' is no number of messages"),
        ("HISTORY #tea ٣", "400 ann HISTORY :'٣' is no number of messages"),
    ],
)
async def test_what_cannot_be_read(said: str, answer: str) -> None:
    async with chat() as house:
        await house.enter("bob", "#other")
        ann = await house.enter("ann", "#tea")
        assert await ann.says(said) == [f":tincans {answer}"]


async def test_an_operator_of_the_hub_reads_all() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        await house.enter("guest", "#other")
        root = await house.enter("root", login="root:root")
        assert await root.says("HISTORY #other") == [":tincans NOTICE root :That is all of #other."]


async def test_no_more_are_told_than_may_be_asked_for() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        for _ in range(CHAT_HISTORY_MESSAGES + 1):
            say(house, ("say", "x"))
        assert len(await ann.says(f"HISTORY #tea {CHAT_HISTORY_MESSAGES + 1}")) == CHAT_HISTORY_MESSAGES + 1


async def test_it_is_said_that_older_ones_were_not_searched() -> None:
    class Lost(MemoryHistory):
        async def unsearched(self) -> int:
            return 7

    async with chat(history=Lost()) as house:
        ann = await house.enter("ann", "#tea")
        lack = "older messages are still being indexed, and were not searched yet"
        assert await ann.says("SEARCH deploy") == [f":tincans NOTICE ann :That is all with deploy, but {lack}."]


async def test_a_disk_that_cannot_be_read_is_said() -> None:
    class Broken(MemoryHistory):
        async def read(self, room: str, *, after: int = 0, before: int = 0, limit: int = 50) -> list[Message]:
            raise OSError(5, "Input/output error")

        async def search(self, text: str, *, rooms: Iterable[str], before: int = 0, limit: int = 50) -> list[Message]:
            raise OSError(5, "Input/output error")

    async with chat(history=Broken()) as house:
        ann = await house.enter("ann", "#tea")
        assert await ann.says("HISTORY #tea", "SEARCH x") == [
            ":tincans 400 ann HISTORY :the history cannot be read: Input/output error",
            ":tincans 400 ann SEARCH :the history cannot be read: Input/output error",
        ]
