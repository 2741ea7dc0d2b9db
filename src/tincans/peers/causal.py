"""The order in which posts are told: each once, and whatever one comes after before it. No clock, no input or output.

A **vector** says of each author how many of their posts somebody has: as they are numbered from 1 without gaps, and
told in order, that is all of what they have. Comparing two vectors tells what one lacks. The **heads** are the posts
that no other one comes after: what a new post has to name so that it comes after everything.

    take(post) ──causes told, or forgotten by who says it──► told, and with it those that waited for it
          ├─────causes not───► held back, until they come; at most PEER_HELD_POSTS
          └─────told already─► nothing

Two who have the same vector were told the same posts, but for what was forgotten. They may have been told those that
know nothing of each other in different orders: causal order is all that a mesh without a centre can promise while parts
of it are cut off.

**What is forgotten.** Nobody keeps all for ever (`store.py`), so whoever tells what it has says first of each author up
to where some are not there any more. Those count as had for the posts which that one tells: it will not bring them, and
waiting has no use. It is a permission and no more, as anybody could claim anything: a vector steps over posts of an
author only to a later one that its author has signed, so no word of another makes somebody deaf to what is still to
come. Where somebody else is met later who has kept what was stepped over, that is not told any more; where it was only
named, it is told then, though late.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from tincans.limits import PEER_HELD_POSTS

#: By author, the seq of their last post that is there.
Vector = dict[bytes, int]

NOTHING: Mapping[bytes, int] = MappingProxyType({})


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
        #: Of each author some of whose posts are not here any more, or never were and are forgotten elsewhere: up to
        #: where. It is never changed, but replaced.
        self.forgotten: Mapping[bytes, int] = NOTHING

    def has(self, post: Caused) -> bool:
        return post.seq <= self.have.get(post.author, 0)

    def tell(self, post: Caused) -> None:
        """It is told, and was not; what it comes after was, or is forgotten."""
        self.forget({author: seq for author, seq in _causes(post) if self.have.get(author, 0) < seq})
        self.have[post.author] = post.seq
        for author, seq in post.after:
            if self.heads.get(author) == seq:
                del self.heads[author]
        self.heads[post.author] = post.seq

    def next(self, author: bytes) -> tuple[int, tuple[tuple[bytes, int], ...]]:
        """The seq of the author's next post, and what it comes after that is not implied."""
        after = sorted((key, seq) for key, seq in self.heads.items() if key != author)
        return self.have.get(author, 0) + 1, tuple(after)

    def missing(self, post: Caused, forgotten: Mapping[bytes, int] = NOTHING) -> tuple[bytes, int] | None:
        """One of the posts that it comes after and that were not told; None where all were, or are `forgotten` by
        whoever says it.
        """
        for author, seq in _causes(post):
            if self.have.get(author, 0) < seq > forgotten.get(author, 0):
                return author, seq
        return None

    def forget(self, posts: Mapping[bytes, int]) -> None:
        """Of each of these authors some posts are not here, up to there."""
        more = {author: seq for author, seq in posts.items() if self.forgotten.get(author, 0) < seq}
        if more:
            self.forgotten = {**self.forgotten, **more}

    def step_over(self, author: bytes, seq: int) -> None:
        """Count all posts of an author up to there as told, where they were not."""
        if self.have.get(author, 0) < seq:
            self.forget({author: seq})
            self.have[author] = seq


def _causes(post: Caused) -> tuple[tuple[bytes, int], ...]:
    return ((post.author, post.seq - 1), *post.after)


P = TypeVar("P", bound=Caused)


class Order(Generic[P]):
    """Puts posts in causal order, over a frontier that it does not change: who tells a post does."""

    def __init__(self, frontier: Frontier) -> None:
        self._frontier = frontier
        self._waiting: dict[tuple[bytes, int], list[P]] = {}  # by one of those that they wait for
        self._held: dict[tuple[bytes, int], tuple[bytes, int]] = {}  # which that is, of each
        #: A post could not be held, so somebody has to say it again.
        self.missed = False

    @property
    def held(self) -> int:
        """How many posts are held back."""
        return len(self._held)

    def take(self, post: P, forgotten: Mapping[bytes, int] = NOTHING) -> bool:
        """Whether it can be told now. One whose causes are missing is held back, as far as there is room.

        `forgotten` is what whoever says it has forgotten.
        """
        if self._frontier.has(post):
            return False
        missing = self._frontier.missing(post, forgotten)
        if missing is None:
            self._let_go(post)
            return True
        if _name(post) in self._held:
            return False
        if len(self._held) >= PEER_HELD_POSTS:
            self.missed = True
            return False
        self._hold(post, missing)
        return False

    def released(self, told: Caused) -> list[P]:
        """Those which waited for this one, or for one that it stepped over, now that it is told, and can be told
        themselves; each is given once.
        """
        free: list[P] = []
        for name in [name for name in self._waiting if name[0] == told.author and name[1] <= told.seq]:
            for post in self._waiting.pop(name):
                del self._held[_name(post)]
                if self._frontier.has(post):
                    continue
                if (missing := self._frontier.missing(post)) is None:
                    free.append(post)
                else:
                    self._hold(post, missing)
        return free

    def _hold(self, post: P, missing: tuple[bytes, int]) -> None:
        self._held[_name(post)] = missing
        self._waiting.setdefault(missing, []).append(post)

    def _let_go(self, post: P) -> None:
        """It waits no more, if it did."""
        missing = self._held.pop(_name(post), None)
        if missing is not None:
            self._waiting[missing] = [each for each in self._waiting[missing] if _name(each) != _name(post)]
            if not self._waiting[missing]:
                del self._waiting[missing]


def _name(post: Caused) -> tuple[bytes, int]:
    return post.author, post.seq
