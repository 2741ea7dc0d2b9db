"""What goes to the client: files and listings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ftping import is_reset, visiting
from tincans.limits import FTP_PIECE_BYTES

CONTENT = os.urandom(1000) * (2 * FTP_PIECE_BYTES // 1000 + 1)


async def test_a_file_arrives_whole_and_from_any_byte_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    (tmp_path / "empty").touch()
    async with visiting(tmp_path) as caller:
        assert await caller.fetch("RETR file") == CONTENT
        assert await caller.fetch("RETR empty") == b""
        for offset in (1, FTP_PIECE_BYTES, len(CONTENT) - 1, len(CONTENT)):
            assert await caller.codes(f"REST {offset}") == [350]
            assert await caller.fetch("RETR file") == CONTENT[offset:]
        assert await caller.fetch("RETR file") == CONTENT  # REST is for one transfer
        assert await caller.codes(f"REST {len(CONTENT) + 1}", "EPSV", "RETR file", "NOOP") == [350, 229, 554, 200]


async def test_the_announcement_says_how_much_comes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    async with visiting(tmp_path) as caller:
        async with await caller.call():
            assert await caller.say("REST 2", "RETR file") == "150 It follows (3 bytes)."
        assert await caller.hear() == "226 That is all, 3 bytes."


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"a\r\nb", b"\r", b"no end", b"\n" * 100_000])
async def test_a_text_goes_with_cr_lf_and_comes_back_as_it_was(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(content)
    async with visiting(tmp_path) as caller:
        assert await caller.codes("TYPE A") == [200]
        said = content.replace(b"\n", b"\r\n")
        assert await caller.fetch("RETR text") == said
        assert await caller.say("SIZE text") == f"213 {len(said)}"
        assert (await caller.store("STOR copy", said))[:3] == "226"
    assert (tmp_path / "copy").read_bytes() == content


async def test_a_file_that_becomes_shorter_is_told_from_a_whole_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(30_000_000))
    async with visiting(tmp_path) as caller:
        async with await caller.call() as data:
            assert await caller.codes("RETR file") == [150]
            os.truncate(file, 10)
            assert await is_reset(data)
            assert await caller.hear() == "451 The file became shorter."


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("b.txt", "a.txt", "c.bin", ".hidden", "sub/d.txt"):
        (tmp_path / name).write_bytes(b"12345")
        os.utime(tmp_path / name, (1026940035, 1026940035))
    return tmp_path


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("", [".hidden", "a.txt", "b.txt", "c.bin", "sub"]),
        (" -la", [".hidden", "a.txt", "b.txt", "c.bin", "sub"]),
        (" sub", ["d.txt"]),
        (" -l /sub/", ["d.txt"]),
        (" a.txt", ["a.txt"]),
        (" *.txt", ["a.txt", "b.txt"]),
        (" sub/*", ["sub/d.txt"]),
        (" [ab].t?t", ["a.txt", "b.txt"]),
        (" *.none", []),
    ],
)
async def test_what_is_listed(said: str, names: list[str], tree: Path) -> None:
    async with visiting(tree) as caller:
        assert (await caller.fetch(f"NLST{said}")).decode().split() == names
        lines = (await caller.fetch(f"LIST{said}")).decode().splitlines()
        assert [line.split()[-1] for line in lines] == names
        assert (await caller.say(f"STAT{said or ' .'}")).count("\n") == len(names) + 1


async def test_a_listing_is_text_whatever_the_type(tree: Path) -> None:
    async with visiting(tree) as caller:
        binary = await caller.fetch("LIST")
        assert await caller.codes("TYPE A") == [200]
        assert await caller.fetch("LIST") == binary
        assert binary.count(b"\r\n") == binary.count(b"\n") == 5


async def test_facts_are_listed_for_programs(tree: Path) -> None:
    async with visiting(tree) as caller:
        assert await caller.codes("OPTS MLST type;size;modify;") == [200]
        assert (await caller.fetch("MLSD sub")) == b"type=file;size=5;modify=20020717210715; d.txt\r\n"
        assert (await caller.fetch("MLSD")).count(b"\r\n") == 5
        assert await caller.codes("EPSV", "MLSD a.txt", "MLSD nothing", "LIST nothing", "NLST no/*") == [
            229, 550, 550, 550, 550,
        ]  # fmt: skip


async def test_an_empty_folder_is_listed(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        assert [await caller.fetch(verb) for verb in ("LIST", "NLST", "MLSD")] == [b"", b"", b""]
