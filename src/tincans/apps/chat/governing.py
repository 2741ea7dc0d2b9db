"""How rooms are governed: topics, modes, ranks, who is put out and who is let in.

    member ─► may they? ─► keep what the room is then ─► tell the room ─► own(event): the member itself

Who governs a room are its operators, and those of the hub, who need not be in it. What a room may be is in `modes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from tincans.apps.chat import modes
from tincans.apps.chat.events import Change, Invited, Kicked, ModesSet, Topic, TopicSet, Who
from tincans.apps.chat.member import Member
from tincans.apps.chat.names import folded
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.room import Room
from tincans.apps.chat.rooms import Rooms
from tincans.apps.chat.texts import cut
from tincans.limits import CHAT_TOPIC_BYTES


def _raising(change: Change, error: Refused) -> None:
    raise error


class Governed(Rooms):
    """Rooms, and what those may do in them who govern them."""

    def set_topic(self, member: Member, name: str, text: str) -> None:
        """An empty text takes it away. Raises `Refused`."""
        room = self._governed(member, name)
        if "t" in room.state.modes:
            room.check_operator(member)
        text, at = cut(text, CHAT_TOPIC_BYTES), self.now()
        topic = Topic(text, member.who.source, at) if text else None
        self._keep(room, replace(room.state, topic=topic))
        self._tell_room(room, TopicSet(at=at, room=room.name, who=member.who, text=text), member)

    def bring_topic(self, who: Who, name: str, text: str, at: int) -> None:
        """A topic was set on another hub of a mesh: of two that stays which was set last. Raises `Refused`."""
        room = self.rooms.get(folded(name)) or self._make(name)
        text = cut(text, CHAT_TOPIC_BYTES)
        if room.state.topic is not None and room.state.topic.at >= at:
            return
        self._keep(room, replace(room.state, topic=Topic(text, who.source, at) if text else None))
        self._tell_room(room, TopicSet(at=at, room=room.name, who=who, text=text), None)

    def set_modes(
        self, member: Member | None, name: str, changes: Iterable[Change],
        refused: Callable[[Change, Refused], None] = _raising,
    ) -> tuple[Change, ...]:  # fmt: skip
        """Change a room's modes; those are returned, and told, that were not so before. None is the hub itself.

        `refused` is called for each that cannot be, and the others are changed. Without it the first of them raises
        `Refused`, and those before it are changed and told.
        """
        room = self.room(name, member)
        if member is not None:
            room.check_operator(member)
        done: list[Change] = []
        try:
            for change in changes:
                try:
                    done += self._change(room, member, change)
                except Refused as error:
                    refused(change, error)
        finally:
            if done:
                who = member.who if member is not None else None
                self._tell_room(room, ModesSet(at=self.now(), room=room.name, who=who, changes=tuple(done)), member)
        return tuple(done)

    def _change(self, room: Room, member: Member | None, change: Change) -> tuple[Change, ...]:
        """The change as it was made; nothing where it was so before."""
        if change.mode in modes.RANKS:
            return self._rank(room, change)
        if change.mode in modes.LISTS:
            change = change._replace(value=modes.whole_mask(change.value))
        by = member.who.source if member is not None else self.name
        state = modes.changed(room.state, change, by, self.now())
        if state is None:
            return ()
        self._keep(room, state)
        return (modes.settled(state, change),)

    def _rank(self, room: Room, change: Change) -> tuple[Change, ...]:
        other = self._other_in(room, change.value)
        ranks = room.members[other]
        wanted = modes.with_rank(ranks, change.mode, change.on)
        if wanted == ranks:
            return ()
        if other.account and (state := modes.ranked(room.state, other.account, wanted)) != room.state:
            self._keep(room, state)
        room.members[other] = wanted
        return (change._replace(value=other.nick),)

    def give_back_ranks(self, member: Member) -> None:
        """Somebody who is in rooms has logged in: have them be there again what their account is."""
        for room in member.rooms:
            wanted = room.state.ranks.get(member.account, "")
            changes = [Change(rank, True, member.nick) for rank in wanted if rank not in room.members[member]]
            self.set_modes(None, room.name, changes)

    def kick(self, member: Member, name: str, nick: str, text: str = "") -> None:
        """Raises `Refused`."""
        room = self._governed(member, name)
        room.check_operator(member)
        other = self._other_in(room, nick)
        event = Kicked(at=self.now(), room=room.name, by=member.who, who=other.who, text=cut(text or member.nick))
        room.tell(event, member)
        room.remove(other)
        self._watch(event)
        member.own(event)

    def invite(self, member: Member, name: str, nick: str) -> Member:
        """Tell somebody of a room; an operator's word lets them in, once, in spite of its rules. Raises `Refused`."""
        room = self._governed(member, name)
        if "i" in room.state.modes:
            room.check_operator(member)
        other = self.find(nick)
        if other in room.members:
            raise Refused(Why.ALREADY, f"{other.nick} is in {room.name} already")
        if room.is_operator(member) or member.is_operator:
            other.invitations.add(room)
        event = Invited(at=self.now(), room=room.name, by=member.who, nick=other.nick)
        other.tell(event)
        room.tell_operators(event, member)
        member.own(event)
        return other

    def _governed(self, member: Member, name: str) -> Room:
        """A room that somebody may govern as far as they may: they are in it, or are one of the hub's operators."""
        return self.room(name, member) if member.is_operator else self._their_room(member, name)

    def _other_in(self, room: Room, nick: str) -> Member:
        other = self.find(nick)
        if other not in room.members:
            raise Refused(Why.THEY_ARE_NOT, f"{other.nick} is not in {room.name}")
        return other
