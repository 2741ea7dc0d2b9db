"""Notices on the local network, which here is loopback: put up, found by name, each name once, taken down."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from zeroconf.asyncio import AsyncZeroconf

from running import PATIENCE
from tincans.address import Address
from tincans.peers import notices
from tincans.peers.hosts import ALL, offer_name, own_hosts, peer_name, reachable
from tincans.peers.notices import Notice, find

HERE = Address("tcp", "127.0.0.1", 4321)
SOON = 0.3


@pytest.fixture(autouse=True)
def on_loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_MDNS", "127.0.0.1")


def name() -> str:
    """One that no other test has, of the many that run at once."""
    return f"test-{secrets.token_hex(4)}"


@asynccontextmanager
async def put_up(*names: str, address: Address = HERE) -> AsyncIterator[Notice]:
    notice = await Notice.put_up(names, address)
    assert notice is not None
    try:
        yield notice
    finally:
        await notice.aclose()


async def test_it_is_found_by_its_name_until_it_is_taken_down() -> None:
    mine = name()
    async with put_up(mine) as notice:
        assert notice.name == mine
        assert await find(mine, PATIENCE) == [HERE]
        assert await find(name(), SOON) == []
    assert await find(mine, SOON) == []


async def test_a_name_that_somebody_has_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = name(), name()
    ask = notices._asked

    async def patiently(network: AsyncZeroconf, asked: str, seconds: float) -> list[Address]:
        """However busy the machine is: who has a name says so."""
        return await ask(network, asked, PATIENCE if asked == mine else seconds)

    async with put_up(mine):
        monkeypatch.setattr(notices, "_asked", patiently)
        async with put_up(mine, other, address=HERE._replace(port=4322)) as second:
            assert second.name == other
            assert await find(mine) == [HERE]
            assert await find(other, PATIENCE) == [HERE._replace(port=4322)]


async def test_where_there_is_no_such_network_nothing_is_put_up_and_nobody_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TINCANS_MDNS", "192.0.2.1")  # nobody's (RFC 5737)
    assert await Notice.put_up([name()], HERE) is None
    assert await find(name(), SOON) == []


def test_names_say_what_they_are_of() -> None:
    assert offer_name(7) == "offer-7"
    assert peer_name("abcd-efgh") == "peer-abcd-efgh"


def test_a_machine_is_called_by_an_address_of_its_own() -> None:
    assert own_hosts()
    assert all(reachable(host) == own_hosts()[0] for host in ALL)
    assert reachable("192.0.2.7") == "192.0.2.7"
