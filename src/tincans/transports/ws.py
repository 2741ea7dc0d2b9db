"""WebSocket as a wrap over any channel: the opening handshakes of the one who calls and the one who is called.

The options of an address: `resource` (where the place has no path), `subprotocol`, `origin` (sent, or the only one
answered), `text=on` (messages go as text where they are UTF-8) and `deflate`: a caller offers compression with
`deflate=on`, one who is called takes what is offered, as browsers do, unless `deflate=off`.

A listening address with a path answers that path alone. A browser that only looks gets a short answer in words.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidMessage, InvalidOrigin, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.protocol import Event, Protocol
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol
from websockets.uri import WebSocketURI

from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import ChannelBroken, ChannelError, ConnectError, EndOfStream, HandshakeFailed
from tincans.limits import WEBSOCKET_MESSAGE_BYTES
from tincans.transports.tls_words import QUOTED_BYTES, quoted
from tincans.transports.ws_channel import WebSocketChannel

if TYPE_CHECKING:
    from tincans.transports import Wrap

_log = logging.getLogger("tincans.ws")

_URI_SAFE = "/?:@!$&'()*+,;=-._~%[]"  # RFC 3986 §3.3 and §3.4, and what is encoded already


class _Offer(NamedTuple):
    """What an address says about its WebSocket."""

    address: Address
    resource: str
    subprotocols: list[Subprotocol] | None
    origin: Origin | None
    text: bool

    @classmethod
    def of(cls, address: Address) -> _Offer:
        resource = address.resource or address.option("resource")
        if resource and not resource.startswith("/"):
            resource = "/" + resource
        names = [Subprotocol(name.strip()) for name in address.option("subprotocol").split(",") if name.strip()]
        origin = address.option("origin")
        return cls(
            address, quote(resource, safe=_URI_SAFE), names or None, Origin(origin) if origin else None,
            address.flag("text", default=False),
        )  # fmt: skip


def client_wrap(address: Address) -> Wrap:
    """The caller's handshake. Raises `HandshakeFailed` with what the other side said instead."""
    return _wrap(_call, _Offer.of(address))


def server_wrap(address: Address) -> Wrap:
    """The handshake of the one who is called. Raises `HandshakeFailed` once the caller has its answer."""
    return _wrap(_answer, _Offer.of(address))


def _wrap(shake_hands: Callable[[Channel, _Offer], Awaitable[Channel]], offer: _Offer) -> Wrap:
    async def wrap(channel: Channel) -> Channel:
        try:
            return await shake_hands(channel, offer)
        except HandshakeFailed:
            await channel.aclose()
            raise
        except BaseException:
            channel.abort()
            raise

    return wrap


# ── the one who calls ─────────────────────────────────────────────────────────────────────────────────────


async def _call(channel: Channel, offer: _Offer) -> Channel:
    protocol = ClientProtocol(
        _uri(offer),
        origin=offer.origin,
        extensions=[ClientPerMessageDeflateFactory()] if offer.address.flag("deflate", default=False) else None,
        subprotocols=offer.subprotocols,
        max_size=WEBSOCKET_MESSAGE_BYTES,
        logger=_log,
    )
    request = protocol.connect()
    request.headers["User-Agent"] = "tincans"
    protocol.send_request(request)
    hearing = _Hearing(channel, protocol, offer.address.bare(), caller=False)
    await hearing.send()
    events = await hearing.events()
    if protocol.handshake_exc is not None:
        raise hearing.failed(_refusal(protocol.handshake_exc, hearing.first))
    return _opened(channel, protocol, offer, request, events)


def _uri(offer: _Offer) -> WebSocketURI:
    secure, (path, _, query) = "tls" in offer.address.wraps, offer.resource.partition("?")
    host = offer.address.host if offer.address.host not in ("", "*") else "localhost"
    return WebSocketURI(secure, host, offer.address.port or (443 if secure else 80), path, query)


def _refusal(error: Exception, first: bytes) -> str:
    if isinstance(error, InvalidStatus):
        status = f"{error.response.status_code} {error.response.reason_phrase}".strip()
        return f"the other side answered {status!r} and opened no WebSocket"
    if isinstance(error, InvalidMessage) and first:
        return f"the other side does not speak HTTP: it said {quoted(first)}"
    if isinstance(error, InvalidMessage):
        return "the other side hung up"
    return f"what the other side said opens no WebSocket: {error}"


# ── the one who is called ─────────────────────────────────────────────────────────────────────────────────


async def _answer(channel: Channel, offer: _Offer) -> Channel:
    protocol = ServerProtocol(
        origins=[offer.origin] if offer.origin else None,
        extensions=[ServerPerMessageDeflateFactory()] if offer.address.flag("deflate", default=True) else None,
        subprotocols=offer.subprotocols,
        max_size=WEBSOCKET_MESSAGE_BYTES,
        logger=_log,
    )
    hearing = _Hearing(channel, protocol, channel.remote, caller=True)
    events = await hearing.events()
    if not events:
        await hearing.send()
        raise hearing.failed(_refusal(protocol.handshake_exc or InvalidMessage(), hearing.first))
    request = events[0]
    assert isinstance(request, Request)
    response, reason = _response(protocol, request, offer)
    protocol.send_response(response)
    await hearing.send()
    if reason:
        raise hearing.failed(reason)
    return _opened(channel, protocol, offer, request, events)


def _response(protocol: ServerProtocol, request: Request, offer: _Offer) -> tuple[Response, str]:
    """The answer to a request, and why it is a refusal, if it is one."""
    if "Upgrade" not in request.headers:
        text = "This is a WebSocket, to be called by a program: tincans connect " + _own_url(request, offer) + "\n"
        response = protocol.reject(HTTPStatus.UPGRADE_REQUIRED, text)
        response.headers["Upgrade"] = "websocket"  # RFC 9110 §15.5.22
        return response, f"it asked for {request.path!r} in plain HTTP, and this is a WebSocket"
    if offer.resource and request.path.partition("?")[0] != offer.resource.partition("?")[0]:
        text = f"There is no WebSocket at {request.path}.\n"
        return protocol.reject(
            HTTPStatus.NOT_FOUND, text
        ), f"it asked for {request.path!r}, and here is {offer.resource!r}"
    response = protocol.accept(request)
    if protocol.handshake_exc is None:
        return response, ""
    if isinstance(protocol.handshake_exc, InvalidOrigin):
        return response, f"its origin is {protocol.handshake_exc.value!r}, and only {offer.origin!r} is answered"
    return response, f"its request opens no WebSocket: {protocol.handshake_exc}"


def _own_url(request: Request, offer: _Offer) -> str:
    scheme = "wss" if "tls" in offer.address.wraps else "ws"
    return f"{scheme}://{request.headers.get('Host', 'localhost')}{offer.resource or request.path}"


# ── both ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Hearing:
    """One opening handshake: moves its bytes, and remembers how the other side began."""

    def __init__(self, channel: Channel, protocol: Protocol, whom: Address, *, caller: bool) -> None:
        self._channel, self._protocol = channel, protocol
        self._whom, self._caller = whom, caller
        self.first = b""

    def failed(self, reason: str) -> ConnectError:
        return HandshakeFailed(self._whom, reason, caller=self._caller)

    async def events(self) -> list[Event]:
        """The request or response, and whatever came with it; nothing if it was not one."""
        events: list[Event] = []
        while not events and self._protocol.handshake_exc is None:
            try:
                data = await self._channel.receive()
            except EndOfStream:
                self._protocol.receive_eof()
            except ChannelError as error:
                raise self._lost(error) from error
            else:
                self.first = self.first or data[:QUOTED_BYTES]
                self._protocol.receive_data(data)
            events = self._protocol.events_received()
        return events

    async def send(self) -> None:
        """Send what the protocol has to say."""
        try:
            await self._channel.send(b"".join(self._protocol.data_to_send()))
        except ChannelError as error:
            raise self._lost(error) from error

    def _lost(self, error: ChannelError) -> ConnectError:
        reason = error.reason if isinstance(error, ChannelBroken) else str(error)
        return self.failed(f"{reason} during the handshake")


def _opened(
    channel: Channel,
    protocol: ClientProtocol | ServerProtocol,
    offer: _Offer,
    request: Request,
    events: Sequence[Event],
) -> WebSocketChannel:
    facts = {
        "ws.resource": request.path,
        "ws.subprotocol": protocol.subprotocol or "",
        "ws.origin": request.headers.get("Origin", ""),
        "ws.deflate": "yes" if protocol.extensions else "",
    }
    opened = WebSocketChannel(channel, protocol, {k: v for k, v in facts.items() if v}, text=offer.text)
    opened.hear(events)
    return opened
