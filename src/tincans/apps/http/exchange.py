"""One request and its response, as a handler has them.

A handler is an `async def` of an `Exchange`. It may read the body, and responds once:

    async def handler(exchange: Exchange) -> None:
        async for piece in exchange.body(most=1024):
            ...
        await exchange.respond(200, [("Content-Type", "text/plain")], b"thank you\n")

What frames the response is said here and by no handler: Content-Length, Transfer-Encoding, Connection, Date, Server;
so is that HEAD, 204 and 304 have no body.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import NoReturn

import msgspec

from tincans.apps.http.intake import Content, Intake
from tincans.apps.http.request import Fields, Request, refuse
from tincans.channel import Buffered, Channel
from tincans.errors import LocalProtocolError
from tincans.limits import HTTP_SEND_BYTES, HTTP_SMALL_BYTES, HTTP_UNWANTED_BYTES

__all__ = ["Body", "Exchange", "Fields", "Handler", "Request", "Span"]


class Span(msgspec.Struct, frozen=True):
    """A part of an open file, to be sent by the kernel where it can. Whoever made it closes the file."""

    file: int
    offset: int
    size: int


#: What a response may carry: bytes, a part of a file, several of both, or pieces that are not there yet.
Body = bytes | Span | Sequence[bytes | Span] | AsyncIterable[bytes]

#: A party that answers one request. The channel goes on to the next when it returns; it need not have read the body.
Handler = Callable[["Exchange"], Awaitable[None]]

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")
#: Responses that have no body (RFC 9110 §6.4.1).
_SILENT = frozenset({204, 304})
_OURS = {"content-length", "transfer-encoding", "connection", "date", "server"}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange:
    """One request and its response. Only one task may use it at a time; it is over when the handler returns."""

    __slots__ = (
        "_intake", "channel", "content", "finished", "keeps", "request", "status", "upgraded", "user", "waited_for",
    )  # fmt: skip

    def __init__(self, request: Request, intake: Intake) -> None:
        self.request = request
        #: Who is logged in; empty for a guest.
        self.user = ""
        #: What it is said on: who calls is `channel.remote`. Not to be received from or sent on.
        self.channel: Channel = intake.channel
        #: The connection is to be kept behind this; a handler may set it to False before it responds.
        self.keeps = request.keeps
        #: What was responded; 0 before.
        self.status = 0
        #: The response is complete.
        self.finished = False
        #: The rest is in another protocol.
        self.upgraded = False
        self.content = Content(intake, request.length)
        #: The client waits for leave to say its body.
        self.waited_for = request.patient and not self.content.ended
        self._intake = intake

    # ── the request's body ────────────────────────────────────────────────────────────────────────────────

    def body(self, most: int | None = None) -> AsyncIterator[bytes]:
        """The pieces of the request's body, as they come; a client that waits for leave to say it is told to go on.

        The iterator raises `RemoteProtocolError` where the body is malformed or cut off, or has more than `most` bytes:
        a handler that lets that pass has it answered (400, 413). A second call goes on where the first stopped.
        """
        return Pieces(self, most)

    async def take(self) -> bytes:
        """The next piece of the body; ``b""`` at its end. As `body`."""
        if self.waited_for and not self.status:
            self.waited_for = False
            await self._say(_CONTINUE)
        return await self.content.take()

    async def discard(self, most: int = HTTP_UNWANTED_BYTES) -> bool:
        """Read what is left of the body and throw it away; False where that is not wanted.

        It is not where the client still waits for leave to say it, or where it has more than `most` bytes. Raises as
        `body` does.
        """
        while not self.content.ended:
            if not self._is_wanted(most):
                return False
            most -= len(await self.content.take())
        return True

    def _is_wanted(self, most: int = HTTP_UNWANTED_BYTES) -> bool:
        """Whether what is left of the body can be read without a word to the client, and is worth it."""
        return not self.waited_for and (self.content.left or 0) <= most

    async def left(self) -> None:
        """Wait until the client has left, or has ended what it says. Read the body before. Cancelling is harmless."""
        await self._intake.left()

    # ── the response ──────────────────────────────────────────────────────────────────────────────────────

    async def respond(
        self, status: int, fields: Iterable[tuple[str, str]] | bytes = (), body: Body = b"", *,
        length: int | None = None,
    ) -> None:  # fmt: skip
        """Say the response. `fields` may be rendered already (`render`).

        A body of pieces is said in chunks, or, where `length` is given, must have exactly so many bytes. Raises
        `LocalProtocolError` for what is no response, `EOFError` where a file is too short, and as `Channel.send` does.
        """
        if self.status:
            raise LocalProtocolError("there was a response already")
        said = fields if isinstance(fields, bytes) else render(fields)
        self.status = status
        parts: Sequence[bytes | Span] = ()
        if isinstance(body, bytes):
            length, parts = len(body), (body,)
        elif isinstance(body, Span):
            length, parts = body.size, (body,)
        elif not isinstance(body, AsyncIterable):
            length, parts = sum([len(part) if isinstance(part, bytes) else part.size for part in body]), body
        if not (self.content.ended or isinstance(body, AsyncIterable) or self._is_wanted()):
            self.keeps = False
        head = self._head(status, said, length)
        if status in _SILENT or self.request.method == "HEAD":
            await self._say(head)
        elif isinstance(body, bytes) and len(body) <= HTTP_SMALL_BYTES:
            await self._say(head + body)
        elif isinstance(body, AsyncIterable):
            await self._stream(head, body, length)
        else:
            await self._send(head, parts)
        self.finished = True

    async def upgrade(self, fields: Iterable[tuple[str, str]]) -> Buffered:
        """Switch to another protocol (RFC 9110 §15.2.2) and give what the rest is said on; it is closed behind us.

        `fields` name the protocol, with Connection and Upgrade.
        """
        if self.status:
            raise LocalProtocolError("there was a response already")
        head = b"HTTP/1.1 101 Switching Protocols\r\n%b\r\n" % render(fields, ours=False)
        self.status, self.upgraded, self.keeps = 101, True, False
        await self.channel.send(head)
        self.finished = True
        return Buffered(self.channel, self._intake.take_all())

    def _head(self, status: int, said: bytes, length: int | None) -> bytes:
        old = self.request.version == "1.0"
        if length is None and old:
            self.keeps = False  # the end of the body is the end of the connection
        framing = b""
        if status not in _SILENT:
            if length is not None:
                framing = b"Content-Length: %d\r\n" % length
            elif not old:
                framing = b"Transfer-Encoding: chunked\r\n"
        if not self.keeps:
            framing += b"Connection: close\r\n"
        elif old:
            framing += b"Connection: keep-alive\r\n"
        return b"%b%b%b\r\n" % (_beginning(status), said, framing)

    async def _say(self, data: bytes) -> None:
        """Send; who does not take it in time is left."""
        deadline = self._intake.deadline
        deadline.set(self._intake.patience.send)
        await self.channel.send(data)
        deadline.clear()

    async def _send(self, head: bytes, parts: Sequence[bytes | Span]) -> None:
        """What is small goes in one call with what is before it."""
        waiting = head
        for part in parts:
            if isinstance(part, Span):
                if part.size > HTTP_SMALL_BYTES:
                    if waiting:
                        await self._say(waiting)
                        waiting = b""
                    await self._send_file(part)
                    continue
                part = _read(part)
            if waiting and len(waiting) + len(part) > 2 * HTTP_SMALL_BYTES:
                await self._say(waiting)
                waiting = b""
            waiting += part
        if waiting:
            await self._say(waiting)

    async def _send_file(self, span: Span) -> None:
        deadline, seconds, send_file = self._intake.deadline, self._intake.patience.send, self.channel.send_file
        for offset in range(span.offset, span.offset + span.size, HTTP_SEND_BYTES):
            deadline.set(seconds)
            await send_file(span.file, offset, min(HTTP_SEND_BYTES, span.offset + span.size - offset))
        deadline.clear()

    async def _stream(self, head: bytes, body: AsyncIterable[bytes], length: int | None) -> None:
        await self._say(head)
        chunked = length is None and self.request.version != "1.0"
        left = length
        async for piece in body:
            if not piece:
                continue
            if left is not None and (left := left - len(piece)) < 0:
                raise LocalProtocolError("the body has more bytes than were announced")
            await self._say(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if left:
            raise LocalProtocolError("the body has fewer bytes than were announced")
        if chunked:
            await self._say(b"0\r\n\r\n")


class Pieces:
    """The body of a request, to be gone through with `async for`."""

    __slots__ = ("_exchange", "_left", "_most")

    def __init__(self, exchange: Exchange, most: int | None) -> None:
        self._exchange, self._most, self._left = exchange, most, most

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        if self._left is not None and (self._exchange.content.left or 0) > self._left:
            self._refuse()
        piece = await self._exchange.take()
        if not piece:
            raise StopAsyncIteration
        if self._left is not None:
            self._left -= len(piece)
            if self._left < 0:
                self._refuse()
        return piece

    def _refuse(self) -> NoReturn:
        refuse(f"the body has more than {self._most} bytes", "413 Content Too Large")


def render(fields: Iterable[tuple[str, str]], *, ours: bool = True) -> bytes:
    """Fields as they are said. Raises `LocalProtocolError` for what is none, or is `ours` alone to say."""
    lines = []
    for name, value in fields:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise LocalProtocolError(f"{name!r}: {value!r} is no field")
        if ours and name.lower() in _OURS:
            raise LocalProtocolError(f"{name} is not for a handler to say")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("latin-1")


def _read(span: Span) -> bytes:
    data = os.pread(span.file, span.size, span.offset)
    if len(data) < span.size:
        raise EOFError
    return data


class _Beginnings:
    """What responses begin with: the status line, who says it, and the date. Made once a second for each status."""

    def __init__(self) -> None:
        self._second = 0
        self._made: dict[int, bytes] = {}

    def __call__(self, status: int) -> bytes:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._made.clear()
        made = self._made.get(status)
        if made is None:
            date = formatdate(now, usegmt=True)
            line = f"HTTP/1.1 {status} {_PHRASES.get(status, '')}"
            made = self._made[status] = f"{line}\r\nServer: tincans\r\nDate: {date}\r\n".encode()
        return made


_beginning = _Beginnings()
