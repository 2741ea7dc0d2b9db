"""The control connection: commands one by one, however they come."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ftping import Caller, calling, everything, served, visiting
from tincans.apps.ftp.control import plain
from tincans.channel import Channel
from tincans.errors import EndOfStream
from tincans.limits import FTP_COMMAND_BYTES, FTP_COMMANDS_AHEAD
from tincans.tasks import spawn


async def test_commands_said_ahead_are_answered_in_their_order(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        await caller.channel.send(b"NOOP\r\nPWD\r\nSYST\r\nCWD nowhere\r\nQUIT\r\n")
        assert [(await caller.hear())[:3] for _ in range(5)] == ["200", "257", "215", "550", "221"]


async def test_a_command_may_come_byte_by_byte(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        for at in b"NOOP\r\n":
            await caller.channel.send(bytes([at]))
            await asyncio.sleep(0)
        assert await caller.hear() == "200 Done."


async def test_a_flood_is_answered_and_others_have_their_turn(tmp_path: Path) -> None:
    async with served(tmp_path) as server, calling(server) as flood, calling(server) as other:
        await flood.log_in()
        count = 1000

        async def say() -> None:
            await flood.channel.send(b"NOOP\r\n" * count)

        async def hear() -> int:
            return len([await flood.hear() for _ in range(count)])

        _, heard, _ = await asyncio.gather(say(), hear(), other.log_in())
        assert heard == count


async def test_a_line_is_as_long_as_the_limit_and_not_longer(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        line = b"CWD " + b"x" * (FTP_COMMAND_BYTES - 5)
        assert (await caller.say(line + b"\r\n")).startswith("550 ")
        await caller.channel.send(line + b"x\r\nNOOP\r\n")
        assert await caller.hear() == "500 The line is too long."
        with pytest.raises(EndOfStream):
            await caller.channel.receive()


@pytest.mark.parametrize("said", [b"\x16\x03\x01\x02\x00\x01\x00\r\n", b"\x80NOOP\r\n"])
async def test_who_says_no_commands_is_sent_away(said: bytes, tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        assert await caller.say(said) == "500 What was that?"
        with pytest.raises(EndOfStream):
            await caller.channel.receive()


async def test_a_lone_lf_never_becomes_a_second_command(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"")
    async with visiting(tmp_path) as caller:
        assert (await caller.say("RETR x\nDELE kept"))[:3] == "550"
        assert (await caller.say(b"MKD x\r\0\nDELE kept\r\n"))[:3] == "257"
        assert await caller.say("NOOP") == "200 Done."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "x\r\nDELE kept"]


async def test_a_person_ends_lines_with_lf(tmp_path: Path) -> None:
    async with served(tmp_path) as server, calling(server) as person:
        await person.hear()
        assert await person.codes(b"USER ftp\n", b"PASS x\n", b"\n", b"PWD\n") == [331, 230, 500, 257]


async def _ahead(caller: Caller, data: Channel, count: int, *, ends: bool) -> list[str]:
    """Say so many commands, and then ABOR, in the middle of an upload, which `ends` where nothing is answered."""
    await caller.channel.send(b"NOOP\r\n" * count + b"ABOR\r\n")
    replies = spawn(caller.hear())
    if ends:
        await asyncio.wait([replies], timeout=0.02)
        await data.send_eof()
    return [await replies, *[await caller.hear() for _ in range(count + 1)]]


async def test_abor_is_heard_behind_so_many_commands_and_no_more(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        for count, code in ((FTP_COMMANDS_AHEAD - 1, "426"), (FTP_COMMANDS_AHEAD, "226")):
            async with await caller.call() as data:
                assert (await caller.say("STOR x"))[:3] == "150"
                replies = await _ahead(caller, data, count, ends=code == "226")
            assert [reply[:3] for reply in replies] == [code, *["200"] * count, "226"]


async def test_what_a_client_said_last_is_still_done(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        await caller.channel.send(b"MKD a\r\nMKD b\r\nMKD c")
        await caller.channel.send_eof()
        assert (await everything(caller.channel)).count(b"257 ") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_name_in_a_reply_stays_in_its_line() -> None:
    assert plain("a\r\n226 b\x1b[0m\tü\udcff") == "a??226 b?[0m\tü\udcff"
