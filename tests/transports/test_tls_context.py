"""What the options of an address become, which contexts are kept, and which files are refused."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from running import program
from tincans.address import Address
from tincans.certificates import Authority, Leaf, kept_leaf, make_leaf
from tincans.errors import AddressError
from tincans.transports.tls_context import client_context, server_context, server_name


def at(place: str = "tls://localhost:1", **options: object) -> Address:
    query = "&".join(f"{name.replace('_', '-')}={value}" for name, value in options.items())
    return Address.parse(f"{place}?{query}" if query else place)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("tls://example.org:1", "example.org"),
        ("tls://example.org.:1", "example.org"),
        ("tls://example.org:1?sni=other.org", "other.org"),
        ("tls://[fe80::1%25lo]:1", "fe80::1"),
        ("tls://*:1", "localhost"),
        ("tls+unix:///run/x", "localhost"),
        ("tls+exec:cat", "localhost"),
    ],
)
def test_the_name_to_verify(address: str, name: str) -> None:
    try:
        parsed = Address.parse(address)
    except AddressError:
        parsed = Address("tcp", "fe80::1%lo", 1, wraps=("tls",))
    assert server_name(parsed) == name


def test_verification_is_on_unless_told_otherwise(leaf: Leaf) -> None:
    assert client_context(at(ca=leaf.ca_path)).verify_mode is ssl.CERT_REQUIRED
    assert client_context(at(ca=leaf.ca_path)).check_hostname
    assert client_context(at(verify="off")).verify_mode is ssl.CERT_NONE
    assert server_context(at(cert=leaf.cert_path, key=leaf.key_path)).verify_mode is ssl.CERT_NONE
    asks = server_context(at(cert=leaf.cert_path, key=leaf.key_path, client_ca=leaf.ca_path))
    assert asks.verify_mode is ssl.CERT_REQUIRED


def test_old_versions_are_not_spoken(leaf: Leaf) -> None:
    assert client_context(at(ca=leaf.ca_path)).minimum_version is ssl.TLSVersion.TLSv1_2
    assert client_context(at(ca=leaf.ca_path, min="1.3")).minimum_version is ssl.TLSVersion.TLSv1_3


def test_a_context_is_kept_until_its_files_change(authority: Authority, tmp_path: Path) -> None:
    leaf = make_leaf(["localhost"], tmp_path, authority=authority)
    address = at(cert=leaf.cert_path, key=leaf.key_path)
    first = server_context(address)
    assert server_context(address) is first
    os.utime(leaf.cert_path, (1, 1))
    assert server_context(address) is not first


def test_a_context_serves_every_address_with_the_same_options(leaf: Leaf) -> None:
    first = client_context(at("tls://one:1", ca=leaf.ca_path))
    assert client_context(at("tls://other:2", ca=leaf.ca_path)) is first
    assert client_context(at("tls://one:1", ca=leaf.ca_path, alpn="h2")) is not first


def test_a_certificate_given_alone_has_its_key_with_it(leaf: Leaf, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(leaf.cert_path.read_bytes() + leaf.key_path.read_bytes())
    server_context(at(cert=both))


def test_the_users_own_authority_is_trusted_beside_the_machines(tmp_path: Path) -> None:
    before = len(client_context(at()).get_ca_certs())
    kept_leaf(["localhost"])
    assert len(client_context(at()).get_ca_certs()) == before + 1


def test_without_a_certificate_one_is_made_for_every_name_of_this_machine() -> None:
    server_context(Address.parse("tls://*:1"))
    folders = os.listdir(Path(os.environ["TINCANS_CA"]) / "leaves")
    assert folders == ["+".join(sorted({"127.0.0.1", "::1", "localhost", socket.gethostname().lower()}))]


def test_files_that_cannot_be_used(leaf: Leaf, authority: Authority, tmp_path: Path) -> None:
    other = make_leaf(["localhost"], tmp_path, authority=authority)
    locked = tmp_path / "locked.key"
    subprocess.run(
        [program("openssl"), "pkey", "-in", other.key_path, "-out", locked, "-aes128", "-passout", "pass:x"], check=True
    )
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing\n")
    for address, reason in (
        (at(ca=tmp_path / "no.pem"), "no.pem' cannot be used: no such file or directory"),
        (at(ca=nothing), "nothing.pem' cannot be used: there is no certificate in it"),
        (at(ca=leaf.ca_path, cert=nothing), "there is no certificate in"),
        (at(ca=leaf.ca_path, cert=leaf.cert_path), "or no key"),
        (at(ca=leaf.ca_path, cert=leaf.cert_path, key=other.key_path), "belongs to another key"),
        (at(ca=leaf.ca_path, cert=other.cert_path, key=locked), "locked.key' cannot be used: it is locked with a"),
        (at(ca=leaf.ca_path, key=leaf.key_path), "the option 'key' is given without 'cert'"),
    ):
        with pytest.raises(AddressError) as caught:
            client_context(address)
        assert reason in str(caught.value)
