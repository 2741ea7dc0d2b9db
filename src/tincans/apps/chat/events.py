"""What happens in the rooms of a hub: one frozen event each, the same for all doors.

A `Message` is what is kept: it has a number, which is its place in the hub's order. Everything else happens and is
told, and what of it lasts (a topic, a mode, an operator) is the room's state.

Each event is written once for all members to whom the same bytes are said: what a door made of it, by the door's form,
stays with the event for as long as it is being told (`written`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

#: How a message was meant: said, done ("/me waves"), announced (by a program, and no program answers it), or a file.
Kind = Literal["say", "act", "notice", "file"]


class Who(NamedTuple):
    """Who did it, as they were then."""

    nick: str
    #: The name under which they logged in; empty for a guest.
    account: str = ""
    #: Where they are, as IRC shows it behind `nick!user@`: an address, or the name of their peer.
    host: str = "hub"

    @property
    def user(self) -> str:
        """What IRC has as the user: the account, or, for a guest, the nick. An @ would begin the host."""
        return (self.account or self.nick).replace("@", "_")

    @property
    def source(self) -> str:
        """As IRC writes it."""
        return f"{self.nick}!{self.user}@{self.host}"


class File(msgspec.Struct, frozen=True):
    """A file that a hub keeps: `url` is relative to the hub (`/files/ID/NAME`); size in bytes."""

    name: str
    size: int
    type: str
    url: str


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was said in a room, as it is kept for ever."""

    #: Its place in the hub's order, over all rooms, from 1.
    number: int
    #: When the hub took it, in nanoseconds since 1970.
    at: int
    room: str
    kind: Kind = "say"
    who: Who
    #: At most CHAT_TEXT_BYTES of UTF-8, which may have several lines; never empty. Of a file, what is said of it where
    #: there is only text.
    text: str
    #: Unique for ever, wherever it was said: what IRCv3 calls msgid.
    id: str
    file: File | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. `at` is in nanoseconds since 1970."""

    at: int
    #: What it is for each form of a door, once somebody was told it.
    written: dict[object, bytes] = msgspec.field(default_factory=dict)


class Said(Event, frozen=True):
    """A message was said in a room."""

    message: Message
    #: What clients say to each other beside it, as IRCv3 has it (`+draft/reply`): passed on, and kept nowhere.
    tags: dict[str, str] = {}


class Whispered(Event, frozen=True):
    """A message from one to one, which is told to both and kept nowhere."""

    who: Who
    to: str
    kind: Kind
    text: str
    id: str
    tags: dict[str, str] = {}


class Tagged(Event, frozen=True):
    """What a client says to clients in a room, or to one member, which people are shown no line of: that somebody is
    typing, a reaction (IRCv3's TAGMSG). Told, and kept nowhere."""

    who: Who
    to: str
    tags: dict[str, str]
    id: str


class Entered(Event, frozen=True):
    """Somebody is on the hub now, in no room yet. Told to watchers alone."""

    who: Who


class Joined(Event, frozen=True):
    room: str
    who: Who
    #: What they say their name is, and why they are away, if they are.
    name: str = ""
    away: str = ""


class Left(Event, frozen=True):
    """Somebody left a room by themselves."""

    room: str
    who: Who
    text: str = ""


class Quit(Event, frozen=True):
    """Somebody left the hub, and so all rooms."""

    who: Who
    text: str = ""


class Renamed(Event, frozen=True):
    """`who` has the nick from before."""

    who: Who
    nick: str


class LoggedIn(Event, frozen=True):
    """Somebody has another account now: `who.account`, empty where they logged out."""

    who: Who
    #: Who they were until then.
    before: Who


class NameSet(Event, frozen=True):
    """Somebody says that their name is another."""

    who: Who
    name: str


class Away(Event, frozen=True):
    """Somebody went away, or, with no text, came back."""

    who: Who
    text: str


class TopicSet(Event, frozen=True):
    """An empty text takes the topic away."""

    room: str
    who: Who
    text: str


class Change(NamedTuple):
    """One mode, set or taken: `+o ann` is ("o", True, "ann")."""

    mode: str
    on: bool
    value: str = ""


class ModesSet(Event, frozen=True):
    """`who` is None where the hub did it by itself."""

    room: str
    who: Who | None
    changes: tuple[Change, ...]


class Kicked(Event, frozen=True):
    room: str
    by: Who
    who: Who
    text: str


class Invited(Event, frozen=True):
    """Told to who was invited, and to those who may invite."""

    room: str
    by: Who
    nick: str


class Topic(msgspec.Struct, frozen=True):
    """What a room is about, and who said so when (nanoseconds since 1970)."""

    text: str
    by: str
    at: int


class Mask(msgspec.Struct, frozen=True):
    """An entry of a list: `nick!user@host` with * and ?; who set it, when."""

    mask: str
    by: str
    at: int


class RoomState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of a room outlives its members and the hub's process. Lists are of masks, in the order they were set."""

    name: str
    #: When it was made, in nanoseconds since 1970.
    created: int
    topic: Topic | None = None
    #: The letters of modes without a value that are on, in order: "nt".
    modes: str = "nt"
    key: str = ""
    #: At most so many members; 0 for any number.
    limit: int = 0
    #: Masks by the letter of their list: b (banned), e (excepted from bans), I (need no invitation), q (may not speak).
    masks: dict[str, tuple[Mask, ...]] = {}
    #: Ranks of accounts, kept while they are away: by account, the letters "o" and "v".
    ranks: dict[str, str] = {}
