"""What a reader is shown of HTTP."""

from __future__ import annotations

import gzip

from tincans.channel import Side
from tincans.protocols.events import Event, Missing
from tincans.protocols.http import HttpSession
from tincans.protocols.view import View


def views(events: list[Event]) -> list[View]:
    viewer = HttpSession.viewer()
    return [viewer.view(event) for event in events]


def answer(*fields: str, body: bytes = b"") -> list[Event]:
    session = HttpSession()
    session.receive(Side.CLIENT, b"GET / HTTP/1.0\r\n\r\n")
    head = "".join(f"{field}\r\n" for field in ("HTTP/1.1 200 OK", *fields, f"Content-Length: {len(body)}", ""))
    return session.receive(Side.SERVER, head.encode()) + [
        event for at in range(0, len(body), 20) for event in session.receive(Side.SERVER, body[at : at + 20])
    ]


def test_a_head_is_shown_with_its_fields() -> None:
    view = views(answer("Server: x"))[0]
    assert view == View("HTTP/1.1 200 OK", ("Server: x", "Content-Length: 0"))


def test_a_body_is_unpacked_and_in_utf8() -> None:
    page = "Grüße! " * 50
    shown = views(
        answer(
            "Content-Type: text/plain; charset=iso-8859-1", "Content-Encoding: gzip",
            body=gzip.compress(page.encode("iso-8859-1")),
        )
    )  # fmt: skip
    assert b"".join(view.content or b"" for view in shown) == page.encode()
    assert shown[1].summary == "body, 20 bytes, unpacked 4" or shown[1].summary.startswith("body, 20 bytes, unpacked")
    assert shown[1].media == "text/plain"
    assert shown[-1].silent


def test_what_is_wrong_with_a_body_is_said_once() -> None:
    shown = views(answer("Content-Encoding: gzip", body=b"this is not what was said of it, and rather long"))
    said = [detail for view in shown for detail in view.details if detail.startswith("!")]
    assert len(said) == 1
    assert said[0].startswith("! this is no gzip")


def test_an_end_too_soon_is_worth_a_line() -> None:
    shown = views(answer("Content-Encoding: gzip", body=gzip.compress(b"x" * 100)[:-9]))
    assert shown[-1] == View("end of the message", ("! the gzip ends too soon",))
    empty = views(answer("Content-Encoding: gzip"))
    assert empty[-1].silent


def test_a_gap_in_a_packed_body_is_said() -> None:
    events = answer("Content-Encoding: gzip", body=gzip.compress(bytes(range(200))))
    events[2] = Missing(side=Side.SERVER, start=events[2].start, end=events[2].end)
    said = [detail for view in views(events) for detail in view.details if detail.startswith("!")]
    assert said == ["! what was packed with the missing bytes cannot be shown"]


def test_the_sides_do_not_disturb_each_other() -> None:
    session = HttpSession()
    viewer = HttpSession.viewer()
    events = session.receive(Side.CLIENT, b"POST / HTTP/1.0\r\nContent-Length: 2\r\nContent-Type: text/x\r\n\r\nh")
    events += session.receive(Side.SERVER, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\n")
    events += session.receive(Side.CLIENT, b"i")
    events += session.receive(Side.SERVER, b"!")
    shown = [(view.content, view.media) for view in map(viewer.view, events) if view.content]
    assert shown == [(b"h", "text/x"), (b"i", "text/x"), (b"!", "a/b")]
