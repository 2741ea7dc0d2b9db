"""HTTP for the developer tools of browsers: a HAR file of version 1.2.

Answers belong to requests in their order. An exchange is written once both are whole, and as far as they came when the
conversation ends, so the entries stand in the order in which they ended. What HAR has no place for is left out: what
is said in other protocols, answers of the 1xx class, trailers.

HAR needs whole bodies. Of those that are not written yet HAR_BODY_BYTES are held at most; what is more is counted, and
the entry's comment says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from tincans.address import Address
from tincans.channel import Side
from tincans.conversation import Entry, Joined, Opened, Secured
from tincans.decoding import Decoding, Heard, as_json
from tincans.errors import AddressError
from tincans.export.har_entry import Exchange, Message, Socket, entry
from tincans.limits import HAR_BODY_BYTES, HTTP_PIPELINED
from tincans.protocols import Malformed, Missing, Upgraded
from tincans.protocols.http_events import Body, InterimResponse, MessageEnd, Request, Response
from tincans.protocols.websocket_events import Binary, Text


class Har:
    """The `Form` of HTTP."""

    understands: ClassVar[bool] = True

    def __init__(self, version: str, protocol: str = "", *, secrets: bool = False) -> None:
        """`version` is that of tincans, `protocol` as `Decoding` takes it. Without `secrets` they are masked."""
        self._version, self._protocol, self._secrets = version, protocol, secrets
        self._talk: _Talk | None = None
        self._entries = 0
        self.masked = 0

    @property
    def lack(self) -> str:
        return "" if self._entries else "there is no HTTP in it, so the file has no entries"

    def head(self) -> bytes:
        creator = as_json({"name": "tincans", "version": self._version})
        return b'{"log": {"version": "1.2", "creator": %b, "entries": [' % creator

    def take(self, entry: Entry) -> Iterator[bytes]:
        if isinstance(entry, Opened):
            self._talk = _Talk(entry, self._protocol)
        if self._talk is not None:
            yield from self._written(self._talk, self._talk.decoding.take(entry))

    def over(self) -> Iterator[bytes]:
        if self._talk is not None:
            yield from self._written(self._talk, self._talk.decoding.close())
            yield from (self._line(self._talk, exchange) for exchange in self._talk.left())

    def foot(self) -> bytes:
        return b"\n]}}\n"

    def _written(self, talk: _Talk, told: list[Heard | Entry]) -> Iterator[bytes]:
        for each in told:
            if isinstance(each, Heard) and not self._secrets:
                self.masked += len(each.event.hidden)
                each = each.masked()
            for exchange in talk.take(each):
                yield self._line(talk, exchange)

    def _line(self, talk: _Talk, exchange: Exchange) -> bytes:
        self._entries += 1
        comma = b"" if self._entries == 1 else b","
        return comma + b"\n" + as_json(entry(exchange, talk.number, talk.server, secure=talk.is_secure))


class _Talk:
    """One conversation: which requests wait for what."""

    def __init__(self, opened: Opened, protocol: str) -> None:
        self.decoding = Decoding(opened, protocol)
        self.number, self.server = opened.conversation, opened.server
        self.is_secure = _is_secure(opened.server, opened.facts)
        #: Those that are not written yet, and how many bytes of what was said they hold.
        self._exchanges: list[Exchange] = []
        self._held = 0
        #: What each side is in the middle of saying, and to which request that belongs.
        self._saying: dict[Side, tuple[Exchange, Message]] = {}
        self._unsure = False  # something is missing: which answer belongs to which request is not known any more

    def take(self, told: Heard | Entry) -> Iterator[Exchange]:
        """The exchanges that are over now."""
        match told:
            case Joined(server=server, facts=facts):
                self.server = server
                self.is_secure |= _is_secure(server, facts)
            case Secured():
                self.is_secure = True
            case Heard():
                self._hear(told)
        for exchange in [exchange for exchange in self._exchanges if exchange.is_over]:
            self._exchanges.remove(exchange)
            self._held -= exchange.kept
            yield exchange

    def left(self) -> Iterator[Exchange]:
        """Nothing more comes: those that are not over."""
        left, self._exchanges = self._exchanges, []
        yield from left

    def _hear(self, heard: Heard) -> None:
        match heard.event:
            case Request():
                self._asked(Message(heard.began, heard.at, heard.event))
            case Response() | InterimResponse(status=101):
                self._answered(Message(heard.began, heard.at, heard.event))
            case Body(side=side, data=data):
                self._body(side, data, heard.at)
            case MessageEnd(side=side):
                if side in self._saying:
                    self._saying.pop(side)[1].is_whole = True
            case Upgraded(to=to):
                self._upgraded(to)
            case Text(side=side, text=data, fin=fin) | Binary(side=side, data=data, fin=fin):
                self._message(side, data, heard.at, fin)
            case Malformed() | Missing() as event:
                self._broken(event)

    def _asked(self, message: Message) -> None:
        waiting = [exchange for exchange in self._exchanges if exchange.answer is None]
        if self._unsure or len(waiting) >= HTTP_PIPELINED:
            for exchange in waiting:
                exchange.is_given_up = True
        self._exchanges.append(Exchange(message))
        self._saying[Side.CLIENT] = self._exchanges[-1], message

    def _answered(self, message: Message) -> None:
        for exchange in self._exchanges:
            if exchange.answer is None and not exchange.is_given_up:
                break
        else:
            exchange = Exchange(Message(message.began, message.began))
            exchange.request.is_whole = True
            exchange.comments.append("nobody has asked")
            self._exchanges.append(exchange)
        exchange.answer = message
        self._saying[Side.SERVER] = exchange, message

    def _body(self, side: Side, data: bytes, at: int) -> None:
        if side in self._saying:
            _, message = self._saying[side]
            message.at = at
            self._held += message.body.add(data, HAR_BODY_BYTES - self._held)

    def _upgraded(self, to: str) -> None:
        """What follows is something else, so both messages are whole."""
        if Side.SERVER not in self._saying:
            return
        exchange, answer = self._saying.pop(Side.SERVER)
        exchange.request.is_whole = answer.is_whole = True
        if to == "websocket":
            exchange.socket = Socket()

    def _message(self, side: Side, data: str | bytes, at: int, fin: bool) -> None:
        socket = self._exchanges[-1].socket if self._exchanges else None
        if socket is not None:
            self._held += socket.add(side, at, data, HAR_BODY_BYTES - self._held, is_last=fin)

    def _broken(self, event: Malformed | Missing) -> None:
        self._unsure = True
        if event.side in self._saying:
            self._saying[event.side][0].comments.append(event.summary)


def _is_secure(server: str, facts: Mapping[str, str]) -> bool:
    """Whether TLS protects what is said with `server`."""
    try:
        return "tls" in Address.parse(server).wraps or "tls.version" in facts
    except AddressError:
        return "tls.version" in facts
