"""Who is let in by the browser's door: every request passes these checks, in this order, before anything is done.

    Host      where guests are let in, a name that nobody else can have made to mean this machine (`apps/http/login.py`)
    Origin    of a WebSocket, and of whatever changes something: where a browser sends one, it is the hub's own page,
              so that no page of another site speaks with what a browser here may reach
    Site      the same of what a browser marks as asked for by a page of another site, but for what a person opens by a
              link: the page, and a file

Programs send neither. On the way back every response has the headers that tell a browser what may be done with it:
nothing of it is a document of this site but the page itself (`browser/page.py`).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from tincans.apps.chat.hub import Hub
from tincans.apps.http.exchange import Exchange, Handler
from tincans.apps.http.login import is_ours, misdirect
from tincans.apps.http.site import More, fail

#: Said of everything. The policy is that of what is no page: it may do nothing, and is a site of its own.
HEADERS: More = (
    ("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_READING = ("GET", "HEAD")


class Guard:
    """Stands before the handler of all requests."""

    def __init__(self, hub: Hub, handler: Handler) -> None:
        self._hub, self._handler = hub, handler

    async def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        if self._hub.guests and not is_ours(request.host, exchange.channel.local.host):
            await misdirect(exchange)
        elif not _is_own(exchange):
            await fail(exchange, 403, "this was asked for by a page of another site")
        else:
            await self._handler(exchange)


def _is_own(exchange: Exchange) -> bool:
    request = exchange.request
    changes = request.method not in _READING or bool(request.upgrade)
    origin = request.fields.get("origin")
    if changes and origin and not _same(origin, request.host):
        return False
    site = request.fields.get("sec-fetch-site")
    if site in ("", "same-origin", "none"):
        return True
    opened = request.fields.get("sec-fetch-mode") == "navigate" and request.fields.get("sec-fetch-dest") == "document"
    return not changes and opened and (request.path == "/" or request.path.startswith("/files/"))


def _same(origin: str, host: str) -> bool:
    """Whether a page from there came from whom it asks now. The scheme may differ: TLS may end before us."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
