"""Where the parties are: true addresses where there are some, stand-ins where there are none."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.export.legs import Leg

MAPPED = IPv6Address("::ffff:10.0.0.1")


@pytest.mark.parametrize(
    ("client", "server", "expected"),
    [
        ("tcp://10.0.0.1:5555", "tcp://10.0.0.2:80", "10.0.0.1:5555 10.0.0.2:80"),
        ("tcp://[fe80::1]:5555", "tls://[::1]:443", "[fe80::1]:5555 [::1]:443"),
        ("tcp://10.0.0.1:5555", "tcp://[::1]:80", f"[{MAPPED}]:5555 [::1]:80"),
        ("wss://10.0.0.1:5555", "wss://10.0.0.2/feed", "10.0.0.1:5555 10.0.0.2:443"),
        ("udp://10.0.0.1:5555", "udp://10.0.0.2:53", "10.0.0.1:5555 10.0.0.2:53"),
    ],
)
def test_addresses_of_the_internet_stay(client: str, server: str, expected: str) -> None:
    leg = Leg.between(client, server, 1)
    assert f"{leg.client} {leg.server}" == expected
    assert not leg.client.instead_of
    assert not leg.server.instead_of
    assert leg.datagrams is client.startswith("udp")


@pytest.mark.parametrize(
    ("client", "server", "expected"),
    [
        ("unix:", "unix:///run/x.sock", "192.0.2.1:49153 192.0.2.2:49151"),
        ("tcp://10.0.0.1:5555", "exec:cat", "10.0.0.1:5555 192.0.2.2:49151"),
        ("tcp://[::1]:5555", "exec:cat", "[::1]:5555 [2001:db8::2]:49151"),
        ("stdio:", "tcp://[::1]:80", "[2001:db8::1]:49153 [::1]:80"),
        ("tcp://10.0.0.1:5555", "tcp://example.org:80", "10.0.0.1:5555 192.0.2.2:80"),
        ("tcp://10.0.0.1:0", "tcp://*:80", "10.0.0.1:49153 192.0.2.2:80"),
        ("", "no address \x1b at all", "192.0.2.1:49153 192.0.2.2:49151"),
    ],
)
def test_what_has_none_is_given_one(client: str, server: str, expected: str) -> None:
    leg = Leg.between(client, server, 1)
    assert f"{leg.client} {leg.server}" == expected
    for end, text in ((leg.client, client), (leg.server, server)):
        if end.ip.is_private and str(end.ip).startswith(("192.0.2.", "2001:db8::")):
            assert end.instead_of == (text or "an unknown address")


def test_conversations_without_ports_are_told_apart() -> None:
    ports = {Leg.between("unix:", "unix:///x", number).client.port for number in range(16_384)}
    assert len(ports) == 16_384
    assert max(ports) == 65_535


@given(st.text(), st.text(), st.integers(0, 2**63 - 1))
def test_whatever_was_recorded_has_its_place(client: str, server: str, number: int) -> None:
    leg = Leg.between(client, server, number)
    assert leg.client.ip.version == leg.server.ip.version
    assert 0 < leg.client.port < 65_536
