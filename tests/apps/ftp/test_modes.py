"""How the next transfer goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftping import visiting
from tincans.limits import FTP_TEXT_BYTES


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("TYPE A", 200), ("TYPE a n", 200), ("TYPE A T", 504), ("TYPE I", 200), ("TYPE L 8", 200), ("TYPE L 36", 504),
        ("TYPE E", 504), ("TYPE", 501), ("MODE S", 200), ("mode s", 200), ("MODE B", 504), ("MODE C", 504),
        ("STRU F", 200), ("STRU R", 504), ("STRU P", 504), ("ALLO 1000", 202), ("ALLO 10 R 5", 202), ("ALLO x", 501),
        ("REST 0", 350), ("REST -1", 501), ("REST x", 501), ("REST 9999999999999999999", 501), ("SMNT x", 502),
    ],
)  # fmt: skip
async def test_what_may_be_chosen(said: str, code: int, tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        assert await caller.codes(said) == [code]


async def test_everybody_begins_with_text(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"a\n")
    async with visiting(tmp_path) as caller:
        assert await caller.codes("REIN", "USER ftp", "PASS x") == [220, 331, 230]
        assert await caller.fetch("RETR text") == b"a\r\n"


async def test_a_text_is_transferred_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"a\n")
    async with visiting(tmp_path) as caller:
        assert await caller.codes("TYPE A", "EPSV", "REST 1", "RETR text", "REST 1", "STOR text") == [
            200, 229, 350, 550, 350, 550,
        ]  # fmt: skip
        assert await caller.fetch("RETR text") == b"a\r\n"


async def test_the_size_of_a_text_is_counted_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"\n" * FTP_TEXT_BYTES)
    async with visiting(tmp_path) as caller:
        assert await caller.say("TYPE A", "SIZE text") == f"213 {2 * FTP_TEXT_BYTES}"
        with open(tmp_path / "text", "ab") as file:
            file.write(b"\n")
        assert await caller.codes("SIZE text", "TYPE I", "SIZE nothing") == [550, 200, 550]
        assert await caller.say("SIZE text") == f"213 {FTP_TEXT_BYTES + 1}"
