"""Paths that are offered: which are those of a file in a folder, to the byte."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.errors import RemoteProtocolError
from tincans.limits import FILE_NAME_BYTES, FOLDERS_DEEP, PASS_FILES, PASS_PATH_BYTES
from tincans.peers.passing import Entry, add_checked, checked_path

NAME = b"n" * FILE_NAME_BYTES
#: As long as a path may be.
LONGEST = (NAME + b"/") * (PASS_PATH_BYTES // (FILE_NAME_BYTES + 1) - 1) + NAME


def refused(path: bytes) -> bool:
    try:
        checked_path(path)
    except RemoteProtocolError:
        return True
    return False


@pytest.mark.parametrize(
    ("fits", "is_too_much"),
    [
        (NAME, NAME + b"n"),
        (b"d/" * (FOLDERS_DEEP - 1) + b"a", b"d/" * FOLDERS_DEEP + b"a"),
        (LONGEST + b"/" * 0, LONGEST + b"/a"),
    ],
)
def test_what_fits_and_one_more(fits: bytes, is_too_much: bytes) -> None:
    assert checked_path(fits) == fits
    assert refused(is_too_much)


def test_the_longest_is_one_short_of_the_bound() -> None:
    assert len(LONGEST) == PASS_PATH_BYTES - 1
    assert len(LONGEST + b"/a") == PASS_PATH_BYTES + 1


@given(st.binary(max_size=40) | st.text("./ab\0", max_size=12).map(str.encode))
def test_what_is_taken_stays_in_the_folder(path: bytes) -> None:
    """By another reading of paths than ours: pathlib's."""
    if refused(path):
        return
    pure = PurePosixPath(path.decode("utf-8", "surrogateescape"))
    assert not pure.is_absolute()
    assert ".." not in pure.parts
    assert str(pure).encode("utf-8", "surrogateescape") == path, "and it is written in one way"
    assert b"\0" not in path


def test_so_many_are_one_offer_and_not_one_more() -> None:
    found: dict[bytes, Entry] = {}
    add_checked(found, (Entry(b"%d" % number) for number in range(PASS_FILES)))
    with pytest.raises(RemoteProtocolError, match=f"more than {PASS_FILES} files"):
        add_checked(found, [Entry(b"x")])
