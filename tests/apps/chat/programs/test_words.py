"""What a hub says in JSON: times, labels, and the same bytes for all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooming import hub_of
from tincans.apps.chat.events import Event, Joined, Message, Said, Tagged, Who
from tincans.apps.chat.member import Member, written
from tincans.apps.chat.programs.words import JSON, Done, Person, labelled, line, stamp


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
