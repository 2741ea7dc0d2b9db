"""The FTP client: files fetched and stored, listings, and what a mirror needs (RFC 959, 2428, 3659, 4217).

Paths are said whole, from the folder that the login leads to (RFC 1738 §3.2.2), so no connection is ever in another
folder than expected; only LIST is preceded by CWD, as what follows it is an option to some servers. A file is told from
another version of it by its size and time (SIZE, MDTM); where the server knows no MDTM nothing is resumed.
"""

from __future__ import annotations

import asyncio
import posixpath
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tincans.channel import Channel
from tincans.clients.calling import Calling
from tincans.clients.ftp_control import FtpControl, open_control
from tincans.clients.ftp_data import Data
from tincans.clients.ftp_listing import parse_list, parse_mlsd, parse_size, parse_time
from tincans.clients.pool import Pool
from tincans.clients.receiving import all_of, broken, pieces_of
from tincans.clients.remote import Download, Item, Part, Remote, Upload, check_size, stalled
from tincans.clients.url import Url
from tincans.errors import ChannelBroken, ChannelError, RequestRefused, TransferFailed
from tincans.limits import GOODBYE_SECONDS, LISTING_BYTES
from tincans.protocols.ftp import Command, Reply


class FtpRemote(Remote):
    """One FTP server."""

    def __init__(self, url: Url, how: Calling) -> None:
        self._how = how
        self._pool: Pool[FtpControl] = Pool(lambda: open_control(url, how))

    @asynccontextmanager
    async def _control(self, url: Url) -> AsyncIterator[FtpControl]:
        """A control connection that is logged in; what it refuses is said of `url`."""
        try:
            async with self._pool.take() as (control, _):
                control.url = url
                yield control
        except TimeoutError as error:
            raise stalled(url, self._how.patience) from error

    # ── files ─────────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def fetch(self, url: Url, part: Part | None = None, listed: Item | None = None) -> AsyncIterator[Download]:
        async with self._control(url) as control:
            path = _path(control, url)
            if part is not None or listed is None or not _says_all(listed):
                listed = await _look(control, url, path)
            download = _FtpDownload(url, listed, self._how.patience)
            if part is not None and part.version == download.version and part.size <= (listed.size or 0):
                download.offset = part.size
            with suppress(_LeftEarly):
                async with self._transfer(control, "RETR", path, download.offset) as channel:
                    download.channel = channel
                    yield download
                    if not download.is_complete:
                        raise _LeftEarly
                if download.size not in (None, download.came):  # it may have changed since it was listed
                    download.describe(await _look(control, url, path))
                check_size(url, download.size, download.came)

    async def store(self, url: Url, upload: Upload, *, resume: bool = False) -> None:
        async with self._control(url) as control:
            path, offset = _path(control, url), 0
            if resume and upload.size is not None:
                there = await _size(control, path) or 0
                offset = there if there <= upload.size else 0
                upload.skipped(offset)
            if not offset or offset != upload.size:
                await self._send(control, url, path, upload, offset)
            if upload.size is not None:
                check_size(url, upload.size, await _known_size(control, path, upload.size))
            if upload.modified is not None and "MFMT" in control.features:
                await control.ask("MFMT", f"{time.strftime('%Y%m%d%H%M%S', time.gmtime(upload.modified))} {path}")

    async def _send(self, control: FtpControl, url: Url, path: str, upload: Upload, offset: int) -> None:
        appends = offset and not _can_restart(control)
        verb, start = ("APPE", 0) if appends else ("STOR", offset)
        try:
            async with self._transfer(control, verb, path, start) as channel:
                if upload.size is not None:
                    await upload.send(channel, offset, self._how.patience)
                else:
                    async for piece in upload.pieces():
                        await channel.send(piece)
        except EOFError:
            raise TransferFailed(url, "the file here became shorter while it was sent") from None

    @asynccontextmanager
    async def _transfer(self, control: FtpControl, verb: str, path: str, offset: int = 0) -> AsyncIterator[Channel]:
        """A data connection for one command, and then the server's word that all went well."""
        data = Data(control, active=self._how.active)
        try:
            await data.agree()
            if offset:
                control.accepted(await control.ask("REST", str(offset)), 3)
            control.accepted(await control.ask(verb, path), 1)
            yield await data.join(Command(verb=verb, argument=path.replace("\n", "\0")))
            await data.aclose()
        except (ChannelBroken, TransferFailed) as error:
            await data.abort()
            await self._look_for_reason(control)
            raise error if isinstance(error, TransferFailed) else broken(control.url, error) from error
        except BaseException:
            await data.abort()
            raise
        _all_went_well(control, await control.reply())

    async def _look_for_reason(self, control: FtpControl) -> None:
        """The data connection broke: raise `TransferFailed` where the server says why."""
        with suppress(ChannelError, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                while control.is_waited_for:
                    _all_went_well(control, await control.reply())

    # ── folders ───────────────────────────────────────────────────────────────────────────────────────────

    async def list(self, url: Url) -> list[Item]:
        async with self._control(url) as control:
            path = _path(control, url)
            if "MLST" in control.features or "MLSD" in control.features:
                return parse_mlsd(await self._listing(control, url, "MLSD", path))
            await control.want("CWD", path)
            try:
                said = await self._listing(control, url, "LIST", "-a")
            except RequestRefused:
                said = await self._listing(control, url, "LIST", "")
            return parse_list(said, time.time())

    async def _listing(self, control: FtpControl, url: Url, verb: str, argument: str) -> bytes:
        async with self._transfer(control, verb, argument) as channel:
            return await all_of(channel, url, LISTING_BYTES, self._how.patience)

    async def look(self, url: Url) -> Item | None:
        async with self._control(url) as control:
            found = await _look(control, url, _path(control, url))
            return None if found.size is None and found.modified is None else found

    async def make_folder(self, url: Url) -> None:
        async with self._control(url) as control:
            path = _path(control, url)
            reply = await control.ask("MKD", path)
            if reply.kind != 2 and (await control.ask("CWD", path)).kind != 2:
                control.accepted(reply)

    async def remove(self, url: Url, *, folder: bool) -> None:
        async with self._control(url) as control:
            await control.want("RMD" if folder else "DELE", _path(control, url))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _LeftEarly(Exception):
    """Whoever fetches wants no more of it."""


class _FtpDownload(Download):
    """A file that comes over a data connection."""

    def __init__(self, url: Url, item: Item, patience: float) -> None:
        self.describe(item)
        self.channel: Channel | None = None
        self.is_complete = False
        #: How far it came.
        self.came = 0
        self._url, self._patience = url, patience

    def describe(self, item: Item) -> None:
        """Know the file by what the server says of it."""
        self.size, self.modified = item.size, item.modified
        self.version = f"{item.size} {item.modified}" if _says_all(item) else ""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert self.channel is not None
        self.came = self.offset
        async for piece in pieces_of(self.channel, self._url, self._patience):
            self.came += len(piece)
            yield piece
        self.is_complete = True


def _all_went_well(control: FtpControl, reply: Reply) -> None:
    """Raise `TransferFailed` where the server's word at a transfer's end is another."""
    if reply.kind > 2:
        raise TransferFailed(control.url, f"the server says {reply.summary}")


def _path(control: FtpControl, url: Url) -> str:
    """The URL's path, whole: from the root where it begins with two slashes, else from where the login leads to."""
    return posixpath.normpath(posixpath.join(control.home, url.place[1:]))


async def _look(control: FtpControl, url: Url, path: str) -> Item:
    """A file as the server has it now, as far as it says that."""
    return Item(url.name, False, await _size(control, path), await _modified(control, path))


def _says_all(item: Item) -> bool:
    """Whether size and time of a file are known as they are."""
    return item.is_exact and item.size is not None and item.modified is not None


async def _size(control: FtpControl, path: str) -> int | None:
    reply = await control.ask("SIZE", path)
    return parse_size(reply.lines[0].strip()) if reply.code == 213 else None


async def _known_size(control: FtpControl, path: str, otherwise: int) -> int:
    """What the server has of a file; where it has no SIZE it is believed that all came."""
    size = await _size(control, path)
    return otherwise if size is None else size


async def _modified(control: FtpControl, path: str) -> float | None:
    reply = await control.ask("MDTM", path)
    return parse_time(reply.lines[0].strip()) if reply.code == 213 else None


def _can_restart(control: FtpControl) -> bool:
    """Whether STOR may follow REST; else there is APPE."""
    return any(feature.startswith("REST") for feature in control.features)
