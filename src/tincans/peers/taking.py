"""The end that takes: it finds each file a place in one folder, and wants what is not there yet (`passing.py`).

    name          nobody has it              → name
                  a part of an earlier time  → name, from where the part ends
                  the same content           → nothing to do
                  something else             → `name (1)`, and if that is there, too, `name (2)` …; or, where files may
                                               be written over, name
    a folder      one that is there is used, so a second attempt finds what the first one left

What comes lies in a hidden part, which gets its name when all of it is there and was checked (`files/uploads.py`); what
came of one that broke off stays, for a second attempt. The folder is a jail: no name, and no link in it, leads out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath

from tincans.channel import Channel
from tincans.errors import (
    CannotWrite,
    ChannelBroken,
    ChannelError,
    EndOfStream,
    PassingFailed,
    RemoteProtocolError,
    UsageError,
)
from tincans.files import Files, Upload
from tincans.limits import PASS_ANSWER_SECONDS, PASS_CHANGES, PATIENCE_SECONDS
from tincans.peers.frames import Frames
from tincans.peers.giving import hashed
from tincans.peers.landing import Folders, appear, begun, cut, keep, names, settle, too_many
from tincans.peers.passing import (
    HASH,
    Begins,
    Check,
    Checked,
    Ended,
    Entry,
    Offering,
    Stopped,
    Thanks,
    Want,
    add_checked,
)
from tincans.progress import Deed, Telling


async def offered(frames: Frames) -> list[Entry]:
    """What the giver offers, once all names are known to be harmless. Raises `RemoteProtocolError`, `ChannelError`."""
    found: dict[bytes, Entry] = {}
    while True:
        async with asyncio.timeout(PATIENCE_SECONDS):
            some = await frames.receive(Offering)
        add_checked(found, some.entries)
        if not some.more:
            return list(found.values())


async def decline(frames: Frames, reason: str = "") -> None:
    """Say that nothing is wanted, or no more, if there is somebody to hear it."""
    with suppress(ChannelError):
        await frames.send(Stopped(reason))


class Taker:
    """Takes what is offered on some frames, which stay open, into a folder."""

    def __init__(self, frames: Frames, giver: str, telling: Telling, *, expected: bytes = b"") -> None:
        """`giver` is who it comes from, for the errors; `expected` is the digest of the one file, where it is known."""
        self._frames, self._giver, self._telling, self._expected = frames, giver, telling, expected
        #: Where each file is now, by its place in the offering: a path in the folder.
        self.places: dict[int, str] = {}
        #: Why the last that could not be given was not.
        self.failed = ""

    async def run(self, entries: Sequence[Entry], files: Files, *, overwrite: bool = False) -> None:
        """Take all of them. What cannot be given is told as FAILED, and the others are taken.

        Raises `PassingFailed` where the giver goes away or stands still, `CannotWrite` where the disk refuses (the
        giver is told, too), `RemoteProtocolError`. Then, and when it is cancelled, what came is kept for another time.
        """
        with self._explained():
            self._folders = Folders(files)
            wanted = [index for index, entry in enumerate(entries) if not entry.is_folder]
            if len(entries) > 1:
                for index in wanted:
                    self._telling.tell(Deed.FOUND, entries[index].name, size=entries[index].size)
            for index, entry in enumerate(entries):
                try:
                    await self._take(index, entry, files, overwrite)
                except TimeoutError:  # the giver's, not the disk's
                    raise
                except OSError as error:
                    refused = CannotWrite(entry.name, (error.strerror or str(error)).lower())
                    await decline(self._frames, str(refused))
                    raise refused from error
            await self._frames.send(Thanks())

    async def pour(self, entries: Sequence[Entry], sink: Channel) -> None:
        """Take the one file there is into a channel, which stays open. Raises as `run` does, and `UsageError`."""
        if len(entries) != 1 or entries[0].is_folder:
            await decline(self._frames)
            raise UsageError("what is offered is not one file: name a folder for it")
        with self._explained():
            await self._frames.send(Want(0))
            begins, digest = await self._begun(), HASH()
            self._telling.tell(Deed.BEGUN, entries[0].name, size=begins.size)
            async for data in self._content():
                digest.update(data)
                await self._pour(data, sink)
                self._telling.tell(Deed.MOVED, entries[0].name, len(data), begins.size)
            ended = await self._frames.receive(Ended)
            if ended.changed or ended.reason or ended.digest != digest.digest():
                raise PassingFailed(entries[0].name, ended.reason or "it changed while it was sent")
            self._telling.tell(Deed.DONE, entries[0].name)
            await self._frames.send(Thanks())

    async def _pour(self, data: bytes, sink: Channel) -> None:
        try:
            await sink.send(data)
        except ChannelBroken as error:
            refused = CannotWrite(str(sink.remote).removesuffix(":"), error.reason)
            await decline(self._frames, str(refused))
            raise refused from error

    # ── one file ──────────────────────────────────────────────────────────────────────────────────────────

    async def _take(self, index: int, entry: Entry, files: Files, overwrite: bool) -> None:
        self._folders.make(f"/{entry.name}" if entry.is_folder else f"/{entry.name}".rpartition("/")[0])
        if entry.is_folder:
            return
        place, is_there = await self._place(index, entry, files, overwrite)
        self.places[index] = place.removeprefix("/")
        if is_there:
            self._telling.tell(Deed.SAME, entry.name)
            return
        upload = begun(files, place, entry.size)
        try:
            for attempt in range(PASS_CHANGES):
                if await self._fetch(index, entry, upload, anew=attempt > 0):
                    break
            else:
                raise PassingFailed(entry.name, "it does not stand still: it changed whenever it was sent")
            if upload.fd >= 0:
                self._appear(index, entry, upload, overwrite)
        except BaseException:
            keep(upload)
            raise

    async def _place(self, index: int, entry: Entry, files: Files, overwrite: bool) -> tuple[str, bool]:
        """The path under which the file is to be, and whether it is there already."""
        for path in names(f"/{entry.name}"):
            try:
                status = files.stat(path)
            except FileNotFoundError:
                return path, False
            except PermissionError:  # something that is neither a file nor a folder
                continue
            try:
                with files.open(path) as file:
                    if status.st_size == entry.size and await self._is_same(index, file.fd, status.st_size):
                        return path, True
            except (IsADirectoryError, PermissionError):
                continue
            if overwrite:
                return path, False
        raise too_many()

    async def _is_same(self, index: int, fd: int, size: int) -> bool:
        digest = (await hashed(fd, size)).digest()
        if self._expected:
            return digest == self._expected
        await self._frames.send(Check(index, digest))
        async with asyncio.timeout(PASS_ANSWER_SECONDS):
            return (await self._frames.receive(Checked)).same

    async def _fetch(self, index: int, entry: Entry, upload: Upload, *, anew: bool) -> bool:
        """Have the part become whole, or keep it where the file cannot be given; False where that changed meanwhile."""
        offset = 0 if anew else upload.size
        digest = await hashed(upload.fd, offset)
        await self._frames.send(Want(index, offset, digest.digest()))
        begins = await self._begun()
        if begins.offset != offset:
            if begins.offset:
                raise RemoteProtocolError("the other side begins where it was not asked to")
            offset, digest = 0, HASH()
        cut(upload, offset)
        self._telling.tell(Deed.BEGUN, entry.name, offset, begins.size)
        async for data in self._content():
            upload.write(data)
            digest.update(data)
            self._telling.tell(Deed.MOVED, entry.name, len(data), begins.size)
        ended = await self._frames.receive(Ended)
        if ended.reason:
            keep(upload)
            self.failed = ended.reason
            self._telling.tell(Deed.FAILED, entry.name, reason=ended.reason)
        elif ended.changed:
            self._telling.tell(Deed.SKIPPED, entry.name, reason="it changed meanwhile, and is taken anew")
            return False
        elif digest.digest() != (self._expected or ended.digest):
            upload.discard()
            raise PassingFailed(entry.name, "what came is not what was offered: its SHA-256 is another")
        else:
            settle(upload, begins)
        return True

    def _appear(self, index: int, entry: Entry, upload: Upload, overwrite: bool) -> None:
        size = upload.size
        path = f"/{self.places[index] if overwrite else entry.name}"
        place = appear(upload, path, overwrite=overwrite).removeprefix("/")
        self.places[index] = place
        how = "" if place == entry.name else f"as {PurePosixPath(place).name}"
        self._telling.tell(Deed.DONE, entry.name, size, size, how)

    async def _begun(self) -> Begins:
        """The giver may have to read the beginning of a large file first."""
        async with asyncio.timeout(PASS_ANSWER_SECONDS):
            return await self._frames.receive(Begins)

    async def _content(self) -> AsyncIterator[bytes]:
        while True:
            async with asyncio.timeout(PATIENCE_SECONDS):
                data = await self._frames.receive_some()
            if not data:
                return
            yield data

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (EndOfStream, ChannelBroken) as error:
            raise PassingFailed(self._giver, "went away before all was there") from error
        except TimeoutError as error:
            raise PassingFailed(self._giver, "sent nothing for too long") from error
