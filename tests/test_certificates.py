"""The authority and its leaves, judged by OpenSSL, curl and Node, and by the rules of browsers."""

from __future__ import annotations

import os
import ssl
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from running import program, run
from tincans import certificates
from tincans.certificates import how_to_trust, is_name, kept_leaf, local_authority, make_leaf, names_of
from tincans.errors import UsageError


@pytest.fixture(autouse=True)
def _own_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_CA", str(tmp_path / "ca"))


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_authority_is_made_once() -> None:
    first = local_authority()
    key = first.key_path.read_bytes()
    assert local_authority() == first
    assert first.key_path.read_bytes() == key


def test_many_who_ask_at_once_get_the_same_authority() -> None:
    together = threading.Barrier(8)

    def ask(_: int) -> tuple[bytes, bytes]:
        together.wait()
        authority = local_authority()
        return authority.cert_path.read_bytes(), authority.key_path.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_keys_are_the_users_alone(tmp_path: Path) -> None:
    authority = local_authority()
    leaf = make_leaf(["localhost"], tmp_path / "here")
    for key in (authority.key_path, leaf.key_path):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(authority.key_path.parent.stat().st_mode) == 0o700
    assert not [name for name in os.listdir(tmp_path / "here") if name.startswith("tmp")]


def test_a_leaf_is_for_the_names_asked(tmp_path: Path) -> None:
    names = ["example.org", "*.example.org", "münchen.example", "127.0.0.1", "::1"]
    leaf = make_leaf(names, tmp_path)
    assert names_of(load(leaf.cert_path)) == [
        "example.org",
        "*.example.org",
        "xn--mnchen-3ya.example",
        "127.0.0.1",
        "::1",
    ]
    assert leaf.cert_path == tmp_path / "example.org.pem"


def test_a_wildcards_files_have_no_star_in_their_names(tmp_path: Path) -> None:
    assert make_leaf(["*.example.org"], tmp_path).key_path.name == "_wildcard.example.org.key"


@pytest.mark.parametrize("name", ["", "a b", "-x.org", "a.*.org", "x" * 64, "1.2.3.4/8", "x\n", "a..b"])
def test_what_cannot_be_a_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither a host name"):
        make_leaf([name], tmp_path)


def test_a_name_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one name"):
        make_leaf([], tmp_path)


def test_a_leaf_keeps_the_rule_of_browsers_and_the_authority_lasts_ten_years(tmp_path: Path) -> None:
    ca = load(local_authority().cert_path)
    leaf = load(make_leaf(["localhost"], tmp_path).cert_path)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=398)
    assert ca.not_valid_after_utc - ca.not_valid_before_utc == timedelta(days=3650)
    assert leaf.not_valid_before_utc < datetime.now(UTC)


def test_a_leaf_does_not_outlive_its_authority(tmp_path: Path) -> None:
    ca = load(local_authority().cert_path)
    leaf = load(make_leaf(["localhost"], tmp_path, days=10_000).cert_path)
    assert leaf.not_valid_after_utc == ca.not_valid_after_utc


def test_a_kept_leaf_is_used_again_and_renewed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first = kept_leaf(["localhost", "::1"])
    before = first.cert_path.read_bytes()
    assert kept_leaf(["localhost", "::1"]).cert_path.read_bytes() == before
    monkeypatch.setattr(certificates, "RENEW_DAYS", certificates.LEAF_DAYS)
    assert kept_leaf(["localhost", "::1"]).cert_path.read_bytes() != before


def test_a_kept_leaf_of_another_authority_is_made_anew() -> None:
    first = kept_leaf(["localhost"])
    before = first.cert_path.read_bytes()
    for path in local_authority():
        path.unlink()
    assert kept_leaf(["localhost"]).cert_path.read_bytes() != before


def test_a_kept_leaf_without_its_key_is_made_anew() -> None:
    kept_leaf(["localhost"]).key_path.unlink()
    assert kept_leaf(["localhost"]).key_path.exists()


def test_pythons_strictest_check_accepts_the_chain(tmp_path: Path) -> None:
    """VERIFY_X509_STRICT is what Python 3.13 and later check with by default."""
    leaf = make_leaf(["localhost"], tmp_path)
    client = ssl.create_default_context(cafile=str(leaf.ca_path))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(leaf.cert_path, leaf.key_path)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for end in ends * 2:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pass
    assert ends[0].getpeercert() != {}


@pytest.mark.foreign
def test_openssl_accepts_the_chain_for_a_server_and_for_a_client(tmp_path: Path) -> None:
    leaf = make_leaf(["localhost", "127.0.0.1"], tmp_path)
    verify = [program("openssl"), "verify", "-x509_strict", "-CAfile", str(leaf.ca_path)]
    for check in (["-purpose", "sslserver", "-verify_hostname", "localhost"], ["-purpose", "sslclient"]):
        run([*verify, *check, str(leaf.cert_path)])
    run([*verify, "-verify_hostname", "example.org", str(leaf.cert_path)], expected=2)


def test_how_to_trust_names_every_program_and_the_file() -> None:
    path = Path("/a folder/ca.pem")
    text = how_to_trust(path)
    for word in ("Debian", "curl", "Python", "Node", "Java", "Chromium", "Firefox", "tincans connect"):
        assert word in text
    assert text.count("'/a folder/ca.pem'") == 10


@pytest.mark.foreign
def test_the_line_for_java_works(tmp_path: Path) -> None:
    """The same line, with a store of our own in place of the machine's."""
    store = str(tmp_path / "store")
    line = next(line for line in how_to_trust(local_authority().cert_path).splitlines() if "keytool" in line)
    run([program("keytool"), *line.replace("-cacerts", f"-keystore {store}").split()[1:]])
    assert os.path.getsize(store) > 0


@pytest.mark.parametrize("name", ["../../outside", "a/b", "", ".", "x y", "a..b", "*"])
def test_what_is_no_name_never_becomes_a_file(name: str, tmp_path: Path) -> None:
    assert not is_name(name)
    with pytest.raises(UsageError, match="neither a host name"):
        kept_leaf([name])
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("name", ["localhost", "*.shop.example", "192.0.2.1", "2001:db8::1", "münchen.example"])
def test_what_is_a_name(name: str) -> None:
    assert is_name(name)
