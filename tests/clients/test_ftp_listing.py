"""What a folder holds is read from what FTP servers say, and from nothing else."""

from __future__ import annotations

import calendar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.clients.ftp_listing import parse_list, parse_mlsd, parse_size, parse_time
from tincans.clients.remote import Item

NOW = calendar.timegm((2026, 3, 1, 12, 0, 0))


def at(*parts: int) -> float:
    return calendar.timegm((*parts, 0, 0, 0)[:6])


MLSD = [
    ("type=file;size=12;modify=20260102030405; a b", Item("a b", False, 12, at(2026, 1, 2, 3, 4, 5))),
    ("Type=Dir;Modify=20260102030405.5;  x", Item(" x", True, None, at(2026, 1, 2, 3, 4, 5) + 0.5)),
    ("type=OS.unix=slink:/etc; l", Item("l", False, None, None, is_link=True)),
    (" bare", Item("bare")),
    ("type=file;size=x;modify=20261302030405; y", Item("y")),
    ("type=file;size=1; ../z", Item("../z", False, 1)),
    ("type=cdir; .", None),
    ("type=pdir;modify=20260102030405; /above", None),
    ("type=dir; ..", None),
    ("type=file;size=1;", None),
    ("nothing", None),
]

LIST = [
    (
        "-rw-r--r--   1 ftp      ftp          1234 Jan 02 03:04 a b",
        Item("a b", False, 1234, at(2026, 1, 2, 3, 4), False),
    ),
    (
        "-rw-r--r--   1 ftp      ftp          1234 Mar  2 03:04 next",
        Item("next", False, 1234, at(2026, 3, 2, 3, 4), False),
    ),
    (
        "-rw-r--r--   1 ftp      ftp          1234 Mar  3 03:04 old",
        Item("old", False, 1234, at(2025, 3, 3, 3, 4), False),
    ),
    ("drwxr-xr-x+  2 ada     staff         4096 Feb 28  2019  sub", Item(" sub", True, None, at(2019, 2, 28), False)),
    ("lrwxrwxrwx   1 0 0 4 Jan 02 03:04 l -> /etc", Item("l", False, None, at(2026, 1, 2, 3, 4), False, True)),
    ("-rw-r--r-- ftp 12 Jan 02 03:04 short", Item("short", False, 12, at(2026, 1, 2, 3, 4), False)),
    ("01-02-26  03:04PM                12 w x", Item("w x", False, 12, at(2026, 1, 2, 15, 4), False)),
    ("01-02-1999  12:04AM       <DIR>          d", Item("d", True, None, at(1999, 1, 2, 0, 4), False)),
    ("13-02-99  12:04        7 odd", Item("odd", False, 7, None, False)),
    ("-rw-r--r-- 1 0 0 12 Feb 30 03:04 never", Item("never", False, 12, None, False)),
    ("drwxr-xr-x 1 0 0 12 Jan 02 03:04 ..", None),
    ("total 12", None),
    ("-rw-r--r-- 1 0 0 12 Foo 02 03:04 x", None),
    ("-rw-r--r-- 1 0 0 12345678901234567890 Jan 02 03:04 x", None),
    ("hello", None),
]


@pytest.mark.parametrize(("line", "item"), MLSD)
def test_facts_for_programs(line: str, item: Item | None) -> None:
    assert parse_mlsd(line.encode() + b"\r\n") == ([item] if item else [])


@pytest.mark.parametrize(("line", "item"), LIST)
def test_lines_for_people(line: str, item: Item | None) -> None:
    assert parse_list(line.encode() + b"\r\n", NOW) == ([item] if item else [])


def test_lines_end_as_the_server_ends_them() -> None:
    assert [item.name for item in parse_mlsd(b"type=file; a\ntype=file; b\n")] == ["a", "b"]
    crlf = b"type=file; a\nb\r\ntype=file; c\r\0\nd\r\n\r\ntype=file; \xff\r\n"
    assert [item.name for item in parse_mlsd(crlf)] == ["a\nb", "c\r\nd", "\udcff"]
    assert [item.name for item in parse_mlsd(b"type=file; a\0b\r\n")] == ["a\nb"]
    assert parse_mlsd(b"") == parse_list(b"", NOW) == []


def test_times_and_sizes() -> None:
    assert parse_time("20260102030405") == at(2026, 1, 2, 3, 4, 5)
    assert parse_time("20260102030405.25") == at(2026, 1, 2, 3, 4, 5) + 0.25
    assert [parse_time(said) for said in ("", "2026", "20260230000000", "00000102030405", "x" * 14)] == [None] * 5
    assert parse_size("9" * 18) == 10**18 - 1
    assert [parse_size(said) for said in ("9" * 19, "-1", "", "²", "1 ")] == [None] * 5


@given(st.binary())
def test_anything_may_be_said(said: bytes) -> None:
    for item in (*parse_mlsd(said), *parse_list(said, NOW)):
        assert item.name


@given(st.from_regex(r"[-dl][-rwx]{9} 1 0 0 \d{1,20} [A-Z][a-z]{2} \d{1,2} (\d{4}|\d\d:\d\d) .{1,9}", fullmatch=True))
def test_almost_anything_may_be_listed(line: str) -> None:
    parse_list(line.encode("utf-8", "surrogatepass"), NOW)
