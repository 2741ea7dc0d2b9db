"""CHATHISTORY (https://ircv3.net/specs/extensions/chathistory), on a history in memory and on one in a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ircing import House, IrcClient, chat, messages
from rooming import USERS, changes
from tincans.apps.chat.events import Message
from tincans.apps.chat.history import History, MemoryHistory, open_history
from tincans.apps.chat.irc.forms import stamp
from tincans.limits import CHAT_HISTORY_MESSAGES

CAPS = "batch draft/chathistory message-tags server-time"

#: A millisecond after the other, from a whole one on.
SECOND = 1_800_000_000 * 10**9
STEP = 10**6


@asynccontextmanager
async def told(history: History, count: int) -> AsyncIterator[tuple[House, IrcClient, list[Message]]]:
    """A room in which so many numbers were said, a millisecond after each other, among those of another room."""
    async with chat(history=history) as house:
        ann = await house.enter("ann", "#tea", caps=CAPS)
        await house.enter("bob", "#other")
        said = []
        for number in range(count):
            at = SECOND + number * STEP + 123
            said.append(house.hub.say(house.hub.find("ann"), "#tea", str(number), at=at))
            house.hub.say(house.hub.find("bob"), "#other", "elsewhere", at=at)
        yield house, ann, said


async def asked(client: IrcClient, command: str) -> list[str]:
    """The texts that a CHATHISTORY is answered with."""
    begin, *inside, end = messages(await client.says(f"CHATHISTORY {command}"))
    batch = begin.parameters[0][1:]
    assert (begin.verb, begin.parameters[1:]) == ("BATCH", ("chathistory", "#tea"))
    assert (end.verb, end.parameters) == ("BATCH", (f"-{batch}",))
    assert all(message.tags["batch"] == batch for message in inside)
    return [message.parameters[1] for message in inside]


def at(number: int) -> str:
    return f"timestamp={stamp(SECOND + number * STEP)}"


@pytest.fixture(params=["memory", "folder"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> History:
    return MemoryHistory() if request.param == "memory" else open_history(str(tmp_path / "rooms"))


async def test_every_way_of_asking(history: History) -> None:
    async with told(history, 10) as (_, ann, said):
        first, fifth, last = (f"msgid={said[number].id}" for number in (0, 5, 9))
        for command, found in [
            ("LATEST #tea * 3", "789"),
            ("latest #TEA * 100", "0123456789"),
            (f"LATEST #tea {fifth} 100", "6789"),
            (f"LATEST #tea {fifth} 2", "89"),
            (f"LATEST #tea {at(5)} 2", "89"),
            (f"LATEST #tea {last} 2", ""),
            (f"BEFORE #tea {fifth} 3", "234"),
            (f"BEFORE #tea {at(5)} 3", "234"),
            (f"BEFORE #tea {first} 3", ""),
            (f"BEFORE #tea {at(-1)} 3", ""),
            (f"BEFORE #tea {at(100)} 3", "789"),
            (f"AFTER #tea {fifth} 3", "678"),
            (f"AFTER #tea {at(5)} 3", "678"),
            (f"AFTER #tea {at(-1)} 3", "012"),
            (f"AFTER #tea {last} 3", ""),
            (f"AROUND #tea {fifth} 5", "34567"),
            (f"AROUND #tea {fifth} 4", "4567"),
            (f"AROUND #tea {fifth} 1", "5"),
            (f"AROUND #tea {first} 4", "0123"),
            (f"AROUND #tea {at(5)} 5", "34567"),
            (f"BETWEEN #tea {first} {fifth} 9", "1234"),
            (f"BETWEEN #tea {first} {fifth} 2", "12"),
            (f"BETWEEN #tea {fifth} {first} 9", "1234"),
            (f"BETWEEN #tea {fifth} {first} 2", "34"),
            (f"BETWEEN #tea {at(0)} {at(5)} 2", "12"),
            (f"BETWEEN #tea {at(-1)} {fifth} 2", "01"),
            (f"BETWEEN #tea {fifth} {at(-1)} 9", "01234"),
            (f"BETWEEN #tea {fifth} {fifth} 9", ""),
        ]:
            assert "".join(await asked(ann, command)) == found, command


async def test_what_was_said_in_one_millisecond_is_one_place(history: History) -> None:
    """So a client that goes on from a time it was told misses nothing that it was not told, and is told nothing twice,
    but for what else was said in that millisecond."""
    async with chat(history=history) as house:
        ann = await house.enter("ann", "#tea", caps=CAPS)
        me = house.hub.find("ann")
        for number, when in enumerate((-1, 0, 999_999, 1_000_000)):
            house.hub.say(me, "#tea", str(number), at=SECOND + when)
        assert await asked(ann, f"BEFORE #tea {at(0)} 9") == ["0"]
        assert await asked(ann, f"AFTER #tea {at(0)} 9") == ["3"]


async def test_a_message_is_as_it_was(history: History) -> None:
    async with chat(history=history, users=USERS) as house:
        ann = await house.enter("ann", "#tea", caps=f"{CAPS} account-tag echo-message", login="ann:ann")
        echo = messages(await ann.says("PRIVMSG #tea :\x01ACTION waves\x01", "NOTICE #tea :hi"))
        _, *inside, _ = messages(await ann.says("CHATHISTORY LATEST #tea * 9"))
        for one, other in zip(echo, inside, strict=True):
            assert other.tags.pop("batch")
            assert (one.source, one.verb, one.parameters, one.tags) == (
                other.source, other.verb, other.parameters, other.tags
            )  # fmt: skip


async def test_who_knows_no_batches_is_told_without() -> None:
    async with told(MemoryHistory(), 2) as (_, ann, _said):
        await ann.says("CAP REQ :-batch -message-tags -server-time")
        assert await ann.says("CHATHISTORY LATEST #tea * 9") == [
            ":ann!ann@localhost PRIVMSG #tea :0", ":ann!ann@localhost PRIVMSG #tea :1"
        ]  # fmt: skip


async def test_no_more_are_told_than_may_be_asked_for() -> None:
    async with told(MemoryHistory(), CHAT_HISTORY_MESSAGES + 1) as (_, ann, _said):
        assert len(await asked(ann, f"LATEST #tea * {CHAT_HISTORY_MESSAGES + 1}")) == CHAT_HISTORY_MESSAGES


async def test_between_two_nothing_is_kept() -> None:
    async with told(MemoryHistory(), 1) as (_, ann, _said):
        begin, end = messages(await ann.says("CHATHISTORY LATEST bob * 9"))
        assert (begin.parameters[1:], end.verb) == (("chathistory", "bob"), "BATCH")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("NEWEST #tea * 1", "INVALID_PARAMS NEWEST :there is no such subcommand"),
        ("LATEST #tea *", "INVALID_PARAMS LATEST :3 parameters are needed behind the subcommand"),
        ("LATEST #tea * 1 2", "INVALID_PARAMS LATEST :only 3 parameters are needed behind the subcommand"),
        ("BETWEEN #tea * 1", "INVALID_PARAMS BETWEEN :4 parameters are needed behind the subcommand"),
        ("LATEST #tea * 0", "INVALID_PARAMS LATEST 0 :the last parameter is how many messages at most"),
        ("LATEST #tea * -1", "INVALID_PARAMS LATEST -1 :the last parameter is how many messages at most"),
        ("LATEST #tea * ٣", "INVALID_PARAMS LATEST ٣ :the last parameter is how many messages at most"),
        ("LATEST #tea * :", "INVALID_PARAMS LATEST * :the last parameter is how many messages at most"),
        ("LATEST #none * 1", "INVALID_TARGET LATEST #none :there is no room #none"),
        ("LATEST #other * 1", "INVALID_TARGET LATEST #other :you are not in #other"),
        ("LATEST none * 1", "INVALID_TARGET LATEST none :nobody is called none"),
        ("BEFORE #tea * 1", "INVALID_MSGREFTYPE BEFORE #tea * :a place is timestamp=… or msgid=…"),
        ("BEFORE #tea number=1 1", "INVALID_MSGREFTYPE BEFORE #tea number=1 :a place is timestamp=… or msgid=…"),
        ("BEFORE #tea msgid=none 1", "MESSAGE_ERROR BEFORE #tea msgid=none :there is no such message here"),
        ("BEFORE #tea msgid= 1", "MESSAGE_ERROR BEFORE #tea msgid= :there is no such message here"),
        ("BEFORE #tea timestamp=now 1", "INVALID_PARAMS BEFORE now :a time is YYYY-MM-DDThh:mm:ss.sssZ"),
        ("BEFORE #tea timestamp=2026-13-01T00:00:00.000Z 1",
         "INVALID_PARAMS BEFORE 2026-13-01T00:00:00.000Z :a time is YYYY-MM-DDThh:mm:ss.sssZ"),
        ("TARGETS * * 1", "INVALID_PARAMS TARGETS * :a time is YYYY-MM-DDThh:mm:ss.sssZ"),
        ("TARGETS", "INVALID_PARAMS TARGETS :3 parameters are needed behind the subcommand"),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked(said: str, answer: str) -> None:
    async with told(MemoryHistory(), 1) as (_, ann, _said):
        await ann.says("CAP REQ -server-time")
        assert await ann.says(f"CHATHISTORY {said}") == [f":tincans FAIL CHATHISTORY {answer}"]


async def test_a_message_of_another_room_is_no_place_here(history: History) -> None:
    async with told(history, 2) as (house, ann, _):
        other = house.hub.history.recent("#other", 1)[0]
        (fault,) = messages(await ann.says(f"CHATHISTORY BEFORE #tea msgid={other.id} 1"))
        assert fault.parameters[1] == "MESSAGE_ERROR"


async def test_a_secret_room_is_not_there_for_others_and_an_operator_of_the_hub_reads_all() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        eve = await house.enter("eve", "#tea", caps="batch")
        await eve.says("PRIVMSG #tea :hi")
        house.hub.set_modes(None, "#tea", changes("+s"))
        guest, root = await house.enter("guest", caps="batch"), await house.enter("root", login="root:root")
        (fault,) = messages(await guest.says("CHATHISTORY LATEST #tea * 1"))
        assert fault.parameters[-1] == "there is no room #tea"
        assert await root.says("CHATHISTORY LATEST #tea * 1") == [":eve!eve@localhost PRIVMSG #tea :hi"]


async def test_where_there_is_anything_new() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#one", "#two", "#three", caps=CAPS)
        await house.enter("bob", "#other")
        for number, room in enumerate(("#one", "#two", "#one")):
            house.hub.say(house.hub.find("ann"), room, "x", at=SECOND + number * STEP)
        house.hub.say(house.hub.find("bob"), "#other", "x", at=SECOND)

        async def targets(one: int, other: int, limit: int) -> list[tuple[str, ...]]:
            begin, *inside, _ = messages(await ann.says(f"CHATHISTORY TARGETS {at(one)} {at(other)} {limit}"))
            assert begin.parameters[1:] == ("draft/chathistory-targets",)
            return [message.parameters[1:] for message in inside]

        assert await targets(-1, 9, 9) == [("#two", stamp(SECOND + STEP)), ("#one", stamp(SECOND + 2 * STEP))]
        assert await targets(9, -1, 9) == [("#one", stamp(SECOND + 2 * STEP)), ("#two", stamp(SECOND + STEP))]
        assert await targets(-1, 9, 1) == [("#two", stamp(SECOND + STEP))]
        assert await targets(1, 9, 9) == [("#one", stamp(SECOND + 2 * STEP))]
        assert await targets(-1, 2, 9) == [("#two", stamp(SECOND + STEP))]


async def test_what_follows_is_acted_upon_behind_the_answer(history: History) -> None:
    async with told(history, 1) as (_, ann, _said):
        heard = messages(await ann.says("CHATHISTORY LATEST #tea * 9", "PING x"))
        assert [message.verb for message in heard] == ["BATCH", "PRIVMSG", "BATCH", "PONG"]


async def test_a_disk_that_cannot_be_read_is_said() -> None:
    class Broken(MemoryHistory):
        async def read(self, room: str, *, after: int = 0, before: int = 0, limit: int = 50) -> list[Message]:
            raise OSError(5, "Input/output error")

    async with chat(history=Broken()) as house:
        ann = await house.enter("ann", "#tea", caps="batch")
        assert await ann.says("CHATHISTORY LATEST #tea * 1") == [
            ":tincans FAIL CHATHISTORY MESSAGE_ERROR LATEST #tea :the history cannot be read: Input/output error"
        ]
