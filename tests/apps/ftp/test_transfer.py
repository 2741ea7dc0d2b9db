"""A transfer beside the control connection: what may be said meanwhile, and what ends it before its end."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from ftping import calling, is_reset, served, visiting
from hearing import Hearing
from tincans.channel import Side
from tincans.conversation import How, Kind
from tincans.transports.stream import SocketChannel

#: More than all buffers between the two hold.
MUCH = 40_000_000

#: ABOR as RFC 959 has it, §4.1.3: behind Telnet's IP and Synch; as it is left where the mark was taken; alone.
ABORS = [b"\xff\xf4\xff\xf2ABOR\r\n", b"\xff\xf4\xffABOR\r\n", b"\xf2ABOR\r\n", b"ABOR\r\n"]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(MUCH)
    return tmp_path


@pytest.mark.parametrize("abor", ABORS)
async def test_a_download_is_stopped(abor: bytes, large: Path) -> None:
    async with visiting(large) as caller:
        async with await caller.call() as data:
            assert await caller.codes("RETR large") == [150]
            assert await caller.say(abor) == "426 You stopped it."
            assert await caller.hear() == "226 Nothing goes on."
            assert await is_reset(data)
        assert await caller.fetch("NLST") == b"large\r\n"


@pytest.mark.parametrize("abor", ABORS)
async def test_an_upload_is_stopped_and_can_be_gone_on_with(abor: bytes, tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        async with await caller.call() as data:
            assert await caller.codes("STOR new") == [150]
            await data.send(b"begun, ")
            while "7 bytes" not in await caller.say("STAT"):
                pass
            assert [(await caller.say(abor))[:3], (await caller.hear())[:3]] == ["426", "226"]
        assert not (tmp_path / "new").exists()
        assert await caller.say("SIZE new") == "213 7"
        assert await caller.codes("REST 7") == [350]
        assert (await caller.store("STOR new", b"done"))[:3] == "226"
    assert (tmp_path / "new").read_bytes() == b"begun, done"


async def test_abor_said_as_urgent_data_is_heard(large: Path) -> None:
    """As Python's ftplib says it: its last byte, which the kernel would keep back otherwise, is the LF."""
    async with visiting(large) as caller:
        async with await caller.call():
            assert await caller.codes("RETR large") == [150]
            assert isinstance(caller.channel.channel, SocketChannel)
            caller.channel.channel.socket.send(b"ABOR\r\n", socket.MSG_OOB)
            assert [(await caller.hear())[:3] for _ in range(2)] == ["426", "226"]


async def test_a_transfer_that_never_began_is_stopped(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        assert await caller.codes("EPSV", "STOR new") == [229, 150]
        assert await caller.codes("ABOR") == [426]
        assert await caller.hear() == "226 Nothing goes on."
        assert await caller.codes("ABOR", "NOOP") == [226, 200]
    assert not list(tmp_path.iterdir())


async def test_how_things_are_is_told_in_the_middle(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        async with await caller.call() as data:
            assert await caller.codes("STOR new") == [150]
            await data.send(b"12345")
            while " STOR new: 5 bytes so far\n" not in (reply := await caller.say("STAT")):
                assert reply.startswith("211-")
        assert (await caller.hear())[:3] == "226"
        assert "No transfer goes on" in await caller.say("STAT")


async def test_what_else_is_said_waits_for_its_end(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        async with await caller.call() as data:
            assert await caller.codes("STOR new") == [150]
            await caller.channel.send(b"SIZE new\r\nSTAT new\r\nQUIT\r\n")
            await data.send(b"12345")
        assert [(await caller.hear())[:3] for _ in range(4)] == ["226", "213", "213", "221"]


async def test_what_stands_still_is_ended(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.ftp.transfer.FTP_STALL_SECONDS", 0.03)
    async with visiting(large) as caller:
        async with await caller.call() as data:
            await data.send(b"x")
            assert await caller.codes("STOR new") == [150]
            assert await caller.hear() == "426 Nothing moved for 0.03 s."
        async with await caller.call():
            assert await caller.codes("RETR large") == [150]
            assert await caller.hear() == "426 Nothing moved for 0.03 s."
        assert await caller.say("SIZE new") == "213 1"


async def test_a_data_connection_that_is_lost_ends_it(large: Path) -> None:
    async with visiting(large) as caller:
        for said in ("RETR large", "STOR new"):
            data = await caller.call()
            assert await caller.codes(said) == [150]
            data.abort()
            assert (await caller.hear())[:3] == "426"


async def test_it_ends_with_the_control_connection(large: Path) -> None:
    async with served(large) as server, calling(server) as caller:
        await caller.log_in()
        async with await caller.call() as data:
            assert await caller.codes("RETR large") == [150]
            await caller.channel.aclose()
            assert await is_reset(data)


async def test_it_ends_with_the_server(large: Path) -> None:
    async with served(large) as server, calling(server) as caller:
        await caller.log_in()
        async with await caller.call() as data:
            assert await caller.codes("STOR new") == [150]
            await data.send(b"x")
            while " 1 bytes" not in await caller.say("STAT"):
                pass
            server.abort()
            await server.aclose()
            assert await is_reset(data)


async def test_it_is_a_conversation_of_its_own(tmp_path: Path) -> None:
    hearing = Hearing()
    async with visiting(tmp_path, recorders=[hearing]) as caller:
        assert (await caller.store("STOR new", b"content"))[:3] == "226"
        assert await caller.fetch("RETR new") == b"content"
    control, stored, fetched = hearing.all
    assert control.notes == [
        f"data: conversation #{stored.number} (STOR new)", f"data: conversation #{fetched.number} (RETR new)",
    ]  # fmt: skip
    for data, command, side in ((stored, "STOR new", Side.CLIENT), (fetched, "RETR new", Side.SERVER)):
        facts = {
            "ftp.command": command, "ftp.mode": "passive", "ftp.protection": "C", "ftp.control": str(control.number),
        }  # fmt: skip
        assert (data.opening.kind, data.opening.name, dict(data.opening.facts)) == (Kind.LISTEN, "ftp", facts)
        assert bytes(data.words[side]) == b"content"
        assert data.outcome is not None
        assert data.outcome[0] is How.FINISHED


async def test_many_at_once(tmp_path: Path) -> None:
    async def visit(number: int) -> None:
        async with calling(server) as caller:
            await caller.log_in()
            content = b"%d" % number * 10_000
            assert (await caller.store(f"STOR {number}", content))[:3] == "226"
            assert await caller.fetch(f"RETR {number}") == content

    async with served(tmp_path) as server:
        await asyncio.gather(*map(visit, range(20)))
