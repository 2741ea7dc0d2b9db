"""One file on its way into a folder: what is to be asked of it next, and what becomes of the answer (`taking.py`).

    name          nobody has it              → name
                  a part of an earlier time  → name, from where the part ends
                  the same content           → nothing to do
                  something else             → `name (1)`, and if that is there, too, `name (2)` …; or, where files may
                                               be written over, name

    question ──► Check(digest) ──► hear: the same? over : question, of the next name
             └─► Want(offset)  ──► hear: it is there? over : it has changed meanwhile, question

Between a question and its answer other files have their turn. So the kernel has the last word on which name is free:
nothing is replaced by a file that appears.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import NamedTuple

from tincans.errors import PassingFailed, RemoteProtocolError
from tincans.files import Files, Upload
from tincans.limits import PASS_ANSWER_SECONDS, PASS_CHANGES, PATIENCE_SECONDS
from tincans.peers.frames import Frames
from tincans.peers.giving import hashed
from tincans.peers.landing import appear, begun, cut, keep, names, settle, too_many
from tincans.peers.passing import HASH, Begins, Check, Checked, Ended, Entry, Want
from tincans.progress import Deed, Telling


class How(NamedTuple):
    """What all files of one taking have in common."""

    files: Files
    telling: Telling
    #: Whether what is there may be written over.
    overwrite: bool = False
    #: The digest of the one file there is, where that is known beforehand.
    expected: bytes = b""


class Arrival:
    """One file of what is offered. One of the end of `hear`, and `keep`, ends it."""

    def __init__(self, index: int, entry: Entry, how: How) -> None:
        self.index, self.entry, self._how = index, entry, how
        #: Where the file is, or is to be: a path from the top of the folder, which begins with a slash.
        self.place = ""
        #: Whether it came now; and why it could not be given, if it was not.
        self.is_new, self.failed = False, ""
        self._names = names(f"/{entry.name}")
        self._upload: Upload | None = None
        self._is_checked = False  # the next answer is to a Check
        self._changes = 0  # how often it changed while it was sent
        self._offset, self._digest = 0, HASH()  # of what there is before what was asked for

    async def question(self) -> Check | Want | None:
        """What the giver is to be asked next; None where there is nothing to ask any more. Raises `OSError`."""
        if self._upload is None:
            digest = await self._look()
            if digest and digest == self._how.expected:
                self._how.telling.tell(Deed.SAME, self.entry.name)
                return None
            if digest and not self._how.expected:
                self._is_checked = True
                return Check(self.index, digest)
            self._upload = begun(self._how.files, self.place, self.entry.size)
        self._offset = 0 if self._changes else self._upload.size
        self._digest = await hashed(self._upload.fd, self._offset)
        return Want(self.index, self._offset, self._digest.digest())

    async def _look(self) -> bytes:
        """Go on to the next name that the file can have: the digest of what has it and is as long; empty for nobody."""
        files, overwrite = self._how.files, self._how.overwrite
        if overwrite and self._is_checked:  # and what is there is another
            return b""
        for place in self._names:
            self.place = place
            try:
                size = files.stat(place).st_size
                with files.open(place) as file:
                    if size == self.entry.size:
                        digest = (await hashed(file.fd, size)).digest()
                        if self._how.expected in (b"", digest):
                            return digest
            except FileNotFoundError:
                return b""
            except (IsADirectoryError, PermissionError):  # or something that is neither a file nor a folder
                continue
            if overwrite:
                return b""
        raise too_many()

    async def hear(self, frames: Frames) -> bool:
        """Take the answer to what was asked last. False where there is something to ask again.

        Raises `PassingFailed` where the file does not stand still or is not what was offered, `RemoteProtocolError`,
        `OSError` as the disk does, `TimeoutError` where the giver says nothing, and `ChannelError`.
        """
        if self._upload is None:
            async with asyncio.timeout(PASS_ANSWER_SECONDS):
                same = (await frames.receive(Checked)).same
            if same:
                self._how.telling.tell(Deed.SAME, self.entry.name)
            return same
        ended = await self._receive(frames, self._upload)
        if ended.reason:
            self._fail(ended.reason)
        elif ended.changed:
            self._change()
            return False
        elif self._digest.digest() != (self._how.expected or ended.digest):
            self._upload.discard()
            raise PassingFailed(self.entry.name, "what came is not what was offered: its SHA-256 is another")
        else:
            self._appear(self._upload)
        return True

    async def _receive(self, frames: Frames, upload: Upload) -> Ended:
        """Write what comes behind what there is."""
        async with asyncio.timeout(PASS_ANSWER_SECONDS):  # the giver may have to read the beginning of a large file
            begins = await frames.receive(Begins)
        if begins.offset != self._offset:
            if begins.offset:
                raise RemoteProtocolError("the other side begins where it was not asked to")
            self._offset, self._digest = 0, HASH()
        cut(upload, self._offset)
        name, tell = self.entry.name, self._how.telling.tell
        tell(Deed.BEGUN, name, self._offset, begins.size)
        async for data in content(frames):
            upload.write(data)
            self._digest.update(data)
            tell(Deed.MOVED, name, len(data), begins.size)
        ended = await frames.receive(Ended)
        if not (ended.reason or ended.changed):
            settle(upload, begins)
        return ended

    def _fail(self, reason: str) -> None:
        self.keep()
        self.failed = reason
        self._how.telling.tell(Deed.FAILED, self.entry.name, reason=reason)

    def _change(self) -> None:
        self._changes += 1
        reason = "it changed meanwhile, and is taken anew"
        self._how.telling.tell(Deed.SKIPPED, self.entry.name, reason=reason)
        if self._changes == PASS_CHANGES:
            raise PassingFailed(self.entry.name, "it does not stand still: it changed whenever it was sent")

    def _appear(self, upload: Upload) -> None:
        name, size, overwrite = self.entry.name, upload.size, self._how.overwrite
        self.place = appear(upload, self.place if overwrite else f"/{name}", overwrite=overwrite)
        self.is_new = True
        how = "" if self.place == f"/{name}" else f"as {PurePosixPath(self.place).name}"
        self._how.telling.tell(Deed.DONE, name, size, size, how)

    def keep(self) -> None:
        """Leave what came, if anything did, for another time. Does nothing where the file is there."""
        if self._upload is not None:
            keep(self._upload)


async def content(frames: Frames) -> AsyncIterator[bytes]:
    """All that comes of one file. Raises as `Frames.receive_some` does, and `TimeoutError` where nothing comes."""
    while True:
        async with asyncio.timeout(PATIENCE_SECONDS):
            data = await frames.receive_some()
        if not data:
            return
        yield data
