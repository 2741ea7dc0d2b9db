"""The browser's door of a hub: HTTP/1.1, with the page, its files, the API, and WebSockets.

    /                          the page; /static/… what it is made of (page.py)
    /chat                      a WebSocket: JSON, or IRC where that is its subprotocol; /irc as well
    POST /files?room=&name=    a file for a room; /files/ID/NAME gives it out (files.py)
    /api/…                     rooms, messages, search, as JSON (api.py)

Who asks passes guard.py first. A connection is kept for the next request, until the hub retires.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from typing import cast

from tincans.apps.chat.browser.api import Api
from tincans.apps.chat.browser.files import Desk
from tincans.apps.chat.browser.guard import Guard
from tincans.apps.chat.browser.page import Page
from tincans.apps.chat.hub import Hub
from tincans.apps.http.connection import Http
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.site import fail
from tincans.apps.http.websocket import offered, opened
from tincans.channel import Channel
from tincans.errors import ChannelError
from tincans.limits import CHAT_LINE_BYTES

#: IRC over WebSocket (https://ircv3.net/specs/extensions/websocket): the first that a client offers, too, is spoken.
_TEXT, _BINARY = "text.ircv3.net", "binary.ircv3.net"
_SOCKETS = ("/chat", "/irc")


async def attend(hub: Hub, channel: Channel, first: bytes) -> None:
    """Talk with one caller to the end; nothing of what they said was received yet. Raises what the channel does."""
    http = Http(Guard(hub, Door(hub)))
    hub.retiring.append(http.retire)
    try:
        await http(channel)
    finally:
        hub.retiring.remove(http.retire)


class Door:
    """The handler of all requests."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._page, self._desk, self._api = hub, Page(), Desk(hub), Api(hub)
        self._paths: dict[str, Callable[[Exchange], Awaitable[None]]] = {
            "files": self._desk, "api": self._api, "static": self._page, "": self._page,
        }  # fmt: skip

    async def __call__(self, exchange: Exchange) -> None:
        path = exchange.request.path
        if path in _SOCKETS:
            await self._socket(exchange)
            return
        handler = self._paths.get(path.split("/", 2)[1])
        if handler is None:
            await exchange.discard()
            await fail(exchange, 404, "there is nothing here: the chat's page is at /, its WebSocket at /chat")
        else:
            await handler(exchange)

    async def _socket(self, exchange: Exchange) -> None:
        offer = await offered(exchange, (_TEXT, _BINARY), most=CHAT_LINE_BYTES)
        if offer is None:
            return
        spoken = offer.protocol.subprotocol
        channel = await opened(exchange, offer, text=spoken != _BINARY)
        irc = spoken or exchange.request.path == "/irc"
        attend = cast("Attend", import_module(f"tincans.apps.chat.{'irc' if irc else 'programs'}").attend)
        try:
            with suppress(ChannelError):
                await attend(self._hub, channel, b"")
        finally:
            await channel.aclose()


#: Talks with one caller to the end, as each door does.
Attend = Callable[[Hub, Channel, bytes], Awaitable[None]]
