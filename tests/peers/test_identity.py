"""A key is made once, is its owner's alone, and its fingerprint can be read by one person to another."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from running import program, run
from tincans.errors import IdentityBroken, UsageError
from tincans.peers.identity import KEY_BYTES, SIGNATURE_BYTES, Fingerprint, Identity, parse_fingerprint, verified

DIGESTS = st.binary(min_size=32, max_size=32)


def test_it_is_made_once_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "peers"
    identity = Identity.open(folder)
    assert Identity.open(folder).key == identity.key
    assert identity.path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.listdir(folder) == ["identity.pem"]


def test_another_folder_is_somebody_else(tmp_path: Path) -> None:
    assert Identity.open(tmp_path / "a").key != Identity.open(tmp_path / "b").key


def test_processes_that_begin_at_once_are_the_same_peer(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from tincans.peers.identity import Identity;"
    code += "sys.stdin.read(); print(Identity.open(Path(sys.argv[1])).fingerprint)"
    command = [sys.executable, "-c", code, str(tmp_path / "peers")]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said = {process.communicate()[0] for process in started}
    assert said == {f"{Identity.open(tmp_path / 'peers').fingerprint}\n"}


def test_the_fingerprint_is_what_openssl_says_of_the_key(tmp_path: Path) -> None:
    identity = Identity.open(tmp_path)
    der = run([program("openssl"), "pkey", "-in", str(identity.path), "-pubout", "-outform", "DER"])
    assert identity.fingerprint == hashlib.sha256(der).digest()
    assert der.endswith(identity.key)
    assert len(identity.key) == KEY_BYTES


@given(DIGESTS)
def test_a_fingerprint_reads_back_however_it_is_written(digest: bytes) -> None:
    fingerprint = Fingerprint(digest)
    text = str(fingerprint)
    assert [len(group) for group in text.split("-")] == [4] * 13
    for written in (text, text.upper(), text.replace("-", ""), text.replace("-", " "), f"  {text}\n"):
        assert Fingerprint.parse(written) == digest
    assert text.startswith(f"{fingerprint.short}-")
    assert f"{fingerprint}" == text


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: text + "a", lambda text: "1" + text[1:]])
def test_what_is_none_is_refused_with_what_it_looks_like(change: object) -> None:
    assert callable(change)
    with pytest.raises(UsageError, match="is not a fingerprint: that is 13 groups of 4"):
        parse_fingerprint(change(str(Fingerprint(b"x" * 32))))


def test_only_the_owner_signs_and_only_what_was_signed_is_good(tmp_path: Path) -> None:
    ann, bob = Identity.open(tmp_path / "a"), Identity.open(tmp_path / "b")
    signature = ann.sign(b"hello")
    assert len(signature) == SIGNATURE_BYTES
    assert verified(ann.key, signature, b"hello")
    assert not verified(ann.key, signature, b"hello!")
    assert not verified(bob.key, signature, b"hello")
    assert not verified(ann.key, signature[:-1], b"hello")
    assert not verified(b"short", signature, b"hello")


def _pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "there is no key in it"),
        (b"rubbish", "there is no key in it"),
        (_pem(ec.generate_private_key(ec.SECP256R1())), "the key in it is not an Ed25519 key"),
        (_pem(Ed25519PrivateKey.generate(), b"secret"), "it is locked with a password"),
    ],
)
def test_a_broken_file_is_one_clear_sentence(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "identity.pem"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(IdentityBroken) as raised:
        Identity.open(tmp_path)
    assert str(raised.value) == f"{path} does not say who you are: {reason}"
    assert path.read_bytes() == data, "it is not replaced"


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = Identity.open(tmp_path).path
    path.chmod(0o640)
    with pytest.raises(IdentityBroken, match=f"others may read it; run: chmod 600 {path}"):
        Identity.open(tmp_path)


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IdentityBroken, match="not a directory"):
        Identity.open(tmp_path / "file" / "peers")
