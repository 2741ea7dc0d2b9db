"""The app `asgi:MODULE:APP`: any ASGI 3 application on a channel of ours, for HTTP and for WebSockets.

asgi.py           finds the application, and lets it answer
asgi_scope.py     what it is told of a request
asgi_http.py      a request and its response
asgi_socket.py    a WebSocket
asgi_lifespan.py  its beginning and its end

The module is found as `python -m` would find it, the current directory first. The application gets ready (`lifespan`)
before the first caller is taken; that it cannot is one sentence and the end of the command. It is told of the end when
the last caller has left.

What goes on in the application behind a response (a background task) holds up no further request of the connection;
the end waits for it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Coroutine
from typing import Any

from tincans.apps.function import find_object
from tincans.apps.http.asgi_http import respond
from tincans.apps.http.asgi_lifespan import Lifespan
from tincans.apps.http.asgi_scope import Application, Receive, Scope, Send, scope_of
from tincans.apps.http.asgi_socket import converse
from tincans.apps.http.connection import Http
from tincans.apps.http.exchange import Exchange
from tincans.apps.settings import Settings
from tincans.errors import UsageError
from tincans.limits import ASGI_END_SECONDS
from tincans.tasks import spawn

log = logging.getLogger(__name__)


def load(text: str, settings: Settings) -> Asgi:
    """The app `asgi:MODULE:APP`. `UsageError` when it cannot be one, and why."""
    found = find_object(text, "asgi:MODULE:APP, as in asgi:myapp:app")
    _check(text, found)
    return Asgi(found)


def _check(text: str, found: object) -> None:
    """Whether it can be called with the three that ASGI 3 has."""
    if not callable(found):
        raise UsageError(f"{text} is no ASGI application, as it cannot be called")
    if inspect.isclass(found):
        raise UsageError(f"{text} is a class, and an ASGI application is an object or a function")
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return  # some built-in functions do not tell
    try:
        signature.bind({}, None, None)
    except TypeError:
        raise UsageError(f"{text} takes other parameters than an ASGI 3 application: scope, receive, send") from None


class Asgi(Http):
    """The app that lets an ASGI application answer. Its `start` and `close` are the application's lifespan."""

    def __init__(self, application: Application) -> None:
        super().__init__(self.answer)
        self._application = application
        self._lifespan = Lifespan(application)
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Have the application get ready. Raises `UsageError` where it says that it cannot."""
        await self._lifespan.start()

    def close(self) -> Coroutine[Any, Any, None] | None:
        """Tell the application of the end, once it has done what goes on in it."""
        return self._end() if self._running or self._lifespan.goes_on else None

    async def answer(self, exchange: Exchange) -> None:
        """Let the application answer a request; what it does behind the response it does beside the next."""
        is_socket = exchange.request.upgrade == "websocket"
        scope = scope_of(exchange, dict(self._lifespan.state), is_socket=is_socket)
        await (converse if is_socket else respond)(exchange, scope, self._run)

    def _run(self, scope: Scope, receive: Receive, send: Send) -> asyncio.Task[None]:
        task = spawn(self._application(scope, receive, send), keep=False)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _end(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=ASGI_END_SECONDS)
        for task in self._running:
            task.cancel()
        await self._lifespan.end()
