"""Who is on a hub: names, accounts, coming and going, and whom the hub lets go."""

from __future__ import annotations

import asyncio

import pytest

from rooming import USERS, Guest, Lines, hub_of, refused
from tincans.apps.chat.events import Entered, Event, Joined, Quit, Renamed, Whispered
from tincans.apps.chat.history import MemoryHistory
from tincans.apps.chat.member import Member
from tincans.apps.chat.names import is_nick
from tincans.apps.chat.refusals import Why
from tincans.limits import (
    CHAT_GONE,
    CHAT_NICK_BYTES,
    CHAT_PING_SECONDS,
    CHAT_PONG_SECONDS,
    CHAT_REASON_BYTES,
    CHAT_TEXT_BYTES,
)

# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_name_is_one_person_s_in_every_spelling() -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "Ann")
        for nick in ("Ann", "ann", "ANN"):
            with refused(Why.NICK_TAKEN):
                hub.check_nick(nick)
            hub.check_nick(nick, ann)
        hub.rename(ann, "aNN")
        assert hub.find("ann") is ann
        with refused(Why.NO_SUCH_NICK):
            hub.find("bob")


@pytest.mark.parametrize(
    "nick", ["", "1st", "a b", "a!b", "a@b", "#a", ":a", "a,b", "a*", "a\r", "-a", "a.b", "\ud800"]
)
async def test_what_means_something_elsewhere_is_no_name(nick: str) -> None:
    async with hub_of() as hub:
        with refused(Why.BAD_NICK):
            hub.check_nick(nick)


async def test_a_name_is_as_long_as_it_may_be_and_not_one_byte_longer() -> None:
    async with hub_of() as hub:
        Guest(hub, "é" * (CHAT_NICK_BYTES // 2))
        with refused(Why.BAD_NICK):
            hub.check_nick("é" * (CHAT_NICK_BYTES // 2) + "e")


async def test_the_name_of_a_user_is_theirs_in_every_spelling() -> None:
    async with hub_of(users=USERS) as hub:
        for nick in ("ann", "Ann"):
            with refused(Why.NICK_TAKEN):
                hub.check_nick(nick)
        with refused(Why.NICK_TAKEN):
            Guest(hub, "ANN", account="bob")
        Guest(hub, "Ann", account="ann")
        with refused(Why.NICK_TAKEN):
            hub.check_nick("ann")


async def test_a_name_is_found_that_nobody_has() -> None:
    async with hub_of(users=USERS) as hub:
        assert hub.free_nick() == "guest"
        Guest(hub, "Guest")
        Guest(hub, "guest1")
        assert hub.free_nick() == "guest2"
        assert hub.free_nick("1 2 3") == "guest2"
        assert hub.free_nick("ann") == "ann1"
        assert hub.free_nick("eve") == "eve"


@pytest.mark.parametrize(
    "wish", ["a", "a" * CHAT_NICK_BYTES, "é" * (CHAT_NICK_BYTES // 2), "a" * (CHAT_NICK_BYTES + 1)]
)
async def test_a_found_name_is_always_one(wish: str) -> None:
    async with hub_of() as hub:
        for _ in range(12):
            nick = hub.free_nick(wish)
            assert is_nick(nick)
            Guest(hub, nick)
        assert len(hub.people) == 12


# ── coming and going ──────────────────────────────────────────────────────────────────────────────────────


async def test_guests_come_in_where_they_may() -> None:
    async with hub_of(users=USERS, guests=False) as hub:
        with refused(Why.NOT_LOGGED_IN):
            Guest(hub, "eve")
        assert not hub.people
        Guest(hub, "eve", account="bob")


async def test_a_refused_name_leaves_everybody_as_they_were() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        with refused(Why.NICK_TAKEN):
            hub.rename(bob, "Ann")
        assert (hub.find("ann"), hub.find("bob"), bob.nick) == (ann, bob, "bob")


async def test_who_shares_a_room_is_told_once_who_changes_comes_and_goes() -> None:
    async with hub_of(users=USERS) as hub:
        ann, bob, eve = (Guest(hub, nick) for nick in ("Ann_", "Bob_", "Eve_"))
        for room in ("#one", "#two"):
            hub.join(ann, room)
            hub.join(bob, room)
        await asyncio.gather(ann.heard_lines(), bob.heard_lines())
        hub.rename(bob, "robert")
        hub.rename(bob, "robert")
        hub.set_away(bob, "tea")
        hub.set_away(bob, "")
        hub.log_in(bob, "bob")
        hub.log_in(bob, "")
        hub.leave(bob, "good night")
        hub.leave(bob)
        told = [
            "Bob_ is robert",
            "robert is away: tea",
            "robert is away: ",
            "robert is the user bob",
            "robert is the user nobody",
        ]
        assert await ann.heard_lines() == [*told, "robert quit: good night"]
        assert await bob.heard_lines() == [f"> {line}" for line in told]
        assert await eve.heard_lines() == []
        assert not bob.rooms
        assert not hub.is_on(bob)


async def test_who_is_away_already_is_told_so_again_and_nobody_else() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        hub.join(bob, "#ops")
        await asyncio.gather(ann.heard_lines(), bob.heard_lines())
        for text in ("", "tea", "tea", "lunch"):
            hub.set_away(bob, text)
        assert await ann.heard_lines() == ["bob is away: tea", "bob is away: lunch"]
        assert await bob.heard_lines() == [f"> bob is away: {text}" for text in ("", "tea", "tea", "lunch")]


async def test_reasons_are_one_line_of_so_many_bytes() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        hub.join(bob, "#ops")
        await ann.heard_lines()
        hub.set_away(bob, "x" * (CHAT_REASON_BYTES + 1))
        hub.leave(bob, "a\r\nQUIT\0" + "é" * CHAT_REASON_BYTES)
        away, quit_ = await ann.heard_lines()
        assert away == f"bob is away: {'x' * CHAT_REASON_BYTES}"
        text = quit_.removeprefix("bob quit: ")
        assert text.startswith("a  QUIT ")
        assert CHAT_REASON_BYTES - 1 <= len(text.encode()) <= CHAT_REASON_BYTES


async def test_a_watcher_is_told_all_behind_the_members() -> None:
    async with hub_of() as hub:
        told: list[Event] = []
        hub.watchers.append(told.append)
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        hub.whisper(ann, "bob", "psst")
        hub.rename(bob, "robert")
        hub.leave(bob)
        assert [type(event) for event in told] == [Entered, Entered, Joined, Whispered, Renamed, Quit]
        assert [(gone.who.nick, gone.at) for gone in hub.gone] == [("bob", told[-2].at), ("robert", told[-1].at)]


async def test_a_hub_remembers_only_so_many_who_were_here() -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "a0")
        for number in range(1, CHAT_GONE + 2):
            hub.rename(ann, f"a{number}")
        assert len(hub.gone) == CHAT_GONE
        assert (hub.gone[0].who.nick, hub.gone[-1].who.nick) == ("a1", f"a{CHAT_GONE}")


async def test_time_never_stands_still_and_a_name_of_a_message_is_never_twice() -> None:
    async with hub_of() as hub:
        times = [hub.now() for _ in range(1000)]
        assert times == sorted(set(times))
        names = [hub.msgid() for _ in range(1000)]
        assert len(set(names)) == 1000
        async with hub_of() as other:
            assert other.msgid()[:8] != names[0][:8]


# ── to one alone ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_whisper_is_told_to_both_and_to_nobody_else() -> None:
    async with hub_of() as hub:
        ann, bob, eve = (Guest(hub, nick) for nick in ("ann", "bob", "eve"))
        assert hub.whisper(ann, "BOB", "psst", "act") is bob
        assert await ann.heard_lines() == ["> act ann to bob: psst"]
        assert await bob.heard_lines() == ["act ann to bob: psst"]
        assert await eve.heard_lines() == []
        assert hub.history.last == 0


async def test_who_whispers_to_himself_is_told_once() -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        hub.whisper(ann, "ann", "psst")
        hub.tag(ann, "ann", {"+typing": "active"})
        assert await ann.heard_lines() == ["> say ann to ann: psst", "> ann tags ann: {'+typing': 'active'}"]


async def test_tags_are_said_where_something_could_be() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        with refused(Why.NOT_IN_ROOM):
            hub.tag(bob, "#ops", {"+typing": "active"})
        hub.join(bob, "#ops")
        hub.tag(bob, "#ops", {"+typing": "active"})
        hub.tag(ann, "bob", {"+typing": "done"})
        with refused(Why.NO_SUCH_NICK):
            hub.tag(ann, "nobody", {})
        assert (await ann.heard_lines())[2:] == [
            "bob tags #ops: {'+typing': 'active'}",
            "> ann tags bob: {'+typing': 'done'}",
        ]
        assert (await bob.heard_lines())[-1] == "ann tags bob: {'+typing': 'done'}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", Why.EMPTY),
        (" \n\t", Why.EMPTY),
        ("é" * (CHAT_TEXT_BYTES // 2) + "e", Why.TOO_LONG),
        ("half a character: \ud83d", Why.NOT_UNDERSTOOD),
    ],
)
async def test_what_cannot_be_said_is_refused(text: str, why: Why) -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        hub.join(ann, "#ops")
        with refused(why):
            hub.say(ann, "#ops", text)
        with refused(why):
            hub.whisper(ann, "ann", text)
        assert await ann.heard_lines() == ["> #ops ann joined"]


async def test_as_much_as_can_be_said_is_said() -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        hub.join(ann, "#ops")
        assert hub.say(ann, "#ops", "é" * (CHAT_TEXT_BYTES // 2)).number == 1


# ── who is let go ─────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_silent_is_asked_and_then_let_go() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        far = Member("elsewhere")  # who is told, and asked, on a hub of their own
        hub.enter(far, "far")
        for member in (ann, bob, far):
            hub.join(member, "#ops")
        began = ann.heard
        hub.sweep(began + CHAT_PING_SECONDS - 0.1)
        assert (ann.pings, bob.pings) == (0, 0)
        asked = began + CHAT_PING_SECONDS + 1
        hub.sweep(asked)
        hub.sweep(asked + CHAT_PONG_SECONDS - 0.1)
        assert (ann.pings, bob.pings) == (1, 1)
        bob.heard = asked + 1  # he has answered
        hub.sweep(asked + CHAT_PONG_SECONDS)
        assert ann.bye.startswith("silent for 15")
        assert (bob.bye, hub.is_on(ann), hub.is_on(far)) == ("", False, True)
        assert (await bob.heard_lines())[-1] == f"ann quit: {ann.bye}"
        assert (await ann.heard_lines())[-1] == f"bye: {ann.bye}"
        hub.sweep(asked + 1 + CHAT_PING_SECONDS)
        assert bob.pings == 2, "who was silent again is asked again"


async def test_a_hub_looks_by_itself_who_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.hub._SWEEP", 0.001)
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        ann.heard -= CHAT_PING_SECONDS
        while not ann.pings:
            await asyncio.sleep(0.001)


async def test_a_hub_that_stops_says_so() -> None:
    closed: list[str] = []

    class Closing(MemoryHistory):
        async def aclose(self) -> None:
            closed.append("history")

    async with hub_of(Closing()) as hub:
        ann = Guest(hub, "ann")
        hub.retiring.append(lambda: closed.append("door"))
        hub.retire()
        assert await ann.heard_lines() == ["bye: the hub stops"]
        assert not hub.people
    assert closed[0] == "door"
    assert closed[-1] == "history"


async def test_another_form_is_written_from_then_on() -> None:
    async with hub_of() as hub:
        ann, bob, eve = (Guest(hub, nick) for nick in ("ann", "bob", "eve"))
        for member in (ann, bob, eve):
            hub.join(member, "#ops")
        await bob.heard_lines()
        hub.reform(bob, Loud())
        hub.say(ann, "#ops", "hi")
        hub.leave(ann)
        assert await bob.heard_lines() == ["#OPS SAY ANN: HI", "ANN QUIT: "]
        assert (await eve.heard_lines())[-2:] == ["#ops say ann: hi", "ann quit: "]
        assert list(hub.room("#ops").members) == [bob, eve]
        hub.leave(bob)
        hub.say(eve, "#ops", "bye")


class Loud(Lines):
    def write(self, event: Event) -> bytes:
        return super().write(event).upper()
