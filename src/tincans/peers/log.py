"""A file of records that only grows, and of which `kill -9` takes nothing that was appended.

    tincans posts 1\\n                 what it is, and its format
    ┌─────────┬─────────┬──────┐
    │ length  │ CRC-32  │ data │       a record: two little-endian numbers of 4 bytes, and as many bytes as that says
    └─────────┴─────────┴──────┘

An append is one write(2), so what a process had appended is there however it ended; nothing is forced to the disk, and
a machine that loses power may lose the last seconds. What a torn write left at the end is cut off when the log is
opened; something broken with more behind it was not our doing, and is an error.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from tincans.errors import PostsError
from tincans.limits import PEER_STATEMENT_BYTES

_RECORD = struct.Struct("<II")

#: A record is a statement with its signature.
_MOST = PEER_STATEMENT_BYTES + 1024

_READ_BYTES = 1024 * 1024


def whole_log(head: str, records: Sequence[bytes]) -> bytes:
    """All bytes of a log of these records."""
    return f"{head}\n".encode() + _framed(records)


def size_of(record: bytes) -> int:
    """How many bytes a record takes in a log."""
    return _RECORD.size + len(record)


def _framed(records: Sequence[bytes]) -> bytes:
    return b"".join(_RECORD.pack(len(record), zlib.crc32(record)) + record for record in records)


class RecordLog:
    """The file, open. Records are known by their place: 0 is the first."""

    def __init__(self, path: Path, head: str) -> None:
        """Open it, or make it. Raises `PostsError`. There must be no other that has it open."""
        self.path, self._head = path, f"{head}\n".encode()
        #: Where each record begins, and where the next one will.
        self._begins = array("Q")
        self._end = len(self._head)
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._begins)

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self._end

    def append(self, records: Sequence[bytes]) -> None:
        """All of them, or none. Raises `OSError` as the disk does."""
        data = _framed(records)
        written = os.write(self._file, data)
        if written != len(data):
            os.ftruncate(self._file, self._end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        for record in records:
            self._begins.append(self._end)
            self._end += _RECORD.size + len(record)

    def read(self, place: int, most: int = 1, most_bytes: int = _READ_BYTES) -> list[bytes]:
        """Up to `most` records from that place on, and of not more than so many bytes, but at least one if there is."""
        last = min(place + most, len(self))
        if place >= last:
            return []
        begin, ends = self._begins[place], [*self._begins[place + 1 : last + 1]]
        if last == len(self):
            ends.append(self._end)
        ends = [end for at, end in enumerate(ends) if at == 0 or end - begin <= most_bytes]
        data, found, at = os.pread(self._file, ends[-1] - begin, begin), [], 0
        for end in ends:
            found.append(data[at + _RECORD.size : end - begin])
            at = end - begin
        return found

    def close(self) -> None:
        """Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # ── opening ───────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        try:
            size = os.fstat(self._file).st_size
            if size < len(self._head) and self._head.startswith(os.pread(self._file, size, 0)):
                os.ftruncate(self._file, 0)
                os.write(self._file, self._head)
                size = len(self._head)
            if os.pread(self._file, len(self._head), 0) != self._head:
                raise PostsError(self.path, f"it does not begin with {self._head.decode().strip()!r}")
            for begin in self._scan(size):
                self._begins.append(begin)
            if self._end < size:
                os.ftruncate(self._file, self._end)
        except OSError as error:
            raise self._failed(error) from error

    def _scan(self, size: int) -> Iterator[int]:
        """Where the whole records begin; `_end` is behind the last. Raises `PostsError` where more is behind a broken
        one.

        A machine that lost power may leave zeros where it had not written yet.
        """
        with open(self.path, "rb", buffering=_READ_BYTES) as file:
            file.seek(self._end)
            while len(header := file.read(_RECORD.size)) == _RECORD.size:
                length, checksum = _RECORD.unpack(header)
                record = file.read(min(length, _MOST))
                end = self._end + _RECORD.size + length
                if not length or len(record) < length or zlib.crc32(record) != checksum:
                    if (length > _MOST or end < size) and any(header + record + file.read(_READ_BYTES)):
                        raise PostsError(self.path, f"what stands at byte {self._end} is broken")
                    return
                yield self._end
                self._end = end

    def _failed(self, error: OSError) -> PostsError:
        return PostsError(self.path, (error.strerror or str(error)).lower())
