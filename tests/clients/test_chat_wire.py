"""What a hub says in JSON, and commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.clients import chat_wire
from tincans.clients.chat_wire import Lines, Message, Person, RoomState, Topic, command, read
from tincans.errors import LimitExceeded, RemoteProtocolError

VECTORS = Path(__file__).parents[2] / "docs" / "chat-vectors.jsonl"


def test_a_message() -> None:
    said = {"on": "message", "number": 17, "id": "x", "at": "2026-11-28T03:00:00.000001Z", "room": "#ops",
            "kind": "act", "from": "ann", "account": "", "text": "waves", "label": "1", "new": [1]}  # fmt: skip
    at = datetime(2026, 11, 28, 3, 0, 0, 1, UTC)
    assert read(json.dumps(said).encode()) == Message(
        number=17, id="x", at=at, room="#ops", kind="act", nick="ann", text="waves", label="1"
    )


def test_a_room() -> None:
    said = b'{"on":"room","room":"#ops","topic":{"text":"t","by":"ann","at":"2026-11-28T03:00:00Z"},"modes":"+nt",\
"people":[{"nick":"ann","account":"","rank":"operator","away":""}]}'
    at = datetime(2026, 11, 28, 3, tzinfo=UTC)
    people = (Person(nick="ann", rank="operator"),)
    assert read(said) == RoomState(room="#ops", topic=Topic(text="t", by="ann", at=at), modes="+nt", people=people)


@pytest.mark.parametrize("said", [b'{"on":"dance"}', b' {"steps":3,"on":"dance"} '])
def test_what_is_of_no_known_kind_is_nothing(said: bytes) -> None:
    assert read(said) is None


@pytest.mark.parametrize("said", [b"", b"220 smtp", b"[]", b'{"on":1}', b'{"on":"message"}', b"\xff", b'{"on":"pong"'])
def test_what_is_no_object_of_a_chat_is_told_so(said: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="no object of a chat"):
        read(said)


@given(st.binary(max_size=60))
def test_anything_else_never_raises_anything_else(said: bytes) -> None:
    try:
        read(said)
    except RemoteProtocolError:
        pass


def test_what_the_protocol_shows_of_a_hub_is_read() -> None:
    """All that docs/chat-vectors.jsonl has a hub say."""
    found = set()
    text = (
        VECTORS.read_text()
        .replace("<time>", "2026-11-28T03:00:00.000001Z")
        .replace('"limits": "<any>"', '"limits": {}')
    )
    for line in text.splitlines():
        for words in _objects(json.loads(line)):
            found.add(type(read(json.dumps(words).encode())))
    assert type(None) not in found
    assert len(found) > 15


def _objects(said: object) -> list[dict[str, object]]:
    """The objects of a hub, wherever they are in a vector."""
    if isinstance(said, dict):
        if isinstance(said.get("on"), str):
            return [said]
        return [each for value in said.values() for each in _objects(value)]
    return [each for value in said for each in _objects(value)] if isinstance(said, list) else []


def test_every_kind_has_its_name() -> None:
    names = [kind.__struct_config__.tag for kind in get_args(chat_wire._KNOWN)]
    assert len(set(names)) == len(names)


def test_a_command_leaves_out_what_is_not_given() -> None:
    assert json.loads(command("say", "7", room="#ops", text="hi\n", key=None)) == {
        "do": "say", "room": "#ops", "text": "hi\n", "label": "7",
    }  # fmt: skip
    assert command("ping") == b'{"do":"ping"}'


@pytest.mark.parametrize(
    ("said", "told"),
    [("\udcc3\udca4", "ä"), ("a\udce9b", "a\ufffdb"), ("\ud800a\udfff", "\ufffda\ufffd"), ("ä🥫", "ä🥫")],
)
def test_what_the_system_could_not_read_is_said_as_well_as_can_be(said: str, told: str) -> None:
    assert json.loads(command("say", "7", text=said, again=True))["text"] == told


@given(st.lists(st.binary(max_size=8).map(lambda data: data.replace(b"\n", b"")), max_size=6), st.integers(1, 9))
def test_lines_come_whole_however_they_were_cut(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in lines) + b"rest"
    cutter = Lines()
    assert [line for at in range(0, len(data), size) for line in cutter.feed(data[at : at + size])] == lines
    assert cutter.feed(b"\n") == [b"rest"]


def test_a_line_has_an_end_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_wire, "CHAT_ANSWER_BYTES", 10)
    cutter = Lines()
    assert cutter.feed(b"a" * 10) == []
    assert cutter.feed(b"\nbbbbb") == [b"a" * 10]
    with pytest.raises(LimitExceeded):
        cutter.feed(b"b" * 6)
