"""DNS: questions and answers, one message a datagram, or each behind its length of two bytes on a stream (RFC 1035 §4).

Both kinds of message have the same form, so they are one class with two names. What a record says is text as in a zone
file (`dns_records.py`), EDNS's OPT record stands by itself (RFC 6891). A message that is broken anywhere is wholly
`Malformed`, and the next one is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import ClassVar

import msgspec

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.protocols.dns_records import (
    Wire,
    class_name,
    class_number,
    quoted,
    read_data,
    type_name,
    type_number,
    write_data,
    write_name,
)
from tincans.protocols.events import Event, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.session import Match, Session

_OPCODES = {0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE", 6: "DSO"}
_RCODES = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
    8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI", 16: "BADVERS", 17: "BADKEY", 18: "BADTIME",
    19: "BADMODE", 20: "BADNAME", 21: "BADALG", 22: "BADTRUNC", 23: "BADCOOKIE",
}  # fmt: skip
#: The bits between opcode and rcode (RFC 1035 §4.1.1, RFC 4035 §3.1.6 and §3.2.2), `z` being reserved.
_FLAGS = {"aa": 0x400, "tc": 0x200, "rd": 0x100, "ra": 0x80, "z": 0x40, "ad": 0x20, "cd": 0x10}
_OPT, _RESPONSE, _DNSSEC = 41, 0x8000, 0x8000
_HEADER = 12


def _number(name: str, known: dict[int, str], prefix: str, most: int) -> int:
    number = next((each for each, other in known.items() if other == name), -1)
    if number < 0 and name.startswith(prefix) and name[len(prefix) :].isdecimal():
        number = int(name[len(prefix) :])
    if not 0 <= number <= most:
        raise ValueError(f"there is no {prefix.lower()} {name!r}")
    return number


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which records of a name are asked for."""

    name: str
    type: str = "A"
    class_: str = msgspec.field(default="IN", name="class")

    def __post_init__(self) -> None:
        self.wire()

    def __str__(self) -> str:
        return " ".join([self.name, *([] if self.class_ == "IN" else [self.class_]), self.type])

    def wire(self) -> bytes:
        kind = type_number(self.type).to_bytes(2, "big")
        return write_name(self.name) + kind + class_number(self.class_).to_bytes(2, "big")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a name: `data` is text as in a zone file, or as RFC 3597 has what it does not know."""

    name: str
    type: str
    class_: str = msgspec.field(default="IN", name="class")
    ttl: int = 0
    data: str

    def __post_init__(self) -> None:
        if not 0 <= self.ttl < 1 << 32:
            raise ValueError(f"a record cannot live for {self.ttl} seconds")
        if type_number(self.type) == _OPT:
            raise ValueError("an OPT record is the message's edns")
        self.wire()

    def __str__(self) -> str:
        return f"{self.name} {self.ttl} {self.class_} {self.type} {self.data}".rstrip()

    def wire(self) -> bytes:
        number, class_ = type_number(self.type), class_number(self.class_)
        return _record(self.name, number, class_, self.ttl, write_data(self.data, number, class_))


class Edns(msgspec.Struct, frozen=True, kw_only=True):
    """What the OPT record says: how long a datagram may be, and options by their numbers."""

    payload: int = 1232
    version: int = 0
    dnssec: bool = False
    #: The bits behind the one that asks for DNSSEC; nothing may stand in them yet.
    reserved: int = 0
    options: tuple[tuple[int, bytes], ...] = ()

    def __post_init__(self) -> None:
        self.wire(0)

    @property
    def details(self) -> Iterator[str]:
        yield f"EDNS {self.version}: {self.payload} bytes{', DNSSEC' if self.dnssec else ''}"
        for number, data in self.options:
            name, shown = _OPTIONS.get(number, (f"option {number}", bytes.hex))
            yield f"EDNS {name}: {shown(data)}"

    def wire(self, rcode: int) -> bytes:
        try:
            ttl = bytes([rcode >> 4, self.version]) + (self.dnssec << 15 | self.reserved).to_bytes(2, "big")
            options = [number.to_bytes(2, "big") + _counted(data) for number, data in self.options]
            return _record(".", _OPT, self.payload, int.from_bytes(ttl, "big"), b"".join(options))
        except OverflowError as error:
            raise ValueError(f"a number in EDNS is too large: {error}") from error


def _client_subnet(data: bytes) -> str:
    """RFC 7871 §6."""
    size = {1: 4, 2: 16}.get(int.from_bytes(data[:2], "big"), 0)
    if len(data) < 4 or not size or len(data) > 4 + size:
        return data.hex()
    return f"{ip_address(data[4:].ljust(size, bytes(1)))}/{data[2]}, scope {data[3]}"


def _extended_error(data: bytes) -> str:
    """RFC 8914 §2; the names are those of its §4."""
    number = int.from_bytes(data[:2], "big")
    said = f": {text(data[2:])}" if data[2:] else ""
    return _EXTENDED_ERRORS.get(number, f"number {number}") + said


_EXTENDED_ERRORS = {
    0: "other", 1: "unsupported DNSKEY algorithm", 2: "unsupported DS digest", 3: "stale answer", 4: "forged answer",
    5: "DNSSEC indeterminate", 6: "DNSSEC bogus", 7: "signature expired", 8: "signature not yet valid",
    9: "DNSKEY missing", 10: "RRSIGs missing", 11: "no zone key bit", 12: "NSEC missing", 13: "cached error",
    14: "not ready", 15: "blocked", 16: "censored", 17: "filtered", 18: "prohibited", 19: "stale NXDOMAIN",
    20: "not authoritative", 21: "not supported", 22: "no reachable authority", 23: "network error", 24: "invalid data",
}  # fmt: skip
_OPTIONS: dict[int, tuple[str, Callable[[bytes], str]]] = {
    3: ("NSID", quoted), 8: ("client subnet", _client_subnet), 10: ("cookie", bytes.hex),
    12: ("padding", lambda data: f"{len(data)} bytes"), 15: ("extended error", _extended_error),
}  # fmt: skip


class _Message(Event, frozen=True, kw_only=True):
    id: int
    opcode: str = "QUERY"
    flags: tuple[str, ...] = ()
    rcode: str = "NOERROR"
    questions: tuple[Question, ...] = ()
    answers: tuple[Record, ...] = ()
    authorities: tuple[Record, ...] = ()
    additionals: tuple[Record, ...] = ()
    edns: Edns | None = None

    def __post_init__(self) -> None:
        rcode = _number(self.rcode, _RCODES, "RCODE", 0xFFF)
        if rcode > 0xF and self.edns is None:
            raise ValueError(f"{self.rcode} needs EDNS")
        _number(self.opcode, _OPCODES, "OPCODE", 0xF)
        if not set(self.flags) <= _FLAGS.keys() or not 0 <= self.id <= 0xFFFF:
            raise ValueError(f"flags are of {', '.join(_FLAGS)}, and an id has 16 bits")

    @property
    def details(self) -> Iterator[str]:
        if self.flags:
            yield f"flags: {' '.join(self.flags)}"
        for name in ("answers", "authorities", "additionals"):
            yield from (f"{_SECTIONS[name]}: {record}" for record in getattr(self, name))
        if self.edns is not None:
            yield from self.edns.details

    def _asked(self) -> str:
        opcode = "" if self.opcode == "QUERY" else f"{self.opcode} "
        return opcode + (", ".join(map(str, self.questions)) or "no question")


_SECTIONS = {"answers": "answer", "authorities": "authority", "additionals": "additional"}
#: So many answers stand in a summary.
_SHOWN = 4


class Query(_Message, frozen=True, kw_only=True):
    """A question, or an update."""

    @property
    def summary(self) -> str:
        return f"{self._asked()} (query {self.id})"


class Response(_Message, frozen=True, kw_only=True):
    """What the server knows, or why it does not tell."""

    side: Side = Side.SERVER

    @property
    def summary(self) -> str:
        said = [f"{record.type} {record.data}" for record in self.answers[:_SHOWN]]
        more = [f"… {len(self.answers)} in all"] if len(self.answers) > _SHOWN else []
        what = ", ".join(said + more) if self.rcode == "NOERROR" and self.answers else self.rcode
        return f"{self._asked()}: {what} (response {self.id})"


# ── on the wire ───────────────────────────────────────────────────────────────────────────────────────────


def _counted(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _record(name: str, number: int, class_: int, ttl: int, data: bytes) -> bytes:
    numbers = number.to_bytes(2, "big") + class_.to_bytes(2, "big") + ttl.to_bytes(4, "big")
    return write_name(name) + numbers + _counted(data)


def _read_message(wire: Wire) -> _Message:
    """A whole message; what is behind it is left. Raises `Wrong`."""
    try:
        return _read_parts(wire)
    except ValueError as error:
        raise wire.wrong(str(error)) from error


def _read_parts(wire: Wire) -> _Message:
    number, bits, *counts = (wire.number(2) for _ in range(_HEADER // 2))
    questions = tuple(_read_question(wire) for _ in range(counts[0]))
    answers, authorities = (tuple(_read_records(wire, count)) for count in counts[1:3])
    found = [_read_record(wire) for _ in range(counts[3])]
    additionals = tuple(each for each in found if isinstance(each, Record))
    options = [each for each in found if not isinstance(each, Record)]
    if len(options) > 1:
        raise wire.wrong("there are two OPT records")
    edns, extended = options[0] if options else (None, 0)
    opcode, rcode = bits >> 11 & 0xF, bits & 0xF | extended << 4
    kind = Response if bits & _RESPONSE else Query
    return kind(
        id=number, opcode=_OPCODES.get(opcode, f"OPCODE{opcode}"), rcode=_RCODES.get(rcode, f"RCODE{rcode}"),
        flags=tuple(name for name, bit in _FLAGS.items() if bits & bit), questions=questions, answers=answers,
        authorities=authorities, additionals=additionals, edns=edns,
    )  # fmt: skip


def _read_question(wire: Wire) -> Question:
    return Question(name=wire.name(), type=type_name(wire.number(2)), class_=class_name(wire.number(2)))


def _read_records(wire: Wire, count: int) -> Iterator[Record]:
    for _ in range(count):
        record = _read_record(wire)
        if not isinstance(record, Record):
            raise wire.wrong("an OPT record does not stand among the additional ones")
        yield record


def _read_record(wire: Wire) -> Record | tuple[Edns, int]:
    """A record, or what an OPT record says, with the upper bits of the rcode."""
    start, name = wire.at, wire.name()
    number, class_, ttl = wire.number(2), wire.number(2), wire.number(4)
    data = wire.within(wire.number(2))
    if number != _OPT:
        said = read_data(data, number, class_)
        return Record(name=name, type=type_name(number), class_=class_name(class_), ttl=ttl, data=said)
    if name != ".":
        raise wire.wrong("an OPT record has a name", start)
    options = []
    while data.left:
        options.append((data.number(2), data.take(data.number(2))))
    return Edns(
        payload=class_, version=ttl >> 16 & 0xFF, dnssec=bool(ttl & _DNSSEC), reserved=ttl & 0x7FFF,
        options=tuple(options),
    ), ttl >> 24  # fmt: skip


def _write_message(message: _Message) -> bytes:
    rcode = _number(message.rcode, _RCODES, "RCODE", 0xFFF)
    bits = _number(message.opcode, _OPCODES, "OPCODE", 0xF) << 11 | rcode & 0xF
    bits |= sum(_FLAGS[name] for name in set(message.flags)) | (_RESPONSE if isinstance(message, Response) else 0)
    additionals = [record.wire() for record in message.additionals]
    if message.edns is not None:
        additionals.append(message.edns.wire(rcode))
    sections: list[list[bytes]] = [
        *([each.wire() for each in section] for section in (message.questions, message.answers, message.authorities)),
        additionals,
    ]
    numbers: Iterable[int] = (message.id, bits, *map(len, sections))
    return b"".join(number.to_bytes(2, "big") for number in numbers) + b"".join(
        b"".join(section) for section in sections
    )


# ── the session ───────────────────────────────────────────────────────────────────────────────────────────

#: What the bytes of a stream's first query are: its length, a header with one question and little more.
_BEGINNING: dict[int, Callable[[int], bool]] = {
    0: lambda byte: byte < 0x10, 4: lambda byte: not byte & 0x86 and byte >> 3 in (0, 2, 4, 5),
    5: lambda byte: not byte & 0xCF, 6: lambda byte: byte == 0, 7: lambda byte: byte == 1, 8: lambda byte: byte == 0,
    9: lambda byte: byte == 0, 10: lambda byte: byte == 0, 11: lambda byte: byte <= 1, 12: lambda byte: byte == 0,
    13: lambda byte: byte <= 2,
}  # fmt: skip
_ASKED_CLASSES = ("IN", "CH", "HS", "NONE", "ANY", "IN+FLUSH")


class DnsSession(Session):
    """DNS over UDP, where the channel has boundaries, or over a stream."""

    name: ClassVar[str] = "dns"
    title: ClassVar[str] = "DNS"
    ports: ClassVar[tuple[int, ...]] = (53, 5353)
    framed: ClassVar[bool] = True

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._asked: set[int] = set()
        self._over = dict.fromkeys(Side, 0)  # bytes between a message and where its length says that it ends

    @property
    def awaited(self) -> Side | None:
        return Side.SERVER if self._asked else Side.CLIENT

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        """A datagram that is a query and nothing else, or the beginning of a stream that begins with one."""
        if _is_query(client):
            return Match.SURE
        if not client or any(place < len(client) and not fits(client[place]) for place, fits in _BEGINNING.items()):
            return Match.NO
        size = 2 + int.from_bytes(client[:2], "big")
        if len(client) < 2 or (len(client) < 2 + _HEADER < size):
            return Match.WAIT
        if size <= 2 + _HEADER:
            return Match.NO
        wire = Wire(client[:size], 0, 2)
        wire.take(_HEADER)
        try:
            return Match.SURE if _read_question(wire).class_ in _ASKED_CLASSES else Match.NO
        except (Wrong, ValueError):  # perhaps only not all there
            return Match.WAIT if len(client) < min(size, _HEADER + 2 + 300) else Match.NO

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if self._over[side]:
            count, self._over[side] = self._over[side], 0
            raise Wrong(f"{count} bytes too many in the message", inbox.start, skip=count)
        base = 0 if self.boundaries else 2
        size = len(inbox) if self.boundaries else 2 + int.from_bytes(inbox.data[:2], "big")
        if len(inbox) < max(size, 1 + base // 2):
            return None
        wire = Wire(bytes(inbox.data[:size]), inbox.start, base)
        try:
            event = _read_message(wire)
        except Wrong as wrong:
            wrong.reply = self._refusal(side, wire)
            raise
        inbox.take(wire.at)
        self._over[side] = 0 if self.boundaries else wire.left
        self._note(event)
        return event

    def _note(self, event: _Message) -> None:
        if isinstance(event, Response):
            self._asked.discard(event.id)
        else:
            self._asked.add(event.id)

    def _refusal(self, side: Side, wire: Wire) -> bytes:
        """What a polite server answers to a query that it cannot read: FORMERR."""
        number, bits = wire.data[wire.base : wire.base + 2], wire.data[wire.base + 2 : wire.base + 4]
        if side is Side.SERVER or len(bits) < 2 or bits[0] & 0x80:
            return b""
        return self._framed(number + b"\x80\x01" + bytes(8))

    def _framed(self, message: bytes) -> bytes:
        return message if self.boundaries else _counted(message)

    def _skip(self, side: Side, count: int) -> bool:
        return self.boundaries

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, side: Side, event: Event) -> bytes:
        if not isinstance(event, Query | Response):
            raise LocalProtocolError(f"DNS has no {type(event).__name__}")
        message = _write_message(event)
        if len(message) > 0xFFFF:
            raise LocalProtocolError(f"a message of {len(message)} bytes is longer than its length can say")
        return self._framed(message)


def _is_query(client: bytes) -> bool:
    if len(client) < _HEADER:
        return False
    wire = Wire(client, 0, 0)
    try:
        message = _read_message(wire)
    except Wrong:
        return False
    classes = [question.class_ for question in message.questions]
    return isinstance(message, Query) and not wire.left and bool(classes) and set(classes) <= set(_ASKED_CLASSES)
