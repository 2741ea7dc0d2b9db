"""Where a message of HTTP begins in the middle of something."""

from __future__ import annotations

import pytest

from tincans.channel import Side
from tincans.limits import HTTP_HEAD_BYTES, HTTP_START_BYTES
from tincans.protocols import Malformed, Upgraded
from tincans.protocols.events import Data
from tincans.protocols.http import HttpSession
from tincans.protocols.http_events import Request
from tincans.protocols.http_marks import find_message
from tincans.protocols.inbox import Inbox


def inbox_of(data: bytes) -> Inbox:
    inbox = Inbox()
    inbox.data += data
    return inbox


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (b"GET /", (0, False)),
        (b"GET / GET /", (0, False)),  # told when the line is whole
        (b"GET / GET /\n", (12, False)),
        (b"x GET /", (2, False)),
        (b"xGET / HTTP/1.1\r\n", (1, True)),
        (b"GET " + b"a" * (HTTP_START_BYTES - 5), (0, False)),
        (b"GET " + b"a" * HTTP_START_BYTES, (0, False)),
        (b"GET " + b"a" * (HTTP_START_BYTES + 1), (HTTP_START_BYTES + 5, False)),
        (b"GET a " + b"A" * HTTP_START_BYTES, (HTTP_START_BYTES - 11, False)),
    ],
)
def test_a_request_is_found_where_its_line_is(said: bytes, found: tuple[int, bool]) -> None:
    assert find_message(Side.CLIENT, inbox_of(said)) == found


def test_a_long_line_is_the_same_byte_by_byte() -> None:
    said = b"\0GET " + b"a" * 2000 + b" b GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    session = HttpSession()
    events = [event for byte in said for event in session.receive(Side.CLIENT, bytes([byte]))]
    assert next(type(event) for event in events if not isinstance(event, Malformed | Data)) is Request
    lost = b"".join(event.data for event in events if isinstance(event, Malformed | Data))
    assert lost == said[: said.index(b"GET / ")]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_empty_lines_may_come_in_any_pieces(end: bytes) -> None:
    said = end * ((HTTP_HEAD_BYTES - 1) // len(end)) + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    session = HttpSession()
    events = [event for at in range(0, len(said), 7) for event in session.receive(Side.CLIENT, said[at : at + 7])]
    assert isinstance(events[0], Request)
    assert (events[0].start, events[0].end) == (0, len(said))


def test_two_carriage_returns_are_no_empty_line() -> None:
    events = HttpSession().receive(Side.CLIENT, b"\r\n\r\r")
    assert isinstance(events[0], Malformed)


def test_http2_is_named_and_left_alone() -> None:
    session = HttpSession()
    request, upgraded = session.receive(Side.CLIENT, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert isinstance(request, Request)
    assert not [note for note in request.notes if "Host" in note]
    assert isinstance(upgraded, Upgraded)
    assert (upgraded.to, upgraded.summary) == ("raw", "HTTP/2 from here")
