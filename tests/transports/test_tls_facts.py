"""Facts that the tests of handshakes do not see: before there are any, and of odd certificates."""

from __future__ import annotations

import ssl

from tincans.address import Address
from tincans.certificates import Leaf
from tincans.transports.tls_context import NamedObject, client_context
from tincans.transports.tls_facts import facts_of
from wrapping import in_memory, wrapped


def test_before_the_handshake_there_are_few() -> None:
    tls = client_context(Address.parse("tls://localhost:1?verify=off")).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
    assert isinstance(tls, NamedObject)
    assert facts_of(tls) == {"tls.resumed": "no"}


async def test_verified_and_unverified_peers_are_told_alike(tls: Address, leaf: Leaf) -> None:
    facts = []
    for client in (tls, Address.parse("tls://localhost:1?verify=off")):
        here, there = await wrapped(in_memory, client, tls)
        async with here, there:
            facts.append(dict(here.facts))
    assert facts[0] == facts[1]
    assert facts[0]["tls.peer"] == "CN=localhost"
