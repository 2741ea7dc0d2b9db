"""Lines of a caller: the same however they come, and bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tincans.apps.chat.lines import Lines
from tincans.limits import CHAT_LINE_BYTES


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"tin can", b"\xff"]), max_size=30), st.data())
def test_lines_are_the_same_however_they_come(parts: list[bytes], data: st.DataObject) -> None:
    said = b"".join(parts)
    lines, heard, at = Lines(), list[bytes](), 0
    while at < len(said):
        step = data.draw(st.integers(1, 10))
        heard += lines.feed(said[at : at + step])
        at += step
    heard += lines.end()
    whole = said.split(b"\n")
    assert heard == [line.removesuffix(b"\r") for line in whole[:-1]] + ([whole[-1]] if whole[-1] else [])


def test_all_that_is_whole_comes_at_once() -> None:
    lines = Lines()
    assert lines.feed(b"tin\ncan\r\n\nstr") == [b"tin", b"can", b""]
    assert lines.feed(b"ing") == []
    assert lines.feed(b"\n") == [b"string"]
    assert lines.end() == []


def test_a_line_has_as_many_bytes_as_it_may() -> None:
    for end in (b"\n", b"\r\n"):
        lines = Lines()
        assert lines.feed(b"x" * CHAT_LINE_BYTES + end) == [b"x" * CHAT_LINE_BYTES]
        assert not lines.too_long


def test_one_byte_more_is_too_long_and_what_was_before_is_heard() -> None:
    lines = Lines()
    assert lines.feed(b"before\n" + b"x" * (CHAT_LINE_BYTES + 1) + b"\nbehind\n") == [b"before"]
    assert lines.too_long
    assert lines.feed(b"more\n") == lines.end() == []


def test_a_line_without_an_end_is_not_gathered_for_ever() -> None:
    lines = Lines()
    assert lines.feed(b"x" * (CHAT_LINE_BYTES + 1)) == []  # the last may be a CR
    assert lines.feed(b"\n") == []
    assert lines.too_long
    for said in (b"x" * (CHAT_LINE_BYTES + 2), b"before\n" + b"x" * (CHAT_LINE_BYTES + 2)):
        lines = Lines()
        assert lines.feed(said) == said.splitlines()[:-1]
        assert lines.too_long


@given(st.binary(max_size=300))
def test_a_last_line_needs_no_end(said: bytes) -> None:
    lines = Lines()
    heard = lines.feed(said) + lines.end()
    assert b"\n".join(heard).replace(b"\r", b"") == said.removesuffix(b"\n").replace(b"\r", b"")
