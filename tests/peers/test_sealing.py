"""A signed statement is its author's, of one kind, in one mesh, and has one form."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tincans.errors import RemoteProtocolError
from tincans.limits import PEER_STATEMENT_BYTES
from tincans.peers.identity import Identity
from tincans.peers.sealing import Seal, Sealed, Statement


class Note(Statement, frozen=True, kw_only=True):
    text: str


SEAL, OTHER = Seal(Note, "note"), Seal(Note, "other note")


@pytest.fixture
def ann(tmp_path: Path) -> Identity:
    return Identity.open(tmp_path / "ann")


def note(author: Identity, text: str = "hello") -> Note:
    return Note(mesh="m", author=author.key, text=text)


def test_what_was_sealed_is_unsealed(ann: Identity) -> None:
    assert SEAL.unseal(SEAL.seal(ann, note(ann)), "m") == note(ann)


def test_it_means_nothing_in_another_mesh(ann: Identity) -> None:
    with pytest.raises(RemoteProtocolError, match="a note of another mesh: 'm'"):
        SEAL.unseal(SEAL.seal(ann, note(ann)), "n")


def test_no_byte_of_it_can_be_changed(ann: Identity) -> None:
    sealed = SEAL.seal(ann, note(ann))
    for at in range(len(sealed.body)):
        body = bytearray(sealed.body)
        body[at] ^= 1
        with pytest.raises(RemoteProtocolError):
            SEAL.unseal(Sealed(bytes(body), sealed.signature), "m")
    for at in range(len(sealed.signature)):
        signature = bytearray(sealed.signature)
        signature[at] ^= 1
        with pytest.raises(RemoteProtocolError, match="forged"):
            SEAL.unseal(Sealed(sealed.body, bytes(signature)), "m")


def test_nobody_signs_for_another(ann: Identity, tmp_path: Path) -> None:
    eve = Identity.open(tmp_path / "eve")
    body = msgspec.msgpack.encode(note(ann))
    with pytest.raises(RemoteProtocolError, match="a note with a forged signature"):
        SEAL.unseal(Sealed(body, eve.sign(b"tincans note\0" + body)), "m")


def test_a_signature_of_one_kind_is_none_of_another(ann: Identity) -> None:
    with pytest.raises(RemoteProtocolError, match="a other note with a forged signature"):
        OTHER.unseal(SEAL.seal(ann, note(ann)), "m")


def test_the_same_in_another_form_is_not_the_same(ann: Identity) -> None:
    """A number in more bytes than it needs, as msgpack allows, would make two posts of one."""
    plain = msgspec.msgpack.encode(note(ann))
    longer = b"\xdc\x00\x03" + plain[1:]
    assert msgspec.msgpack.decode(longer) == msgspec.msgpack.decode(plain)
    with pytest.raises(RemoteProtocolError, match="a note in another form than the one it has"):
        SEAL.unseal(Sealed(longer, ann.sign(b"tincans note\0" + longer)), "m")


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc0", b"\x80", msgspec.msgpack.encode(["m", b"short", "x"]), msgspec.msgpack.encode(["m", b"x" * 32])],
)
def test_what_is_none_is_said_to_be_broken(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="a broken note"):
        SEAL.read(Sealed(body, bytes(64)))


def test_a_statement_is_as_long_as_it_may_be() -> None:
    decode = msgspec.msgpack.Decoder(Sealed).decode
    for size, good in ((PEER_STATEMENT_BYTES, True), (PEER_STATEMENT_BYTES + 1, False)):
        data = msgspec.msgpack.encode(Sealed(bytes(size), bytes(64)))
        if good:
            assert len(decode(data).body) == size
        else:
            with pytest.raises(msgspec.ValidationError):
                decode(data)
