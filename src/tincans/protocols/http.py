"""HTTP/1.x (RFC 9110, RFC 9112): requests and responses, whoever sends them and in however many pieces.

Each side is at one place of this table. What is read there is in `_READ`; where the body begins is in `_BODY`:

    place         comes next in the stream                  and then
    HEAD          a request or a response                   a place of the body; HEAD again after 1xx
    LENGTH        as many bytes as were promised            END
    SIZE          the line before a chunk                   CHUNK, or TRAILERS before the last
    CHUNK         the bytes of a chunk                      CHUNK_END
    CHUNK_END     the line's end behind them                SIZE
    TRAILERS      the fields behind the last chunk          HEAD, CLOSED
    UNTIL_CLOSE   whatever comes before the side's end      END
    END           nothing: the message is complete          HEAD, CLOSED
    UNKNOWN       a body of which nobody knows the length   lost, until something looks like a head
    CLOSED        nothing: the side said `close`            (only where strict)

Two things join the sides. A response is read as what the request asked for (HEAD has no body, 2xx to CONNECT is a
tunnel), so requests wait in `_asked` for theirs, in their order. And a client that asked for another protocol is held
behind its request until the answer says which one the rest is in.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import ClassVar, NoReturn

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import HTTP_CHUNK_DIGITS, HTTP_CHUNK_LINE_BYTES, HTTP_PIPELINED
from tincans.protocols import http_head as heads
from tincans.protocols.http_events import Answer, Body, Fields, Head, InterimResponse, MessageEnd, Request, Response
from tincans.protocols.http_head import Note, tokens
from tincans.protocols.http_marks import find_message, recognize
from tincans.protocols.session import Data, Event, Inbox, Match, Session, Wrong, encoded
from tincans.protocols.view import Viewer


class _Place(IntEnum):
    HEAD = 0
    LENGTH = 1
    SIZE = 2
    CHUNK = 3
    CHUNK_END = 4
    TRAILERS = 5
    UNTIL_CLOSE = 6
    END = 7
    UNKNOWN = 8
    CLOSED = 9


#: Where a body begins that has no length.
_BODY = {
    0: _Place.END,
    heads.CHUNKED: _Place.SIZE,
    heads.UNTIL_CLOSE: _Place.UNTIL_CLOSE,
    heads.UNKNOWN: _Place.UNKNOWN,
}

#: The line before a chunk (RFC 9112 §7.1); blanks behind the size are common, and h11 takes them too.
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[^\n]*)?\n")

#: Which session goes on after 101 to which protocol (RFC 9110 §7.8); any other is to be guessed.
_UPGRADES = {"websocket": "websocket", "tls": "tls"}


class _Exchange:
    """A request that waits for its response."""

    __slots__ = ("answered", "connects", "method", "patient", "switches")

    def __init__(self, method: str) -> None:
        self.method = method
        self.connects = method == "CONNECT"
        self.switches = self.connects  # it asked for another protocol
        self.patient = False  # it waits for 100 (Continue) before its body
        self.answered = False


class _Half:
    """Where one side is."""

    __slots__ = ("closing", "exchange", "left", "notes", "place", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.place = _Place.HEAD
        self.left = 0  # of the body or the chunk
        self.closing = False  # nothing follows this message
        self.notes: list[str] = []  # about the framing of this body
        self.exchange = _Exchange("")  # what this message belongs to


class HttpSession(Session):
    """HTTP/1.0 and HTTP/1.1."""

    name: ClassVar[str] = "http"
    title: ClassVar[str] = "HTTP"
    ports: ClassVar[tuple[int, ...]] = (80, 443, 591, 3000, 3128, 5000, 8000, 8008, 8080, 8081, 8443, 8888, 9090)
    line_end = b"\r\n"

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._client, self._server = _Half(Side.CLIENT), _Half(Side.SERVER)
        self._asked: deque[_Exchange] = deque()
        #: Bytes are missing, so it is not known which request a response answers. Nobody is thought to pipeline then.
        self._unsure = False

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        return recognize(client, server)

    @classmethod
    def viewer(cls) -> Viewer:
        from tincans.protocols.http_view import HttpViewer  # only a reader needs what bodies are packed with

        return HttpViewer()

    @property
    def awaited(self) -> Side | None:
        client, server = self._client, self._server
        if client.place is not _Place.HEAD:
            return Side.SERVER if client.exchange.patient or client.place is _Place.CLOSED else Side.CLIENT
        if self._asked or server.place is not _Place.HEAD:
            return Side.SERVER
        return Side.CLIENT

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        half = self._client if side is Side.CLIENT else self._server
        while True:
            place = half.place
            event = _READ[place](self, half, inbox)
            if event is not None or half.place is place:
                return event

    def _read_head(self, half: _Half, inbox: Inbox) -> Event | None:
        head = heads.read_head(half.side, inbox)
        if head is None:
            return None
        at = inbox.start - len(head.data)
        event = self._request(half, head, at) if half is self._client else self._answer(half, head, at)
        for start, end in heads.secret_spans(head, request=half is self._client):
            self._hide(half.side, at + start, at + end)
        return event

    def _request(self, half: _Half, head: heads.Head, at: int) -> Event:
        method, target, version = head.start
        known = head.known
        heads.check_host(head)
        exchange = half.exchange = _Exchange(method)
        self._begin_body(half, heads.body_length(head, version, request=True))
        options = tokens(known["connection"]) if "connection" in known else ()
        half.closing = "close" in options or (version == "1.0" and "keep-alive" not in options)
        if method == "PRI" and version == "2.0":  # RFC 9113 §3.4
            self._upgrade("", name="h2")
        if "upgrade" in options and "upgrade" in known and version != "1.0":
            exchange.switches = True
        if "expect" in known and version != "1.0" and half.place is not _Place.END:
            exchange.patient = known["expect"].lower() == "100-continue"
        self._ask(exchange, head)
        return Request(method=method, target=target, version=version, headers=head.fields, notes=self._notes(head, at))

    def _ask(self, exchange: _Exchange, head: heads.Head) -> None:
        if self._unsure:
            self._asked.clear()
        if len(self._asked) >= HTTP_PIPELINED:
            head.notes.append(Note(f"{HTTP_PIPELINED} requests wait for an answer", 0, "503 Service Unavailable"))
            self._asked.clear()
        self._asked.append(exchange)

    def _answer(self, half: _Half, head: heads.Head, at: int) -> Event:
        version, digits, reason = head.start
        status = int(digits)
        exchange = self._asked[0] if self._asked else None
        if exchange is None and status < 400 and not self._unsure:
            head.notes.append(Note("nobody has asked", 0))
        exchange = exchange or _Exchange("")
        if status >= 200:
            self._answered(half, head, exchange, version, status)
        elif status == 101:
            self._switch(head, exchange)
        exchange.patient = False
        kind = Response if status >= 200 else InterimResponse
        return kind(version=version, status=status, reason=reason, headers=head.fields, notes=self._notes(head, at))

    def _answered(self, half: _Half, head: heads.Head, exchange: _Exchange, version: str, status: int) -> None:
        """A final answer to `exchange`."""
        if self._asked:
            self._asked.popleft()
        exchange.answered = True
        half.exchange = exchange
        if exchange.connects and status < 300:
            self._upgrade("")
            return
        if exchange.switches:
            self._release(Side.CLIENT)
        has_body = exchange.method != "HEAD" and status not in (204, 304)
        self._begin_body(half, heads.body_length(head, version, request=False) if has_body else 0)
        options = tokens(head.known["connection"]) if "connection" in head.known else ()
        half.closing = "close" in options or (version == "1.0" and "keep-alive" not in options)

    def _switch(self, head: heads.Head, exchange: _Exchange) -> None:
        """101 Switching Protocols."""
        if not exchange.switches and not self._unsure:
            head.notes.append(Note("nobody has asked for another protocol", 0))
        known = head.known
        protocol = known.get("upgrade", "").partition("/")[0].strip().lower()
        options = {"name": known.get("upgrade", "")}
        if protocol == "websocket":
            options = {
                "extensions": known.get("sec-websocket-extensions", ""),
                "subprotocol": known.get("sec-websocket-protocol", ""),
            }
        self._upgrade(_UPGRADES.get(protocol, ""), **{name: option for name, option in options.items() if option})

    def _notes(self, head: heads.Head, at: int) -> tuple[str, ...]:
        """What is wrong with a head that begins at `at`: what only describes goes on, who is strict does not."""
        if not head.notes:
            return ()
        if self.strict:
            self.upgraded = None
            note = head.notes[0]
            raise Wrong(note.reason, at + note.at, reply=heads.reply(note.status, note.reason))
        first = {note.reason: note for note in reversed(head.notes)}
        return tuple([f"{note.reason} (byte {at + note.at})" for note in reversed(first.values())])

    def _begin_body(self, half: _Half, length: int) -> None:
        half.left = length
        half.place = _Place.LENGTH if length > 0 else _BODY[length]

    # ── bodies ────────────────────────────────────────────────────────────────────────────────────────────

    def _read_length(self, half: _Half, inbox: Inbox) -> Event | None:
        if not inbox.data:
            return None
        data = inbox.take(half.left)
        half.left -= len(data)
        if not half.left:
            half.place = _Place.END
        half.exchange.patient = False
        return Body(data=data)

    def _read_size(self, half: _Half, inbox: Inbox) -> None:
        end = inbox.find(b"\n")
        if end < 0 or end >= HTTP_CHUNK_LINE_BYTES:
            if len(inbox) > HTTP_CHUNK_LINE_BYTES:
                self._lose("the line before a chunk is too long", inbox, HTTP_CHUNK_LINE_BYTES)
            return
        line = bytes(inbox.data[: end + 1])
        match = _CHUNK_LINE.fullmatch(line.replace(b"\r\n", b"\n"))
        if match is None or len(match[1]) > HTTP_CHUNK_DIGITS:
            self._lose("this is not the size of a chunk", inbox, end + 1)
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            self._note(half, "the line before a chunk does not end in CR LF alone", inbox.start)
        inbox.take(end + 1)
        half.left = int(match[1], 16)
        half.place = _Place.CHUNK if half.left else _Place.TRAILERS

    def _read_chunk(self, half: _Half, inbox: Inbox) -> Event | None:
        event = self._read_length(half, inbox)
        if half.place is _Place.END:
            half.place = _Place.CHUNK_END
        return event

    def _read_chunk_end(self, half: _Half, inbox: Inbox) -> None:
        end = bytes(inbox.data[:2])
        if end in (b"", b"\r"):
            return
        if end[:1] == b"\n":
            self._note(half, "the line's end behind a chunk is LF alone", inbox.start)
            inbox.take(1)
        elif end == b"\r\n":
            inbox.take(2)
        else:
            self._lose("a chunk does not end where its size says", inbox, 0)
        half.place = _Place.SIZE

    def _read_trailers(self, half: _Half, inbox: Inbox) -> Event | None:
        start = inbox.start
        trailers = heads.read_trailers(inbox)
        if trailers is None:
            return None
        fields, notes = trailers
        for note in notes:
            self._note(half, note.reason, start + note.at, note.status)
        return self._ended(half, fields)

    def _read_until_close(self, half: _Half, inbox: Inbox) -> Event | None:
        return Body(data=inbox.take_all()) if inbox.data else None

    def _read_end(self, half: _Half, inbox: Inbox) -> Event:
        return self._ended(half, ())

    def _ended(self, half: _Half, trailers: Fields) -> Event:
        notes = tuple(dict.fromkeys(half.notes)) if half.notes else ()
        half.notes = []
        half.place = _Place.CLOSED if half.closing and self.strict else _Place.HEAD
        if half is self._client and half.exchange.switches and not half.exchange.answered:
            self._hold(Side.CLIENT)
        return MessageEnd(trailers=trailers, notes=notes)

    def _read_unknown(self, half: _Half, inbox: Inbox) -> NoReturn:
        raise Wrong("it is not known where this body ends", inbox.start)

    def _read_closed(self, half: _Half, inbox: Inbox) -> None:
        if inbox.data.strip(b"\r\n"):
            raise Wrong("this comes behind the last message", inbox.start)

    def _note(self, half: _Half, reason: str, at: int, status: str = heads.BAD) -> None:
        """Something about the framing is wrong, and yet it is clear: what only describes goes on."""
        if self.strict:
            raise Wrong(reason, at, reply=heads.reply(status, reason))
        half.notes.append(f"{reason} (byte {at})")

    def _lose(self, reason: str, inbox: Inbox, skip: int) -> NoReturn:
        raise Wrong(reason, inbox.start, skip=skip, seek=True, reply=heads.reply(heads.BAD, reason))

    # ── ends and gaps ─────────────────────────────────────────────────────────────────────────────────────

    def _finish(self, side: Side, inbox: Inbox) -> Event | None:
        half = self._client if side is Side.CLIENT else self._server
        if half.place is _Place.UNTIL_CLOSE:
            return self._ended(half, ())
        if half.place in (_Place.HEAD, _Place.CLOSED):
            return Data(data=inbox.take_all()) if inbox.data and not inbox.data.strip(b"\r\n") else None
        raise Wrong("the side ends before the body does", inbox.start + len(inbox), skip=len(inbox))

    def _skip(self, side: Side, count: int) -> bool:
        half = self._client if side is Side.CLIENT else self._server
        if half.place in (_Place.LENGTH, _Place.CHUNK) and count <= half.left:
            half.left -= count
            if not half.left:
                half.place = _Place.END if half.place is _Place.LENGTH else _Place.CHUNK_END
            return True
        self._unsure = True
        return half.place is _Place.UNTIL_CLOSE

    def _seek(self, side: Side, inbox: Inbox) -> tuple[int, bool]:
        place, found = find_message(side, inbox.data)
        if found:
            half = self._client if side is Side.CLIENT else self._server
            half.place, half.notes, self._unsure = _Place.HEAD, [], True
            inbox.look_again()
        return place, found

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, side: Side, event: Event) -> bytes:
        half = self._client if side is Side.CLIENT else self._server
        match event:
            case Request() if side is Side.CLIENT:
                return _written(half, f"{event.method} {event.target} HTTP/{event.version}", event)
            case Answer() if side is Side.SERVER:
                return _written(half, f"HTTP/{event.version} {event.status} {event.reason}", event)
            case Body():
                return _written_body(half, event.data)
            case MessageEnd():
                return _written_end(half, event)
        raise LocalProtocolError(f"the {side.value} says no {type(event).__name__} in HTTP")


def _written(half: _Half, start: str, event: Head) -> bytes:
    if half.place is not _Place.HEAD:
        raise LocalProtocolError("the message before it is not complete, or was the last")
    return encoded(f"{start}\r\n{_fields(event.headers)}\r\n")


def _fields(fields: Fields) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in fields])


def _written_body(half: _Half, data: bytes) -> bytes:
    if half.place is _Place.LENGTH and len(data) <= half.left:
        return data
    if half.place in (_Place.SIZE, _Place.CHUNK_END):
        return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    if half.place is not _Place.UNTIL_CLOSE:
        raise LocalProtocolError(f"{len(data)} bytes more are not what the head has promised")
    return data


def _written_end(half: _Half, event: MessageEnd) -> bytes:
    if half.place in (_Place.SIZE, _Place.CHUNK_END):
        return encoded(f"0\r\n{_fields(event.trailers)}\r\n")
    if event.trailers or half.place not in (_Place.HEAD, _Place.UNTIL_CLOSE, _Place.CLOSED):
        raise LocalProtocolError("the body is not complete, or has no room for trailers")
    return b""


_READ: dict[_Place, Callable[[HttpSession, _Half, Inbox], Event | None]] = {
    _Place.HEAD: HttpSession._read_head,
    _Place.LENGTH: HttpSession._read_length,
    _Place.SIZE: HttpSession._read_size,
    _Place.CHUNK: HttpSession._read_chunk,
    _Place.CHUNK_END: HttpSession._read_chunk_end,
    _Place.TRAILERS: HttpSession._read_trailers,
    _Place.UNTIL_CLOSE: HttpSession._read_until_close,
    _Place.END: HttpSession._read_end,
    _Place.UNKNOWN: HttpSession._read_unknown,
    _Place.CLOSED: HttpSession._read_closed,
}
