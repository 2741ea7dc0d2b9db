"""Where the posts of a mesh are kept: the newest that this peer was told, in the order in which it was told them.

    posts/                the posts, as they were signed (`segments.py`)
    introductions.log     who introduced whom (`roster.py`)
    mesh                  the name of the mesh
    lock                  flock(2) on it is held by the one process that has the folder open

The order is a causal one, so whoever is told the posts from any place on, but for those that they have, is told them in
causal order. So anybody can bring anybody up to date, and a peer that is slow is told from where it is when it has
time: nothing is ever queued for it.

There are at most PEER_POSTS of PEER_POSTS_BYTES. When one more comes the oldest sixteenth is forgotten: what comes
first in a causal order has none of its causes behind it, so what stays is whole but for its beginning. The vector stays
as it is, so what was forgotten here is asked of nobody, though they have it; and whoever lacks some of it is told up to
where it is forgotten (`frontier.forgotten`, `causal.py`).

In memory there are of each post its place in the file and in the order, its author and its seq: 28 bytes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from array import array
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from tincans.errors import Equivocation, PostsBusy, PostsError, RemoteProtocolError, reason_of
from tincans.limits import PEER_BATCH_BYTES, PEER_BATCH_POSTS, PEER_MEMBERS, PEER_POSTS, PEER_POSTS_BYTES
from tincans.peers.causal import Frontier, Vector, lacking
from tincans.peers.log import RecordLog
from tincans.peers.naming import checked_name
from tincans.peers.posts import SEAL, Post
from tincans.peers.sealing import Sealed
from tincans.peers.segments import Base, Segments
from tincans.text import escape

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Sealed).decode


class Store:
    """The folder, open. For one loop. `close` gives it back."""

    def __init__(
        self, path: Path, mesh: str = "tincans", *, most: int = PEER_POSTS, most_bytes: int = PEER_POSTS_BYTES
    ) -> None:  # fmt: skip
        """Open it, or make it, for at most so many posts and bytes of them.

        Raises `PostsBusy` and other `PostsError`s, and `UsageError` for a name that is none.
        """
        self.path, self.mesh = path, checked_name(mesh)
        #: What was told: the vector, the heads, and what of it is not here any more.
        self.frontier = Frontier()
        self._places: dict[bytes, array[int]] = {}  # of each author's posts that are here, the oldest first
        self._authors: list[bytes] = []
        self._author_numbers: dict[bytes, int] = {}
        self._who = array("I")  # of each post from `begin` on, its author's number
        self._seqs = array("Q")
        with ExitStack() as stack:
            stack.callback(os.close, _alone(path))
            _check_mesh(path, mesh)
            old = path / "posts.log"
            if old.exists():  # what was taken over of it is no use before all was
                shutil.rmtree(path / "posts", ignore_errors=True)
            self._segments = Segments(path / "posts", most, most_bytes)
            stack.callback(self._segments.close)
            self._load()
            if old.exists():
                self._take_over(old)
            self._closing = stack.pop_all()

    def __len__(self) -> int:
        return len(self._who)

    @property
    def begin(self) -> int:
        """The place of the first post that is here. It grows, and no post ever changes its place."""
        return self._segments.begin

    @property
    def end(self) -> int:
        """The place behind the last post."""
        return self._segments.end

    @property
    def have(self) -> Vector:
        """Of each author, how many posts were told."""
        return self.frontier.have

    @property
    def forgotten(self) -> Mapping[bytes, int]:
        """Of each author some of whose posts are not here any more: up to which. Another object when it has changed."""
        return self.frontier.forgotten

    def close(self) -> None:
        """Idempotent."""
        self._closing.close()

    def expect(self, author: bytes) -> None:
        """There is room for the posts of this one, whoever else comes: for our own."""
        self._number(author)

    # ── keeping ───────────────────────────────────────────────────────────────────────────────────────────

    def append(self, sealed: Sealed, post: Post) -> None:
        """Keep a post, all causes of which were told or are forgotten, and it was not. The oldest are forgotten where
        there is no room for it.

        Raises `OSError` as the disk does, and then it is not kept.
        """
        record = _encode(sealed)
        if self._segments.is_full(record):
            self._begin_segment()
        self._segments.append(record)
        self._index(post)

    def check(self, sealed: Sealed, post: Post) -> bool:
        """Whether the post was told already. Raises `Equivocation`: another one is here that has its number.

        `RemoteProtocolError`, too, where it would be of more than PEER_MEMBERS authors, or come after such.
        """
        if self.frontier.has(post):
            place = self._place(post.author, post.seq)
            kept = self.read(place)[0] if place is not None and self._seq(place) == post.seq else sealed
            if kept.body != sealed.body:
                raise Equivocation(escape(SEAL.read(kept).nick), post.seq)
            return True
        unknown = {post.author, *(author for author, _ in post.after)} - self._author_numbers.keys()
        if unknown and len(self._authors) + len(unknown) > PEER_MEMBERS:
            raise RemoteProtocolError(f"there are posts of {PEER_MEMBERS} peers already")
        return False

    def _begin_segment(self) -> None:
        """Forget first: that makes room, where the disk is what has none."""
        while self._segments.are_all:
            self._forget(self._segments.forget())
        heads = self.frontier.heads
        authors = tuple((author, seq, heads.get(author) == seq) for author, seq in self.have.items())
        self._segments.start(Base(self.end, authors))

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def read(self, place: int, most: int = 1) -> list[Sealed]:
        """Posts from a place on that is not before `begin`: at most so many and PEER_BATCH_BYTES of them, and maybe
        fewer, but one if there is one.
        """
        return [_decode(record) for record in self._segments.read(place, most, PEER_BATCH_BYTES)]

    def first_lacking(self, have: Mapping[bytes, int]) -> int:
        """The place of the first post here that somebody with this vector lacks; `end` where there is none."""
        places = (self._place(author, seq) for author, seq in lacking(self.have, have).items())
        return min((place for place in places if place is not None), default=self.end)

    def lacking(self, have: Vector, place: int) -> tuple[list[Sealed], int]:
        """The next batch, from `place` on, for somebody with this vector, which is advanced by it; and where it
        ended.
        """
        batch: list[Sealed] = []
        place = max(place, self.begin)
        end = min(place + PEER_BATCH_POSTS, self.end)
        while place < end and self._has(have, place):
            place += 1
        if place < end:
            for sealed in self.read(place, end - place):
                if not self._has(have, place):
                    batch.append(sealed)
                    have[self._author(place)] = self._seq(place)
                place += 1
        return batch, place

    def _has(self, have: Mapping[bytes, int], place: int) -> bool:
        return have.get(self._author(place), 0) >= self._seq(place)

    def _author(self, place: int) -> bytes:
        return self._authors[self._who[place - self.begin]]

    def _seq(self, place: int) -> int:
        return self._seqs[place - self.begin]

    def _place(self, author: bytes, seq: int) -> int | None:
        """Where an author's first post is that has this seq or a higher one."""
        places = self._places.get(author, ())
        at = bisect_left(places, seq, key=self._seq)
        return places[at] if at < len(places) else None

    # ── what is in memory ─────────────────────────────────────────────────────────────────────────────────

    def _index(self, post: Post) -> None:
        self._places.setdefault(post.author, array("Q")).append(self.begin + len(self))
        self._who.append(self._number(post.author))
        self._seqs.append(post.seq)
        for author, _ in post.after:
            self._number(author)
        self.frontier.tell(post)

    def _number(self, author: bytes) -> int:
        if author not in self._author_numbers:
            self._author_numbers[author] = len(self._authors)
            self._authors.append(author)
        return self._author_numbers[author]

    def _forget(self, base: Base) -> None:
        """What was told before this is not here any more."""
        for places in self._places.values():
            del places[: bisect_left(places, base.first)]
        gone = len(self) - (self.end - base.first)
        del self._who[:gone]
        del self._seqs[:gone]
        self.frontier.forget({author: seq for author, seq, _ in base.authors})

    def _load(self) -> None:
        for author, seq, is_head in self._segments.base.authors:
            self._number(author)
            self.frontier.step_over(author, seq)
            if is_head:
                self.frontier.heads[author] = seq
        while self.begin + len(self) < self.end:
            for sealed in self.read(self.begin + len(self), PEER_BATCH_POSTS):
                self._index(self._next(sealed))

    def _next(self, sealed: Sealed) -> Post:
        """The post, if it can follow those that are there. Raises `PostsError`."""
        post = SEAL.read(sealed)
        if self.frontier.has(post):
            raise PostsError(self.path, "its posts are not in order")
        return post

    def _take_over(self, old: Path) -> None:
        """Keep the posts of an older tincans, which had all in one file, and give that back."""
        log = RecordLog(old, "tincans posts 1")
        try:
            place = 0
            while records := log.read(place, PEER_BATCH_POSTS):
                place += len(records)
                for sealed in map(_decode, records):
                    self.append(sealed, self._next(sealed))
            old.unlink()
        except OSError as error:
            raise PostsError(self.path, reason_of(error)) from error
        finally:
            log.close()


def _alone(path: Path) -> int:
    """Make the folder, for its owner alone, and keep every other process out of it: the lock's descriptor."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PostsError(path, reason_of(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise PostsBusy(path) from error
    return lock


def _check_mesh(path: Path, mesh: str) -> None:
    """A folder is of one mesh for ever, as what is in it was said there."""
    file = path / "mesh"
    try:
        if not file.exists():
            file.write_text(f"{mesh}\n")
        found = file.read_text().strip()
    except (OSError, ValueError) as error:
        raise PostsError(path, str(error)) from error
    if found != mesh:
        raise PostsError(path, f"it is of the mesh {found!r}, and not of {mesh!r}")
