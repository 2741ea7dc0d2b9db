from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.text import escape, hexdump, human_bytes, human_seconds, is_text, legible, starred


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"hello", "hello"),
        (b"GET / HTTP/1.1\r\n", r"GET / HTTP/1.1\r\n"),
        ("grüße €".encode(), "grüße €"),
        (b"\x1b[2J\x07\x00\x7f", r"\x1b[2J\a\x00\x7f"),
        (b"\xff\xc3(", r"\xff\xc3("),
        (b"C:\\dir", r"C:\\dir"),
        ("a\u202eb".encode(), r"a\xe2\x80\xaeb"),
        ("\x9b2J".encode(), r"\xc2\x9b2J"),
    ],
)
def test_escapes(data: bytes, text: str) -> None:
    assert escape(data) == text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("C:\\dir", "C:\\dir"),
        ("C:\\dir\x1b[2J\n", r"C:\dir\x1b[2J\n"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d👧 \\o/", "👩\u200d👧 \\o/"),
        ("a\u202eb\u200fc", r"a\xe2\x80\xaeb\xe2\x80\x8fc"),
    ],
)
def test_what_a_person_reads_is_escaped_no_more_than_need_be(text: str, read: str) -> None:
    assert legible(text) == read


@given(st.text())
def test_what_a_person_reads_moves_no_cursor(text: str) -> None:
    assert legible(text).replace("\u200c", "").replace("\u200d", "").isprintable()


@given(st.binary())
def test_what_is_escaped_prints_and_reads_back(data: bytes) -> None:
    text = escape(data)
    assert text.isprintable()
    assert _unescape(text) == data


def _unescape(text: str) -> bytes:
    named = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "\\": 92}
    back = bytearray()
    for match in re.finditer(r"\\x([0-9a-f]{2})|\\(.)|([^\\]+)", text):
        if match[1]:
            back.append(int(match[1], 16))
        elif match[2]:
            back.append(named[match[2]])
        else:
            back += match[3].encode()
    return bytes(back)


@given(st.text())
def test_text_of_any_kind_prints(text: str) -> None:
    assert escape(text).isprintable()


def test_hexdump_is_as_hexdump_c_writes_it() -> None:
    assert list(hexdump(b"Hello, world!\r\n\x00\xffab", offset=0x10)) == [
        "00000010  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 21 0d 0a 00  |Hello, world!...|",
        "00000020  ff 61 62                                          |.ab|",
    ]
    assert list(hexdump(b"")) == []


def test_hexdump_masks_what_is_hidden() -> None:
    hidden = [(0, 0x12), (0x1E, 0x21), (0x90, 0x99)]
    assert list(hexdump(b"Hello, world!\r\n\x00\xffab", 0x10, hidden)) == [
        "00000010  ** ** 6c 6c 6f 2c 20 77  6f 72 6c 64 21 0d ** **  |**llo, world!.**|",
        "00000020  ** 61 62                                          |*ab|",
    ]


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ([], b"abcdef"), ([(12, 14)], b"ab**ef"), ([(10, 11), (15, 16)], b"*bcde*"),
        ([(5, 12), (14, 99)], b"**cd**"), ([(0, 10), (16, 20)], b"abcdef"), ([(0, 4)], b"abcdef"),
    ],
)  # fmt: skip
def test_what_is_hidden_is_starred_where_it_is_there(hidden: list[tuple[int, int]], shown: bytes) -> None:
    assert starred(b"abcdef", 10, hidden) == shown


@pytest.mark.parametrize(
    ("data", "reads"),
    [(b"", True), (b"a line\r\n", True), ("grüße".encode(), True), (b"\x00" * 8, False), (b"\xff1234567", True),
     (b"\xff123456", False), (b"\x001234567", True), (b"\x00123456", False)],
)  # fmt: skip
def test_text_is_told_from_what_is_none(data: bytes, reads: bool) -> None:
    assert is_text(data) == reads


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1024 * 1024 - 1, "1.0 MiB"),
        (3 * 1024**3 // 2, "1.5 GiB"), (1024**6, "1024.0 PiB"),
    ],
)  # fmt: skip
def test_human_bytes(count: int, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 ms"), (0.00042, "0.4 ms"), (0.012, "12 ms"), (0.9999, "1.00 s"), (1.236, "1.24 s"),
        (59.999, "1 min 0 s"), (200, "3 min 20 s"), (3599.9, "1 h 0 min"), (7500, "2 h 5 min"), (350_000, "4 d 1 h"),
    ],
)  # fmt: skip
def test_human_seconds(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text
