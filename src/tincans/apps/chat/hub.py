"""The hub: the rooms of one folder, who is on it, and the order in which everything happens.

All of it is synchronous, and happens in one loop: a member asks, the hub checks, keeps, and tells, and when the call
returns it has happened for all. So every door sees the same in the same order, which is that of the history.

    member ─► say ─► may they? ─► number it ─► history.append ─► tell the room ─► own(event): the member itself
                       └─ Refused ─┴──────────────── the disk refuses: Refused, nobody was told

A message that was told was kept before: a hub that is killed loses none that anybody has seen.

A room is made by who enters it first, and stays, with its topic, its modes and what was said, when the last has left.
Whoever enters an empty room is its operator, unless accounts of its operators are known: then they are, whenever they
come.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from tincans.apps.chat.events import (
    Away,
    Change,
    Event,
    File,
    Invited,
    Joined,
    Kicked,
    Kind,
    Left,
    LoggedIn,
    Message,
    ModesSet,
    Quit,
    Renamed,
    RoomState,
    Said,
    Topic,
    TopicSet,
    Whispered,
)
from tincans.apps.chat.history import History
from tincans.apps.chat.member import Form, Member
from tincans.apps.chat.names import folded, is_nick, is_room
from tincans.apps.chat.outbox import Flusher
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.room import FLAGS, LISTS, RANKS, VALUES, Room, whole_mask
from tincans.clock import SYSTEM, Clock
from tincans.limits import (
    CHAT_PING_SECONDS,
    CHAT_PONG_SECONDS,
    CHAT_REASON_BYTES,
    CHAT_ROOMS,
    CHAT_ROOMS_JOINED,
    CHAT_TEXT_BYTES,
    CHAT_TOPIC_BYTES,
)
from tincans.tasks import spawn
from tincans.users import Users

#: How often it is looked who is silent, in seconds.
_SWEEP = 5.0


class Hub:
    """One hub. Made in a running loop; `aclose` lets everybody go and gives the history back."""

    def __init__(
        self, history: History, *, name: str = "tincans", users: Users | None = None, guests: bool = True,
        operators: Iterable[str] = (), flood: int = 0, clock: Clock = SYSTEM,
    ) -> None:  # fmt: skip
        #: What it is called, which IRC has as the name of the network.
        self.name = name
        self.history = history
        #: Who may log in; whether those come in who have not; the accounts that run it.
        self.users, self.guests, self.operators = users or Users(), guests, frozenset(operators)
        #: Commands of a member in a second; 0 for any number.
        self.flood = flood
        #: Everybody, by folded nick; the rooms, by folded name.
        self.people: dict[str, Member] = {}
        self.rooms: dict[str, Room] = {name: Room(state) for name, state in history.rooms.items()}
        #: Told everything that happens in rooms, and who comes and goes, behind the members.
        self.watchers: list[Callable[[Event], None]] = []
        #: When it began, in nanoseconds since 1970.
        self.began = clock.now()
        self.flusher = Flusher()
        self._clock, self._last = clock, self.began
        self._mark = secrets.token_hex(4)
        self._sweeping = spawn(self._sweep())

    def now(self) -> int:
        """The time, in nanoseconds since 1970, which never stands still or goes back."""
        self._last = max(self._clock.now(), self._last + 1)
        return self._last

    def msgid(self) -> str:
        """A name for what is said next, which nothing else ever has."""
        return f"{self._mark}{self.now():x}"

    # ── coming and going ──────────────────────────────────────────────────────────────────────────────────

    def check_nick(self, nick: str, member: Member | None = None) -> None:
        """Raises `Refused` where `member` cannot be called that."""
        if not is_nick(nick):
            raise Refused(Why.BAD_NICK, f"nobody can be called {nick!r}")
        if self.people.get(folded(nick), member) is not member:
            raise Refused(Why.NICK_TAKEN, f"somebody is called {nick} already")
        account = member.account if member is not None else ""
        if nick in self.users and nick != account:
            raise Refused(Why.NICK_TAKEN, f"{nick} is the name of a user, who has to log in")

    def free_nick(self, wish: str = "guest") -> str:
        """A nick that nobody has: the wish, or the wish and a number."""
        number, nick = 0, wish
        while not is_nick(nick) or folded(nick) in self.people or nick in self.users:
            number += 1
            nick = f"{wish if is_nick(wish) else 'guest'}{number}"
        return nick

    def enter(self, member: Member, nick: str) -> None:
        """Let somebody in. Raises `Refused`: the nick, or where guests are not let in."""
        if not member.account and not self.guests:
            raise Refused(Why.NOT_LOGGED_IN, "this hub is for those who log in")
        self.check_nick(nick, member)
        member.nick = nick
        member.entered = member.spoke = self.now()
        member.heard = asyncio.get_running_loop().time()
        self.people[folded(nick)] = member

    def leave(self, member: Member, text: str = "") -> None:
        """Somebody is gone from the hub, and so from all rooms. Idempotent."""
        if self.people.get(folded(member.nick)) is not member:
            return
        others = self.neighbours(member)
        del self.people[folded(member.nick)]
        for room in list(member.rooms):
            room.remove(member)
        self._tell(Quit(at=self.now(), who=member.who, text=_cut(text, CHAT_REASON_BYTES)), others)

    def rename(self, member: Member, nick: str) -> None:
        """Raises `Refused`."""
        if nick == member.nick:
            return
        self.check_nick(nick, member)
        event = Renamed(at=self.now(), who=member.who, nick=nick)
        del self.people[folded(member.nick)]
        member.nick = nick
        self.people[folded(nick)] = member
        self._tell(event, self.neighbours(member))
        member.own(event)

    def set_away(self, member: Member, text: str) -> None:
        """An empty text is back."""
        member.away = _cut(text, CHAT_REASON_BYTES)
        event = Away(at=self.now(), who=member.who, text=member.away)
        self._tell(event, self.neighbours(member))
        member.own(event)

    def log_in(self, member: Member, account: str) -> None:
        """Somebody has proven who they are, or, with no account, is a guest again."""
        member.account = account
        member.is_operator = account in self.operators
        if member.nick and folded(member.nick) in self.people:
            event = LoggedIn(at=self.now(), who=member.who)
            self._tell(event, self.neighbours(member))
            member.own(event)

    def neighbours(self, member: Member) -> set[Member]:
        """All others in the rooms of a member."""
        others: set[Member] = set()
        for room in member.rooms:
            others.update(room.members)
        others.discard(member)
        return others

    def find(self, nick: str) -> Member:
        """Raises `Refused`."""
        member = self.people.get(folded(nick))
        if member is None:
            raise Refused(Why.NO_SUCH_NICK, f"nobody is called {nick}")
        return member

    # ── rooms ─────────────────────────────────────────────────────────────────────────────────────────────

    def room(self, name: str, member: Member | None = None) -> Room:
        """The room of that name that there is, and that `member`, if given, may know of. Raises `Refused`."""
        room = self.rooms.get(folded(name))
        if room is None or (member is not None and not room.shows(member)):
            raise Refused(Why.NO_SUCH_ROOM, f"there is no room {name}")
        return room

    def join(self, member: Member, name: str, key: str = "") -> Room:
        """Somebody enters a room, which is made if need be; who is in it already stays. Raises `Refused`."""
        room = self.rooms.get(folded(name))
        if room is not None and member in room.members:
            return room
        if len(member.rooms) >= CHAT_ROOMS_JOINED:
            raise Refused(Why.TOO_MANY, f"nobody is in more than {CHAT_ROOMS_JOINED} rooms")
        if room is None:
            room = self._make(name)
        else:
            room.check_entry(member, key, folded(member.nick))
        room.invited.discard(folded(member.nick))
        room.add(member, self._ranks(room, member))
        event = Joined(at=self.now(), room=room.name, who=member.who)
        room.tell(event, member)
        self._watch(event)
        member.own(event)
        return room

    def _make(self, name: str) -> Room:
        if not is_room(name):
            raise Refused(Why.BAD_ROOM, f"{name!r} is no name of a room: # and letters, without blanks and commas")
        if len(self.rooms) >= CHAT_ROOMS:
            raise Refused(Why.TOO_MANY, f"there are {CHAT_ROOMS} rooms already")
        room = Room(RoomState(name=name, created=self.now()))
        self._keep(room, room.state)
        self.rooms[folded(name)] = room
        return room

    def _ranks(self, room: Room, member: Member) -> str:
        ranks = room.state.ranks
        if member.account in ranks and member.account:
            return ranks[member.account]
        owned = any("o" in each for each in ranks.values())
        return "o" if not room.members and not owned else ""

    def part(self, member: Member, name: str, text: str = "") -> None:
        """Somebody leaves a room. Raises `Refused`."""
        room = self._their_room(member, name)
        event = Left(at=self.now(), room=room.name, who=member.who, text=_cut(text, CHAT_REASON_BYTES))
        room.remove(member)
        room.tell(event)
        self._watch(event)
        member.own(event)

    def _their_room(self, member: Member, name: str) -> Room:
        room = self.room(name, member)
        if member not in room.members:
            raise Refused(Why.NOT_IN_ROOM, f"you are not in {room.name}")
        return room

    # ── speaking ──────────────────────────────────────────────────────────────────────────────────────────

    def say(
        self, member: Member, name: str, text: str, kind: Kind = "say", *, file: File | None = None, msgid: str = "",
        at: int = 0,
    ) -> Message:  # fmt: skip
        """Say something in a room: it is kept, and then told. `msgid` and `at` are those of what was said elsewhere.

        Raises `Refused`.
        """
        room = self.room(name)
        room.check_speech(member)
        _check_text(text)
        now = self.now()
        message = Message(
            number=self.history.last + 1, at=at or now, room=room.name, kind=kind, who=member.who, text=text,
            id=msgid or f"{self._mark}{now:x}", file=file,
        )  # fmt: skip
        with _refusing():
            self.history.append((message,))
        member.spoke = now
        event = Said(at=message.at, message=message)
        room.tell(event, member)
        self._watch(event)
        member.own(event)
        return message

    def whisper(self, member: Member, nick: str, text: str, kind: Kind = "say") -> Member:
        """Say something to one alone, who is returned; it is kept nowhere. Raises `Refused`."""
        other = self.find(nick)
        _check_text(text)
        member.spoke = now = self.now()
        event = Whispered(at=now, who=member.who, to=other.nick, kind=kind, text=text, id=f"{self._mark}{now:x}")
        if other is not member:
            other.tell(event)
        self._watch(event)
        member.own(event)
        return other

    # ── what a room is ────────────────────────────────────────────────────────────────────────────────────

    def set_topic(self, member: Member, name: str, text: str) -> None:
        """An empty text takes it away. Raises `Refused`."""
        room = self._their_room(member, name)
        if "t" in room.state.modes:
            self._check_operator(member, room)
        text, at = _cut(text, CHAT_TOPIC_BYTES), self.now()
        topic = Topic(text, member.who.source, at) if text else None
        self._keep(room, msgspec.structs.replace(room.state, topic=topic))
        event = TopicSet(at=at, room=room.name, who=member.who, text=text)
        room.tell(event, member)
        self._watch(event)
        member.own(event)

    def set_modes(self, member: Member | None, name: str, changes: Sequence[Change]) -> tuple[Change, ...]:
        """Change a room's modes; those are returned, and told, that were not so before. None is the hub itself.

        Raises `Refused` for the first that cannot be, and then none was changed but those before it.
        """
        room = self.room(name)
        if member is not None:
            self._check_operator(member, room)
        done: list[Change] = []
        try:
            done.extend(each for each in (self._change(room, member, change) for change in changes) if each)
        finally:
            if done:
                who = member.who if member is not None else None
                event = ModesSet(at=self.now(), room=room.name, who=who, changes=tuple(done))
                room.tell(event, member)
                self._watch(event)
                if member is not None:
                    member.own(event)
        return tuple(done)

    def _change(self, room: Room, member: Member | None, change: Change) -> Change | None:
        if change.mode in RANKS:
            return self._rank(room, change)
        if change.mode not in FLAGS + VALUES + LISTS:
            raise Refused(Why.BAD_MODE, f"there is no mode {change.mode!r}")
        if change.mode in LISTS:
            change = change._replace(value=whole_mask(change.value))
        state = room.changed(change, member.who.source if member is not None else self.name, self.now())
        if state is None:
            return None
        self._keep(room, state)
        return change

    def _rank(self, room: Room, change: Change) -> Change | None:
        other = self.find(change.value)
        ranks = room.members.get(other)
        if ranks is None:
            raise Refused(Why.THEY_ARE_NOT, f"{other.nick} is not in {room.name}")
        wanted = "".join(rank for rank in RANKS if (change.on if rank == change.mode else rank in ranks))
        if wanted == ranks:
            return None
        if other.account:
            kept = {**room.state.ranks, other.account: wanted}
            lasting = {account: each for account, each in kept.items() if each}
            self._keep(room, msgspec.structs.replace(room.state, ranks=lasting))
        room.members[other] = wanted
        return change._replace(value=other.nick)

    def kick(self, member: Member, name: str, nick: str, text: str = "") -> None:
        """Raises `Refused`."""
        room = self._their_room(member, name)
        self._check_operator(member, room)
        other = self.find(nick)
        if other not in room.members:
            raise Refused(Why.THEY_ARE_NOT, f"{other.nick} is not in {room.name}")
        text = _cut(text or member.nick, CHAT_REASON_BYTES)
        event = Kicked(at=self.now(), room=room.name, by=member.who, who=other.who, text=text)
        room.tell(event, member)
        room.remove(other)
        self._watch(event)
        member.own(event)

    def invite(self, member: Member, name: str, nick: str) -> Member:
        """Raises `Refused`."""
        room = self._their_room(member, name)
        if "i" in room.state.modes:
            self._check_operator(member, room)
        other = self.find(nick)
        if other in room.members:
            raise Refused(Why.ALREADY, f"{other.nick} is in {room.name} already")
        room.invited.add(folded(other.nick))
        event = Invited(at=self.now(), room=room.name, by=member.who, nick=other.nick)
        other.tell(event)
        room.tell_ranked(event, "o", member)
        member.own(event)
        return other

    def _check_operator(self, member: Member, room: Room) -> None:
        if not (room.is_operator(member) or member.is_operator):
            raise Refused(Why.NOT_OPERATOR, f"you are no operator of {room.name}")

    def _keep(self, room: Room, state: RoomState) -> None:
        with _refusing():
            self.history.keep(state)
        room.state = state

    # ── telling ───────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, event: Event, members: Iterable[Member]) -> None:
        for member in members:
            member.tell(event)
        self._watch(event)

    def _watch(self, event: Event) -> None:
        for watcher in self.watchers:
            watcher(event)

    def reform(self, member: Member, form: Form) -> None:
        """Somebody is written to in another form from now on."""
        rooms = {room: room.members[member] for room in member.rooms}
        for room in rooms:
            room.remove(member)
        member.form = form
        for room, ranks in rooms.items():
            room.add(member, ranks)

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    def dismiss(self, member: Member, text: str) -> None:
        """Let somebody go, and say why."""
        self.leave(member, text)
        member.dismiss(text)

    async def _sweep(self) -> None:
        """Ask those who are silent whether they are there, and let those go who do not answer."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP)
            now = loop.time()
            for member in list(self.people.values()):
                if member.outbox is None or now - member.heard < CHAT_PING_SECONDS:
                    continue
                if member.pinged <= member.heard:
                    member.pinged = now
                    member.ping()
                elif now - member.pinged > CHAT_PONG_SECONDS:
                    self.dismiss(member, f"silent for {now - member.heard:.0f} seconds")

    def retire(self) -> None:
        """The server closes: let everybody go."""
        for member in list(self.people.values()):
            self.dismiss(member, "the hub stops")

    async def aclose(self) -> None:
        """Let everybody go and give the history back. Idempotent."""
        self._sweeping.cancel()
        self.retire()
        await self.history.aclose()


def _check_text(text: str) -> None:
    if not text.strip():
        raise Refused(Why.EMPTY, "there is nothing in it")
    if len(text.encode("utf-8", "surrogateescape")) > CHAT_TEXT_BYTES:
        raise Refused(Why.TOO_LONG, f"at most {CHAT_TEXT_BYTES} bytes can be said at once: send a file")


def _cut(text: str, most: int) -> str:
    """The text in one line, of at most so many bytes of UTF-8."""
    return " ".join(text.split("\n")).encode("utf-8", "replace")[:most].decode("utf-8", "ignore").strip("\r\0 ")


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """What the disk refuses is refused to the member."""
    try:
        yield
    except OSError as error:
        raise Refused(Why.DISK, f"it cannot be kept: {(error.strerror or str(error)).lower()}") from error
