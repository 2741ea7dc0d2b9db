"""A WebSocket as an ASGI application has it, on the sans-I/O core of the `websockets` library.

    websocket.connect ─► accept ─► receive, send … ─► close, or disconnect
                      ├► close                        403
                      └► http.response.start …        any other answer than a WebSocket

The application has text as text and bytes as bytes, whole. One message is received ahead of it, so that pings are
answered while it does something else, and no more than one: the client waits then. It leaves with 1000, or with 1011
where it crashed.
"""

from __future__ import annotations

import asyncio
from collections import deque

from websockets.frames import Close, CloseCode
from websockets.http11 import Response
from websockets.server import ServerProtocol

from tincans.apps.http.asgi_http import Run, Said, report, say
from tincans.apps.http.asgi_scope import Message, Scope
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.websocket import offered
from tincans.channel import Buffer, Buffered
from tincans.errors import ChannelError
from tincans.tasks import spawn
from tincans.transports.ws_channel import WebSocketChannel


async def converse(exchange: Exchange, scope: Scope, run: Run) -> None:
    """Have the application open a WebSocket, or not, and talk. Raises what it raised."""
    offer = await offered(exchange)
    if offer is None:
        return
    protocol, answer = offer
    hearing, said = SocketHearing(), Said()
    task = run(scope, hearing.receive, said.put)
    task.add_done_callback(said.end)
    try:
        await _talk(exchange, protocol, answer, hearing, said, task)
    except ChannelError:
        raise  # the client has left, which the application hears
    except BaseException:
        task.cancel()
        raise
    finally:
        said.close(lost=True)
        await hearing.close()
        task.add_done_callback(report)


async def _talk(
    exchange: Exchange, protocol: ServerProtocol, answer: Response, hearing: SocketHearing, said: Said,
    task: asyncio.Task[None],
) -> None:  # fmt: skip
    first = await said.take()
    if first is not None and first["type"] == "websocket.accept":
        socket = await _open(exchange, protocol, answer, first)
        hearing.open(socket)
        await _speak(socket, hearing, said, task)
    elif first is not None and first["type"] == "websocket.close":
        await exchange.respond(403, [("Content-Type", "text/plain")], b"403 Forbidden\n")
    else:
        await say(exchange, said, task, first)


async def _open(exchange: Exchange, protocol: ServerProtocol, answer: Response, accept: Message) -> Socket:
    """Open it as the application accepts it."""
    fields = list(answer.headers.raw_items())
    if chosen := accept.get("subprotocol"):
        fields.append(("Sec-WebSocket-Protocol", chosen))
    for name, value in accept.get("headers", ()):
        fields.append((name.decode("latin-1"), value.decode("latin-1")))
    below = await exchange.upgrade(fields)
    facts = {"ws.resource": exchange.request.target, "ws.subprotocol": chosen or ""}
    return Socket(below, protocol, {name: value for name, value in facts.items() if value})


async def _speak(socket: Socket, hearing: SocketHearing, said: Said, task: asyncio.Task[None]) -> None:
    """Say what the application says, until it or the client leaves."""
    goodbye = Close(CloseCode.NORMAL_CLOSURE, "")
    try:
        while (message := await said.take()) is not None:
            if message["type"] == "websocket.close":
                goodbye = Close(message.get("code") or CloseCode.NORMAL_CLOSURE, message.get("reason") or "")
                break
            text, data = message.get("text"), message.get("bytes")
            await socket.send_message(text if text is not None else bytes(data or b""))
        else:
            await task  # raises what it raised
    except ChannelError:
        raise
    except Exception:
        goodbye = Close(CloseCode.INTERNAL_ERROR, "")
        raise
    finally:
        await hearing.close()
        await socket.leave(goodbye)


class Socket(WebSocketChannel):
    """A WebSocket that tells text from bytes, and leaves with a code."""

    __slots__ = ("_kinds",)

    def __init__(self, below: Buffered, protocol: ServerProtocol, facts: dict[str, str]) -> None:
        super().__init__(below, protocol, facts, text=False)
        self._kinds = deque[bool]()  # of each message that waits, whether it is text

    async def receive_message(self) -> str | bytes:
        """The next message. Raises as `receive` does."""
        message = await self.receive()
        return message.decode() if self._kinds.popleft() else message

    async def send_message(self, message: str | bytes) -> None:
        """Say text as text and bytes as bytes. Raises as `send` does."""
        self._text = isinstance(message, str)
        await self.send(message.encode() if isinstance(message, str) else message)

    async def leave(self, goodbye: Close) -> None:
        """Close it with this code, unless the client has closed it."""
        self._goodbye = goodbye
        await self.aclose()

    @property
    def end(self) -> Close:
        """How the client has left it."""
        if self._protocol.close_rcvd is not None:
            return self._protocol.close_rcvd
        return self._protocol.close_sent or Close(CloseCode.ABNORMAL_CLOSURE, "")

    def _hear_message(self, data: Buffer, is_text: bool) -> None:
        waiting = len(self._messages)
        super()._hear_message(data, is_text)
        if len(self._messages) > waiting:
            self._kinds.append(is_text)


class SocketHearing:
    """What an application hears of a WebSocket, one message ahead."""

    def __init__(self) -> None:
        self._socket: Socket | None = None
        self._opened = asyncio.Event()  # or it never will be
        self._connected = False  # the application knows of it
        self._next: asyncio.Task[str | bytes | None] | None = None

    def open(self, socket: Socket) -> None:
        """Listen to this one."""
        self._socket = socket
        self._next = spawn(self._listen(socket))
        self._opened.set()

    async def receive(self) -> Message:
        """That somebody connects; each message; and that it is over, again and again."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        await self._opened.wait()
        if self._socket is None:
            return {"type": "websocket.disconnect", "code": CloseCode.ABNORMAL_CLOSURE, "reason": ""}
        listening = self._next
        assert listening is not None
        await asyncio.wait([listening])  # and not the task itself: who stops waiting loses nothing
        message = None if listening.cancelled() else listening.result()
        if message is None:
            end = self._socket.end
            return {"type": "websocket.disconnect", "code": int(end.code), "reason": end.reason}
        if self._next is listening:
            self._next = spawn(self._listen(self._socket))
        kind = "text" if isinstance(message, str) else "bytes"
        return {"type": "websocket.receive", kind: message}

    async def close(self) -> None:
        """Listen to nothing any more."""
        self._opened.set()
        if self._next is not None and not self._next.done():
            self._next.cancel()
            await asyncio.wait([self._next])

    async def _listen(self, socket: Socket) -> str | bytes | None:
        try:
            return await socket.receive_message()
        except ChannelError:
            return None
