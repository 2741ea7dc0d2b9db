"""What an ASGI application is told of a request (ASGI 3, HTTP and WebSocket, version 2.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any

from tincans.address import Address
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.request import Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Coroutine[Any, Any, Message]]
Send = Callable[[Message], Coroutine[Any, Any, None]]
Application = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

VERSIONS = {"version": "3.0", "spec_version": "2.5"}

_AUTHORITY = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


def scope_of(exchange: Exchange, state: dict[str, Any], *, is_socket: bool) -> Scope:
    """The scope of a request, `state` being the application's own from its lifespan."""
    request, channel = exchange.request, exchange.channel
    secure = "tls.version" in channel.facts
    scope: Scope = {
        "type": "websocket" if is_socket else "http",
        "asgi": VERSIONS,
        "http_version": request.version,
        "scheme": ("ws" if is_socket else "http") + "s" * secure,
        "path": request.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "raw_path": _raw_path(request),
        "query_string": _bytes(request.query),
        "root_path": "",
        "headers": [(name.lower().encode("ascii"), _bytes(value)) for name, value in request.fields],
        "client": _party(channel.remote),
        "server": _party(channel.local) or (channel.local.path, None),
        "state": state,
        "extensions": {},
    }
    if is_socket:
        offered = ",".join(request.fields.every("sec-websocket-protocol")).split(",")
        scope["subprotocols"] = [name.strip(" \t") for name in offered if name.strip(" \t")]
        scope["extensions"] = {"websocket.http.response": {}}
    else:
        scope["method"] = request.method
    return scope


def _raw_path(request: Request) -> bytes:
    """The path as it was said, without what may stand before and behind it."""
    path = request.target.partition("?")[0]
    return _bytes(_AUTHORITY.sub("", path) or "/")


def _party(address: Address) -> tuple[str, int] | None:
    return (address.host, address.port or 0) if address.host else None


def _bytes(text: str) -> bytes:
    """As it was said: bytes that are no UTF-8 are in the text by surrogateescape."""
    return text.encode("utf-8", "surrogateescape")
