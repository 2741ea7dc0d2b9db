"""Whom a peer knows is a file for people; a changed identity is refused, and nothing is trusted by itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tincans.address import Address
from tincans.channel import Side
from tincans.errors import IdentityChanged, KnownPeersBroken, NoSuchPeer, UsageError
from tincans.peers.identity import Fingerprint
from tincans.peers.known import Known, Trust
from tincans.peers.tls import Peer

HERE = Address.parse("tcp://10.0.0.7:7767")
THERE = Address.parse("tcp://10.0.0.8:7767")


def peer(key: bytes = b"a", name: str = "ann", *, address: Address = HERE, called: bool = True) -> Peer:
    """Somebody whom we called, or who called us."""
    return Peer(key * 32, name, address, Side.SERVER if called else Side.CLIENT)


@pytest.fixture
def known(tmp_path: Path) -> Known:
    return Known(tmp_path / "peers" / "known_peers")


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_is_known_where_there_is_no_file(known: Known) -> None:
    assert known.peers == []
    assert known.recognize(peer()) is None
    assert not known.path.exists()


def test_who_is_pinned_is_a_line_that_a_person_can_read(known: Known) -> None:
    known.pin(peer())
    known.pin(peer(b"b", "bob", called=False))
    head, ann, bob = known.path.read_text().splitlines()
    assert head.startswith("# NAME FINGERPRINT ADDRESS SINCE")
    assert ann.split()[:3] == ["ann", str(peer().fingerprint), "tcp://10.0.0.7:7767"]
    assert bob.split()[:3] == ["bob", str(peer(b"b").fingerprint), "-"], "where somebody calls from they do not listen"
    assert known.path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in Known(known.path).peers] == ["ann", "bob"]


def test_comments_and_what_a_person_wrote_survive(known: Known) -> None:
    known.path.parent.mkdir()
    lines = ["# my friends", "", f"  ann   {peer().fingerprint}  -  2026-11-28T03:00:00Z  from school"]
    known.path.write_text("\n".join(lines))
    known.pin(peer(b"b", "bob", address=THERE))
    known.seen(peer())
    known.forget("bob")
    assert known.path.read_text().splitlines() == [
        "# my friends", "", f"ann {peer().fingerprint} tcp://10.0.0.7:7767 2026-11-28T03:00:00Z  from school"
    ]  # fmt: skip


def test_what_another_process_writes_is_seen(known: Known) -> None:
    other = Known(known.path)
    other.pin(peer())
    assert known.recognize(peer()) is not None
    known.forget("ann")
    assert other.peers == []


def test_where_somebody_was_called_last_is_remembered(known: Known) -> None:
    known.pin(peer())
    known.seen(peer(address=THERE))
    assert known.named("ann").address == THERE
    known.seen(peer(address=HERE, called=False))
    assert known.named("ann").address == THERE
    known.seen(peer(b"x"))
    assert len(known.peers) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ann", "it has fewer than four words: NAME FINGERPRINT ADDRESS SINCE"),
        ("ann abcd - 2026", "'abcd' is not a fingerprint: that is 13 groups of 4 letters and digits, as abcd-efgh-…"),
        (f"ann {peer().fingerprint} nowhere 2026", "'nowhere' is not an address"),
        (f"@ann {peer().fingerprint} - 2026", "'@ann' cannot be a peer's name"),
        (f"bob {peer().fingerprint} - 2026", "bob is there twice"),
    ],
)
def test_a_broken_line_is_named_and_left_as_it_is(known: Known, line: str, reason: str) -> None:
    known.path.parent.mkdir()
    known.path.write_text(text := f"# mine\nbob {peer(b'b').fingerprint} - 2026\n{line}\n")
    with pytest.raises(KnownPeersBroken) as raised:
        known.pin(peer(b"c", "cyd"))
    assert str(raised.value).startswith(f"{known.path}, line 3: {reason}")
    assert known.path.read_text() == text


def test_a_file_that_cannot_be_read_is_said(known: Known) -> None:
    known.path.mkdir(parents=True)
    with pytest.raises(KnownPeersBroken, match="is a directory"):
        known.peers  # noqa: B018
    known.path.rmdir()
    known.path.write_bytes(b"\xff\n")
    with pytest.raises(KnownPeersBroken, match="it is not UTF-8"):
        known.peers  # noqa: B018


def test_a_write_that_fails_leaves_the_file_as_it_was(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    known.pin(peer())
    before = known.path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(KnownPeersBroken, match="no space left on device"):
        known.pin(peer(b"b", "bob", address=THERE))
    assert known.path.read_bytes() == before
    assert [each.name for each in known.peers] == ["ann"]


# ── recognizing ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_known_whatever_it_calls_itself_and_wherever_it_is(known: Known) -> None:
    known.pin(peer())
    again = known.recognize(peer(name="eve", address=THERE))
    assert again is not None
    assert again.name == "ann"
    assert known.pin(peer(name="other")) == again, "and stays as it is"


@pytest.mark.parametrize(
    ("other", "by", "doing"),
    [
        (peer(b"x", "eve"), "address", "cannot connect to"),
        (peer(b"x", "ann", address=THERE), "name", "cannot connect to"),
        (peer(b"x", "ann", address=THERE, called=False), "name", "cannot serve"),
    ],
)
def test_a_changed_identity_is_refused_loudly(known: Known, other: Peer, by: str, doing: str) -> None:
    known.pin(peer())
    for act in (known.recognize, known.pin):
        with pytest.raises(IdentityChanged) as raised:
            act(other)
        assert str(raised.value) == (
            f"{doing} {other.address}: THE IDENTITY OF ann HAS CHANGED: the {by} is known with the fingerprint "
            f"{peer().fingerprint}, and showed {other.fingerprint}; if that is right: tincans chat --forget ann"
        )
    known.forget("ann")
    assert known.recognize(other) is None


def test_where_somebody_calls_from_is_no_sign_of_who_they_are(known: Known) -> None:
    known.pin(peer())
    assert known.recognize(peer(b"x", "eve", called=False)) is None


def test_a_name_can_be_given_but_not_another_s(known: Known) -> None:
    assert known.pin(peer(), "annie").name == "annie"
    with pytest.raises(IdentityChanged):
        known.pin(peer(b"b", "bob", address=THERE), "annie")
    with pytest.raises(UsageError):
        known.pin(peer(b"b", "bob", address=THERE), "no name")


def test_nobody_can_be_forgotten_who_is_not_known(known: Known) -> None:
    with pytest.raises(NoSuchPeer, match="has no peer 'ann'"):
        known.forget("ann")


# ── trusting ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_trust_is_of_fingerprints_or_of_anybody() -> None:
    some = Trust.parse([str(peer().fingerprint).upper()])
    assert await some(peer())
    assert not await some(peer(b"x"))
    assert await Trust.parse(["new"])(peer(b"x"))
    assert not await Trust()(peer())
    with pytest.raises(UsageError, match="is not a fingerprint"):
        Trust.parse(["anybody"])


async def test_two_who_pin_at_once_lose_nobody(known: Known) -> None:
    def pin(key: int) -> None:
        Known(known.path).pin(peer(bytes([key]), f"peer{key}", called=False))

    await asyncio.gather(*(asyncio.to_thread(pin, key) for key in range(16)))
    assert sorted(each.fingerprint for each in known.peers) == sorted(
        Fingerprint.of(bytes([key]) * 32) for key in range(16)
    )
