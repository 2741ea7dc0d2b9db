"""What is to be given: the files and folders that a person named, with all that is in them.

A folder keeps its name, and what is in it has a path that begins with it. Links in folders are not followed: what they
lead to may be anywhere, and more than anybody meant to give; a link that was named itself was meant. What is neither a
file nor a folder is left out, too. Files are opened when they are wanted, and not before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from tincans.channel import Channel
from tincans.errors import CannotRead, UsageError, reason_of
from tincans.limits import FOLDERS_DEEP, PASS_FILES
from tincans.peers.passing import Entry
from tincans.progress import Deed, Progress, Step


class Load:
    """Entries, and where each of them really is."""

    def __init__(self, entries: Sequence[Entry], places: Sequence[Path]) -> None:
        self.entries, self._places = entries, places

    @classmethod
    def of(cls, paths: Sequence[Path], progress: Progress | None = None) -> Load:
        """Look at what there is at `paths`; what is left out is told. Raises `CannotRead` and `UsageError`."""
        found: dict[bytes, tuple[Entry, Path]] = {}
        for path in paths:
            for entry, place in _entries(path, progress):
                if entry.path in found:
                    raise UsageError(f"two of the files are called {entry.name!r}")
                found[entry.path] = entry, place
                if len(found) > PASS_FILES:
                    raise UsageError(f"these are more than {PASS_FILES} files: give them in an archive")
        return cls([entry for entry, _ in found.values()], [place for _, place in found.values()])

    @property
    def is_stream(self) -> bool:
        """Whether it can be given once and to one alone."""
        return False

    def open(self, index: int) -> int:
        """A descriptor of that entry's file, for the caller to close. Raises `OSError`."""
        fd = os.open(self._places[index], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(0, "it is no file any more")
        return fd


class Stream(Load):
    """What comes from a channel, as one file: it has no size, and comes once."""

    def __init__(self, name: str, channel: Channel) -> None:
        super().__init__([Entry(os.fsencode(name), None)], [])
        self.channel = channel

    @property
    def is_stream(self) -> bool:
        return True


def _entries(path: Path, progress: Progress | None) -> Iterator[tuple[Entry, Path]]:
    try:
        status = path.stat()
    except OSError as error:
        raise CannotRead(str(path), reason_of(error)) from error
    name = path.resolve().name
    if stat.S_ISREG(status.st_mode):
        if not os.access(path, os.R_OK, effective_ids=True):
            raise CannotRead(str(path), "permission denied")
        yield Entry(os.fsencode(path.name), status.st_size), path
    elif stat.S_ISDIR(status.st_mode) and name:
        yield from _tree(path, name, progress)
    else:
        raise CannotRead(str(path), "it is neither a file nor a folder that has a name")


def _tree(path: Path, name: str, progress: Progress | None, depth: int = 1) -> Iterator[tuple[Entry, Path]]:
    if depth >= FOLDERS_DEEP:
        raise UsageError(f"folders in folders, more than {FOLDERS_DEEP} deep: give them in an archive")
    yield Entry(os.fsencode(name), 0, is_folder=True), path
    try:
        children = sorted(os.scandir(path), key=lambda child: child.name)
    except OSError as error:
        raise CannotRead(str(path), reason_of(error)) from error
    for child in children:
        inner = f"{name}/{child.name}"
        if child.is_dir(follow_symlinks=False):
            yield from _tree(path / child.name, inner, progress, depth + 1)
        elif child.is_file(follow_symlinks=False):
            yield Entry(os.fsencode(inner), child.stat(follow_symlinks=False).st_size), path / child.name
        elif progress is not None:
            reason = "a link" if child.is_symlink() else "neither a file nor a folder"
            progress(Step(Deed.SKIPPED, inner, reason=reason))
