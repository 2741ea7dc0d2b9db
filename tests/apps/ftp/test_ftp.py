"""The app `ftp:DIR`, from its name to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ftping import Caller, calling, everything, served
from tincans.apps import find_app
from tincans.apps.ftp import Ftp
from tincans.apps.settings import Settings
from tincans.errors import EndOfStream, UsageError
from tincans.server import serve
from tincans.tasks import spawn
from tincans.transports import dial


@pytest.mark.parametrize(
    ("text", "settings", "reason"),
    [
        ("ftp", Settings(), "ftp needs something behind it"),
        ("ftp:", Settings(), "ftp: needs a folder after it"),
        ("ftp:no such folder", Settings(), "no such folder"),
        ("ftp:.", Settings(passive="9-3"), "are no ports"),
        ("ftp:.", Settings(tls="offered", cert="/nowhere"), "TLS cannot be offered"),
        ("ftp:.", Settings(keep=3), "no use for the setting 'keep'"),
    ],
)
def test_what_is_wrong_is_said_before_anybody_is_served(text: str, settings: Settings, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        find_app(text, settings)


async def test_it_is_found_by_its_name_and_gives_its_folder_back(tmp_path: Path) -> None:
    app = find_app(f"ftp:{tmp_path}")
    assert isinstance(app, Ftp)
    async with await serve("tcp://127.0.0.1:0", app) as server, await dial(server.address) as caller:
        await Caller(caller).log_in()
    app.close()


async def test_a_server_that_closes_says_goodbye_to_who_says_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as server, calling(server) as idle:
        await idle.log_in()
        await server.aclose()
        assert await idle.hear() == "421 The server closes."
        with pytest.raises(EndOfStream):
            await idle.channel.receive()


async def test_a_server_that_closes_lets_a_transfer_come_to_its_end(tmp_path: Path) -> None:
    async with served(tmp_path) as server, calling(server) as caller:
        await caller.log_in()
        async with await caller.call() as data:
            assert (await caller.say("STOR new"))[:3] == "150"
            closing = spawn(server.aclose())
            await asyncio.sleep(0)
            await data.send(b"all of it")
        assert (await caller.hear())[:3] == "226"
        assert await caller.hear() == "421 The server closes."
        await closing
    assert (tmp_path / "new").read_bytes() == b"all of it"


async def test_two_clients_are_apart(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file").write_bytes(b"1")
    async with served(tmp_path) as server, calling(server) as one, calling(server) as other:
        await one.log_in()
        await other.log_in()
        assert await one.codes("CWD one") == [250]
        assert (await other.say("PWD")).startswith('257 "/"')
        async with await one.call() as data, await other.call() as second:
            assert (await one.say("RETR file"))[:3] == "150"
            assert (await other.say("STOR file"))[:3] == "150"
            assert await everything(data) == b"1"
            await second.send(b"2")
        assert (await one.hear())[:3] == (await other.hear())[:3] == "226"
    assert (tmp_path / "file").read_bytes() == b"2"
