"""HTTP/1.x (RFC 9110, RFC 9112): requests and responses, whoever sends them and in however many pieces.

The state machine is the table in `http_state.py`; who reads at which of its places is `_READ`, at the end.

Two things join the sides. A response is read as what the request asked for (HEAD has no body, 2xx to CONNECT is a
tunnel), so requests wait in `_asked` for theirs, in their order. And a client that asked for another protocol is held
behind its request until the answer says which one the rest is in.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import ClassVar, NoReturn

from tincans.channel import Side
from tincans.limits import HTTP_CHUNK_DIGITS, HTTP_CHUNK_LINE_BYTES, HTTP_PIPELINED
from tincans.protocols import http_head as heads
from tincans.protocols.events import Data, Event
from tincans.protocols.http_events import Body, Fields, InterimResponse, MessageEnd, Request, Response
from tincans.protocols.http_head import Note, tokens
from tincans.protocols.http_marks import SUSPICIOUS, find_message, recognize
from tincans.protocols.http_state import Exchange, Half, Place
from tincans.protocols.http_write import write
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.session import Match, Session
from tincans.protocols.view import Viewer

#: The line before a chunk (RFC 9112 §7.1); blanks behind the size are common, and h11 takes them too.
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[^\n]*)?\n")

#: Which session goes on after 101 to which protocol (RFC 9110 §7.8); any other is to be guessed.
_UPGRADES = {"websocket": "websocket", "tls": "tls"}


class HttpSession(Session):
    """HTTP/1.0 and HTTP/1.1."""

    name: ClassVar[str] = "http"
    title: ClassVar[str] = "HTTP"
    ports: ClassVar[tuple[int, ...]] = (80, 443, 591, 3000, 3128, 5000, 8000, 8008, 8080, 8081, 8443, 8888, 9090)
    line_end = b"\r\n"
    suspicious = SUSPICIOUS

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._client, self._server = Half(Side.CLIENT), Half(Side.SERVER)
        self._asked: deque[Exchange] = deque()
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
        if client.place is not Place.HEAD:
            return Side.SERVER if client.exchange.patient or client.place is Place.CLOSED else Side.CLIENT
        if self._asked or server.place is not Place.HEAD:
            return Side.SERVER
        return Side.CLIENT

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        half = self._client if side is Side.CLIENT else self._server
        if not inbox.data and half.place is not Place.END:
            return None  # which is soon told
        while True:
            place = half.place
            event = _READ[place](self, half, inbox)
            if event is not None or half.place is place:
                return event

    def _read_head(self, half: Half, inbox: Inbox) -> Event | None:
        head = heads.read_head(half.side, inbox)
        if head is None:
            return None
        at = inbox.start - len(head.data)
        event = self._request(half, head, at) if half is self._client else self._answer(half, head, at)
        if heads.has_secrets(head):
            for start, end in heads.secret_spans(head, request=half is self._client):
                self._hide(half.side, at + start, at + end)
        return event

    def _request(self, half: Half, head: heads.Head, at: int) -> Event:
        method, target, version = head.start
        known = head.known
        heads.check_host(head)
        exchange = half.exchange = Exchange(method)
        half.begin_body(heads.body_length(head, version, request=True))
        options = tokens(known["connection"]) if "connection" in known else ()
        half.closing = "close" in options or (version == "1.0" and "keep-alive" not in options)
        if method == "PRI" and version == "2.0":  # RFC 9113 §3.4
            self._upgrade("raw", name="h2")
        if "upgrade" in options and "upgrade" in known and version != "1.0":
            exchange.switches = True
        if "expect" in known and version != "1.0" and half.place is not Place.END:
            exchange.patient = known["expect"].lower() == "100-continue"
        self._ask(exchange, head)
        return Request(method=method, target=target, version=version, headers=head.fields, notes=self._notes(head, at))

    def _ask(self, exchange: Exchange, head: heads.Head) -> None:
        if self._unsure:
            self._asked.clear()
        if len(self._asked) >= HTTP_PIPELINED:
            head.notes.append(Note(f"{HTTP_PIPELINED} requests wait for an answer", 0, "503 Service Unavailable"))
            self._asked.clear()
        self._asked.append(exchange)

    def _answer(self, half: Half, head: heads.Head, at: int) -> Event:
        version, digits, reason = head.start
        status = int(digits)
        exchange = self._asked[0] if self._asked else None
        if exchange is None and status < 400 and not self._unsure:
            head.notes.append(Note("nobody has asked", 0))
        exchange = exchange or Exchange("")
        if status >= 200:
            self._answered(half, head, exchange, version, status)
        elif status == 101:
            self._switch(head, exchange)
        exchange.patient = False
        kind = Response if status >= 200 else InterimResponse
        return kind(version=version, status=status, reason=reason, headers=head.fields, notes=self._notes(head, at))

    def _answered(self, half: Half, head: heads.Head, exchange: Exchange, version: str, status: int) -> None:
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
        half.begin_body(heads.body_length(head, version, request=False) if has_body else 0)
        options = tokens(head.known["connection"]) if "connection" in head.known else ()
        half.closing = "close" in options or (version == "1.0" and "keep-alive" not in options)

    def _switch(self, head: heads.Head, exchange: Exchange) -> None:
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

    # ── bodies ────────────────────────────────────────────────────────────────────────────────────────────

    def _read_length(self, half: Half, inbox: Inbox) -> Event | None:
        if not inbox.data:
            return None
        data = inbox.take(half.left)
        half.left -= len(data)
        if not half.left:
            half.place = Place.END
        half.exchange.patient = False
        return Body(data=data)

    def _read_size(self, half: Half, inbox: Inbox) -> None:
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
        half.place = Place.CHUNK if half.left else Place.TRAILERS

    def _read_chunk(self, half: Half, inbox: Inbox) -> Event | None:
        event = self._read_length(half, inbox)
        if half.place is Place.END:
            half.place = Place.CHUNK_END
        return event

    def _read_chunk_end(self, half: Half, inbox: Inbox) -> None:
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
        half.place = Place.SIZE

    def _read_trailers(self, half: Half, inbox: Inbox) -> Event | None:
        start = inbox.start
        trailers = heads.read_trailers(inbox)
        if trailers is None:
            return None
        fields, notes = trailers
        for note in notes:
            self._note(half, note.reason, start + note.at, note.status)
        return self._ended(half, fields)

    def _read_until_close(self, half: Half, inbox: Inbox) -> Event | None:
        return Body(data=inbox.take_all()) if inbox.data else None

    def _read_end(self, half: Half, inbox: Inbox) -> Event:
        return self._ended(half, ())

    def _ended(self, half: Half, trailers: Fields) -> Event:
        notes = tuple(dict.fromkeys(half.notes)) if half.notes else ()
        half.notes = []
        half.place = Place.CLOSED if half.closing and self.strict else Place.HEAD
        if half is self._client and half.exchange.switches and not half.exchange.answered:
            self._hold(Side.CLIENT)
        return MessageEnd(trailers=trailers, notes=notes)

    def _read_unknown(self, half: Half, inbox: Inbox) -> NoReturn:
        raise Wrong("it is not known where this body ends", inbox.start)

    def _read_closed(self, half: Half, inbox: Inbox) -> None:
        if inbox.data.strip(b"\r\n"):
            raise Wrong("this comes behind the last message", inbox.start)

    def _note(self, half: Half, reason: str, at: int, status: str = heads.BAD) -> None:
        """Something about the framing is wrong, and yet it is clear: what only describes goes on."""
        if self.strict:
            raise Wrong(reason, at, reply=heads.reply(status, reason))
        half.notes.append(f"{reason} (byte {at})")

    def _lose(self, reason: str, inbox: Inbox, skip: int) -> NoReturn:
        raise Wrong(reason, inbox.start, skip=skip, seek=True, reply=heads.reply(heads.BAD, reason))

    # ── ends and gaps ─────────────────────────────────────────────────────────────────────────────────────

    def _finish(self, side: Side, inbox: Inbox) -> Event | None:
        half = self._client if side is Side.CLIENT else self._server
        if half.place is Place.UNTIL_CLOSE:
            return self._ended(half, ())
        if half.place in (Place.HEAD, Place.CLOSED):
            return Data(data=inbox.take_all()) if inbox.data and not inbox.data.strip(b"\r\n") else None
        raise Wrong("the side ends before the body does", inbox.start + len(inbox), skip=len(inbox))

    def _skip(self, side: Side, count: int) -> bool:
        half = self._client if side is Side.CLIENT else self._server
        if half.place in (Place.LENGTH, Place.CHUNK) and count <= half.left:
            half.left -= count
            if not half.left:
                half.place = Place.END if half.place is Place.LENGTH else Place.CHUNK_END
            return True
        self._unsure = True
        return half.place is Place.UNTIL_CLOSE

    def _seek(self, side: Side, inbox: Inbox) -> tuple[int, bool]:
        place, found = find_message(side, inbox)
        if found:
            half = self._client if side is Side.CLIENT else self._server
            half.place, half.notes, self._unsure = Place.HEAD, [], True
            inbox.look_again()
        return place, found

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, side: Side, event: Event) -> bytes:
        return write(self._client if side is Side.CLIENT else self._server, event)


_READ: dict[Place, Callable[[HttpSession, Half, Inbox], Event | None]] = {
    Place.HEAD: HttpSession._read_head,
    Place.LENGTH: HttpSession._read_length,
    Place.SIZE: HttpSession._read_size,
    Place.CHUNK: HttpSession._read_chunk,
    Place.CHUNK_END: HttpSession._read_chunk_end,
    Place.TRAILERS: HttpSession._read_trailers,
    Place.UNTIL_CLOSE: HttpSession._read_until_close,
    Place.END: HttpSession._read_end,
    Place.UNKNOWN: HttpSession._read_unknown,
    Place.CLOSED: HttpSession._read_closed,
}
