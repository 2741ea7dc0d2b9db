"""How rooms are governed: topics, modes, ranks, who is put out; what is told of it, and what is no change."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from rooming import USERS, Guest, changes, hub_of, modes, ranks, refused
from tincans.apps.chat.events import Change, RoomState
from tincans.apps.chat.history import MemoryHistory
from tincans.apps.chat.refusals import Refused, Why
from tincans.limits import CHAT_KEY_BYTES, CHAT_MASK_BYTES, CHAT_MASKS, CHAT_REASON_BYTES, CHAT_TOPIC_BYTES


async def test_a_topic_is_kept_with_who_said_it_and_taken_away() -> None:
    async with hub_of() as hub:
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        hub.join(ann, "#ops")
        hub.join(bob, "#ops")
        hub.set_topic(ann, "#ops", "é" * CHAT_TOPIC_BYTES)
        topic = hub.room("#ops").state.topic
        assert topic is not None
        assert (topic.by, len(topic.text.encode())) == ("ann!ann@hub", CHAT_TOPIC_BYTES)
        with refused(Why.NOT_OPERATOR):
            hub.set_topic(bob, "#ops", "mine")
        hub.set_modes(ann, "#ops", changes("-t"))
        hub.set_topic(bob, "#ops", "")
        assert hub.room("#ops").state.topic is None
        assert (await ann.heard_lines())[-1] == "#ops bob sets the topic: "


async def test_only_what_was_not_so_before_is_told() -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        hub.join(ann, "#ops")
        await ann.heard_lines()
        done = hub.set_modes(ann, "#ops", changes("+n +m +k a +k b -l +b Eve +b eve!*@* +o ann -v ann -k x +l 007"))
        assert modes(done) == "+m +k a +k b +b Eve!*@* -k * +l 7"
        assert hub.set_modes(ann, "#ops", changes("+m")) == ()
        assert await ann.heard_lines() == [f"> #ops ann sets {modes(done)}"]
        state = hub.room("#ops").state
        assert (state.modes, state.key, state.limit) == ("mnt", "", 7)
        hub.set_modes(ann, "#ops", changes("-b EVE!*@* -l -m"))
        assert (hub.room("#ops").state.masks, hub.room("#ops").state.limit) == ({}, 0)


async def test_a_change_that_cannot_be_stops_those_behind_it_unless_it_is_told() -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        hub.join(ann, "#ops")
        await ann.heard_lines()
        with refused(Why.NO_SUCH_NICK):
            hub.set_modes(ann, "#ops", changes("+m +o nobody +i"))
        assert hub.room("#ops").state.modes == "mnt"
        told: list[tuple[str, Why]] = []

        def refuse(change: Change, error: Refused) -> None:
            told.append((modes([change]), error.why))

        hub.set_modes(ann, "#ops", changes("+o nobody +i +X +l x"), refuse)
        assert told == [("+o nobody", Why.NO_SUCH_NICK), ("+X", Why.BAD_MODE), ("+l x", Why.BAD_MODE)]
        assert await ann.heard_lines() == ["> #ops ann sets +m", "> #ops ann sets +i"]


#: A change that cannot be, and why.
BAD = [
    ("+X", Why.BAD_MODE),
    ("+k", Why.BAD_MODE),
    ("+l", Why.BAD_MODE),
    ("+l 0", Why.BAD_MODE),
    ("+l -1", Why.BAD_MODE),
    ("+l ٣", Why.BAD_MODE),
    ("+l 1000000000", Why.BAD_MODE),
    ("+b", Why.BAD_MODE),
    ("+o", Why.NO_SUCH_NICK),
    ("+v eve", Why.THEY_ARE_NOT),
    (f"+k {'x' * (CHAT_KEY_BYTES + 1)}", Why.BAD_MODE),
    ("+k a,b", Why.BAD_MODE),
    (f"+b {'x' * (CHAT_MASK_BYTES - 3)}", Why.TOO_LONG),
]


@pytest.mark.parametrize(("change", "why"), BAD)
async def test_what_is_no_change_is_refused(change: str, why: Why) -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        Guest(hub, "eve")
        hub.join(ann, "#ops")
        before = hub.room("#ops").state
        with refused(why):
            hub.set_modes(ann, "#ops", changes(change))
        assert hub.room("#ops").state == before
        assert await ann.heard_lines() == ["> #ops ann joined"]


async def test_a_list_is_as_long_as_it_may_be() -> None:
    async with hub_of() as hub:
        ann = Guest(hub, "ann")
        hub.join(ann, "#ops")
        hub.set_modes(ann, "#ops", [Change("b", True, f"n{number}") for number in range(CHAT_MASKS)])
        hub.set_modes(ann, "#ops", changes("+e n +b n0"))
        with refused(Why.TOO_MANY):
            hub.set_modes(ann, "#ops", changes("+b more"))
        hub.set_modes(ann, "#ops", changes("-b n7 +b more"))
        hub.set_modes(ann, "#ops", changes(f"-b more +b {'x' * (CHAT_MASK_BYTES - 4)} +k {'k' * CHAT_KEY_BYTES}"))


async def test_who_is_put_out_is_told_and_is_out() -> None:
    async with hub_of() as hub:
        ann, bob, eve = (Guest(hub, nick) for nick in ("ann", "bob", "eve"))
        for member in (ann, bob, eve):
            hub.join(member, "#ops")
        with refused(Why.NOT_OPERATOR):
            hub.kick(bob, "#ops", "ann")
        await asyncio.gather(*(member.heard_lines() for member in (ann, bob, eve)))
        hub.kick(ann, "#ops", "BOB", "x" * (CHAT_REASON_BYTES + 1))
        line = f"#ops ann kicks bob: {'x' * CHAT_REASON_BYTES}"
        assert [await member.heard_lines() for member in (ann, bob, eve)] == [[f"> {line}"], [line], [line]]
        with refused(Why.THEY_ARE_NOT):
            hub.kick(ann, "#ops", "bob")
        with refused(Why.NO_SUCH_NICK):
            hub.kick(ann, "#ops", "nobody")
        hub.kick(ann, "#ops", "ann")
        assert await ann.heard_lines() == ["> #ops ann kicks ann: ann"]
        assert ranks(hub) == {"eve": ""}


async def test_an_operator_of_the_hub_governs_all_rooms_from_outside() -> None:
    async with hub_of(users=USERS, operators=["root"]) as hub:
        ann, root = Guest(hub, "a"), Guest(hub, "root", account="root")
        hub.join(ann, "#ops")
        hub.set_modes(ann, "#ops", changes("+s +m"))
        await ann.heard_lines()
        hub.set_topic(root, "#ops", "order")
        hub.set_modes(root, "#ops", changes("-o a"))
        hub.say(root, "#ops", "hear")
        hub.kick(root, "#ops", "a", "out")
        hub.invite(root, "#ops", "a")
        assert await ann.heard_lines() == [
            "#ops root sets the topic: order",
            "#ops root sets -o a",
            "#ops say root: hear",
            "#ops root kicks a: out",
            "root invites a to #ops",
        ]
        assert [line[:2] for line in await root.heard_lines()] == ["> "] * 5
        hub.log_in(root, "")
        with refused(Why.NO_SUCH_ROOM):
            hub.set_topic(root, "#ops", "mine")


async def test_a_rank_that_comes_back_is_kept_already() -> None:
    """So who logs in on a full disk has logged in."""

    class Full(MemoryHistory):
        full = False

        def keep(self, room: RoomState) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().keep(room)

    history = Full()
    async with hub_of(history, users=USERS) as hub:
        hub.join(Guest(hub, "a", account="ann"), "#ops")
        late = Guest(hub, "late")
        hub.join(late, "#ops")
        history.full = True
        hub.log_in(late, "ann")
        assert ranks(hub) == {"a": "o", "late": "o"}
