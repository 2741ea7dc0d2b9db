"""The rooms of a hub: who enters and leaves them, and what is said in them, in one order; and who is told.

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
from collections.abc import Callable, Iterator

from tincans.apps.chat.events import (
    Event,
    File,
    Joined,
    Kind,
    Left,
    Message,
    RoomState,
    Said,
    Who,
)
from tincans.apps.chat.history import History
from tincans.apps.chat.member import Member
from tincans.apps.chat.names import folded, is_room
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.room import Room
from tincans.apps.chat.texts import check_text, cut
from tincans.clock import Clock
from tincans.errors import reason_of
from tincans.limits import CHAT_ROOMS, CHAT_ROOMS_JOINED


class Rooms:
    """The rooms of one history, and those who may be in them. How they are governed is `Governed`, and how people come
    and go `Hub`."""

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

    # ── keeping and telling ───────────────────────────────────────────────────────────────────────────────

    def _keep(self, room: Room, state: RoomState) -> None:
        with _refusing():
            self.history.keep(state)
        room.state = state

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
        raise Refused(Why.DISK, f"it cannot be kept: {reason_of(error)}") from error
