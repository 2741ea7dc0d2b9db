"""What a hub says in JSON: times, labels, the same bytes for all, and that a client reads all of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from rooming import hub_of
from tincans.apps.chat.events import Event, Joined, Message, Said, Tagged, Who
from tincans.apps.chat.member import Member, written
from tincans.apps.chat.programs.words import JSON, Done, Person, Word, labelled, line, stamp
from tincans.clients import chat_wire


@given(st.integers(0, 4 * 10**18))
def test_a_time_is_as_rfc_3339_has_it(at: int) -> None:
    then = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at // 1000)
    assert stamp(at) == then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def said(text: str, nick: str = "ann") -> Said:
    return Said(at=1, message=Message(number=1, at=1, room="#ops", who=Who(nick), text=text, id="x"))


@given(st.text(), st.text())
def test_a_label_is_put_into_the_object_and_changes_nothing_else(text: str, label: str) -> None:
    told = JSON.write(said(text))
    with_label = labelled(told, label)
    assert told.count(b"\n") == with_label.count(b"\n") == 1
    assert with_label.endswith(b"\n")
    expected = json.loads(told)
    assert expected["text"] == text
    assert json.loads(with_label) == ({**expected, "label": label} if label else expected)


def test_an_object_without_fields_has_a_label_too() -> None:
    assert json.loads(labelled(line(Done()), "1")) == {"on": "done", "label": "1"}


def test_an_event_is_written_once() -> None:
    event = said("hello")
    assert written(event, JSON) is written(event, JSON)


def test_what_programs_are_not_told_of_is_nothing() -> None:
    assert JSON.write(Tagged(at=1, who=Who("ann"), to="#ops", tags={}, id="x")) == b""
    assert JSON.write(Event(at=1)) == b""
    assert JSON.write(Joined(at=1, room="#ops", who=Who("ann"))) != b""


@pytest.mark.parametrize(("ranks", "rank"), [("", ""), ("o", "operator"), ("ov", "operator"), ("v", "voice")])
async def test_somebody_is_shown_with_their_highest_rank(ranks: str, rank: str) -> None:
    async with hub_of() as hub:
        member = Member("here")
        hub.enter(member, "ann")
        assert Person.of(member, ranks) == Person("ann", "", rank, "")


# ── the other end ─────────────────────────────────────────────────────────────────────────────────────────

#: None at a full second: a client would write that without a fraction.
TIMES = st.integers(0, 4 * 10**9).map(lambda seconds: stamp(seconds * 10**9 + 123_456_000))
SIMPLE = {
    inspect.StrType: st.text(max_size=9), inspect.IntType: st.integers(0, 2**53), inspect.BoolType: st.booleans(),
    inspect.NoneType: st.none(),
}  # fmt: skip


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Anything of a type that a hub's object may have in it, as JSON has it."""
    match kind:
        case inspect.StructType(fields=fields, tag=tag):
            made = {each.encode_name: TIMES if each.encode_name == "at" else values(each.type) for each in fields}
            optional = {each.encode_name: made.pop(each.encode_name) for each in fields if not each.required}
            return st.fixed_dictionaries({**made, **({"on": st.just(tag)} if tag else {})}, optional=optional)
        case inspect.ListType(item_type=item):
            return st.lists(values(item), max_size=2)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values(key), values(value), max_size=2)
        case inspect.UnionType(types=types):
            return st.one_of([values(each) for each in types])
    return SIMPLE[type(kind)]


def check_has(told: Any, said: Any) -> None:
    """What a client was told has all that was said; it may have more, which is what it takes for granted."""
    if isinstance(said, dict):
        for name, value in said.items():
            check_has(told[name], value)
    elif isinstance(said, list):
        assert len(told) == len(said)
        for one, other in zip(told, said, strict=True):
            check_has(one, other)
    else:
        assert told == said


#: A few of each kind are enough: all have all fields that are always there.
A_FEW = settings(max_examples=settings().max_examples // 10)
SAYINGS = {kind.__name__: values(inspect.type_info(kind)) for kind in Word.__subclasses__()}


@pytest.mark.parametrize("kind", SAYINGS)
@A_FEW
@given(st.data())
def test_a_client_reads_all_that_a_hub_may_say(kind: str, data: st.DataObject) -> None:
    said = data.draw(SAYINGS[kind])
    told = chat_wire.read(json.dumps(said).encode())
    check_has(json.loads(msgspec.json.encode(told)), said)
