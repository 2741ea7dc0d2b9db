"""Who is on a mesh: what each peer says of itself, passed on to all.

A peer says anew who is on it when that changes, and every PEER_HERE_SECONDS, and says farewell when it leaves; of one
that says nothing for PEER_GONE_SECONDS nobody is there any more. What it says is signed and stamped with its clock, so
it goes through others who can change nothing of it, nor put an older one in the place of a newer; the stamps of one
peer are compared with each other alone. Everybody passes on what was news to them, so each presence goes over each link
at most twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from tincans.address import Address
from tincans.errors import AddressError
from tincans.limits import PEER_MEMBERS
from tincans.peers.identity import Fingerprint
from tincans.peers.sealing import Sealed
from tincans.peers.wire import SEAL, Person, Presence


class Member(NamedTuple):
    """A peer that is on the mesh now, in its own words."""

    key: bytes
    name: str
    people: tuple[Person, ...] = ()
    #: Where it can be called.
    addresses: tuple[Address, ...] = ()

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint.of(self.key)


class _Heard(NamedTuple):
    stamp: int
    sealed: Sealed
    #: None after a farewell, which is kept so that nothing older takes its place.
    member: Member | None
    #: When it is gone unless it is heard again, in the loop's time.
    until: float


class Presences:
    """All others that are here. `changed` is told of each what it was and what it is, None where it is not here."""

    def __init__(
        self, own: bytes, mesh: str, gone: float, changed: Callable[[Member | None, Member | None], None]
    ) -> None:
        self._own, self._mesh, self._gone, self._changed = own, mesh, gone, changed
        self._time = asyncio.get_running_loop().time
        self._heard: dict[bytes, _Heard] = {}

    @property
    def members(self) -> dict[bytes, Member]:
        return {key: heard.member for key, heard in self._heard.items() if heard.member is not None}

    @property
    def sealed(self) -> dict[bytes, Sealed]:
        """What they said, to be passed on."""
        return {key: heard.sealed for key, heard in self._heard.items()}

    def get(self, key: bytes) -> Member | None:
        heard = self._heard.get(key)
        return heard.member if heard is not None else None

    def take(self, sealed: Sealed) -> bytes | None:
        """Take what a peer says of itself: its key if that is news, to be passed on. Raises `RemoteProtocolError`."""
        presence = SEAL.read(sealed)
        key, before = presence.author, self._heard.get(presence.author)
        if key == self._own or (before is not None and presence.stamp <= before.stamp):
            return None
        if before is None and len(self._heard) >= PEER_MEMBERS:
            return None
        SEAL.check(sealed, presence, self._mesh)
        member = None if presence.gone else Member(key, presence.name, presence.people, _addresses(presence))
        self._heard[key] = _Heard(presence.stamp, sealed, member, self._time() + self._gone)
        was = before.member if before is not None else None
        if member != was:
            self._changed(was, member)
        return key

    def expire(self) -> None:
        """Let those go of whom nothing was heard for too long."""
        now = self._time()
        for key, heard in list(self._heard.items()):
            if heard.until <= now:
                del self._heard[key]
                if heard.member is not None:
                    self._changed(heard.member, None)


def _addresses(presence: Presence) -> tuple[Address, ...]:
    """Those that are addresses of a host and a port: nobody is made to run a program, or to open a file, by a peer."""
    found = []
    for text in presence.addresses:
        try:
            address = Address.parse(text)
        except AddressError:
            continue
        if address.scheme == "tcp" and not address.wraps and not address.options and address.host not in ("", "*"):
            found.append(address)
    return tuple(found)
