"""Sequence diagrams: what is drawn, as text and as SVG."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Ended, Entry, How, Joined, Kind, Noted, Opened, Said, Secured
from tincans.diagram import Diagram, Drawing, as_svg, as_text
from tincans.limits import DIAGRAM_STEPS

AT = 1_700_000_000_031_000_000
OPENED = Opened(
    conversation=12, at=AT, kind=Kind.RELAY, name="front", client="tcp://127.0.0.1:50312", server="tcp://127.0.0.1:7707"
)
C, S = Side.CLIENT, Side.SERVER
SECRETIVE = "secretive:SecretiveSession"


@pytest.fixture(autouse=True)
def _in_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def said(side: Side, data: bytes, after: float = 0.001) -> Said:
    return Said(conversation=12, at=AT + int(after * 1e9), side=side, data=data)


def drawn(*entries: Entry, opened: Opened = OPENED, **how: Any) -> Drawing:
    diagram = Diagram(**{"protocol": "lines", **how})
    for entry in (opened, *entries):
        diagram.add(entry)
    return diagram.drawn()


TALK = (
    Joined(conversation=12, at=AT, far="", server="tcp://127.0.0.1:7707"),
    said(C, b"hello\n"),
    said(S, b"x" * 200 + b"\n", 4.2),
    Noted(conversation=12, at=AT + 4_300_000_000, text="a note"),
    Secured(conversation=12, at=AT + 4_300_000_000),
    Dropped(conversation=12, at=AT + 4_300_000_000, side=S, count=5000, reason="slow"),
    Ended(conversation=12, at=AT + 4_300_000_000, side=C),
    Closed(conversation=12, at=AT + 4_310_000_000, how=How.RESET, by=S, detail="gone"),
)


def test_a_conversation_is_drawn_as_text() -> None:
    line = "x" * 52
    assert list(as_text(drawn(*TALK))) == [
        "#12, relay front, Tuesday, 2023-11-14",
        "",
        "              client                                                        server",
        "              tcp://127.0.0.1:50312                          tcp://127.0.0.1:7707",
        "              │                                                                  │",
        "22:13:20.031  │                   tcp://127.0.0.1:7707 answers                   │",
        r"22:13:20.032  ├─ hello\n ──────────────────────────────────────────────── 6 B ──►│",
        "              ┊                        4.20 s of silence                         ┊",
        f"22:13:24.231  │◄─ {line}…  201 B ──┤",
        "22:13:24.331  │                              a note                              │",
        "22:13:24.331  │        TLS on both sides; what they say inside it follows        │",
        "22:13:24.331  │◄╌ more, slow ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 4.9 KiB ╌╌┤",
        "22:13:24.331  ├╌ ends ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌►│",
        "22:13:24.341  │                    reset by the server (gone)                    │",
    ]


def test_every_line_is_as_wide_whatever_was_said() -> None:
    said_: list[Entry] = [said(C, words.encode() + b"\n") for words in ("ü" * 80, "電" * 40, "e\u0301" * 70, "x")]
    lines = list(as_text(drawn(*said_)))
    assert all(line.endswith("►│") for line in lines[5:])
    assert "電" * 25 in lines[6]
    assert lines[6].count("電") < 30


def test_chunks_that_follow_one_another_are_one_arrow() -> None:
    entries = [
        said(S, b"body 9\n"),
        said(S, b"1234"),
        said(S, b"56789"),
        said(C, b"facts 0\nquiet\n"),
        said(C, b"what\n"),
    ]
    steps = drawn(*entries, protocol=SECRETIVE).steps
    assert [(step.text, step.size, step.look) for step in steps] == [
        ("body of 9", 7, "said"), ("body", 9, "said"), ("0 facts", 8, "said"),
        ("malformed at byte 14: there is no what", 5, "wrong"),
    ]  # fmt: skip


def test_an_upgrade_is_noted_and_secrets_are_masked() -> None:
    entries = [said(C, b"login me hunter2\nswitch lines\n")]
    assert [step.text for step in drawn(*entries, protocol=SECRETIVE).steps] == [
        "login me ******", "switch lines", "lines from here",
    ]  # fmt: skip
    assert drawn(*entries, protocol=SECRETIVE, secrets=True).steps[0].text == "login me hunter2"


def test_a_picture_has_a_bound_and_all_of_it_on_request() -> None:
    def steps(count: int, **how: Any) -> list[str]:
        return [step.text for step in drawn(said(C, b"x\n" * count), **how).steps]

    assert len(steps(DIAGRAM_STEPS)) == DIAGRAM_STEPS
    assert steps(DIAGRAM_STEPS + 1)[DIAGRAM_STEPS:] == ["… and 1 more (--full draws all)"]
    assert len(steps(DIAGRAM_STEPS + 1, full=True)) == DIAGRAM_STEPS + 1


HOSTILE = '</text><script>alert("1")</script>\x1b[2J\u202e]]>&amp;\x00'


def test_nothing_that_was_said_is_obeyed() -> None:
    opened = Opened(conversation=1, at=AT, kind=Kind.LISTEN, name=HOSTILE, client=HOSTILE, server=HOSTILE)
    entries: list[Entry] = [said(C, HOSTILE.encode() + b"\xff\n"), Noted(conversation=12, at=AT, text=HOSTILE)]
    drawing = drawn(*entries, opened=opened)
    assert "".join(as_text(drawing)).isprintable()
    svg = "\n".join(as_svg(drawing))
    assert all(line.isprintable() for line in svg.splitlines())
    root = ElementTree.fromstring(svg)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names == {"svg", "title", "style", "rect", "text", "tspan", "line", "path"}
    assert "javascript" not in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_an_svg_has_an_arrow_for_each_step_and_both_colour_schemes() -> None:
    drawing = drawn(*TALK)
    root = ElementTree.fromstring("\n".join(as_svg(drawing)))
    named = "{http://www.w3.org/2000/svg}"
    arrows = list(root.iter(f"{named}path"))
    assert [arrow.get("class") for arrow in arrows] == ["client", "server", "server", "client"]
    texts = ["".join(element.itertext()) for element in root.iter(f"{named}text")]
    assert r"hello\n 6 B" in texts
    assert "4.20 s of silence" in texts
    assert "prefers-color-scheme: dark" in "".join(root.itertext())
    height = int(root.get("height") or 0)
    assert all(int(line.get("y1") or 0) < height for line in root.iter(f"{named}line"))
