"""Who is in a room, as it is told."""

from __future__ import annotations

import pytest

from tincans.clients.chat_present import Present
from tincans.clients.chat_wire import (
    Away,
    Event,
    Joined,
    Kicked,
    Left,
    LoggedIn,
    Message,
    ModesSet,
    Person,
    Quit,
    Renamed,
    RoomState,
    Topic,
    TopicSet,
)

ANN, BOB = Person(nick="Ann", rank="operator"), Person(nick="bob")


def after(*events: Event) -> dict[str, Person]:
    """Who is there after these, where Ann and bob were before."""
    present = Present()
    present.begin(RoomState(room="#ops", people=(ANN, BOB)))
    for event in events:
        present.hear(event)
    return present.people


@pytest.mark.parametrize(
    ("event", "people"),
    [
        (Joined(room="#ops", who=Person(nick="Cyd")), {"ann": ANN, "bob": BOB, "cyd": Person(nick="Cyd")}),
        (Left(room="#ops", who=Person(nick="BOB")), {"ann": ANN}),
        (Quit(who=BOB), {"ann": ANN}),
        (Quit(who=Person(nick="eve")), {"ann": ANN, "bob": BOB}),
        (Kicked(room="#ops", nick="bob", by=ANN), {"ann": ANN}),
        (Renamed(nick="ann", new="Anna"), {"anna": Person(nick="Anna", rank="operator"), "bob": BOB}),
        (Renamed(nick="eve", new="eva"), {"ann": ANN, "bob": BOB}),
        (LoggedIn(who=Person(nick="bob", account="robert")), {"ann": ANN, "bob": Person(nick="bob", account="robert")}),
        (Away(who=BOB, text="tea"), {"ann": ANN, "bob": Person(nick="bob", away="tea")}),
        (Message(number=1, room="#ops", nick="eve", text="x"), {"ann": ANN, "bob": BOB}),
    ],
)
def test_what_happens_changes_who_is_there(event: Event, people: dict[str, Person]) -> None:
    assert after(event) == people


@pytest.mark.parametrize(
    ("modes", "ranks"),
    [
        ("+o bob", ["operator", "operator"]),
        ("-o+v ann bob", ["", "voice"]),
        ("+mi", ["operator", ""]),
        ("+klo key 5 bob", ["operator", "operator"]),
        ("-k+o bob", ["operator", "operator"]),
        ("+b-v *!*@bad bob", ["operator", ""]),
        ("+o eve", ["operator", ""]),
        ("+o", ["operator", ""]),
        ("", ["operator", ""]),
    ],
)
def test_ranks_are_read_from_modes(modes: str, ranks: list[str]) -> None:
    assert [person.rank for person in after(ModesSet(room="#ops", modes=modes)).values()] == ranks


def test_the_topic() -> None:
    present = Present()
    present.begin(RoomState(room="#ops", topic=Topic(text="old")))
    assert present.topic == Topic(text="old")
    present.hear(TopicSet(room="#ops", who=ANN, text="new"))
    assert present.topic == Topic(text="new", by="Ann")
    present.hear(TopicSet(room="#ops", who=ANN, text=""))
    assert present.topic is None
