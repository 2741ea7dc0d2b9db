"""Entries as lines: what a person reads, and what a program does."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tincans.channel import Side
from tincans.cli.meaning import BINARY_BYTES, CONTENT_BYTES, CONTENT_LINES, DETAILS, EVENTS, TEXT_CHARACTERS, Style
from tincans.cli.transcript import NOT_SHOWN, Json, Pause, Script, Totals
from tincans.conversation import (
    Closed,
    Conversation,
    Dropped,
    Ended,
    Entry,
    How,
    Joined,
    Kind,
    Noted,
    Opened,
    Said,
    Secured,
)

SECRETIVE = "secretive:SecretiveSession"

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


def script(*entries: Entry, opened: Opened = OPENED, gaps: bool = False, **style: Any) -> list[str]:
    """The lines of a conversation that begins with OPENED; `style` as for `Style`."""
    conversation = Conversation.from_opened(opened)
    form = Script(Style(**{"protocol": "lines", **style}), gaps=gaps)
    text = form.lines((opened, conversation))
    for entry in entries:
        conversation.fold(entry)
        text += form.lines((entry, conversation))
    return (text + form.finish()).splitlines()


def spoken(*entries: Entry, **style: Any) -> list[str]:
    """What is shown of what was said, without times and numbers."""
    return [line.removeprefix("22:13:20.032  #12  ").removeprefix(" " * 19) for line in script(*entries, **style)[1:]]


def said(side: Side, data: bytes, at: int = AT + 1_000_000) -> Said:
    return Said(conversation=12, at=at, side=side, data=data)


def dropped(side: Side, count: int, reason: str = "the disk was slow") -> Dropped:
    return Dropped(conversation=12, at=AT + 1_000_000, side=side, count=count, reason=reason)


CLOSED = Closed(conversation=12, at=AT + 10_000_000, how=How.FINISHED, by=Side.SERVER)
C, S = Side.CLIENT, Side.SERVER


def test_a_conversation_reads_as_a_script() -> None:
    assert script(
        Joined(conversation=12, at=AT, far="tcp://127.0.0.1:50313", server="tcp://127.0.0.1:7707", facts={}),
        said(C, b"GET / HTTP/1.0\r\n\r\n"),
        said(S, b"no"),
        dropped(S, 3_000_000),
        Noted(conversation=12, at=AT, text="a boundary was lost"),
        Secured(conversation=12, at=AT),
        Ended(conversation=12, at=AT, side=S),
        CLOSED,
    ) == [
        "22:13:20.031  #12  tcp://127.0.0.1:50312 calls tcp://127.0.0.1:7708",
        "22:13:20.031  #12  tcp://127.0.0.1:7707 answers; it is called from tcp://127.0.0.1:50313",
        r"22:13:20.032  #12  C:      16 B  GET / HTTP/1.0\r\n",
        r"22:13:20.032  #12  C:       2 B  \r\n",
        "22:13:20.032  #12  S:       2 B  no",
        "22:13:20.032  #12  S:   2.9 MiB  more, the disk was slow",
        "22:13:20.031  #12  a boundary was lost",
        "22:13:20.031  #12  TLS on both sides from here; it is what they say inside it that is shown",
        "22:13:20.031  #12  S: the server has ended what it says",
        "22:13:20.041  #12  finished, the server first: C 18 B, S 2.9 MiB in 10 ms",
    ]


def test_who_is_called_is_the_server_where_nobody_stands_between() -> None:
    opened = msgspec.structs.replace(OPENED, kind=Kind.LISTEN, near="", name="door")
    assert script(opened=opened) == ["22:13:20.031  #12  tcp://127.0.0.1:50312 calls tcp://127.0.0.1:7707 (door)"]


def test_the_data_of_ftp_says_whose_it_is() -> None:
    def head(**facts: str) -> str:
        named = {f"ftp.{name}": fact for name, fact in facts.items()}
        return script(opened=msgspec.structs.replace(OPENED, facts=named))[0]

    assert head(control="11", command="RETR x").endswith(":7708, data of FTP conversation #11 (RETR x)")
    assert head(command="LIST \x1b").endswith(r":7708, data of FTP (LIST \x1b)")


def test_raw_bytes_are_shown_as_they_were_said() -> None:
    assert spoken(said(C, b"one\r\ntwo"), said(S, b"\x1b[0mplain\n"), protocol="raw") == [
        r"C:       8 B  one\r\n", "              two", r"S:      10 B  \x1b[0mplain\n",
    ]  # fmt: skip


def test_bytes_are_dumped_beside_what_they_mean() -> None:
    assert spoken(said(C, b"hello\n" + bytes(range(20)) + b"\n"), hex=True) == [
        r"C:       6 B  hello\n",
        "              00000000  68 65 6c 6c 6f 0a                                 |hello.|",
        r"C:      11 B  \x00\x01\x02\x03\x04\x05\x06\a\b\t\n",
        "              00000006  00 01 02 03 04 05 06 07  08 09 0a                 |...........|",
        r"C:      10 B  \v",
        r"              \f",
        r"              \r",
        r"              \x0e\x0f\x10\x11\x12\x13\n",
        "              00000011  0b 0c 0d 0e 0f 10 11 12  13 0a                    |..........|",
    ]
    assert spoken(said(C, b"hello\n"), hex=True, protocol="raw") == [
        "C:       6 B  00000000  68 65 6c 6c 6f 0a                                 |hello.|"
    ]


def test_an_empty_message_is_seen() -> None:
    opened = msgspec.structs.replace(OPENED, boundaries=True)
    assert script(said(C, b""), opened=opened, protocol="raw")[1].endswith("C:            (an empty message)")


# ── how much is shown ─────────────────────────────────────────────────────────────────────────────────────


def test_a_huge_line_is_cut_and_shown_whole_on_request() -> None:
    line = said(C, b"x" * (TEXT_CHARACTERS + 7) + b"\n")
    assert spoken(line) == [f"C:     328 B  {'x' * TEXT_CHARACTERS} … and 8 characters more"]
    assert spoken(line, full=True) == [f"C:     328 B  {'x' * (TEXT_CHARACTERS + 7)}\\n"]


def test_details_are_cut_and_shown_whole_on_request() -> None:
    def shown(count: int, **style: Any) -> list[str]:
        return spoken(said(C, b"facts %d\n" % count), protocol=SECRETIVE, **style)[1:]

    assert shown(DETAILS)[-1] == f"              fact {DETAILS}"
    assert shown(DETAILS + 1)[-2:] == [
        f"              fact {DETAILS}", "              … and 1 more (--full shows all)",
    ]  # fmt: skip
    assert shown(DETAILS + 1, full=True)[-1] == f"              fact {DETAILS + 1}"


def body(*pieces: bytes) -> list[Entry]:
    length = sum(map(len, pieces))
    return [said(S, b"body %d\n" % length), *(said(S, piece) for piece in pieces)]


def test_a_body_is_cut_and_the_rest_told_before_what_comes_next() -> None:
    entries = [*body(b"a" * CONTENT_BYTES + b"bb", b"c" * 5000), said(C, b"facts 1\n")]
    shown = spoken(*entries, protocol=SECRETIVE)
    assert shown == [
        "S:      10 B  body of 6026",
        "S:   1.0 KiB  body, 1026 bytes",
        f"              {'a' * CONTENT_BYTES}",
        "S:   4.9 KiB  more, not shown (--full shows all)",
        "C:       8 B  1 facts",
        "              fact 1",
    ]
    whole = spoken(*entries, protocol=SECRETIVE, full=True)
    assert whole[2:5] == [
        f"              {'a' * CONTENT_BYTES}bb", "S:   4.9 KiB  body, 5000 bytes", f"              {'c' * 5000}",
    ]  # fmt: skip


def test_of_many_lines_and_of_what_is_no_text_little_is_shown() -> None:
    lines = spoken(*body(b"x\n" * (CONTENT_LINES + 1)), protocol=SECRETIVE)
    assert lines[2:] == [*["              x"] * CONTENT_LINES, "S:       2 B  more, not shown (--full shows all)"]
    dump = spoken(*body(bytes(range(BINARY_BYTES)) + b"\xff"), protocol=SECRETIVE)
    assert len(dump) == 2 + BINARY_BYTES // 16 + 1
    assert dump[2] == "              00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|"
    assert dump[-1] == "S:       1 B  more, not shown (--full shows all)"


def test_a_slow_stream_is_shown_whole() -> None:
    pieces = [said(S, b"%d" % at + b"x" * 700, at=AT + at * 1_100_000_000) for at in range(9)]
    shown = script(*pieces, protocol="raw")
    assert not any("more" in line for line in shown)
    assert sum(line.count("x" * 700) for line in shown) == 9


def test_somebody_who_looks_on_does_not_see_a_thousand_lines() -> None:
    entries = [said(C, b"line\n" * (EVENTS.turn + 3)), said(S, b"so\n"), said(C, b"next\n")]
    shown = spoken(*entries, live=True)
    assert shown == [
        *[r"C:       5 B  line\n"] * EVENTS.turn, "C:      15 B  more, not shown (--full shows all)",
        r"S:       3 B  so\n", r"C:       5 B  next\n",
    ]  # fmt: skip
    assert len(spoken(*entries)) == len(spoken(*entries, live=True, full=True)) == EVENTS.turn + 5


def test_what_a_live_printer_left_out_is_told_once() -> None:
    entries = [*body(b"a" * 2000), dropped(S, 7_000_000, NOT_SHOWN), said(C, b"facts 0\n")]
    entries[0] = said(S, b"body 7002000\n")
    assert spoken(*entries, protocol=SECRETIVE)[3:] == [
        "S:   6.7 MiB  more, not shown (--full shows all)", "C:       8 B  0 facts",
    ]  # fmt: skip


def test_what_a_gap_cuts_off_is_not_shown_as_a_mistake() -> None:
    assert spoken(said(C, b"hel"), dropped(C, 10), said(C, b"rest\n"), dropped(C, 5)) == [
        "C:       3 B  hel", "C:      10 B  more, the disk was slow",
        r"C:       5 B  rest\n", "C:       5 B  more, the disk was slow",
    ]  # fmt: skip


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_that_took_long_says_so_and_a_silence_is_told() -> None:
    entries = [said(C, b"hel"), said(C, b"lo\n", at=AT + 4_201_000_000), said(S, b"hi\n", at=AT + 9_201_000_000)]
    assert script(*entries, gaps=True)[1:] == [
        "                   … 4.20 s",
        r"22:13:24.232  #12  C:       6 B  hello\n  (over 4.20 s)",
        "                   … 5.00 s",
        r"22:13:29.232  #12  S:       3 B  hi\n",
    ]
    assert len(script(*entries)) == 3


def after(seconds: float, form: Script) -> list[str]:
    """What a form says so long after the beginning."""
    return form.lines(Pause(AT + int(seconds * 1e9))).splitlines()


def test_who_waits_for_whom_is_told_once_after_a_second_of_silence() -> None:
    form, conversation = Script(Style(protocol="lines")), Conversation.from_opened(OPENED)
    form.lines((OPENED, conversation))
    form.lines((Joined(conversation=12, at=AT, far="tcp://127.0.0.1:6", server="tcp://127.0.0.1:7707"), conversation))
    assert form.lines((said(C, b"HELLO"), conversation)) == ""
    assert after(0.9, form) == []
    assert after(1.101, form) == [
        "22:13:21.132  #12  the server has `HELLO` without a line end since 1.10 s; both sides wait"
    ]
    assert after(2.1, form) == []
    assert form.lines((CLOSED, conversation)).startswith("22:13:20.032  #12  C:       5 B  HELLO\n")
    assert after(3.1, form) == []


def test_one_that_does_not_read_is_told_by_what_the_kernel_holds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with socket.create_connection(listening.getsockname()) as client:
            server, _ = listening.accept()
            with server:
                server.sendall(b"hello\n")
                here, there = (f"tcp://127.0.0.1:{name[1]}" for name in (client.getsockname(), client.getpeername()))
                opened = Opened(conversation=12, at=AT, kind=Kind.LISTEN, client=here, server=there)
                form, conversation = Script(Style(protocol="lines")), Conversation.from_opened(opened)
                form.lines((opened, conversation))
                form.lines((said(S, b"hello\n"), conversation))
                (told,) = after(1.101, form)
    assert told == "22:13:21.132  #12  the client does not read: 6 B wait for it since 1.10 s"


def test_where_nobody_is_stuck_only_what_was_left_out_is_told() -> None:
    form, conversation = Script(Style(protocol="raw")), Conversation.from_opened(OPENED)
    form.lines((OPENED, conversation))
    form.lines((Joined(conversation=12, at=AT, far="tcp://127.0.0.1:6", server="tcp://127.0.0.1:7707"), conversation))
    form.lines((said(C, b"x" * (CONTENT_BYTES + 5)), conversation))
    assert after(1.1, form) == ["22:13:21.131  #12  C:       5 B  more, not shown (--full shows all)"]
    assert after(2.2, form) == []


def test_what_was_begun_is_told_at_the_end_of_a_recording_that_goes_on() -> None:
    assert spoken(said(C, b"HELLO"), said(S, b"hi")) == [
        "C:       5 B  HELLO  (not yet whole)", "S:       2 B  hi  (not yet whole)",
    ]  # fmt: skip
    long = spoken(said(C, b"H" * (TEXT_CHARACTERS + 1)))
    assert long == [f"C:     321 B  {'H' * TEXT_CHARACTERS} …  (not yet whole)"]


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────────


LOGIN = said(C, b"login me hunter2\n")


def test_secrets_are_masked_and_shown_on_request() -> None:
    assert spoken(LOGIN, protocol=SECRETIVE) == ["C:      17 B  login me ******"]
    assert spoken(LOGIN, protocol=SECRETIVE, hex=True) == [
        "C:      17 B  login me ******",
        "              00000000  6c 6f 67 69 6e 20 6d 65  20 ** ** ** ** ** ** **  |login me *******|",
        "              00000010  0a                                                |.|",
    ]
    assert spoken(LOGIN, protocol=SECRETIVE, secrets=True) == ["C:      17 B  login me hunter2"]
    assert spoken(LOGIN, protocol=SECRETIVE, secrets=True, hex=True)[1].endswith("|login me hunter2|")


def test_what_was_begun_may_be_a_secret() -> None:
    begun = said(C, b"login me hunter2")
    assert spoken(begun, protocol=SECRETIVE) == ["C:      16 B  (not yet whole)"]
    assert spoken(begun, protocol=SECRETIVE, secrets=True) == ["C:      16 B  login me hunter2  (not yet whole)"]


def test_who_waits_is_told_without_the_secret_it_waits_with() -> None:
    for secrets in (False, True):
        form = Script(Style(protocol=SECRETIVE, secrets=secrets))
        conversation = Conversation.from_opened(msgspec.structs.replace(OPENED, kind=Kind.LISTEN))
        form.lines((msgspec.structs.replace(OPENED, kind=Kind.LISTEN), conversation))
        form.lines((said(C, b"login me hunter2"), conversation))
        (line,) = after(1.1, form)
        assert ("login me" in line, "hunter2" in line) == (True, secrets)


def test_json_masks_secrets_and_shows_them_on_request() -> None:
    assert json_of(LOGIN, protocol=SECRETIVE)[1]["password"] == "******"
    assert json_of(LOGIN, protocol=SECRETIVE)[1]["hidden"] == [[9, 16]]
    assert json_of(LOGIN, protocol=SECRETIVE, secrets=True)[1]["password"] == "hunter2"


# ── what is wrong, and what changes ───────────────────────────────────────────────────────────────────────


def test_what_is_malformed_says_why_and_where() -> None:
    entries = [said(C, b"facts 0\nwhat?\n\x1b\n"), said(C, b"facts 0\n")]
    assert spoken(*entries, protocol=SECRETIVE) == [
        "C:       8 B  0 facts",
        "C:       6 B  malformed at byte 8: there is no what?",
        r"C:       2 B  malformed at byte 14: there is no \x1b",
        "C:       8 B  0 facts",
    ]


def test_what_a_reader_can_do_without_is_shown_to_who_asks_for_all() -> None:
    quiet = said(C, b"quiet\n")
    assert spoken(quiet, protocol=SECRETIVE) == []
    for style in ({"full": True}, {"hex": True}):
        assert spoken(quiet, protocol=SECRETIVE, **style)[0] == "C:       6 B  Quiet"
    assert json_of(quiet, protocol=SECRETIVE)[1]["type"] == "quiet"


def test_an_upgrade_says_what_is_spoken_from_there() -> None:
    entries = [said(C, b"facts 0\nswitch lines\nlogin me hunter2\n"), said(S, b"so\n")]
    assert spoken(*entries, protocol=SECRETIVE) == [
        "C:       8 B  0 facts", "C:      13 B  switch lines", "C:            lines from here",
        r"C:      17 B  login me hunter2\n", r"S:       3 B  so\n",
    ]  # fmt: skip


HOSTILE = "a\x1b[31mb\x07\n\u202e"


@pytest.mark.parametrize(
    "options", [{}, {"hex": True}, {"protocol": "raw"}, {"protocol": ""}, {"protocol": SECRETIVE}, {"full": True}]
)
def test_no_control_character_of_a_peer_reaches_the_terminal(options: dict[str, Any]) -> None:
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
        said(Side.CLIENT, b"hello\n"), said(Side.SERVER, b"hi\n"), Closed(conversation=12, at=AT, how=How.RESET),
    )  # fmt: skip
    coloured = "\n".join(script(*entries, colour=True))
    assert "\x1b[36mhello\\n\x1b[0m" in coloured
    assert "\x1b[33mhi\\n\x1b[0m" in coloured
    assert "\x1b[31mreset" in coloured
    for code in ("2m", "1m", "31m", "36m", "33m", "0m"):
        coloured = coloured.replace(f"\x1b[{code}", "")
    assert coloured.splitlines() == script(*entries)


def totals(*ends: How) -> Totals:
    counted = Totals()
    for how in ends:
        conversation = Conversation.from_opened(OPENED)
        conversation.fold(said(Side.CLIENT, b"hello"))
        conversation.fold(Closed(conversation=12, at=AT, how=how))
        counted.add(conversation)
    return counted


def test_totals_count_what_went_wrong() -> None:
    assert Script().lines(totals()) == "0 conversations: C 0 B, S 0 B\n"
    assert Script().lines(totals(How.FINISHED)) == "1 conversation: C 5 B, S 0 B\n"
    assert Script().lines(totals(How.FINISHED, How.RESET, How.FAILED)) == (
        "3 conversations, 2 reset or failed: C 15 B, S 0 B\n"
    )


def test_what_was_skipped_is_told_in_both_forms() -> None:
    assert Script().skipped(7) == "… 7 events are not shown: what is printed is not read fast enough\n"
    assert json.loads(Json().skipped(7)) == {"type": "skipped", "count": 7}


def json_of(*entries: Entry, **style: Any) -> list[dict[str, Any]]:
    conversation = Conversation.from_opened(OPENED)
    form = Json(Style(**style))
    text = "".join(form.lines((entry, conversation)) for entry in (OPENED, *entries)) + form.finish()
    return [json.loads(line) for line in text.splitlines()]


def test_json_is_an_event_a_line_and_gives_the_bytes_back() -> None:
    told = json_of(said(S, b"\x00\n\xff"), said(C, b"text\n"), dropped(C, 7), CLOSED, protocol="raw")
    assert [each["type"] for each in told] == ["opened", "data", "data", "missing", "dropped", "closed"]
    assert base64.b64decode(told[1]["data"]) == b"\x00\n\xff"
    assert [(each["protocol"], each["side"], each["start"], each["end"]) for each in told[1:4]] == [
        ("raw", "server", 0, 3), ("raw", "client", 0, 5), ("raw", "client", 5, 12),
    ]  # fmt: skip


def test_json_tells_at_the_end_what_was_begun_and_a_pause_is_nothing() -> None:
    assert [each["type"] for each in json_of(Ended(conversation=12, at=AT, side=C))] == ["opened", "ended"]
    assert Json().lines(Pause(AT)) == ""
    assert json.loads(Json().lines(totals(How.FINISHED)))["client_bytes"] == 5


def test_every_decoder_is_dropped_when_its_conversation_is_over() -> None:
    for form in (Script(), Json()):
        conversation = Conversation.from_opened(OPENED)
        for entry in (OPENED, said(C, b"hello"), CLOSED):
            form.lines((entry, conversation))
        assert not form._open
