"""The door for plain lines, called by real channels. What commands say is in the vectors (test_chat_vectors.py)."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversing import USERS, Party, Talker, party
from rooming import hub_of
from tincans.apps.chat.events import File, Message, Who
from tincans.apps.chat.history import MemoryHistory, Messages
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.names import NICK_RULE, is_nick
from tincans.apps.chat.outbox import Outbox
from tincans.apps.chat.plain import attend
from tincans.apps.chat.plain.words import clock, plain
from tincans.channel import Channel
from tincans.errors import EndOfStream
from tincans.limits import (
    CHAT_GREETING_MESSAGES,
    CHAT_HISTORY_MESSAGES,
    CHAT_LINE_BYTES,
    CHAT_PING_SECONDS,
    CHAT_PONG_SECONDS,
    CHAT_TEXT_BYTES,
    LOGIN_ATTEMPTS,
)
from tincans.tasks import spawn
from tincans.testing import memory_pair


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits is not waited for."""
    for module in ("doors", "plain"):
        monkeypatch.setattr(f"tincans.apps.chat.{module}.CHAT_DOOR_SECONDS", 0.01)


async def talk(there: Party, *lines: str | bytes) -> list[str]:
    """What somebody is told who says these lines and ends."""
    talker = await there.call()
    for line in lines:
        await talker.type(line)
    return await talker.end()


# ── coming in ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("_soon")
async def test_who_waits_is_greeted_in_the_lobby() -> None:
    async with party() as there:
        ann = await there.call()
        assert (await ann.line()).startswith("- welcome to tincans, guest: ")
        assert await ann.line() == "- you are in #lobby, alone"
        zoe = await there.call()
        await zoe.line()
        assert await zoe.line() == "- you are in #lobby, with 1 other"
        assert await ann.line() == "- guest1 is here now"
        await zoe.type("hello\n")
        assert await ann.line() == "guest1: hello"


@pytest.mark.usefixtures("_soon")
async def test_who_only_took_a_name_is_in_the_lobby_a_little_later() -> None:
    async with party() as there:
        ann = await there.call()
        await ann.type("/nick ann\n")
        assert (await ann.line()).startswith("- welcome to tincans, ann: ")
        assert await ann.line() == "- you are in #lobby, alone"


async def test_the_first_word_is_said_in_the_lobby() -> None:
    async with party() as there:
        bob = await there.program("bob", "#lobby")
        told = await talk(there, "hello\n")
        assert told[1] == "- you are in #lobby, with 1 other"
        assert (await bob.told("message"))["text"] == "hello"


async def test_a_script_that_chooses_a_room_was_never_in_the_lobby() -> None:
    async with party() as there:
        await talk(there, "/nick deployer\n/join ops\ndone\n")
        assert there.hub.rooms.keys() == {"#ops"}


async def test_what_was_said_before_is_shown_to_who_comes() -> None:
    async with party() as there:
        bob = await there.program("bob", "#lobby")
        for number in range(CHAT_GREETING_MESSAGES + 1):
            await bob.ask("say", room="#lobby", text=str(number))
        _, _, *before = await talk(there, "hello\n")
        assert [re.sub(r"^\d\d:\d\d ", "", line) for line in before] == [
            f"bob: {number}" for number in range(1, CHAT_GREETING_MESSAGES + 1)
        ]


@pytest.mark.usefixtures("_soon")
async def test_who_waits_where_one_has_to_log_in_is_told_once() -> None:
    async with party(users=USERS, guests=False) as there:
        ann = await there.call()
        assert await ann.line() == "- this hub is for those who log in"
        assert await ann.line() == "- /help says what there is"
        await asyncio.sleep(0.02)
        await ann.type("/login ann lovelace\n")
        assert await ann.line() == "- you are logged in as ann"


async def test_long_answers_are_taken_before_more_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    most, put = 0, Outbox.put

    def measured(self: Outbox, data: bytes) -> None:
        nonlocal most
        put(self, data)
        most = max(most, sum(map(len, self._parts)))

    monkeypatch.setattr(Outbox, "put", measured)
    async with party() as there:
        ann = await there.person("ann", "#ops")
        await ann.type("/help\n" * 1000)
        answer = [await ann.line()]
        while (line := await ann.line()) != answer[0]:
            answer.append(line)
        for _ in range(999 * len(answer) - 1):
            await ann.line()
    assert most <= 2 * len("\n".join(answer))


async def test_who_ends_was_told_everything_and_what_they_said_is_kept() -> None:
    async with party() as there:
        bob = await there.program("bob", "#lobby")
        told = await talk(there, "one\r\ntwo\n/history\nthree")
        assert [line.partition(": ")[2] for line in told[-2:]] == ["one", "two"]
        assert [(await bob.told("message"))["text"] for _ in range(3)] == ["one", "two", "three"]
        assert (await bob.told("quit"))["text"] == ""


async def test_what_people_of_irc_type_is_known() -> None:
    async with party() as there:
        told = await talk(there, "/nick bob\n/j #ops\n/names\n/WHOIS bob\n/list\n/query eve psst\n/leave\n/exit\n")
        assert told[1:] == [
            "- you are in #ops, alone", "- in #ops: @bob", "- bob is in #ops", "- #ops, 1 here",
            "- nobody is called eve", "- bob has left", "- goodbye",
        ]  # fmt: skip


async def test_a_name_that_somebody_has_is_refused_in_a_sentence() -> None:
    async with party() as there:
        await there.program("ann", "#lobby")
        told = await talk(there, "/nick Ann\n/nick 7\nhello\n")
        assert told[:2] == ["- somebody is called Ann already", f"- nobody can be called '7': {NICK_RULE}"]
        assert told[2].startswith("- welcome to tincans, guest: ")


async def test_a_hub_for_users_lets_in_who_logs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.callers.LOGIN_REST_SECONDS", 0)
    async with party(users=USERS, guests=False) as there:
        told = await talk(there, "hello\n/rooms\n/login ann wrong\n/login\n/login ann lovelace\nhello\n/who ann\n")
        assert told[:4] == [
            "- this hub is for those who log in", "- this hub is for those who log in",
            "- the name or the password is wrong", "- it is written so: /login NAME PASSWORD",
        ]  # fmt: skip
        assert told[4] == "- you are logged in as ann"
        assert told[5].startswith("- welcome to tincans, ann: ")
        assert told[6:] == ["- you are in #lobby, alone", "- ann is in #lobby, logged in as ann"]


async def test_wrong_passwords_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.callers.LOGIN_REST_SECONDS", 0)
    async with party(users=USERS) as there:
        talker = await there.call()
        await talker.type("/login ann wrong\n" * LOGIN_ATTEMPTS + "hello\n")
        assert await talker.rest() == ["- the name or the password is wrong"] * LOGIN_ATTEMPTS
        assert there.hub.rooms == {}


# ── lines ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_line_and_a_text_have_as_many_bytes_as_they_may() -> None:
    async with party() as there:
        bob = await there.program("bob", "#lobby")
        ann = await there.person("ann", "#lobby")
        await ann.type("x" * CHAT_TEXT_BYTES + "\n" + "x" * (CHAT_TEXT_BYTES + 1) + "\n")
        assert len((await bob.told("message"))["text"]) == CHAT_TEXT_BYTES
        assert await ann.line() == f"- at most {CHAT_TEXT_BYTES} bytes can be said at once: send a file"
        await ann.type("x" * CHAT_LINE_BYTES + "\n")
        assert "at once" in await ann.line()
        await ann.type("x" * (CHAT_LINE_BYTES + 1) + "\nnever heard\n")
        assert await ann.rest() == [f"- goodbye: a line has at most {CHAT_LINE_BYTES} bytes"]
        assert (await bob.told("quit"))["who"]["nick"] == "ann"


TELNET = [
    b"\xff\xfb\x18\xff\xfd\x01hello\r\n",  # WILL, DO
    b"\xff\xfa\x18\x00xterm\xff\xf0hello\r\0\n",  # a subnegotiation; a CR that is none
    b"hel\xff\xf4\xff\xfd\x06lo\r\n",  # Ctrl-C: IP, DO TIMING-MARK
]


@pytest.mark.parametrize("said", TELNET)
async def test_what_telnet_says_of_itself_is_skipped(said: bytes) -> None:
    async with party() as there:
        bob = await there.program("bob", "#lobby")
        await talk(there, said)
        assert (await bob.told("message"))["text"] == "hello"


@pytest.mark.parametrize("said", [b"\x1b[A", b"hel\x08lo", b"\x00\x01", b"a\x7f", b"a\x1bb"])
async def test_what_has_a_control_character_is_not_said(said: bytes) -> None:
    async with party() as there:
        bob = await there.program("bob", "#lobby")
        told = await talk(there, b"/join #lobby\n" + said + b"\nhello\t\xff\n")
        assert told[-1] == "- that has a key in it that is no text, and was not said"
        assert (await bob.told("message"))["text"] == "hello\t\ufffd"


async def test_blank_lines_say_nothing() -> None:
    async with party() as there:
        assert await talk(there, "\n  \n\r\n") == []
        assert there.hub.rooms == {}


async def test_one_s_own_words_are_not_said_back_but_all_else_is() -> None:
    async with party() as there:
        told = await talk(there, "/nick ann\n/join #ops\nhello\n/me waves\n/msg ann psst\n/nick anna\n/away lunch\n")
        assert told[2:] == ["- ann is called anna now", "- anna is away: lunch"]


# ── rooms ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_in_several_rooms_is_told_which() -> None:
    async with party() as there:
        bob = await there.program("bob", "#a", "#b")
        ann = await there.person("ann", "#a")
        await bob.ask("say", room="#a", text="one\ntwo")
        assert [await ann.line() for _ in range(2)] == ["bob: one", "bob: two"]
        await ann.type("/join #b\n")
        assert await ann.line() == "- you are in #b, with 1 other"
        await bob.ask("act", room="#a", text="waves")
        await bob.ask("topic", room="#b", text="tins")
        await bob.ask("say", to="ann", text="psst")
        told = [await ann.line() for _ in range(3)]
        assert told == ["#a * bob waves", "#b - bob has set the topic: tins", "bob to ann: psst"]
        await bob.ask("kick", room="#b", nick="ann")
        assert await ann.line() == "#b - bob has put ann out: bob"
        await ann.type("back in a\n")
        assert (await bob.told("message"))["room"] == "#a"
        await bob.ask("say", room="#a", text="one room again")
        assert await ann.line() == "bob: one room again"


async def test_who_was_put_out_of_the_only_room_is_in_none() -> None:
    async with party() as there:
        bob = await there.program("bob", "#lobby")
        ann = await there.person("ann", "#lobby")
        await bob.ask("kick", room="#lobby", nick="ann", text="out")
        await ann.type("hello\n/topic\n")
        assert await ann.line() == "- bob has put ann out: out"
        assert [await ann.line() for _ in range(2)] == ["- you are in no room: /join #ROOM"] * 2


async def test_history_has_as_many_as_are_asked_for() -> None:
    async with party() as there:
        bob = await there.program("bob", "#ops")
        await bob.say(*({"do": "say", "room": "#ops", "text": str(number)} for number in range(30)))
        await bob.ask("ping")
        ann = await there.person("ann")
        await ann.type("/join #ops\n")
        for _ in range(1 + CHAT_GREETING_MESSAGES):
            await ann.line()
        for asked, count in (("/history", 20), ("/history 3", 3), (f"/history {CHAT_HISTORY_MESSAGES}", 30)):
            await ann.type(f"{asked}\n")
            told = [await ann.line() for _ in range(count)]
            assert [line.rpartition(" ")[2] for line in told] == [str(number) for number in range(30 - count, 30)]
        for wrong in ("0", "-1", str(CHAT_HISTORY_MESSAGES + 1), "²", "9" * 5000):
            await ann.type(f"/history {wrong}\n")
            assert await ann.line() == f"- /history takes a number of messages, at most {CHAT_HISTORY_MESSAGES}"


async def test_what_is_searched_for_is_found_in_the_rooms_that_one_is_in() -> None:
    async with party() as there:
        bob = await there.program("bob", "#a", "#b", "#c")
        for room in ("#a", "#b", "#c"):
            await bob.ask("say", room=room, text=f"tin in {room}")
        told = await talk(there, "/join #a\n/join #b\n/search tin\n")
        assert [re.sub(r"\d\d:\d\d ", "", line) for line in told[-2:]] == [
            "#a bob: tin in #a", "#b bob: tin in #b"
        ]  # fmt: skip


async def test_it_is_said_that_older_ones_were_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    async with party() as there:
        ann = await there.person("ann", "#ops")
        monkeypatch.setattr(MemoryHistory, "unsearched", unsearched)
        await ann.type("/search tin\n")
        assert [await ann.line() for _ in range(2)] == [
            "- nothing that was said has that in it",
            "- older messages are still being indexed, and were not searched yet",
        ]


async def unsearched(_: MemoryHistory) -> int:
    """The index of this history is being made anew."""
    return 7


async def test_a_history_that_cannot_be_read_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Messages:
        raise OSError(5, "Input/output error")

    async with party() as there:
        ann = await there.person("ann", "#ops")
        monkeypatch.setattr(MemoryHistory, "read", fail)
        monkeypatch.setattr(MemoryHistory, "recent", fail)
        await ann.type("/history\n/join #b\n/who\n")
        told = [await ann.line() for _ in range(4)]
        assert told[0] == told[2] == "- the history cannot be read: input/output error"
        assert told[3] == "- in #b: @ann"


async def test_a_file_is_a_link_to_the_hub_as_they_called_it() -> None:
    async with party() as there:
        await there.program("bob", "#ops")
        ann = await there.person("ann", "#ops")
        file = File(name="r.pdf", size=2048, type="application/pdf", url="/files/x/r.pdf")
        there.hub.say(there.hub.people["bob"], "#ops", "r.pdf", "file", file=file)
        assert [await ann.line() for _ in range(2)] == [
            "bob: r.pdf", f"bob: http://127.0.0.1:{there.address.port}/files/x/r.pdf (2.0 KiB)",
        ]  # fmt: skip


# ── being let go ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_hub_that_stops_says_so() -> None:
    async with party() as there:
        ann = await there.person("ann", "#ops")
        there.hub.retire()
        assert await ann.rest() == ["- goodbye: the hub stops"]


async def test_who_types_nothing_is_not_let_go() -> None:
    async with party() as there:
        ann = await there.person("ann", "#ops")
        there.hub.sweep(asyncio.get_running_loop().time() + CHAT_PING_SECONDS + 1)
        there.hub.sweep(asyncio.get_running_loop().time() + CHAT_PONG_SECONDS + 2)
        await ann.type("/who\n")
        assert await ann.line() == "- in #ops: @ann"


async def test_who_quits_says_why() -> None:
    async with party() as there:
        bob = await there.program("bob", "#ops")
        ann = await there.person("ann", "#ops")
        await ann.type("/quit supper\nnever said\n")
        assert await ann.rest() == ["- goodbye"]
        assert (await bob.told("quit"))["text"] == "supper"
        with pytest.raises(EndOfStream):
            await ann.line()


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_time_has_its_day_where_that_is_not_today() -> None:
    now = time.mktime((2026, 1, 1, 12, 0, 0, 0, 0, -1))
    for ago, shape in ((60, "11:59"), (13 * 3600, "2025-12-31 23:00"), (-31 * 86400, "02-01 12:00")):
        assert clock(int((now - ago) * 10**9), int(now * 10**9)) == shape


@given(st.text(min_size=1), st.text(alphabet="ab-_#*:1", min_size=1), st.sampled_from(["say", "act", "notice"]))
def test_nobody_says_a_line_of_another_s(text: str, nick: str, kind: str) -> None:
    if not is_nick(nick):
        return
    message = Message(number=1, at=0, room="#ops", kind=kind, who=Who(nick), text=text, id="1")  # type: ignore[arg-type]
    start = f"* {nick} " if kind == "act" else f"{nick}: "
    assert all(line.startswith(start) and "\n" not in line for line in plain("", named=False).message(message))


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"/nick ann", b"/join #a b", b"/part", b"/mode +k", b"/me"])))
def test_whatever_is_said_nothing_breaks(lines: list[bytes]) -> None:
    asyncio.run(_say_anything(lines))


async def _say_anything(lines: list[bytes]) -> None:
    async with hub_of() as hub:
        ours, theirs = memory_pair()
        attending = spawn(_attend(hub, ours))
        talker = Talker(theirs)
        await talker.type(b"\n".join([b"/nick first", *lines]))
        await theirs.send_eof()
        assert (await talker.rest())[0].startswith("- welcome to tincans, first: ")
        await attending
        assert hub.people == {}


async def _attend(hub: Hub, channel: Channel) -> None:
    async with channel:
        await attend(hub, channel, await channel.receive())
