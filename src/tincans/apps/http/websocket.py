"""The opening handshake of a WebSocket over a request, on the sans-I/O core of the `websockets` library.

    offer = await offered(exchange)        None: it was no handshake, and the client has been told what is wrong with it
    channel = await opened(exchange, offer)

Between the two a handler may still answer with something else.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request as Handshake
from websockets.http11 import Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from tincans.apps.http.exchange import Exchange
from tincans.limits import WEBSOCKET_MESSAGE_BYTES
from tincans.transports.ws_channel import WebSocketChannel

#: What the framing of HTTP says by itself, and no answer of the core.
_OURS = {"content-length", "transfer-encoding", "connection", "date", "server"}

_log = logging.getLogger("tincans.ws")


class Offer(NamedTuple):
    """A handshake that is in order, and what it is to be answered with."""

    protocol: ServerProtocol
    answer: Response


async def offered(
    exchange: Exchange, subprotocols: Sequence[str] = (), *, most: int = WEBSOCKET_MESSAGE_BYTES
) -> Offer | None:
    """The handshake that a request is; None where it is none, which was answered (400, 426).

    The first of `subprotocols` that the client speaks, too, is spoken; none where it speaks none of them. A message of
    more than `most` bytes is refused later.
    """

    def choose(_: ServerProtocol, theirs: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((Subprotocol(each) for each in subprotocols if each in theirs), None)

    protocol = ServerProtocol(
        state=State.OPEN,  # the handshake was read by us
        extensions=[ServerPerMessageDeflateFactory()],
        select_subprotocol=choose,
        max_size=most,
        logger=_log,
    )
    request = exchange.request
    shaken = Handshake(request.target, Headers(list(request.fields)), request.method, f"HTTP/{request.version}")
    answer = protocol.accept(shaken)
    if protocol.handshake_exc is None:
        return Offer(protocol, answer)
    fields = [(name, value) for name, value in answer.headers.raw_items() if name.lower() not in _OURS]
    await exchange.respond(answer.status_code, fields, bytes(answer.body or b""))
    return None


async def opened(exchange: Exchange, offer: Offer, *, text: bool = True) -> WebSocketChannel:
    """Open it. With `text`, what is UTF-8 is sent as text."""
    below = await exchange.upgrade(offer.answer.headers.raw_items())
    facts = {"ws.resource": exchange.request.target, "ws.subprotocol": offer.protocol.subprotocol or ""}
    return WebSocketChannel(below, offer.protocol, {name: value for name, value in facts.items() if value}, text=text)
