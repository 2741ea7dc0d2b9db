"""The files of a folder, as `http:DIR` serves them.

What a method does is in `Site.methods`; whoever lets more be done adds its handler there. A folder without an index
file is shown by `Site.folder`.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from stat import S_ISDIR
from urllib.parse import quote

from tincans.apps.http.exchange import Exchange, Handler, Span
from tincans.apps.settings import Settings
from tincans.files import Files

#: What answers for a folder: its path ends in "/".
Folder = Callable[[Exchange, str], Awaitable[None]]

INDEX = ("index.html", "index.htm")

_STATUSES = {
    errno.ENOENT: 404, errno.ENOTDIR: 404, errno.ENAMETOOLONG: 404, errno.ELOOP: 404, errno.EACCES: 403,
    errno.EPERM: 403, errno.EROFS: 403, errno.EISDIR: 409, errno.EEXIST: 409, errno.ENOTEMPTY: 409,
    errno.ENOSPC: 507, errno.EDQUOT: 507, errno.EFBIG: 507, errno.EMFILE: 503, errno.ENFILE: 503,
}  # fmt: skip


class Site:
    """The handler of `http:DIR`. Owns its `Files`."""

    def __init__(self, folder: str, settings: Settings) -> None:
        """Raises `UsageError` where there is no such folder."""
        self.settings = settings
        self.files = Files(folder, write=settings.write)
        self.methods: dict[str, Handler] = {"GET": self.get, "HEAD": self.get, "OPTIONS": self.options}
        self.folder: Folder | None = None

    async def __call__(self, exchange: Exchange) -> None:
        handler = self.methods.get(exchange.request.method)
        try:
            if handler is None:
                await fail(exchange, 405, fields=[("Allow", ", ".join(self.methods))])
            else:
                await handler(exchange)
        except OSError as error:
            if exchange.status:
                raise
            await fail(exchange, _STATUSES.get(error.errno or 0, 500))

    def close(self) -> None:
        self.files.close()

    async def options(self, exchange: Exchange) -> None:
        await exchange.respond(204, [("Allow", ", ".join(self.methods))])

    async def get(self, exchange: Exchange) -> None:
        path = exchange.request.path
        if path.endswith("/"):
            await self._folder(exchange, path)
        elif S_ISDIR(self.files.stat(path).st_mode):
            await redirect(exchange, path + "/")
        else:
            await self._file(exchange, path)

    async def _folder(self, exchange: Exchange, path: str) -> None:
        for name in INDEX:
            try:
                await self._file(exchange, path + name)
            except FileNotFoundError:
                continue
            return
        if self.folder is None:
            await fail(exchange, 404)
        else:
            await self.folder(exchange, path)

    async def _file(self, exchange: Exchange, path: str) -> None:
        with self.files.open(path) as file:
            await exchange.respond(200, (), Span(file.fd, 0, file.stat.st_size))


async def fail(exchange: Exchange, status: int, text: str = "", fields: Iterable[tuple[str, str]] = ()) -> None:
    """Respond that it is not done, in one line of plain text."""
    text = text or HTTPStatus(status).phrase
    said = [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"), *fields]
    await exchange.respond(status, said, f"{status} {text}\n".encode())


async def redirect(exchange: Exchange, path: str) -> None:
    """Send the client to another path of ours, with the query that it asked with."""
    query = exchange.request.query
    location = quote(path, errors="surrogateescape") + (f"?{query}" if query else "")
    await exchange.respond(301, [("Location", location)])
