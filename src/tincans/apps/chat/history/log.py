"""The log of a history: all messages of all rooms, one after the other, as they were said.

    log/00000001.jsonl      a segment of CHAT_SEGMENT_BYTES or a little more; its first line is {"first": NUMBER}
    log/00000002.jsonl      each other line is a `Message` as JSON

The log is what is true, and the index can be made anew from it. All messages of one append go to one segment by one
write(2), before anybody is told of them; so a hub that is killed loses nothing that it has told (`history/syncing.py`
says what a machine without power may lose). A kill in the middle of that write may leave some of its messages, the
first ones, of which nobody was told.

Where messages were removed from a segment it may have holes, which read as zeros, before a line (`thin_out`).

A segment is made under another name and renamed when it has its first line, on the disk, so it always has one: it tells
the number that comes next where no message is left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from tincans.apps.chat.events import Message
from tincans.apps.chat.history.syncing import force
from tincans.apps.chat.history.tape import Tape
from tincans.errors import HistoryError
from tincans.limits import CHAT_PIECE_BYTES, CHAT_SEGMENT_BYTES
from tincans.replacing import replacing


class Head(msgspec.Struct, frozen=True):
    """The first line of a segment: the number of its first message."""

    first: int


class Stub(msgspec.Struct, frozen=True):
    """What a line says that has a `Message` in it, but for the message: read ten times as quickly."""

    number: int
    at: int
    room: str


_Read = TypeVar("_Read")

_encode_lines = msgspec.json.Encoder().encode_lines
_encode = msgspec.json.Encoder().encode
_decode_head = msgspec.json.Decoder(Head).decode
_decode = msgspec.json.Decoder(Message).decode
_decode_lines = msgspec.json.Decoder(Message).decode_lines
_decode_stub = msgspec.json.Decoder(Stub).decode
_decode_stubs = msgspec.json.Decoder(Stub).decode_lines


class Place(NamedTuple):
    """Where a message stands: its line without the end of it."""

    segment: int
    offset: int
    length: int


class End(NamedTuple):
    """Up to where the log was written or read, and the number of the last message before."""

    segment: int
    offset: int
    number: int


class Log:
    """The log, open. One thread appends; any may read, of what stands before `end`."""

    def __init__(self, folder: Path) -> None:
        """Open it, made where it is not there, and cut off what a kill has torn. Raises `OSError`, `HistoryError`."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        #: The numbers of the segments, the oldest first; at least one.
        self.segments = sorted(int(path.stem) for path in folder.glob("*.jsonl") if path.stem.isdecimal())
        if not self.segments:
            self._make(1, first=1)
            self.segments = [1]
        self._tape = Tape(self.path(self.segments[-1]), lambda line: number_of(line) is not None)
        number = number_of(self._tape.last_line)
        if number is None:
            self.close()
            raise HistoryError(folder.parent, f"{self._tape.path.name} is no part of a log")
        self.end = End(self.segments[-1], self._tape.end, number)
        # What is on the disk. Of the last two it is not known: whoever wrote them may have been killed.
        self._synced = self.end._replace(segment=self.end.segment - 1)

    def path(self, segment: int) -> Path:
        """The file of a segment."""
        return self.folder / f"{segment:08d}.jsonl"

    def append(self, messages: Sequence[Message]) -> None:
        """Write messages whose numbers follow `end.number`. Raises `OSError`, and then nothing of them is there."""
        if self._tape.end >= CHAT_SEGMENT_BYTES:
            self._begin(self.end.segment + 1)
        self._tape.append(_encode_lines(messages))
        self.end = End(self.end.segment, self._tape.end, messages[-1].number)

    def _begin(self, segment: int) -> None:
        self._make(segment, first=self.end.number + 1)
        tape = Tape(self.path(segment), lambda line: True)
        self._tape.close()
        self._tape = tape
        self.segments.append(segment)
        self.end = End(segment, tape.end, self.end.number)

    def _make(self, segment: int, *, first: int) -> None:
        with replacing(self.path(segment), forced=True) as file:
            file.write(_encode(Head(first)) + b"\n")

    def sync(self) -> None:
        """Force what was appended to the disk. For one thread, of any. Raises `OSError`."""
        end, synced = self.end, self._synced
        if end == synced:
            return
        for segment in range(max(1, synced.segment), end.segment + 1):
            force(self.path(segment))
        if end.segment != synced.segment:  # it is new, and so may the folder be
            force(self.folder)
            force(self.folder.parent)
        self._synced = end

    def remove(self, segment: int) -> None:
        """Give a segment back to the disk, not the last. Raises `OSError`."""
        assert segment != self.end.segment, "it is appended to"
        self.path(segment).unlink(missing_ok=True)
        self.segments.remove(segment)

    def thin_out(self, segment: int, places: Iterable[Place]) -> None:
        """Give back the room of all in a segment, not the last, but the messages at these places. Raises `OSError`.

        They stay where they are, and between them are holes, which take no room: so neither the index nor anybody who
        reads notices.
        """
        assert segment != self.end.segment, "it is appended to"
        with open(self.path(segment), "rb") as old, replacing(self.path(segment), forced=True) as new:
            new.write(old.readline())
            for place in sorted(places):
                new.seek(place.offset)
                old.seek(place.offset)
                new.write(old.read(place.length + 1))

    def close(self) -> None:
        """Give the descriptor back. Idempotent."""
        self._tape.close()

    def piece(self, start: End, stop: End) -> bytes:
        """Whole lines from `start` on, CHAT_PIECE_BYTES or one line, up to `stop` or the end of that segment.

        Raises `OSError`.
        """
        with open(self.path(start.segment), "rb") as file:
            end = stop.offset if stop.segment == start.segment else os.fstat(file.fileno()).st_size
            file.seek(start.offset)
            piece = file.read(min(CHAT_PIECE_BYTES, max(0, end - start.offset)))
            if not piece.endswith(b"\n"):
                piece = piece[: piece.rfind(b"\n") + 1] or piece + file.readline()
        return piece

    def named(self, identity: str) -> list[Message]:
        """The messages with this id, found by reading all of the log. Raises `OSError`."""
        wanted, found, end = b'"id":' + _encode(identity), list[Message](), self.end
        for segment in list(self.segments):
            start = End(segment, 0, 0)
            while piece := self._piece_or_none(start, end):
                found += [message for line in _with(piece, wanted) if (message := _or_none(_decode, line)) is not None]
                start = End(segment, start.offset + len(piece), 0)
        return [message for message in found if message.id == identity]

    def _piece_or_none(self, start: End, stop: End) -> bytes:
        """As `piece`, and nothing of a segment that was removed."""
        try:
            return self.piece(start, stop)
        except FileNotFoundError:
            return b""

    def read(self, places: Iterable[Place]) -> list[Message]:
        """The messages at these places, in their order; without those that were removed meanwhile."""
        found: list[Message] = []
        for segment, those in groupby(places, attrgetter("segment")):
            try:
                file = os.open(self.path(segment), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                lines = (os.pread(file, place.length, place.offset) for place in those)
                found += [message for line in lines if (message := _or_none(_decode, line)) is not None]
            finally:
                os.close(file)
        return found


def _with(piece: bytes, wanted: bytes) -> Iterator[bytes]:
    """Those of whole lines that have these bytes in them, without their ends."""
    at = piece.find(wanted)
    while at >= 0:
        start, stop = piece.rfind(b"\n", 0, at) + 1, piece.find(b"\n", at)
        yield piece[start:stop].lstrip(b"\0")
        at = piece.find(wanted, stop)


def number_of(line: bytes) -> int | None:
    """The number of the message in a line, or of the one before the first of a segment; None where it has no sense."""
    try:
        return _decode(line).number
    except msgspec.MsgspecError:
        pass
    try:
        return _decode_head(line).first - 1
    except msgspec.MsgspecError:
        return None


def messages_of(piece: bytes) -> list[tuple[int, int, Message]]:
    """The messages in whole lines, with where each line begins in them, and its length.

    What is no message is left out: the head of a segment, or a line that a machine without power has lost.
    """
    return _in_lines(piece, _decode_lines, _decode)


def stubs_of(piece: bytes) -> list[tuple[int, int, Stub]]:
    """As `messages_of`, without the messages themselves."""
    return _in_lines(piece, _decode_stubs, _decode_stub)


def _in_lines(
    piece: bytes, decode_all: Callable[[bytes], Sequence[_Read]], decode: Callable[[bytes], _Read]
) -> list[tuple[int, int, _Read]]:
    lines = piece.split(b"\n")
    lines.pop()
    at_once = _or_none(decode_all, piece) or ()  # none where one of them is no message
    each = at_once if len(at_once) == len(lines) else [_or_none(decode, line.lstrip(b"\0")) for line in lines]
    found: list[tuple[int, int, _Read]] = []
    offset = 0
    for line, message in zip(lines, each, strict=True):
        if message is not None:
            hole = len(line) - len(line.lstrip(b"\0")) if line[0] == 0 else 0
            found.append((offset + hole, len(line) - hole, message))
        offset += len(line) + 1
    return found


def _or_none(decode: Callable[[bytes], _Read], text: bytes) -> _Read | None:
    """What is in it; None where it makes no sense."""
    try:
        return decode(text)
    except msgspec.MsgspecError:
        return None
