"""Around a server: its port file, its announcement, and its end. The commands themselves are in test_listen.py."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

import tincans
from tincans.address import Address
from tincans.apps import find_app
from tincans.cli.serving import Place, Stop, announce, port_file
from tincans.errors import UsageError
from tincans.tasks import spawn

TCP = Address.parse("tcp://127.0.0.1:40123")


def test_a_port_file_is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "port"
    path.write_text("left behind")
    with port_file(str(path)) as write:
        assert not path.exists()
        write(TCP)
        assert path.read_text() == "40123\n"
        assert os.listdir(tmp_path) == ["port"]
    assert not path.exists()


def test_no_port_file_where_none_is_asked_for_and_none_without_a_port(tmp_path: Path) -> None:
    with port_file(None) as write:
        write(TCP)
    with port_file(str(tmp_path / "port")) as write, pytest.raises(UsageError, match="has no port"):
        write(Address.parse("unix:/tmp/x"))


@pytest.mark.parametrize(("address", "warned"), [("tcp://127.0.0.1:1", False), ("unix:x", False), ("udp://*:1", True)])
def test_a_warning_beyond_loopback(address: str, warned: bool, capsys: pytest.CaptureFixture[str]) -> None:
    announce(Address.parse(address))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == f"listening on {address}"
    assert ("warning: every machine" in err) is warned


def test_one_of_several_shares_the_port() -> None:
    assert not Place(TCP, print).reuse_port
    assert Place(TCP, print, 1, 2).reuse_port


async def serve() -> tincans.server.Server:
    return await tincans.serve("tcp://127.0.0.1:0", find_app("discard"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_it_at_once_with_nobody_connected(number: int) -> None:
    stop = Stop()
    async with await serve() as server:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        await stop.attend(server, quiet=True)
    assert not stop.unread


async def test_open_channels_end_when_asked_twice(capsys: pytest.CaptureFixture[str]) -> None:
    stop = Stop()
    async with await serve() as server, await tincans.connect(server.address) as caller:
        await caller.send(b"hello")
        while not server.clients:
            await asyncio.sleep(0.001)
        attending = spawn(stop.attend(server, quiet=False))
        await asyncio.sleep(0)
        stop.ask()
        await asyncio.sleep(0.01)
        assert not attending.done()
        stop.ask()
        await attending
    assert capsys.readouterr().err == "stopping: 1 caller may go on for 5 s; Ctrl-C ends that too\n"


async def test_a_goodbye_ends_what_would_go_on() -> None:
    stop = Stop()
    async with await serve() as server, await tincans.connect(server.address) as caller:
        stop.goodbye = caller.aclose
        stop.ask()
        await stop.attend(server, quiet=True)


async def test_a_reader_that_has_gone_stops_it_from_any_thread() -> None:
    stop = Stop()
    async with await serve() as server:
        await asyncio.to_thread(stop.broken)
        await stop.attend(server, quiet=True)
    assert stop.unread


async def test_a_server_that_is_done_needs_no_signal() -> None:
    stop = Stop()
    async with await serve() as server:
        attending = spawn(stop.attend(server, quiet=True))
        await asyncio.sleep(0)
        server.abort()
        await attending
