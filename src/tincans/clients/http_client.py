"""Requests of HTTP: connections kept for each server, logins, and redirects, followed as far as they are safe.

A login is shown to the server that the URL names and to no other: a redirect to another scheme, host or port goes on
without it, and with what `~/.netrc` knows of the host there. From https to http nobody is led who has shown a
password (RFC 9110 §17.16.1 and the practice of browsers and curl).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urljoin

from tincans.clients.calling import Calling, call
from tincans.clients.http_wire import Hangup, Head, HttpConnection, Request
from tincans.clients.login import Login, find_login
from tincans.clients.pool import Pool
from tincans.clients.url import Url
from tincans.errors import RequestRefused, TransferFailed, UrlError
from tincans.limits import REDIRECT_BYTES, REDIRECTS

_SCHEMES = ("http", "https")

#: Redirects that keep the method. The others make a GET of a POST (RFC 9110 §15.4), which nobody says here; 303 sends
#: to another place for the answer, which is none for who has stored something.
_REDIRECTS = (301, 302, 303, 307, 308)


class Response:
    """The head of a response, where it came from in the end, and its body, to be read once."""

    def __init__(self, head: Head, url: Url, connection: HttpConnection) -> None:
        self.head, self.url = head, url
        self._connection = connection

    def body(self) -> AsyncIterator[bytes]:
        return self._connection.body(self.url)

    async def skip(self) -> None:
        """Read the body to its end, so that the connection can be asked again."""
        async for _ in self.body():
            pass

    def refused(self) -> RequestRefused:
        """What this answer means, where it is none that was hoped for."""
        reason = self.head.reason
        if self.head.status == 401 and "basic" not in self.head.field("www-authenticate").lower():
            reason += ", and wants a login that is not Basic"
        return RequestRefused(self.url, self.head.status, reason)


class HttpClient:
    """Asks any number of servers, for several tasks at once. Close it."""

    def __init__(self, url: Url, how: Calling) -> None:
        """`how.via` is for the server of `url`; whom a redirect leads to is called where it is."""
        self._first, self._how = _origin(url), how
        self._pools: dict[tuple[str, str], Pool[HttpConnection]] = {}
        self._logins: dict[tuple[str, str, str, str], Login | None] = {}

    @asynccontextmanager
    async def ask(self, request: Request) -> AsyncIterator[Response]:
        """The response to a request, redirects followed. Leaving the block before the body's end closes the connection.

        Raises `TransferFailed` and `ChannelError`, and `RequestRefused` for a redirect that is not followed.
        """
        for _ in range(REDIRECTS + 1):
            async with AsyncExitStack() as stack:
                response = await self._ask(stack, request)
                if response.head.status not in _REDIRECTS or not response.head.field("location"):
                    yield response
                    return
                request = request._replace(url=self._next(request, response))
                if (response.head.length or REDIRECT_BYTES) < REDIRECT_BYTES:
                    await response.skip()
        raise TransferFailed(request.url, f"it leads in circles: more than {REDIRECTS} redirects")

    async def _ask(self, stack: AsyncExitStack, request: Request) -> Response:
        """One request and its response; once more where a connection that was kept turns out to be gone."""
        login = self._login(request.url)
        fields = [("User-Agent", "tincans"), *request.fields]
        if login is not None:
            basic = b64encode(f"{login.user}:{login.password}".encode("utf-8", "surrogateescape")).decode()
            fields.append(("Authorization", f"Basic {basic}"))
        pool = self._pool(request.url)
        connection, kept = await stack.enter_async_context(pool.take())
        try:
            head = await connection.ask(request._replace(fields=fields))
        except Hangup:
            if not kept:
                raise TransferFailed(request.url, "the server hung up without an answer") from None
            connection, _ = await stack.enter_async_context(pool.take(fresh=True))
            try:
                head = await connection.ask(request._replace(fields=fields))
            except Hangup:
                raise TransferFailed(request.url, "the server hung up without an answer") from None
        return Response(head, request.url, connection)

    def _next(self, request: Request, response: Response) -> Url:
        """Where a redirect leads, with the login that may be shown there."""
        url, status = request.url, response.head.status
        if status == 303 and request.method not in ("GET", "HEAD"):
            raise response.refused()
        said = response.head.field("location")
        try:
            found = Url.parse(urljoin(f"{url.scheme}://{url.authority}{url.target}", said), schemes=_SCHEMES)
        except (UrlError, ValueError) as error:
            raise TransferFailed(url, f"the server leads to {said!r}, which is no URL of HTTP") from error
        if _origin(found) == _origin(url):
            return found._replace(user=url.user, password=url.password)
        if url.scheme == "https" and found.scheme == "http" and self._login(url) is not None:
            raise TransferFailed(url, f"the server leads to {found}, where a password could be read on the way")
        return found.without_secrets()

    def _login(self, url: Url) -> Login | None:
        """Who we are there; looked up once for each server."""
        key = (*_origin(url), url.user, url.password)
        if key not in self._logins:
            self._logins[key] = find_login(url, self._how.ask)
        return self._logins[key]

    def _pool(self, url: Url) -> Pool[HttpConnection]:
        origin = _origin(url)
        if origin not in self._pools:
            how = self._how if origin == self._first else self._how._replace(via=None)

            async def connect() -> HttpConnection:
                return HttpConnection(await call(url, how), how.patience)

            self._pools[origin] = Pool(connect)
        return self._pools[origin]

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


def _origin(url: Url) -> tuple[str, str]:
    return url.scheme, url.authority
