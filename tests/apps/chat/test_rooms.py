"""What is done in rooms: who may, who is told, in which order, and what is kept."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterable

import pytest

from rooming import USERS, Guest, changes, hub_of, ranks, refused
from tincans.apps.chat.events import File, Message, RoomState
from tincans.apps.chat.history import MemoryHistory
from tincans.apps.chat.refusals import Refused, Why
from tincans.limits import (
    CHAT_ROOM_BYTES,
    CHAT_ROOMS_JOINED,
)

# ── entering and leaving ──────────────────────────────────────────────────────────────────────────────────


async def test_all_see_the_same_in_the_same_order() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        hub.join(bob, "#OPS")
        hub.join(bob, "#ops")
        hub.say(bob, "#Ops", "hi")
        hub.say(ann, "#ops", "waves", "act")
        hub.part(bob, "#ops", "bye")
        hub.say(ann, "#ops", "alone")
        assert await ann.heard_lines() == [
            "> #ops ann joined",
            "#ops bob joined",
            "#ops say bob: hi",
            "> #ops act ann: waves",
            "#ops bob left: bye",
            "> #ops say ann: alone",
        ]
        assert await bob.heard_lines() == [
            "> #ops bob joined",
            "> #ops say bob: hi",
            "#ops act ann: waves",
            "> #ops bob left: bye",
        ]
        assert [message.text for message in hub.history.recent("#ops", 10)] == ["hi", "waves", "alone"]


async def test_what_was_said_elsewhere_keeps_its_name_and_its_time() -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        hub.join(ann, "#ops")
        file = File("a.txt", 3, "text/plain", "/files/1/a.txt")
        said = hub.say(ann, "#ops", "a file", "file", file=file, msgid="there-1", at=17)
        assert (said.number, said.id, said.at, said.file, said.kind) == (1, "there-1", 17, file, "file")
        assert hub.history.recent("#ops", 1) == [said]


@pytest.mark.parametrize("name", ["", "ops", "#", "#a b", "#a,b", "#a:b", "#a\r", "#\u200b", "&ops"])
async def test_what_is_no_name_of_a_room_is_refused(name: str) -> None:
    async with hub_of() as hub:
        with refused(Why.BAD_ROOM):
            hub.join(Guest(hub, "ann"), name)
        assert not hub.rooms


async def test_a_name_of_a_room_is_as_long_as_it_may_be() -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        hub.join(ann, "#" + "x" * (CHAT_ROOM_BYTES - 1))
        with refused(Why.BAD_ROOM):
            hub.join(ann, "#" + "x" * CHAT_ROOM_BYTES)


async def test_nobody_is_in_more_rooms_than_one_may_be() -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        for number in range(CHAT_ROOMS_JOINED):
            hub.join(ann, f"#{number}")
        hub.join(ann, "#0")
        with refused(Why.TOO_MANY):
            hub.join(ann, "#more")
        hub.part(ann, "#0")
        hub.join(ann, "#more")


async def test_there_are_no_more_rooms_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.rooms.CHAT_ROOMS", 2)
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#one")
        hub.join(ann, "#two")
        with refused(Why.TOO_MANY):
            hub.join(ann, "#three")
        hub.join(bob, "#two")


async def test_who_is_not_in_a_room_does_nothing_in_it() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        for why, room in ((Why.NOT_IN_ROOM, "#ops"), (Why.NO_SUCH_ROOM, "#nowhere")):
            with refused(why):
                hub.part(bob, room)
            with refused(why):
                hub.say(bob, room, "hi")
            with refused(why):
                hub.set_topic(bob, room, "mine")
            with refused(why):
                hub.kick(bob, room, "ann")
            with refused(why):
                hub.invite(bob, room, "ann")
        with refused(Why.NOT_OPERATOR):
            hub.set_modes(bob, "#ops", changes("+m"))
        with refused(Why.NO_SUCH_ROOM):
            hub.set_modes(bob, "#nowhere", changes("+m"))
        assert await ann.heard_lines() == ["> #ops ann joined"]


# ── ranks ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_enters_an_empty_room_is_its_operator() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        hub.join(bob, "#ops")
        assert ranks(hub) == {"ann": "o", "bob": ""}
        hub.part(ann, "#ops")
        hub.join(ann, "#ops")
        assert ranks(hub) == {"bob": "", "ann": ""}
        hub.part(ann, "#ops")
        hub.leave(bob)
        hub.join(ann, "#ops")
        assert ranks(hub) == {"ann": "o"}


async def test_an_account_that_made_a_room_is_its_operator_for_ever() -> None:
    history = MemoryHistory()
    async with hub_of(history, users=USERS) as hub:
        hub.join(Guest(hub, "a", account="ann"), "#ops")
    async with hub_of(history, users=USERS) as hub:
        eve, bob, ann = Guest(hub, "eve"), Guest(hub, "b", account="bob"), Guest(hub, "a2", account="ann")
        for member in (eve, bob, ann):
            hub.join(member, "#ops")
        assert ranks(hub) == {"eve": "", "b": "", "a2": "o"}


async def test_ranks_of_an_account_come_back_and_a_guest_s_do_not() -> None:
    async with hub_of(users=USERS) as hub:
        ann, bob, eve = Guest(hub, "a", account="ann"), Guest(hub, "b", account="bob"), Guest(hub, "eve")
        for member in (ann, bob, eve):
            hub.join(member, "#ops")
        hub.set_modes(ann, "#ops", changes("+v b +o b +v eve"))
        assert ranks(hub) == {"a": "o", "b": "ov", "eve": "v"}
        assert hub.room("#ops").state.ranks == {"ann": "o", "bob": "ov"}
        hub.leave(bob)
        hub.part(eve, "#ops")
        hub.join(eve, "#ops")
        hub.join(Guest(hub, "b2", account="bob"), "#ops")
        assert ranks(hub) == {"a": "o", "eve": "", "b2": "ov"}
        hub.set_modes(ann, "#ops", changes("-o b2 -v b2"))
        assert hub.room("#ops").state.ranks == {"ann": "o"}


async def test_who_logs_in_inside_a_room_has_his_ranks_again() -> None:
    async with hub_of(users=USERS) as hub:
        ann = Guest(hub, "a", account="ann")
        hub.join(ann, "#ops")
        hub.leave(ann)
        eve, late = Guest(hub, "eve"), Guest(hub, "late")
        for member in (eve, late):
            hub.join(member, "#ops")
        await eve.heard_lines()
        hub.log_in(late, "ann")
        hub.log_in(late, "ann")
        assert (await eve.heard_lines())[:2] == ["late is the user ann", "#ops the hub sets +o late"]
        assert ranks(hub) == {"eve": "", "late": "o"}


# ── rules of a room ───────────────────────────────────────────────────────────────────────────────────────

#: Modes, who comes, with which key, and why not; None where they may. Zoe has logged in, and zed has not.
ENTRY = [
    ("+b zed", "zed", "", Why.BANNED),
    ("+b z*!*@*", "zed", "", Why.BANNED),
    ("+b *!*@h?b", "zed", "", Why.BANNED),
    ("+b *!user@*", "zed", "", None),
    ("+b ZED!*@* +e zed!*@hub", "zed", "", None),
    ("+i", "zed", "", Why.INVITE_ONLY),
    ("+i +I zed", "zed", "", None),
    ("+i +I zed +b zed", "zed", "", Why.BANNED),
    ("+r", "zed", "", Why.NOT_LOGGED_IN),
    ("+r", "zoe", "", None),
    ("+k sesame", "zed", "", Why.WRONG_KEY),
    ("+k sesame", "zed", "Sesame", Why.WRONG_KEY),
    ("+k sesame", "zed", "sesame", None),
    ("+l 1", "zed", "", Why.FULL),
    ("+l 2", "zed", "", None),
    ("+q zed +m +n +s +t", "zed", "", None),
]


@pytest.mark.parametrize(("rules", "nick", "key", "why"), ENTRY)
async def test_who_may_enter(rules: str, nick: str, key: str, why: Why | None) -> None:
    async with hub_of(users=USERS, operators=["root"]) as hub:
        ann, root = Guest(hub, "a"), Guest(hub, "root", account="root")
        other = Guest(hub, nick, account="bob" if nick == "zoe" else "")
        room = hub.join(ann, "#ops")
        hub.set_modes(ann, "#ops", changes(rules))
        if why is None:
            hub.join(other, "#ops", key)
            assert other in room.members
        else:
            with refused(why):
                hub.join(other, "#ops", key)
            assert other not in room.members
            assert not other.rooms
            hub.join(root, "#ops")  # an operator of the hub enters all rooms
            assert root in room.members


async def test_a_word_of_an_operator_lets_in_once_in_spite_of_all_rules() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        hub.set_modes(ann, "#ops", changes("+i +k sesame +l 1 +b bob"))
        assert hub.invite(ann, "#ops", "Bob") is bob
        assert await bob.heard_lines() == ["ann invites bob to #ops"]
        assert (await ann.heard_lines())[-1] == "> ann invites bob to #ops"
        hub.rename(bob, "robert")
        hub.join(bob, "#ops")
        with refused(Why.ALREADY):
            hub.invite(ann, "#ops", "robert")
        hub.part(bob, "#ops")
        with refused(Why.INVITE_ONLY):
            hub.join(bob, "#ops")


async def test_an_invitation_is_not_for_who_has_the_name_next() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        hub.set_modes(ann, "#ops", changes("+i"))
        hub.invite(ann, "#ops", "bob")
        hub.leave(bob)
        with refused(Why.INVITE_ONLY):
            hub.join(Guest(hub, "bob"), "#ops")


async def test_a_member_s_word_is_no_more_than_that() -> None:
    async with hub_of() as hub:
        ann, bob, eve = (Guest(hub, nick) for nick in ("ann", "bob", "eve"))
        hub.join(ann, "#ops")
        hub.join(bob, "#ops")
        hub.set_modes(ann, "#ops", changes("+k sesame"))
        await ann.heard_lines()
        hub.invite(bob, "#ops", "eve")
        assert await ann.heard_lines() == ["bob invites eve to #ops"]
        with refused(Why.WRONG_KEY):
            hub.join(eve, "#ops")
        hub.set_modes(ann, "#ops", changes("+i"))
        with refused(Why.NOT_OPERATOR):
            hub.invite(bob, "#ops", "eve")
        with refused(Why.NO_SUCH_NICK):
            hub.invite(ann, "#ops", "nobody")


#: Modes, who speaks, where they are, and why not.
SPEECH = [
    ("", "in", None),
    ("", "out", Why.NOT_IN_ROOM),
    ("-n", "out", None),
    ("-n +s", "out", Why.NO_SUCH_ROOM),
    ("+m", "in", Why.MODERATED),
    ("+m +v bob", "in", None),
    ("+m +o bob", "in", None),
    ("-n +m", "out", Why.MODERATED),
    ("+b bob", "in", Why.BANNED),
    ("+q bob", "in", Why.BANNED),
    ("+q b?b +e bob", "in", None),
    ("+q bob +v bob", "in", None),
    ("-n +q bob", "out", Why.BANNED),
]


@pytest.mark.parametrize(("rules", "place", "why"), SPEECH)
async def test_who_may_speak(rules: str, place: str, why: Why | None) -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        if place == "in":
            hub.join(bob, "#ops")
        hub.set_modes(ann, "#ops", changes(rules))
        await ann.heard_lines()
        if why is None:
            hub.say(bob, "#ops", "hi")
            assert await ann.heard_lines() == ["#ops say bob: hi"]
        else:
            with refused(why):
                hub.say(bob, "#ops", "hi")
            assert await ann.heard_lines() == []
            assert hub.history.last == 0


@pytest.mark.parametrize(
    ("rules", "may"),
    [("+b bob", False), ("+q b*", False), ("+q b* +e bob", True), ("+q bob +v bob", True), ("+m", True)],
)
async def test_who_may_not_speak_does_not_under_another_name(rules: str, may: bool) -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        hub.join(bob, "#ops")
        hub.set_modes(ann, "#ops", changes(rules))
        if may:
            hub.rename(bob, "robert")
        else:
            with refused(Why.BANNED):
                hub.rename(bob, "robert")
            assert hub.find("bob") is bob
            hub.part(bob, "#ops")
            hub.rename(bob, "robert")


async def test_a_secret_room_is_not_there_for_others() -> None:
    async with hub_of(users=USERS, operators=["root"]) as hub:
        ann, bob, root = Guest(hub, "a"), Guest(hub, "b"), Guest(hub, "root", account="root")
        hub.join(ann, "#ops")
        hub.set_modes(ann, "#ops", changes("+s"))
        for doing in (
            lambda: hub.room("#ops", bob),
            lambda: hub.say(bob, "#ops", "hi"),
            lambda: hub.part(bob, "#ops"),
            lambda: hub.set_topic(bob, "#ops", "x"),
            lambda: hub.set_modes(bob, "#ops", changes("-s")),
            lambda: hub.kick(bob, "#ops", "a"),
            lambda: hub.invite(bob, "#ops", "a"),
        ):
            with refused(Why.NO_SUCH_ROOM):
                doing()
        assert hub.room("#ops", ann) is hub.room("#ops", root)
        hub.join(bob, "#ops")
        assert hub.room("#ops", bob)


# ── a disk that refuses ───────────────────────────────────────────────────────────────────────────────────


class Refusing(MemoryHistory):
    """Takes nothing once it is full."""

    full = False

    def append(self, messages: Iterable[Message]) -> None:
        self._check()
        super().append(messages)

    def keep(self, room: RoomState) -> None:
        self._check()
        super().keep(room)

    def _check(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_what_cannot_be_kept_nobody_is_told() -> None:
    history = Refusing()
    async with hub_of(history, users=USERS) as hub:
        ann, bob = Guest(hub, "a", account="ann"), Guest(hub, "b", account="bob")
        hub.join(ann, "#ops")
        hub.join(bob, "#ops")
        await asyncio.gather(ann.heard_lines(), bob.heard_lines())
        history.full, before = True, hub.room("#ops").state
        for doing in (
            lambda: hub.say(ann, "#ops", "lost"),
            lambda: hub.set_topic(ann, "#ops", "lost"),
            lambda: hub.set_modes(ann, "#ops", changes("+m")),
            lambda: hub.set_modes(ann, "#ops", changes("+o b")),
            lambda: hub.join(ann, "#new"),
        ):
            with pytest.raises(Refused, match="cannot be kept: no space left on device") as error:
                doing()
            assert error.value.why is Why.DISK
        assert [await member.heard_lines() for member in (ann, bob)] == [[], []]
        assert (hub.room("#ops").state, ranks(hub), list(hub.rooms)) == (before, {"a": "o", "b": ""}, ["#ops"])
        history.full = False
        assert hub.say(ann, "#ops", "kept").number == 1
