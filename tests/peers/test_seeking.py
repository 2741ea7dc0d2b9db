"""A mesh calls whom it trusts, wherever it hears that they are, and asks about nobody twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

from meshing import Peered, peered, until
from tincans.peers.finding import Found
from tincans.peers.known import Trust


def found(peer: Peered, *, mesh: str = "tincans") -> Found:
    """What a peer announces."""
    return Found("peer", peer.name, peer.address, mesh, peer.mesh.identity.fingerprint.short)


async def test_who_is_trusted_is_called_where_they_are_found(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob") as bob:
        ann.mesh.found(found(bob))
        await until(lambda: ann.is_linked(bob))
    async with peered(tmp_path, "ann", ask=None) as ann, peered(tmp_path, "bob", ask=None) as bob:
        ann.mesh.found(found(bob))  # at another port than before, and nobody is asked
        await until(lambda: ann.is_linked(bob))
        assert len(ann.mesh.known.peers) == 1


async def test_who_is_not_trusted_is_said_once_and_not_called_again(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann", ask=Trust()) as ann, peered(tmp_path, "bob") as bob:
        for _ in range(3):
            ann.mesh.found(found(bob))
        said = f"nobody here knows bob with the fingerprint {bob.mesh.identity.fingerprint}; to trust them: "
        await until(lambda: any(said in news.text for news in ann.ears.news))
        await asyncio.sleep(0.05)
        assert sum(said in news.text for news in ann.ears.news) == 1
        assert not ann.mesh.links
        assert ann.mesh.known.peers == []


async def test_oneself_a_hub_and_another_mesh_are_not_called(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob") as bob:
        ann.mesh.found(found(ann))
        ann.mesh.found(found(bob, mesh="home"))
        ann.mesh.found(Found("hub", "lab", bob.address))
        await asyncio.sleep(0.05)
        assert ann.mesh._seeker._address_calls == []
        assert bob.ears.news == []


async def test_who_was_known_is_called_when_one_comes_back(tmp_path: Path) -> None:
    async with peered(tmp_path, "bob") as bob:
        async with peered(tmp_path, "ann") as ann:
            await ann.link(bob)
        async with peered(tmp_path, "ann") as ann:
            await until(lambda: ann.is_linked(bob))


async def test_another_identity_where_somebody_known_was_is_said_loudly(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann:
        async with peered(tmp_path, "bob") as bob:
            await ann.link(bob)
        async with peered(tmp_path, "eve", address=bob.address):
            said = "THE IDENTITY OF bob HAS CHANGED: the address is known with the fingerprint "
            await until(lambda: any(f"{said}{bob.mesh.identity.fingerprint}" in text for text in ann.ears.loud))
            assert not ann.mesh.links


async def test_a_friend_where_another_friend_was_is_no_alarm(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "dan") as dan:
        async with peered(tmp_path, "bob") as bob, peered(tmp_path, "cyd") as cyd:
            await ann.link(dan)
            await ann.link(bob)
            await cyd.link(dan)  # whom dan trusts, and so ann does
            await until(lambda: cyd.mesh.key in ann.mesh.roster)
    async with peered(tmp_path, "cyd", address=bob.address), peered(tmp_path, "ann") as ann:
        calls = ann.mesh._seeker._trusted_calls
        found = f"its fingerprint is {cyd.mesh.identity.fingerprint}, and not {bob.mesh.identity.fingerprint}"
        await until(lambda: found in calls[bob.mesh.identity.fingerprint]._told)
        assert not any("HAS CHANGED" in text for text in ann.ears.loud)


async def test_whoever_comes_back_elsewhere_is_found_by_their_own_calls(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann:
        async with peered(tmp_path, "bob") as bob:
            await bob.link(ann)
            await until(lambda: ann.sees(bob))
        async with peered(tmp_path, "bob") as bob:
            await until(lambda: ann.is_linked(bob))
            await until(lambda: ann.sees(bob) and ann.mesh.members[bob.mesh.key].addresses == (bob.address,))


async def test_a_file_of_known_peers_that_somebody_broke_is_said(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob") as bob:
        ann.mesh.known.path.write_text("rubbish\n")
        call = ann.mesh.call(bob.address)
        await until(lambda: any("known_peers, line 1: it has fewer than four words" in text for text in ann.ears.loud))
        ann.mesh.known.path.unlink()
        await call.linked()
