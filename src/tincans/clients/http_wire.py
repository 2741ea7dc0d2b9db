"""One connection to an HTTP server: requests and responses, one after the other, by h11 over any channel.

h11 keeps the rules of RFC 9112: what is malformed, a body that is shorter or longer than its head says, a chunk that is
none. Here is what it leaves open: waiting with patience, sending a file by the kernel, and waiting for 100 Continue
before a body (RFC 9110 §10.1.1), so that a server which refuses it need not be sent it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

import h11

from tincans.channel import Channel
from tincans.clients.receiving import broken
from tincans.clients.remote import Upload, stalled
from tincans.clients.url import Url
from tincans.errors import ChannelBroken, EndOfStream, RemoteProtocolError, TransferFailed
from tincans.limits import CONTINUE_SECONDS, RESPONSE_HEAD_BYTES
from tincans.tasks import spawn

if TYPE_CHECKING:
    from h11._events import Event

Fields = Sequence[tuple[str, str]]


class Request(NamedTuple):
    """What is asked: for `url`, with these fields beside Host, and with a body where there is one."""

    method: str
    url: Url
    fields: Fields = ()
    upload: Upload | None = None
    #: Where in the upload the body begins.
    offset: int = 0


class Head(NamedTuple):
    """The head of a response; names of fields are in small letters."""

    status: int
    reason: str
    fields: dict[str, str]

    def field(self, name: str) -> str:
        """Its value, or nothing; of a field that came several times the values with commas between."""
        return self.fields.get(name, "")

    def date(self, name: str) -> float | None:
        """A field that is a date (RFC 9110 §5.6.7), in seconds since 1970; None where it is none."""
        try:
            return parsedate_to_datetime(self.field(name)).timestamp()
        except (ValueError, OverflowError):
            return None

    @property
    def length(self) -> int | None:
        """Content-Length; None where there is none. h11 has looked at it."""
        said = self.field("content-length")
        return int(said) if said else None


class Hangup(Exception):
    """The server ended a connection without a word of an answer, as it may end one that was kept (RFC 9112 §9.3.1)."""


class HttpConnection:
    """One connection. `ask`, and then all of `body`; only then it is idle again. Owns its channel."""

    def __init__(self, channel: Channel, patience: float) -> None:
        self._channel, self._patience = channel, patience
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=RESPONSE_HEAD_BYTES)
        self._answered = False  # something of the answer to this request came

    @property
    def is_idle(self) -> bool:
        """Whether it can be asked again: both said all of the last request and response, and neither said close."""
        return self._h11.our_state is h11.IDLE and self._h11.their_state is h11.IDLE

    @property
    def is_over(self) -> bool:
        """Whether the last response was read to its end, and one of the two has said close."""
        return self._h11.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    async def ask(self, request: Request) -> Head:
        """Send a request, and read the head of its response.

        Raises `Hangup`, `TransferFailed`, and `RemoteProtocolError` where the answer is not HTTP. The connection is to
        be closed then, and when it is cancelled.
        """
        self._answered = False
        try:
            return await self._ask(request)
        except (ChannelBroken, EndOfStream) as error:
            if not self._answered:
                raise Hangup from error
            raise broken(request.url, ChannelBroken("it ended in the middle of an answer")) from error
        except TimeoutError as error:
            raise stalled(request.url, self._patience) from error
        except h11.RemoteProtocolError as error:
            raise RemoteProtocolError(f"the server does not speak HTTP as it should: {error}") from error
        except EOFError:
            raise TransferFailed(request.url, "the file here became shorter while it was sent") from None

    async def _ask(self, request: Request) -> Head:
        upload = request.upload
        fields = [("Host", re.sub(r"%[^\]]*", "", request.url.authority)), *request.fields]  # no zone: RFC 6874 §3
        if upload is not None:
            fields += [_length(request), ("Expect", "100-continue")]
        await self._send(h11.Request(method=request.method, target=request.url.target, headers=fields))
        if upload is None:
            await self._send(h11.EndOfMessage())
            return await self._head(self._patience)
        refused = await self._wait_for_continue()
        return refused or await self._send_body(upload, request.offset)

    async def _wait_for_continue(self) -> Head | None:
        """None where the body is wanted, as far as one can tell; else the answer that the server gives without it."""
        try:
            head = await self._head(CONTINUE_SECONDS, interim=True)
        except TimeoutError:
            return None
        return None if head.status == 100 else head

    async def _send_body(self, upload: Upload, offset: int) -> Head:
        """Send the body; an answer that comes before its end is the answer."""
        answer, sending = spawn(self._head(None)), spawn(self._body_of(upload, offset))
        try:
            await asyncio.wait([answer, sending], return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                if not isinstance(sending.exception(), ChannelBroken | None):
                    sending.result()
                async with asyncio.timeout(self._patience):  # of a broken one it may have said why
                    await asyncio.wait([answer])
            return answer.result()
        finally:
            for task in (answer, sending):
                task.cancel()
            await asyncio.wait([answer, sending])

    async def _body_of(self, upload: Upload, offset: int) -> None:
        if upload.size is not None:
            self._h11.send_with_data_passthrough(h11.Data(data=_Sized(upload.size - offset)))  # type: ignore[arg-type]
            await upload.send(self._channel, offset, self._patience)
        else:
            async for piece in upload.pieces():
                await self._send(h11.Data(data=piece))
        await self._send(h11.EndOfMessage())

    async def _send(self, event: Event) -> None:
        if data := self._h11.send(event):
            async with asyncio.timeout(self._patience):
                await self._channel.send(data)

    # ── hearing ───────────────────────────────────────────────────────────────────────────────────────────

    async def _head(self, patience: float | None, *, interim: bool = False) -> Head:
        """The head of the response; with `interim` 100 Continue is one, too."""
        while True:
            event = await self._event(patience, may_end=False)
            assert isinstance(event, h11.Response | h11.InformationalResponse)
            if isinstance(event, h11.Response) or (interim and event.status_code == 100):
                return _head_of(event)

    async def body(self, url: Url) -> AsyncIterator[bytes]:
        """The body of the response, to its end. Raises `TransferFailed` where that is not where it should be."""
        try:
            while not isinstance(event := await self._event(self._patience), h11.EndOfMessage):
                assert isinstance(event, h11.Data)
                yield bytes(event.data)
        except ChannelBroken as error:
            raise broken(url, error) from error
        except TimeoutError as error:
            raise stalled(url, self._patience) from error
        except h11.RemoteProtocolError as error:
            raise TransferFailed(url, f"it is not what was announced: {error}") from error
        if self._h11.trailing_data[0]:
            raise TransferFailed(url, "it is longer than announced")
        if "tls.truncated" in self._channel.facts:
            raise TransferFailed(url, "TLS was cut off without a goodbye")
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()

    async def _event(self, patience: float | None, *, may_end: bool = True) -> Event:
        """The next event of h11. With `may_end` that is asked what the end of the stream means."""
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            try:
                async with asyncio.timeout(patience):
                    data = await self._channel.receive()
            except EndOfStream:
                if not may_end:
                    raise
                data = b""
            self._answered = True
            self._h11.receive_data(data)
        assert not isinstance(event, type)  # PAUSED comes only of pipelining
        return event

    async def aclose(self) -> None:
        await self._channel.aclose()

    def abort(self) -> None:
        self._channel.abort()


class _Sized:
    """Stands for so many bytes of a body, which the kernel sends."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


def _length(request: Request) -> tuple[str, str]:
    """The field that says where the body ends."""
    size = request.upload.size if request.upload is not None else 0
    return ("Transfer-Encoding", "chunked") if size is None else ("Content-Length", str(size - request.offset))


def _head_of(event: h11.Response | h11.InformationalResponse) -> Head:
    fields: dict[str, str] = {}
    for name, value in ((name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers):
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return Head(event.status_code, bytes(event.reason).decode("latin-1"), fields)
