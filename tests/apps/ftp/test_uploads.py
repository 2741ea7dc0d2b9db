"""What comes from the client: whole or not at all, and gone on with after a cut."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from ftping import Caller, calling, offering, secured, served, visiting, wrap_of
from running import PATIENCE, Certificates
from tincans.apps.ftp import Ftp
from tincans.apps.ftp.uploads import _begun, _UnixLines
from tincans.apps.ftp.visit import Visit
from tincans.apps.settings import Settings
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair
from tincans.transports.stream import SocketChannel

CONTENT = os.urandom(1000) * 1000


async def test_a_file_arrives_whole_and_in_the_place_of_another(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        for content in (CONTENT, b"short", b""):
            assert await caller.store("STOR file", content) == f"226 It is there, {len(content)} bytes came."
            assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


async def test_it_appears_when_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    async with visiting(tmp_path) as caller:
        async with await caller.call() as data:
            assert await caller.codes("STOR file") == [150]
            await data.send(b"new")
            while " 3 bytes" not in await caller.say("STAT"):
                pass
            assert (tmp_path / "file").read_bytes() == b"old"
        assert (await caller.hear())[:3] == "226"
        assert (tmp_path / "file").read_bytes() == b"new"


async def test_more_is_added(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        assert (await caller.store("APPE log", b"one "))[:3] == "226"
        assert (await caller.store("APPE log", b"two"))[:3] == "226"
        assert await caller.codes("REST 2", "TYPE I") == [350, 200]
        assert (await caller.store("APPE log", b"!"))[:3] == "226"
    assert (tmp_path / "log").read_bytes() == b"one two!"


async def test_from_an_offset_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    async with visiting(tmp_path) as caller:
        assert await caller.codes("REST 4") == [350]
        assert (await caller.store("STOR file", b"XY"))[:3] == "226"
        assert (tmp_path / "file").read_bytes() == b"0123XY"
        assert await caller.codes("REST 7", "EPSV", "STOR file", "STOR new/file", "STOR .") == [350, 229, 554, 550, 550]
    assert (tmp_path / "file").read_bytes() == b"0123XY"


async def test_under_a_name_that_nothing_has(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        for said in ("STOU", "STOU base"):
            async with await caller.call() as data:
                reply = await caller.say(said)
                await data.send(said.encode())
            assert (await caller.hear())[:3] == "226"
            name = reply.removeprefix("150 FILE: ")
            assert name.startswith(said.partition(" ")[2] or "upload")
            assert (tmp_path / name).read_bytes() == said.encode()


# ── cut ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _cut(caller: Caller, said: str, content: bytes) -> None:
    """Send that, and be killed: both connections end at once."""
    data = await caller.call()
    assert await caller.codes(said) == [150]
    await data.send(content)
    while f" {len(content)} bytes" not in await caller.say("STAT"):
        pass
    await caller.channel.aclose()
    await data.aclose()


@pytest.mark.parametrize("old", [None, b"what was there before"])
@pytest.mark.parametrize("way", ["APPE", "REST"])
async def test_the_upload_of_a_killed_client_is_no_file_and_can_be_gone_on_with(
    way: str, old: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    if old is not None:
        file.write_bytes(old)
    async with served(tmp_path) as server:
        async with calling(server) as caller:
            await _cut(await caller.log_in(), "STOR file", CONTENT[:1000])
        async with calling(server) as caller:
            await caller.log_in()
            assert (file.read_bytes() if file.exists() else None) == old
            assert await caller.say("SIZE file") == "213 1000"
            assert await caller.fetch("NLST") == (b"" if old is None else b"file\r\n")
            if way == "REST":
                assert await caller.codes("REST 1000") == [350]
            assert (await caller.store("APPE file" if way == "APPE" else "STOR file", CONTENT[1000:]))[:3] == "226"
            assert file.read_bytes() == CONTENT
            assert await caller.say("SIZE file") == f"213 {len(CONTENT)}"


async def test_who_does_not_know_of_an_unfinished_upload_adds_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one ")
    async with served(tmp_path) as server:
        async with calling(server) as caller:
            await _cut(await caller.log_in(), "STOR log", b"something else")
        async with calling(server) as caller:
            await caller.log_in()
            assert (await caller.store("APPE log", b"two"))[:3] == "226"
    assert (tmp_path / "log").read_bytes() == b"one two"


async def test_who_may_only_read_is_not_told_of_an_unfinished_upload(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        await _cut(caller, "STOR file", b"begun")
    async with visiting(tmp_path, write=False) as reader:
        assert await reader.codes("SIZE file", "RETR file", "MLST file") == [550, 550, 550]


async def test_an_upload_that_tls_did_not_end_is_no_file(tmp_path: Path, certificates: Certificates) -> None:
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.hear()
        await secured(caller, certificates, "SSL")
        assert await caller.codes("USER ftp", "PASS x", "TYPE I") == [331, 230, 200]
        bare = await caller.call()
        assert isinstance(bare, SocketChannel)
        await caller.channel.send(b"STOR file\r\n")
        with bare.socket.dup() as sock:
            async with await wrap_of(certificates)(bare) as data:
                await data.send(b"all?")
                assert (await caller.hear())[:3] == "150"
                sock.shutdown(socket.SHUT_WR)
        assert await caller.hear() == "426 TLS ended without a goodbye, so it may not be all."
        assert await caller.say("SIZE file") == "213 4"
        await caller.channel.aclose()


async def test_nothing_is_said_inside_tls_that_a_client_who_only_sends_would_leave_unread(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.hear()
        await secured(caller, certificates, "SSL")
        assert await caller.codes("USER ftp", "PASS x", "TYPE I") == [331, 230, 200]
        bare = await caller.call()
        assert isinstance(bare, SocketChannel)
        await caller.channel.send(b"STOR file\r\n")
        with bare.socket.dup() as sock:
            async with await wrap_of(certificates)(bare) as data:
                await data.send(b"x")
                assert (await caller.hear())[:3] == "150"
                while " 1 bytes" not in await caller.say("STAT"):
                    pass
                with pytest.raises(BlockingIOError):
                    sock.recv(1)
        assert (await caller.hear())[:3] == "226"
        await caller.channel.aclose()


async def test_an_upload_that_begins_when_nobody_waits_for_it_any_more_is_kept(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(CONTENT)
    app = Ftp(str(tmp_path), Settings(write=True))
    client, server = memory_pair()
    beginning = spawn(_begun(Visit(app, server), "/log", append=True))
    await asyncio.sleep(0)
    beginning.cancel()
    await asyncio.wait([beginning])
    async with asyncio.timeout(PATIENCE):
        while app.files.part_size("/log") != len(CONTENT):
            await asyncio.sleep(0.001)
        while tasks_running():
            await asyncio.sleep(0.001)
    client.abort()
    server.abort()
    app.close()


def tasks_running() -> int:
    """Tasks beside the test's own."""
    return len(asyncio.all_tasks()) - 1


def test_a_cr_that_comes_before_its_lf_waits_for_it() -> None:
    unix = _UnixLines()
    assert [unix.take(piece) for piece in (b"a\r", b"\nb\r", b"c\r\r", b"\n")] == [b"a", b"\nb", b"\rc\r", b"\n"]
    assert unix.held == b""
    assert unix.take(b"end\r") + unix.held == b"end\r"
