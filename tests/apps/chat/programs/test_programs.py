"""The door for programs, called by real channels. What each command does is in the vectors (test_chat_vectors.py)."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversing import USERS, Object, Party, Talker, party
from rooming import hub_of
from tincans.apps.chat.callers import Caller
from tincans.apps.chat.history import MemoryHistory, Messages
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.pace import Pace
from tincans.apps.chat.programs import attend
from tincans.channel import Channel
from tincans.errors import ChannelBroken, EndOfStream
from tincans.limits import (
    CHAT_CLIENT_BYTES,
    CHAT_HISTORY_MESSAGES,
    CHAT_LINE_BYTES,
    CHAT_NONSENSE,
    CHAT_PING_SECONDS,
    CHAT_PONG_SECONDS,
    CHAT_TEXT_BYTES,
    LOGIN_ATTEMPTS,
)
from tincans.tasks import spawn
from tincans.testing import memory_pair

BOTH = pytest.mark.parametrize("scheme", ["tcp", "ws"])


def padded(size: int, end: str = "") -> str:
    """A ping in a line of so many bytes."""
    line = '{"do": "ping", "label": "long", "more": "%s"}'
    return line % ("x" * (size - len(line) + 2)) + end


# ── lines and objects ─────────────────────────────────────────────────────────────────────────────────────


@BOTH
async def test_a_line_has_as_many_bytes_as_it_may(scheme: str) -> None:
    async with party() as there:
        ann = await there.program("ann", scheme=scheme)
        await ann.type(padded(CHAT_LINE_BYTES, "\n" if scheme == "tcp" else ""))
        assert await ann.told() == {"on": "pong", "label": "long"}


async def test_one_byte_more_is_the_end() -> None:
    async with party() as there:
        ann, bob = await there.program("ann", "#ops"), await there.program("bob", "#ops")
        await bob.type(padded(CHAT_LINE_BYTES + 1, "\n"))
        error, bye = [json.loads(line) for line in await bob.rest()]
        assert (error["code"], bye["on"]) == ("too-long", "bye")
        assert (await ann.told("quit"))["who"]["nick"] == "bob"


async def test_one_byte_more_is_the_end_of_a_websocket_in_its_own_words() -> None:
    async with party() as there:
        ann, bob = await there.program("ann", "#ops"), await there.program("bob", "#ops", scheme="ws")
        await bob.type(padded(CHAT_LINE_BYTES + 1))
        with pytest.raises(ChannelBroken, match="1009"):
            await bob.told()
        assert (await ann.told("quit"))["who"]["nick"] == "bob"


@BOTH
async def test_many_lines_that_are_no_commands_are_the_end(scheme: str) -> None:
    async with party() as there:
        ann = await there.program("ann", scheme=scheme)
        for _ in range(CHAT_NONSENSE - 1):
            await ann.type("{no\n")
        assert (await ann.ask("ping"))["on"] == "pong"  # and they are counted from the beginning again
        for _ in range(CHAT_NONSENSE):
            await ann.type("{no\n")
        told = [json.loads(line) for line in await ann.rest()]
        assert [each["on"] for each in told] == ["error"] * CHAT_NONSENSE + ["bye"]
        assert told[-1]["text"] == "not understood"


async def test_a_command_that_there_is_not_is_no_nonsense() -> None:
    async with party() as there:
        ann = await there.program("ann")
        for _ in range(CHAT_NONSENSE + 1):
            assert (await ann.ask("dance"))["code"] == "no-such-command"


async def test_over_a_websocket_an_object_is_a_message() -> None:
    async with party() as there:
        ann, bob = await there.program("ann", "#ops", scheme="ws"), await there.program("bob", "#ops")
        await ann.say(*({"do": "say", "room": "#ops", "text": text} for text in ("a\nb", "a\u2028b", "last")))
        assert [(await ann.told("message"))["text"] for _ in range(3)] == ["a\nb", "a\u2028b", "last"]
        assert [(await bob.told("message"))["text"] for _ in range(3)] == ["a\nb", "a\u2028b", "last"]


@BOTH
@pytest.mark.parametrize("text", [b'"\\ud800"', b'"\xff"', b"NaN", b"[" * 5000, b'"a\\u0000b"', b"{}", b"1e999"])
async def test_what_is_no_text_is_refused(scheme: str, text: bytes) -> None:
    async with party() as there:
        ann = await there.program("ann", "#ops", scheme=scheme)
        await ann.type(b'{"do": "say", "room": "#ops", "text": ' + text + b"}\n")
        assert (await ann.told("error"))["code"] == "not-understood"
        assert (await ann.ask("history", room="#ops"))["messages"] == []


async def test_a_burst_is_told_in_one_piece_and_in_order() -> None:
    async with party() as there:
        ann, bob = await there.program("ann", "#ops"), await there.program("bob", "#ops")
        await ann.say(*({"do": "say", "room": "#ops", "text": str(number)} for number in range(64)))
        data = await bob.channel.receive()
        while data.count(b'"on":"message"') < 1:
            data = await bob.channel.receive()
        texts = [json.loads(line)["text"] for line in data.splitlines()]
        assert texts == [str(number) for number in range(64)]


async def test_labels_come_back_in_order_with_whatever_they_are() -> None:
    labels = ["", "1", '"', "ü🥫", "x" * 1000, "\n"]
    async with party() as there:
        ann = await there.program("ann", "#ops")
        await ann.say(*({"do": "say", "room": "#ops", "text": "x", "label": label} for label in labels))
        assert [(await ann.told("message")).get("label", "") for _ in labels] == labels


# ── coming and going ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.callers.LOGIN_REST_SECONDS", 0)


@pytest.mark.usefixtures("_no_rest")
async def test_wrong_passwords_are_bounded() -> None:
    async with party(users=USERS, guests=True) as there:
        ann = await there.call()
        for attempt in range(LOGIN_ATTEMPTS - 1):
            answer = await ann.ask("hello", name="ann", password=f"wrong {attempt}")
            assert answer["code"] == "wrong-password"
        await ann.say({"do": "hello", "name": "ann", "password": "wrong"}, {"do": "hello"})
        assert [json.loads(line)["on"] for line in await ann.rest()] == ["error"]


@pytest.mark.usefixtures("_no_rest")
async def test_a_hub_for_users_lets_in_who_logs_in() -> None:
    async with party(users=USERS, guests=False) as there:
        ann = await there.call()
        assert (await ann.ask("rooms"))["code"] == "not-logged-in"
        assert (await ann.ask("hello", nick="eve"))["code"] == "not-logged-in"
        assert (await ann.ask("hello", name="nobody", password="lovelace"))["code"] == "wrong-password"
        assert (await ann.ask("login", name="ann", password="lovelace"))["on"] == "done"
        welcome = await ann.ask("hello")
        assert (welcome["nick"], welcome["account"]) == ("ann", "ann")


@pytest.mark.usefixtures("_no_rest")
async def test_nobody_logs_in_where_no_users_are() -> None:
    async with party() as there:
        ann = await there.call()
        assert (await ann.ask("hello", name="ann", password="lovelace"))["code"] == "wrong-password"
        assert (await ann.ask("hello", nick="ann"))["account"] == ""


async def test_a_second_hello_changes_nothing() -> None:
    async with party(users=USERS, guests=True) as there:
        ann = await there.program("eve")
        assert (await ann.ask("hello", name="ann", password="lovelace"))["code"] == "already"
        assert (await ann.ask("who", nick="eve"))["people"][0]["account"] == ""


async def test_who_does_not_say_who_they_are_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.callers.CHAT_REGISTER_SECONDS", 0.01)
    async with party() as there:
        ann = await there.call()
        await ann.type("{")
        assert await ann.told() == {"on": "bye", "text": "silent"}
        assert await ann.rest() == []


async def test_who_is_in_has_time() -> None:
    async with party() as there:
        await there.program("ann")
        ann = there.hub.find("ann")
        assert isinstance(ann, Caller)
        assert ann._patience.when() is None


async def test_a_program_that_is_silent_is_asked_and_then_let_go() -> None:
    async with party() as there:
        ann, bob = await there.program("ann"), await there.program("bob")
        now = asyncio.get_running_loop().time() + CHAT_PING_SECONDS + 1
        there.hub.sweep(now)
        for each in (ann, bob):
            assert await each.told() == {"on": "ping"}
        await ann.say({"do": "pong"})
        assert (await ann.ask("ping"))["on"] == "pong"
        there.hub.people["ann"].heard = now
        there.hub.sweep(now + CHAT_PONG_SECONDS)
        assert (await bob.told())["on"] == "bye"
        assert await bob.rest() == []
        assert (await ann.ask("ping"))["on"] == "pong"


async def test_a_program_calls_itself_something_short() -> None:
    async with party() as there:
        await (await there.call()).ask("hello", nick="ann", client="ü" * CHAT_CLIENT_BYTES)
        assert there.hub.people["ann"].client == "ü" * (CHAT_CLIENT_BYTES // 2)


async def test_a_hub_that_stops_says_so() -> None:
    async with party() as there:
        ann = await there.program("ann", "#ops")
        there.hub.retire()
        assert await ann.told() == {"on": "bye", "text": "the hub stops"}
        assert await ann.rest() == []


@pytest.mark.parametrize("said", ["{", "hel"])
async def test_a_hub_that_stops_says_so_to_who_is_no_member_yet(said: str) -> None:
    async with party() as there:
        ann, bob = await there.call(), await there.call()
        await ann.type(said)
        await bob.type(said)
        while len(there.hub.retiring) < 2:
            await asyncio.sleep(0)
        bob.channel.abort()
        while len(there.hub.retiring) > 1:
            await asyncio.sleep(0.001)
        there.hub.retire()
        assert "the hub stops" in (await ann.rest())[0]


async def test_a_ticket_is_that_of_the_program_for_as_long_as_it_is_there() -> None:
    async with party() as there:
        ann = await there.call()
        ticket = (await ann.ask("hello", nick="ann"))["ticket"]
        await ann.ask("join", room="#ops")
        there.hub.say(there.hub.tickets[ticket], "#ops", "by another door")
        assert (await ann.told("message"))["text"] == "by another door"
        await ann.end()
        assert there.hub.tickets == {}


# ── who is slow, and who is not held up ───────────────────────────────────────────────────────────────────


async def fill(there: Party, count: int) -> Talker:
    """A room with so many long messages, and who said them."""
    ann = await there.program("ann", "#ops")
    for number in range(count):
        await ann.say({"do": "say", "room": "#ops", "text": f"{number:05}" + "x" * (CHAT_TEXT_BYTES - 5)})
        await ann.told("message")
    return ann


async def test_who_does_not_read_is_dropped_with_a_word_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.outbox.CHAT_BACKLOG_BYTES", 64 * 1024)
    async with party() as there:
        slow = await there.program("slow", "#ops")
        ann = await there.program("ann", "#ops")
        count = 0
        while "slow" in there.hub.people:
            await ann.say({"do": "say", "room": "#ops", "text": "x" * CHAT_TEXT_BYTES})
            await ann.told("message")
            count += 1
        assert (await ann.told("quit"))["text"] == "too slow"
        told = [json.loads(line) for line in await slow.rest()]
        assert told[-1] == {"on": "bye", "text": "too slow"}
        numbers = [each["number"] for each in told if each["on"] == "message"]
        assert numbers == list(range(1, len(numbers) + 1))
        assert 0 < len(numbers) <= count


async def test_long_answers_are_taken_before_more_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than may wait for anybody is asked for in one write, and nobody is dropped for it."""
    monkeypatch.setattr("tincans.apps.chat.outbox.CHAT_BACKLOG_BYTES", 64 * 1024)
    async with party() as there:
        await fill(there, 30)
        bob = await there.program("bob", "#ops")
        asked: list[Object] = [
            {"do": "history", "room": "#ops", "label": "h"},
            {"do": "join", "room": "#ops", "history": 30},
        ]
        await bob.say(*asked * 20, {"do": "ping", "label": "last"})
        histories = 0
        while (told := await bob.told())["on"] != "pong":
            if told["on"] == "history":
                histories += 1
                assert len(told["messages"]) == 30
        assert histories == 40


async def test_who_asks_for_what_takes_time_waits_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    going_on = asyncio.Event()

    async def read(self: MemoryHistory, room: str, **_: int) -> Messages:
        await going_on.wait()
        return self.recent(room, 10)

    monkeypatch.setattr(MemoryHistory, "read", read)
    async with party() as there:
        ann, bob = await there.program("ann", "#ops"), await there.program("bob", "#ops")
        await ann.say(
            {"do": "history", "room": "#ops", "label": "1"}, {"do": "say", "room": "#ops", "text": "x", "label": "2"}
        )
        assert (await bob.ask("say", room="#ops", text="meanwhile"))["number"] == 1
        assert (await ann.told("message"))["from"] == "bob"
        going_on.set()
        assert [(await ann.told())["label"] for _ in range(2)] == ["1", "2"]


async def test_a_history_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Messages:
        raise OSError(5, "Input/output error")

    async with party() as there:
        ann = await there.program("ann", "#ops")
        monkeypatch.setattr(MemoryHistory, "read", fail)
        monkeypatch.setattr(MemoryHistory, "recent", fail)
        for do, fields in (("history", {}), ("join", {"history": 1}), ("say", {"text": "x", "id": "x" * 16})):
            answer = await ann.ask(do, room="#ops", **fields)
            assert answer["code"] == "disk", do
        assert (await ann.ask("ping"))["on"] == "pong"


async def test_it_is_told_that_older_ones_were_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unsearched(_: MemoryHistory) -> int:
        return 7

    async with party() as there:
        ann = await there.program("ann", "#ops")
        assert "unsearched" not in await ann.ask("search", text="tin")
        monkeypatch.setattr(MemoryHistory, "unsearched", unsearched)
        assert (await ann.ask("search", text="tin"))["unsearched"] == 7


async def test_a_page_of_history_has_as_many_as_it_may() -> None:
    async with party() as there:
        ann = await there.program("ann", "#ops")
        await ann.say(*({"do": "say", "room": "#ops", "text": "tin"} for _ in range(CHAT_HISTORY_MESSAGES + 1)))
        await ann.ask("ping")
        for limit in (CHAT_HISTORY_MESSAGES, CHAT_HISTORY_MESSAGES + 1):
            for do, words in (("search", {"text": "tin"}), ("history", {"room": "#ops"})):
                page = await ann.ask(do, limit=limit, **words)
                assert len(page["messages"]) == CHAT_HISTORY_MESSAGES
            await ann.say({"do": "join", "room": "#ops", "history": limit})
            assert len((await ann.told("history"))["messages"]) == CHAT_HISTORY_MESSAGES


async def test_who_is_too_quick_is_slowed_down_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    waits, step = [], Pace.step

    def noted(self: Pace, now: float) -> float:
        waits.append(step(self, now))
        return waits[-1]

    monkeypatch.setattr("tincans.apps.chat.pace.CHAT_BURST", 10)
    monkeypatch.setattr(Pace, "step", noted)
    async with party(flood=250) as there:
        ann = await there.program("ann", "#ops")
        await ann.say(*({"do": "say", "room": "#ops", "text": str(number)} for number in range(30)))
        assert [(await ann.told("message"))["text"] for _ in range(30)] == [str(number) for number in range(30)]
    assert max(waits[:10]) < 0.001 < max(waits)
    assert len(waits) == 32


async def test_somebody_who_is_lost_has_left() -> None:
    async with party() as there:
        ann, bob = await there.program("ann", "#ops"), await there.program("bob", "#ops")
        bob.channel.abort()
        assert (await ann.told("quit"))["who"]["nick"] == "bob"
        assert "bob" not in there.hub.people
        assert len(there.hub.tickets) == 1


# ── anything ──────────────────────────────────────────────────────────────────────────────────────────────

_NAMES = st.sampled_from(["hello", "join", "say", "act", "history", "search", "who", "mode", "kick", "away", "login"])
_VALUES: st.SearchStrategy[object] = st.sampled_from(
    ["#ops", "ann", "", "x\ny", "+o ann", "\x00", 7, None, True, -1, 10**30, ["a"], {}]
)
_FIELDS = st.sampled_from(["room", "text", "nick", "to", "limit", "before", "after", "modes", "id", "again", "label"])
_LINES = st.binary(max_size=60) | st.builds(
    lambda do, fields: json.dumps({**fields, "do": do}).encode(), _NAMES, st.dictionaries(_FIELDS, _VALUES, max_size=5)
)


@given(st.lists(_LINES, max_size=12))
def test_whatever_is_said_nothing_breaks_and_others_go_on(lines: list[bytes]) -> None:
    asyncio.run(_say_anything(lines))


async def _say_anything(lines: list[bytes]) -> None:
    async with hub_of() as hub:
        ours, theirs = memory_pair()
        attending = spawn(_attend(hub, ours))
        talker = Talker(theirs)
        await talker.type(b"\n".join([b'{"do": "join", "room": "#ops"}', *lines]))
        await theirs.send_eof()
        told = [json.loads(line) for line in await talker.rest()]
        assert told[0]["on"] == "welcome"
        await attending
        assert hub.people == hub.tickets == {}


async def _attend(hub: Hub, channel: Channel) -> None:
    async with channel:
        await attend(hub, channel, b"")


async def test_the_end_is_heard_by_who_waits_for_it() -> None:
    async with party() as there:
        ann = await there.program("ann")
        assert (await ann.ask("quit", text="done"))["on"] == "bye"
        with pytest.raises(EndOfStream):
            await ann.line()
