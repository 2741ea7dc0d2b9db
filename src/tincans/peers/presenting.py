"""What a peer says of itself: who is on it, and where it can be called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tincans.address import Address
from tincans.clock import Clock
from tincans.limits import PEER_ADDRESSES, PEER_PEOPLE, PEER_ROOMS, PEER_STATEMENT_BYTES
from tincans.peers.identity import Identity
from tincans.peers.sealing import Sealed
from tincans.peers.wire import SEAL, Person, Presence


class Presenter:
    """Makes one's own presences, each with a higher stamp than the one before."""

    def __init__(self, identity: Identity, mesh: str, name: str, clock: Clock) -> None:
        self._identity, self._mesh, self._name, self._clock = identity, mesh, name, clock
        self._stamp = 0
        self._people: tuple[Person, ...] = ()
        #: Where callers are taken; a host `*` is every interface.
        self.served: list[Address] = []
        #: What was said last.
        self.said: Sealed | None = None

    def change(self, people: Sequence[Person]) -> bool:
        """These are here now: PEER_PEOPLE of them, in PEER_ROOMS rooms each. Whether that is news."""
        before = self._people
        self._people = tuple(msgspec.structs.replace(one, rooms=one.rooms[:PEER_ROOMS]) for one in people[:PEER_PEOPLE])
        return self._people != before

    def addresses(self, hosts: Iterable[str]) -> list[str]:
        """Where we can be called, PEER_ADDRESSES at most: on every interface, at the hosts by which others see us."""
        found: dict[str, None] = {}
        for address in self.served:
            # An address with a scope, fe80::1%eth0, means something else on every machine (RFC 4007 §11).
            seen = (
                sorted({host for host in hosts if host and "%" not in host}) if address.host == "*" else [address.host]
            )
            found.update(dict.fromkeys(str(address._replace(host=host)) for host in seen))
        return list(found)[:PEER_ADDRESSES]

    def present(self, hosts: Iterable[str], *, gone: bool = False) -> Sealed:
        """A presence with as many of the people as fit, or a farewell."""
        self._stamp = max(self._clock.now(), self._stamp + 1)
        people = () if gone else self._people
        while True:
            presence = Presence(
                mesh=self._mesh, author=self._identity.key, stamp=self._stamp, name=self._name,
                addresses=tuple(self.addresses(hosts)), people=people, gone=gone,
            )  # fmt: skip
            if len(msgspec.msgpack.encode(presence)) <= PEER_STATEMENT_BYTES:
                break
            people = people[: len(people) // 2]
        self.said = SEAL.seal(self._identity, presence)
        return self.said
