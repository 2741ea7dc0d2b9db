"""The rooms of a hub: what is done in them, in one order, by whom it may be done, and who is told.

    member ─► say ─► may they? ─► number it ─► history.append ─► tell the room ─► own(event): the member itself
                       └─ Refused ─┴──────────────── the disk refuses: Refused, nobody was told

A message that was told was kept before: a hub that is killed loses none that anybody has seen. The same holds for what
a room is: its topic, its modes and its lists are kept, and then told.

A room is made by who enters it first, and stays, with its topic, its modes and what was said, when the last has left.
Who makes it is its operator, for ever if they have logged in. Whoever enters an empty room is, too, for as long as they
stay, unless accounts of its operators are known: then those are, whenever they come.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from tincans.apps.chat import modes
from tincans.apps.chat.events import (
    Change,
    Event,
    File,
    Invited,
    Joined,
    Kicked,
    Kind,
    Left,
    Message,
    ModesSet,
    RoomState,
    Said,
    Topic,
    TopicSet,
    Who,
)
from tincans.apps.chat.history import History
from tincans.apps.chat.member import Member
from tincans.apps.chat.names import folded, is_room
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.room import Room
from tincans.apps.chat.texts import check_text, cut
from tincans.clock import Clock
from tincans.limits import CHAT_ROOMS, CHAT_ROOMS_JOINED, CHAT_TOPIC_BYTES


def _raising(change: Change, error: Refused) -> None:
    raise error


class Rooms:
    """The rooms of one history, and those who may be in them. The hub adds how people come and go."""

    def __init__(self, history: History, name: str, clock: Clock) -> None:
        #: What the hub is called, which IRC has as the name of the network.
        self.name = name
        self.history = history
        #: Everybody, by folded nick; the rooms, by folded name.
        self.people: dict[str, Member] = {}
        self.rooms: dict[str, Room] = {name: Room(state) for name, state in history.rooms.items()}
        #: Told everything that happens in rooms, and who comes and goes, behind the members.
        self.watchers: list[Callable[[Event], None]] = []
        #: When it began, in nanoseconds since 1970.
        self.began = clock.now()
        self._clock, self._last = clock, self.began
        self._mark = secrets.token_hex(4)

    def now(self) -> int:
        """The time, in nanoseconds since 1970, which never stands still or goes back."""
        self._last = max(self._clock.now(), self._last + 1)
        return self._last

    def msgid(self) -> str:
        """A name for what is said next, which nothing else ever has."""
        return self._named(self.now())

    def _named(self, now: int) -> str:
        return f"{self._mark}{now:x}"

    def find(self, nick: str) -> Member:
        """Raises `Refused`."""
        member = self.people.get(folded(nick))
        if member is None:
            raise Refused(Why.NO_SUCH_NICK, f"nobody is called {nick}")
        return member

    def room(self, name: str, member: Member | None = None) -> Room:
        """The room of that name that there is, and that `member`, if given, may know of. Raises `Refused`."""
        room = self.rooms.get(folded(name))
        if room is None or (member is not None and not room.shows(member)):
            raise Refused(Why.NO_SUCH_ROOM, f"there is no room {name}")
        return room

    # ── entering, leaving, speaking ───────────────────────────────────────────────────────────────────────

    def join(self, member: Member, name: str, key: str = "") -> Room:
        """Somebody enters a room, which is made if need be; who is in it already stays. Raises `Refused`."""
        room = self.rooms.get(folded(name))
        if room is not None and member in room.members:
            return room
        if len(member.rooms) >= CHAT_ROOMS_JOINED:
            raise Refused(Why.TOO_MANY, f"nobody is in more than {CHAT_ROOMS_JOINED} rooms")
        if room is None:
            room = self._make(name, member)
        else:
            room.check_entry(member, key)
        member.invitations.discard(room)
        room.add(member, self._ranks(room, member))
        event = Joined(at=self.now(), room=room.name, who=member.who, name=member.real_name, away=member.away)
        self._tell_room(room, event, member)
        return room

    def _make(self, name: str, member: Member | None = None) -> Room:
        if not is_room(name):
            raise Refused(Why.BAD_ROOM, f"{name!r} is no name of a room: # and letters, without blanks and commas")
        if len(self.rooms) >= CHAT_ROOMS:
            raise Refused(Why.TOO_MANY, f"there are {CHAT_ROOMS} rooms already")
        ranks = {member.account: "o"} if member is not None and member.account else {}
        room = Room(RoomState(name=name, created=self.now(), ranks=ranks))
        self._keep(room, room.state)
        self.rooms[folded(name)] = room
        return room

    def _ranks(self, room: Room, member: Member) -> str:
        ranks = room.state.ranks
        if member.account in ranks:
            return ranks[member.account]
        owned = any("o" in each for each in ranks.values())
        return "o" if not room.members and not owned else ""

    def part(self, member: Member, name: str, text: str = "") -> None:
        """Somebody leaves a room. Raises `Refused`."""
        room = self._their_room(member, name)
        event = Left(at=self.now(), room=room.name, who=member.who, text=cut(text))
        room.remove(member)
        self._tell_room(room, event, member)

    def _their_room(self, member: Member, name: str) -> Room:
        room = self.room(name, member)
        if member not in room.members:
            raise Refused(Why.NOT_IN_ROOM, f"you are not in {room.name}")
        return room

    def say(
        self, member: Member, name: str, text: str, kind: Kind = "say", *, file: File | None = None, msgid: str = "",
        at: int = 0, tags: dict[str, str] | None = None,
    ) -> Message:  # fmt: skip
        """Say something in a room: it is kept, and then told. `msgid` and `at` are those of what was said elsewhere;
        `tags` are told, and not kept.

        Raises `Refused`.
        """
        room = self.room(name)
        room.check_speech(member)
        message = self._take(room, member.who, text, kind, file, msgid, at)
        member.spoke = self._last
        self._tell_room(room, Said(at=message.at, message=message, tags=tags or {}), member)
        return message

    def bring(self, who: Who, name: str, text: str, kind: Kind = "say", *, msgid: str, at: int) -> Message:
        """Something was said on another hub of a mesh, whose rules it kept: it is kept here too, and told.

        The room is made if need be. Raises `Refused` where it cannot be kept.
        """
        room = self.rooms.get(folded(name)) or self._make(name)
        message = self._take(room, who, text, kind, None, msgid, at)
        self._tell_room(room, Said(at=at, message=message), None)
        return message

    def _take(self, room: Room, who: Who, text: str, kind: Kind, file: File | None, msgid: str, at: int) -> Message:
        """Keep a message, which is to be told then."""
        check_text(text)
        now = self.now()
        message = Message(
            number=self.history.last + 1, at=at or now, room=room.name, kind=kind, who=who, text=text,
            id=msgid or self._named(now), file=file,
        )  # fmt: skip
        with _refusing():
            self.history.append((message,))
        return message

    # ── what a room is ────────────────────────────────────────────────────────────────────────────────────

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
        if other.account:
            self._keep(room, modes.ranked(room.state, other.account, wanted))
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

    def _keep(self, room: Room, state: RoomState) -> None:
        with _refusing():
            self.history.keep(state)
        room.state = state

    # ── telling ───────────────────────────────────────────────────────────────────────────────────────────

    def _tell_room(self, room: Room, event: Event, by: Member | None) -> None:
        room.tell(event, by)
        self._watch(event)
        if by is not None:
            by.own(event)

    def _watch(self, event: Event) -> None:
        for watcher in self.watchers:
            watcher(event)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """What the disk refuses is refused to the member."""
    try:
        yield
    except OSError as error:
        raise Refused(Why.DISK, f"it cannot be kept: {(error.strerror or str(error)).lower()}") from error
