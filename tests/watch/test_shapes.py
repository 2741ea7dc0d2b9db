"""What the API says is kept as files, one a function of `shapes.py`: whoever changes a shape changes one of them, too.

`TINCANS_GOLDEN=1 pytest tests/watch/test_shapes.py` writes them anew.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tincans import waiting
from tincans.channel import Side
from tincans.conversation import Conversation, How, Kind
from tincans.transports.programs import Program
from tincans.watch import shapes

GOLDEN = Path(__file__).with_name("golden")
AT = 1_795_813_295_036_284_999

#: Texts that a party chose: nothing of it may reach a page as it is.
HOSTILE = "<b>\x1b[31m\u202e\n\udcff\\"

CONVERSATION = Conversation(
    number=12, kind=Kind.RELAY, name="front", client="tcp://127.0.0.1:50312", near="tcp://127.0.0.1:7708",
    far="tcp://127.0.0.1:50313", server=f"unix:{HOSTILE}", facts={f"tls.{HOSTILE}": HOSTILE}, opened=AT,
    joined=AT + 1_000_000, closed=AT + 9_000_000, how=How.RESET, by=Side.SERVER, detail=HOSTILE, client_bytes=5,
    server_bytes=2**60, client_pieces=1, server_pieces=2, dropped=7, last=AT + 8_000_000, client_ended=AT + 7_000_000,
    notes=[HOSTILE, "a note"],
)  # fmt: skip
DIRECTION = waiting.Direction(said=5, last=AT, age=1.5, unfinished=5, ended=False, queued=0, unread=None)
STATE = waiting.State(
    conversation=12, at=AT, protocol="lines", client=DIRECTION,
    server=waiting.Direction(said=0, last=None, age=None, unfinished=0, ended=True, queued=None, unread=3),
    sockets={"near": waiting.Socket(state="ESTABLISHED", unread=3, unsent=0)}, sentence="both wait", is_stuck=True,
)  # fmt: skip

MADE: dict[str, Callable[[], Any]] = {
    "conversation": lambda: shapes.conversation(CONVERSATION, "http"),
    "state": lambda: shapes.state(STATE),
    "said": lambda: shapes.said(7, b"a\x00\xff", [(8, 9)], [(9, 10)]),
    "mail": lambda: shapes.mail(
        [("Subject", HOSTILE)],
        [shapes.Part(path="1", media="text/plain", name=HOSTILE, size=12, role="body", id=HOSTILE)],
        "it is not over yet",
    ),
    "program": lambda: shapes.program(Program(1, HOSTILE, f"{HOSTILE} --flag")),
}

#: Functions that make no shape.
_OTHERS = {"micros", "side_of", "to_json", "escape"}


def test_every_function_has_its_file() -> None:
    made = {
        name for name, each in inspect.getmembers(shapes, inspect.isfunction)
        if each.__module__ == shapes.__name__ and not name.startswith("_")
    }  # fmt: skip
    assert made - _OTHERS == MADE.keys()
    assert {path.stem for path in GOLDEN.glob("*.json")} == MADE.keys()


@pytest.mark.parametrize("name", MADE)
def test_a_shape_is_what_it_was(name: str) -> None:
    told = shapes.to_json(MADE[name]())
    text = msgspec.json.format(told, indent=2).decode() + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("TINCANS_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
    assert all(character.isprintable() for character in told.decode()), "every character of it prints"


def test_times_are_microseconds_that_javascript_holds_exactly() -> None:
    assert shapes.micros(AT) == 1_795_813_295_036_284
    assert shapes.micros(2**63) < 2**53 * 1024


def test_sides_are_read_by_their_names() -> None:
    assert [shapes.side_of("client"), shapes.side_of("server")] == [Side.CLIENT, Side.SERVER]
    with pytest.raises(ValueError, match="'middle' is not a valid Side"):
        shapes.side_of("middle")
