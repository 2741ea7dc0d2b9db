"""Segment files: the bytes of many conversations, one record after the other, in the order in which they were flushed.

    record   = header, payload
    header   = code, length of the payload, conversation, time        21 bytes, little-endian
    code     = "C" the client said the payload        "c" the client ended what it says (no payload)
               "S" the server said the payload        "s" the server ended
               "J" any other entry, as JSON

Records describe themselves, so the tail of a file that its writer left behind when it was killed can be read
without an index. A segment is only ever appended to, by one process at a time; a record is torn when
the file ends within it, or where its header makes no sense (a crashed machine may leave zeros). Then reading stops
there.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tincans.channel import Side
from tincans.conversation import Ended, Entry, Said
from tincans.limits import JOURNAL_READ_BYTES

HEADER = struct.Struct("<BIQq")

SAID = {Side.CLIENT: ord("C"), Side.SERVER: ord("S")}
_ENDED = {Side.CLIENT: ord("c"), Side.SERVER: ord("s")}
_OTHER = ord("J")
_SPEAKER, _ENDER = ({code: side for side, code in codes.items()} for codes in (SAID, _ENDED))

#: Buffers that one pwritev(2) takes: IOV_MAX on Linux.
_BUFFERS = 1024

_decode = msgspec.json.Decoder(Entry).decode
_encode = msgspec.json.Encoder().encode


def encode(entry: Entry) -> bytes:
    """The record of an entry."""
    if isinstance(entry, Said):
        code, payload = SAID[entry.side], entry.data
    elif isinstance(entry, Ended):
        code, payload = _ENDED[entry.side], b""
    else:
        code, payload = _OTHER, _encode(entry)
    return HEADER.pack(code, len(payload), entry.conversation, entry.at) + payload


class Record(NamedTuple):
    """A whole record, and where the next one begins."""

    entry: Entry
    end: int


def records(file: int, start: int, end: int, window_bytes: int = JOURNAL_READ_BYTES) -> Iterator[Record]:
    """The records of an open segment from `start` to `end`, as far as they are whole.

    So much is read at once, or one payload where that is larger.
    """
    unpack, size = HEADER.unpack_from, HEADER.size
    data, base = b"", start
    while start + size <= end:
        at = start - base
        if at + size > len(data):
            data, base, at = os.pread(file, max(size, window_bytes), start), start, 0
            if len(data) < size:
                return
        code, length, number, when = unpack(data, at)
        start, at = start + size, at + size
        if start + length > end:
            return
        if at + length > len(data):
            data, base, at = os.pread(file, max(length, window_bytes), start), start, 0
            if len(data) < length:
                return
        entry = _entry(code, number, when, data[at : at + length])
        if entry is None:
            return
        start += length
        yield Record(entry, start)


def _entry(code: int, number: int, at: int, payload: bytes) -> Entry | None:
    """What a record says; None where it makes no sense."""
    if code in _SPEAKER:
        return Said(conversation=number, at=at, side=_SPEAKER[code], data=payload)
    if code in _ENDER:
        return Ended(conversation=number, at=at, side=_ENDER[code]) if not payload else None
    if code != _OTHER:
        return None
    try:
        entry: Entry = _decode(payload)
    except msgspec.MsgspecError:
        return None
    return entry if entry.conversation == number else None


def entry_at(file: int, start: int, end: int) -> Entry | None:
    """The entry of the record that begins at `start`; None where it is not whole by `end`."""
    record = next(records(file, start, end, HEADER.size), None)
    return record.entry if record else None


class Segment:
    """A segment that this process appends to. The file is opened when first needed; `close` closes it."""

    def __init__(self, identity: int, path: Path, end: int) -> None:
        self.identity, self.path = identity, path
        #: Where the next record begins. What stands behind it is torn, or nobody's.
        self.end = end
        self._file = -1

    @property
    def file(self) -> int:
        """The open file; raises OSError where it cannot be opened."""
        if self._file < 0:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.ftruncate(file, self.end)
            except OSError:
                os.close(file)
                raise
            self._file = file
        return self._file

    def write(self, buffers: Sequence[bytes | bytearray]) -> None:
        """Append them all; after an OSError none of them counts, and the next write begins where this one did."""
        offset = self.end
        for start in range(0, len(buffers), _BUFFERS):
            offset += _write(self.file, buffers[start : start + _BUFFERS], offset)
        self.end = offset

    def rewrite(self, offset: int, data: bytes) -> None:
        """Correct what was written before."""
        _write(self.file, [data], offset)

    def splice(self, pipe: int, count: int) -> None:
        """Append `count` bytes from a pipe; `end` tells after an OSError how many were."""
        while count:
            moved = _splice(pipe, self.file, min(count, 2**30), self.end)
            if not moved:
                raise OSError(f"the pipe has {count} bytes less than it should")
            self.end += moved
            count -= moved

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _write(file: int, buffers: Sequence[bytes | bytearray], offset: int) -> int:
    wanted = sum(map(len, buffers))
    written = os.pwritev(file, buffers, offset)
    if written < wanted:  # nearly full: the rest again, until an error tells why
        rest = memoryview(b"".join(buffers))
        while written < wanted:
            written += os.pwrite(file, rest[written:], offset + written)
    return wanted


def _splice(pipe: int, file: int, count: int, offset: int) -> int:
    try:
        return os.splice(pipe, file, count, offset_dst=offset, flags=os.SPLICE_F_NONBLOCK)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    # This filesystem cannot (splice(2), EINVAL). What was read is out of the pipe, so all of it has to be written.
    return _write(file, [os.read(pipe, min(count, JOURNAL_READ_BYTES))], offset)
