"""What was meant: the events that every protocol's are made of. The head of `session` says how they come about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from tincans.channel import Buffer, Side
from tincans.text import starred

E = TypeVar("E", bound="Event")

#: What stands where a secret stood.
MASK = "******"

#: Why something is `Malformed` that was whole when it was said.
CUT_OFF = "what follows is missing"


def _tag(name: str) -> str:
    """`MessageEnd` as `message_end`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=_tag):
    """What was meant. Frozen, and validated when built (`__post_init__` raises `ValueError`).

    Text is `str`, read as UTF-8 with `surrogateescape`, so that nothing is lost; what is no text is `bytes`.
    """

    #: Who said it, and where in what that side said: offsets in bytes, `end` exclusive. An event that was built to
    #: be sent has no place.
    side: Side = Side.CLIENT
    start: int = 0
    end: int = 0
    #: Spans of secret bytes within [start, end), as a hex dump has to mask them.
    hidden: tuple[tuple[int, int], ...] = ()

    @property
    def summary(self) -> str:
        """The meaning in one line, for a reader. It may hold any character: escape it before it is printed."""
        return type(self).__name__

    @property
    def details(self) -> Iterator[str]:
        """Further lines worth reading: header fields, parameters. Escape them."""
        return iter(())

    def masked(self: E) -> E:
        """The same, in the same place, with its secrets replaced by `MASK`."""
        return self

    def bare(self: E) -> E:
        """The same without its place: what was meant alone, to compare by."""
        return msgspec.structs.replace(self, start=0, end=0, hidden=())


class Chunk(Event, frozen=True, kw_only=True):
    """A piece of something longer. How it was cut means nothing: neighbours of one side and type may be joined."""

    data: bytes

    @property
    def summary(self) -> str:
        return f"{type(self).__name__.lower()}, {len(self.data)} bytes"

    def join(self: C, other: C) -> C:
        """This and the next one as one."""
        hidden = self.hidden + other.hidden
        if self.hidden and other.hidden and self.hidden[-1][1] == other.hidden[0][0]:  # one secret, in two pieces
            hidden = (*self.hidden[:-1], (self.hidden[-1][0], other.hidden[0][1]), *other.hidden[1:])
        return msgspec.structs.replace(self, data=self.data + other.data, end=other.end, hidden=hidden)


C = TypeVar("C", bound=Chunk)


class Data(Chunk, frozen=True, kw_only=True):
    """Bytes that have no further meaning here: a raw stream, or what follows after decoding had to give up."""


class Malformed(Chunk, frozen=True, kw_only=True):
    """What breaks the rules of the protocol: what is wrong, and at which offset. Only in a recording.

    `data` is what was skipped for it, the last bytes of its span.
    """

    reason: str
    at: int

    @property
    def summary(self) -> str:
        return f"malformed at byte {self.at}: {self.reason}"

    def masked(self) -> Malformed:
        if not self.hidden:
            return self
        data = starred(self.data, self.end - len(self.data), self.hidden)
        return msgspec.structs.replace(self, data=data)


class Missing(Event, frozen=True, kw_only=True):
    """The bytes from `start` to `end` are not in the recording."""

    @property
    def summary(self) -> str:
        return f"{self.end - self.start} bytes are missing"


class Upgraded(Event, frozen=True, kw_only=True):
    """From here on both sides speak another protocol: its name, or empty where that is not said; what it is told."""

    to: str
    options: dict[str, str] = {}

    @property
    def summary(self) -> str:
        name = self.options.get("name", "")
        return f"{_TITLES.get(name) or _TITLES.get(self.to, self.to) or 'something else'} from here"


_TITLES = {"h2": "HTTP/2", "tls": "TLS", "websocket": "WebSocket"}


def text(data: Buffer) -> str:
    """Bytes as text, reversibly."""
    return str(data, "utf-8", "surrogateescape")


def encoded(string: str) -> bytes:
    """Text of an event as the bytes it was."""
    return string.encode("utf-8", "surrogateescape")
