"""A file of records that is only appended to (`tincans.appending`).

    tincans posts 1\\n                 what it is, and its format
    ┌─────────┬─────────┬──────┐
    │ length  │ CRC-32  │ data │       a record: two little-endian numbers of 4 bytes, and as many bytes as that says
    └─────────┴─────────┴──────┘

What a torn write left at the end is cut off when the log is opened; something broken with more behind it was not our
doing, and is an error.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from collections.abc import Sequence
from pathlib import Path

from tincans.appending import Appending
from tincans.errors import PostsError, reason_of
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
        #: Where each record begins.
        self._begins = array("Q")
        try:
            self._file = Appending(path)
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._begin()
        except OSError as error:
            self.close()
            raise self._failed(error) from error
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._begins)

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self._file.end

    def append(self, records: Sequence[bytes]) -> None:
        """All of them, or none. Raises `OSError` as the disk does."""
        end = self._file.end
        self._file.append(_framed(records))
        for record in records:
            self._begins.append(end)
            end += size_of(record)

    def read(self, place: int, most: int = 1, most_bytes: int = _READ_BYTES) -> list[bytes]:
        """Up to `most` records from that place on, and of not more than so many bytes, but at least one if there is."""
        last = min(place + most, len(self))
        if place >= last:
            return []
        begin, ends = self._begins[place], [*self._begins[place + 1 : last + 1]]
        if last == len(self):
            ends.append(self._file.end)
        ends = [end for at, end in enumerate(ends) if at == 0 or end - begin <= most_bytes]
        data, found, at = os.pread(self._file.file, ends[-1] - begin, begin), [], 0
        for end in ends:
            found.append(data[at + _RECORD.size : end - begin])
            at = end - begin
        return found

    def close(self) -> None:
        """Idempotent."""
        self._file.close()

    # ── opening ───────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        """Find the records. Raises `OSError` and `PostsError`."""
        start = os.pread(self._file.file, len(self._head), 0)
        if start != self._head and (self._head.startswith(start) or self._is_nothing(start)):
            self._file.cut(0)
            self._file.append(self._head)
        elif start != self._head:
            raise PostsError(self.path, f"it does not begin with {self._head.decode().strip()!r}")
        self._file.cut(self._scan(self._file.end))

    def _scan(self, size: int) -> int:
        """Find where the whole records begin; gives where the last one ends. Raises `PostsError` where more is behind a
        broken one.

        A machine that lost power may leave zeros where it had not written yet.
        """
        place = len(self._head)
        with open(self.path, "rb", buffering=_READ_BYTES) as file:
            file.seek(place)
            while len(header := file.read(_RECORD.size)) == _RECORD.size:
                length, checksum = _RECORD.unpack(header)
                record = file.read(min(length, _MOST))
                end = place + _RECORD.size + length
                if not length or len(record) < length or zlib.crc32(record) != checksum:
                    if (length > _MOST or end < size) and any(header + record + file.read(_READ_BYTES)):
                        raise PostsError(self.path, f"what stands at byte {place} is broken")
                    break
                self._begins.append(place)
                place = end
        return place

    def _is_nothing(self, start: bytes) -> bool:
        """Whether there are zeros alone, as where a machine lost power before it had written anything."""
        return not any(start) and not any(self.path.read_bytes())

    def _failed(self, error: OSError) -> PostsError:
        return PostsError(self.path, reason_of(error))
