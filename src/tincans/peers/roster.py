"""Who belongs to a mesh: whoever somebody introduced who belongs to it.

An introduction is a signed statement of one peer about the key of another: "I trust this one, in this mesh". A peer
makes one when it pins somebody (`known.py`), and passes on those of the others. Trust begins at oneself and follows
them:

    we ──pinned──► ann ──introduced──► bob ──introduced──► cyd       all three belong to the mesh, for us
    dan ──introduced──► eve                                         neither: nobody whom we trust introduced dan

Who belongs to the mesh may link with us, and we call them; so a mesh forms beyond those one has called, and nobody is
in it for whom no chain of people answers. A name in an introduction is how its author calls them.

What a trusted peer passes on, posts and who is here, is taken from it whoever said it, as long as it is signed: it
could introduce its author as well. An introduction cannot be taken back by anybody but its author, who leaves it out
after `tincans chat --forget`, from its next start on; whoever was introduced by others as well stays. To be rid of
somebody who has many friends begin a new mesh.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated

import msgspec

from tincans.errors import RemoteProtocolError
from tincans.limits import PEER_BATCH_POSTS, PEER_INTRODUCTIONS, PEER_MEMBERS, PEER_NAME_BYTES
from tincans.peers.identity import Fingerprint, Identity
from tincans.peers.known import Known
from tincans.peers.log import RecordLog
from tincans.peers.naming import is_name
from tincans.peers.sealing import Key, Moment, Seal, Sealed, Statement
from tincans.peers.store import Store

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Sealed).decode


class Introduction(Statement, frozen=True, kw_only=True):
    """Its author trusts the owner of `key`, and calls them `name`."""

    key: Key
    name: Annotated[str, msgspec.Meta(max_length=PEER_NAME_BYTES)]
    at: Moment

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError(f"{self.name!r} cannot be a peer's name")


SEAL = Seal(Introduction, "introduction")


class Roster:
    """Those who belong, as one peer sees it; kept in the store's folder. For one loop."""

    def __init__(self, identity: Identity, known: Known, store: Store) -> None:
        """Read what was kept; what we said ourselves holds only for whom we know still. Raises as `Known` and logs
        do.
        """
        self._identity, self._mesh = identity, store.mesh
        self._log = RecordLog(store.path / "introductions.log", "tincans introductions 1")
        self._said: dict[tuple[bytes, bytes], Sealed] = {}  # by who introduces whom
        self._by: dict[bytes, list[Introduction]] = {}
        #: Those who belong, by key, with their names; and how they came to, whoever introduces before whoever is
        #: introduced: what is told to others.
        self.names: dict[bytes, str] = {}
        self.introductions: list[Sealed] = []
        try:
            self._load({peer.fingerprint for peer in known.peers})
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Idempotent."""
        self._log.close()

    def __contains__(self, key: bytes) -> bool:
        return key in self.names

    # ── introducing ───────────────────────────────────────────────────────────────────────────────────────

    def introduce(self, key: bytes, name: str, now: int) -> bool:
        """Say that we trust this key; whether that was news. Raises `OSError` as the disk does."""
        if (self._identity.key, key) in self._said or key == self._identity.key:
            return False
        introduction = Introduction(mesh=self._mesh, author=self._identity.key, key=key, name=name, at=now)
        return self._take(SEAL.seal(self._identity, introduction), introduction)

    def take(self, sealed: Sealed) -> bool:
        """Take what somebody says; whether anybody belongs now who did not.

        Raises `RemoteProtocolError`: it is forged, or there is no room. Raises `OSError` as the disk does.
        """
        introduction = SEAL.read(sealed)
        if (introduction.author, introduction.key) in self._said or introduction.author == self._identity.key:
            return False
        SEAL.check(sealed, introduction, self._mesh)
        return self._take(sealed, introduction)

    def _take(self, sealed: Sealed, introduction: Introduction) -> bool:
        if len(self._said) >= PEER_INTRODUCTIONS:
            raise RemoteProtocolError(f"there are {PEER_INTRODUCTIONS} introductions already")
        self._log.append([_encode(sealed)])
        self._keep(sealed, introduction)
        before = len(self.names)
        if introduction.author == self._identity.key or introduction.author in self.names:
            self._reach(introduction)
        return len(self.names) > before

    # ── who belongs ───────────────────────────────────────────────────────────────────────────────────────

    def _load(self, pinned: set[Fingerprint]) -> None:
        place = 0
        while records := self._log.read(place, PEER_BATCH_POSTS):
            place += len(records)
            for sealed in map(_decode, records):
                introduction = SEAL.read(sealed)
                if introduction.author != self._identity.key or Fingerprint.of(introduction.key) in pinned:
                    self._keep(sealed, introduction)
        self._reach(*self._by.get(self._identity.key, ()))

    def _keep(self, sealed: Sealed, introduction: Introduction) -> None:
        self._said[introduction.author, introduction.key] = sealed
        self._by.setdefault(introduction.author, []).append(introduction)

    def _reach(self, *introductions: Introduction) -> None:
        """Whoever is introduced by one who belongs does, too, and so does whoever they introduce, the nearest first."""
        queue = deque(introductions)
        while queue:
            introduction = queue.popleft()
            key = introduction.key
            if key in self.names or key == self._identity.key or len(self.names) >= PEER_MEMBERS:
                continue
            self.names[key] = introduction.name
            self.introductions.append(self._said[introduction.author, key])
            queue.extend(self._by.get(key, ()))
