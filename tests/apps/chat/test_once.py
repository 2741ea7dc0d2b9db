"""Messages under names of their programs' own: said once, also when the hub was there anew in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from conversing import Party, party
from remembering import say
from tincans.apps.chat.history import MemoryHistory
from tincans.apps.chat.once import Once, msgid_of
from tincans.limits import CHAT_ID_CHARACTERS, CHAT_ID_CHARACTERS_MOST, CHAT_RECENT_MESSAGES

NAME = "the name of a message"


def test_a_name_is_one_messages_in_one_room() -> None:
    assert msgid_of("#ops", NAME) == msgid_of("#OPS", NAME)
    assert len({msgid_of("#ops", NAME), msgid_of("#dev", NAME), msgid_of("#ops", NAME.upper())}) == 3
    assert NAME not in msgid_of("#ops", NAME)


async def test_what_was_said_last_is_known_at_once_and_all_else_is_looked_up() -> None:
    history = MemoryHistory()
    messages = say(history, *(f"line {number}" for number in range(20)))
    once = Once(history)
    assert once.find("#Ops", messages[0].id) == messages[0]
    assert once.find("#ops", "another") is None
    later = say(history, "later")[0]
    assert once.find("#ops", later.id) is None
    assert await once.look_up("#OPS", later.id) == once.find("#ops", later.id) == later
    assert await once.look_up("#ops", "another") is None


def test_the_names_that_are_known_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.once.CHAT_ONCE_MESSAGES", 5)
    once, messages = Once(MemoryHistory()), say(MemoryHistory(), *map(str, range(6)))
    for message in messages[:5]:
        once.note(message)
    assert once.find("#ops", messages[0].id) == messages[0]
    once.note(messages[5])
    assert once.find("#ops", messages[0].id) is None
    assert once.find("#ops", messages[1].id) == messages[1]


async def say_it(there: Party, **fields: object) -> dict[str, object]:
    ann = await there.program("Ann", "#ops")
    answer = await ann.ask("say", room="#ops", text="deploy done", **fields)
    await ann.end()
    return answer


async def test_it_is_there_once_though_the_hub_began_anew_and_much_was_said_since(tmp_path: Path) -> None:
    async with party(rooms=str(tmp_path / "rooms")) as there:
        first = await say_it(there, id=NAME)
        bob = await there.program("bob", "#ops")
        for number in range(CHAT_RECENT_MESSAGES - 1):
            await bob.say({"do": "say", "room": "#ops", "text": str(number)})
        await bob.ask("ping")
    async with party(rooms=str(tmp_path / "rooms")) as there:
        known = await say_it(there, id=NAME)  # the last of those that are known without `again`
        await (await there.program("bob", "#ops")).ask("say", room="#ops", text="one more")
    async with party(rooms=str(tmp_path / "rooms")) as there:
        looked_up = await say_it(there, id=NAME, again=True)
        ann = await there.program("ann", "#ops")
        page = await ann.ask("history", room="#ops", after=0, limit=1)
    assert first["number"] == 1
    for answer in (known, looked_up, page["messages"][0]):
        assert {**answer, "label": ""} == {**first, "label": ""}


async def test_without_again_only_what_was_said_last_is_known(tmp_path: Path) -> None:
    async with party(rooms=str(tmp_path / "rooms")) as there:
        await say_it(there, id=NAME)
        bob = await there.program("bob", "#ops")
        await bob.say(*({"do": "say", "room": "#ops", "text": str(number)} for number in range(CHAT_RECENT_MESSAGES)))
        await bob.ask("ping")
    async with party(rooms=str(tmp_path / "rooms")) as there:
        assert (await say_it(there, id=NAME))["number"] == CHAT_RECENT_MESSAGES + 2


async def test_who_may_not_speak_is_not_told_what_was_said() -> None:
    async with party() as there:
        await say_it(there, id=NAME)
        ann, bob = await there.program("ann", "#ops"), await there.program("bob")
        for again in (False, True):
            answer = await bob.ask("say", room="#ops", text="x", id=NAME, again=again)
            assert answer["code"] == "not-in-room"
        assert (await ann.ask("say", room="#ops", text="x", id=NAME))["number"] == 1


async def test_many_at_once_are_kept_in_their_order_each_once() -> None:
    async with party() as there:
        ann = await there.program("ann", "#ops")
        some = [
            {"do": "say", "room": "#ops", "text": str(at), "id": f"{NAME} {at}", "label": str(at)} for at in range(9)
        ]
        again = [{**each, "again": True} for each in some[4:]]
        await ann.say(*some[:7], *again, *some)
        answers = [await ann.told() for _ in range(7 + 5 + 9)]
    assert [answer["label"] for answer in answers] == [*map(str, [*range(7), *range(4, 9), *range(9)])]
    assert {answer["text"]: answer["number"] for answer in answers} == {str(at): at + 1 for at in range(9)}


async def test_a_name_has_as_many_characters_as_it_may() -> None:
    async with party() as there:
        ann = await there.program("ann", "#ops")
        for count in (CHAT_ID_CHARACTERS, CHAT_ID_CHARACTERS_MOST):
            assert (await ann.ask("say", room="#ops", text="x", id="ü" * count))["on"] == "message"
        for count in (CHAT_ID_CHARACTERS - 1, CHAT_ID_CHARACTERS_MOST + 1):
            assert (await ann.ask("say", room="#ops", text="x", id="ü" * count))["code"] == "bad-id"
