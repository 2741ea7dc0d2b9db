"""What two conversations said differently, and what is only noise."""

from __future__ import annotations

import hashlib

import pytest

from tincans import tin
from tincans.channel import Side
from tincans.differing import Difference, Lines, Row, differences, quiet, rows
from tincans.limits import DIFF_CONTENT_BYTES, DIFF_LINES

C, S = Side.CLIENT, Side.SERVER


def lines(script: str, protocol: str = "lines", *, noise: bool = False, secrets: bool = False) -> Lines:
    told = Lines(protocol, noise=noise, secrets=secrets)
    for entry in tin.read(script.splitlines()):
        told.add(entry)
    return told


def said(*words: str) -> str:
    return "\n".join(["0.1 C", *(f"    {word}\\n" for word in words)])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Date: Tue, 24 Nov 2026 21:22:05 GMT", "Date: Wed, 25 Nov 2026 01:02:03 GMT"),
        ("ETag: \"5f-abc\"", "ETag: W/\"1\""),
        ("Set-Cookie: id=abc; Path=/", "Set-Cookie: id=def; Path=/"),
        ("Content-Type: multipart/mixed; boundary=\"=_one\"; x=y", "Content-Type: multipart/mixed; boundary=two; x=y"),
        ("--===============7330845974216740156==--", "--===============1234845974216740157==--"),
        ("250 2.0.0 Ok: queued as 4B2C91F00A", "250 2.0.0 Ok: queued as 9zXyW0"),
        ("250 OK id=1uAbCd-0000Xy-2F", "250 OK id=1uAbCe-0000Yz-3A"),
        ("Message-ID: <a@b>", "Message-ID: <c@d>"),
        ("at Tuesday, 24-Nov-26 21:22:05 GMT", "at Wednesday, 25-Nov-26 21:22:06 GMT"),
        ("at Tue Nov 24 21:22:05 2026", "at Wed Nov  4 01:02:03 2026"),
        ("24 Nov 2026 21:22:05 +0100 (CET)", "1 Dec 2026 21:22:05 +0000"),
        ("at 2026-11-24T21:22:05.585Z", "at 2025-01-02 03:04:05+01:00"),
        ("on 2026-11-24", "on 2027-01-01"),
        ("[24/Nov/2026:21:22:05 +0000]", "[25/Nov/2026:21:22:05 +0000]"),
        ("Nov 24 21:22:05 host", "Dec  4 01:22:05 host"),
        ("took from 21:22:05.123", "took from 01:02:03"),
        ("t=1795555555", "t=1795555556.25"),
        ("id 0b7f2d3e-8a43-4a4e-9a5c-1c2d3e4f5a6b", "id 9b7f2d3e-8a43-4a4e-9a5c-1c2d3e4f5a6c"),
        ("token deadbeef01", "token cafe0123babe"),
        ("from 127.0.0.1:50312", "from 127.0.0.1:32768"),
        ("from [::1]:60999", "from [::1]:49152"),
        ("227 Entering Passive Mode (127,0,0,1,195,80).", "227 Entering Passive Mode (127,0,0,1,4,9)."),
        ("229 Entering Extended Passive Mode (|||50312|)", "229 Entering Extended Passive Mode (|||1025|)"),
        ("EPRT |1|127.0.0.1|50312|", "EPRT |1|127.0.0.1|50313|"),
    ],
)  # fmt: skip
def test_noise_is_aside_and_with_all_it_is_not(one: str, other: str) -> None:
    assert quiet(one) == quiet(other)
    assert list(differences(C, lines(said(one)).of(C), lines(said(other)).of(C))) == []
    (found,) = differences(C, lines(said(one), noise=True).of(C), lines(said(other), noise=True).of(C))
    assert found.one[0].startswith(one.replace("\\", "\\\\"))


@pytest.mark.parametrize(
    "line",
    [
        "GET /things/12345678 HTTP/1.1", "from 127.0.0.1:8080", "Host: localhost:32767", "decade", "facade00s", "12:30",
        "Content-Length: 1234567890123", "access-control-max-age: 600", "the feedback", "defaced", "1234567890",
        "-- \\n", "--short", "PORT 1,2,3,4", "||", "id=abc", "queued", "2026", "Set-Cookie",
    ],
)  # fmt: skip
def test_what_means_something_is_no_noise(line: str) -> None:
    assert quiet(line) == line


def test_what_differs_is_told_with_what_is_around_it() -> None:
    one = lines(said("a", "b", "c", "d", "e", "f", "g", "h", "i"))
    other = lines(said("a", "b", "c", "d", "E", "f", "g", "h", "i", "j"))
    assert list(rows(one.of(C), other.of(C))) == [
        Row("@", True, "event 2 and event 2"),
        *(Row(" ", True, f"{word}\\n") for word in "bcd"),
        Row("-", True, "e\\n"), Row("+", True, "E\\n"),
        *(Row(" ", True, f"{word}\\n") for word in "fghi"),
        Row("+", True, "j\\n"),
    ]  # fmt: skip
    first, second = differences(C, one.of(C), other.of(C))
    assert first == Difference(side=C, one_event=5, other_event=5, one=("e\\n",), other=("E\\n",))
    assert second == Difference(side=C, one_event=10, other_event=10, one=(), other=("j\\n",))


def test_the_two_sides_are_compared_each_for_itself() -> None:
    one = lines("0.1 C\n    a\\n\n0.2 S\n    b\\n")
    other = lines("0.1 S\n    b\\n\n0.2 C\n    a\\n")
    assert [list(differences(side, one.of(side), other.of(side))) for side in Side] == [[], []]


def test_one_that_said_nothing_differs_from_its_first_event_on() -> None:
    (found,) = differences(S, lines("0.1 C ends").of(S), lines("0.1 S\n    hi\\n").of(S))
    assert (found.one_event, found.other_event, found.one, found.other) == (1, 1, (), ("hi\\n",))


def test_how_content_was_cut_and_how_it_ended_to_the_nanosecond_means_nothing() -> None:
    one = lines('0.1 C\n    {\\n\n    "a": 1\\n\n0.2 C\n    }\n0.3 closed finished client', "raw")
    other = lines('0.1 C\n    {\n0.2 C\n    \\n\n    "a": 2\\n\n    }\n0.4 closed reset server', "raw")
    assert [line.text for line in one.of(C)] == ["data", "{", '"a": 1', "}"]
    (found,) = differences(C, one.of(C), other.of(C))
    assert (found.one, found.other) == (('"a": 1',), ('"a": 2',))
    assert (one.how, other.how) == ("finished", "reset")
    assert lines("note -").how == ""


def test_what_is_no_text_is_compared_by_its_hash() -> None:
    one, other = lines("C hex\n    00 01 02", "raw"), lines("C hex\n    00 01 03", "raw")
    (found,) = differences(C, one.of(C), other.of(C))
    assert found.one[0].startswith("3 bytes, SHA-256 ae4b3280")
    assert list(differences(C, one.of(C), lines("C hex\n    00 01 02", "raw").of(C))) == []


def test_content_is_compared_line_by_line_up_to_the_limit_and_then_by_its_hash() -> None:
    digest = hashlib.sha256(b"x" * (DIFF_CONTENT_BYTES + 1)).hexdigest()
    whole = lines(f"C\n    {'x' * DIFF_CONTENT_BYTES}", "raw").of(C)
    longer = lines(f"C\n    {'x' * (DIFF_CONTENT_BYTES + 1)}", "raw").of(C)
    assert [len(line.text) for line in whole] == [4, DIFF_CONTENT_BYTES]
    assert [line.text[:25] for line in longer] == ["data", "x" * 25, f"1048577 bytes, SHA-256 {digest[:2]}"]
    other = lines(f"C\n    {'x' * DIFF_CONTENT_BYTES}y", "raw").of(C)
    assert len(list(differences(C, longer, other))) == 1


def test_very_long_ones_are_compared_in_time() -> None:
    words = ["again"] * (DIFF_LINES // 2)
    one, other = lines(said(*words)).of(C), lines(said(*words, "more")).of(C)
    (found,) = differences(C, one, other)
    assert found.other[-1] == "more\\n"


def test_what_the_protocol_can_be_told_by_only_at_the_end_is_told() -> None:
    assert [line.text for line in lines("C\n    G\n0.1 C ends", "").of(C)] == ["G"]
    assert lines("C\n    hello\\n", "").of(C)[0].text == "hello\\n"
