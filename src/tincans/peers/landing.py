"""Where what is taken comes to be: names that are free, parts that were left, and a file that appears at last.

begun ──► a part, hidden and locked: the one that an earlier attempt left, or a new one (`files/uploads.py`)
  ├ keep     it broke off: what came stays for another time
  └ appear   all of it came: it gets its time, and a name that is free at that moment
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from stat import S_ISDIR

from tincans.files import Files, Upload
from tincans.limits import FILE_NAME_BYTES
from tincans.peers.passing import Begins

#: How many names beside the one that is taken are tried.
_NAMES = 1000


class Folders:
    """Makes the folders above a file, once each."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._there = {""}

    def make(self, path: str) -> None:
        """Make it, and those above it, where they are not there yet. Raises `OSError`, also where a file is there."""
        if path in self._there:
            return
        self.make(path.rpartition("/")[0])
        try:
            self._files.make_folder(path)
        except FileExistsError:
            if not S_ISDIR(self._files.stat(path).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
        self._there.add(path)


def names(path: str) -> Iterator[str]:
    """The path, and then those with a number in the name, before what tells the kind of file: `a (1).tar`."""
    yield path
    pure = PurePosixPath(path)
    for number in range(1, _NAMES):
        tail = f" ({number}){pure.suffix}"
        stem = os.fsencode(pure.stem)[: FILE_NAME_BYTES - len(os.fsencode(tail))]
        yield str(pure.with_name(os.fsdecode(stem) + tail))


def begun(files: Files, path: str, size: int | None) -> Upload:
    """The part for that file: the one that an earlier attempt left, or a new one. Raises `OSError`."""
    kept = files.part_size(path)
    if kept and size is not None:
        try:
            return files.create(path, offset=min(kept, size))
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EINVAL, errno.ENOENT):  # another attempt goes on, or just ended
                raise
    return files.create(path)


def keep(upload: Upload) -> None:
    """Leave what came for another time, if anything did. Does nothing where the part is a file already."""
    if upload.fd >= 0 and upload.size:
        upload.keep()
    else:
        upload.discard()


def cut(upload: Upload, offset: int) -> None:
    """Throw away what is in the part from there on."""
    os.ftruncate(upload.fd, offset)
    os.lseek(upload.fd, offset, os.SEEK_SET)


def settle(upload: Upload, begins: Begins) -> None:
    """Give a part that is whole the time of the file, and have those who may read a program run it."""
    if begins.runs:
        mode = os.fstat(upload.fd).st_mode
        os.fchmod(upload.fd, (mode | (mode & 0o444) >> 2) & 0o777)
    if begins.modified is not None:
        with suppress(OSError, OverflowError):  # a time that this filesystem does not have
            os.utime(upload.fd, ns=(begins.modified, begins.modified))


def appear(upload: Upload, path: str, *, overwrite: bool) -> str:
    """Have a part appear as `path`, or by the first of its other names that is free; gives which. Raises `OSError`."""
    if overwrite:
        upload.commit()
        return path
    for free in names(path):
        with suppress(FileExistsError):
            upload.commit_as(PurePosixPath(free).name)
            return free
    raise too_many()


def too_many() -> OSError:
    """All the names that are tried are others'."""
    return OSError(errno.EEXIST, "there are too many files of that name")
