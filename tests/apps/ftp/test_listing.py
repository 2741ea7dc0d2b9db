"""A file as a line of a listing."""

from __future__ import annotations

import ftplib
import os

import pytest

from tincans.apps.ftp.listing import FACTS, as_data, fact_line, long_line, moment
from tincans.files import Item

NOW = 1_795_824_000.0  # 2026-11-28 00:00:00


def item(name: str = "a name", mode: int = 0o100644, size: int = 12, mtime: float = NOW) -> Item:
    return Item(name, os.stat_result((mode, 0x51, 0xA0, 1, 1000, 1000, size, mtime, mtime, mtime)))


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (item(), "-rw-r--r--   1 ftp      ftp                12 Nov 28 00:00 a name"),
        (item(mode=0o040755), "drwxr-xr-x   1 ftp      ftp                12 Nov 28 00:00 a name"),
        (item(mtime=NOW - 190 * 86400), "-rw-r--r--   1 ftp      ftp                12 May 22  2026 a name"),
        (item(mtime=NOW + 1), "-rw-r--r--   1 ftp      ftp                12 Nov 28  2026 a name"),
        (item(size=10**13, mtime=0), "-rw-r--r--   1 ftp      ftp      10000000000000 Jan  1  1970 a name"),
        (item("two\nlines\x1b[2J"), "-rw-r--r--   1 ftp      ftp                12 Nov 28 00:00 two?lines?[2J"),
    ],
)
def test_for_people(given: Item, line: str) -> None:
    assert long_line(given, NOW) == line


@pytest.mark.parametrize(
    ("mode", "may_write", "perm"),
    [(0o100644, True, "radfw"), (0o100644, False, "r"), (0o040755, True, "elcdfmp"), (0o040755, False, "el")],
)
def test_for_programs(mode: int, may_write: bool, perm: str) -> None:
    kind, octal = ("dir", "0755") if mode & 0o040000 else ("file", "0644")
    assert fact_line(item(mode=mode), FACTS, may_write=may_write) == (
        f"type={kind};size=12;modify=20261128000000;perm={perm};unique=a0g51;UNIX.mode={octal}; a name"
    )


def test_a_time_is_in_utc() -> None:
    assert moment(1026940035.9) == "20020717210715"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("plain", b"plain\r\n"), ("a\nb", b"a\nb\r\n"), ("a\rb", b"a\rb\r\n"), ("a\r\nb", b"a\r\0\nb\r\n"),
        ("a\r", b"a\r\0\r\n"), ("\udcff", b"\xff\r\n"), ("größer", "größer\r\n".encode()),
    ],
)  # fmt: skip
def test_a_name_never_ends_its_line(name: str, said: bytes) -> None:
    assert as_data([name, "next"]) == said + b"next\r\n"
    assert as_data([name, "next"]).split(b"\r\n")[:-1] == [said[:-2], b"next"]


def test_python_reads_the_facts() -> None:
    line = fact_line(item("a; b=c"), FACTS, may_write=True)
    facts, _, name = line.partition(" ")
    assert dict(fact.split("=") for fact in facts.rstrip(ftplib.CRLF + ";").split(";"))["size"] == "12"
    assert name == "a; b=c"
