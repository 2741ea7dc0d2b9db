"""The files of a folder, as `http:DIR` serves them.

What a method does is in `Site.methods`; whoever lets more be done adds its handler there. A folder without an index
file is shown by `Site.folder`.

A file is opened, or at least looked at, for each request: what is served is what is there now. What can be remembered
of it (its type, tag and date, as fields) is remembered by its inode, time and size. A small one leaves in one call with
its head, and is kept (`kept.py`); a large one is sent by the kernel where the channel is a socket.

A file `x.br` or `x.gz` beside `x`, that is no older, is sent in its place to who takes that.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable, Iterable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

from tincans.apps.http.conditions import failed, tag_of, wants_part
from tincans.apps.http.exchange import Exchange, Handler, Span, render
from tincans.apps.http.kept import Kept
from tincans.apps.http.media import CODINGS, codings, type_of
from tincans.apps.http.ranges import parts_of, several
from tincans.apps.settings import Settings
from tincans.files import Files, OpenFile
from tincans.limits import HTTP_SMALL_BYTES

#: What answers for a folder: its path ends in "/".
Folder = Callable[[Exchange, str], Awaitable[None]]

INDEX = ("index.html", "index.htm")

_STATUSES = {
    errno.ENOENT: 404, errno.ENOTDIR: 404, errno.ENAMETOOLONG: 404, errno.ELOOP: 404, errno.EACCES: 403,
    errno.EPERM: 403, errno.EROFS: 403, errno.EISDIR: 409, errno.EEXIST: 409, errno.ENOTEMPTY: 409,
    errno.EBUSY: 409,
    errno.ENOSPC: 507, errno.EDQUOT: 507, errno.EFBIG: 507, errno.EMFILE: 503, errno.ENFILE: 503,
}  # fmt: skip


class Site:
    """The handler of `http:DIR`. Owns its `Files`."""

    def __init__(self, folder: str, settings: Settings) -> None:
        """Raises `UsageError` where there is no such folder."""
        self.settings = settings
        self.files = Files(folder, write=settings.write)
        self._kept = Kept(self.files)
        self.methods: dict[str, Handler] = {"GET": self.get, "HEAD": self.get, "OPTIONS": self.options}
        self.folder: Folder | None = None

    async def __call__(self, exchange: Exchange) -> None:
        handler = self.methods.get(exchange.request.method)
        try:
            if handler is None:
                await exchange.discard()
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
        """What can be done here; of "*" and of any path the same."""
        await exchange.discard()
        await exchange.respond(204, [("Allow", ", ".join(self.methods))])

    async def get(self, exchange: Exchange) -> None:
        """GET and HEAD. A body has no meaning there (RFC 9110 §9.3.1), and is read so that it is known to be one."""
        if not exchange.content.ended:
            await exchange.discard()
        path = exchange.request.path
        if path.endswith("/"):
            await self._folder(exchange, path)
            return
        if await self._sent(exchange, path):
            return
        try:
            file = self.files.open(path)
        except IsADirectoryError:
            await redirect(exchange, path + "/")
            return
        with file:
            await self._file(exchange, path, file)

    async def _folder(self, exchange: Exchange, path: str) -> None:
        if await self._sent(exchange, path + INDEX[0]):
            return
        for name in INDEX:
            try:
                file = self.files.open(path + name)
            except (FileNotFoundError, IsADirectoryError):
                continue
            with file:
                await self._file(exchange, path + name, file)
            return
        if self.folder is None:
            await fail(exchange, 404)
        else:
            await self.folder(exchange, path)

    async def _file(self, exchange: Exchange, path: str, file: OpenFile) -> None:
        accepted = exchange.request.fields.get("accept-encoding")
        for coding in codings(accepted) if accepted else ():
            try:
                packed = self.files.open(path + CODINGS[coding])
            except OSError:
                continue
            with packed:
                if packed.stat.st_mtime_ns >= file.stat.st_mtime_ns:
                    await send_file(exchange, packed, type_of(path), coding)
                    return
        await send_file(exchange, file, type_of(path))
        if exchange.request.is_plain and file.stat.st_size <= HTTP_SMALL_BYTES:
            self._kept.put(path, file, _shown_of(file, type_of(path)).fields)

    async def _sent(self, exchange: Exchange, path: str) -> bool:
        """Whether the file was in memory, and nothing more is asked than what is there."""
        if not exchange.request.is_plain:
            return False
        file = self._kept.get(path)
        if file is None:
            return False
        await exchange.respond(200, file.fields, file.data)
        return True


class _Shown(NamedTuple):
    """What a client is told about a file."""

    tag: str
    modified: float
    fields: bytes


#: Fields, as they can be remembered by.
More = tuple[tuple[str, str], ...]


def _shown_of(file: OpenFile, kind: str, coding: str = "", more: More = ()) -> _Shown:
    return _shown(kind, coding, tag_of(file.stat), file.stat.st_mtime, more)


@lru_cache(1024)
def _shown(kind: str, coding: str, tag: str, modified: float, more: More) -> _Shown:
    fields = [
        ("Content-Type", kind),
        ("ETag", tag),
        ("Accept-Ranges", "bytes"),
        ("Vary", "Accept-Encoding"),
        ("X-Content-Type-Options", "nosniff"),
        *more,
    ]
    try:
        fields.append(("Last-Modified", formatdate(modified, usegmt=True)))
    except (OverflowError, ValueError, OSError):
        pass  # a disk may have times beyond the year 9999
    return _Shown(tag, modified, render([*fields, ("Content-Encoding", coding)] if coding else fields))


async def send_file(exchange: Exchange, file: OpenFile, kind: str, coding: str = "", more: More = ()) -> None:
    """Respond with an open file: all of it, the parts that are asked for, or that nothing has changed.

    `more` are fields that are said of it besides.
    """
    request, size = exchange.request, file.stat.st_size
    shown = _shown_of(file, kind, coding, more)
    if not request.asks:
        await exchange.respond(200, shown.fields, Span(file.fd, 0, size))
        return
    if status := failed(request.fields, reads=True, tag=shown.tag, modified=shown.modified):
        await (exchange.respond(304, shown.fields) if status == 304 else fail(exchange, status))
        return
    wanted = request.fields.get("range") if request.method == "GET" else ""
    parts = None
    if wanted and wants_part(request.fields, tag=shown.tag, modified=shown.modified):
        parts = parts_of(wanted, size)
    if parts is None:
        await exchange.respond(200, shown.fields, Span(file.fd, 0, size))
    elif not parts:
        await fail(exchange, 416, fields=[("Content-Range", f"bytes */{size}")])
    elif len(parts) == 1:
        fields = shown.fields + render([("Content-Range", parts[0].of(size))])
        await exchange.respond(206, fields, Span(file.fd, parts[0].first, parts[0].size))
    else:
        several_kind, body = several(parts, size, file.fd, kind)
        await exchange.respond(206, shown.fields.replace(kind.encode(), several_kind.encode(), 1), body)


async def fail(exchange: Exchange, status: int, text: str = "", fields: Iterable[tuple[str, str]] = ()) -> None:
    """Respond that it is not done, in one line of plain text."""
    text = text or HTTPStatus(status).phrase
    said = [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"), *fields]
    await exchange.respond(status, said, f"{status} {text}\n".encode())


async def redirect(exchange: Exchange, path: str) -> None:
    """Send the client to another path of ours, with the query that it asked with."""
    query = exchange.request.query
    location = "/" + quote(os.fsencode(path)).lstrip("/")  # with two slashes it would begin with a host
    await exchange.respond(301, [("Location", f"{location}?{query}" if query else location)])
