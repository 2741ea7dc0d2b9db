"""A hub among others: peers come by its own port, and who looks for a hub on the network finds it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meshing import LOOPBACK, QUICK, until
from rooming import Guest
from running import PATIENCE
from tincans.address import Address
from tincans.apps.chat import Chat, load
from tincans.apps.chat.history.folder import FolderHistory
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.peering import Peering, peered
from tincans.apps.settings import Settings
from tincans.errors import UsageError
from tincans.peers.finding import find_hubs
from tincans.peers.identity import Identity
from tincans.peers.known import Trust
from tincans.peers.news import News
from tincans.server import serve


@contextlib.asynccontextmanager
async def hub(folder: Path, *trust: str, at: str = "tcp://127.0.0.1:0") -> AsyncIterator[tuple[Chat, Address]]:
    """A hub as `tincans listen` serves it."""
    app = load("team", Settings(rooms=str(folder / "rooms"), trust=trust))
    async with await serve(at, app) as server:
        yield app, server.address


@contextlib.asynccontextmanager
async def peer(folder: Path) -> AsyncIterator[tuple[Hub, Peering, list[News]]]:
    """Somebody elsewhere, who listens as well; and what they are told."""
    elsewhere, news = Hub(FolderHistory.open(folder / "bob" / "rooms")), list[News]()
    try:
        async with peered(
            elsewhere, name="bob", folder=folder / "bob", ask=Trust(new=True), told=news.append, pace=QUICK
        ) as peering:
            await peering.mesh.listen(LOOPBACK)
            yield elsewhere, peering, news
    finally:
        await elsewhere.aclose()


def said(hub: Hub) -> list[str]:
    return [f"{each.who.nick}: {each.text}" for each in hub.history.recent("#tins", 100)]


async def test_a_peer_that_is_trusted_comes_by_the_port_of_all_doors(tmp_path: Path) -> None:
    who = str(Identity.open(tmp_path / "bob").fingerprint)
    async with hub(tmp_path, who) as (app, address), peer(tmp_path) as (elsewhere, peering, _):
        ann = Guest(app.hub, "ann")
        app.hub.join(ann, "#tins")
        app.hub.say(ann, "#tins", "before anybody came")
        await peering.mesh.call(address).linked()
        await until(lambda: said(elsewhere) == ["ann: before anybody came"])
        bob = Guest(elsewhere, "bob")
        elsewhere.join(bob, "#tins")
        elsewhere.say(bob, "#tins", "hello")
        await until(lambda: said(app.hub) == ["ann: before anybody came", "bob: hello"])
    async with hub(tmp_path, who) as (app, _):
        assert said(app.hub) == ["ann: before anybody came", "bob: hello"], "and each once, when it begins anew"


async def test_a_peer_that_nobody_trusts_is_refused(tmp_path: Path) -> None:
    async with hub(tmp_path, str(Identity.open(tmp_path / "eve").fingerprint)) as (app, address):
        async with peer(tmp_path) as (_, peering, news):
            peering.mesh.call(address)
            await until(lambda: any("nobody here knows bob" in each.text for each in news))
        assert not app.hub.people


def test_whom_to_trust_is_checked_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nonsense"):
        load("", Settings(rooms=str(tmp_path / "rooms"), trust=("nonsense",)))
    with pytest.raises(UsageError, match="peers need a hub whose rooms are kept in a folder"):
        load("", Settings(rooms="memory:", trust=("new",)))
    assert not (tmp_path / "rooms").exists()


async def test_a_hub_that_others_reach_is_found_on_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_MDNS", "127.0.0.1")
    async with hub(tmp_path, at="tcp://*:0") as (_, address):
        for _ in range(int(PATIENCE)):
            found = await find_hubs(1.0, interfaces=["127.0.0.1"])
            if mine := [each for each in found if each.address.port == address.port]:
                break
        assert [each.name for each in mine] == ["team"]
    async with hub(tmp_path) as (app, _):
        assert app._around is None, "one for this machine alone is not announced"
