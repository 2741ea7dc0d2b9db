"""What the server tells about itself and its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftping import calling, offering, served, visiting
from running import Certificates
from tincans.apps.ftp.commands import DOES
from tincans.limits import FTP_STAT_LINES
from tincans.protocols.ftp import COMMANDS, Takes


async def test_what_is_there_beside_rfc_959(tmp_path: Path, certificates: Certificates) -> None:
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.hear()
        assert (await caller.say("FEAT")).split("\n") == [
            "211-This is there beside RFC 959:", " AUTH TLS", " CLNT", " EPRT", " EPSV", " HOST", " LANG EN*", " MDTM",
            " MFMT", " MLST type*;size*;modify*;perm*;unique*;UNIX.mode*;", " PBSZ", " PROT", " REST STREAM", " SIZE",
            " TVFS", " UTF8", "211 That is all.",
        ]  # fmt: skip


async def test_facts_are_chosen(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123")
    async with visiting(tmp_path) as caller:
        assert await caller.say("OPTS MLST size;TYPE;unix.mode;none;") == "200 MLST OPTS type;size;UNIX.mode;"
        assert " MLST type*;size*;modify;perm;unique;UNIX.mode*;\n" in await caller.say("FEAT")
        assert await caller.say("MLST file") == "250-It is:\n type=file;size=3;UNIX.mode=0644; /file\n250 That is all."
        assert await caller.say("OPTS MLST") == "200 MLST OPTS "
        assert await caller.say("MLST") == "250-It is:\n  /\n250 That is all."
        assert await caller.codes("MLST nothing") == [550]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("OPTS UTF8 ON", 200), ("opts utf8", 200), ("OPTS UTF8 OFF", 504), ("OPTS LIST", 501), ("OPTS", 501),
        ("CLNT me 1.0", 200), ("LANG", 200), ("LANG en-GB", 200), ("LANG de", 504), ("NOOP", 200), ("NOOP x", 501),
        ("SYST", 215), ("HELP", 214), ("HELP retr", 214), ("HELP WHAT", 502), ("WHAT", 500), ("", 500), ("ADAT x", 502),
        ("STAT", 211), ("STAT .", 213), ("STAT nothing", 550), ("SITE help", 214), ("retr", 501), ("Pwd", 257),
    ],
)  # fmt: skip
async def test_what_is_answered(said: str, code: int, tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        assert await caller.codes(said) == [code]


async def test_help_knows_every_command_that_is_done(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        verbs = (await caller.say("HELP")).split()
        assert set(DOES) <= set(verbs)
        assert await caller.codes(*(f"HELP {verb}" for verb in DOES)) == [214] * len(DOES)


async def test_what_needs_an_argument_is_not_done_without_one(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        needy = [verb for verb in DOES if COMMANDS[verb].takes is Takes.ARGUMENT]
        assert await caller.codes(*needy) == [501] * len(needy)
        alone = [verb for verb in DOES if COMMANDS[verb].takes is Takes.NOTHING]
        assert await caller.codes(*(f"{verb} x" for verb in alone)) == [501] * len(alone)


async def test_stat_lists_so_many_and_no_more(tmp_path: Path) -> None:
    for number in range(FTP_STAT_LINES):
        (tmp_path / f"{number:0200}").touch()
    async with visiting(tmp_path) as caller:
        assert (await caller.say("STAT .")).count("\n") == FTP_STAT_LINES + 1
        (tmp_path / "more").touch()
        assert await caller.codes("STAT .") == [450]


async def test_a_name_in_a_reply_cannot_end_it(tmp_path: Path) -> None:
    (tmp_path / "x\n213 That is all.\r\n226 y").touch()
    async with visiting(tmp_path) as caller:
        assert (await caller.say("STAT .")).split("\n")[1].endswith(" x?213 That is all.??226 y")
        assert await caller.say("NOOP") == "200 Done."
