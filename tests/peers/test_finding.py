"""Hubs and peers that announce themselves on the loopback interface are found, and what they say is not believed."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, NamedTuple

import pytest
from zeroconf import Zeroconf
from zeroconf.asyncio import AsyncServiceInfo

from meshing import until
from running import PATIENCE
from tincans.address import Address
from tincans.errors import NoDiscovery
from tincans.limits import FOUND_MOST
from tincans.peers import finding
from tincans.peers.finding import SERVICE, Announcement, Finding, Found, find_hubs
from tincans.peers.identity import Fingerprint
from tincans.tasks import spawn

LOOPBACK = ["127.0.0.1"]
FINGERPRINT = Fingerprint(b"f" * 32)


def at(port: int) -> Address:
    return Address("tcp", "127.0.0.1", port)


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback nobody else has the name, so there is nothing to wait for (RFC 6762 §8.1 has three questions in 750
    ms, §8.3 two announcements a second apart)."""
    import zeroconf._core

    monkeypatch.setattr(zeroconf._core, "_CHECK_TIME", 1)
    monkeypatch.setattr(zeroconf._core, "_REGISTER_TIME", 1)
    monkeypatch.setattr(zeroconf._core, "_UNREGISTER_TIME", 1)


@pytest.mark.usefixtures("_hasty")
async def test_hubs_and_peers_are_found_as_soon_as_they_are_there() -> None:
    mark = f"{id(asyncio.get_running_loop()):x}"  # others may run this test at the same time
    hub = Found("hub", f"lab.{mark}", at(40001))
    peer = Found("peer", f"ann-{mark}", at(40002), "tincans", FINGERPRINT.short)
    found: list[Found] = []
    async with (
        Finding(found.append, interfaces=LOOPBACK),
        Announcement("hub", hub.name, hub.address),
        Announcement("peer", peer.name, peer.address, mesh="tincans", fingerprint=FINGERPRINT, interfaces=LOOPBACK),
    ):
        await until(lambda: hub in found and peer in found)
        hubs = await find_hubs(0.05, interfaces=LOOPBACK)
        assert all(each.kind == "hub" for each in hubs)
    # Not as often as it is announced; twice where a busy machine let go of a record that it was late to hear again.
    assert 1 <= found.count(hub) <= 2
    assert 1 <= found.count(peer) <= 2


@pytest.mark.usefixtures("_hasty")
async def test_who_did_not_answer_in_time_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """zeroconf tells of an announcement once, however often it is heard."""
    hub = Found("hub", f"busy-{id(asyncio.get_running_loop()):x}", at(40003))
    asked: list[str] = []

    class Busy(AsyncServiceInfo):
        async def async_request(self, zc: Zeroconf, timeout: float, *args: Any, **named: Any) -> bool:
            if hub.name in self.name:
                asked.append(self.name)
                if len(asked) <= 2:
                    return False
            return await super().async_request(zc, PATIENCE * 1000, *args, **named)

    monkeypatch.setattr("zeroconf.asyncio.AsyncServiceInfo", Busy)
    monkeypatch.setattr(finding, "FIND_SECONDS", 0.01)
    found: list[Found] = []
    async with Finding(found.append, interfaces=LOOPBACK), Announcement("hub", hub.name, hub.address):
        await until(lambda: hub in found)
    assert len(asked) == 3


@pytest.mark.usefixtures("_hasty")
async def test_what_is_taken_back_is_not_asked_about_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "FIND_SECONDS", 0.01)
    async with Finding(lambda _: None, interfaces=LOOPBACK) as looking:
        assert looking._zeroconf is not None
        name = f"nobody.{SERVICE}"
        looking._heard(looking._zeroconf.zeroconf, SERVICE, name, _Change("Added"))  # type: ignore[arg-type]
        asking = looking._asked[name]
        looking._heard(looking._zeroconf.zeroconf, SERVICE, name, _Change("Removed"))  # type: ignore[arg-type]
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert name not in looking._asked


@pytest.mark.usefixtures("_hasty")
async def test_what_listens_on_loopback_alone_is_announced_there_alone() -> None:
    assert Announcement("hub", "lab", at(40001))._interfaces == LOOPBACK
    assert Announcement("hub", "lab", Address("tcp", "localhost", 5))._interfaces == ["localhost"]
    assert Announcement("hub", "lab", Address("tcp", "*", 5))._interfaces is None
    async with Announcement("hub", "lab", Address("tcp", "localhost", 5)):
        pass


def info(port: int = 5, hosts: list[str] = LOOPBACK, **properties: str) -> AsyncServiceInfo:
    said: dict[Any, Any] = dict(properties)
    return AsyncServiceInfo(SERVICE, f"x.{SERVICE}", port=port, properties=said, parsed_addresses=hosts)


@pytest.mark.parametrize(
    "said",
    [
        info(), info(kind="hub"), info(kind="printer", name="x"), info(kind="hub", name="two words"),
        info(kind="hub", name="\x1b[31m"), info(kind="peer", name="ann"), info(kind="hub", name="x", port=0),
        info(kind="peer", name="ann", mesh="m", fingerprint="ABCD-EFGH"), info(kind="hub", name="x", hosts=[]),
    ],
)  # fmt: skip
def test_what_is_none_of_ours_is_not_found(said: AsyncServiceInfo) -> None:
    assert finding._read(said) == []


def test_of_several_addresses_one_that_is_not_loopback_is_called() -> None:
    found = finding._read(info(kind="hub", name="lab", hosts=["127.0.0.1", "10.0.0.7"]))
    assert found[0] == Found("hub", "lab", Address("tcp", "10.0.0.7", 5))


def test_a_hub_on_every_interface_is_announced_with_the_addresses_of_this_machine() -> None:
    assert finding._own_addresses("10.0.0.7", None) == ["10.0.0.7"]
    assert finding._own_addresses("*", ["10.0.0.7"]) == ["10.0.0.7"]
    every = finding._own_addresses("*", None)
    assert every
    assert every == LOOPBACK or not any(finding._is_loopback(each) for each in every)


def test_a_name_of_any_length_is_a_label() -> None:
    service = Announcement("hub", "é" * 32, at(5))._service()
    assert len(service.name.encode()) - len(f".{SERVICE}") <= 63
    assert service.decoded_properties["name"] == "é" * 32


async def test_as_many_announcements_are_looked_at_as_may_be() -> None:
    async with Finding(lambda _: None, interfaces=LOOPBACK) as looking:
        others = {f"{number}": spawn(asyncio.sleep(0)) for number in range(FOUND_MOST)}
        looking._asked.update(others)
        assert looking._zeroconf is not None
        looking._heard(looking._zeroconf.zeroconf, SERVICE, f"one more.{SERVICE}", _Change("Added"))  # type: ignore[arg-type]
        assert looking._asked.keys() == others.keys()
        del looking._asked["0"]
        looking._heard(looking._zeroconf.zeroconf, SERVICE, f"one more.{SERVICE}", _Change("Added"))  # type: ignore[arg-type]
        assert f"one more.{SERVICE}" in looking._asked


class _Change(NamedTuple):
    name: str


async def test_without_zeroconf_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    with pytest.raises(NoDiscovery, match="needs zeroconf, which is not installed") as raised:
        await find_hubs(0)
    assert "pip install 'tincans[p2p]'" in raised.value.advice
    with pytest.raises(NoDiscovery):
        Announcement("hub", "lab", at(5))
