"""Folders and names: where one is, what is made, renamed, dated and taken away, and that nothing leads outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ftping import visiting

#: Whatever a name may be in the file system.
NAMES = [
    "two words", " leading", "trailing ", "größer", "日本", "new\nline", "car\rriage", "cr\r\nlf", "-l", "a\tb", '"q"',
    "\udcff\udcfe",
]  # fmt: skip


async def test_where_the_client_is(tmp_path: Path) -> None:
    (tmp_path / "one" / "two").mkdir(parents=True)
    (tmp_path / "file").touch()
    async with visiting(tmp_path) as caller:
        assert await caller.codes("CWD one/two", "CWD nowhere", "CWD /file", "XCWD ../..") == [250, 550, 550, 250]
        assert (await caller.say("CWD /one")).startswith('250 "/one" ')
        assert (await caller.say("CWD two/.")).startswith('250 "/one/two" ')
        assert (await caller.say("CDUP")).startswith('250 "/one" ')
        assert (await caller.say("XCUP", "CDUP", "XPWD")).startswith('257 "/" ')


@pytest.mark.parametrize("name", NAMES)
async def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    said = os.fsencode(name).replace(b"\xff", b"\xff\xff").replace(b"\r", b"\r\0")
    async with visiting(tmp_path) as caller:
        assert await caller.codes(b"MKD " + said + b"\r\n", b"CWD " + said + b"\r\n") == [257, 250]
        assert await caller.codes("MKD inner", "CWD ..", b"RNFR " + said + b"\r\n", "RNTO x") == [257, 250, 350, 250]
        assert await caller.codes("RNFR x", b"RNTO " + said + b"\r\n") == [350, 250]
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert await caller.codes(b"RMD " + said + b"/inner\r\n", b"XRMD " + said + b"\r\n") == [250, 250]
    assert not list(tmp_path.iterdir())


async def test_a_nul_in_a_path_is_an_lf(tmp_path: Path) -> None:
    """As vsftpd takes it: so a client can say it to every server."""
    async with visiting(tmp_path) as caller:
        assert await caller.codes("MKD new\0line") == [257]
    assert [path.name for path in tmp_path.iterdir()] == ["new\nline"]


async def test_a_quotation_mark_in_a_reply_is_doubled(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        assert (await caller.say('XMKD say "hi"')).startswith('257 "/say ""hi""" ')


async def test_files_are_renamed_and_deleted(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    async with visiting(tmp_path) as caller:
        assert await caller.codes("RNFR nothing", "RNTO new", "RNFR old", "NOOP", "RNTO new") == [
            550,
            503,
            350,
            200,
            503,
        ]
        assert await caller.codes("RNFR old", "RNTO full/new", "DELE full", "RMD full") == [350, 250, 550, 550]
        assert await caller.codes("DELE full/new", "DELE full/new", "MKD full") == [250, 550, 550]
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]


async def test_when_a_file_was_changed(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    async with visiting(tmp_path) as caller:
        assert await caller.say("MFMT 20020717210715 a file") == "213 Modify=20020717210715; a file"
        assert await caller.say("MDTM a file") == "213 20020717210715"
        assert await caller.codes("MDTM .", "MDTM nothing", "MFMT 20021317210715 a file", "MFMT now a file") == [
            550, 550, 501, 501,
        ]  # fmt: skip
    assert (tmp_path / "a file").stat().st_mtime == 1026940035


async def test_who_may_read_a_file_is_changed(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    async with visiting(tmp_path) as caller:
        assert await caller.codes("SITE CHMOD 640 a file", "SITE CHMOD 4755 a file", "SITE CHMOD 640") == [
            200,
            501,
            501,
        ]
        assert await caller.codes("SITE CHMOD 640 nothing", "SITE HELP", "SITE EXEC ls", "SITE") == [550, 214, 504, 501]
    assert (tmp_path / "a file").stat().st_mode & 0o7777 == 0o640


CHANGES = [
    "DELE file", "MKD new", "RMD empty", "RNFR file", "MFMT 20020717210715 file", "SITE CHMOD 600 file", "STOR file",
    "APPE file", "STOU", "ALLO 5",
]  # fmt: skip


@pytest.mark.parametrize("said", CHANGES)
async def test_where_nothing_may_be_changed_nothing_is(said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    before = (tmp_path / "file").stat()
    async with visiting(tmp_path, write=False) as caller, await caller.call():
        assert await caller.say(said) == "550 Nothing can be changed here."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]
    after = (tmp_path / "file").stat()
    assert (after.st_mtime, after.st_mode, after.st_size) == (before.st_mtime, before.st_mode, 1)


OUTSIDE = [
    "../secret", "/../secret", "sub/../../secret", "link", "link/../secret", "away/secret", "sub/%2e%2e/../../secret",
    "./../secret", "//../secret", "secret\0",
]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
async def test_nothing_leads_outside(path: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to("../secret")
    (root / "away").symlink_to(tmp_path)
    async with visiting(root) as caller, await caller.call():
        said = [f"{verb} {path}" for verb in ("RETR", "SIZE", "MDTM", "MLST", "RNFR", "LIST", "MFMT 20020717210715")]
        assert await caller.codes(*said) == [550] * len(said)
        assert await caller.codes("CWD away", "CWD ..", "PWD") == [550, 250, 257]
        assert (await caller.say("PWD")).startswith('257 "/" ')
        await caller.say(f"DELE {path}")
    assert (tmp_path / "secret").read_bytes() == b"secret"


async def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    async with visiting(tmp_path) as caller, await caller.call():
        assert await caller.codes("RETR fifo", "SIZE fifo", "MLST fifo", "STOR fifo", "RETR .", "SIZE .") == [550] * 6
