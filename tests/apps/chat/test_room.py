"""A room: who is told what in which form, and that what is written for a form is written once."""

from __future__ import annotations

from rooming import Guest, Lines, hub_of
from tincans.apps.chat.events import Event, Left, RoomState, Who
from tincans.apps.chat.member import Member
from tincans.apps.chat.room import Room


class Counting(Lines):
    """Counts what it writes."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, event: Event) -> bytes:
        self.count += 1
        return super().write(event)


class Deaf(Lines):
    """Writes nothing of anything."""

    def write(self, event: Event) -> bytes:
        return b""


def event() -> Left:
    return Left(at=1, room="#ops", who=Who("ann"), text="bye")


async def test_what_is_written_for_a_form_is_written_once() -> None:
    async with hub_of() as hub:
        room, form, other = Room(RoomState(name="#ops", created=1)), Counting(), Counting()
        for number in range(5):
            member = Guest(hub, f"n{number}")
            member.form = other if number == 4 else form
            room.add(member, "")
        room.tell(left := event())
        next(iter(room.members)).tell(left)
        assert (form.count, other.count) == (1, 1)


async def test_all_are_told_but_one_and_none_that_has_no_words_for_it() -> None:
    async with hub_of() as hub:
        room = Room(RoomState(name="#ops", created=1))
        ann, bob, eve = (Guest(hub, nick) for nick in ("ann", "bob", "eve"))
        eve.form = Deaf()
        for member in (ann, bob, eve, Member("a peer's")):
            room.add(member, "")
        room.tell(event(), ann)
        assert [await each.heard_lines() for each in (ann, bob, eve)] == [[], ["#ops ann left: bye"], []]


async def test_operators_are_told_alone() -> None:
    async with hub_of() as hub:
        room = Room(RoomState(name="#ops", created=1))
        people = {nick: Guest(hub, nick) for nick in ("boss", "chief", "voiced", "none")}
        for member, ranks in zip(people.values(), ("o", "ov", "v", ""), strict=True):
            room.add(member, ranks)
        room.tell_operators(event(), people["boss"])
        told = {nick: len(await member.heard_lines()) for nick, member in people.items()}
        assert told == {"boss": 0, "chief": 1, "voiced": 0, "none": 0}


async def test_who_is_out_is_told_nothing() -> None:
    async with hub_of() as hub:
        room, ann = Room(RoomState(name="#ops", created=1)), Guest(hub, "ann")
        room.add(ann, "o")
        assert (ann.rooms, room.is_operator(ann)) == ({room}, True)
        room.remove(ann)
        room.tell(event())
        assert (ann.rooms, room.is_operator(ann)) == (set(), False)
        assert await ann.heard_lines() == []
