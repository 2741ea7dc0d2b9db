"""Where the posts of a mesh are kept: all that this peer was ever told, in the order in which it was told.

    posts.log             a record a post, as it was signed (`log.py`)
    introductions.log     who introduced whom (`roster.py`)
    mesh                  the name of the mesh
    lock                  flock(2) on it is held by the one process that has the folder open

The order is a causal one, so whoever is told the posts from any place on, but for those that they have, is told them in
causal order. So anybody can bring anybody up to date, and a peer that is slow is told from where it is when it has
time: nothing is ever queued for it.

In memory there are of each post its place in the file, its author and its seq: 24 bytes.
"""

from __future__ import annotations

import fcntl
import os
from array import array
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from tincans.errors import Equivocation, PostsBusy, PostsError, RemoteProtocolError
from tincans.limits import PEER_BATCH_BYTES, PEER_BATCH_POSTS, PEER_MEMBERS
from tincans.peers.causal import Frontier, Vector, lacking
from tincans.peers.log import RecordLog
from tincans.peers.naming import checked_name
from tincans.peers.posts import SEAL, Post
from tincans.peers.sealing import Sealed
from tincans.text import escape

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Sealed).decode


class Store:
    """The folder, open. For one loop. `close` gives it back."""

    def __init__(self, path: Path, mesh: str = "tincans") -> None:
        """Open it, or make it. Raises `PostsBusy` and other `PostsError`s, and `UsageError` for a name that is none."""
        self.path, self.mesh = path, checked_name(mesh)
        #: What is there: the vector, and the heads.
        self.frontier = Frontier()
        self._places: dict[bytes, array[int]] = {}  # of each author's posts, by seq - 1
        self._authors: list[bytes] = []
        self._author_numbers: dict[bytes, int] = {}
        self._who = array("I")  # of each post, its author's number
        self._seqs = array("I")
        with ExitStack() as stack:
            stack.callback(os.close, _alone(path))
            _check_mesh(path, mesh)
            self._log = RecordLog(path / "posts.log", "tincans posts 1")
            stack.callback(self._log.close)
            self._load()
            self._closing = stack.pop_all()

    def __len__(self) -> int:
        return len(self._who)

    @property
    def have(self) -> Vector:
        """Of each author, how many posts are there."""
        return self.frontier.have

    def close(self) -> None:
        """Idempotent."""
        self._closing.close()

    # ── keeping ───────────────────────────────────────────────────────────────────────────────────────────

    def append(self, sealed: Sealed, post: Post) -> None:
        """Keep a post, all causes of which are there, and it is not. Raises `OSError` as the disk does."""
        self._log.append([_encode(sealed)])
        self._index(post)

    def check(self, sealed: Sealed, post: Post) -> bool:
        """Whether the post is there already, or has no room. Raises `Equivocation`: another one has its number.

        `RemoteProtocolError`, too, where there are PEER_MEMBERS authors already and it is of one more.
        """
        if self.frontier.has(post):
            kept = self.read(self._places[post.author][post.seq - 1])[0]
            if kept.body != sealed.body:
                raise Equivocation(escape(SEAL.read(kept).nick), post.seq)
            return True
        if post.author not in self.have and len(self._authors) >= PEER_MEMBERS:
            raise RemoteProtocolError(f"there are posts of {PEER_MEMBERS} peers already")
        return False

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def read(self, place: int, most: int = 1) -> list[Sealed]:
        """Posts from a place on, at most so many and PEER_BATCH_BYTES of them, but one if there is one."""
        return [_decode(record) for record in self._log.read(place, most, PEER_BATCH_BYTES)]

    def first_lacking(self, have: Mapping[bytes, int]) -> int:
        """The place of the first post that somebody with this vector lacks; behind the last where there is none."""
        lacks = lacking(self.have, have)
        return min((self._places[author][seq - 1] for author, seq in lacks.items()), default=len(self))

    def lacking(self, have: Vector, place: int) -> tuple[list[Sealed], int]:
        """The next batch, from `place` on, for somebody with this vector, which is advanced by it; and where it
        ended.
        """
        batch: list[Sealed] = []
        end = min(place + PEER_BATCH_POSTS, len(self))
        while place < end and self._has(have, place):
            place += 1
        if place < end:
            for sealed in self.read(place, end - place):
                if not self._has(have, place):
                    batch.append(sealed)
                    have[self._authors[self._who[place]]] = self._seqs[place]
                place += 1
        return batch, place

    def _has(self, have: Mapping[bytes, int], place: int) -> bool:
        return have.get(self._authors[self._who[place]], 0) >= self._seqs[place]

    # ── what is in memory ─────────────────────────────────────────────────────────────────────────────────

    def _index(self, post: Post) -> None:
        author = post.author
        if author not in self._places:
            self._places[author] = array("Q")
            self._author_numbers[author] = len(self._authors)
            self._authors.append(author)
        self._places[author].append(len(self._who))
        self._who.append(self._author_numbers[author])
        self._seqs.append(post.seq)
        self.frontier.tell(post)

    def _load(self) -> None:
        while len(self) < len(self._log):
            for record in self._log.read(len(self), PEER_BATCH_POSTS):
                post = SEAL.read(_decode(record))
                if self.frontier.has(post) or self.frontier.missing(post):
                    raise PostsError(self._log.path, "its posts are not in order")
                self._index(post)


def _alone(path: Path) -> int:
    """Make the folder, for its owner alone, and keep every other process out of it: the lock's descriptor."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PostsError(path, (error.strerror or str(error)).lower()) from error
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
