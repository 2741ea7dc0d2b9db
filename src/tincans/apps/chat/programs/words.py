"""What the hub says in JSON lines: an object an event, and an object an answer (docs/chat.md).

An event is written once for all programs, without a label; whose command it answers gets the same bytes with the label
put into them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tincans.apps.chat import events
from tincans.apps.chat.events import Event, File
from tincans.apps.chat.member import Member
from tincans.apps.chat.mode_texts import text_of
from tincans.apps.chat.texts import second

_encode = msgspec.json.Encoder().encode


def stamp(at: int) -> str:
    """A time in nanoseconds since 1970 as RFC 3339 has it, in UTC, to a microsecond."""
    seconds, rest = divmod(at, 1_000_000_000)
    return f"{second(seconds)}.{rest // 1000:06}Z"


class Word(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="on"):
    """One object that the hub says."""


class Who(msgspec.Struct, frozen=True, gc=False):
    nick: str
    account: str

    @classmethod
    def of(cls, who: events.Who) -> Who:
        return cls(who.nick, who.account)


# ── what happens ──────────────────────────────────────────────────────────────────────────────────────────


class Message(Word, frozen=True, kw_only=True, tag="message", omit_defaults=True):
    number: int
    id: str
    at: str
    room: str
    kind: str
    nick: str = msgspec.field(name="from")
    account: str
    text: str
    file: File | None = None

    @classmethod
    def of(cls, message: events.Message) -> Message:
        return cls(
            number=message.number, id=message.id, at=stamp(message.at), room=message.room, kind=message.kind,
            nick=message.who.nick, account=message.who.account, text=message.text, file=message.file,
        )  # fmt: skip


class Whisper(Word, frozen=True, kw_only=True, tag="whisper"):
    id: str
    at: str
    to: str
    kind: str
    nick: str = msgspec.field(name="from")
    account: str
    text: str


class Joined(Word, frozen=True, kw_only=True, tag="joined"):
    room: str
    who: Who
    at: str


class Left(Word, frozen=True, kw_only=True, tag="left"):
    room: str
    who: Who
    text: str
    at: str


class Quit(Word, frozen=True, kw_only=True, tag="quit"):
    who: Who
    text: str
    at: str


class Renamed(Word, frozen=True, kw_only=True, tag="renamed"):
    nick: str
    new: str
    at: str


class LoggedIn(Word, frozen=True, kw_only=True, tag="account"):
    who: Who
    at: str


class Away(Word, frozen=True, kw_only=True, tag="away"):
    who: Who
    text: str
    at: str


class TopicSet(Word, frozen=True, kw_only=True, tag="topic"):
    room: str
    who: Who
    text: str
    at: str


class ModesSet(Word, frozen=True, kw_only=True, tag="mode"):
    room: str
    who: Who | None
    modes: str
    at: str


class Kicked(Word, frozen=True, kw_only=True, tag="kicked"):
    room: str
    nick: str
    by: Who
    text: str
    at: str


class Invited(Word, frozen=True, kw_only=True, tag="invited"):
    room: str
    nick: str
    by: Who
    at: str


def _whisper(event: events.Whispered) -> Word:
    return Whisper(
        id=event.id, at=stamp(event.at), to=event.to, kind=event.kind, nick=event.who.nick,
        account=event.who.account, text=event.text,
    )  # fmt: skip


_MAKE: dict[type[Event], Callable[[Any], Word]] = {
    events.Said: lambda event: Message.of(event.message),
    events.Whispered: _whisper,
    events.Joined: lambda event: Joined(room=event.room, who=Who.of(event.who), at=stamp(event.at)),
    events.Left: lambda event: Left(room=event.room, who=Who.of(event.who), text=event.text, at=stamp(event.at)),
    events.Quit: lambda event: Quit(who=Who.of(event.who), text=event.text, at=stamp(event.at)),
    events.Renamed: lambda event: Renamed(nick=event.who.nick, new=event.nick, at=stamp(event.at)),
    events.LoggedIn: lambda event: LoggedIn(who=Who.of(event.who), at=stamp(event.at)),
    events.Away: lambda event: Away(who=Who.of(event.who), text=event.text, at=stamp(event.at)),
    events.TopicSet: lambda event: TopicSet(
        room=event.room, who=Who.of(event.who), text=event.text, at=stamp(event.at)
    ),
    events.ModesSet: lambda event: ModesSet(
        room=event.room, who=event.who and Who.of(event.who), modes=text_of(event.changes), at=stamp(event.at)
    ),
    events.Kicked: lambda event: Kicked(
        room=event.room, nick=event.who.nick, by=Who.of(event.by), text=event.text, at=stamp(event.at)
    ),
    events.Invited: lambda event: Invited(
        room=event.room, nick=event.nick, by=Who.of(event.by), at=stamp(event.at)
    ),
}  # fmt: skip


class Json:
    """The form of members who are told objects, an object a line."""

    def write(self, event: Event) -> bytes:
        make = _MAKE.get(type(event))
        return line(make(event)) if make is not None else b""


#: The only one: an outbox makes messages of lines where its channel has boundaries.
JSON = Json()


def line(word: Word) -> bytes:
    return _encode(word) + b"\n"


def labelled(data: bytes, label: str) -> bytes:
    """A line with a label in its object."""
    return b'%s,"label":%s}\n' % (data[:-2], _encode(label)) if label else data


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────


class Person(msgspec.Struct, frozen=True, gc=False):
    nick: str
    account: str
    rank: str
    away: str

    @classmethod
    def of(cls, member: Member, ranks: str = "") -> Person:
        return cls(member.nick, member.account, _RANKS[ranks[:1]], member.away)


#: The highest of one's ranks, which is the first.
_RANKS = {"o": "operator", "v": "voice", "": ""}


class Topic(msgspec.Struct, frozen=True, gc=False):
    text: str
    by: str
    at: str


class Welcome(Word, frozen=True, kw_only=True, tag="welcome"):
    hub: str
    protocol: int
    nick: str
    account: str
    limits: dict[str, int]
    ticket: str
    files: str
    at: str


class Room(Word, frozen=True, kw_only=True, tag="room"):
    room: str
    topic: Topic | None
    modes: str
    people: list[Person]


class History(Word, frozen=True, kw_only=True, tag="history"):
    room: str
    messages: list[Message]
    more: bool


class Found(Word, frozen=True, kw_only=True, tag="found"):
    messages: list[Message]
    more: bool
    #: `History.unsearched`, where it is something.
    unsearched: int | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, found: Sequence[events.Message], limit: int, unsearched: int) -> Found:
        """At most `limit` of the messages that were found."""
        return cls(
            messages=[Message.of(each) for each in found[:limit]], more=len(found) > limit,
            unsearched=unsearched or msgspec.UNSET,
        )  # fmt: skip


class Listed(msgspec.Struct, frozen=True, gc=False):
    name: str
    topic: str
    people: int
    number: int


class Rooms(Word, frozen=True, kw_only=True, tag="rooms"):
    rooms: list[Listed]


class People(Word, frozen=True, kw_only=True, tag="who"):
    people: list[Person]


class Done(Word, frozen=True, kw_only=True, tag="done"):
    pass


class Pong(Word, frozen=True, kw_only=True, tag="pong"):
    pass


class Ping(Word, frozen=True, kw_only=True, tag="ping"):
    pass


class Failed(Word, frozen=True, kw_only=True, tag="error"):
    code: str
    text: str


class Bye(Word, frozen=True, kw_only=True, tag="bye"):
    text: str
