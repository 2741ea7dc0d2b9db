"""Entries as lines: what a person reads, and what a program does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import msgspec
import pytest

from tincans.channel import Side
from tincans.cli.transcript import Event, Json, Script, Totals, ending
from tincans.conversation import Closed, Conversation, Dropped, Ended, Entry, How, Joined, Kind, Noted, Opened, Said

AT = 1_700_000_000_031_000_000
OPENED = Opened(
    conversation=12, at=AT, kind=Kind.RELAY, client="tcp://127.0.0.1:50312", near="tcp://127.0.0.1:7708",
    server="tcp://127.0.0.1:7707",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _in_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def script(*entries: Entry, **options: bool) -> list[str]:
    """The lines of a conversation that begins with OPENED."""
    conversation = Conversation.from_opened(OPENED)
    form = Script(**options)
    text = form.lines((OPENED, conversation))
    for entry in entries:
        conversation.fold(entry)
        text += form.lines((entry, conversation))
    return text.splitlines()


def said(side: Side, data: bytes) -> Said:
    return Said(conversation=12, at=AT + 1_000_000, side=side, data=data)


def test_a_conversation_reads_as_a_script() -> None:
    assert script(
        Joined(conversation=12, at=AT, far="tcp://127.0.0.1:50313", server="tcp://127.0.0.1:7707", facts={}),
        said(Side.CLIENT, b"GET / HTTP/1.0\r\n\r\n"),
        said(Side.SERVER, b"no"),
        Dropped(conversation=12, at=AT, side=Side.SERVER, count=3_000_000, reason="not shown"),
        Noted(conversation=12, at=AT, text="a boundary was lost"),
        Ended(conversation=12, at=AT, side=Side.SERVER),
        Closed(conversation=12, at=AT + 10_000_000, how=How.FINISHED, by=Side.SERVER),
    ) == [
        "22:13:20.031  #12  tcp://127.0.0.1:50312 calls tcp://127.0.0.1:7708",
        "22:13:20.031  #12  tcp://127.0.0.1:7707 answers; it is called from tcp://127.0.0.1:50313",
        r"22:13:20.032  #12  ►      18 B  GET / HTTP/1.0\r\n",
        r"                                \r\n",
        "22:13:20.032  #12  ◄       2 B  no",
        "22:13:20.031  #12  ◄   2.9 MiB  more, not shown",
        "22:13:20.031  #12  a boundary was lost",
        "22:13:20.031  #12  ◄  the server has ended what it says",
        "22:13:20.041  #12  finished, the server first: ► 18 B, ◄ 2.9 MiB in 10 ms",
    ]


def test_who_is_called_is_the_server_where_nobody_stands_between() -> None:
    opened = msgspec.structs.replace(OPENED, kind=Kind.LISTEN, near="", name="door")
    assert (
        Script()
        .lines((opened, Conversation.from_opened(opened)))
        .endswith("tcp://127.0.0.1:50312 calls tcp://127.0.0.1:7707 (door)\n")
    )


def test_bytes_are_dumped_on_request() -> None:
    lines = script(said(Side.CLIENT, bytes(range(20))), hex=True)
    assert lines[1].endswith("20 B  00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|")
    assert lines[2].endswith(" " * 20 + "00000010  10 11 12 13                                       |....|")


def test_an_empty_message_is_seen() -> None:
    assert script(said(Side.CLIENT, b""))[1].endswith("►       0 B  (an empty message)")


HOSTILE = "a\x1b[31mb\x07\n\u202e"


@pytest.mark.parametrize("options", [{}, {"hex": True}])
def test_no_control_character_of_a_peer_reaches_the_terminal(options: dict[str, bool]) -> None:
    lines = script(
        said(Side.CLIENT, HOSTILE.encode()),
        Joined(conversation=12, at=AT, far=HOSTILE, server=HOSTILE, facts={}),
        Noted(conversation=12, at=AT, text=HOSTILE),
        Dropped(conversation=12, at=AT, side=Side.SERVER, count=3, reason=HOSTILE),
        Closed(conversation=12, at=AT, how=How.RESET, by=Side.SERVER, detail=HOSTILE),
        **options,
    )
    assert all(line.isprintable() for line in lines)


def test_colours_set_the_sides_apart_and_change_no_word() -> None:
    entries = (
        said(Side.CLIENT, b"hello"), said(Side.SERVER, b"hi"), Closed(conversation=12, at=AT, how=How.RESET),
    )  # fmt: skip
    coloured = "\n".join(script(*entries, colour=True))
    assert "\x1b[36mhello\x1b[0m" in coloured
    assert "\x1b[33mhi\x1b[0m" in coloured
    assert "\x1b[31mreset" in coloured
    for code in ("2m", "1m", "31m", "36m", "33m", "0m"):
        coloured = coloured.replace(f"\x1b[{code}", "")
    assert coloured.splitlines() == script(*entries)


@pytest.mark.parametrize(
    ("how", "by", "detail", "words"),
    [
        (How.FINISHED, Side.CLIENT, "", "finished, the client first"),
        (How.FINISHED, None, "", "finished"),
        (How.RESET, Side.SERVER, "connection reset", "reset by the server (connection reset)"),
        (How.FAILED, Side.SERVER, "cannot connect", "failed (cannot connect)"),
        (How.IDLE, None, "", "closed, as nothing was said any more"),
        (How.STOPPED, None, "", "stopped by tincans"),
        (How.LOST, None, "", "lost"),
    ],
)
def test_every_end_has_its_words(how: How, by: Side | None, detail: str, words: str) -> None:
    assert ending(Closed(conversation=1, at=0, how=how, by=by, detail=detail)) == words


def totals(*ends: How) -> Totals:
    counted = Totals()
    for how in ends:
        conversation = Conversation.from_opened(OPENED)
        conversation.fold(said(Side.CLIENT, b"hello"))
        conversation.fold(Closed(conversation=12, at=AT, how=how))
        counted.add(conversation)
    return counted


def test_totals_count_what_went_wrong() -> None:
    assert Script().lines(totals()) == "0 conversations: ► 0 B, ◄ 0 B\n"
    assert Script().lines(totals(How.FINISHED)) == "1 conversation: ► 5 B, ◄ 0 B\n"
    assert Script().lines(totals(How.FINISHED, How.RESET, How.FAILED)) == (
        "3 conversations, 2 reset or failed: ► 15 B, ◄ 0 B\n"
    )


def test_what_was_skipped_is_told_in_both_forms() -> None:
    assert Script().skipped(7) == "… 7 events are not shown: what is printed is not read fast enough\n"
    assert json.loads(Json().skipped(7)) == {"type": "skipped", "count": 7}


def test_json_is_an_event_a_line_and_gives_the_bytes_back() -> None:
    conversation = Conversation.from_opened(OPENED)
    events: list[Event] = [(OPENED, conversation), (said(Side.SERVER, b"\x00\n\xff"), conversation), totals()]
    lines = "".join(map(Json().lines, events)).splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["opened", "said", "totals"]
    assert msgspec.json.decode(lines[1], type=Said).data == b"\x00\n\xff"
