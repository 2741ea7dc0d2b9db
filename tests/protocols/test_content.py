"""What bodies are packed with: right, wrong, cut anywhere, and a bomb."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tincans.limits import VIEW_BYTES
from tincans.protocols.content import Content, media_type


def deflate_raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, list[Callable[[bytes], bytes]]] = {
    "gzip": [gzip.compress, lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:])],
    "x-gzip": [gzip.compress],
    "deflate": [zlib.compress, deflate_raw],
    "br": [brotli.compress],
    "zstd": [zstandard.compress],
}
WAYS = [(coding, packer) for coding, packers in PACKERS.items() for packer in packers]


def feed(content: Content, data: bytes, size: int) -> bytes:
    return b"".join(content.feed(data[at : at + size]) for at in range(0, len(data), size)) + content.end()


@pytest.mark.parametrize(("coding", "pack"), WAYS)
@given(data=st.binary(max_size=2000), size=st.integers(1, 500))
def test_what_was_packed_is_unpacked(coding: str, pack: Callable[[bytes], bytes], data: bytes, size: int) -> None:
    content = Content([coding])
    assert feed(content, pack(data), size) == data
    assert content.trouble == ""


def test_several_codings_are_undone_last_first() -> None:
    content = Content(["gzip", "identity", "br"])
    assert feed(content, brotli.compress(gzip.compress(b"hello" * 100)), 7) == b"hello" * 100
    assert content.trouble == ""


@pytest.mark.parametrize(("coding", "pack"), WAYS)
@given(data=st.binary(min_size=20, max_size=300), noise=st.binary(min_size=1, max_size=9), at=st.integers(0, 50))
def test_what_is_wrong_raises_nothing(
    coding: str, pack: Callable[[bytes], bytes], data: bytes, noise: bytes, at: int
) -> None:
    packed = pack(data)
    feed(Content([coding, coding]), packed[:at] + noise + packed[at:], 10)


@pytest.mark.parametrize("coding", PACKERS)
def test_what_is_not_packed_is_said(coding: str) -> None:
    content = Content([coding])
    assert feed(content, b"this is no packed content at all, whatever was said", 10) == b""
    assert content.trouble.startswith((f"this is no {coding}", f"the {coding} ends too soon"))


@pytest.mark.parametrize(("coding", "pack"), WAYS)
def test_what_ends_too_soon_is_said(coding: str, pack: Callable[[bytes], bytes]) -> None:
    content = Content([coding])
    data = bytes(range(256)) * 4
    assert data.startswith(feed(content, pack(data)[:-12], 50))
    assert content.trouble == f"the {coding} ends too soon"


@pytest.mark.parametrize(("coding", "pack"), WAYS)
def test_a_bomb_does_not_go_off(coding: str, pack: Callable[[bytes], bytes]) -> None:
    content = Content([coding])
    assert len(feed(content, pack(bytes(20 * VIEW_BYTES)), 1000)) == VIEW_BYTES
    assert content.trouble == f"only the first {VIEW_BYTES} bytes of it are shown"


def test_as_much_is_shown_as_the_limit_and_not_more() -> None:
    content = Content()
    assert len(feed(content, bytes(VIEW_BYTES), 1000)) == VIEW_BYTES
    assert content.trouble == ""
    assert len(feed(content, b"x", 1)) == 0
    assert content.trouble == f"only the first {VIEW_BYTES} bytes of it are shown"


def test_an_unknown_coding_is_shown_as_it_is() -> None:
    content = Content(["gzip", "compress"])
    assert feed(content, b"packed", 3) == b"packed"
    assert content.trouble == "compress is not known, so the content is shown as it is packed"


def test_what_was_packed_with_missing_bytes_is_not_shown() -> None:
    content = Content(["gzip"])
    content.feed(gzip.compress(b"x" * 100)[:10])
    content.lost()
    assert feed(content, b"rest", 4) == b""
    assert content.trouble == "what was packed with the missing bytes cannot be shown"
    plain = Content()
    plain.lost()
    assert feed(plain, b"rest", 4) == b"rest"


@pytest.mark.parametrize(
    ("charset", "data", "shown"),
    [
        ("iso-8859-1", b"caf\xe9", "café"),
        ("utf-16", "Grüße 😀".encode("utf-16"), "Grüße 😀"),
        ("shift_jis", "日本".encode("shift_jis"), "日本"),
        ("gb2312", b"\xc4\xe3\xba", "你\ufffd"),
        ("utf-8", "Grüße".encode(), "Grüße"),
    ],
)
def test_text_becomes_utf8(charset: str, data: bytes, shown: str) -> None:
    content = Content([], charset)
    assert feed(content, data, 1) == shown.encode()
    assert content.trouble == ""


@pytest.mark.parametrize("charset", ["klingon", "hex", "punycode", "unicode_escape", "a\0b"])
def test_an_unknown_charset_is_said(charset: str) -> None:
    content = Content([], charset)
    assert feed(content, b"caf\xe9", 2) == b"caf\xe9"
    assert content.trouble == f"the charset {charset} is not known"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", ("", "")),
        ("Text/HTML", ("text/html", "")),
        ('text/html; a=b; Charset="UTF-8"', ("text/html", "UTF-8")),
        ("text/html;charset=latin1;charset=x", ("text/html", "latin1")),
    ],
)
def test_a_media_type_has_a_charset(value: str, found: tuple[str, str]) -> None:
    assert media_type(value) == found
