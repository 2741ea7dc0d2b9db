"""Whom a mesh calls by itself: everybody whom it trusts and knows an address of, as long as there is no link.

Trusted are those who were introduced (`roster.py`) and those who are known (`known.py`). Addresses come from what they
say of themselves, from where they announce themselves on the local network, and from where they were called last.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from tincans.address import Address
from tincans.errors import KnownPeersBroken
from tincans.limits import PEER_LINKS, PEER_MEMBERS
from tincans.peers.calls import Call, Caller
from tincans.peers.finding import Found
from tincans.peers.identity import Fingerprint
from tincans.peers.known import Known
from tincans.peers.news import Hearer, News
from tincans.peers.presences import Presences
from tincans.peers.roster import Roster


class Seeker:
    """All calls of one mesh."""

    def __init__(
        self, caller: Caller, own: Fingerprint, known: Known, roster: Roster, presences: Presences, hearer: Hearer,
        jitter: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._caller, self._own, self._known, self._roster = caller, own, known, roster
        self._presences, self._hearer, self._jitter = presences, hearer, jitter
        self._near: Counter[bytes] = Counter()  # keys of those with whom there is, or is about to be, a link
        self._trusted_calls: dict[Fingerprint, Call] = {}
        self._address_calls: list[Call] = []
        self._found: dict[str, Address] = {}  # on the local network, by the beginning of their fingerprints
        self._over = False

    def call(self, address: Address, *, explicit: bool) -> Call:
        """Keep calling an address, whoever it is of."""
        bare = address.without_wraps()
        call = Call(self._caller, lambda: [] if self._over else [bare], explicit=explicit, jitter=self._jitter)
        self._address_calls = [each for each in self._address_calls if not each.over] + [call]
        return call

    def found(self, found: Found) -> None:
        """A peer of this mesh announces itself; one that nobody knows is called once, and asked about."""
        if found.fingerprint == self._own.short or self._found.get(found.fingerprint) == found.address:
            return
        if found.fingerprint in self._found or len(self._found) < PEER_MEMBERS:
            self._found[found.fingerprint] = found.address
            self.seek()
            if not any(fingerprint.short == found.fingerprint for fingerprint in self._trusted()):
                self.call(found.address, explicit=False)

    @contextmanager
    def near(self, key: bytes) -> Iterator[None]:
        """There is, or is about to be, a link with this peer, so it is not called."""
        self._near[key] += 1
        try:
            yield
        finally:
            self._near[key] -= 1
            if not self._near[key]:
                del self._near[key]
                self.seek()

    def seek(self) -> None:
        """Call whom we trust and could call, and are not linked with."""
        linked = {Fingerprint.of(key) for key in self._near}
        for fingerprint, last in self._trusted().items() if not self._over else ():
            call = self._trusted_calls.get(fingerprint)
            if fingerprint in linked or (call is not None and not call.over) or not self._where(fingerprint, last):
                continue
            if len(linked) >= PEER_LINKS:
                return
            linked.add(fingerprint)
            # Of two that hear of each other at once, mostly one calls.
            delay = self._caller.pace.retry_first * (fingerprint > self._own)
            where = partial(self._where, fingerprint, last)
            call = Call(self._caller, where, expected=fingerprint, jitter=self._jitter, delay=delay)
            self._trusted_calls[fingerprint] = call

    def retire(self) -> None:
        """Call nobody any more. Links that calls made go on."""
        self._over = True

    async def aclose(self) -> None:
        """End all calls, with the links that they made. Idempotent."""
        self.retire()
        for call in (*self._trusted_calls.values(), *self._address_calls):
            await call.stop()

    def _trusted(self) -> dict[Fingerprint, Address | None]:
        """Whom we would link with, and where they were called last, if they are known for that."""
        trusted: dict[Fingerprint, Address | None] = {Fingerprint.of(key): None for key in self._roster.names}
        try:
            return trusted | {peer.fingerprint: peer.address for peer in self._known.peers}
        except KnownPeersBroken as error:
            self._hearer.told(News(str(error), True, error))
            return trusted

    def _where(self, fingerprint: Fingerprint, last: Address | None) -> Sequence[Address]:
        if self._over:
            return []
        here = next((each for each in self._presences.members.values() if each.fingerprint == fingerprint), None)
        found = (*(here.addresses if here is not None else ()), self._found.get(fingerprint.short), last)
        return list(dict.fromkeys(address for address in found if address is not None))
