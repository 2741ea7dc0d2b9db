"""A tree of files made the same at two ends, either way, by several tasks at once.

A file is transferred where it differs: in size, or in time. One that was fetched gets the server's time, to a second;
one that was stored may be newer at the server, which does not let its time be set everywhere. Where a listing
rounds, the server is asked for the very size and time.

Nothing is ever written outside the folder, whatever a server lists: a name that leads elsewhere is refused, a folder
that is a link here is not entered, and depth has a bound. Nothing is deleted unless that is asked for. One file's
failure is told, and the others go on.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from tincans.clients.local import LocalFile, is_part, reading, told
from tincans.clients.remote import Item, Remote
from tincans.clients.single import fetch_file, store_file
from tincans.clients.url import Url, is_name
from tincans.errors import RequestRefused, TincansError, TransferFailed
from tincans.limits import FOLDERS_DEEP, JOBS
from tincans.progress import Deed, Telling

#: What servers answer for a folder that is not there: HTTP's, and FTP's in all variety.
_NOT_THERE = (404, 450, 501, 550)


class Wanted(NamedTuple):
    """What is mirrored, and how."""

    jobs: int = JOBS
    #: Remove, where files go to, what is not where they come from.
    delete: bool = False
    #: Tell what would be done, and do nothing.
    dry_run: bool = False
    #: Patterns as of a shell, for the name, or where they have a slash for the whole path: only these files, and none
    #: of those files and folders.
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, path: str, *, is_folder: bool) -> bool:
        if _matches(path, self.exclude):
            return False
        return is_folder or not self.include or _matches(path, self.include)


def _matches(path: str, patterns: Iterable[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path if "/" in pattern else name, pattern.lstrip("/")) for pattern in patterns)


class _Crew:
    """So many tasks that work at what is to be done, some of which gives more to do."""

    def __init__(self, size: int) -> None:
        self._size, self._running = size, 0
        self._todo: deque[Callable[[], Awaitable[None]]] = deque()
        self._group = asyncio.TaskGroup()

    async def work(self, first: Callable[[], Awaitable[None]]) -> None:
        """Do `first`, and all that it leads to. What one of them raises ends the others."""
        try:
            async with self._group:
                self.add(first)
        except BaseExceptionGroup as group:  # all of the same cause: the first tells it
            raise group.exceptions[0] from None

    def add(self, job: Callable[[], Awaitable[None]]) -> None:
        self._todo.append(job)
        if self._running < self._size:
            self._running += 1
            self._group.create_task(self._run())

    async def _run(self) -> None:
        while self._todo:
            await self._todo.popleft()()
        self._running -= 1


class _Mirror(ABC):
    """What both directions have in common."""

    def __init__(self, remote: Remote, url: Url, folder: Path, wanted: Wanted, telling: Telling) -> None:
        self.remote, self.url, self.folder, self.wanted, self.telling = remote, url.folder(), folder, wanted, telling
        self._crew = _Crew(wanted.jobs)

    async def run(self) -> None:
        """All of it. Raises only what concerns all of it: that the server cannot be called, that there is no folder."""
        await self._crew.work(lambda: self._folder("", 0))

    @abstractmethod
    async def _folder(self, path: str, depth: int) -> None:
        """Look at one folder, whose path from the top ends in a slash or is empty; add what is to be done in it."""

    def _add(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Have it done; its failure is told, and is no other's."""

        async def guarded() -> None:
            try:
                await job()
            except TincansError as error:
                self.telling.tell(Deed.FAILED, name, reason=str(error))

        self._crew.add(guarded)

    def _add_folder(self, path: str, depth: int) -> None:
        async def enter() -> None:
            if depth >= FOLDERS_DEEP:
                raise TransferFailed(self.url.child(path), f"there are more than {FOLDERS_DEEP} folders in one another")
            await self._folder(path + "/", depth + 1)

        self._add(path, enter)

    def _place(self, path: str) -> Path:
        return self.folder / path if path else self.folder


class Pull(_Mirror):
    """From the server to a folder here, which is made where it is not there."""

    async def _folder(self, path: str, depth: int) -> None:
        items = await self.remote.list(self.url.child(path))
        here = self._place(path)
        if not self.wanted.dry_run:
            self._enter(here)
        there: set[str] = set()
        for item in items:
            name = path + item.name
            if problem := _problem(item.name, there):
                self.telling.tell(Deed.FAILED, name, reason=problem)
                continue
            there.add(item.name)
            if not self.wanted.takes(name, is_folder=item.is_folder):
                continue
            if item.is_folder:
                self._add_folder(name, depth)
            else:
                self.telling.tell(Deed.FOUND, name, size=item.size)
                self._add(name, lambda item=item, name=name: self._file(item, name))  # type: ignore[misc]
        if self.wanted.delete:
            self._remove_others(here, path, there)

    def _enter(self, folder: Path) -> None:
        """Make the folder where it is not there. One that is a link leads elsewhere; only the top may be one."""
        with told(folder):
            if folder == self.folder:
                folder.mkdir(parents=True, exist_ok=True)
            elif not folder.is_symlink():
                folder.mkdir(exist_ok=True)
            else:
                raise TransferFailed(folder, "it is a link, and may lead out of the folder")

    async def _file(self, item: Item, name: str) -> None:
        url, path = self.url.child(name), self._place(name)
        try:
            here = path.lstat()
        except FileNotFoundError:
            here = None
        if item.is_link or (here is not None and not item.is_exact):
            found = await self.remote.look(url)
            if found is None or found.is_folder or found.size is None:
                self.telling.tell(Deed.SKIPPED, name, reason="it is no file, or a link to none")
                return
            item = found
        if here is not None and stat.S_ISDIR(here.st_mode):
            raise TransferFailed(path, "there is a folder in the place of a file")
        if here is not None and stat.S_ISREG(here.st_mode) and _is_same(item, here):
            self.telling.tell(Deed.SAME, name)
        elif self.wanted.dry_run:
            self.telling.tell(Deed.DONE, name, 0, item.size)
        else:
            await fetch_file(
                self.remote, url, LocalFile(path, hidden=True), self.telling, name, resume=True, listed=item
            )

    def _remove_others(self, here: Path, path: str, there: set[str]) -> None:
        """Remove what the server's folder has not; a link itself, and not what it leads to."""
        if not here.is_dir():
            return
        for entry in sorted(os.scandir(here), key=lambda entry: entry.name):
            name, is_folder = path + entry.name, entry.is_dir(follow_symlinks=False)
            if entry.name in there or not self.wanted.takes(name, is_folder=is_folder):
                continue
            if not self.wanted.dry_run:
                with told(Path(entry.path)):
                    shutil.rmtree(entry.path) if is_folder else os.unlink(entry.path)
            self.telling.tell(Deed.REMOVED, name)


def _problem(name: str, others: set[str]) -> str:
    """Why a listed name cannot be that of a file here; empty where it can."""
    if not is_name(name) or len(os.fsencode(name)) > 255:
        return "the server lists a name that no file in a folder may have"
    if is_part(name):
        return "it is called as what is kept of unfinished files"
    return "the server lists it twice" if name in others else ""


def _is_same(item: Item, here: os.stat_result) -> bool:
    """Whether a file is as the server has it: in size, and in time to a second."""
    return item.size == here.st_size and item.modified is not None and int(item.modified) == int(here.st_mtime)


async def is_here(remote: Remote, url: Url, path: Path) -> bool:
    """Whether the file at `path` is the one at `url`."""
    item = await remote.look(url)
    return item is not None and _is_same(item, os.stat(path))


class Push(_Mirror):
    """From a folder here to the server."""

    async def _folder(self, path: str, depth: int) -> None:
        with reading(self._place(path)):
            entries = sorted(os.scandir(self._place(path)), key=lambda entry: entry.name)
        there = await self._there(path)
        for entry in entries:
            name = path + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_part(entry.name) or not self.wanted.takes(name, is_folder=is_folder):
                there.pop(entry.name, None)
                continue
            found = there.pop(entry.name, None)
            if is_folder:
                self._add_folder(name, depth)
            elif entry.is_file():
                self.telling.tell(Deed.FOUND, name, size=_size(entry))
                self._add(name, lambda found=found, name=name: self._file(found, name))  # type: ignore[misc]
            else:
                self.telling.tell(Deed.SKIPPED, name, reason="it is no file, or a link to none")
        if self.wanted.delete:
            for item in there.values():
                self._add(path + item.name, lambda item=item: self._remove(path + item.name, item))  # type: ignore[misc]

    async def _there(self, path: str) -> dict[str, Item]:
        """What the server's folder has, by name. It is made where it is not there."""
        url = self.url.child(path)
        try:
            return {item.name: item for item in await self.remote.list(url)}
        except RequestRefused as error:
            if error.code not in _NOT_THERE:
                raise
        if not self.wanted.dry_run:
            await self._make(url)
        return {}

    async def _make(self, url: Url) -> None:
        """Make a folder, and first those above it that are not there."""
        try:
            await self.remote.make_folder(url)
        except RequestRefused:
            if url.parent().path == url.path:
                raise
            await self._make(url.parent())
            await self.remote.make_folder(url)

    async def _file(self, found: Item | None, name: str) -> None:
        url, path = self.url.child(name), self._place(name)
        with reading(path):
            here = path.stat()
        if found is not None and not found.is_exact:
            found = await self.remote.look(url)
        if found is not None and _is_stored(found, here):
            self.telling.tell(Deed.SAME, name)
        elif self.wanted.dry_run:
            self.telling.tell(Deed.DONE, name, 0, here.st_size)
        else:
            await store_file(self.remote, url, path, self.telling, name)

    async def _remove(self, name: str, item: Item) -> None:
        """Remove a file, or a folder with all that is in it."""
        if not is_name(item.name):
            raise TransferFailed(self.url, f"the server lists {item.name!r}, which no file in a folder may be called")
        if not self.wanted.takes(name, is_folder=item.is_folder):
            return
        url = self.url.child(name)
        if item.is_folder:
            for each in await self.remote.list(url):
                await self._remove(f"{name}/{each.name}", each)
        if not self.wanted.dry_run:
            await self.remote.remove(url, folder=item.is_folder)
        self.telling.tell(Deed.REMOVED, name)


def _size(entry: os.DirEntry[str]) -> int | None:
    """Bytes of a file here; None where it has just gone."""
    try:
        return entry.stat().st_size
    except OSError:
        return None


def _is_stored(item: Item, here: os.stat_result) -> bool:
    """Whether the server has a file as it is here: as large, and not older."""
    return item.size == here.st_size and item.modified is not None and int(item.modified) >= int(here.st_mtime)
