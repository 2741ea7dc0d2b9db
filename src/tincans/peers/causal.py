"""The order in which posts are told: each once, and whatever one comes after before it. No clock, no input or output.

A **vector** says of each author how many of their posts somebody has: as they are numbered from 1 without gaps, and
told in order, that is all of what they have. Comparing two vectors tells what one lacks. The **heads** are the posts
that no other one comes after: what a new post has to name so that it comes after everything.

    take(post) ──causes told──► told, and with it those that waited for it
          ├─────causes not───► held back, until they come; at most PEER_HELD_POSTS
          └─────told already─► nothing

Two who have the same vector have the same posts. They may have been told those that know nothing of each other in
different orders: causal order is all that a mesh without a centre can promise while parts of it are cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from tincans.limits import PEER_HELD_POSTS

#: By author, the seq of their last post that is there.
Vector = dict[bytes, int]


class Caused(Protocol):
    """What the order needs to know of a post."""

    @property
    def author(self) -> bytes: ...

    @property
    def seq(self) -> int: ...

    @property
    def after(self) -> tuple[tuple[bytes, int], ...]: ...


def lacking(have: Mapping[bytes, int], other: Mapping[bytes, int]) -> Vector:
    """Of each author of whom `other` has fewer posts than `have`: the seq of the first that it lacks."""
    return {author: other.get(author, 0) + 1 for author, seq in have.items() if other.get(author, 0) < seq}


class Frontier:
    """What was told already."""

    def __init__(self) -> None:
        self.have: Vector = {}
        #: Of each author with such a post: the seq of their last, if no post of another comes after it.
        self.heads: Vector = {}

    def has(self, post: Caused) -> bool:
        return post.seq <= self.have.get(post.author, 0)

    def tell(self, post: Caused) -> None:
        """It is told, and was not; all that it comes after was."""
        self.have[post.author] = post.seq
        for author, seq in post.after:
            if self.heads.get(author) == seq:
                del self.heads[author]
        self.heads[post.author] = post.seq

    def next(self, author: bytes) -> tuple[int, tuple[tuple[bytes, int], ...]]:
        """The seq of the author's next post, and what it comes after that is not implied."""
        after = sorted((key, seq) for key, seq in self.heads.items() if key != author)
        return self.have.get(author, 0) + 1, tuple(after)

    def missing(self, post: Caused) -> tuple[bytes, int] | None:
        """One of the posts that it comes after and that were not told; None where all were."""
        if self.have.get(post.author, 0) < post.seq - 1:
            return post.author, post.seq - 1
        for author, seq in post.after:
            if self.have.get(author, 0) < seq:
                return author, seq
        return None


P = TypeVar("P", bound=Caused)


class Order(Generic[P]):
    """Puts posts in causal order, over a frontier that it does not change: who tells a post does."""

    def __init__(self, frontier: Frontier) -> None:
        self._frontier = frontier
        self._waiting: dict[tuple[bytes, int], list[P]] = {}  # by one of those that they wait for
        self._held: set[tuple[bytes, int]] = set()
        #: A post could not be held, so somebody has to say it again.
        self.missed = False

    @property
    def held(self) -> int:
        """How many posts are held back."""
        return len(self._held)

    def take(self, post: P) -> bool:
        """Whether it can be told now. One whose causes are missing is held back, as far as there is room."""
        name = (post.author, post.seq)
        if self._frontier.has(post) or name in self._held:
            return False
        if self._frontier.missing(post) is None:
            return True
        if len(self._held) >= PEER_HELD_POSTS:
            self.missed = True
            return False
        self._held.add(name)
        self._wait(post)
        return False

    def released(self, told: Caused) -> list[P]:
        """Those which waited for this one, now that it is told, and can be told themselves; each is given once."""
        free: list[P] = []
        for post in self._waiting.pop((told.author, told.seq), ()):
            if self._frontier.missing(post) is None:
                self._held.discard((post.author, post.seq))
                if not self._frontier.has(post):
                    free.append(post)
            else:
                self._wait(post)
        return free

    def _wait(self, post: P) -> None:
        missing = self._frontier.missing(post)
        assert missing is not None
        self._waiting.setdefault(missing, []).append(post)
