"""One request and its response, as an ASGI application has them.

The application runs in a task of its own and says the response piece by piece; whoever answers takes the pieces one by
one, so that the application waits while the client is slow. It hears the body as it asks for it, so that a client waits
while the application is slow. Once the response is complete the connection goes on, though the application may not be
done.

A client that leaves cancels nothing: the application's next `send` raises `OSError`, its next `receive` says that the
client has left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from tincans.apps.http.asgi_scope import Message, Receive, Scope, Send
from tincans.apps.http.exchange import Exchange
from tincans.errors import ChannelError, RemoteProtocolError
from tincans.tasks import spawn

log = logging.getLogger(__name__)

#: Starts the application with its scope, and what it receives and sends by.
Run = Callable[[Scope, Receive, Send], "asyncio.Task[None]"]

#: The fields that the exchange says by itself.
OURS = {"content-length", "transfer-encoding", "connection", "date", "server"}


async def respond(exchange: Exchange, scope: Scope, run: Run) -> None:
    """Have the application respond. Raises what it raised before its response was complete."""
    hearing, said = Hearing(exchange), Said()
    task = run(scope, hearing.receive, said.put)
    task.add_done_callback(said.end)
    try:
        start = await said.take()
        if hearing.fault is not None:
            raise hearing.fault  # whatever the application makes of it, the client hears what it did wrong
        await say(exchange, said, task, start)
    except ChannelError:
        raise  # the client has left, which the application hears
    except BaseException:
        task.cancel()
        raise
    finally:
        said.close(lost=not exchange.finished)
        await hearing.close()
        task.add_done_callback(report)


async def say(exchange: Exchange, said: Said, task: asyncio.Task[None], start: Message | None) -> None:
    """Say the response that begins with this message."""
    first = await said.take() if start is not None else None
    if start is None or first is None:
        await task  # raises what it raised
        raise RuntimeError("the application has left without a response")
    kind = start["type"].removesuffix(".start")
    if start["type"] != f"{kind}.start" or first["type"] != f"{kind}.body":
        raise RuntimeError(f"the application said {start['type']!r} and {first['type']!r} where its response begins")
    status, body = int(start["status"]), bytes(first.get("body", b""))
    if not 200 <= status <= 999:
        raise RuntimeError(f"the application said {status}, which is no status of a response")
    fields, length = _fields(exchange, start)
    if first.get("more_body", False):
        await exchange.respond(status, fields, _pieces(first, said, task), length=length)
    elif exchange.request.method == "HEAD":  # the length is that of the body which GET would have
        length = len(body) if length is None else length
        await exchange.respond(status, fields, _pieces(first, said, task), length=length)
    elif length not in (None, len(body)) and status not in (204, 304):
        raise RuntimeError(f"the application announced {length} bytes and gave {len(body)}")
    else:
        await exchange.respond(status, fields, body)


def report(task: asyncio.Task[None]) -> None:
    """An application's end that nobody waits for: log what it raised, unless that the client has left was all."""
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, OSError):
        log.error("the application crashed behind its response", exc_info=error)


def _fields(exchange: Exchange, start: Message) -> tuple[list[tuple[str, str]], int | None]:
    """What the application says about its response, and how long it says the body is."""
    fields: list[tuple[str, str]] = []
    length: int | None = None
    for name, value in start.get("headers", ()):
        field, said = bytes(name).decode("latin-1"), bytes(value).decode("latin-1")
        if field.lower() == "content-length":
            length = int(said)
        elif field.lower() == "connection" and "close" in said.lower():
            exchange.keeps = False
        elif field.lower() not in OURS:
            fields.append((field, said))
    return fields, length


async def _pieces(first: Message, said: Said, task: asyncio.Task[None]) -> AsyncIterator[bytes]:
    kind = first["type"]
    yield bytes(first.get("body", b""))
    while True:
        message = await said.take()
        if message is None:
            await task  # raises what it raised
            raise RuntimeError("the application has left in the middle of its response")
        if message["type"] != kind:
            raise RuntimeError(f"the application said {message['type']!r} in the middle of its response")
        yield bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return


class Said:
    """What an application says, taken message by message: it waits with the next until the last one was taken."""

    def __init__(self) -> None:
        self._message: Message | None = None
        self._there, self._free = asyncio.Event(), asyncio.Event()
        self._ended = self._closed = self._lost = False

    async def put(self, message: Message) -> None:
        """Say a message. Raises `OSError` where the client has left."""
        while self._message is not None and not self._closed:
            self._free.clear()
            await self._free.wait()
        if self._lost:
            raise OSError("the client has left")
        if not self._closed:  # else the response is complete, and this is nothing to it
            self._message = message
            self._there.set()

    async def take(self) -> Message | None:
        """Wait for a message and take it; None once the application has ended."""
        while self._message is None:
            if self._ended:
                return None
            self._there.clear()
            await self._there.wait()
        message, self._message = self._message, None
        self._free.set()
        return message

    def end(self, _: object = None) -> None:
        """The application says nothing more."""
        self._ended = True
        self._there.set()

    def close(self, *, lost: bool) -> None:
        """Nothing more is taken; `lost` where the client has not all that it should have."""
        self._closed, self._lost = True, lost
        self._free.set()


class Hearing:
    """What an application hears. It listens in a task of its own: whoever stops waiting for that loses nothing."""

    def __init__(self, exchange: Exchange) -> None:
        #: How the client broke the rules in its body.
        self.fault: RemoteProtocolError | None = None
        self._exchange = exchange
        self._begun = False  # the application has heard of the request
        self._left = False
        self._task: asyncio.Task[Message] | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def receive(self) -> Message:
        """The next piece of the body; and then, once it is so, that the client has left or has its response."""
        if not self._begun and self._exchange.content.ended:
            self._begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self._closed.done() and not self._left:
            task = self._task = self._task or spawn(self._listen())
            either: list[asyncio.Future[Any]] = [task, self._closed]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not task.cancelled():
                self._task = None
                return task.result()
        return {"type": "http.disconnect"}

    async def close(self) -> None:
        """Listen to nothing any more: the connection goes on, or is over."""
        self._closed.set_result(None)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _listen(self) -> Message:
        try:
            if not (self._begun and self._exchange.content.ended):
                piece = await self._exchange.take()
                self._begun = True
                return {"type": "http.request", "body": piece, "more_body": not self._exchange.content.ended}
            await self._exchange.left()
        except RemoteProtocolError as error:
            self.fault = error
            self._exchange.keeps = False
        except ChannelError:
            pass
        self._left = True
        return {"type": "http.disconnect"}
