"""A connection of HTTP/1.x as a server has it: request after request, each answered before the next is read.

    ┌─► head ──► handler ──► what it left of the body ──┬─► kept ─┐
    │                                                   └─► close │
    └─────────────────────────────────────────────────────────────┘

Pipelined requests wait in what was received, so answers are in order. What breaks the rules is answered as the error
says, the channel is closed and nothing more of it is read: after a request that is read differently elsewhere, whatever
follows may be somebody else's.

**Patience.** One timer a connection looks whether the client is still within its time. Who is late with what he began
hears so (408, RFC 9110 §15.5.9); who began nothing is left without a word; who does not take a response is cut off.

**Closing.** Where the client may be saying something yet, what it says is read and thrown away for a moment, so that
no reset overtakes the answer (RFC 9112 §9.6).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, cast

from tincans.apps.http.exchange import Exchange, Handler
from tincans.apps.http.intake import Intake
from tincans.apps.http.patience import Deadline, Patience
from tincans.apps.http.request import read_request
from tincans.channel import Channel, linger
from tincans.errors import ChannelBroken, ChannelClosed, ChannelError, EndOfStream, RemoteProtocolError
from tincans.protocols.http_head import reply
from tincans.recording import note
from tincans.server import App, close_app, start_app
from tincans.tasks import spawn

log = logging.getLogger(__name__)

#: What ends a connection and is nobody's fault here.
_LOST = (RemoteProtocolError, ChannelBroken, ChannelClosed, EndOfStream)


class Http:
    """The app that speaks HTTP/1.x to every caller and lets `handler` answer, which it starts and closes."""

    def __init__(self, handler: Handler, patience: Patience | None = None) -> None:
        self.handler, self.patience = handler, patience or Patience()
        self._connections: set[Connection] = set()
        self._retired = False

    async def __call__(self, channel: Channel) -> None:
        connection = Connection(channel, self.handler, self.patience)
        self._connections.add(connection)
        try:
            if self._retired:
                connection.retire()
            await connection.run()
        finally:
            self._connections.discard(connection)

    def retire(self) -> None:
        """Keep no connection any more: those that wait for a request are closed, the others behind their response."""
        self._retired = True
        for connection in self._connections:
            connection.retire()

    async def start(self) -> None:
        await start_app(cast("App", self.handler))

    def close(self) -> Coroutine[Any, Any, None] | None:
        return close_app(cast("App", self.handler))


class Connection:
    """One caller."""

    def __init__(self, channel: Channel, handler: Handler, patience: Patience) -> None:
        self.channel, self.handler = channel, handler
        self._deadline = Deadline(lambda: spawn(self._leave()))
        self._intake = Intake(channel, self._deadline, patience)
        self._kept = patience.kept
        self._exchange: Exchange | None = None  # the one that goes on
        self._retired = False

    async def run(self) -> None:
        """To the end of the connection, which the caller closes. Raises what the channel does.

        It raises, too, what broke a response in its middle, as only an abort tells the client of that.
        """
        try:
            self._deadline.set(self._intake.patience.head)
            while await self._next():
                self._exchange = None
                self._deadline.set(self._kept)
                if self._intake.ahead:
                    await asyncio.sleep(0)  # who pipelines never makes us wait: let others have their turn
        except RemoteProtocolError as error:
            await self._refused(error)
        finally:
            self._deadline.close()

    def retire(self) -> None:
        """Close it now where it waits for a request, and else behind the response."""
        self._retired = True
        if self._exchange is not None:
            self._exchange.keeps = False
        elif not self._intake.ahead:
            spawn(self.channel.aclose())

    async def _next(self) -> bool:
        """One request and its response; whether there may be another."""
        intake = self._intake
        head = await intake.head()
        self._deadline.clear()
        exchange = self._exchange = Exchange(read_request(head), intake)
        if self._retired:
            exchange.keeps = False
        await self._answer(exchange)
        if exchange.keeps and (exchange.content.ended or await exchange.discard()):
            return True
        if not exchange.upgraded:
            await self._linger()
        return False

    async def _answer(self, exchange: Exchange) -> None:
        """Have the handler respond. Where it crashed before it said anything, the client hears that it did."""
        try:
            await self.handler(exchange)
        except _LOST:
            raise
        except Exception:
            if exchange.status and not exchange.finished:
                raise
            log.exception("%s %s: the handler crashed", exchange.request.method, exchange.request.target)
            exchange.keeps = False
        if not exchange.status:
            exchange.keeps = False
            await exchange.respond(500, [("Content-Type", "text/plain")], b"500 Internal Server Error\n")

    async def _refused(self, error: RemoteProtocolError) -> None:
        """Say what is wrong, unless there was a response already; where that is not complete, it is torn."""
        note(self.channel, error.reason)
        log.info("%s was refused: %s", self.channel.remote, error.reason)
        exchange = self._exchange
        self._deadline.set(self._intake.patience.send)
        if exchange is None or not exchange.status:
            await self.channel.send(error.reply)
        elif not exchange.finished:
            raise error
        await self._linger()

    async def _leave(self) -> None:
        """Close it on a client that is late. The one task, which waits for him, hears of this by `ChannelClosed`."""
        if not self._deadline.passed:
            return  # he came in the last moment
        reason, exchange = "the client took too long", self._exchange
        note(self.channel, reason)
        log.info("%s: %s", self.channel.remote, reason)
        if exchange is not None and exchange.status:
            self.channel.abort()  # nobody hears what the end of it would be
            return
        with suppress(ChannelError):
            if self._intake.ahead or exchange is not None:
                await self.channel.send(reply("408 Request Timeout", reason))
        await self.channel.aclose()

    async def _linger(self) -> None:
        with suppress(ChannelError):
            await self.channel.send_eof()  # which waits, inside TLS, for who reads slowly
            await linger(self.channel)
