"""What a hub of a chat says in JSON (docs/chat.md): an object each, as a frozen struct; and how commands are written.

Over a stream an object is a line, over a channel with boundaries (a WebSocket) a message. What is not known in an
object is ignored, and so is an object whose `on` is not known: a hub may be newer than its clients.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn, get_args

import msgspec

from tincans.errors import LimitExceeded, RemoteProtocolError
from tincans.limits import CHAT_ANSWER_BYTES


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on a hub."""

    nick: str
    #: The name under which they logged in; empty for a guest.
    account: str = ""
    #: In a room: "operator", "voice" or empty.
    rank: str = ""
    #: Why they are away; empty while they are here.
    away: str = ""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a hub keeps: its size in bytes, its media type; `url` is relative to the hub."""

    name: str
    size: int = 0
    type: str = ""
    url: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="on"):
    """Something that happened, or an answer."""

    #: When, in UTC.
    at: datetime | None = None
    #: Of the command that this answers.
    label: str = ""


# ── what happens ──────────────────────────────────────────────────────────────────────────────────────────


class Message(Event, frozen=True, kw_only=True, tag="message"):
    """What was said in a room, as the hub keeps it."""

    #: Its place in the hub's order, growing within each room; from 1.
    number: int
    #: Unique for ever, wherever it was said.
    id: str = ""
    room: str
    #: How it was meant: "say", "act" ("/me waves"), "notice" (announced by a program) or "file".
    kind: str = "say"
    nick: str = msgspec.field(name="from")
    account: str = ""
    text: str
    file: File | None = None


class Whisper(Event, frozen=True, kw_only=True, tag="whisper"):
    """What was said from one to one, which is kept nowhere."""

    id: str = ""
    to: str
    kind: str = "say"
    nick: str = msgspec.field(name="from")
    account: str = ""
    text: str


class Joined(Event, frozen=True, kw_only=True, tag="joined"):
    room: str
    who: Person


class Left(Event, frozen=True, kw_only=True, tag="left"):
    """Somebody left a room by themselves."""

    room: str
    who: Person
    text: str = ""


class Quit(Event, frozen=True, kw_only=True, tag="quit"):
    """Somebody left the hub, and so all rooms."""

    who: Person
    text: str = ""


class Renamed(Event, frozen=True, kw_only=True, tag="renamed"):
    """`nick` is the one from before."""

    nick: str
    new: str


class LoggedIn(Event, frozen=True, kw_only=True, tag="account"):
    """Somebody has the account `who.account` now, or none."""

    who: Person


class TopicSet(Event, frozen=True, kw_only=True, tag="topic"):
    """An empty text took the topic away."""

    room: str
    who: Person
    text: str


class ModesSet(Event, frozen=True, kw_only=True, tag="mode"):
    """Modes as IRC writes them: "+o ann". Where the hub did it by itself, nobody did."""

    room: str
    who: Person | None = None
    modes: str


class Kicked(Event, frozen=True, kw_only=True, tag="kicked"):
    """`nick` was taken out of the room."""

    room: str
    nick: str
    by: Person
    text: str = ""


class Invited(Event, frozen=True, kw_only=True, tag="invited"):
    """`nick` may come in: told to them, and to those who may invite."""

    room: str
    nick: str
    by: Person


class Away(Event, frozen=True, kw_only=True, tag="away"):
    """Somebody went away, or, with no text, came back."""

    who: Person
    text: str = ""


class Ping(Event, frozen=True, kw_only=True, tag="ping"):
    """The hub asks whether we are there."""


class Bye(Event, frozen=True, kw_only=True, tag="bye"):
    """Why the hub is about to close the channel."""

    text: str = ""


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────


class Welcome(Event, frozen=True, kw_only=True, tag="welcome"):
    """Who we are on the hub."""

    hub: str = ""
    protocol: int = 1
    nick: str
    account: str = ""
    limits: dict[str, float] = {}
    #: Shows the hub's other doors that it is us; and where they take files.
    ticket: str = ""
    files: str = "/files"


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """What a room is about, who said so, and when."""

    text: str
    by: str = ""
    at: datetime | None = None


class RoomState(Event, frozen=True, kw_only=True, tag="room"):
    """A room that was joined."""

    room: str
    topic: Topic | None = None
    modes: str = ""
    people: tuple[Person, ...] = ()


class History(Event, frozen=True, kw_only=True, tag="history"):
    """Messages, the oldest first; `more` when there are others in the direction that was asked for."""

    room: str = ""
    messages: tuple[Message, ...] = ()
    more: bool = False


class Found(Event, frozen=True, kw_only=True, tag="found"):
    """What was searched for, the newest first. Messages up to the number `unsearched` were not searched, as the hub is
    making its index anew."""

    messages: tuple[Message, ...] = ()
    more: bool = False
    unsearched: int = 0

    @property
    def lack(self) -> str:
        """What is said of those that were not searched; nothing where all were."""
        return "older messages are still being indexed, and were not searched yet" if self.unsearched else ""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A room in a list: how many people are in it, and the number of its last message."""

    name: str
    topic: str | None = ""
    people: int = 0
    number: int = 0


class Rooms(Event, frozen=True, kw_only=True, tag="rooms"):
    rooms: tuple[Listed, ...] = ()


class Who(Event, frozen=True, kw_only=True, tag="who"):
    people: tuple[Person, ...] = ()


class Done(Event, frozen=True, kw_only=True, tag="done"):
    """It was done, and there is nothing more to say."""


class Pong(Event, frozen=True, kw_only=True, tag="pong"):
    """The hub is there."""


class Refused(Event, frozen=True, kw_only=True, tag="error"):
    """It was not done: a word that does not change, and a sentence."""

    code: str
    text: str = ""


_KNOWN = (
    Message | Whisper | Joined | Left | Quit | Renamed | LoggedIn | TopicSet | ModesSet | Kicked | Invited | Away
    | Ping | Bye | Welcome | RoomState | History | Found | Rooms | Who | Done | Pong | Refused
)  # fmt: skip


class _Named(msgspec.Struct, frozen=True):
    on: str


_decode: Callable[[bytes], Event] = msgspec.json.Decoder(_KNOWN).decode
_decode_name = msgspec.json.Decoder(_Named).decode
_encode = msgspec.json.Encoder().encode
#: Halves of surrogate pairs that stand for no byte.
_HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_NAMES = frozenset(kind.__struct_config__.tag for kind in get_args(_KNOWN))


def read(data: bytes) -> Event | None:
    """The event in one object; None for one that is of no known kind. Raises `RemoteProtocolError`."""
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        if _is_known(data):
            _reject(data, error)
        return None


def _is_known(data: bytes) -> bool:
    """Whether this object is of a kind that is known. Raises `RemoteProtocolError` where it is none at all."""
    try:
        return _decode_name(data).on in _NAMES
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _reject(data, error)


def _reject(data: bytes, error: Exception) -> NoReturn:
    raise RemoteProtocolError(f"the hub said what is no object of a chat: {data[:80]!r} ({error})") from error


def command(do: str, label: str = "", **fields: Any) -> bytes:
    """A command as it is said, without an end of line; fields that are None are left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    said = {"do": do, **given, **({"label": label} if label else {})}
    try:
        return _encode(said)
    except UnicodeEncodeError:
        return _encode({name: _sound(value) if isinstance(value, str) else value for name, value in said.items()})


def _sound(text: str) -> str:
    """Without halves of surrogate pairs: what the system could not read is UTF-8 after all (PEP 383), or no text."""
    return _HALVES.sub("\ufffd", text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class Lines:
    """Cuts what comes from a stream into lines, each of CHAT_ANSWER_BYTES at most."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []  # of a line whose end has not come
        self._held = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now. Raises `LimitExceeded`."""
        whole, end, rest = data.rpartition(b"\n")
        self._held = len(rest) if end else self._held + len(data)
        if self._held > CHAT_ANSWER_BYTES:
            raise LimitExceeded("a line of the hub", CHAT_ANSWER_BYTES)
        if not end:
            self._begun.append(data)
            return []
        lines = b"".join((*self._begun, whole)).split(b"\n")
        self._begun = [rest] if rest else []
        return lines
