"""What is said in MQTT 3.1, 3.1.1 and 5, as events: each is one packet, and has its name in the specifications."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tincans.channel import Side
from tincans.limits import MQTT_STRING_BYTES
from tincans.protocols.events import MASK, Chunk, Event, text
from tincans.protocols.view import View, Viewer

#: Names, as the specification has them, each with its value: a number, text, bytes, or for a "user property" a pair.
Properties = tuple[tuple[str, Any], ...]

#: How many characters of a payload a summary has.
_SHOWN = 200
#: The property that is a secret.
SECRET = "authentication data"

#: What a CONNACK of 3.1.1 calls its codes (§3.2.2.3 there), and what MQTT 5 §2.4 calls all of its own.
REFUSALS = {
    1: "unacceptable protocol version", 2: "identifier rejected", 3: "server unavailable",
    4: "bad user name or password", 5: "not authorized",
}  # fmt: skip
REASONS = {
    0: "success", 4: "disconnect with will message", 16: "no matching subscribers", 17: "no subscription existed",
    24: "continue authentication", 25: "re-authenticate", 128: "unspecified error", 129: "malformed packet",
    130: "protocol error", 131: "implementation specific error", 132: "unsupported protocol version",
    133: "client identifier not valid", 134: "bad user name or password", 135: "not authorized",
    136: "server unavailable", 137: "server busy", 138: "banned", 139: "server shutting down",
    140: "bad authentication method", 141: "keep alive timeout", 142: "session taken over",
    143: "topic filter invalid", 144: "topic name invalid", 145: "packet identifier in use",
    146: "packet identifier not found", 147: "receive maximum exceeded", 148: "topic alias invalid",
    149: "packet too large", 150: "message rate too high", 151: "quota exceeded", 152: "administrative action",
    153: "payload format invalid", 154: "retain not supported", 155: "QoS not supported", 156: "use another server",
    157: "server moved", 158: "shared subscriptions not supported", 159: "connection rate exceeded",
    160: "maximum connect time", 161: "subscription identifiers not supported",
    162: "wildcard subscriptions not supported",
}  # fmt: skip


def _reason(code: int) -> str:
    return REASONS.get(code, f"code {code}")


def check_string(string: str, what: str) -> None:
    """UTF-8 without a null character, and not too long (MQTT 5 §1.5.4)."""
    try:
        size = len(string.encode())
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} is not UTF-8") from error
    if "\0" in string:
        raise ValueError(f"{what} has a null character in it")
    if size > MQTT_STRING_BYTES:
        raise ValueError(f"{what} is longer than {MQTT_STRING_BYTES} bytes")


def _check_topic(topic: str) -> None:
    check_string(topic, "a topic's name")
    if "+" in topic or "#" in topic:
        raise ValueError("a topic's name has no wildcards")


def _check_filter(topics: str) -> None:
    """Where wildcards may stand (§4.7.1)."""
    check_string(topics, "a topic filter")
    levels = topics.split("/")
    if not topics or any(("#" in each or "+" in each) and len(each) > 1 for each in levels) or "#" in levels[:-1]:
        raise ValueError(f"{topics!r} is no topic filter")


def _check_qos(qos: int) -> None:
    if not 0 <= qos <= 2:
        raise ValueError(f"there is no QoS {qos}")


def _check_packet(packet: int) -> None:
    if not 0 < packet < 1 << 16:
        raise ValueError(f"a packet identifier cannot be {packet}")


class _Packet(Event, frozen=True, kw_only=True):
    properties: Properties = ()

    @property
    def details(self) -> Iterator[str]:
        return _listed(self.properties)

    def masked(self) -> _Packet:
        return msgspec.structs.replace(self, properties=_masked(self.properties))


def _masked(properties: Properties) -> Properties:
    return tuple((name, MASK.encode() if name == SECRET else value) for name, value in properties)


def _listed(properties: Properties) -> Iterator[str]:
    for name, value in properties:
        if isinstance(value, tuple):
            yield f"{name}: {value[0]} = {value[1]}"
        else:
            yield f"{name}: {text(value) if isinstance(value, bytes) else value}"


class Will(msgspec.Struct, frozen=True, kw_only=True):
    """What the server publishes when the client is lost."""

    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    properties: Properties = ()

    def __post_init__(self) -> None:
        _check_topic(self.topic)
        _check_qos(self.qos)


class Connect(_Packet, frozen=True, kw_only=True):
    """Who the client is. `version` 3 is MQTT 3.1, 4 is 3.1.1; `clean`: forget what was before."""

    version: int = 4
    client_id: str = ""
    clean: bool = True
    keep_alive: int = 60
    user: str | None = None
    password: bytes | None = None
    will: Will | None = None
    #: The client is a server's bridge: mosquitto's own sign, the high bit of the version.
    bridge: bool = False

    def __post_init__(self) -> None:
        if self.version not in (3, 4, 5):
            raise ValueError(f"there is no MQTT version {self.version}")
        check_string(self.client_id, "a client identifier")
        check_string(self.user or "", "a user name")
        if self.version < 5 and self.password is not None and self.user is None:
            raise ValueError("a password needs a user name before MQTT 5")

    @property
    def summary(self) -> str:
        version = {3: "3.1", 4: "3.1.1"}.get(self.version, str(self.version))
        user = "" if self.user is None else f" as {self.user}"
        return f"connect {self.client_id!r}{user}, MQTT {version}"

    @property
    def details(self) -> Iterator[str]:
        yield f"keep alive: {self.keep_alive} s, {'clean' if self.clean else 'go on with the session'}"
        if self.password is not None:
            yield f"password: {text(self.password)}"
        if self.will is not None:
            yield f"will: {self.will.topic} {_cut(self.will.payload)}"
            yield from _listed(self.will.properties)
        yield from _listed(self.properties)

    def masked(self) -> Connect:
        password = None if self.password is None else MASK.encode()
        return msgspec.structs.replace(self, password=password, properties=_masked(self.properties))


class Connack(_Packet, frozen=True, kw_only=True):
    """Whether the server takes the client, and whether it remembers it."""

    side: Side = Side.SERVER
    session_present: bool = False
    code: int = 0

    @property
    def summary(self) -> str:
        if self.code:
            return f"refused: {REFUSALS.get(self.code) or _reason(self.code)}"
        return "connected, the session goes on" if self.session_present else "connected"


class Publish(_Packet, frozen=True, kw_only=True):
    """A message to a topic. `packet` is its identifier, 0 for QoS 0.

    A payload that is too long for one event goes on in `Payload` events, for `more` bytes.
    """

    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    duplicate: bool = False
    packet: int = 0
    more: int = 0

    def __post_init__(self) -> None:
        _check_topic(self.topic)
        _check_qos(self.qos)
        if not self.topic and not any(name == "topic alias" for name, _ in self.properties):
            raise ValueError("a message has a topic, or an alias for it")
        if self.qos:
            _check_packet(self.packet)
        elif self.packet or self.duplicate:
            raise ValueError("with QoS 0 there is no packet identifier and no duplicate")

    @property
    def summary(self) -> str:
        marks = [f"QoS {self.qos}"] if self.qos else []
        marks += [name for name in ("retain", "duplicate") if getattr(self, name)]
        return f"{self.topic}{' (' + ', '.join(marks) + ')' if marks else ''}: {_cut(self.payload, self.more)}"


class Payload(Chunk, frozen=True, kw_only=True):
    """More of the payload of the Publish before."""


class _Acknowledged(_Packet, frozen=True, kw_only=True):
    packet: int
    code: int = 0

    def __post_init__(self) -> None:
        _check_packet(self.packet)

    @property
    def summary(self) -> str:
        return f"packet {self.packet}" + (f": {_reason(self.code)}" if self.code else "")


class Puback(_Acknowledged, frozen=True, kw_only=True):
    """A message of QoS 1 has come."""


class Pubrec(_Acknowledged, frozen=True, kw_only=True):
    """A message of QoS 2 has come, first step."""


class Pubrel(_Acknowledged, frozen=True, kw_only=True):
    """It may be forgotten, second step."""


class Pubcomp(_Acknowledged, frozen=True, kw_only=True):
    """It is forgotten, third step."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A topic filter, and how its messages shall come. The last three are MQTT 5's."""

    filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0

    def __post_init__(self) -> None:
        _check_filter(self.filter)
        _check_qos(self.qos)
        if not 0 <= self.retain_handling <= 2:
            raise ValueError(f"there is no retain handling {self.retain_handling}")


class Subscribe(_Packet, frozen=True, kw_only=True):
    """Which messages the client wants."""

    packet: int
    topics: tuple[Subscription, ...]

    def __post_init__(self) -> None:
        _check_packet(self.packet)
        if not self.topics:
            raise ValueError("a subscription is to one topic at least")

    @property
    def summary(self) -> str:
        return "subscribe to " + ", ".join(f"{each.filter} (QoS {each.qos})" for each in self.topics)


class Suback(_Packet, frozen=True, kw_only=True):
    """For each topic filter the QoS it is granted, or why not."""

    side: Side = Side.SERVER
    packet: int
    codes: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_packet(self.packet)

    @property
    def summary(self) -> str:
        codes = (f"QoS {code}" if code < 3 else _reason(code) for code in self.codes)
        return f"packet {self.packet}: {', '.join(codes)}"


class Unsubscribe(_Packet, frozen=True, kw_only=True):
    """Which messages the client does not want any more."""

    packet: int
    filters: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_packet(self.packet)
        if not self.filters:
            raise ValueError("an unsubscription is from one topic at least")
        for each in self.filters:
            _check_filter(each)

    @property
    def summary(self) -> str:
        return f"unsubscribe from {', '.join(self.filters)}"


class Unsuback(_Packet, frozen=True, kw_only=True):
    """Done; in MQTT 5 with a code for each topic filter."""

    side: Side = Side.SERVER
    packet: int
    codes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_packet(self.packet)

    @property
    def summary(self) -> str:
        return f"packet {self.packet}" + (": " if self.codes else "") + ", ".join(map(_reason, self.codes))


class Pingreq(Event, frozen=True, kw_only=True):
    """Are you there?"""


class Pingresp(Event, frozen=True, kw_only=True):
    """I am."""

    side: Side = Side.SERVER


class Disconnect(_Packet, frozen=True, kw_only=True):
    """Goodbye; in MQTT 5 with a reason, and from the server too."""

    code: int = 0

    @property
    def summary(self) -> str:
        return f"goodbye: {_reason(self.code)}" if self.code else "goodbye"


class Auth(_Packet, frozen=True, kw_only=True):
    """A step of an authentication that takes several (MQTT 5)."""

    code: int = 0

    @property
    def summary(self) -> str:
        return f"authentication: {_reason(self.code)}"


def _cut(payload: bytes, more: int = 0) -> str:
    shown = text(payload[: 4 * _SHOWN])
    if len(shown) <= _SHOWN and len(payload) <= 4 * _SHOWN and not more:
        return shown or "(empty)"
    return f"{shown[:_SHOWN]}… ({len(payload) + more} bytes)"


class MqttViewer(Viewer):
    """What is published is content, of the type that the message names."""

    def view(self, event: Event) -> View:
        if not isinstance(event, Publish):
            return super().view(event)
        media = dict(event.properties).get("content type", "")
        return View(event.summary, tuple(event.details), event.payload, media)
