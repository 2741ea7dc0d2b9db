"""What the API says, as types: each is one shape of JSON, and one function a type makes it of what tincans has.

Nothing else in `watch` builds JSON, and the OpenAPI document is made of these very types, so what is served and what is
documented cannot differ; `tests/watch/golden/` has one file of each.

Times are whole microseconds since 1970-01-01 UTC: JavaScript's numbers hold those exactly, and nanoseconds not. All
texts have been escaped (`tincans.text.escape`) where a party chose them, so that every character in them prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from tincans import waiting
from tincans.channel import Side
from tincans.conversation import Conversation as Told
from tincans.text import escape
from tincans.transports import programs

encode = msgspec.json.Encoder().encode


def micros(at: int) -> int:
    """Nanoseconds as microseconds."""
    return at // 1000


def _micros(at: int | None) -> int | None:
    return None if at is None else micros(at)


def _escaped(texts: Mapping[str, str]) -> dict[str, str]:
    return {escape(name): escape(text) for name, text in texts.items()}


class Conversation(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="conversation"):
    """One conversation as it stands. One that is not recorded has a negative number, which holds while it is open."""

    number: int
    kind: str
    name: str
    client: str
    near: str
    far: str
    server: str
    boundaries: bool
    facts: dict[str, str]
    opened: int
    #: When the relay's second leg stood; null before, and where there is none.
    joined: int | None
    #: When something last happened, and when it was over.
    last: int
    closed: int | None
    #: finished, reset, failed, idle, stopped or lost; null while it is open.
    how: str | None
    by: str | None
    detail: str
    client_bytes: int
    server_bytes: int
    client_pieces: int
    server_pieces: int
    #: Bytes that were said and are not in the recording.
    dropped: int
    #: When each side ended what it says; one of them is a half-closed channel.
    client_ended: int | None
    server_ended: int | None
    notes: list[str]
    #: What is spoken, where somebody has looked; else empty.
    protocol: str


def conversation(told: Told, protocol: str = "") -> Conversation:
    """The shape of a conversation."""
    return Conversation(
        number=told.number, kind=told.kind.value, name=escape(told.name),
        client=escape(told.client), near=escape(told.near), far=escape(told.far), server=escape(told.server),
        boundaries=told.boundaries, facts=_escaped(told.facts),
        opened=micros(told.opened), joined=_micros(told.joined), last=micros(told.last), closed=_micros(told.closed),
        how=told.how.value if told.how else None, by=told.by.value if told.by else None, detail=escape(told.detail),
        client_bytes=told.client_bytes, server_bytes=told.server_bytes,
        client_pieces=told.client_pieces, server_pieces=told.server_pieces, dropped=told.dropped,
        client_ended=_micros(told.client_ended), server_ended=_micros(told.server_ended),
        notes=[escape(note) for note in told.notes], protocol=protocol,
    )  # fmt: skip


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What an event carries: ask for all of it with `first`, which is the item at which the whole message begins."""

    first: str
    #: Bytes of it in this item, unpacked, and its media type where somebody said one.
    size: int
    media: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a reader of a conversation is shown: an event, or what happened beside them."""

    #: PAGE.PLACE, which stays the same for as long as the conversation is decoded in the same way.
    id: str
    #: The event's type (`request`, `line` …), or the entry's (`opened`, `joined`, `noted`, `dropped`, `closed` …).
    kind: str
    at: int
    #: When its first byte was said; the same as `at` for most.
    began: int
    #: Who spoke; null for what is no event.
    side: str | None
    protocol: str
    #: Where in what that side said, in bytes; `end` exclusive.
    start: int
    end: int
    #: The meaning in one line, and further lines.
    summary: str
    details: list[str]
    #: How the content begins: lines of text, each escaped; empty where there is none, or it is no text.
    preview: list[str]
    content: Content | None
    #: said, wrong (it breaks the rules), faint (no event) or bold (another protocol begins).
    tone: str


class Page(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="page"):
    """A part of a conversation, decoded: what came of `entries` recorded entries, which begin with the one `first`."""

    conversation: int
    page: int
    first: int
    entries: int
    #: How many pages there are now, and recorded entries in them altogether.
    pages: int
    total: int
    protocol: str
    #: False where decoding began in the middle, so that what came before may change what this means.
    exact: bool
    items: list[Item]


class Bytes(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="bytes"):
    """What one side said from `start` on, in hex; a zero stands for each byte that is hidden or missing."""

    start: int
    data: str
    #: Spans that are secret, and that are not in the recording, counted as `start` is, their ends exclusive.
    hidden: list[tuple[int, int]]
    missing: list[tuple[int, int]]


def said(start: int, data: bytes, hidden: list[tuple[int, int]], missing: list[tuple[int, int]]) -> Bytes:
    """The shape of bytes that were said."""
    return Bytes(start=start, data=data.hex(), hidden=hidden, missing=missing)


Role = Literal["body", "inline", "attached"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a mail that is not made of parts."""

    #: By which it is asked for: `1`, `2.1` … counted as in IMAP.
    path: str
    media: str
    #: Of the file that it was; empty where it was none.
    name: str
    #: Bytes, unpacked.
    size: int
    #: What a reader takes it for: text to read, a picture within that, or a file beside it.
    role: Role
    #: By which the text shows it, as `cid:ID`; empty for most.
    id: str


class Mail(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="mail"):
    """A mail for a reader: the fields worth reading, each a name and a value, and its parts."""

    headers: list[tuple[str, str]]
    parts: list[Part]
    #: Why not all of it is here, or could be told apart; empty where nothing is amiss.
    lack: str


def mail(headers: list[tuple[str, str]], parts: list[Part], lack: str) -> Mail:
    """The shape of a mail; the texts of its parts are as they were chosen."""
    return Mail(
        headers=[(escape(name), escape(value)) for name, value in headers], parts=[_part(each) for each in parts],
        lack=escape(lack),
    )  # fmt: skip


def _part(told: Part) -> Part:
    media, name, id_ = escape(told.media), escape(told.name), escape(told.id)
    return msgspec.structs.replace(told, media=media, name=name, id=id_)


class Socket(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a connection, as the kernel knows it."""

    state: str
    unread: int
    unsent: int


class Direction(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with what one side says."""

    said: int
    last: int | None
    #: Seconds since; null where it said nothing.
    age: float | None
    unfinished: int
    ended: bool
    queued: int | None
    unread: int | None


class State(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="state"):
    """Who waits for whom, in a sentence."""

    conversation: int
    at: int
    protocol: str
    client: Direction
    server: Direction
    sockets: dict[str, Socket]
    sentence: str
    #: Whether somebody waits for what may never come: where only an answer is awaited, after ANSWER_SECONDS.
    is_stuck: bool


def _direction(told: waiting.Direction) -> Direction:
    return Direction(
        said=told.said, last=_micros(told.last), age=told.age, unfinished=told.unfinished, ended=told.ended,
        queued=told.queued, unread=told.unread,
    )  # fmt: skip


def state(told: waiting.State) -> State:
    """The shape of a state."""
    sockets = {
        name: Socket(state=each.state, unread=each.unread, unsent=each.unsent) for name, each in told.sockets.items()
    }
    return State(
        conversation=told.conversation, at=micros(told.at), protocol=told.protocol,
        client=_direction(told.client), server=_direction(told.server), sockets=sockets,
        sentence=told.sentence, is_stuck=told.is_stuck,
    )  # fmt: skip


class Row(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="row"):
    """One listener or relay of the switchboard."""

    name: str
    #: listen or relay
    kind: str
    address: str
    #: The app's name or the target's address.
    answers: str
    #: Callers now, and ever.
    clients: int
    served: int
    #: False once it was stopped by hand.
    listening: bool
    record: bool


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """The program at one end of a connection, as far as the kernel tells."""

    pid: int
    name: str
    command: str


def program(told: programs.Program) -> Program:
    """The shape of a program."""
    return Program(pid=told.pid, name=escape(told.name), command=escape(told.command))


class Second(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in one second, in all conversations together or in one."""

    at: int
    client_bytes: int
    server_bytes: int
    client_pieces: int
    server_pieces: int
    #: Open at its end, and opened in it.
    open: int
    opened: int
    #: How long the calls of relays took that were answered in it, in milliseconds: the median; null where none was.
    opening: float | None


class Trouble(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="trouble"):
    """What went wrong, in a sentence, and what would help."""

    error: str
    advice: str


def side_of(text: str) -> Side:
    """The side that a request names. Raises `ValueError`."""
    return Side(text)


def to_json(shape: Any) -> bytes:
    """The JSON of any shape, or of a dict or list of them."""
    return encode(shape)
