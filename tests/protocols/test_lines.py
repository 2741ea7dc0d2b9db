"""Lines, as transcripts and as their options."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.errors import LocalProtocolError, NoSuchProtocol, RemoteProtocolError
from tincans.limits import LINE_BYTES
from tincans.protocols import Malformed, find_protocol
from tincans.protocols.lines import Line, Record
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "lines").glob("*.tin"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "lines")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "lines", random)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "data", "lines"),
    [
        ("lf", b"a\r\nb\n", [("a\r", "\n"), ("b", "\n")]),
        ("crlf", b"a\nb\r\n", [("a\nb", "\r\n")]),
        ("nul", b"a\0\0", [("a", "\0"), ("", "\0")]),
        ("/;+/", b"a;;b;c", [("a", ";;"), ("b", ";")]),
    ],
)
def test_a_mark_ends_a_line(option: str, data: bytes, lines: list[tuple[str, str]]) -> None:
    session = find_protocol(f"lines:{option}").session()
    events = session.receive(Side.CLIENT, data)
    assert [(event.line, event.finish) for event in events if isinstance(event, Line)] == lines


@pytest.mark.parametrize(
    ("option", "data"),
    [
        ("u8", b"\x02hi\x00"), ("u16", b"\x00\x02hi\x00\x00"), ("u32le", b"\x02\x00\x00\x00hi\x00\x00\x00\x00"),
        ("varint", b"\x02hi\x00"),
    ],
)  # fmt: skip
def test_a_length_begins_a_record(option: str, data: bytes) -> None:
    session = find_protocol(f"lines:{option}").session()
    events = session.receive(Side.SERVER, data)
    assert [event.data for event in events if isinstance(event, Record)] == [b"hi", b""]
    sender = find_protocol(f"lines:{option}").session(strict=True)
    assert b"".join(sender.send(Side.SERVER, event.bare()) for event in events) == data


def test_a_long_record_has_a_length_of_two_bytes() -> None:
    sender = find_protocol("lines:varint").session(strict=True)
    assert sender.send(Side.CLIENT, Record(data=b"x" * 300)) == b"\xac\x02" + b"x" * 300


def test_a_line_may_be_as_long_as_the_limit_and_not_longer() -> None:
    session = find_protocol("lines").session()
    assert isinstance(session.receive(Side.CLIENT, b"x" * LINE_BYTES + b"\n")[0], Line)
    broken, line = session.receive(Side.CLIENT, b"x" * (LINE_BYTES + 1) + b"\nnext\n")
    assert isinstance(broken, Malformed)
    assert (broken.start, broken.end) == (LINE_BYTES + 1, 2 * LINE_BYTES + 3)
    assert isinstance(line, Line)
    assert line.line == "next"
    with pytest.raises(RemoteProtocolError, match="longer than"):
        find_protocol("lines").session(strict=True).receive(Side.CLIENT, b"x" * (LINE_BYTES + 1))


def test_a_line_with_its_mark_inside_cannot_be_sent() -> None:
    with pytest.raises(LocalProtocolError):
        find_protocol("lines").session(strict=True).send(Side.CLIENT, Line(line="two\nlines"))


@pytest.mark.parametrize("name", ["lines:", "lines:u64", "lines:/(/", "lines:/x*/", "lnes", "no.such:Module", "http:x"])
def test_what_is_no_protocol_is_said(name: str) -> None:
    if name == "lines:":
        assert find_protocol(name).name == "lines"
        return
    with pytest.raises(NoSuchProtocol, match="is not a protocol"):
        find_protocol(name)
