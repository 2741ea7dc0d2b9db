"""The files that a hub keeps for its rooms: `ID/NAME` below one folder, with an id that nobody can guess.

A link is the right to read it, so the id has 128 bits of chance. A file appears whole or not at all (`files.Upload`),
and is told to its room after that: what is cut off, or killed, in its middle was never there.

    room for it? ─► a folder ID ─► written as it comes, counted ─► commit ─► told ─┬─► kept
                                        └─ too much, cut off ─► nothing is left    └─ refused: removed

How much is kept is counted once, by looking, and then with each file. Which files go is not known here (`tidying.py`):
they are hidden first, and can be shown again, as those are that a hub left hidden which was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from tincans.apps.chat.events import File
from tincans.apps.chat.links import ID_BYTES, is_id
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.http.media import UNKNOWN, type_of
from tincans.channel import Buffer
from tincans.files import Files, OpenFile, Upload
from tincans.limits import CHAT_FILE_BYTES, CHAT_FILE_NAME_BYTES, CHAT_FILES_BYTES
from tincans.text import human_bytes

#: Around the id of a file that is hidden: no path leads to such a name (`files.beneath`).
_HIDDEN = (".", ".tincans-part")

_Done = TypeVar("_Done", bool, int)


class Shelf:
    """One hub's files. Opened when the first is put there or asked for, or old ones are; whoever made it closes it."""

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
        """Make the folder, show what is hidden, take away what was cut off, and count the rest."""
        folder = self._folder or Path(tempfile.mkdtemp(prefix="tincans-files-"))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = 0
        for each in _folders(folder):
            place = each.with_name(each.name.removeprefix(_HIDDEN[0]).removesuffix(_HIDDEN[1]))
            if place != each and is_id(place.name):
                each = each.rename(place)
            if kept := _kept(each):
                size += sum(kept)
            else:
                shutil.rmtree(each, ignore_errors=True)
        return folder, size

    async def begin(self, name: str, length: int | None) -> Arrival:
        """A file that is to arrive, of so many bytes; None where that is not known.

        Raises `Refused` where there is no room for it, and `OSError` as the disk does.
        """
        files = await self._open()
        if length is not None:
            self.check(length, length)
        identity = secrets.token_hex(ID_BYTES)
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
            raise Refused(
                Why.DISK,
                f"the files of this hub take the {human_bytes(self.most)} that they may, and go only with the messages "
                "that name them, as its settings keep and days have those forgotten",
            )

    async def open(self, path: str) -> OpenFile:
        """The file at `/ID/NAME`; whoever asked closes it. Raises `OSError` as `Files.open` does."""
        return (await self._open()).open(path)

    # ── what goes ─────────────────────────────────────────────────────────────────────────────────────────

    async def older(self, seconds: float) -> set[str]:
        """The ids of the files that are older than this. Raises `OSError`, as all of these do."""
        if self._folder is None or not self._folder.is_dir():
            return set()
        await self._open()
        return await asyncio.to_thread(_older, self._folder, time.time() - seconds)

    async def hide(self, files: Iterable[str]) -> set[str]:
        """Let nobody open these any more, of those that are here and whole; gives their ids."""
        return set(await self._each(files, lambda shown, hidden: bool(_kept(shown)) and _moves(shown, hidden)))

    async def show(self, files: Iterable[str]) -> None:
        """Let those be opened again that are hidden."""
        await self._each(files, lambda shown, hidden: _moves(hidden, shown))

    async def remove(self, files: Iterable[str]) -> None:
        """Remove those for ever that are hidden."""
        sizes = await self._each(files, lambda shown, hidden: _removed(hidden))
        self.size -= sum(sizes.values())

    async def _each(self, files: Iterable[str], do: Callable[[Path, Path], _Done]) -> dict[str, _Done]:
        """Do this with the place of each, and where it is hidden, in a thread; gives what is true of it."""
        files = set(filter(is_id, files))
        if not files:
            return {}
        await self._open()
        folder = self._folder
        assert folder is not None, "it is open"

        def work() -> dict[str, _Done]:
            done = {name: do(folder / name, folder / f"{_HIDDEN[0]}{name}{_HIDDEN[1]}") for name in files}
            return {name: each for name, each in done.items() if each}

        return await asyncio.to_thread(work)

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


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as found:
        return [Path(each.path) for each in found if each.is_dir(follow_symlinks=False)]


def _kept(folder: Path) -> list[int]:
    """The sizes of the files in the folder of an id that are whole; none where there is no such folder."""
    try:
        return [file.stat().st_size for file in folder.iterdir() if not file.name.startswith(".")]
    except FileNotFoundError:
        return []


def _older(folder: Path, then: float) -> set[str]:
    """The ids of files that appeared before that time, in seconds since 1970."""
    with os.scandir(folder) as found:
        return {each.name for each in found if is_id(each.name) and each.stat(follow_symlinks=False).st_mtime < then}


def _moves(path: Path, to: Path) -> bool:
    """Whether it was there, and is elsewhere now."""
    try:
        path.rename(to)
    except FileNotFoundError:
        return False
    return True


def _removed(folder: Path) -> int:
    """Remove it; gives what its files had, in bytes."""
    size = sum(_kept(folder))
    shutil.rmtree(folder, ignore_errors=True)
    return size if not folder.exists() else 0


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
