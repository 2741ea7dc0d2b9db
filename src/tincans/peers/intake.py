"""What becomes of a post that a link brings: it is looked at, put in order, and kept.

known already ─► the same? nothing : is it signed? ─► its author said two things: told, once
new ─► is it signed? ─no─► the link is closed
          └─yes─► are its causes here, or forgotten by who says it? ─no─► held back
                       └─yes─► kept, and with it those that waited for it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tincans.errors import Equivocation
from tincans.limits import PEER_MEMBERS
from tincans.peers.causal import Order, Vector
from tincans.peers.news import Hearer, News
from tincans.peers.posts import SEAL, Post
from tincans.peers.sealing import Sealed
from tincans.peers.store import Store


class _Arrived(NamedTuple):
    """A post as it was signed, and as it is read."""

    sealed: Sealed
    post: Post

    @property
    def author(self) -> bytes:
        return self.post.author

    @property
    def seq(self) -> int:
        return self.post.seq

    @property
    def after(self) -> tuple[tuple[bytes, int], ...]:
        return self.post.after


class Intake:
    """Takes the posts of all links of one mesh."""

    def __init__(self, store: Store, hearer: Hearer) -> None:
        self._store, self._hearer = store, hearer
        self._order: Order[_Arrived] = Order(store.frontier)
        self._accused: set[tuple[bytes, int]] = set()
        self._stepped = False

    def take(self, sealed: Sealed, sender: Vector, forgotten: Mapping[bytes, int]) -> None:
        """Take one post; `sender` is what whoever sent it has, to which it is added, and `forgotten` what it has no
        more.

        Raises `RemoteProtocolError` where it is forged, broken or of another mesh, and `OSError` as the disk does.
        """
        arrived = _Arrived(sealed, SEAL.read(sealed))
        try:
            is_new = not self._store.check(sealed, arrived.post)
            if is_new:
                SEAL.check(sealed, arrived.post, self._store.mesh)
        except Equivocation as error:
            SEAL.check(sealed, arrived.post, self._store.mesh)  # else it is a forgery of whoever sent it
            self._accuse(arrived.author, error)
            is_new = False
        sender[arrived.author] = max(arrived.seq, sender.get(arrived.author, 0))
        if is_new and self._order.take(arrived, forgotten):
            self._stepped |= self._store.frontier.missing(arrived) is not None
            self._keep(arrived)

    def stepped(self) -> bool:
        """Whether, since this was asked last, posts were kept before which others are missing for good."""
        stepped, self._stepped = self._stepped, False
        return stepped

    def missed(self) -> bool:
        """Whether posts came since this was asked last for which there was no room."""
        missed, self._order.missed = self._order.missed, False
        return missed

    def _keep(self, arrived: _Arrived) -> None:
        """Keep a post, and those that waited for it."""
        free = [arrived]
        while free:
            arrived = free.pop()
            self._store.append(arrived.sealed, arrived.post)
            free.extend(self._order.released(arrived))

    def _accuse(self, author: bytes, error: Equivocation) -> None:
        """Somebody said two things with one number: once is enough to be told of it."""
        name = (author, error.number)
        if name not in self._accused and len(self._accused) < PEER_MEMBERS:
            self._accused.add(name)
            self._hearer.told(News(str(error), True, error))
