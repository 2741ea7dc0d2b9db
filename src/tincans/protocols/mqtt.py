"""MQTT 3.1, 3.1.1 and 5.

A packet is a byte with its type and four flags, its length in at most four bytes, and that many bytes: so what is
broken inside it is passed over, and the next one read. Which version is spoken the CONNECT says, for both directions;
before one was seen it is taken for 3.1.1. A row of `_PACKETS` says of each type who may send it, with which flags, and
how it is read and written. Sections are those of MQTT 5: https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import msgspec

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import MESSAGE_BYTES, MQTT_PACKET_BYTES, MQTT_STRING_BYTES
from tincans.protocols.cursor import Cursor, varint
from tincans.protocols.events import Event
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.mqtt_events import (
    SECRET,
    Auth,
    Connack,
    Connect,
    Disconnect,
    MqttViewer,
    Payload,
    Pingreq,
    Pingresp,
    Properties,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
    check_string,
)
from tincans.protocols.session import Match, Session
from tincans.protocols.view import Viewer

# ── fields ────────────────────────────────────────────────────────────────────────────────────────────────


class _Fields(Cursor):
    """The fields of a packet: those of MQTT, in its version."""

    __slots__ = ("flags", "secrets", "version")

    def __init__(self, data: bytes, offset: int, at: int, version: int) -> None:
        super().__init__(data, offset, at)
        self.flags, self.version = data[0] & 0x0F, version
        #: Where secrets stand.
        self.secrets: list[tuple[int, int]] = []

    def text(self) -> str:
        start = self.at
        try:
            string = self.binary().decode()
        except UnicodeDecodeError as error:
            raise self.wrong("a string is not UTF-8", start + 2 + error.start) from error
        if "\0" in string:
            raise self.wrong("a string has a null character in it", start)
        return string

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def secret(self) -> bytes:
        data = self.binary()
        self.secrets.append((self.place - len(data), self.place))
        return data

    def varint(self) -> int:
        value = 0
        for place in range(4):
            byte = self.number(1)
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return value
        raise self.wrong("a number has more than four bytes")

    def properties(self, packet: str) -> Properties:
        """What MQTT 5 has before the payload of every packet (§2.2.2)."""
        if self.version < 5:
            return ()
        end = self.varint() + self.at
        if end > self.end:
            raise self.wrong("the properties go beyond the packet")
        found: list[tuple[str, Any]] = []
        while self.at < end:
            start, number = self.at, self.varint()
            row = _BY_NUMBER.get(number)
            if row is None or packet not in row.packets:
                raise self.wrong(f"a {packet} has no property {number}", start)
            if not row.repeats and any(name == row.name for name, _ in found):
                raise self.wrong(f"the {row.name} is there twice", start)
            found.append((row.name, self.secret() if row.name == SECRET else row.kind.read(self)))
        if self.at != end:
            raise self.wrong("the properties do not end where their length says")
        return tuple(found)


class _Kind(NamedTuple):
    """How a property's value is read and written."""

    read: Callable[[_Fields], Any]
    write: Callable[[Any], bytes]


def _text(string: str) -> bytes:
    check_string(string, "a string")
    return _binary(string.encode())


def _binary(data: bytes) -> bytes:
    if len(data) > MQTT_STRING_BYTES:
        raise ValueError(f"{len(data)} bytes are more than {MQTT_STRING_BYTES}")
    return len(data).to_bytes(2, "big") + data


def _varint(value: int) -> bytes:
    if not 0 <= value <= MQTT_PACKET_BYTES:
        raise ValueError(f"{value} does not fit in four bytes of seven bits")
    return varint(value)


def _number(size: int) -> _Kind:
    return _Kind(lambda fields: fields.number(size), lambda value: int(value).to_bytes(size, "big"))


_BYTE, _TWO, _FOUR = _number(1), _number(2), _number(4)
_VARINT = _Kind(_Fields.varint, _varint)
_TEXT = _Kind(_Fields.text, _text)
_BINARY = _Kind(_Fields.binary, _binary)
_PAIR = _Kind(lambda fields: (fields.text(), fields.text()), lambda pair: _text(pair[0]) + _text(pair[1]))


class _Property(NamedTuple):
    """A row of §2.2.2.2, table 2-4."""

    number: int
    name: str
    kind: _Kind
    packets: tuple[str, ...]
    repeats: bool = False


_MESSAGE = ("publish", "will")
_GREETING = ("connect", "connack")
_ACKS = ("puback", "pubrec", "pubrel", "pubcomp")
_ANSWERS = (*_ACKS, "connack", "suback", "unsuback", "disconnect", "auth")
_PROPERTIES = (
    _Property(1, "payload format indicator", _BYTE, _MESSAGE),
    _Property(2, "message expiry interval", _FOUR, _MESSAGE),
    _Property(3, "content type", _TEXT, _MESSAGE),
    _Property(8, "response topic", _TEXT, _MESSAGE),
    _Property(9, "correlation data", _BINARY, _MESSAGE),
    _Property(11, "subscription identifier", _VARINT, ("publish", "subscribe"), repeats=True),
    _Property(17, "session expiry interval", _FOUR, (*_GREETING, "disconnect")),
    _Property(18, "assigned client identifier", _TEXT, ("connack",)),
    _Property(19, "server keep alive", _TWO, ("connack",)),
    _Property(21, "authentication method", _TEXT, (*_GREETING, "auth")),
    _Property(22, SECRET, _BINARY, (*_GREETING, "auth")),
    _Property(23, "request problem information", _BYTE, ("connect",)),
    _Property(24, "will delay interval", _FOUR, ("will",)),
    _Property(25, "request response information", _BYTE, ("connect",)),
    _Property(26, "response information", _TEXT, ("connack",)),
    _Property(28, "server reference", _TEXT, ("connack", "disconnect")),
    _Property(31, "reason string", _TEXT, _ANSWERS),
    _Property(33, "receive maximum", _TWO, _GREETING),
    _Property(34, "topic alias maximum", _TWO, _GREETING),
    _Property(35, "topic alias", _TWO, ("publish",)),
    _Property(36, "maximum QoS", _BYTE, ("connack",)),
    _Property(37, "retain available", _BYTE, ("connack",)),
    _Property(38, "user property", _PAIR, (*_MESSAGE, *_ANSWERS, "connect", "subscribe", "unsubscribe"), repeats=True),
    _Property(39, "maximum packet size", _FOUR, _GREETING),
    _Property(40, "wildcard subscription available", _BYTE, ("connack",)),
    _Property(41, "subscription identifier available", _BYTE, ("connack",)),
    _Property(42, "shared subscription available", _BYTE, ("connack",)),
)
_BY_NUMBER = {row.number: row for row in _PROPERTIES}
_BY_NAME = {row.name: row for row in _PROPERTIES}


def _properties(properties: Properties, packet: str, version: int) -> bytes:
    if version < 5:
        if properties:
            raise ValueError("there are no properties before MQTT 5")
        return b""
    data = bytearray()
    for name, value in properties:
        row = _BY_NAME.get(name)
        if row is None or packet not in row.packets:
            raise ValueError(f"a {packet} has no property {name!r}")
        data += _varint(row.number) + row.kind.write(value)
    return _varint(len(data)) + bytes(data)


# ── packets ───────────────────────────────────────────────────────────────────────────────────────────────

#: The name before each version (§3.1.2.1): 3.1 called itself otherwise.
_NAMES = {3: "MQIsdp", 4: "MQTT", 5: "MQTT"}
_BRIDGE = 0x80


def _read_connect(fields: _Fields) -> Event:
    start = fields.at
    name, level = fields.text(), fields.number(1)
    version = level & ~_BRIDGE
    if _NAMES.get(version) != name:
        raise fields.wrong(f"there is no {name} version {version}", start)
    fields.version = version
    flags, keep_alive = fields.number(1), fields.number(2)
    has_will = bool(flags & 4)
    if flags & 1 or (not has_will and flags & 0x38):
        raise fields.wrong(f"the flags cannot be {flags:#04x}", fields.at - 3)
    properties = fields.properties("connect")
    client_id = fields.text()
    will = _read_will(fields, flags) if has_will else None
    return Connect(
        version=version, bridge=level != version, clean=bool(flags & 2), keep_alive=keep_alive, client_id=client_id,
        will=will, user=fields.text() if flags & 0x80 else None, password=fields.secret() if flags & 0x40 else None,
        properties=properties,
    )  # fmt: skip


def _read_will(fields: _Fields, flags: int) -> Will:
    return Will(
        properties=fields.properties("will"), topic=fields.text(), payload=fields.binary(), qos=flags >> 3 & 3,
        retain=bool(flags & 0x20),
    )  # fmt: skip


def _write_connect(event: Connect, version: int) -> bytes:
    will = event.will
    flags = event.clean << 1 | (event.password is not None) << 6 | (event.user is not None) << 7
    if will is not None:
        flags |= 4 | will.qos << 3 | will.retain << 5
    level = event.version | (_BRIDGE if event.bridge else 0)
    data = _text(_NAMES[event.version]) + bytes([level, flags]) + event.keep_alive.to_bytes(2, "big")
    data += _properties(event.properties, "connect", event.version) + _text(event.client_id)
    if will is not None:
        data += _properties(will.properties, "will", event.version) + _text(will.topic) + _binary(will.payload)
    data += b"" if event.user is None else _text(event.user)
    return data if event.password is None else data + _binary(event.password)


def _read_connack(fields: _Fields) -> Event:
    flags = fields.number(1)
    if flags > 1:
        raise fields.wrong(f"the flags cannot be {flags:#04x}", fields.at - 1)
    return Connack(session_present=bool(flags), code=fields.number(1), properties=fields.properties("connack"))


def _write_connack(event: Connack, version: int) -> bytes:
    return bytes([event.session_present, event.code]) + _properties(event.properties, "connack", version)


def _read_publish(fields: _Fields) -> Event:
    qos = fields.flags >> 1 & 3
    return Publish(
        duplicate=bool(fields.flags & 8), qos=qos, retain=bool(fields.flags & 1), topic=fields.text(),
        packet=fields.number(2) if qos else 0, properties=fields.properties("publish"), payload=fields.rest(),
    )  # fmt: skip


def _write_publish(event: Publish, version: int) -> bytes:
    packet = event.packet.to_bytes(2, "big") if event.qos else b""
    return _text(event.topic) + packet + _properties(event.properties, "publish", version) + event.payload


def _ack(kind: type[Puback | Pubrec | Pubrel | Pubcomp]) -> Callable[[_Fields], Event]:
    """The code is left out where it is 0, the properties where there are none (§3.4.2.1)."""
    return lambda fields: kind(packet=fields.number(2), **_reason(fields, kind.__name__.lower()))


def _reason(fields: _Fields, packet: str) -> dict[str, Any]:
    code = fields.number(1) if fields.version >= 5 and fields.left else 0
    return {"code": code, "properties": fields.properties(packet) if fields.left else ()}


def _write_ack(event: Any, version: int) -> bytes:
    return bytes(event.packet.to_bytes(2, "big")) + _write_reason(event, version)


def _write_reason(event: Any, version: int) -> bytes:
    if version < 5 and event.code:
        raise ValueError("there is no reason code here before MQTT 5")
    properties = _properties(event.properties, type(event).__name__.lower(), version)
    if event.properties:
        return bytes([event.code]) + properties
    return bytes([event.code]) if event.code else b""


def _read_subscribe(fields: _Fields) -> Event:
    packet, properties = fields.number(2), fields.properties("subscribe")
    topics = []
    while fields.left:
        topic, start, options = fields.text(), fields.at, fields.number(1)
        if options >> (6 if fields.version >= 5 else 2):
            raise fields.wrong(f"the options cannot be {options:#04x}", start)
        topics.append(
            Subscription(
                filter=topic, qos=options & 3, no_local=bool(options & 4), retain_as_published=bool(options & 8),
                retain_handling=options >> 4,
            )
        )  # fmt: skip
    return Subscribe(packet=packet, topics=tuple(topics), properties=properties)


def _write_subscribe(event: Subscribe, version: int) -> bytes:
    data = event.packet.to_bytes(2, "big") + _properties(event.properties, "subscribe", version)
    for each in event.topics:
        options = each.qos | each.no_local << 2 | each.retain_as_published << 3 | each.retain_handling << 4
        if version < 5 and options > 2:
            raise ValueError("a subscription has only its QoS before MQTT 5")
        data += _text(each.filter) + bytes([options])
    return data


def _read_suback(fields: _Fields) -> Event:
    return Suback(packet=fields.number(2), properties=fields.properties("suback"), codes=tuple(fields.rest()))


def _read_unsuback(fields: _Fields) -> Event:
    packet, properties = fields.number(2), fields.properties("unsuback")
    return Unsuback(packet=packet, properties=properties, codes=tuple(fields.rest()) if fields.version >= 5 else ())


def _write_codes(event: Suback | Unsuback, version: int) -> bytes:
    properties = _properties(event.properties, type(event).__name__.lower(), version)
    return event.packet.to_bytes(2, "big") + properties + bytes(event.codes)


def _read_unsubscribe(fields: _Fields) -> Event:
    packet, properties = fields.number(2), fields.properties("unsubscribe")
    filters = []
    while fields.left:
        filters.append(fields.text())
    return Unsubscribe(packet=packet, filters=tuple(filters), properties=properties)


def _write_unsubscribe(event: Unsubscribe, version: int) -> bytes:
    properties = _properties(event.properties, "unsubscribe", version)
    return event.packet.to_bytes(2, "big") + properties + b"".join(map(_text, event.filters))


def _write_nothing(event: Event, version: int) -> bytes:
    return b""


class _Packet(NamedTuple):
    """A type of packet: its event, its flags (None: they mean something), and from which version on who may send it."""

    kind: type[Any]
    flags: int | None
    read: Callable[[_Fields], Event]
    write: Callable[[Any, int], bytes]
    client: int = 3
    server: int = 3


_NEVER = 99
_PACKETS = {
    1: _Packet(Connect, 0, _read_connect, _write_connect, server=_NEVER),
    2: _Packet(Connack, 0, _read_connack, _write_connack, client=_NEVER),
    3: _Packet(Publish, None, _read_publish, _write_publish),
    4: _Packet(Puback, 0, _ack(Puback), _write_ack),
    5: _Packet(Pubrec, 0, _ack(Pubrec), _write_ack),
    6: _Packet(Pubrel, 2, _ack(Pubrel), _write_ack),
    7: _Packet(Pubcomp, 0, _ack(Pubcomp), _write_ack),
    8: _Packet(Subscribe, 2, _read_subscribe, _write_subscribe, server=_NEVER),
    9: _Packet(Suback, 0, _read_suback, _write_codes, client=_NEVER),
    10: _Packet(Unsubscribe, 2, _read_unsubscribe, _write_unsubscribe, server=_NEVER),
    11: _Packet(Unsuback, 0, _read_unsuback, _write_codes, client=_NEVER),
    12: _Packet(Pingreq, 0, lambda fields: Pingreq(), _write_nothing, server=_NEVER),
    13: _Packet(Pingresp, 0, lambda fields: Pingresp(), _write_nothing, client=_NEVER),
    14: _Packet(Disconnect, 0, lambda fields: Disconnect(**_reason(fields, "disconnect")), _write_reason, server=5),
    15: _Packet(Auth, 0, lambda fields: Auth(**_reason(fields, "auth")), _write_reason, client=5, server=5),
}
_NUMBERS = {row.kind: number for number, row in _PACKETS.items()}
#: Questions of the client that the server answers at once, and the answers.
_ASKS, _ANSWERED = (Connect, Subscribe, Unsubscribe, Pingreq), (Connack, Suback, Unsuback, Pingresp)
#: What a server of MQTT 5 says before it hangs up (§4.13): DISCONNECT, malformed packet.
_REFUSAL = b"\xe0\x01\x81"
_FIRST = [b"\x00\x06MQIsdp\x03", b"\x00\x04MQTT\x04", b"\x00\x04MQTT\x05", b"\x00\x04MQTT\x84", b"\x00\x06MQIsdp\x83"]


# ── the session ───────────────────────────────────────────────────────────────────────────────────────────


class MqttSession(Session):
    """MQTT between a client and its server."""

    name: ClassVar[str] = "mqtt"
    title: ClassVar[str] = "MQTT"
    ports: ClassVar[tuple[int, ...]] = (1883, 8883)
    #: Of a CONNECT all that comes after the keep-alive, and an AUTH.
    suspicious = re.compile(rb"\A(?:\x10[\x80-\xff]{0,3}[^\x80-\xff].{10}|\xf0)(.+)", re.DOTALL)

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._version = 0  # not known
        self._left = dict.fromkeys(Side, 0)  # of a payload that goes on
        self._asked = 0

    @property
    def awaited(self) -> Side | None:
        if self._asked:
            return Side.SERVER
        return None if self._version else Side.CLIENT

    @classmethod
    def viewer(cls) -> Viewer:
        return MqttViewer()

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        """A CONNECT: its type, its length, the protocol's name and version."""
        if client[:1] != b"\x10":
            return Match.NO
        place = 1
        while place < 4 and client[place : place + 1] >= b"\x80":
            place += 1
        head = client[place + 1 : place + 10]
        if any(head.startswith(first) for first in _FIRST):
            return Match.SURE
        return Match.WAIT if any(first.startswith(head) for first in _FIRST) else Match.NO

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        try:
            event = self._read_payload(side, inbox) if self._left[side] else self._read_packet(side, inbox)
        except Wrong as wrong:
            wrong.reply = _REFUSAL if self._version == 5 else b""
            raise
        self._asked += isinstance(event, _ASKS)
        self._asked = max(0, self._asked - isinstance(event, _ANSWERED))
        return event

    def _read_payload(self, side: Side, inbox: Inbox) -> Event | None:
        data = inbox.take(self._left[side])
        self._left[side] -= len(data)
        return Payload(data=data) if data else None

    def _read_packet(self, side: Side, inbox: Inbox) -> Event | None:
        head, length = self._length(inbox)
        size = min(head + length, MESSAGE_BYTES)
        if not head or len(inbox) < size:
            return None
        fields = _Fields(bytes(inbox.data[:size]), inbox.start, head, self._version or 4)
        more = head + length - size
        if more and inbox.data[0] >> 4 != 3:
            raise Wrong(f"a packet of {head + length} bytes that publishes nothing is not believed", inbox.start + 1)
        try:
            event = self._event(side, fields)
        except Wrong as wrong:
            wrong.skip = None if more else wrong.skip
            raise
        inbox.take(size)
        if more:
            self._left[side] = more
            event = msgspec.structs.replace(event, more=more)
        return event

    def _length(self, inbox: Inbox) -> tuple[int, int]:
        """How many bytes type and length take, 0 when they are not there yet; and the length."""
        length = 0
        for place, byte in enumerate(inbox.data[1:5]):
            length |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                if self.strict and self._version == 5 and not byte and place:
                    raise Wrong("a length has more bytes than it needs", inbox.start + 1)
                return place + 2, length
        if len(inbox) >= 5:
            raise Wrong("a length has more than four bytes", inbox.start + 1)
        return 0, 0

    def _event(self, side: Side, fields: _Fields) -> Event:
        """The packet as an event."""
        row = _PACKETS.get(fields.data[0] >> 4)
        if row is None:
            raise fields.wrong("there is no packet of type 0", 0)
        name = row.kind.__name__.upper()
        if fields.version < (row.client if side is Side.CLIENT else row.server):
            raise fields.wrong(f"the {side.value} sends no {name}", 0)
        if row.flags not in (None, fields.flags) and self._version != 3:  # in 3.1 they were QoS and duplicate
            raise fields.wrong(f"the flags of a {name} cannot be {fields.flags}", 0)
        if self.strict and side is Side.CLIENT and (row.kind is Connect) == bool(self._version):
            raise fields.wrong(f"a {name} cannot come {'again' if self._version else 'first'}", 0)
        try:
            event = row.read(fields)
        except ValueError as error:  # it cannot be
            raise fields.wrong(str(error), 0) from error
        fields.finish()
        if row.kind is Connect:
            self._version = fields.version
        for start, end in fields.secrets:
            self._hide(side, start, end)
        return event

    def _skip(self, side: Side, count: int) -> bool:
        if count > self._left[side]:
            return False
        self._left[side] -= count
        return True

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, side: Side, event: Event) -> bytes:
        if isinstance(event, Payload):
            return event.data
        number = _NUMBERS.get(type(event))
        if number is None:
            raise LocalProtocolError(f"MQTT has no {type(event).__name__}")
        flags, more = _PACKETS[number].flags or 0, 0
        if isinstance(event, Publish):
            flags, more = event.duplicate << 3 | event.qos << 1 | event.retain, event.more
        try:
            data = _PACKETS[number].write(event, self._version or 4)
            return bytes([number << 4 | flags]) + _varint(len(data) + more) + data
        except (OverflowError, ValueError) as error:
            raise LocalProtocolError(f"{event.summary!r} does not fit its packet: {error}") from error
