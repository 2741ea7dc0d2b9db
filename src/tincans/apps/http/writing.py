"""What changes the files of a site: PUT, DELETE and MKCOL (RFC 9110 §9.3, RFC 4918 §9.3). Forms are in `upload.py`.

A file appears whole or not at all, whatever happens on the way, in the place of the one that is there; If-Match and
If-None-Match say when it must not. The folders on its way are made. DELETE takes a file, or a folder that is empty.

**Who may.** Where users are known, who has logged in; where none are, everybody. A browser says from which site a
request comes, in Origin and Sec-Fetch-Site: a page of elsewhere changes nothing here, whoever looks at it.

**Going on.** A client may send a file in parts, and go on after a cut. It says that it means to with Content-Range,
which RFC 9110 §14.5 leaves to the two to agree on:

    Content-Range: bytes 0-499/1234       begins anew; what came is kept even when it is cut off: 202
    Content-Range: bytes 500-1233/1234    goes on there; the file appears with its last byte: 201 or 204
    Content-Range: bytes */1234           asks, without a body: 202

Each 202, and the 409 to a part that would leave a gap, has `Upload-Offset: N`: so many bytes are kept, and there the
client goes on.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from posixpath import normpath
from typing import NamedTuple

from tincans.apps.http.conditions import failed, tag_of
from tincans.apps.http.exchange import Exchange, Handler
from tincans.apps.http.login import challenge
from tincans.apps.http.request import CHUNKED
from tincans.apps.http.site import Site, fail
from tincans.errors import ChannelError
from tincans.files import Files, Upload

#: What a method does to the files of a site, once it is known that it may.
Change = Callable[[Files, Exchange], Awaitable[None]]

_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18})", re.IGNORECASE)


class Refused(Exception):
    """A change that is not made, for the client to hear why."""

    def __init__(self, status: int, text: str, *fields: tuple[str, str]) -> None:
        self.status, self.text, self.fields = status, text, fields
        super().__init__(text)


# ── who may ───────────────────────────────────────────────────────────────────────────────────────────────


def may_write(site: Site, exchange: Exchange) -> bool:
    """Whether who asks may change anything."""
    return site.settings.write and (bool(exchange.user) or not site.settings.users)


def changing(site: Site, change: Change) -> Handler:
    """The handler that makes a change for those who may, and says what was in the way."""

    async def handle(exchange: Exchange) -> None:
        if not may_write(site, exchange):
            await challenge(exchange)
            return
        try:
            check_origin(exchange)
            await change(site.files, exchange)
        except Refused as error:
            await fail(exchange, error.status, error.text, error.fields)

    return handle


def check_origin(exchange: Exchange) -> None:
    """Raise `Refused` where a browser sends this for a page of another site."""
    fields = exchange.request.fields
    origin = fields.get("origin")
    if fields.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Refused(403, "the request comes from a page of another site")
    if origin and origin.partition("://")[2].lower() != exchange.request.host.lower():
        raise Refused(403, "the request comes from a page of another origin")


# ── PUT ───────────────────────────────────────────────────────────────────────────────────────────────────


class Part(NamedTuple):
    """What a Content-Range says: these bytes of so many; none of them where it only asks."""

    start: int
    end: int
    total: int

    @classmethod
    def of(cls, text: str) -> Part:
        """Raises `Refused`."""
        match = _RANGE.fullmatch(text)
        if match is None:
            raise Refused(400, "the Content-Range is none in bytes of a known length")
        total = int(match[3])
        if not match[1]:
            return cls(total, total, total)
        start, end = int(match[1]), int(match[2]) + 1
        if not start < end <= total:
            raise Refused(400, "the Content-Range does not lie within that length")
        return cls(start, end, total)


async def put(files: Files, exchange: Exchange) -> None:
    """Have the body be the file."""
    request = exchange.request
    check_conditions(files, exchange)
    if "content-range" in request.fields:
        await _put_part(files, exchange, Part.of(request.fields.get("content-range")))
        return
    with create(files, request.path) as upload:
        async for piece in exchange.body():
            upload.write(piece)
        await _commit(files, exchange, upload)


async def _put_part(files: Files, exchange: Exchange, part: Part) -> None:
    path, length = exchange.request.path, exchange.request.length
    if length not in (part.end - part.start, CHUNKED):
        raise Refused(400, "the Content-Range is not as long as the body")
    kept = kept_size(files, path)
    if part.start == part.end:
        await exchange.respond(202, [("Upload-Offset", str(kept))])
    elif part.start > kept:
        raise Refused(409, f"there are {kept} bytes of it", ("Upload-Offset", str(kept)))
    else:
        with create(files, path, part.start) as upload:
            await _take_part(files, exchange, upload, part)


async def _take_part(files: Files, exchange: Exchange, upload: Upload, part: Part) -> None:
    """Write what comes, and keep it, whatever becomes of the rest."""
    try:
        async for piece in exchange.body(part.end - part.start):
            upload.write(piece)
        size = upload.size
    except (ChannelError, OSError):
        upload.keep()
        raise
    if size == part.total:
        await _commit(files, exchange, upload)
    else:
        upload.keep()
        await exchange.respond(202, [("Upload-Offset", str(size))])


async def _commit(files: Files, exchange: Exchange, upload: Upload) -> None:
    status = 204 if is_there(files, exchange.request.path) else 201
    stat = os.fstat(upload.fd)
    upload.commit()
    fields = [("ETag", tag_of(stat)), ("Last-Modified", formatdate(stat.st_mtime, usegmt=True))]
    await exchange.respond(status, fields)


def create(files: Files, path: str, offset: int = 0) -> Upload:
    """Begin a file, and make the folders on its way."""
    try:
        return files.create(path, offset=offset)
    except FileNotFoundError:
        make_folders(files, path)
        return files.create(path, offset=offset)


def make_folders(files: Files, path: str) -> None:
    """Make the folders on the way to `path` that there are not. Raises `OSError`."""
    steps = normpath(path).lstrip("/").split("/")[:-1]
    for count in range(1, len(steps) + 1):
        try:
            files.make_folder("/" + "/".join(steps[:count]))
        except (FileExistsError, PermissionError):  # the top itself cannot be made
            continue


def kept_size(files: Files, path: str) -> int:
    """How much there is of an upload that was not finished."""
    try:
        return files.part_size(path) or 0
    except FileNotFoundError:
        return 0


# ── the others ────────────────────────────────────────────────────────────────────────────────────────────


async def delete(files: Files, exchange: Exchange) -> None:
    """Take a file away, or an empty folder."""
    check_conditions(files, exchange)
    await exchange.discard()
    remove(files, exchange.request.path)
    await exchange.respond(204)


def remove(files: Files, path: str) -> None:
    """Take a file away, or an empty folder. Raises `Refused` where it is not empty, and `OSError`."""
    try:
        files.remove_file(path)
    except (IsADirectoryError, NotADirectoryError):
        try:
            files.remove_folder(path)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            raise Refused(409, "the folder is not empty") from None


async def make(files: Files, exchange: Exchange) -> None:
    """Make a folder in one that is there."""
    path = exchange.request.path
    if not exchange.content.ended:
        raise Refused(415, "a folder is made of nothing, and this request has a body")
    try:
        files.make_folder(path)
    except FileExistsError:
        raise Refused(405, "there is something of that name") from None
    except FileNotFoundError:
        raise Refused(409, "there is no folder to make it in") from None
    await exchange.respond(201)


# ── both ──────────────────────────────────────────────────────────────────────────────────────────────────


def check_conditions(files: Files, exchange: Exchange) -> None:
    """Raise `Refused` where the client wants it done to something else than what is there (RFC 9110 §13)."""
    fields = exchange.request.fields
    tag, modified = "", 0.0
    try:
        stat = files.stat(exchange.request.path)
    except FileNotFoundError:
        pass
    else:
        tag, modified = tag_of(stat), stat.st_mtime
    if status := failed(fields, reads=False, tag=tag, modified=modified):
        raise Refused(status, "what is there is not what the request is for")


def is_there(files: Files, path: str) -> bool:
    try:
        files.stat(path)
    except FileNotFoundError:
        return False
    return True


METHODS: dict[str, Change] = {"PUT": put, "DELETE": delete, "MKCOL": make}
