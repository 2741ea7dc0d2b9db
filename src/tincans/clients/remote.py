"""What a server of files can do for us, whether it speaks HTTP or FTP.

A `Remote` is one server, by as many connections as there are tasks that ask at once; it keeps those that are idle for
the next. Whoever fetches or stores files knows nothing else of the protocol below.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import NamedTuple

from tincans.channel import Channel
from tincans.clients.calling import Calling
from tincans.clients.url import Url
from tincans.errors import EndOfStream, TransferFailed, UsageError
from tincans.limits import UPLOAD_STEP_BYTES


class Item(NamedTuple):
    """A file or a folder as a server lists it. Its name is what the server said, whatever that is."""

    name: str
    is_folder: bool = False
    #: Bytes, and seconds since 1970; None where the server does not say it.
    size: int | None = None
    modified: float | None = None
    #: Whether size and time are as they are, and not rounded for people.
    is_exact: bool = True
    #: It leads somewhere else: a symbolic link, of which nothing more is known.
    is_link: bool = False


def moment(*parts: int) -> float | None:
    """Year, month, day, hour and so on, in UTC, in seconds since 1970; None where there is no such time."""
    try:
        return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]
    except ValueError:
        return None


class Part(NamedTuple):
    """What is here already of a file that is to be fetched."""

    size: int
    #: What the server said by which that version can be told from another; never empty.
    version: str


class Download(ABC):
    """A file that comes: what the server says of it, and then its bytes, which are read once."""

    #: Bytes of the whole file and when it was last changed; None where the server does not say it.
    size: int | None = None
    modified: float | None = None
    #: Where what comes begins: 0 where the file is another than the part that was here.
    offset: int = 0
    #: Tells this version of the file from every other; empty where the server says nothing that could.
    version: str = ""

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes from `offset` on. Raises `TransferFailed` and `ChannelError` where they end too early."""


class Upload:
    """What is to be stored: an open file, or what comes from a channel. It is the caller's to close."""

    def __init__(
        self, source: int | Channel, *, modified: float | None = None, moved: Callable[[int], None] | None = None
    ) -> None:
        """`source` is a descriptor of a regular file, or a channel; `moved` is told how many bytes went."""
        self._source = source
        self.modified = modified
        #: Bytes of all of it; None where that is not known before its end.
        self.size = os.fstat(source).st_size if isinstance(source, int) else None
        self._moved = moved or (lambda count: None)

    def skipped(self, count: int) -> None:
        """So many bytes are at the server already."""
        if count:
            self._moved(count)

    async def send(self, channel: Channel, offset: int, patience: float) -> None:
        """Send all of it from `offset` on: on a plain socket the kernel does it. Raises as `Channel.send_file`.

        `TimeoutError` where the other side takes nothing for `patience` seconds.
        """
        assert isinstance(self._source, int)
        assert self.size is not None
        while offset < self.size:
            count = min(UPLOAD_STEP_BYTES, self.size - offset)
            async with asyncio.timeout(patience):
                await channel.send_file(self._source, offset, count)
            offset += count
            self._moved(count)

    async def pieces(self) -> AsyncIterator[bytes]:
        """What comes from the channel, to its end."""
        assert isinstance(self._source, Channel)
        try:
            while True:
                piece = await self._source.receive()
                yield piece
                self._moved(len(piece))
        except EndOfStream:
            return


class Remote(ABC):
    """One server of files. Several tasks may ask it at once; close it when all are done."""

    @abstractmethod
    def fetch(
        self, url: Url, part: Part | None = None, listed: Item | None = None
    ) -> AbstractAsyncContextManager[Download]:
        """The file at `url`; of one whose version is that of `part`, what is missing of it. `listed` is what a listing
        said of it, which need not be asked again; by now it may be another.

        Raises `RequestRefused` where the server will not give it. Leaving the block early closes the connection.
        """

    @abstractmethod
    async def store(self, url: Url, upload: Upload, *, resume: bool = False) -> None:
        """Make the file at `url` what is uploaded. With `resume` what is there already is taken for its beginning.

        Raises `RequestRefused`, and `TransferFailed` where less is there afterwards than was sent.
        """

    @abstractmethod
    async def list(self, url: Url) -> list[Item]:
        """What is in the folder at `url`, in the server's order. Raises `RequestRefused`."""

    @abstractmethod
    async def look(self, url: Url) -> Item | None:
        """Size and time of the file at `url`, exactly; None where there is none."""

    @abstractmethod
    async def make_folder(self, url: Url) -> None:
        """Make the folder at `url`, whose parent is there; nothing where it is there already."""

    @abstractmethod
    async def remove(self, url: Url, *, folder: bool) -> None:
        """Remove the file, or the empty folder, at `url`. Raises `RequestRefused`."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close all connections. Idempotent."""

    async def __aenter__(self) -> Remote:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def check_size(url: Url, size: int | None, came: int) -> None:
    """Raise `TransferFailed` where a file has not as many bytes as was said."""
    if size is not None and came != size:
        kind = "shorter" if came < size else "longer"
        raise TransferFailed(url, f"it is {kind} than announced: {came} bytes of {size}")


def stalled(url: Url, seconds: float) -> TransferFailed:
    """What a server is answered that says nothing any more."""
    return TransferFailed(url, f"the server said nothing for {seconds:g} s")


def open_remote(url: Url, how: Calling) -> Remote:
    """The server of `url`, not yet called. Raises `UsageError` for what only FTP has."""
    if url.scheme in ("http", "https"):
        if how.starttls or how.active:
            raise UsageError("--tls and --active are for FTP; HTTP inside TLS is https://")
        from tincans.clients.http import HttpRemote

        return HttpRemote(url, how)
    from tincans.clients.ftp import FtpRemote

    return FtpRemote(url, how)
