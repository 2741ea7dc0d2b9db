"""Who may ask: names and passwords (RFC 7617), and hosts that cannot be somebody else's.

**Basic.** A request without a login is a guest's where guests are let in; one with a wrong login is refused even so.
The password goes over the wire as it is: outside of this machine that wants TLS.

**The Host.** What listens on this machine alone is meant for this machine alone, and yet a page from anywhere can have
a browser here ask for it: its own name is made to point to 127.0.0.1, and the page reads the answer as its own (DNS
rebinding). So on a loopback address, where guests are let in, a request has to call us by an address, or by a name that
nobody can have in the public DNS: one without a dot, this machine's own, or one below a domain reserved for that
(RFC 6761, RFC 6762, RFC 8375). Any other is answered with 421.
"""

from __future__ import annotations

import re
import socket
from base64 import b64decode
from collections.abc import Coroutine
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, cast

from tincans.apps.http.exchange import Exchange, Handler
from tincans.apps.settings import Settings
from tincans.server import App, close_app
from tincans.users import Users

REALM = 'Basic realm="tincans", charset="UTF-8"'

_BASIC = re.compile(r"basic +(?P<token>[A-Za-z0-9+/]+={0,2})[ \t]*", re.IGNORECASE)
_PRIVATE = (".localhost", ".test", ".example", ".invalid", ".local", ".internal", ".home.arpa")


class Guarded:
    """A handler, for those who may ask. It is closed with this."""

    def __init__(self, handler: Handler, settings: Settings, *, any_host: bool = False) -> None:
        """`any_host` is for one that has nothing to be read but what the client said itself."""
        self.handler, self._users, self._guests = handler, settings.users, settings.lets_guests_in
        self._any_host = any_host

    async def __call__(self, exchange: Exchange) -> None:
        login = exchange.request.fields.get("authorization")
        if login and self._users:
            user = await user_of(self._users, login)
            if user is None:
                await challenge(exchange)
                return
            exchange.user = user
        elif not self._guests:
            await challenge(exchange)
            return
        elif not (self._any_host or is_ours(exchange.request.host, exchange.channel.local.host)):
            await misdirect(exchange)
            return
        await self.handler(exchange)

    def close(self) -> Coroutine[Any, Any, None] | None:
        return close_app(cast("App", self.handler))


async def user_of(users: Users, login: str) -> str | None:
    """Who it is whose Authorization this is; None where it is wrong, or not Basic."""
    match = _BASIC.fullmatch(login)
    if match is None:
        return None
    try:
        name, colon, password = b64decode(match["token"]).decode().partition(":")
    except ValueError:
        return None
    return name if colon and await users.check(name, password) else None


async def challenge(exchange: Exchange) -> None:
    """Ask for a login (401)."""
    fields = [("WWW-Authenticate", REALM), ("Content-Type", "text/plain; charset=utf-8")]
    await exchange.respond(401, fields, b"401 Log in with a name and a password\n")


@lru_cache(256)
def is_ours(host: str, local: str) -> bool:
    """Whether a request to `local` that names `host` cannot be one to another site, brought here by its name.

    Who names none is an old client, and no browser.
    """
    if not (_is_address(local) and ip_address(local).is_loopback):
        return True
    name, _, port = host.rpartition(":")
    name = (name if port.isdigit() or not port else host).lower().rstrip(".")
    if not name or "." not in name or name.endswith(_PRIVATE) or name == socket.gethostname().lower():
        return True
    return _is_address(name.removeprefix("[").removesuffix("]"))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def misdirect(exchange: Exchange) -> None:
    """Say that the request is for somebody else (421)."""
    text = f"421 {exchange.request.host} is not a name of this server, which listens on this machine alone\n"
    await exchange.respond(421, [("Content-Type", "text/plain; charset=utf-8")], text.encode())
