"""A conversation's entries with their bytes decoded: what `show`, the live view, `diff` and `export` go through.

A `Decoding` takes the entries of one conversation in their order and gives them back, but for `Said`, in whose place
come the events that it completes, each as `Heard`: with its time and the protocol's name. Decoding happens here, when
somebody looks, and never on the way of the traffic.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from tincans.address import Address
from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Ended, Entry, Opened, Said, Secured
from tincans.errors import AddressError
from tincans.limits import VIEW_BYTES
from tincans.protocols import Decoder, Event, Missing, Upgraded, find_protocol
from tincans.protocols.view import View, Viewer
from tincans.text import escape


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a conversation: when its first byte and its last were said (nanoseconds since 1970-01-01 UTC)."""

    conversation: int
    began: int
    at: int
    protocol: str
    event: Event

    def masked(self) -> Heard:
        """The same with its secrets replaced."""
        return msgspec.structs.replace(self, event=self.event.masked())


class Decoding:
    """Decodes one conversation, entry by entry. Holds what is unfinished, and nothing else."""

    def __init__(self, opened: Opened, protocol: str = "") -> None:
        """`protocol` as `find_protocol` takes it; empty to guess it. Raises `NoSuchProtocol`."""
        if "ftp.command" in opened.facts and opened.facts.get("ftp.protection") != "P":
            protocol = protocol or "raw"  # a file, which may look like anything
        self._number = opened.conversation
        self._decoder = Decoder(protocol, port=port_of(opened.server), boundaries=opened.boundaries)
        self._offsets = dict.fromkeys(Side, 0)
        #: Of each side: where every piece ended that was not yet wholly decoded, and when it was said.
        self._pieces: dict[Side, deque[tuple[int, int]]] = {side: deque() for side in Side}
        self._ended: set[Side] = set()
        self._last = opened.at

    @property
    def protocol(self) -> str:
        """The name of what is spoken now; empty while that cannot be told."""
        return self._decoder.protocol

    @property
    def decoder(self) -> Decoder:
        return self._decoder

    def unfinished(self, side: Side) -> bytes:
        """What `side` has begun to say and is not an event yet."""
        return self._decoder.unfinished(side)

    def take(self, entry: Entry) -> list[Entry | Heard]:
        """What happened next: the events that it completes, and then the entry itself unless it is all in them."""
        self._last = entry.at
        match entry:
            case Said(side=side, data=data):
                self._piece(side, len(data), entry.at)
                return self._heard(self._decoder.receive(side, data))
            case Dropped(side=side, count=count):
                self._piece(side, count, entry.at)
                return [*self._heard(self._decoder.lost(side, count)), entry]
            case Ended(side=side):
                return [*self._end(side), entry]
            case Secured():
                return [*self._heard(self._decoder.secured()), entry]
            case Closed():
                return [*self._end(Side.CLIENT), *self._end(Side.SERVER), entry]
            case _:
                return [entry]

    def moved(self, start: Mapping[Side, int]) -> None:
        """As the decoder's: before anything was said."""
        self._offsets = dict(start)
        self._decoder.moved(start)

    def close(self) -> list[Entry | Heard]:
        """No more entries come, though the conversation may go on: what was kept to tell the protocol."""
        return self._heard(self._decoder.close())

    def _end(self, side: Side) -> list[Entry | Heard]:
        if side in self._ended:
            return []
        self._ended.add(side)
        return self._heard(self._decoder.end(side))

    def _piece(self, side: Side, count: int, at: int) -> None:
        self._offsets[side] += count
        self._pieces[side].append((self._offsets[side], at))

    def _heard(self, told: list[tuple[str, Event]]) -> list[Entry | Heard]:
        return [
            Heard(
                conversation=self._number, protocol=protocol, event=event,
                began=self._when(event.side, event.start, forget=True),
                at=self._when(event.side, max(event.start, event.end - 1)),
            )
            for protocol, event in told
        ]  # fmt: skip

    def _when(self, side: Side, offset: int, *, forget: bool = False) -> int:
        """When the byte at `offset` was said; `forget` the pieces before it."""
        pieces = self._pieces[side]
        if forget:
            while len(pieces) > 1 and pieces[0][0] <= offset:
                pieces.popleft()
        if pieces and pieces[0][0] > offset:  # as nearly always
            return pieces[0][1]
        return next((at for end, at in pieces if end > offset), self._last)


class Tape:
    """The very bytes of one conversation's events: tell it what was said, and cut off each event as it comes.

    It holds what is not cut off yet, which is what is unfinished.
    """

    def __init__(self) -> None:
        self._said: dict[Side, bytearray] = {side: bytearray() for side in Side}

    def add(self, entry: Entry) -> None:
        """What happens next; before its events are cut off."""
        if isinstance(entry, Said):
            self._said[entry.side] += entry.data

    def cut(self, event: Event) -> bytes:
        """The bytes of the next event of its side; none of what is missing."""
        if isinstance(event, Missing):
            return b""
        said = self._said[event.side]
        data = bytes(said[: event.end - event.start])
        del said[: len(data)]
        return data


class Views:
    """Shows one conversation's events to a reader, whatever protocols it goes through."""

    def __init__(self, protocol: str = "") -> None:
        """`protocol` as it was given to `Decoding`."""
        self._given = find_protocol(protocol) if protocol else None
        self._viewers: dict[str, Viewer] = {}
        self._most = VIEW_BYTES

    def widen(self, most: int) -> None:
        """Keep and unpack so many bytes of a body or a mail, where that begins from now on."""
        self._most = most
        for viewer in self._viewers.values():
            viewer.most = most

    def view(self, heard: Heard) -> View:
        """What to show of the next event, masked or not as it is."""
        name = heard.protocol
        if name not in self._viewers:
            # A class that was given as MODULE:CLASS has a name that only it knows.
            given = self._given if self._given is not None and self._given.name == name else None
            self._viewers[name] = (given or find_protocol(name)).kind.viewer()
            self._viewers[name].most = self._most
        view = self._viewers[name].view(heard.event)
        if isinstance(heard.event, Upgraded):
            self._viewers.clear()
        return view


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────────────────


def to_json(told: Heard | Entry) -> bytes:
    """One line of JSON, without its end; nothing else in tincans writes entries or events as JSON.

    An entry has its fields. An event has `type`, `conversation`, `at`, `began`, `protocol`, `side`, `start` and `end`,
    and then its own fields, of which one that has such a name is called `TYPE_NAME`. Bytes are in base64; a byte that
    is no UTF-8 in a text is `\\xNN`; and whatever does not print is escaped.
    """
    return as_json(_fields(told) if isinstance(told, Heard) else told)


def as_json(fields: Any) -> bytes:
    """What was said, as JSON that prints, in one line: `to_json` says how."""
    try:
        line = msgspec.json.encode(fields)
    except UnicodeEncodeError:  # a surrogate: a byte that is no text
        line = msgspec.json.encode(_sound(msgspec.to_builtins(fields)))
    text = line.decode()
    return line if text.isprintable() else _UNPRINTED.sub(_unicode, text).encode()


def _fields(heard: Heard) -> dict[str, Any]:
    event = msgspec.to_builtins(heard.event)
    kind = event.pop("type")
    fields = {
        "type": kind, "conversation": heard.conversation, "at": heard.at, "began": heard.began,
        "protocol": heard.protocol, "side": event.pop("side"), "start": event.pop("start"), "end": event.pop("end"),
    }  # fmt: skip
    if not event["hidden"]:
        del event["hidden"]
    return fields | {f"{kind}_{name}" if name in fields else name: value for name, value in event.items()}


_SURROGATE = re.compile("[\ud800-\udfff]")
_UNPRINTED = re.compile(r"[^ -~]")


def _sound(value: Any) -> Any:
    """With no surrogate in any text of it."""
    match value:
        case str():
            return _SURROGATE.sub(lambda found: escape(found[0]), value)
        case dict():
            return {_sound(name): _sound(each) for name, each in value.items()}
        case list() | tuple():
            return [_sound(each) for each in value]
    return value


def _unicode(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def port_of(address: str) -> int | None:
    """The port by which a protocol may be known; None where the address has none, or makes no sense."""
    try:
        return Address.parse(address).port or None
    except AddressError:
        return None
