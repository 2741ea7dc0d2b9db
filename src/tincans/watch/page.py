"""The page served: the app behind its guard, on the loop that runs already, by uvicorn.

    bind ──► the address is known ──► serve ──► leaving the block: no new callers, the open WebSockets are told to go
    (1001), an answer that is being given has PAGE_CLOSE_SECONDS ──► nothing is left

Of uvicorn the protocols are used, and not the server around them: that would take the signals, and look every 100 ms
whether it is to end. What it has no bound for has one here: how long a request may take to arrive, and how many
connections there are, as each takes a descriptor of the process that also carries the traffic.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import h11
import uvicorn
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from tincans.address import Address
from tincans.errors import UsageError
from tincans.limits import CHAT_LINE_BYTES, HTTP_HEAD_BYTES, PAGE_CLOSE_SECONDS, PAGE_CONNECTIONS, PAGE_REQUEST_SECONDS
from tincans.transports.tcp import bound
from tincans.watch import api, chats, live
from tincans.watch.asking import Call
from tincans.watch.assets import Assets
from tincans.watch.endpoints import serve
from tincans.watch.framed import Frames
from tincans.watch.guard import STEERS, Guard
from tincans.watch.lookout import Lookout
from tincans.watch.reels import Reels
from tincans.watch.tokens import Tokens
from tincans.watch.trouble import NoSuchPath
from tincans.watch.watched import Watched

log = logging.getLogger(__name__)

#: What the guard lets through; which of them a path is for its handler says, in the shape of every trouble.
_METHODS = ("GET", "HEAD", "POST")

#: Turns of the loop after which an aborted transport has given its descriptor back, on asyncio and on uvloop.
_TURNS = 5


class Page:
    """A page that is served: where, and until when. Made by `serve_page`."""

    def __init__(self, address: Address, tokens: Tokens, server: uvicorn.Server, closing: asyncio.Event) -> None:
        #: Where it really listens.
        self.address = address
        self._tokens, self._server, self._closing = tokens, server, closing

    def url(self, *, read_only: bool = False) -> str:
        """What a browser opens, with the token that may steer, or look: a fragment, which no browser sends anywhere."""
        host = "127.0.0.1" if self.address.host == "*" else self.address.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.address.port}/#token={self._tokens.look if read_only else self._tokens.steer}"

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._server.server_state.connections)

    async def aclose(self) -> None:
        """Stop at once: no new callers, open WebSockets are closed, answers are cut off after PAGE_CLOSE_SECONDS."""
        for server in self._server.servers:
            server.close()
        state = self._server.server_state
        self._closing.set()
        await _wait(state.tasks)
        for connection in list(state.connections):
            connection.shutdown()
        for task in list(state.tasks):
            task.cancel()
        await _wait(state.tasks)
        for connection in list(state.connections):
            connection.transport.abort()
        for _ in range(_TURNS):
            await asyncio.sleep(0)


async def _wait(tasks: set[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(set(tasks), timeout=PAGE_CLOSE_SECONDS)


@contextlib.asynccontextmanager
async def serve_page(address: Address, watched: Watched, tokens: Tokens) -> AsyncIterator[Page]:
    """Serve the page of what is `watched` at `address` while the block runs. Raises `ListenError`, or `UsageError` for
    an address that no browser can open."""
    if address.scheme != "tcp" or address.wraps:
        raise UsageError(
            f"a browser opens the page by TCP alone: {address} is no address for it; write for example :7700"
        )
    sockets, address = await bound(address)
    reels, closing = Reels(), asyncio.Event()
    async with Lookout(watched) as lookout:

        def call(steers: bool) -> Call:
            return Call(watched, lookout, reels, steers)

        server = await _serve(sockets, _app(call, watched.inboxes.frames, closing, tokens, address))
        page = Page(address, tokens, server, closing)
        try:
            yield page
        finally:
            await page.aclose()
            reels.close()


def _app(
    call: Callable[[bool], Call], frames: Frames, closing: asyncio.Event, tokens: Tokens, address: Address
) -> ASGIApp:
    """The routes, behind the guard; `call` is given whether a token may steer."""

    async def serve_live(socket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            await live.serve(call(bool(socket.scope[STEERS])), socket, closing)

    async def serve_events(socket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            await live.serve_events(call(bool(socket.scope[STEERS])), socket, closing)

    async def serve_chat(socket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            await chats.serve(call(bool(socket.scope[STEERS])), socket, closing)

    assets = Assets()
    routes: list[BaseRoute] = [Route(_path(row.path), serve(row, call), methods=_METHODS) for row in api.ROWS]
    routes.append(WebSocketRoute("/api/live", serve_live))
    routes.append(WebSocketRoute("/api/events", serve_events))
    routes.append(WebSocketRoute("/api/chat/{name:path}", serve_chat))
    routes.append(WebSocketRoute("/{path:path}", _no_such_socket))
    routes.append(Route("/frames/{ticket}", frames.serve))
    routes.append(Route("/{path:path}", assets.serve, methods=_METHODS))
    return Guard(Router(routes, redirect_slashes=False), tokens, address.port, address.host, assets.inline)


async def _no_such_socket(socket: WebSocket) -> None:
    raise NoSuchPath(
        f"there is no WebSocket at {socket.url.path}", "They are at /api/live, /api/events and /api/chat/NAME."
    )


def _path(path: str) -> str:
    """As starlette has it: the name of a listener that was given none is its address, which may have slashes in it."""
    return path.replace("{name}", "{name:path}")


async def _serve(sockets: list[socket.socket], app: ASGIApp) -> uvicorn.Server:
    """Have uvicorn answer at these sockets, which it then owns; without its log, which would tell of every request."""
    config = uvicorn.Config(
        app, http=_Http, ws="websockets-sansio", ws_max_size=CHAT_LINE_BYTES, ws_per_message_deflate=False,
        lifespan="off", log_config=None, log_level=logging.WARNING, access_log=False, proxy_headers=False,
        server_header=False, date_header=False, h11_max_incomplete_event_size=HTTP_HEAD_BYTES, loop="none",
    )  # fmt: skip
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets)
    return server


class _Http(H11Protocol):
    """Uvicorn's, where a request that does not arrive, and a connection too many, are cut off."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > PAGE_CONNECTIONS:
            transport.abort()
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_ours = self.transport.get_protocol() is self  # and no WebSocket's by now
        arriving = is_ours and self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        if self._late is None and arriving:
            self._expect()
        elif not arriving:
            self._arrived()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._late = self.loop.call_later(PAGE_REQUEST_SECONDS, self.transport.abort)

    def _arrived(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
