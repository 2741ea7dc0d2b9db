"""The files that a hub keeps for its rooms: `ID/NAME` below one folder, with an id that nobody can guess.

A link is the right to read it, so the id has 128 bits of chance. A file appears whole or not at all (`files.Upload`),
and is told to its room after that: what is cut off, or killed, in its middle was never there.

    room for it? ─► a folder ID ─► written as it comes, counted ─► commit ─► told ─┬─► kept
                                        └─ too much, cut off ─► nothing is left    └─ refused: removed

How much is kept is counted once, by looking, and then with each file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from tincans.apps.chat.events import File
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.http.media import UNKNOWN, type_of
from tincans.channel import Buffer
from tincans.files import Files, OpenFile, Upload
from tincans.limits import CHAT_FILE_BYTES, CHAT_FILE_NAME_BYTES, CHAT_FILES_BYTES

_ID_BYTES = 16


class Shelf:
    """One hub's files. Opened when the first is put there or asked for; whoever made it closes it."""

    def __init__(self, folder: Path | None, *, most: int = CHAT_FILES_BYTES, each: int = CHAT_FILE_BYTES) -> None:
        """None is a folder of its own, which is gone when it is closed. `each` and `most` are in bytes."""
        self._folder, self._passing = folder, folder is None
        self.most, self.each = most, each
        #: How much is kept, with what is being written.
        self.size = 0
        self._files: Files | None = None
        self._opening = asyncio.Lock()

    async def _open(self) -> Files:
        """Raises `OSError`."""
        async with self._opening:
            if self._files is None:
                folder, self.size = await asyncio.to_thread(self._look)
                self._folder = folder
                self._files = Files(folder, write=True)
            return self._files

    def _look(self) -> tuple[Path, int]:
        """Make the folder, take away what was cut off, and count the rest."""
        folder = self._folder or Path(tempfile.mkdtemp(prefix="tincans-files-"))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = 0
        for each in folder.iterdir():
            kept = [file for file in each.iterdir() if not file.name.startswith(".")] if each.is_dir() else []
            if kept:
                size += sum(file.stat().st_size for file in kept)
            elif each.is_dir():
                shutil.rmtree(each, ignore_errors=True)
        return folder, size

    async def begin(self, name: str, length: int | None) -> Arrival:
        """A file that is to arrive, of so many bytes; None where that is not known.

        Raises `Refused` where there is no room for it, and `OSError` as the disk does.
        """
        files = await self._open()
        if length is not None:
            self.check(length, length)
        identity = secrets.token_hex(_ID_BYTES)
        files.make_folder(f"/{identity}")
        try:
            return Arrival(self, files, identity, clean(name))
        except BaseException:
            files.remove_folder(f"/{identity}")
            raise

    def check(self, more: int, whole: int) -> None:
        """Raises `Refused` where there is no room for so many bytes more of a file that has `whole` by then."""
        if whole > self.each:
            raise Refused(Why.TOO_LONG, f"a file has at most {self.each} bytes here")
        if self.size + more > self.most:
            raise Refused(Why.DISK, f"the files of this hub have {self.most} bytes at most, and that is reached")

    async def open(self, path: str) -> OpenFile:
        """The file at `/ID/NAME`; whoever asked closes it. Raises `OSError` as `Files.open` does."""
        return (await self._open()).open(path)

    def close(self) -> None:
        """Idempotent."""
        files, self._files = self._files, None
        if files is not None:
            files.close()
            if self._passing and self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None


class Arrival:
    """A file that arrives. One of `keep` and `discard` ends it; what was kept can be taken back."""

    def __init__(self, shelf: Shelf, files: Files, identity: str, name: str) -> None:
        self._shelf, self._files = shelf, files
        self._folder, self.name = f"/{identity}", name
        self._path = f"{self._folder}/{name}"
        self._size = 0
        self._upload: Upload | None = files.create(self._path)

    def write(self, data: Buffer) -> None:
        """Raises `Refused` where it has become too much, and `OSError` as the disk does."""
        assert self._upload is not None, "it has ended"
        self._shelf.check(len(data), self._size + len(data))
        self._upload.write(data)
        self._size += len(data)
        self._shelf.size += len(data)

    def keep(self) -> File:
        """Have it appear. Raises `OSError`."""
        assert self._upload is not None, "it has ended"
        self._upload.commit()
        self._upload = None
        url = "/files" + quote(os.fsencode(self._path))
        return File(name=self.name, size=self._size, type=type_of(self.name) or UNKNOWN, url=url)

    def discard(self) -> None:
        """Take away what there is of it. Idempotent."""
        upload, self._upload = self._upload, None
        with contextlib.suppress(OSError):
            if upload is not None:
                upload.discard()
            else:
                self._files.remove_file(self._path)
        with contextlib.suppress(OSError):
            self._files.remove_folder(self._folder)
        self._shelf.size -= self._size
        self._size = 0

    @contextlib.contextmanager
    def whole(self) -> Iterator[Arrival]:
        """Discards it where the block raises."""
        try:
            yield self
        except BaseException:
            self.discard()
            raise


def clean(name: str) -> str:
    """A name under which a file can be kept and shown: one line without slashes, controls, and signs that turn what
    follows them around; its end is kept where it is too long. Never empty, nor hidden."""
    shown = "".join("_" if sign == "/" or unicodedata.category(sign)[0] == "C" else sign for sign in name)
    shown = shown.strip().lstrip(".") or "file"
    if len(shown.encode()) <= CHAT_FILE_NAME_BYTES:
        return shown
    stem, ending = os.path.splitext(shown)
    if len(ending.encode()) > CHAT_FILE_NAME_BYTES // 4:
        stem, ending = shown, ""
    return stem.encode()[: CHAT_FILE_NAME_BYTES - len(ending.encode())].decode("utf-8", "ignore") + ending
