"""Whoever was introduced by one who belongs belongs, and nobody else, however loud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tincans.address import Address
from tincans.channel import Side
from tincans.errors import KnownPeersBroken, RemoteProtocolError
from tincans.limits import PEER_INTRODUCTIONS, PEER_MEMBERS
from tincans.peers.identity import Identity
from tincans.peers.known import Known
from tincans.peers.roster import SEAL, Introduction, Roster
from tincans.peers.sealing import Sealed
from tincans.peers.store import Store
from tincans.peers.tls import Peer

NAMES = ("us", "ann", "bob", "cyd", "dan", "eve")


@pytest.fixture
def who(tmp_path: Path) -> dict[str, Identity]:
    return {name: Identity.open(tmp_path / name) for name in NAMES}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "mesh")
    yield store
    store.close()


@pytest.fixture
def known(tmp_path: Path) -> Known:
    return Known(tmp_path / "known_peers")


@pytest.fixture
def roster(who: dict[str, Identity], known: Known, store: Store) -> Iterator[Roster]:
    roster = Roster(who["us"], known, store)
    yield roster
    roster.close()


def said(by: Identity, of: Identity, name: str = "somebody", mesh: str = "tincans") -> Sealed:
    return SEAL.seal(by, Introduction(mesh=mesh, author=by.key, key=of.key, name=name, at=1))


def belong(roster: Roster, who: dict[str, Identity]) -> set[str]:
    return {name for name in NAMES if who[name].key in roster}


def test_trust_goes_from_one_to_the_next(roster: Roster, who: dict[str, Identity]) -> None:
    assert belong(roster, who) == set()
    assert roster.introduce(who["ann"].key, "ann", 1)
    assert not roster.introduce(who["ann"].key, "ann", 2), "that is no news"
    assert roster.take(said(who["ann"], who["bob"], "bob"))
    assert roster.take(said(who["bob"], who["cyd"]))
    assert belong(roster, who) == {"ann", "bob", "cyd"}
    assert roster.names[who["bob"].key] == "bob"


def test_nobody_gets_in_by_the_word_of_one_who_is_not(roster: Roster, who: dict[str, Identity]) -> None:
    roster.introduce(who["ann"].key, "ann", 1)
    assert not roster.take(said(who["dan"], who["eve"]))
    assert not roster.take(said(who["eve"], who["dan"]))
    assert not roster.take(said(who["eve"], who["ann"]))
    assert belong(roster, who) == {"ann"}


def test_it_does_not_matter_what_is_heard_first(roster: Roster, who: dict[str, Identity]) -> None:
    roster.take(said(who["cyd"], who["dan"]))
    roster.take(said(who["bob"], who["cyd"]))
    roster.take(said(who["ann"], who["bob"]))
    assert belong(roster, who) == set()
    roster.introduce(who["ann"].key, "ann", 1)
    assert belong(roster, who) == {"ann", "bob", "cyd", "dan"}


def test_what_is_passed_on_has_whoever_introduces_before_whoever_is_introduced(
    roster: Roster, who: dict[str, Identity], tmp_path: Path
) -> None:
    roster.take(said(who["bob"], who["cyd"]))
    roster.take(said(who["cyd"], who["bob"]))
    roster.take(said(who["ann"], who["bob"]))
    roster.take(said(who["eve"], who["dan"]))
    roster.introduce(who["ann"].key, "ann", 1)
    store = Store(tmp_path / "theirs")
    theirs = Roster(who["dan"], Known(tmp_path / "none"), store)
    theirs.introduce(who["us"].key, "us", 1)
    assert all(theirs.take(sealed) for sealed in roster.introductions)
    assert belong(theirs, who) == {"us", "ann", "bob", "cyd"}
    theirs.close()
    store.close()


def test_a_forged_one_is_refused(roster: Roster, who: dict[str, Identity]) -> None:
    roster.introduce(who["ann"].key, "ann", 1)
    sealed = said(who["ann"], who["eve"])
    for wrong in (Sealed(sealed.body, bytes(64)), said(who["ann"], who["eve"], mesh="home")):
        with pytest.raises(RemoteProtocolError, match=r"forged|of another mesh"):
            roster.take(wrong)
    assert belong(roster, who) == {"ann"}


def test_nobody_speaks_for_us(roster: Roster, who: dict[str, Identity]) -> None:
    body = said(who["us"], who["eve"]).body
    assert not roster.take(Sealed(body, bytes(64)))
    assert not roster.take(said(who["us"], who["eve"])), "what we said we know"
    assert belong(roster, who) == set()


def _pinned(known: Known, identity: Identity, name: str) -> None:
    known.pin(Peer(identity.key, name, Address("tcp", "10.0.0.7", 1), Side.CLIENT))


def test_all_of_it_is_kept_but_what_we_said_of_whom_we_forgot(
    roster: Roster, who: dict[str, Identity], known: Known, store: Store
) -> None:
    for name in ("ann", "bob"):
        _pinned(known, who[name], name)
        roster.introduce(who[name].key, name, 1)
    roster.take(said(who["ann"], who["cyd"]))
    roster.take(said(who["bob"], who["dan"]))
    roster.close()
    known.forget("bob")
    again = Roster(who["us"], known, store)
    assert belong(again, who) == {"ann", "cyd"}
    assert again.introduce(who["bob"].key, "bob", 2), "and can be trusted again"
    assert belong(again, who) == {"ann", "bob", "cyd", "dan"}
    again.close()


def test_a_file_of_known_peers_that_is_broken_is_an_error(who: dict[str, Identity], known: Known, store: Store) -> None:
    known.path.write_text("rubbish\n")
    with pytest.raises(KnownPeersBroken):
        Roster(who["us"], known, store)


def test_as_many_belong_as_may(roster: Roster, who: dict[str, Identity]) -> None:
    for number in range(PEER_MEMBERS + 1):
        roster.introduce(number.to_bytes(32, "big"), "somebody", 1)
    assert len(roster.names) == len(roster.introductions) == PEER_MEMBERS


def test_as_many_introductions_are_kept_as_may_be(roster: Roster, who: dict[str, Identity]) -> None:
    for number in range(PEER_INTRODUCTIONS - 1):
        roster._said[b"", number.to_bytes(32, "big")] = Sealed(b"", b"")
    roster.take(said(who["ann"], who["bob"]))
    with pytest.raises(RemoteProtocolError, match=f"there are {PEER_INTRODUCTIONS} introductions already"):
        roster.take(said(who["ann"], who["cyd"]))
