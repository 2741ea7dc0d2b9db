"""What is typed in a chat is done at the hub, and what comes of it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import tincans
from chatting import little_hub, real_hub
from running import PATIENCE
from tincans.apps.chat.history import MemoryHistory
from tincans.cli.chat_party import Party
from tincans.cli.chat_talk import Talk
from tincans.clients.chat import open_chat
from tincans.clients.chat_line import Me
from tincans.limits import CHAT_PAGE_MESSAGES


@asynccontextmanager
async def party(hub: tincans.Address, *rooms: str, nick: str = "ann", history: int = 10) -> AsyncIterator[Party]:
    """A person in these rooms, turned to the last."""
    async with await open_chat(hub, Me(nick), reconnect=True) as chat:
        person = Party(chat, Talk(), tincans.Calling(), history=history)
        try:
            for room in rooms:
                await person.enter(room)
            yield person
        finally:
            await person.aclose()


async def typed(person: Party, *lines: str) -> list[str]:
    """Type these, each answered before the next; gives what the pane that is turned to has then."""
    for line in lines:
        person.typed(line)
        await person.answered()
    return shown(person)


def shown(person: Party) -> list[str]:
    return [f"{row.nick}: {row.text}" if row.nick else row.text for row in person.talk.current.rows]


async def test_messages_of_all_kinds() -> None:
    async with real_hub() as hub, party(hub, "#ops") as ann:
        await typed(ann, "hello", "/me waves", "/notice done", "//etc", "  ")
        assert [(row.kind, row.text) for row in ann.talk.current.rows] == [
            ("say", "hello"), ("act", "waves"), ("notice", "done"), ("say", "/etc"),
        ]  # fmt: skip
        assert ann.waiting == 0


async def test_rooms_are_entered_and_left() -> None:
    async with real_hub() as hub, party(hub, "#ops") as ann, party(hub, "#ops", nick="bob") as bob:
        await typed(ann, "/join lobby")
        assert ann.talk.current.name == "#lobby"
        await typed(ann, "/join #OPS")
        assert ann.talk.current.name == "#ops"
        await typed(ann, "/part tea")
        assert [pane.name for pane in ann.talk.panes] == ["", "#lobby"]
        assert (await typed(bob, "/who"))[-2:] == ["ann left: tea", "1 here: bob"]
        assert (await typed(ann, "/rooms"))[-1] == "#lobby  1 person\n#ops  1 person"
        await typed(ann, "/part")
        assert (await typed(ann, "hello?"))[-1].startswith("that is for a room, and this is none that you are in")


async def test_whispers() -> None:
    async with real_hub() as hub, party(hub, "#ops") as ann, party(hub, "#ops", nick="bob") as bob:
        await typed(ann, "/msg bob psst", "and more", "/me whispers")
        assert ann.talk.current.name == "bob"
        assert shown(ann) == ["ann: psst", "ann: and more", "ann: whispers"]
        await bob.answered()
        pane = bob.talk.find("ann")
        assert pane is not None
        assert ([row.text for row in pane.rows], pane.mentions) == (["psst", "and more", "whispers"], 3)
        assert (await typed(ann, "/msg eve"))[-1:] == []
        assert (await typed(ann, "hi"))[-1] == "nobody is called eve"
        await typed(ann, "/part")
        assert ann.talk.find("eve") is None


async def test_what_a_room_is_and_who_is_in_it() -> None:
    async with real_hub() as hub, party(hub, "#ops") as ann, party(hub, "#ops", nick="bob") as bob:
        assert (await typed(ann, "/topic"))[-1] == "there is no topic"
        assert (await typed(ann, "/topic deploys", "/topic"))[-2:] == [
            "ann set the topic: deploys",
            "the topic is: deploys (ann)",
        ]
        assert (await typed(ann, "/topic -"))[-1] == "ann took the topic away"
        assert (await typed(ann, "/mode +v bob", "/who"))[-1] == "2 here: @ann, +bob"
        assert (await typed(ann, "/who bob"))[-1] == "bob, a guest"
        assert (await typed(ann, "/invite eve"))[-1] == "nobody is called eve"
        assert (await typed(bob, "/kick ann"))[-1] == "you are no operator of #ops"
        await typed(ann, "/kick bob enough")
        while bob.talk.current.member is not None:
            await asyncio.sleep(0.001)
        assert shown(bob)[-1] == "ann took you out of #ops: enough"
        assert bob.talk.current.member is None


async def test_who_one_is() -> None:
    async with real_hub() as hub, party(hub, "#ops") as ann:
        assert (await typed(ann, "/nick Anna"))[-1] == "ann is called Anna now"
        assert (ann.talk.nick, ann.chat.nick) == ("Anna", "Anna")
        assert (await typed(ann, "/away lunch", "/away"))[-2:] == ["Anna is away: lunch", "Anna is back"]
        await typed(ann, "/part")
        assert (await typed(ann, "/nick ann", "/away x", "/away"))[-3:] == [
            "you are called ann now", "you are away", "you are back",
        ]  # fmt: skip


async def test_what_was_said_is_found_and_looked_back_to() -> None:
    async with real_hub() as hub, tincans.join(hub, "#ops", nick="bob") as bob:
        for number in range(30):
            await bob.say(f"line {number}")
        async with party(hub, "#ops") as ann:
            await ann.answered()
            assert shown(ann) == [f"bob: line {number}" for number in range(20, 30)]
            await typed(ann, "/history 15")
            await until_whole(ann, 25)
            await typed(ann, "/history")
            await until_whole(ann, 30)
            assert ann.talk.current.is_whole
            assert shown(ann) == [f"bob: line {number}" for number in range(30)]
            ann.look_back(ann.talk.current)  # there is nothing more, and nobody is asked
            assert (await typed(ann, "/history x"))[-1] == "'x' is no number of messages"
            assert (await typed(ann, '/search "line 7"'))[-1].endswith(" bob: line 7")
            assert (await typed(ann, "/search nothing"))[-1] == "nothing has 'nothing' in it"
            assert await typed(ann, "/clear") == []


async def test_it_is_said_that_older_ones_were_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unsearched(_: MemoryHistory) -> int:
        return 1

    monkeypatch.setattr(MemoryHistory, "unsearched", unsearched)
    async with real_hub() as hub, party(hub, "#ops") as ann:
        await typed(ann, "tin")
        lack = "older messages are still being indexed, and were not searched yet"
        assert (await typed(ann, "/search nothing"))[-1].splitlines() == ["nothing has 'nothing' in it", lack]
        first, found = (await typed(ann, "/search tin"))[-1].splitlines()
        assert (first, found.endswith(" ann: tin")) == (lack, True)


async def until_whole(person: Party, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(person.talk.current.rows) < count:
            await asyncio.sleep(0.001)


async def test_what_only_peers_have() -> None:
    async with real_hub() as hub, party(hub, "#ops") as ann:
        for line in ("/peers", "/trust bob", "/call bob", "/get file", "/invite"):
            assert (await typed(ann, line))[-1] == "this chat has no peers: tincans chat --peer has"
        assert (await typed(ann, "/send /none/such"))[-1] == "cannot read /none/such: no such file or directory"
        help_text = (await typed(ann, "/help"))[-1]
        assert "/join ROOM [KEY]" in help_text
        assert "/trust" not in help_text


async def test_the_modes_of_a_room_are_shown_and_set() -> None:
    async with real_hub() as hub, party(hub, "#ops") as ann:
        assert (await typed(ann, "/mode"))[-1] == "the modes of #ops are +nt"
        assert (await typed(ann, "/mode +i", "/mode"))[-2:] == ["ann set +i", "the modes of #ops are +int"]
        assert [pane.name for pane in ann.talk.panes] == ["", "#ops"]


async def test_one_leaves_with_a_word() -> None:
    async with real_hub() as hub, party(hub, "#ops") as ann:
        await typed(ann, "/quit tea")
        assert await ann.over == "tea"


async def test_who_spoke_last_is_completed_first() -> None:
    async with (
        real_hub() as hub,
        party(hub, "#ops", "#lobby", "#ops") as ann,
        party(hub, "#ops", nick="bea"),
        party(hub, "#ops", nick="bob") as bob,
        party(hub, "#ops", nick="amy"),
        party(hub, "#lobby", nick="elsewhere"),
    ):
        await typed(bob, "hello")
        await ann.answered()
        assert ann.known.nicks == ["bob", "amy", "bea", "elsewhere"]
        assert ann.known.rooms == ["#ops", "#lobby"]


async def test_what_goes_wrong_is_shown_where_it_was_typed() -> None:
    async with little_hub() as hub, party(hub.address, "#ops", "#lobby") as ann:
        hub.instead["say"] = None
        ann.typed("hello")
        ann.talk.turn(-1)
        while not any(words.get("text") == "hello" for words in hub.said):
            await asyncio.sleep(0)
        assert ann.waiting == 1
        label = next(pending for pending in ann.chat._line.pending)
        hub.callers[0].label = label
        await hub.callers[0].tell("error", code="moderated", text="only some may speak")
        hub.callers[0].label = ""
        await ann.answered()
        assert [row.text for row in ann.talk.pane("#lobby").rows] == ["only some may speak"]
        assert shown(ann) == []


async def test_a_long_history_is_asked_for_in_pages() -> None:
    async with little_hub() as hub:
        for number in range(3 * CHAT_PAGE_MESSAGES):
            hub.message("#ops", "bob", str(number))
        async with party(hub.address, "#ops", history=5) as ann:
            await ann.answered()
            ann.look_back(ann.talk.current)
            ann.look_back(ann.talk.current)  # it is being asked for already
            await until_whole(ann, 5 + CHAT_PAGE_MESSAGES)
            assert [words for words in hub.said if words.get("before")] == [
                {"room": "#ops", "before": 3 * CHAT_PAGE_MESSAGES - 4, "limit": CHAT_PAGE_MESSAGES}
            ]


@pytest.mark.parametrize("line", ["", "   "])
async def test_nothing_is_nothing(line: str) -> None:
    async with little_hub() as hub, party(hub.address, "#ops") as ann:
        assert ann.typed(line) is None
