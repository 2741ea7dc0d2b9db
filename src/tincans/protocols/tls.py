"""TLS as anybody on the way can see it: the handshake as far as it is plain, and how much is said after it.

What is plain, and what is not (RFC 8446 §2, RFC 5246 §7.3):

    TLS 1.3         ClientHello, ServerHello; all else, the certificate too, is ApplicationData
    up to TLS 1.2   all of the handshake until that side's ChangeCipherSpec; then every record is encrypted

**Two layers.** Records (5 bytes of header, at most some 16 KiB) carry the bytes of the handshake's messages, and a
message may span records, as records may hold more than one. So of each side there are a record that is being read and
a message that is being put together:

    inbox ─► header ─► record ──handshake, plain──► message ─► ClientHello, ServerHello, Certificate, Handshake
                          ├────alert, ccs─────────► Alert, ChangeCipherSpec
                          └────anything encrypted─► Chunk, as much as came

A `ChangeCipherSpec` in TLS 1.3 is only there for the middleboxes (RFC 8446 §D.4) and seals nothing.

Only listened to: who speaks TLS uses `ssl`, so there is no `_write`. Not shown: SSL 2.0 and DTLS.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from tincans.channel import Side
from tincans.limits import TLS_MESSAGE_BYTES, TLS_RECORD_BYTES
from tincans.protocols.events import Chunk, Event
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.session import Match, Session
from tincans.protocols.tls_messages import certificate, client_hello, server_hello
from tincans.protocols.tls_names import ALERTS, MESSAGES

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION_DATA, _HEARTBEAT = range(20, 25)
_RECORD = struct.Struct(">BHH")
_MESSAGE_HEADER = 4
_TLS_1_2 = 0x0303

_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE = 1, 2, 11


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


class Handshake(Event, frozen=True, kw_only=True):
    """Another message of the handshake, by its name, and how many bytes it has."""

    message: str
    size: int

    @property
    def summary(self) -> str:
        return self.message


class ChangeCipherSpec(Event, frozen=True, kw_only=True):
    """What this side says from here on is encrypted (up to TLS 1.2; in TLS 1.3 it means nothing)."""


class Alert(Event, frozen=True, kw_only=True):
    """Why it ends, or is about to."""

    level: str
    description: str

    @property
    def summary(self) -> str:
        return f"{self.level} alert: {self.description}"


class _Encrypted(Chunk, frozen=True, kw_only=True):
    @property
    def summary(self) -> str:
        return f"{self._what}, {len(self.data)} encrypted bytes"

    _what: ClassVar[str]


class ApplicationData(_Encrypted, frozen=True, kw_only=True):
    """What is said, encrypted; in TLS 1.3 the rest of the handshake looks like this, too."""

    _what: ClassVar[str] = "application data"


class EncryptedHandshake(_Encrypted, frozen=True, kw_only=True):
    """Messages of the handshake after ChangeCipherSpec: Finished, at first."""

    _what: ClassVar[str] = "handshake"


class EncryptedAlert(_Encrypted, frozen=True, kw_only=True):
    """An alert after ChangeCipherSpec: mostly close_notify."""

    _what: ClassVar[str] = "alert"


class Heartbeat(_Encrypted, frozen=True, kw_only=True):
    """Are you there (RFC 6520)."""

    _what: ClassVar[str] = "heartbeat"


# ── the session ───────────────────────────────────────────────────────────────────────────────────────────


class _Half:
    """One side: the record and the message that are being read."""

    __slots__ = ("began", "is_whole", "kind", "left", "message", "sealed")

    def __init__(self) -> None:
        self.kind = 0
        self.left = 0  # bytes of the record that are still to come
        self.is_whole = False  # the record means something only as a whole
        self.message = bytearray()
        self.began = 0  # the offset of its first byte
        self.sealed = False  # after ChangeCipherSpec


class TlsSession(Session):
    """Reads records and what is plain of them."""

    name: ClassVar[str] = "tls"
    title: ClassVar[str] = "TLS"
    ports: ClassVar[tuple[int, ...]] = (443, 465, 636, 853, 990, 993, 995, 5061, 6697, 8443)

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._halves = {side: _Half() for side in Side}
        self._version = 0  # the one chosen, once it is

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        """A record that begins with a hello is TLS; one of another kind may be its middle."""
        if client:
            return _looks_like_record(client, _CLIENT_HELLO)
        return _looks_like_record(server, _SERVER_HELLO) if server else Match.NO

    # ── records ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        half = self._halves[side]
        while True:
            begun = not half.left
            if begun and not self._begin_record(half, inbox):
                return None
            if half.kind == _HANDSHAKE and not half.sealed:
                event = self._read_message(half, inbox)
                if event is None and not half.left:
                    continue  # it goes on in the next record
                return event
            if half.is_whole:
                return self._read_whole(half, inbox)
            return self._read_sealed(half, inbox, begun=begun)

    def _begin_record(self, half: _Half, inbox: Inbox) -> bool:
        if inbox.data and not _is_record_begin(inbox.data):
            raise Wrong("this is not the beginning of a TLS record", inbox.start)
        if len(inbox) < _RECORD.size:
            return False
        kind, _, length = _RECORD.unpack_from(inbox.data)
        if length > TLS_RECORD_BYTES:
            raise Wrong(f"a record of {length} bytes is longer than {TLS_RECORD_BYTES}", inbox.start + 3)
        if kind == _CHANGE_CIPHER_SPEC and not half.sealed and length != 1:
            raise Wrong(f"a ChangeCipherSpec has one byte, and not {length}", inbox.start + 3)
        if half.message and kind != _HANDSHAKE:  # RFC 8446 §5.1
            half.message.clear()
            raise Wrong("a message of the handshake is interrupted by another kind of record", inbox.start, skip=0)
        inbox.take(_RECORD.size)
        half.kind, half.left = kind, length
        half.is_whole = kind in _WHOLE and not half.sealed and length <= _WHOLE[kind]
        if not length and kind != _APPLICATION_DATA:
            raise Wrong("an empty record", inbox.start - _RECORD.size, skip=0)
        return True

    def _read_whole(self, half: _Half, inbox: Inbox) -> Event | None:
        """A record that means something only as a whole: one of one or two bytes."""
        if len(inbox) < half.left:
            return None
        kind, at = half.kind, inbox.start
        body = inbox.take(half.left)
        half.left = 0
        if len(body) != _WHOLE[kind]:
            raise Wrong("half an alert", at, skip=0)
        if kind == _ALERT:
            level = {1: "warning", 2: "fatal"}.get(body[0], str(body[0]))
            return Alert(level=level, description=ALERTS.get(body[1], str(body[1])))
        half.sealed = 0 < self._version <= _TLS_1_2
        return ChangeCipherSpec()

    def _read_sealed(self, half: _Half, inbox: Inbox, *, begun: bool) -> Event | None:
        """As much as came of a record that cannot be read; nothing of an empty one is an event, too."""
        if not inbox.data and half.left:
            return None
        data = inbox.take(half.left)
        half.left -= len(data)
        return _SEALED[half.kind](data=data) if data or begun else None

    # ── messages ──────────────────────────────────────────────────────────────────────────────────────────

    def _read_message(self, half: _Half, inbox: Inbox) -> Event | None:
        """Put the next message together from this record; what comes behind it stays in the inbox."""
        message = half.message
        if len(message) < _MESSAGE_HEADER:
            self._take(half, inbox, _MESSAGE_HEADER - len(message))
            if len(message) < _MESSAGE_HEADER:
                return None
        size = int.from_bytes(message[1:4], "big")
        if size > TLS_MESSAGE_BYTES:
            raise Wrong(f"a message of {size} bytes is longer than {TLS_MESSAGE_BYTES}", half.began)
        self._take(half, inbox, _MESSAGE_HEADER + size - len(message))
        if len(message) < _MESSAGE_HEADER + size:
            return None
        kind, body = message[0], bytes(message[_MESSAGE_HEADER:])
        message.clear()
        try:
            return self._event(kind, body)
        except ValueError as error:
            name = MESSAGES.get(kind, str(kind))
            raise Wrong(f"a broken {name}: {error}", half.began, skip=0) from error

    def _take(self, half: _Half, inbox: Inbox, count: int) -> None:
        if not half.message:
            half.began = inbox.start
        piece = inbox.take(min(count, half.left))
        half.left -= len(piece)
        half.message += piece

    def _event(self, kind: int, body: bytes) -> Event:
        if kind == _CLIENT_HELLO:
            return client_hello(body)
        if kind == _SERVER_HELLO:
            number, event = server_hello(body)
            self._version = 0 if event.retry else number
            return event
        if kind == _CERTIFICATE:
            return certificate(body)
        return Handshake(message=MESSAGES.get(kind, f"message {kind}"), size=len(body))

    # ── endings and gaps ──────────────────────────────────────────────────────────────────────────────────

    def _finish(self, side: Side, inbox: Inbox) -> Event | None:
        half = self._halves[side]
        if half.left or half.message or inbox.data:
            raise Wrong("it ends in the middle of a record", inbox.start + len(inbox), skip=len(inbox))
        return None

    def _skip(self, side: Side, count: int) -> bool:
        """Within an encrypted record nothing is lost that could be read."""
        half = self._halves[side]
        if half.left < count or half.message or (half.kind == _HANDSHAKE and not half.sealed):
            return False
        half.left -= count
        return True


#: Records that are read as a whole, and how long they are.
_WHOLE = {_CHANGE_CIPHER_SPEC: 1, _ALERT: 2}
_SEALED: dict[int, type[_Encrypted]] = {
    _CHANGE_CIPHER_SPEC: EncryptedHandshake,  # no such thing; it would be a part of the handshake
    _ALERT: EncryptedAlert,
    _HANDSHAKE: EncryptedHandshake,
    _APPLICATION_DATA: ApplicationData,
    _HEARTBEAT: Heartbeat,
}


def _is_record_begin(data: bytes | bytearray) -> bool:
    """Whether the up to three bytes that are there may begin a record: a type, and a version from 3.0 to 3.4."""
    return data[0] in _SEALED and (len(data) < 2 or data[1] == 3) and (len(data) < 3 or data[2] <= 4)


def _looks_like_record(data: bytes, hello: int) -> Match:
    if not _is_record_begin(data):
        return Match.NO
    if data[0] != _HANDSHAKE:
        return Match.MAYBE if len(data) >= _RECORD.size else Match.WAIT
    if len(data) <= _RECORD.size:
        return Match.WAIT
    return Match.SURE if data[_RECORD.size] == hello else Match.MAYBE
