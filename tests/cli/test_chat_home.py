"""Where the hub of `tincans chat` is: found, or started."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from chatting import LittleHub, real_hub
from running import free_port
from tincans import transports
from tincans.address import Address
from tincans.apps import find_app
from tincans.apps.settings import Settings
from tincans.cli import chat_home
from tincans.cli.chat_home import Home, welcome
from tincans.cli.chat_talk import News, Talk
from tincans.clients.chat import open_chat
from tincans.clients.chat_line import Me
from tincans.errors import AddressInUse, ConnectError
from tincans.server import serve


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Address:
    """Where a hub of this machine would be; nobody is near."""
    place = f"tcp://127.0.0.1:{free_port()}"
    monkeypatch.setattr(chat_home, "HERE", place)
    monkeypatch.setattr(chat_home, "HOME_SECONDS", 0.05)
    monkeypatch.setenv("TINCANS_ROOMS", str(tmp_path / "rooms"))

    async def near() -> list[Address]:
        return []

    monkeypatch.setattr(chat_home, "near", near)
    return Address.parse(place)


async def test_one_that_is_named_is_all_there_is() -> None:
    named = Address.parse("tcp://192.0.2.1:7767")
    async with Home(named, None, News()) as home:
        assert await home.find() == await home.find_again() == named
        assert home.app is None


async def test_one_that_is_there_is_used(here: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    async with real_hub() as there:

        async def near() -> list[Address]:
            return [Address.parse("tcp://127.0.0.1:1"), there]

        monkeypatch.setattr(chat_home, "near", near)
        news, talk = News(), Talk()
        async with Home(None, None, news) as home:
            assert await home.find() == there
            news.show(talk)
            assert talk.hub.rows[-1].text == f"this is the hub on {there}, which was found on the network"
            async with real_hub(address=str(here)):
                assert await home.find() == await home.find_again() == here
            assert home.app is None


async def test_where_there_is_none_one_is_started_with_ones_own_rooms(here: Address) -> None:
    news, talk = News(), Talk()
    async with Home(None, None, news) as home:
        assert await home.find() == await home.find() == await home.find_again() == here
        async with await open_chat(here, Me("ann")) as chat:
            await (await chat.join("#ops")).say("kept")
    news.show(talk)
    assert talk.hub.rows[0].text.startswith(f"this is a new hub, on {here}; others join it by\n")
    async with Home(None, None, news) as home:
        async with await open_chat(await home.find(), Me("ann")) as chat:
            room = await chat.join("#ops")
            assert [message.text for message in (await room.history()).messages] == ["kept"]


async def test_it_listens_where_it_is_told_to() -> None:
    async with Home(None, Address.parse("tcp://127.0.0.1:0"), News()) as home:
        address = await home.find()
        assert address.port
        async with await open_chat(address):
            pass
        with pytest.raises(AddressInUse):
            async with Home(None, address, News()) as second:
                await second.find()


async def test_one_that_was_lost_has_time_to_come_back_before_another_is_started(here: Address) -> None:
    async with Home(None, None, News()) as home:
        async with real_hub(address=str(here)):
            assert await home.find() == here
        with pytest.raises(ConnectError, match="it is not there yet"):
            await home.find_again()
        async with real_hub(address=str(here)):
            assert await home.find_again() == here
        assert home.app is None
        with pytest.raises(ConnectError, match="it is not there yet"):
            await home.find_again()
        while home.app is None:
            await asyncio.sleep(0.01)
            with contextlib.suppress(ConnectError):
                assert await home.find_again() == here


async def test_who_is_first_starts_it_and_the_others_find_it(here: Address) -> None:
    """Two who were on a hub that ends go on, on the hub of one of them, and nothing is missed or there twice."""
    async with Home(None, None, News()) as one, Home(None, None, News()) as two:
        async with await serve(here, find_app("chat", Settings())):
            address = await one.find()
            ann = await open_chat(address, Me("ann"), reconnect=True, find=one.find_again)
            bob = await open_chat(await two.find(), Me("bob"), reconnect=True, find=two.find_again)
            theirs, his = await ann.join("#ops"), await bob.join("#ops")
            await theirs.say("before")
            assert (await anext(aiter(his))).text == "before"
        said = await asyncio.gather(theirs.say("between"), his.say("and so did I"))
        assert [message.number for message in said if message.number == 1] == []
        assert (await anext(aiter(his))).text == "between"
        assert (await anext(aiter(theirs))).text == "and so did I"
        assert sum(home.app is not None for home in (one, two)) == 1
        page = await his.history()
        assert sorted(message.text for message in page.messages) == ["and so did I", "before", "between"]
        for chat in sorted((ann, bob), key=lambda chat: (one if chat is ann else two).app is not None):
            await chat.aclose()


async def test_what_listens_there_and_is_no_hub_is_found_out_by_who_calls(here: Address) -> None:
    async with await serve(here, LittleHub()):
        async with Home(None, None, News()) as home:
            assert await home.find() == here


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp://127.0.0.1:7767", "nc 127.0.0.1 7767"),
        ("tcp://127.0.0.1:7767", "only this machine can"),
        ("tcp://*:7767", "http://THIS-MACHINE:7767/"),
        ("tcp://10.0.0.7:7767", "tincans chat tcp://10.0.0.7:7767"),
        ("tcp://10.0.0.7:7767", "every machine that can reach this one may join"),
    ],
)
def test_it_says_how_others_join(address: str, words: str) -> None:
    assert words in "\n".join(welcome(Address.parse(address)))


async def test_nothing_listens_any_more_behind_it(here: Address) -> None:
    async with Home(None, None, News()) as home:
        await home.find()
    await (await transports.listen(here)).aclose()
