"""What an app may be told: each setting has a default that is safe, and a wrong one is told in a sentence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from running import Certificates
from tincans.address import Address
from tincans.apps import KINDS
from tincans.apps.settings import Settings
from tincans.errors import UsageError
from tincans.testing import memory_pair
from tincans.transports.tls import client_wrap
from tincans.users import Users, Verifier

USERS = Users({"ann": str(Verifier.of("pencil", rounds=1))})


def test_by_default_nothing_may_be_written_and_nothing_is_given() -> None:
    settings = Settings()
    assert not settings.write
    assert settings.tls == "off"
    assert settings.given() == {}
    assert settings == Settings(users=Users())
    assert hash(settings) == hash(Settings())


def test_what_is_given_is_what_is_not_as_by_default() -> None:
    assert Settings(write=True, keep=3).given() == {"write": True, "keep": 3}
    assert Settings(users=USERS, guests=False).given() == {"users": USERS, "guests": False}
    assert Settings(write=False, keep=0, tls="off").given() == {}


@pytest.mark.parametrize(
    ("users", "guests", "lets_in"),
    [
        (Users(), None, True),
        (USERS, None, False),
        (Users(), False, False),
        (USERS, True, True),
        (USERS, False, False),
    ],
)
def test_guests_come_in_where_nobody_is_known_or_it_is_said(users: Users, guests: bool | None, lets_in: bool) -> None:
    assert Settings(users=users, guests=guests).lets_guests_in is lets_in


def test_each_setting_is_taken_by_an_app_and_says_what_it_takes() -> None:
    taken = frozenset[str]().union(*(kind.settings for kind in KINDS.values()))
    assert taken == set(Settings.__struct_fields__)
    for field in msgspec.structs.fields(Settings):
        if field.name != "users":
            assert any(meta.description for meta in field.type.__metadata__), field.name


# ── ports ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("passive", "ports"),
    [
        ("", range(1)),
        ("50000-50100", range(50000, 50101)),
        ("1-65535", range(1, 65536)),
        ("2000-2000", range(2000, 2001)),
    ],
)
def test_the_ports_of_passive_data_connections(passive: str, ports: range) -> None:
    assert Settings(passive=passive).passive_ports == ports


@pytest.mark.parametrize("passive", ["0-1", "2-1", "1-65536", "99999-99999", "50000", "a-b", "-1-5"])
def test_what_are_no_ports(passive: str) -> None:
    with pytest.raises(UsageError) as error:
        _ = Settings(passive=passive).passive_ports
    assert str(error.value) == f"{passive!r} are no ports: write the first and the last, as in 50000-50100"


@pytest.mark.parametrize("passive", ["50000", "-", "50000-", "a-b", "50000-50100\n", "1-100000"])
def test_what_is_not_even_written_like_ports(passive: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"passive": passive}, Settings)


# ── TLS inside ────────────────────────────────────────────────────────────────────────────────────────────


def test_no_tls_is_no_handshake() -> None:
    assert Settings().wrap() is None
    assert Settings(cert="/no/such/file").wrap() is None


@pytest.mark.parametrize("tls", ["offered", "required"])
def test_tls_shows_the_certificate_that_is_given(certificates: Certificates, tls: str) -> None:
    settings = msgspec.convert({"tls": tls, "cert": str(certificates.leaf), "key": str(certificates.leaf)}, Settings)
    assert settings.wrap() is not None


async def test_without_a_certificate_one_is_made_by_the_users_own_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINCANS_CA", str(tmp_path))
    wrap = Settings(tls="offered").wrap()
    assert wrap is not None
    trusting = client_wrap(Address("tcp", "localhost", options=(("ca", str(tmp_path / "ca.pem")),)))
    client, server = memory_pair()
    inside, outside = await asyncio.gather(trusting(client), wrap(server))
    await inside.send(b"hello")
    assert await outside.receive() == b"hello"
    await asyncio.gather(inside.aclose(), outside.aclose())


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    for name in ("cert.pem", "gone.pem"):
        with pytest.raises(UsageError, match=r"TLS cannot be offered: .*cannot be used"):
            Settings(tls="offered", cert=str(tmp_path / name)).wrap()
