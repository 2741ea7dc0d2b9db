"""Forms of lines: decoded events as JSON, and text that is read back to the very entries."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tincans import tin
from tincans.channel import Side
from tincans.conversation import Closed, Entry, How, Kind, Opened, Said
from tincans.export import Form
from tincans.export.lines import Jsonl, Tin

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"


def conversation(number: int, *words: bytes) -> list[Entry]:
    opened = Opened(conversation=number, at=1, kind=Kind.LISTEN, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:7")
    said = [Said(conversation=number, at=2, side=Side.CLIENT, data=word) for word in words]
    return [opened, *said, Closed(conversation=number, at=3, how=How.FINISHED)]


def written(form: Form, *conversations: list[Entry]) -> bytes:
    data = form.head()
    for entries in conversations:
        data += b"".join(piece for entry in entries for piece in form.take(entry))
        data += b"".join(form.over())
    return data + form.foot()


def test_an_event_is_a_line() -> None:
    lines = [json.loads(line) for line in written(Jsonl(), conversation(1, b"one\ntw", b"o\n")).splitlines()]
    assert [line["type"] for line in lines] == ["opened", "line", "line", "closed"]
    assert [line["line"] for line in lines[1:3]] == ["one", "two"]


def test_the_protocol_can_be_said() -> None:
    lines = written(Jsonl("raw"), conversation(1, b"one\ntw", b"o\n")).splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["opened", "data", "data", "closed"]


def test_what_goes_on_is_told_as_far_as_it_went() -> None:
    talks = [conversation(1, b"one\n")[:-1], conversation(2, b"GE")[:-1]]
    lines = [json.loads(line) for line in written(Jsonl(), *talks).splitlines()]
    assert [(line["conversation"], line["type"]) for line in lines] == [(1, "opened"), (1, "line"), (2, "opened")]


def test_secrets_are_masked_unless_they_are_asked_for() -> None:
    form = Jsonl()
    assert b"c2VjcmV0" not in written(form, conversation(1, REQUEST))
    assert form.masked == 1
    form = Jsonl(secrets=True)
    assert b"c2VjcmV0" in written(form, conversation(1, REQUEST))
    assert form.masked == 0


@given(st.lists(st.lists(st.binary(max_size=50), max_size=4), max_size=4))
def test_a_tin_file_has_the_very_entries(talks: list[list[bytes]]) -> None:
    conversations = [conversation(number, *words) for number, words in enumerate(talks, 1)]
    text = written(Tin(), *conversations).decode()
    found = list(tin.read(text.split("\n"))) if conversations else []
    assert found == [entry for entries in conversations for entry in entries]
