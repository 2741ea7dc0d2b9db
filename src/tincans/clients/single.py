"""One file, fetched or stored; and what makes a tree of them (`mirror.py`) is built on it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tincans.channel import Channel
from tincans.clients.local import LocalFile, reading
from tincans.clients.remote import Item, Remote, Upload
from tincans.clients.url import Url
from tincans.errors import CannotRead, CannotWrite, ChannelBroken
from tincans.progress import Deed, Telling


async def fetch_file(
    remote: Remote, url: Url, file: LocalFile, telling: Telling, name: str, *, resume: bool = False,
    listed: Item | None = None,
) -> None:  # fmt: skip
    """Fetch the file at `url`, told under `name`. `resume` goes on with what is here of that very version; `listed` is
    what a listing said of it.

    Raises what `Remote.fetch` does, and `CannotWrite`; then, and when it is cancelled, what came is kept.
    """
    try:
        async with remote.fetch(url, file.kept(url) if resume else None, listed) as download:
            telling.tell(Deed.BEGUN, name, download.offset, download.size)
            file.begin(download.offset, url, download.version)
            came = download.offset
            async for piece in download:
                file.write(piece)
                came += len(piece)
                if came != download.size:
                    file.note()
                telling.tell(Deed.MOVED, name, len(piece), download.size)
        file.commit(download.modified)
    except BaseException:
        file.keep()
        raise
    telling.tell(Deed.DONE, name, came, came)


async def fetch_to(remote: Remote, url: Url, sink: Channel, telling: Telling, name: str) -> None:
    """Send the file at `url` to a channel, which stays open. Raises `CannotWrite` where nobody reads it any more: what
    breaks is that channel, and not the one from the server."""
    async with remote.fetch(url) as download:
        telling.tell(Deed.BEGUN, name, 0, download.size)
        came = 0
        async for piece in download:
            try:
                await sink.send(piece)
            except ChannelBroken as error:
                raise CannotWrite(str(sink.remote).removesuffix(":"), error.reason) from error
            came += len(piece)
            telling.tell(Deed.MOVED, name, len(piece), download.size)
    telling.tell(Deed.DONE, name, came, came)


async def store_file(
    remote: Remote, url: Url, path: Path, telling: Telling, name: str, *, resume: bool = False
) -> None:
    """Store the file at `path` as the one at `url`, with its time where the server lets that be set.

    Raises what `Remote.store` does, and `CannotRead`.
    """
    with reading(path):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe that nobody writes to would block us
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise CannotRead(str(path), "it is no regular file")
        telling.tell(Deed.BEGUN, name, 0, status.st_size)
        upload = Upload(
            fd, modified=status.st_mtime, moved=lambda count: telling.tell(Deed.MOVED, name, count, status.st_size)
        )
        await remote.store(url, upload, resume=resume)
    finally:
        os.close(fd)
    telling.tell(Deed.DONE, name, status.st_size, status.st_size)


async def store_from(remote: Remote, url: Url, source: Channel, telling: Telling, name: str) -> None:
    """Store what comes from a channel, to its end, as the file at `url`."""
    came = 0

    def moved(count: int) -> None:
        nonlocal came
        came += count
        telling.tell(Deed.MOVED, name, count)

    telling.tell(Deed.BEGUN, name)
    await remote.store(url, Upload(source, moved=moved))
    telling.tell(Deed.DONE, name, came, came)
