"""The log has whole messages, one after the other, whatever happened to its end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remembering import numbers, said
from tincans.apps.chat.events import Message
from tincans.apps.chat.history import log as history_log
from tincans.apps.chat.history.log import End, Log, Place, messages_of, number_of
from tincans.limits import CHAT_PIECE_BYTES, CHAT_TEXT_BYTES


@contextmanager
def opened(folder: Path) -> Iterator[Log]:
    log = Log(folder)
    try:
        yield log
    finally:
        log.close()


def everything(log: Log) -> list[Message]:
    """All messages, piece by piece, as the index reads them."""
    found: list[Message] = []
    for segment in log.segments:
        start = End(segment, 0, 0)
        while piece := log.piece(start, log.end):
            found += [message for _, _, message in messages_of(piece)]
            start = End(segment, start.offset + len(piece), 0)
    return found


def test_a_log_that_is_torn_anywhere_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path / "whole") as log:
        log.append([said(1, "one"), said(2, "twö")])
        log.append([said(3, "three")])
    whole = (tmp_path / "whole" / "00000001.jsonl").read_bytes()
    torn = tmp_path / "torn"
    for cut in range(len(b'{"first":1}\n'), len(whole) + 1):
        shutil.rmtree(torn, ignore_errors=True)
        torn.mkdir()
        (torn / "00000001.jsonl").write_bytes(whole[:cut])
        left = whole[:cut].count(b"\n") - 1
        with opened(torn) as log:
            assert log.end.number == left
            log.append([said(left + 1, "next")])
        with opened(torn) as log:
            assert numbers(everything(log)) == [*range(1, left + 2)]


def test_a_place_is_where_a_message_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_log, "CHAT_SEGMENT_BYTES", 300)
    messages = [said(number, "é" * number) for number in range(1, 9)]
    with opened(tmp_path) as log:
        places = []
        for message in messages:
            log.append([message])
            length = len(log.path(log.end.segment).read_bytes().splitlines()[-1])
            places.append(Place(log.end.segment, log.end.offset - length - 1, length))
        assert len(log.segments) > 2
        assert log.read(places) == messages
        assert log.read(reversed(places)) == messages[::-1]
        log.remove(1)
        assert log.read(places) == [message for message, place in zip(messages, places, strict=True) if place[0] > 1]


def test_a_segment_that_is_thinned_out_has_the_rest_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [said(number, f"{number}" * 10_000) for number in range(1, 101)]
    with opened(tmp_path) as log:
        places = []
        for message in messages:
            start = log.end.offset
            log.append([message])
            places.append(Place(1, start, log.end.offset - start - 1))
        monkeypatch.setattr(history_log, "CHAT_SEGMENT_BYTES", 1)
        log.append([said(101)])
        before = log.path(1).stat()
        log.thin_out(1, [places[70], places[3], places[4]])
        after = log.path(1).stat()
        assert after.st_size > before.st_size // 2
        assert after.st_blocks * 512 < before.st_blocks * 512 // 10
        assert after.st_mode & 0o777 == 0o600
        assert log.read([places[70], places[3], places[4], places[5]]) == [messages[70], messages[3], messages[4]]
        assert numbers(everything(log)) == [4, 5, 71, 101]
        piece = log.path(1).read_bytes()
        assert [Place(1, *where) for *where, _ in messages_of(piece)] == [places[3], places[4], places[70]]
        log.thin_out(1, [places[70]])
    with opened(tmp_path) as log:
        assert numbers(everything(log)) == [71, 101]


def test_the_last_segment_is_neither_removed_nor_thinned_out(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        for deed in (log.remove, lambda segment: log.thin_out(segment, [])):
            with pytest.raises(AssertionError, match="it is appended to"):
                deed(1)


@pytest.mark.parametrize("more", [0, 1])
def test_a_line_may_be_longer_than_a_piece(tmp_path: Path, more: int) -> None:
    text = "\x01" * CHAT_TEXT_BYTES  # six bytes each
    messages = [said(number, text) for number in (1, 2, 3)]
    assert CHAT_PIECE_BYTES > 6 * CHAT_TEXT_BYTES
    with opened(tmp_path) as log:
        log.append(messages)
        with pytest.MonkeyPatch.context() as patch:
            line = (log.end.offset - len(b'{"first":1}\n')) // 3
            patch.setattr(history_log, "CHAT_PIECE_BYTES", line - more)
            assert everything(log) == messages


@given(st.lists(st.sampled_from(['{"first":1}', "what?", "", "\0\0", "one", "two"]), max_size=6))
def test_what_is_no_message_is_left_out(lines: list[str]) -> None:
    written = [history_log._encode(said(1, line)) if line in ("one", "two") else line.encode() for line in lines]
    piece = b"".join(line + b"\n" for line in written)
    found = messages_of(piece)
    assert [message.text for _, _, message in found] == [line for line in lines if line in ("one", "two")]
    for offset, length, message in found:
        assert number_of(piece[offset : offset + length]) == message.number


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_bytes_are_a_surprise(line: bytes) -> None:
    assert number_of(line) is None
    assert messages_of(line.replace(b"\n", b"") + b"\n") == []


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_is_said_can_be_read_back(text: str) -> None:
    message = said(1, text, nick=text, msgid=text)
    assert [found for _, _, found in messages_of(history_log._encode_lines([message]))] == [message]


def test_half_a_character_is_refused_before_it_is_written(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        with pytest.raises(ValueError, match="surrogates not allowed"):
            log.append([said(1, "one"), said(2, "\ud800")])
        assert log.end.number == 0
        log.append([said(1, "one")])
        assert numbers(everything(log)) == [1]
