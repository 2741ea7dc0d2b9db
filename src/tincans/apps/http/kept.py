"""Small files that were served lately, kept in memory, so that the next request need not open them.

What is kept is never older than what is there: each time the file is looked at, which is one system call, and any
change of it or of its permissions changes its ctime. A file that was changed within the last two seconds is not kept:
within one tick of the kernel's clock it could change again unseen.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from tincans.files import Files, OpenFile
from tincans.limits import HTTP_FILES_BYTES, HTTP_FILES_KEPT

#: A change that is younger might not be the last that its time is said of (`Files.same`).
SETTLED_NS = 2_000_000_000


class File(NamedTuple):
    """A file as it was read: what is said about it, and all that is in it."""

    stat: os.stat_result
    fields: bytes
    data: bytes


class Kept:
    """Files by their paths. The first that came is the first to leave."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._kept: dict[str, File] = {}
        self._size = 0

    def get(self, path: str) -> File | None:
        """What is kept of it and is as it is now."""
        file = self._kept.get(path)
        if file is None or self._files.same(path, file.stat):
            return file
        self._drop(path)
        return None

    def put(self, path: str, file: OpenFile, fields: bytes) -> None:
        """Keep an open file, unless it was changed just now."""
        stat = file.stat
        if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) < SETTLED_NS:
            return
        if path in self._kept:
            self._drop(path)
        data = os.pread(file.fd, stat.st_size + 1, 0)
        if len(data) != stat.st_size:
            return  # it has grown since
        self._kept[path] = File(stat, fields, data)
        self._size += len(data)
        while self._size > HTTP_FILES_BYTES or len(self._kept) > HTTP_FILES_KEPT:
            self._drop(next(iter(self._kept)))

    def _drop(self, path: str) -> None:
        self._size -= len(self._kept.pop(path).data)
