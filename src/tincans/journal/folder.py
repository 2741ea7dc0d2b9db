"""The folder that a journal lives in, and what its processes agree on there without a database.

    index.sqlite3          what there is and where: `index.py`
    00000017.segment       the bytes: `segments.py`
    counter                the number of the newest conversation, 8 bytes
    writers                empty; every writing process locks one byte of it for as long as it lives

The folder is the user's alone (0700, files 0600), for it holds whatever was said. Numbers are drawn under flock(2),
which costs a few microseconds and no database. A living writer is known by its lock: the kernel takes that away when
the process dies, however it dies (fcntl(2), "Open file description locks").
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path

from tincans.errors import JournalError, reason_of

_NUMBER = struct.Struct("<Q")
#: struct flock, as fcntl(2) lays it out: type, whence, start, length, process.
_LOCK = struct.Struct("hhqqi4x")


class Folder:
    """The folder and its two small files. `close` gives the descriptors, and with them the writer's lock, back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _prepare(path)
        self._counter = _open(path / "counter")
        self._writers = _open(path / "writers")
        self._mine = -1

    @property
    def index(self) -> Path:
        return self.path / "index.sqlite3"

    def segment(self, identity: int) -> Path:
        """The file of one segment."""
        return self.path / f"{identity:08d}.segment"

    def segments(self) -> list[int]:
        """The segments of which there is a file."""
        return [int(path.stem) for path in self.path.glob("*.segment") if path.stem.isdecimal()]

    def next_number(self) -> int:
        """A conversation number that nobody else has: one more than the newest."""
        return self._count(lambda newest: newest + 1)

    def no_number_up_to(self, used: int) -> None:
        """Never give a number up to `used`: the machine may have lost the counter's last steps, but not the index's."""
        self._count(lambda newest: max(newest, used))

    def _count(self, step: Callable[[int], int]) -> int:
        fcntl.flock(self._counter, fcntl.LOCK_EX)
        try:
            data = os.pread(self._counter, _NUMBER.size, 0)
            number = step(_NUMBER.unpack(data)[0] if len(data) == _NUMBER.size else 0)
            os.pwrite(self._counter, _NUMBER.pack(number), 0)
            return number
        finally:
            fcntl.flock(self._counter, fcntl.LOCK_UN)

    def live(self, writer: int) -> None:
        """Lock the byte that tells the others that this writer lives, until `close`."""
        if self._mine < 0:
            self._mine = _open(self.path / "writers")
        fcntl.fcntl(self._mine, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, writer, 1, 0))

    def lives(self, writer: int) -> bool:
        """Whether the process of that writer, this one included, still lives."""
        asked = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, writer, 1, 0)
        answer: bytes = fcntl.fcntl(self._writers, fcntl.F_OFD_GETLK, asked)
        return bool(_LOCK.unpack(answer)[0] != fcntl.F_UNLCK)

    def close(self) -> None:
        """Give everything back. Idempotent."""
        for descriptor in (self._counter, self._writers, self._mine):
            if descriptor >= 0:
                os.close(descriptor)
        self._counter = self._writers = self._mine = -1


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _prepare(path: Path) -> None:
    """Make the folder if it is not there; take only an empty one or a journal for one. The index file comes first."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(path.iterdir()):
            path.chmod(0o700)
        elif not (path / "index.sqlite3").exists():
            raise JournalError(f"{path} has other files in it and is not a journal")
        os.close(_open(path / "index.sqlite3"))
    except OSError as error:
        raise JournalError(f"cannot keep a journal in {path}: {reason_of(error)}") from error
