"""What a program says in JSON lines: a struct a command, and what is wrong with a line that is none (docs/chat.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, get_args

import msgspec

from tincans.apps.chat.events import Kind
from tincans.apps.chat.refusals import Why


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="do"):
    """One command. `label` comes back in what answers it."""

    label: str = ""

    #: It is answered with more than a message's length: who does not read that is not listened to.
    is_long: ClassVar[bool] = False


class Hello(Command, frozen=True, kw_only=True, tag="hello"):
    nick: str = ""
    client: str = ""
    name: str = ""
    password: str = ""


class Login(Command, frozen=True, kw_only=True, tag="login"):
    name: str
    password: str


class Join(Command, frozen=True, kw_only=True, tag="join"):
    is_long = True

    room: str
    key: str = ""
    history: int = 0


class Part(Command, frozen=True, kw_only=True, tag="part"):
    room: str
    text: str = ""


class Say(Command, frozen=True, kw_only=True, tag="say"):
    """To a room, or to one alone. `id` is a name of the program's own; with `again` it may have been said before."""

    kind: ClassVar[Kind] = "say"

    text: str
    room: str = ""
    to: str = ""
    id: str = ""
    again: bool = False


class Act(Say, frozen=True, kw_only=True, tag="act"):
    kind = "act"


class Notice(Say, frozen=True, kw_only=True, tag="notice"):
    kind = "notice"


class History(Command, frozen=True, kw_only=True, tag="history"):
    is_long = True

    room: str
    before: int | None = None
    after: int | None = None
    limit: int = 50


class Search(Command, frozen=True, kw_only=True, tag="search"):
    is_long = True

    text: str
    room: str = ""
    before: int | None = None
    limit: int = 50


class Rooms(Command, frozen=True, kw_only=True, tag="rooms"):
    is_long = True


class Who(Command, frozen=True, kw_only=True, tag="who"):
    is_long = True

    room: str = ""
    nick: str = ""


class Nick(Command, frozen=True, kw_only=True, tag="nick"):
    nick: str


class Topic(Command, frozen=True, kw_only=True, tag="topic"):
    room: str
    text: str


class Mode(Command, frozen=True, kw_only=True, tag="mode"):
    room: str
    modes: str


class Kick(Command, frozen=True, kw_only=True, tag="kick"):
    room: str
    nick: str
    text: str = ""


class Invite(Command, frozen=True, kw_only=True, tag="invite"):
    room: str
    nick: str


class Away(Command, frozen=True, kw_only=True, tag="away"):
    text: str = ""


class Ping(Command, frozen=True, kw_only=True, tag="ping"):
    pass


class Pong(Command, frozen=True, kw_only=True, tag="pong"):
    """An answer to the hub's ping."""


class Quit(Command, frozen=True, kw_only=True, tag="quit"):
    text: str = ""


AnyCommand = (
    Hello | Login | Join | Part | Say | Act | Notice | History | Search | Rooms | Who | Nick | Topic | Mode | Kick
    | Invite | Away | Ping | Pong | Quit
)  # fmt: skip

_NAMES = frozenset(kind.__struct_config__.tag for kind in get_args(AnyCommand))


class NotACommand(Exception):
    """A line that is no command: why, in a word and a sentence, and the label that it has all the same."""

    def __init__(self, why: Why, text: str, label: str = "") -> None:
        self.why, self.text, self.label = why, text, label
        super().__init__(text)


class _Named(msgspec.Struct):
    do: str = ""


class _Labelled(msgspec.Struct):
    label: str = ""


_decode: Callable[[bytes], Command] = msgspec.json.Decoder(AnyCommand).decode
_named = msgspec.json.Decoder(_Named)
_labelled = msgspec.json.Decoder(_Labelled)

#: What a decoder may raise of bytes that are anything.
_WRONG = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read(line: bytes) -> Command:
    """The command in a line. Raises `NotACommand`."""
    try:
        return _decode(line)
    except _WRONG as error:
        raise _judge(line, error) from None


def _judge(line: bytes, error: Exception) -> NotACommand:
    try:
        name = _named.decode(line).do
    except _WRONG:
        return NotACommand(Why.NOT_UNDERSTOOD, _what(error))
    try:
        label = _labelled.decode(line).label
    except _WRONG:
        label = ""
    if name and name not in _NAMES:
        return NotACommand(Why.NO_SUCH_COMMAND, f"there is no command {name[:40]!r}", label)
    return NotACommand(Why.NOT_UNDERSTOOD, _what(error), label)


def _what(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "that is not UTF-8"
    if isinstance(error, RecursionError):
        return "that is nested too deeply"
    return str(error)
