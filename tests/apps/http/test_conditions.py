"""Conditions in the order of RFC 9110 §13.2.2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tincans.apps.http.conditions import failed, tag_of, wants_part
from tincans.apps.http.request import Fields

#: Sun, 09 Sep 2001 01:46:40 GMT, and a bit.
MODIFIED = 1_000_000_000.75
THEN = "Sun, 09 Sep 2001 01:46:40 GMT"
EARLIER = "Sun, 09 Sep 2001 01:46:39 GMT"
LATER = "Sun, 09 Sep 2001 01:46:41 GMT"
TAG = '"a-b"'

MATCH, NONE = "If-Match", "If-None-Match"
SINCE, UNTIL = "If-Modified-Since", "If-Unmodified-Since"


def status(*fields: tuple[str, str], reads: bool = True, tag: str = TAG) -> int:
    return failed(Fields(fields), reads=reads, tag=tag, modified=MODIFIED)


@pytest.mark.parametrize(
    ("fields", "reading", "writing"),
    [
        ([], 0, 0),
        ([(MATCH, TAG)], 0, 0),
        ([(MATCH, "*")], 0, 0),
        ([(MATCH, f'"x,y", {TAG}')], 0, 0),
        ([(MATCH, '"x"'), (MATCH, TAG)], 0, 0),
        ([(MATCH, f"W/{TAG}")], 412, 412),
        ([(MATCH, '"x"')], 412, 412),
        ([(MATCH, "a-b")], 412, 412),
        ([(NONE, TAG)], 304, 412),
        ([(NONE, f'W/{TAG} , "x"')], 304, 412),
        ([(NONE, "*")], 304, 412),
        ([(NONE, '"x"')], 0, 0),
        ([(SINCE, THEN)], 304, 0),
        ([(SINCE, LATER)], 304, 0),
        ([(SINCE, EARLIER)], 0, 0),
        ([(UNTIL, THEN)], 0, 0),
        ([(UNTIL, EARLIER)], 412, 412),
        # The tags come before the dates, and what must match before what must not.
        ([(MATCH, TAG), (UNTIL, EARLIER)], 0, 0),
        ([(MATCH, '"x"'), (UNTIL, LATER)], 412, 412),
        ([(NONE, '"x"'), (SINCE, LATER)], 0, 0),
        ([(NONE, TAG), (SINCE, EARLIER)], 304, 412),
        ([(MATCH, '"x"'), (NONE, TAG)], 412, 412),
        ([(MATCH, TAG), (NONE, TAG)], 304, 412),
        ([(UNTIL, EARLIER), (NONE, TAG)], 412, 412),
        # The other two forms of a date; and what is none is ignored.
        ([(SINCE, "Sunday, 09-Sep-01 01:46:40 GMT")], 304, 0),
        ([(SINCE, "Sun Sep  9 01:46:40 2001")], 304, 0),
        ([(SINCE, "Sun Sep  9 01:46:39 2001")], 0, 0),
        ([(SINCE, "yesterday")], 0, 0),
        ([(UNTIL, "yesterday")], 0, 0),
        ([(UNTIL, "")], 0, 0),
    ],
)
def test_conditions(fields: list[tuple[str, str]], reading: int, writing: int) -> None:
    assert status(*fields) == reading
    assert status(*fields, reads=False) == writing


@pytest.mark.parametrize(("field", "expected"), [((MATCH, "*"), 412), ((NONE, "*"), 0), ((UNTIL, EARLIER), 0)])
def test_where_there_is_nothing(field: tuple[str, str], expected: int) -> None:
    assert status(field, reads=False, tag="") == expected


@pytest.mark.parametrize(
    ("condition", "wants"),
    [("", True), (TAG, True), (f"W/{TAG}", False), ('"x"', False), (THEN, True), (EARLIER, False), (LATER, False),
     ("yesterday", False)],
)  # fmt: skip
def test_a_part_is_wanted_of_what_is_still_the_same(condition: str, wants: bool) -> None:
    fields = Fields((("If-Range", condition),) if condition else ())
    assert wants_part(fields, tag=TAG, modified=MODIFIED) is wants


def test_a_tag_is_of_the_inode_the_time_and_the_size(tmp_path: Path) -> None:
    tags = set()
    for name, size, at in (("a", 1, 1), ("a", 2, 1), ("a", 2, 2), ("b", 2, 2)):
        (tmp_path / name).write_bytes(b"x" * size)
        os.utime(tmp_path / name, ns=(at, at))
        tags.add(tag_of((tmp_path / name).stat()))
    assert len(tags) == 4
