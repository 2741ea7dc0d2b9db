"""Of what a peer says of itself the newest holds, until it says farewell or is not heard of for long."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from meshing import until
from tincans.address import Address
from tincans.errors import RemoteProtocolError
from tincans.limits import PEER_MEMBERS
from tincans.peers.identity import Identity
from tincans.peers.presences import Member, Presences, _Heard
from tincans.peers.sealing import Sealed
from tincans.peers.wire import SEAL, Person, Presence

Changes = list[tuple[Member | None, Member | None]]


def here(who: Identity, stamp: int, *people: str, gone: bool = False, addresses: tuple[str, ...] = ()) -> Sealed:
    persons = tuple(Person(name) for name in people)
    said = Presence(
        mesh="tincans", author=who.key, stamp=stamp, name="ann", addresses=addresses, people=persons, gone=gone
    )
    return SEAL.seal(who, said)


@pytest.fixture
def ann(tmp_path: Path) -> Identity:
    return Identity.open(tmp_path / "ann")


def presences(changes: Changes, gone: float = 60.0) -> Presences:
    return Presences(b"us", "tincans", gone, lambda before, after: changes.append((before, after)))


async def test_the_newest_holds_and_each_is_passed_on_once(ann: Identity) -> None:
    changes: Changes = []
    all_of_them = presences(changes)
    assert all_of_them.take(here(ann, 2, "ann")) == ann.key
    assert all_of_them.take(here(ann, 2, "ann")) is None
    assert all_of_them.take(here(ann, 1, "eve")) is None
    assert all_of_them.take(newest := here(ann, 3, "ann", "bob")) == ann.key
    assert all_of_them.members[ann.key].people == (Person("ann"), Person("bob"))
    assert all_of_them.sealed == {ann.key: newest}
    assert all_of_them.take(here(ann, 4, "ann", "bob")) == ann.key
    assert len(changes) == 2, "the same again is no change"


async def test_after_a_farewell_nothing_older_brings_them_back(ann: Identity) -> None:
    changes: Changes = []
    all_of_them = presences(changes)
    all_of_them.take(here(ann, 1, "ann"))
    assert all_of_them.take(here(ann, 3, gone=True)) == ann.key
    assert all_of_them.take(here(ann, 2, "ann")) is None
    assert all_of_them.members == {}
    assert (changes[-1][0] is not None, changes[-1][1]) == (True, None)


async def test_who_is_not_heard_of_is_gone(ann: Identity) -> None:
    changes: Changes = []
    all_of_them = presences(changes, gone=0.01)
    all_of_them.take(here(ann, 1, "ann"))
    all_of_them.expire()
    assert len(changes) == 1
    loop = asyncio.get_running_loop()
    ends = loop.time() + 0.01
    await until(lambda: loop.time() > ends)
    all_of_them.expire()
    assert changes[-1][1] is None
    assert all_of_them.take(here(ann, 1, "ann")) == ann.key, "and may come back"


async def test_what_is_forged_or_for_another_mesh_is_refused(ann: Identity) -> None:
    all_of_them = presences([])
    with pytest.raises(RemoteProtocolError, match="a presence with a forged signature"):
        all_of_them.take(Sealed(here(ann, 1).body, bytes(64)))
    other = Presence(mesh="home", author=ann.key, stamp=1, name="ann")
    with pytest.raises(RemoteProtocolError, match="a presence of another mesh: 'home'"):
        all_of_them.take(SEAL.seal(ann, other))
    assert all_of_them.members == {}


async def test_a_name_that_cannot_be_shown_is_refused(ann: Identity) -> None:
    fields = ["tincans", ann.key, 1, "\x1b[31m", [], [], False]
    with pytest.raises(RemoteProtocolError, match=r"a broken presence: .* cannot be a peer's name"):
        presences([]).take(Sealed(msgspec.msgpack.encode(fields), bytes(64)))


async def test_what_others_say_of_us_is_no_news(ann: Identity) -> None:
    all_of_them = Presences(ann.key, "tincans", 1.0, lambda before, after: pytest.fail("a change"))
    assert all_of_them.take(here(ann, 1)) is None


async def test_only_places_that_can_be_called_are_addresses(ann: Identity) -> None:
    all_of_them = presences([])
    good = "tcp://10.0.0.7:7767"
    bad = ("exec:rm -rf /", "unix:/run/x.sock", "tls://10.0.0.7:1", "tcp://*:5", "nonsense", f"{good}?bind=1.2.3.4")
    all_of_them.take(here(ann, 1, addresses=(*bad, good)))
    assert all_of_them.members[ann.key].addresses == (Address.parse(good),)


async def test_as_many_are_known_as_may_be_in_a_mesh(ann: Identity, tmp_path: Path) -> None:
    all_of_them = presences([])
    for number in range(PEER_MEMBERS - 1):
        all_of_them._heard[number.to_bytes(32, "big")] = _Heard(1, Sealed(b"", b""), None, 1e18)
    assert all_of_them.take(here(ann, 1)) == ann.key
    assert all_of_them.take(here(Identity.open(tmp_path / "eve"), 1)) is None
    assert all_of_them.take(here(ann, 2)) == ann.key
