"""Which parts of a file are asked for, and how they are said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.apps.http.exchange import Span
from tincans.apps.http.ranges import Part, parts_of, several
from tincans.limits import HTTP_RANGES


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        ("bytes=0-0", [(0, 0)]),
        ("bytes=0-999", [(0, 999)]),
        ("bytes=0-1000", [(0, 999)]),
        ("bytes=999-", [(999, 999)]),
        ("Bytes = 5-6", [(5, 6)]),
        ("bytes=-1", [(999, 999)]),
        ("bytes=-5000", [(0, 999)]),
        ("bytes=1000-", []),
        ("bytes=1000-1001, 5000-", []),
        ("bytes=-0", []),
        ("bytes=1000-, 1-2", [(1, 2)]),
        ("bytes=, 1-2 ,,", [(1, 2)]),
        ("bytes=900-, 0-1", [(900, 999), (0, 1)]),  # as they were asked for
        ("bytes=0-100, 50-200", [(0, 200)]),  # they overlap
        ("bytes=0-9, 10-19", [(0, 19)]),
        ("bytes=0-9, 89-99", [(0, 99)]),  # what frames a part is longer than what is between
        ("bytes=0-9, 90-99", [(0, 9), (90, 99)]),
        ("bytes=5-5, 5-5, 0-999", [(0, 999)]),
        ("bytes=" + "0" * 17 + "1-" + "0" * 17 + "2", [(1, 2)]),
    ],
)
def test_parts(wanted: str, parts: list[tuple[int, int]]) -> None:
    assert parts_of(wanted, 1000) == parts


@pytest.mark.parametrize(
    "wanted",
    ["", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=1", "bytes=2-1", "bytes=1-2-3", "bytes=+1-2",
     "bytes=1 - 2", "items=0-1", "0-1", "bytes=1-2; 3-4", "bytes=0-1, x", "bytes=\u0661-", "bytes=" + "9" * 5000 + "-"],
)  # fmt: skip
def test_what_is_no_range_is_ignored(wanted: str) -> None:
    assert parts_of(wanted, 1000) is None


def test_so_many_parts_may_be_asked_for() -> None:
    members = [f"{number * 1000}-{number * 1000}" for number in range(HTTP_RANGES + 1)]
    parts = parts_of("bytes=" + ",".join(members[:-1]), 10**6)
    assert parts is not None
    assert len(parts) == HTTP_RANGES
    assert parts_of("bytes=" + ",".join(members), 10**6) is None


@given(st.integers(0, 300), st.lists(st.tuples(st.integers(0, 400), st.none() | st.integers(0, 400)), max_size=6))
def test_never_more_is_said_than_there_is(size: int, asked: list[tuple[int, int | None]]) -> None:
    members = [f"{first}-{'' if last is None else last}" for first, last in asked]
    parts = parts_of("bytes=" + ",".join(members), size)
    if any(last is not None and last < first for first, last in asked) or not asked:
        assert parts is None
        return
    assert parts is not None
    wanted = {at for first, last in asked for at in range(first, size if last is None else min(last + 1, size))}
    said = [at for part in parts for at in range(part.first, part.last + 1)]
    assert wanted <= set(said)
    assert len(said) == len(set(said))
    assert set(said) <= set(range(size))


def test_several_are_framed() -> None:
    kind, body = several([Part(0, 1), Part(500, 509)], 1000, 7, "text/plain")
    boundary = kind.removeprefix("multipart/byteranges; boundary=")
    head = f"\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes "
    assert body == [
        f"{head}0-1/1000\r\n\r\n".encode(), Span(7, 0, 2), f"{head}500-509/1000\r\n\r\n".encode(), Span(7, 500, 10),
        f"\r\n--{boundary}--\r\n".encode(),
    ]  # fmt: skip
    assert several([Part(0, 1)], 1000, 7, "")[0] != kind
