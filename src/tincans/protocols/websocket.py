"""WebSocket (RFC 6455) behind its handshake, with permessage-deflate (RFC 7692).

Frames, close codes, masking and compression are those of the `websockets` library. What is done here is what a
recording needs: offsets, frames that come in pieces, both sides at once, and going on behind what is wrong.

Each side reads a frame's header, and then its payload in one of three ways:

    HEADER ──data──► DATA       a step at a time, and not as it happens to come: what a message is cut into is its own
       ▲  ──control► CONTROL    all at once, being at most 125 bytes
       │  ──wrong──► DISCARD    as `Malformed`; so is the rest of a message that cannot be understood
       └─────────── when the payload is over

A message is one event. One that is longer than WEBSOCKET_EVENT_BYTES, or that a control frame interrupts, is given in
pieces, all but the last with `fin` False. The options are the fields of the handshake's response: `extensions` and
`subprotocol`.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from enum import IntEnum
from typing import ClassVar, NoReturn

from websockets.exceptions import InvalidHeader, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Close as CloseFrame
from websockets.frames import CloseCode, Frame, Opcode
from websockets.headers import parse_extension

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import WEBSOCKET_EVENT_BYTES
from tincans.protocols.events import Event, Malformed, encoded
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.plain_secrets import secrets_in
from tincans.protocols.session import Session
from tincans.protocols.view import View, Viewer
from tincans.protocols.websocket_events import CONTROL_BYTES, NO_CODE, Binary, Close, Ping, Pong, Text

#: A payload is read in steps of this; a packed one in smaller ones, as each may become a thousand times as much.
_STEP = 64 * 1024
_PACKED_STEP = 4 * 1024


# ── the session ───────────────────────────────────────────────────────────────────────────────────────────


class _Place(IntEnum):
    HEADER = 0
    DATA = 1
    CONTROL = 2
    DISCARD = 3


class _Half:
    """Where one side is."""

    def __init__(self, side: Side, deflate: PerMessageDeflate | None) -> None:
        self.side = side
        self.place = _Place.HEADER
        # The frame:
        self.opcode, self.fin, self.key = Opcode.CONT, True, b""
        self.begin = self.end = 0  # the offsets of its header, and behind its payload
        self.over = False  # all of the payload was taken
        # The message:
        self.kind: Opcode | None = None
        self.packed = self.broken = self.heals = False  # broken: what comes of it is discarded, up to what heals
        self.why = ""  # it is discarded, if that was not said yet
        self.first = True  # nothing of it was unpacked yet
        self.content = bytearray()
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.touched = False  # some of it was taken since the last event
        # And the stream:
        self.deflate = deflate
        self.packer: PerMessageDeflate | None = None
        self.blind = False  # bytes are missing that later messages are packed with
        self.closed = False
        self.own = False  # what it says is ours


class WebSocketSession(Session):
    """WebSocket's frames."""

    name: ClassVar[str] = "websocket"
    title: ClassVar[str] = "WebSocket"

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        # Without the handshake a recording may well be packed in the usual way.
        extensions = self.options.get("extensions", "" if self.strict else "permessage-deflate")
        self._windows = _windows(extensions)
        self._halves = {side: _Half(side, self._inflater(side)) for side in Side}

    @classmethod
    def viewer(cls) -> Viewer:
        return _WebSocketViewer()

    @property
    def awaited(self) -> Side | None:
        closed = [side for side, half in self._halves.items() if half.closed]
        return closed[0].other if len(closed) == 1 else None

    def _inflater(self, side: Side) -> PerMessageDeflate | None:
        if side not in self._windows:
            return None
        forgets, bits = self._windows[side]
        return PerMessageDeflate(forgets, True, bits, 15)

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        half = self._halves[side]
        while True:
            place, start = half.place, inbox.start
            event = _READ[place](self, half, inbox)
            if event is not None or (half.place is place and inbox.start == start):
                return event

    def _read_header(self, half: _Half, inbox: Inbox) -> Event | None:
        data = inbox.data
        if len(data) < 2:
            return None
        one, two = data[0], data[1]
        short = two & 0x7F
        extended = {126: 2, 127: 8}.get(short, 0)
        size = 2 + extended + (4 if two & 0x80 else 0)
        if len(data) < size:
            return None
        if one & 0x08 and half.touched:
            return self._piece(half)
        length = int.from_bytes(data[2 : 2 + extended], "big") if extended else short
        half.begin, half.end = inbox.start, inbox.start + size + length
        half.key, half.fin = bytes(data[2 + extended : size]), bool(one & 0x80)
        self._check(half, one, two, size, length)
        half.opcode = Opcode(one & 0x0F)
        if half.opcode is Opcode.CONT and half.broken:
            half.place, half.heals = _Place.DISCARD, half.fin
            return Malformed(data=inbox.take(size), reason="", at=half.begin)
        inbox.take(size)
        half.place = _Place.CONTROL if half.opcode & 0x08 else _Place.DATA
        if half.opcode in (Opcode.TEXT, Opcode.BINARY):
            half.kind, half.packed, half.first = half.opcode, bool(one & 0x40), True
            half.decoder.reset()
        half.touched, half.over = half.place is _Place.DATA, False
        return None

    def _check(self, half: _Half, one: int, two: int, size: int, length: int) -> None:
        """Raise `Wrong` for a header that breaks the rules (RFC 6455 §5); its payload is discarded."""
        opcode, begins = one & 0x0F, one & 0x0F in (Opcode.TEXT, Opcode.BINARY)
        if reason := _broken_rule(half, one, two, size, length):
            half.place = _Place.DISCARD
            if one & 0x40 or (opcode == Opcode.CONT and half.packed):
                self._lose_window(half)
            self._refuse(half, reason, CloseCode.PROTOCOL_ERROR, size)
        if begins and one & 0x40 and half.blind:
            half.place, half.broken, half.kind = _Place.DISCARD, not half.fin, None if half.fin else Opcode(opcode)
            self._refuse(half, "this is packed with bytes that are missing", CloseCode.INVALID_DATA, size)

    def _read_data(self, half: _Half, inbox: Inbox) -> Event | None:
        if not half.over and not self._step_on(half, inbox):
            return None
        if len(half.content) > WEBSOCKET_EVENT_BYTES:
            return self._piece(half, WEBSOCKET_EVENT_BYTES)
        if not half.over:
            return None
        half.place = _Place.HEADER
        return self._piece(half, fin=half.fin) if half.fin or half.own else None

    def _step_on(self, half: _Half, inbox: Inbox) -> bool:
        """Take the next step of a payload, if all of it is there."""
        left = half.end - inbox.start
        size = min(left, _PACKED_STEP if half.packed else _STEP)
        if len(inbox) < size:
            return False
        data = inbox.take(size)
        data = apply_mask(data, half.key) if half.key else data
        half.over = size == left
        half.touched = True
        half.content += self._unpacked(half, data, last=half.over and half.fin) if half.packed else data
        return True

    def _unpacked(self, half: _Half, data: bytes, *, last: bool) -> bytes:
        assert half.deflate is not None
        assert half.kind is not None
        opcode = half.kind if half.first else Opcode.CONT
        frame = Frame(opcode, data, fin=last, rsv1=half.first)
        half.first = False
        try:
            return bytes(half.deflate.decode(frame).data)
        except ProtocolError:
            self._break(half, "this cannot be unpacked", CloseCode.INVALID_DATA)

    def _piece(self, half: _Half, most: int | None = None, *, fin: bool = False) -> Event:
        """What came of a message, `most` bytes of it."""
        kind, content = half.kind, bytes(half.content[:most])
        del half.content[:most]
        half.touched = bool(half.content)
        if fin:
            half.kind = None
        if kind is not Opcode.TEXT:
            return Binary(data=content, fin=fin)
        if any(secrets_in(content)):  # which of the frame's bytes those are, masked and packed, nobody can tell
            self._hide(half.side, self._marks[half.side], self._inboxes[half.side].start)
        try:
            return Text(text=half.decoder.decode(content, fin), fin=fin)
        except UnicodeDecodeError:
            self._break(half, "a text is not UTF-8", CloseCode.INVALID_DATA)

    def _break(self, half: _Half, reason: str, code: CloseCode) -> NoReturn:
        """Nothing can be made of this message: discard what is left of it."""
        half.place = _Place.DISCARD
        half.content.clear()
        half.touched = False
        if half.packed:
            self._lose_window(half)
        half.broken = not half.fin
        if half.fin:
            half.kind = None
        self._refuse(half, reason, code, 0)

    def _lose_window(self, half: _Half) -> None:
        """Packed bytes were left out: what is packed with them cannot be unpacked, nor can anybody notice that."""
        if half.deflate is not None and not half.deflate.remote_no_context_takeover:
            half.blind = True
        elif half.deflate is not None:
            half.deflate = self._inflater(half.side)

    def _read_control(self, half: _Half, inbox: Inbox) -> Event | None:
        size = half.end - inbox.start
        if len(inbox) < size:
            return None
        data = inbox.take(size)
        data = apply_mask(data, half.key) if half.key else data
        half.place = _Place.HEADER
        if half.opcode is Opcode.PING:
            return Ping(data=data)
        if half.opcode is Opcode.PONG:
            return Pong(data=data)
        half.closed = True
        try:
            close = CloseFrame.parse(data)
        except (ProtocolError, UnicodeDecodeError) as error:
            self._refuse(half, f"a close frame is wrong: {error}", CloseCode.PROTOCOL_ERROR, 0)
        return Close(code=int(close.code), reason=close.reason)

    def _read_discard(self, half: _Half, inbox: Inbox) -> Event | None:
        start = inbox.start
        data = inbox.take(half.end - start)
        if inbox.start == half.end:
            half.place = _Place.HEADER
            if half.heals:
                half.heals, half.broken, half.kind = False, False, None
        reason = half.why
        if data or half.place is _Place.HEADER:
            half.why = ""
        if not data:
            return None
        return Malformed(data=data, reason=reason, at=start)

    def _refuse(self, half: _Half, reason: str, code: CloseCode, skip: int) -> NoReturn:
        frame = Frame(Opcode.CLOSE, CloseFrame(code, reason).serialize())
        raise Wrong(reason, half.begin, skip=skip, reply=frame.serialize(mask=half.side is Side.SERVER))

    def _skip(self, side: Side, count: int) -> bool:
        half, start = self._halves[side], self._inboxes[side].start
        if half.place is _Place.HEADER or start > half.end:
            return False
        if half.place is _Place.DATA:
            half.broken = not half.fin
            half.kind = None if half.fin else half.kind
            if half.packed:
                self._lose_window(half)
        half.content.clear()
        half.touched = False
        half.place, half.why = _Place.DISCARD, "what this belongs to is missing"
        return True

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, side: Side, event: Event) -> bytes:
        half = self._halves[side]
        half.own = True
        match event:
            case Text() | Binary():
                frame = self._data_frame(half, event)
            case Ping():
                frame = Frame(Opcode.PING, event.data)
            case Pong():
                frame = Frame(Opcode.PONG, event.data)
            case Close(code=code, reason=reason):
                frame = Frame(Opcode.CLOSE, b"" if code == NO_CODE else CloseFrame(code, reason).serialize())
            case _:
                raise LocalProtocolError(f"WebSocket has no {type(event).__name__}")
        return frame.serialize(mask=side is Side.CLIENT, extensions=self._packers(half))

    def _data_frame(self, half: _Half, event: Text | Binary) -> Frame:
        kind = Opcode.TEXT if isinstance(event, Text) else Opcode.BINARY
        if half.kind not in (None, kind):
            raise LocalProtocolError("the message before it is not complete")
        data = encoded(event.text) if isinstance(event, Text) else event.data
        return Frame(kind if half.kind is None else Opcode.CONT, data, fin=event.fin)

    def _packers(self, half: _Half) -> list[PerMessageDeflate]:
        forgets, bits = self._windows.get(half.side, (False, 8))
        if bits == 8:  # zlib makes no such window; nobody has to pack
            return []
        half.packer = half.packer or PerMessageDeflate(True, forgets, 15, bits)
        return [half.packer]


def _broken_rule(half: _Half, one: int, two: int, size: int, length: int) -> str:
    """Which rule of RFC 6455 §5 a header breaks; empty for a good one."""
    opcode = one & 0x0F
    begins = opcode in (Opcode.TEXT, Opcode.BINARY)
    if half.closed:
        return "this comes behind a close frame"
    if opcode not in set(Opcode):
        return f"there is no opcode {opcode}"
    if one & 0x30 or (one & 0x40 and not (begins and half.deflate is not None)):
        return "a reserved bit is set"
    if bool(two & 0x80) is not (half.side is Side.CLIENT):
        return "a client's frame is not masked" if half.side is Side.CLIENT else "a server's frame is masked"
    if opcode & 0x08 and (length > CONTROL_BYTES or not one & 0x80):
        return "a control frame is fragmented, or too long"
    if length >= 2**63 or (two & 0x7F == 126 and length < 126) or (two & 0x7F == 127 and length < 2**16):
        return "a length is not written as it has to be"
    if opcode == Opcode.CONT and half.kind is None:
        return "there is no message to go on with"
    if begins and half.kind is not None:
        return "a message begins inside another one"
    return ""


def _windows(extensions: str) -> dict[Side, tuple[bool, int]]:
    """Of each side that may pack: whether it forgets after each message, and the bits of its window (RFC 7692 §7)."""
    try:
        agreed = {str(name): dict(parameters) for name, parameters in parse_extension(extensions)} if extensions else {}
    except InvalidHeader:
        return {}
    if "permessage-deflate" not in agreed:
        return {}
    parameters = agreed["permessage-deflate"]
    windows = {}
    for side in Side:
        bits = parameters.get(f"{side.value}_max_window_bits") or "15"
        size = int(bits) if bits.isascii() and bits.isdigit() and 8 <= int(bits) <= 15 else 15
        windows[side] = (f"{side.value}_no_context_takeover" in parameters, size)
    return windows


_READ: dict[_Place, Callable[[WebSocketSession, _Half, Inbox], Event | None]] = {
    _Place.HEADER: WebSocketSession._read_header,
    _Place.DATA: WebSocketSession._read_data,
    _Place.CONTROL: WebSocketSession._read_control,
    _Place.DISCARD: WebSocketSession._read_discard,
}


class _WebSocketViewer(Viewer):
    """Shows a message's content beside its size."""

    def view(self, event: Event) -> View:
        if isinstance(event, Text):
            content = encoded(event.text)
            return View(f"text, {len(content)} bytes" + ("" if event.fin else " and more"), (), content)
        if isinstance(event, Binary):
            return View(event.summary, (), event.data)
        return super().view(event)
