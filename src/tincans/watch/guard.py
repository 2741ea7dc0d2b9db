"""Who is let in: every request passes these checks, in this order, before anything else looks at it.

    Host            is this machine, by a name or an address that nobody can point elsewhere, and the page's own port:
                    a page of another site whose name was made to mean 127.0.0.1 (DNS rebinding) says that site's name
    Origin          where a browser sends one, is the page itself
    Sec-Fetch-Site  where a browser sends one, is the page itself, or a person who typed the address
    method          reads (GET, HEAD), or steers (POST)
    token           below /api, but for its description; a WebSocket has it as a subprotocol, for want of headers
    steering        whatever does not only read needs the token that may steer
    media           and is JSON, which no form of another site can send

The first that fails is the answer, in the shape of every trouble. On the way back every answer gets the headers that
tell a browser what the page may do, which is nearly nothing: no script and no style but the files of the page, no
markup made of text (Trusted Types), nothing from elsewhere, no frame around it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tincans.errors import TincansError
from tincans.watch.tokens import Tokens
from tincans.watch.trouble import Refused, answer

#: Where in a request's scope stands whether its token may steer.
STEERS = "tincans.steers"
#: The subprotocol that a WebSocket speaks, and how the one begins that carries the token.
SUBPROTOCOL, TOKEN_PREFIX = "tincans", "token."

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_READING = ("GET", "HEAD")
_WHERE = "Open the address that the command printed."

#: What a document may load and do (CSP Level 3), once the hashes of the page's own inline scripts and its host are
#: filled in. The last line: no text ever becomes markup or script, whoever wrote it.
_POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self' blob:; font-src 'self'; "
    "connect-src 'self' ws://{host}; frame-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Asked:
    """What the checks look at."""

    def __init__(self, scope: Scope) -> None:
        self.is_socket = scope["type"] == "websocket"
        self.method: str = "GET" if self.is_socket else scope["method"]
        self.path: str = scope["path"]
        self.headers = Headers(scope=scope)
        self.host = self.headers.get("host", "")
        self.token = self._token(scope)

    def _token(self, scope: Scope) -> str:
        if self.is_socket:
            offered: list[str] = scope["subprotocols"]
            return next((each.removeprefix(TOKEN_PREFIX) for each in offered if each.startswith(TOKEN_PREFIX)), "")
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    @property
    def needs_token(self) -> bool:
        return self.path != "/api/openapi.json" and (
            self.is_socket or self.path == "/api" or self.path.startswith("/api/")
        )


class Guard:
    """Stands before the app, for HTTP and for WebSockets."""

    def __init__(
        self, app: ASGIApp, tokens: Tokens, port: int, host: str, inline: Callable[[], list[str]] = list
    ) -> None:
        """`port` and `host` are where the page listens; `inline` gives what its policy calls the page's own scripts."""
        self._app, self._tokens, self._port, self._inline = app, tokens, port, inline
        self._names = {"localhost", socket.gethostname().lower(), host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Asked(scope)
        policy = _POLICY.format(scripts="", host="localhost")

        async def send_guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                _add_headers(message, policy)
            await send(message)

        try:
            self._check(asked)
            policy = _POLICY.format(scripts="".join(f" {each}" for each in self._inline()), host=asked.host)
            scope[STEERS] = self._tokens.may_steer(asked.token)
            await self._app(scope, receive, send_guarded)
        except (Refused, TincansError) as error:  # by a rule, or by the app, before it has answered
            await answer(error)(scope, receive, send_guarded)

    def _check(self, asked: Asked) -> None:
        """Raises `Refused`, by the first rule that is broken."""
        self._check_host(asked)
        _check_origin(asked)
        _check_site(asked)
        _check_method(asked)
        if asked.needs_token:
            self._check_token(asked)
        if asked.method not in _READING:
            self._check_steering(asked)
            _check_media(asked)

    def _check_host(self, asked: Asked) -> None:
        found = _HOST.fullmatch(asked.host)
        if found is None or int(found["port"] or 80) != self._port or not self._is_ours(found["name"].lower()):
            raise Refused(403, "the request's Host is not this page's", _WHERE)

    def _is_ours(self, name: str) -> bool:
        """Whether nobody but this machine's owner can say where the name leads."""
        if name in self._names:
            return True
        try:
            ip_address(name.strip("[]"))
        except ValueError:
            return False
        return name.startswith("[") == (":" in name)

    def _check_token(self, asked: Asked) -> None:
        if not self._tokens.may_look(asked.token):
            what = "the request has no token" if not asked.token else "the request's token is not the page's"
            raise Refused(401, what, _WHERE, {"WWW-Authenticate": "Bearer"})

    def _check_steering(self, asked: Asked) -> None:
        if not self._tokens.may_steer(asked.token):
            raise Refused(
                403, "this token may only look", "Open the address that the command prints without --read-only."
            )


def _check_origin(asked: Asked) -> None:
    origin = asked.headers.get("origin")
    if origin is not None and origin.lower() != f"http://{asked.host.lower()}":
        raise Refused(403, "the request comes from a page of another origin", _WHERE)


def _check_site(asked: Asked) -> None:
    if asked.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Refused(403, "the request comes from another site", _WHERE)


def _check_method(asked: Asked) -> None:
    if asked.method not in (*_READING, "POST"):
        raise Refused(
            405, f"nothing here is done with {asked.method}", "GET looks, and POST steers.", {"Allow": "GET, POST"}
        )


def _check_media(asked: Asked) -> None:
    if asked.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "what is posted has to be JSON", "Send it with Content-Type: application/json.")


def _add_headers(message: Message, policy: str) -> None:
    """Those that the app has not set by itself."""
    headers = MutableHeaders(raw=list(message.get("headers", [])))
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", policy)
    headers.setdefault("Date", formatdate(usegmt=True))
    if message["status"] >= HTTPStatus.BAD_REQUEST:
        headers["Cache-Control"] = "no-store"
    message["headers"] = headers.raw
