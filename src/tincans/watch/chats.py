"""The hubs of chats that run here, and who talks on them by the page.

The page speaks with a hub as every program does, in objects of JSON (docs/chat.md), over a WebSocket of its own server:
its policy lets it call nobody else, and its token says who may. So that WebSocket is the channel of one more program.
With a token that may only look one hears all and says nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from tincans.address import Address
from tincans.channel import Buffer, Channel, Traits
from tincans.config import Listen
from tincans.errors import CannotHalfClose, ChannelBroken, ChannelClosed, ChannelError, EndOfStream
from tincans.tasks import spawn
from tincans.text import escape
from tincans.watch.answers import ChatRow, Chats
from tincans.watch.asking import Call
from tincans.watch.endpoints import Nothing
from tincans.watch.live import accept, until_closed
from tincans.watch.trouble import NoSuchPath
from tincans.watch.watched import Watched

if TYPE_CHECKING:
    from tincans.apps.chat import Chat

#: What a token that may only look may say.
_LOOKING = frozenset({"hello", "join", "part", "history", "search", "rooms", "who", "ping", "pong", "quit"})


class _Said(msgspec.Struct):
    do: str = ""
    label: str = ""


class _Refused(msgspec.Struct, tag_field="on", tag="error"):
    code: str
    text: str
    label: str


_read = msgspec.json.Decoder(_Said).decode
_write = msgspec.json.Encoder().encode


async def chats(call: Call, asked: Nothing) -> Chats:
    return Chats(rows=_rows(call.watched))


def _rows(watched: Watched) -> list[ChatRow]:
    board = watched.board
    if board is None:
        return []
    hubs = hubs_of(watched)
    secret = {entry.name for entry in board.entries if isinstance(entry, Listen) and entry.settings.tls == "required"}
    return [
        ChatRow(
            name=row.name, hub=escape(hubs[row.name].hub.name),
            url=_url(row.address, tls=row.name in secret),
        )
        for row in board.rows
        if row.name in hubs
    ]  # fmt: skip


def hubs_of(watched: Watched) -> dict[str, Chat]:
    """The hubs that run here, by the names of their listeners."""
    from tincans.apps.chat import Chat

    apps = watched.board.apps if watched.board is not None else {}
    return {name: app for name, app in apps.items() if isinstance(app, Chat)}


def _url(address: Address, *, tls: bool) -> str:
    """Where the hub's own page is; empty where no browser can open it."""
    if address.scheme != "tcp" or "ws" in address.wraps:
        return ""
    host = "127.0.0.1" if address.host in ("*", "0.0.0.0", "::") else address.host
    scheme = "https" if "tls" in address.wraps or tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{address.port}"


async def serve(call: Call, socket: WebSocket, closing: asyncio.Event) -> None:
    """One who talks, until they go or `closing` is set. Raises `NoSuchPath`."""
    name = socket.path_params["name"]
    app = hubs_of(call.watched).get(name)
    if app is None:
        raise NoSuchPath(f"there is no chat {name!r}", "GET /api/chats has those that there are.")
    from tincans.apps.chat import programs

    await accept(socket)
    channel = SocketChannel(socket, steers=call.steers)

    async def talk() -> None:
        try:
            await programs.attend(app.hub, channel, b"")
        except ChannelError:
            pass  # they have gone
        finally:
            await channel.aclose()

    await until_closed(socket, closing, talk())


class SocketChannel(Channel):
    """A WebSocket of the page's server as a channel: an object a message."""

    __slots__ = ("_closed", "_sending", "_socket", "_steers", "local", "remote")

    traits = Traits(boundaries=True, half_close=False)

    def __init__(self, socket: WebSocket, *, steers: bool) -> None:
        """Accepted. Who does not steer is refused whatever does more than look."""
        client, server = socket.client, socket.scope["server"]
        self.local = Address("tcp", server[0], server[1], wraps=("ws",))
        self.remote = Address("tcp", client.host, client.port, wraps=("ws",)) if client is not None else self.local
        self._socket, self._steers = socket, steers
        self._closed = False
        self._sending = asyncio.Lock()

    async def receive(self) -> bytes:
        while True:
            if self._closed:
                raise ChannelClosed
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self._closed = True
                raise EndOfStream
            text = message.get("text")
            data = text.encode() if text is not None else bytes(message.get("bytes") or b"")
            if self._steers or (refusal := _refusal(data)) is None:
                return data
            await self.send(refusal)

    async def send(self, data: Buffer) -> None:
        async with self._sending:
            if self._closed:
                raise ChannelClosed
            try:
                await self._socket.send_text(bytes(data).decode())
            except (WebSocketDisconnect, RuntimeError):  # starlette's, of one that is closed
                self._closed = True
                raise ChannelBroken("the other side closed the WebSocket") from None

    async def send_eof(self) -> None:
        if self._closed:
            raise ChannelClosed
        raise CannotHalfClose("WebSocket")

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            await self._socket.close()
        except (WebSocketDisconnect, RuntimeError):
            pass  # they were quicker

    def abort(self) -> None:
        spawn(self.aclose())


def _refusal(data: bytes) -> bytes | None:
    """What is answered to a command that does more than look; None where it does not."""
    try:
        said = _read(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # the hub says what is wrong with it
    if said.do in _LOOKING:
        return None
    return _write(_Refused(code="read-only", text="this token may only look", label=said.label))
