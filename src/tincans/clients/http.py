"""The HTTP client: files fetched and stored, listings, and what a mirror needs (RFC 9110).

What is fetched is what the server has, byte for byte: no coding is asked for. What is missing of a part is asked for
with If-Range, so that a server which has another version by now gives all of that (RFC 9110 §13.1.5); versions are told
apart by a strong ETag, or by a time that cannot mean two of them (§8.8.2.2). A listing may come packed.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tincans.clients.calling import Calling
from tincans.clients.http_client import HttpClient, Response
from tincans.clients.http_listing import parse_json, parse_page
from tincans.clients.http_wire import Head, Request
from tincans.clients.remote import Download, Item, Part, Remote, Upload, check_size
from tincans.clients.url import Url
from tincans.errors import LimitExceeded, RequestRefused, TransferFailed
from tincans.limits import LISTING_BYTES
from tincans.protocols.content import Content, media_type

_AS_IT_IS = ("Accept-Encoding", "identity")
_LISTING = (("Accept", "application/json, */*;q=0.5"), ("Accept-Encoding", "gzip, br"))
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,18})", re.ASCII)

#: Answers to HEAD that say nothing about the file: the server does not know HEAD here.
_NO_HEAD = (405, 501)
#: What says that a folder is there already, or that the server makes folders by itself or not at all.
_FOLDER_THERE = (405, 501)


class HttpRemote(Remote):
    """One HTTP server, and those that it redirects to."""

    def __init__(self, url: Url, how: Calling) -> None:
        self._client = HttpClient(url, how)

    # ── files ─────────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def fetch(self, url: Url, part: Part | None = None, listed: Item | None = None) -> AsyncIterator[Download]:
        fields = [_AS_IT_IS]
        if part is not None:
            fields += [("Range", f"bytes={part.size}-"), ("If-Range", part.version)]
        async with self._client.ask(Request("GET", url, fields)) as response:
            yield await _download(response, part)

    async def store(self, url: Url, upload: Upload, *, resume: bool = False) -> None:
        fields: list[tuple[str, str]] = []
        offset, size = 0, upload.size
        if resume and size and await self._knows_parts(url):
            offset = await self._kept(url, size)
            upload.skipped(offset)
            fields.append(("Content-Range", f"bytes {offset}-{size - 1}/{size}"))
        async with self._client.ask(Request("PUT", url, fields, upload, offset)) as response:
            await _accepted(response)
            if response.head.status == 202:
                raise TransferFailed(url, "the server has kept what was sent, and still waits for more")

    async def _knows_parts(self, url: Url) -> bool:
        """Whether the server is one of ours, which keeps the parts of a file. To another one a part might be all of it
        (RFC 9110 §14.5)."""
        async with self._client.ask(Request("HEAD", url)) as response:
            await response.skip()
            return response.head.field("server").split("/")[0] == "tincans"

    async def _kept(self, url: Url, size: int) -> int:
        """How much the server has kept of a file of this size."""
        fields = [("Content-Range", f"bytes */{size}"), ("Content-Length", "0")]
        async with self._client.ask(Request("PUT", url, fields)) as response:
            await _accepted(response)
            kept = response.head.field("upload-offset")
            offset = int(kept) if re.fullmatch(r"\d{1,18}", kept, re.ASCII) else 0
            return offset if offset < size else 0

    async def look(self, url: Url) -> Item | None:
        async with self._client.ask(Request("HEAD", url, [_AS_IT_IS])) as response:
            head = response.head
            await response.skip()
            if head.status == 404 or head.status in _NO_HEAD:
                return None
            if head.status != 200:
                raise response.refused()
            return Item(url.name, response.url.is_folder, head.length, head.date("last-modified"))

    # ── folders ───────────────────────────────────────────────────────────────────────────────────────────

    async def list(self, url: Url) -> list[Item]:
        async with self._client.ask(Request("GET", url.folder(), _LISTING)) as response:
            if response.head.status != 200:
                await _accepted(response)
            media, charset = media_type(response.head.field("content-type"))
            said = await _unpacked(response, charset)
        if media == "application/json":
            return parse_json(said, url)
        if media not in ("text/html", "application/xhtml+xml"):
            raise TransferFailed(url, f"it is no listing of a folder but {media or 'something without a type'}")
        return parse_page(said.decode("utf-8", "surrogateescape"), response.url)

    async def make_folder(self, url: Url) -> None:
        async with self._client.ask(Request("MKCOL", url.folder())) as response:
            if response.head.status in _FOLDER_THERE:
                await response.skip()
            else:
                await _accepted(response)

    async def remove(self, url: Url, *, folder: bool) -> None:
        async with self._client.ask(Request("DELETE", url.folder() if folder else url)) as response:
            await _accepted(response)

    async def aclose(self) -> None:
        await self._client.aclose()


async def _accepted(response: Response) -> None:
    """Read the answer to its end. Raises `RequestRefused` where it is not 2xx."""
    await response.skip()
    if not 200 <= response.head.status < 300:
        raise response.refused()


async def _unpacked(response: Response, charset: str) -> bytes:
    """A listing, in UTF-8. `LimitExceeded` where it is too long, packed or not."""
    codings = [coding.strip() for coding in response.head.field("content-encoding").split(",")]
    content = Content(codings, charset, most=LISTING_BYTES)
    said = bytearray()
    async for piece in response.body():
        said += content.feed(piece)
        if len(said) >= LISTING_BYTES:
            raise LimitExceeded(f"the listing of {response.url}", LISTING_BYTES)
    said += content.end()
    if content.trouble:
        raise TransferFailed(response.url, f"its listing cannot be read: {content.trouble}")
    return bytes(said)


# ── what comes of a GET ───────────────────────────────────────────────────────────────────────────────────


class _HttpDownload(Download):
    """The body of a response."""

    def __init__(self, response: Response, size: int | None, offset: int) -> None:
        head = response.head
        self.size, self.offset = size, offset
        self.modified, self.version = head.date("last-modified"), _version(head)
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        came = self.offset
        if self._response.head.status != 416:
            async for piece in self._response.body():
                came += len(piece)
                yield piece
        check_size(self._response.url, self.size, came)


async def _download(response: Response, part: Part | None) -> Download:
    head = response.head
    if head.status == 200:
        return _HttpDownload(response, head.length, 0)
    if part is not None and head.status == 206:
        download = _HttpDownload(response, _continued(response, part), part.size)
        download.version = part.version  # which need not be said again with a part
        return download
    if part is not None and head.status == 416:
        match = _UNSATISFIED.fullmatch(head.field("content-range"))
        if match is not None and int(match[1]) == part.size:  # all of it is here
            await response.skip()
            return _HttpDownload(response, part.size, part.size)
    await _accepted(response)
    raise RequestRefused(response.url, head.status, head.reason)


def _continued(response: Response, part: Part) -> int:
    """The size of the whole, of which this is what comes behind `part`. Raises `TransferFailed` where it is not."""
    said = response.head.field("content-range")
    match = _RANGE.fullmatch(said)
    if match is None:
        raise TransferFailed(response.url, f"a part of it was asked for, and {said or 'nobody knows which'} came")
    first, last = int(match[1]), int(match[2])
    size = last + 1 if match[3] == "*" else int(match[3])
    version = _version(response.head)
    if (first, last) != (part.size, size - 1) or (version and version != part.version):
        raise TransferFailed(response.url, f"bytes from {part.size} on were asked for, and {said} of another came")
    return size


def _version(head: Head) -> str:
    """What If-Range may be said with: a strong ETag, or a date a second or more before the answer's."""
    tag = head.field("etag")
    if tag:
        return tag if re.fullmatch(r'"[!#-~\x80-\xff]*"', tag) else ""
    modified, date = head.date("last-modified"), head.date("date")
    return head.field("last-modified") if modified is not None and date is not None and date - modified >= 1 else ""
