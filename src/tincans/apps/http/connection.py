"""A connection of HTTP/1.x as a server has it: request after request, each answered before the next is read.

    ┌─► head ──► handler ──► what it left of the body ──┬─► (kept) ─┐
    │                                                   └─► close   │
    └───────────────────────────────────────────────────────────────┘

Pipelined requests wait in what was received, so answers are in order. What breaks the rules is answered as the error
says, the channel is closed and nothing more of it is read: after a request that is read differently elsewhere, whatever
follows may be somebody else's.

**Patience.** One timer a connection looks whether the client is still within its time: for the rest of a head that it
began (408, RFC 9110 §15.5.9), for the next request, for the next piece of a body. A request that is there at once costs
no timer.

**Closing.** Where the client may be saying something yet, what it says is read and thrown away for a moment, so that
no reset overtakes the answer (RFC 9112 §9.6).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import NamedTuple

from tincans.apps.http.exchange import Exchange, Handler
from tincans.apps.http.intake import Intake
from tincans.apps.http.request import read_request
from tincans.channel import Channel
from tincans.errors import ChannelError, RemoteProtocolError
from tincans.limits import (
    HTTP_BODY_SECONDS,
    HTTP_HEAD_SECONDS,
    HTTP_KEPT_SECONDS,
    HTTP_UNWANTED_BYTES,
    LINGER_SECONDS,
)
from tincans.recording import note
from tincans.server import close_app

log = logging.getLogger(__name__)

_CRASHED = "500 Internal Server Error"


class Patience(NamedTuple):
    """How long is waited for a client, in seconds."""

    head: float = HTTP_HEAD_SECONDS
    kept: float = HTTP_KEPT_SECONDS
    body: float = HTTP_BODY_SECONDS


class Http:
    """The app that speaks HTTP/1.x to every caller and lets `handler` answer. Closing it closes that, if it can be."""

    def __init__(self, handler: Handler, patience: Patience | None = None) -> None:
        self.handler, self.patience = handler, patience or Patience()

    async def __call__(self, channel: Channel) -> None:
        await Connection(channel, self.handler, self.patience).run()

    def close(self) -> None:
        close_app(self.handler)  # type: ignore[arg-type]


class Connection:
    """One caller."""

    def __init__(self, channel: Channel, handler: Handler, patience: Patience) -> None:
        self.channel, self.handler = channel, handler
        self._intake = Intake(channel)

    async def run(self) -> None:
        """To the end of the connection. Raises what the channel does, and what breaks a response that was begun."""
        try:
            while await self._exchange():
                pass
        except RemoteProtocolError as error:
            note(self.channel, error.reason)
            log.info("%s was refused: %s", self.channel.remote, error.reason)
            await self.channel.send(error.reply)
            await self._linger()

    async def _exchange(self) -> bool:
        """One request and its response; whether there may be another."""
        request = read_request(await self._intake.head())
        exchange = Exchange(request, self._intake)
        await self._answer(exchange)
        if exchange.content.ended and exchange.keeps:
            return True
        if exchange.keeps and await self._drained(exchange):
            return True
        if not exchange.upgraded:
            await self._linger()
        return False

    async def _answer(self, exchange: Exchange) -> None:
        """Have the handler respond. Where it crashed before it said anything, the client hears that it did."""
        try:
            await self.handler(exchange)
        except (ChannelError, EOFError):
            if exchange.status and not exchange.finished:
                raise
            if not exchange.status:
                raise
        except Exception:
            log.exception("%s %s: the handler crashed", exchange.request.method, exchange.request.target)
            if exchange.status:
                raise
        if not exchange.status:
            exchange.keeps = False
            await exchange.respond(500, [("Content-Type", "text/plain")], b"the handler crashed\n")

    async def _drained(self, exchange: Exchange) -> bool:
        """Read what the handler left of the body; False where that is too much."""
        if exchange.waited_for:
            return False  # whether the client says it now, nobody knows
        read = 0
        while not exchange.content.ended:
            if (exchange.content.left or 0) + read > HTTP_UNWANTED_BYTES:
                return False
            read += len(await exchange.content.take())
        return True

    async def _linger(self) -> None:
        with suppress(ChannelError, TimeoutError):
            await self.channel.send_eof()
            async with asyncio.timeout(LINGER_SECONDS):
                while True:
                    await self.channel.receive()
