"""Which hub is called, and as whom."""

from __future__ import annotations

import getpass

import pytest

from chatting import little_hub, real_hub
from running import free_port
from tincans.address import Address
from tincans.cli import hubs
from tincans.cli.hubs import Entry, own_name, room_name
from tincans.errors import AddressError, ChatRefused, ConnectionRefused, NoHub, UsageError
from tincans.peers.finding import Announcement
from tincans.server import serve

NEAR = hubs.near
ENTRY = Entry(None, "", "", "", False, 10.0, 0.0)


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub of this machine is at hand."""
    monkeypatch.delenv("TINCANS_CHAT", raising=False)
    monkeypatch.setattr(hubs, "HERE", f"tcp://127.0.0.1:{free_port()}")

    async def near() -> list[Address]:
        return []

    monkeypatch.setattr(hubs, "near", near)


@pytest.mark.parametrize(("text", "room"), [("ops", "#ops"), ("#ops", "#ops"), ("##ops", "##ops"), ("ä-b.c", "#ä-b.c")])
def test_a_room_may_be_written_without_its_sign(text: str, room: str) -> None:
    assert room_name(text) == room


@pytest.mark.parametrize("text", ["", "#", "a b", "a,b", "a:b", "a\x1b", "a" * 64])
def test_what_is_no_room_is_told_so(text: str) -> None:
    with pytest.raises(UsageError, match="is no name of a room"):
        room_name(text)


def test_who_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    assert (ENTRY.me.nick, ENTRY.me.yields) == ("ada", True)
    assert (ENTRY._replace(nick="bob").me.nick, ENTRY._replace(nick="bob").me.yields) == ("bob", False)
    assert ENTRY._replace(login="eve").me[:2] == ("eve", "eve")
    monkeypatch.setattr(getpass, "getuser", lambda: "not a nick")
    assert own_name() == ""

    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert own_name() == ""


async def test_the_one_that_is_named_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async with real_hub() as hub:
        async with await ENTRY._replace(to=hub).open() as chat:
            assert chat.address == hub
        monkeypatch.setenv("TINCANS_CHAT", str(hub))
        async with await ENTRY.open() as chat:
            assert chat.address == hub
        monkeypatch.setattr(hubs, "HERE", str(hub))
        with pytest.raises(ConnectionRefused):
            await ENTRY._replace(to=Address.parse("tcp://127.0.0.1:1")).open()
    monkeypatch.setenv("TINCANS_CHAT", "nonsense")
    with pytest.raises(AddressError):
        await ENTRY.open()


async def test_else_the_one_of_this_machine_or_one_near(monkeypatch: pytest.MonkeyPatch) -> None:
    async with real_hub() as here, real_hub() as there:

        async def near() -> list[Address]:
            return [Address.parse("tcp://127.0.0.1:1"), there]

        monkeypatch.setattr(hubs, "near", near)
        async with await ENTRY.open() as chat:
            assert chat.address == there
        monkeypatch.setattr(hubs, "HERE", str(here))
        async with await ENTRY.open() as chat:
            assert chat.address == here


async def test_a_hub_that_is_announced_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_MDNS", "127.0.0.1")
    address = Address.parse(f"tcp://127.0.0.1:{free_port()}")
    async with Announcement("hub", "home", address, interfaces=["127.0.0.1"]):
        tried = [await NEAR()]
        while address not in tried[-1] and len(tried) < 5:  # a busy machine answers late
            tried.append(await NEAR())
        assert address in tried[-1]


async def test_where_there_is_none_one_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoHub, match=r"nobody listens on tcp://127\.0\.0\.1:.*, and nobody near announces one"):
        await ENTRY.open()

    async def other(channel: object) -> None:
        pass

    async with await serve("tcp://127.0.0.1:0", other) as server:
        monkeypatch.setattr(hubs, "HERE", str(server.address))
        with pytest.raises(NoHub, match=r"what listens on .* is none"):
            await ENTRY.open()


async def test_a_hub_that_refuses_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async with little_hub() as hub:
        hub.instead["hello"] = {"on": "error", "code": "not-logged-in", "text": "this hub is for those who log in"}
        monkeypatch.setattr(hubs, "HERE", str(hub.address))
        with pytest.raises(ChatRefused, match="for those who log in"):
            await ENTRY.open()
