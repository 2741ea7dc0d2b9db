"""A mail as POP3 gives it: lines that end in CR LF, however the store's text is cut."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.apps.mail.pop3_maildrop import regular, top, whole


@pytest.mark.parametrize(
    ("data", "given_"),
    [
        (b"", b""),
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\r\nb", b"a\r\nb\r\n"),
        (b"a\n.\nQUIT\n", b"a\r\n.\r\nQUIT\r\n"),
        (b"a\r.\r\n", b"a\r.\r\n"),
        (b"a\r", b"a\r\n"),
        (b"\n", b"\r\n"),
        (b"\r\r\n", b"\r\r\n"),
        (b"\r\n\n\r", b"\r\n\r\n\r\n"),
    ],
)
def test_each_line_ends_in_cr_lf(data: bytes, given_: bytes) -> None:
    assert b"".join(regular([data])) == given_


@given(st.lists(st.text(alphabet="\r\n.x", max_size=5).map(str.encode)))
def test_it_is_the_same_however_it_is_cut(pieces: list[bytes]) -> None:
    cut = list(regular(pieces))
    assert b"".join(cut) == b"".join(regular([b"".join(pieces)]))
    assert all(cut), "no piece is empty"
    assert not any(one.endswith(b"\r") and two.startswith(b"\n") for one, two in pairwise(cut))
    text = b"".join(cut)
    assert text.count(b"\n") == text.count(b"\r\n")
    assert text.endswith(b"\r\n") or not text


@given(st.lists(st.binary(max_size=20)).map(b"\r\n".join).filter(lambda data: b"\n" not in data.replace(b"\r\n", b"")))
def test_a_regular_mail_is_given_byte_by_byte(data: bytes) -> None:
    data += b"\r\n"
    assert b"".join(regular(whole(io.BytesIO(data)))) == data


def test_the_top_has_whole_lines_however_long() -> None:
    line = b"x" * 200_000 + b"\r\n"
    file = io.BytesIO(b"Subject: a\r\n" + line + b"\r\n" + line + line)
    assert b"".join(top(file, 1)) == b"Subject: a\r\n" + line + b"\r\n" + line


def test_a_header_without_an_end_is_all_there_is() -> None:
    assert b"".join(top(io.BytesIO(b"Subject: a\r\nTo: b\r\n"), 5)) == b"Subject: a\r\nTo: b\r\n"
