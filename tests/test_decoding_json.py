"""Events with their very bytes, and as JSON."""

from __future__ import annotations

import base64
import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.conversation import Dropped, Ended, Entry, Kind, Noted, Opened, Said
from tincans.decoding import Decoding, Heard, Tape, to_json
from tincans.protocols import Data, Event, Malformed, Upgraded
from tincans.protocols.events import text
from tincans.protocols.lines import Line, Record

OPENED = Opened(conversation=7, at=100, kind=Kind.RELAY, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:9")
A, B = Side.CLIENT, Side.SERVER


def said(at: int, data: bytes, side: Side = A) -> Said:
    return Said(conversation=7, at=at, side=side, data=data)


def heard(event: Event, **fields: int) -> Heard:
    return Heard(**{"conversation": 7, "began": 1, "at": 2, **fields}, protocol="lines", event=event)


def test_the_data_of_ftp_is_a_file_whatever_it_looks_like() -> None:
    data = msgspec.structs.replace(OPENED, facts={"ftp.command": "RETR x", "ftp.protection": "C"})
    private = msgspec.structs.replace(OPENED, facts={"ftp.command": "RETR x", "ftp.protection": "P"})
    guessed = ((data, "", "raw"), (private, "", "http"), (OPENED, "", "http"), (data, "lines", "lines"))
    for opened, protocol, heard_as in guessed:
        (told, *_) = Decoding(opened, protocol).take(said(1, b"GET / HTTP/1.1\r\n\r\n"))
        assert isinstance(told, Heard)
        assert told.protocol == heard_as


def test_a_tape_gives_each_event_its_bytes_over_gaps() -> None:
    decoding, tape = Decoding(OPENED, "lines"), Tape()
    entries: list[Entry] = [
        said(1, b"one\r\ntw"), said(1, b"server\n", B), said(2, b"o\nthree"),
        Dropped(conversation=7, at=3, side=A, count=1000, reason="slow"), said(4, b"rest\nlast"),
        Ended(conversation=7, at=5, side=A),
    ]  # fmt: skip
    found = []
    for entry in entries:
        tape.add(entry)
        found += [(each.event.side, tape.cut(each.event)) for each in decoding.take(entry) if isinstance(each, Heard)]
    assert [data for side, data in found if side is A] == [b"one\r\n", b"two\n", b"three", b"", b"rest\n", b"last"]
    assert [data for side, data in found if side is B] == [b"server\n"]


def test_json_of_an_event_has_its_place_and_its_fields() -> None:
    line = to_json(heard(Line(side=B, start=3, end=9, line="hello"), at=5))
    assert line == (
        b'{"type":"line","conversation":7,"at":5,"began":1,"protocol":"lines","side":"server","start":3,"end":9,'
        b'"line":"hello","finish":"\\n"}'
    )
    record = json.loads(to_json(heard(Record(data=b"\x00\xff", hidden=((1, 2),)))))
    assert (base64.b64decode(record["data"]), record["hidden"]) == (b"\x00\xff", [[1, 2]])


def test_a_field_with_the_name_of_a_place_is_told_apart() -> None:
    found = json.loads(to_json(heard(Malformed(data=b"", reason="no", at=77))))
    assert (found["at"], found["malformed_at"]) == (2, 77)


def test_an_entry_is_json_as_it_is() -> None:
    assert json.loads(to_json(Noted(conversation=7, at=3, text="so"))) == {
        "type": "noted", "conversation": 7, "at": 3, "text": "so",
    }  # fmt: skip


def test_what_is_no_text_is_escaped_at_any_depth() -> None:
    event = Upgraded(to=text(b"\xff"), options={text(b"n\xe9"): "ü"})
    found = json.loads(to_json(heard(event)))
    assert (found["to"], found["options"]) == (r"\xff", {r"n\xe9": "ü"})


@given(st.text(st.characters(exclude_categories=[])))
def test_json_prints_and_gives_every_text_back(words: str) -> None:
    line = to_json(heard(Line(line=words))).decode()
    assert line.isprintable()
    if not any("\ud800" <= letter <= "\udfff" for letter in words):
        assert json.loads(line)["line"] == words


def test_secrets_are_masked_on_request() -> None:
    class Password(Data, frozen=True, kw_only=True):
        def masked(self) -> Password:
            return Password(data=b"***")

    assert heard(Password(data=b"hunter2")).masked().event == Password(data=b"***")
