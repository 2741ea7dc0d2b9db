"""The log of the posts, in segments, so that the oldest posts can be forgotten and nothing has to be written anew.

    posts/00000007.log        a `RecordLog` each: the first record is a `Base`, each other one a post
    posts/00000008.log        the last one is appended to, until it is full; then the next is begun

Posts are known by their place: the first that ever was there has 0, and the place of one never changes. A base says
what had been told when its segment began, so no segment needs those before it. **To forget is to remove the oldest
file**: a kill finds it there or not, and a disk that is full takes that as well, and is not full any more.

There are PEER_SEGMENTS at most, each with as large a part of the posts and of the bytes that there may be; so what is
there never exceeds either, and one segment's worth of it is forgotten at once.

A segment is made under another name and renamed when its base is whole. Nothing is forced to the disk: a machine that
loses power may lose the end of one segment and have the next, or have an empty one. Whatever is before such a gap is
forgotten then, and a segment without a base was never begun.
"""

from __future__ import annotations

import errno
from bisect import bisect_right
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from tincans.errors import PostsError, reason_of
from tincans.limits import PEER_SEGMENTS
from tincans.peers.log import RecordLog, size_of, whole_log
from tincans.replacing import replacing

_HEAD = "tincans posts 2"


class Base(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What was told before the first post of a segment."""

    #: That post's place.
    first: int
    #: The key of each author, the seq of their last post, and whether that one is a head (`causal.py`).
    authors: tuple[tuple[bytes, int, bool], ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Base).decode


class _Segment(NamedTuple):
    """One of the files, open."""

    number: int
    first: int
    log: RecordLog

    @property
    def end(self) -> int:
        """The place behind its last post."""
        return self.first + len(self.log) - 1


class Segments:
    """All of them, open. There must be no other that has them open."""

    def __init__(self, folder: Path, most: int, most_bytes: int) -> None:
        """Open those that are there, in a folder that is made where it is not; at most so many posts, and bytes.

        Raises `PostsError`.
        """
        self._folder = folder
        self._most, self._most_bytes = most // PEER_SEGMENTS, most_bytes // PEER_SEGMENTS
        self._segments: list[_Segment] = []
        try:
            self._open()
        except OSError as error:
            self.close()
            raise PostsError(folder, reason_of(error)) from error
        except BaseException:
            self.close()
            raise

    @property
    def begin(self) -> int:
        """The place of the first post that is there."""
        return self._segments[0].first

    @property
    def end(self) -> int:
        """The place behind the last."""
        return self._segments[-1].end

    @property
    def base(self) -> Base:
        """What was told before the first post that is there. Raises `OSError`."""
        return _base(self._segments[0].log)

    def close(self) -> None:
        """Idempotent."""
        for segment in self._segments:
            segment.log.close()

    def read(self, place: int, most: int = 1, most_bytes: int = 1) -> list[bytes]:
        """Up to `most` posts from that place on, of one segment, and of not more than so many bytes; at least one
        where there is one.
        """
        assert place >= self.begin, "it is forgotten"
        segment = self._segments[bisect_right(self._segments, place, key=attrgetter("first")) - 1]
        return segment.log.read(1 + place - segment.first, most, most_bytes)

    # ── appending and forgetting ──────────────────────────────────────────────────────────────────────────

    def is_full(self, record: bytes) -> bool:
        """Whether this one has to begin a new segment."""
        last = self._segments[-1]
        return len(last.log) > self._most or last.log.size + size_of(record) > self._most_bytes

    @property
    def are_all(self) -> bool:
        """Whether there are as many segments as may be."""
        return len(self._segments) >= PEER_SEGMENTS

    def append(self, record: bytes) -> None:
        """Append to the last one. Raises `OSError`, and then nothing of it is there."""
        self._segments[-1].log.append([record])

    def start(self, base: Base) -> None:
        """Begin a segment. Raises `OSError`, and then there is none."""
        number = self._segments[-1].number + 1 if self._segments else 1
        path = self._path(number)
        with replacing(path) as file:
            file.write(whole_log(_HEAD, [_encode(base)]))
        try:
            self._segments.append(_Segment(number, base.first, RecordLog(path, _HEAD)))
        except PostsError as error:
            raise OSError(errno.EIO, error.reason, str(path)) from error

    def forget(self) -> Base:
        """Remove the oldest one, which is not the last: what was told before the posts that are left.

        Raises `OSError`, and then it is there.
        """
        oldest, following = self._segments[:2]
        base = _base(following.log)
        self._path(oldest.number).unlink(missing_ok=True)
        del self._segments[0]
        oldest.log.close()
        return base

    # ── opening ───────────────────────────────────────────────────────────────────────────────────────────

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.log"

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for unfinished in self._folder.glob(".*"):
            unfinished.unlink()
        for number in sorted({int(path.stem) for path in self._folder.glob("*.log") if path.stem.isdecimal()}):
            self._take(number)
        if not self._segments:
            self.start(Base(0))
        while len(self._segments) > PEER_SEGMENTS:
            self.forget()

    def _take(self, number: int) -> None:
        """Open the next one, unless it was never begun."""
        log = RecordLog(self._path(number), _HEAD)
        try:
            base = _base(log) if len(log) else None
        except BaseException:
            log.close()
            raise
        if base is None:
            log.close()
            self._path(number).unlink()
            return
        is_gap = bool(self._segments) and self.end != base.first
        self._segments.append(_Segment(number, base.first, log))
        while is_gap and len(self._segments) > 1:
            self.forget()


def _base(log: RecordLog) -> Base:
    try:
        return _decode(log.read(0)[0])
    except msgspec.MsgspecError as error:
        raise PostsError(log.path, "it does not begin as a segment does") from error
