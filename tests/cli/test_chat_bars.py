"""The two bars of a chat at a terminal."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tincans.cli.chat_bars import foot, head, prompt
from tincans.cli.chat_lines import Line, width_of
from tincans.cli.chat_talk import Talk
from tincans.clients.chat_wire import Topic


def talk_of(*rooms: str, topic: str = "", people: int = 1) -> Talk:
    """A talk of ann's, turned to the first room."""
    talk = Talk()
    talk.nick = "ann"
    for room in rooms:
        member: Any = SimpleNamespace(
            people=dict.fromkeys(map(str, range(people))), topic=Topic(text=topic) if topic else None
        )
        talk.pane(room).member = member
    if rooms:
        talk.turn_to(talk.panes[1])
    return talk


def plain(line: Line) -> str:
    return "".join(text for _, text in line)


def test_the_head_says_where_one_is() -> None:
    assert plain(head(talk_of("#ops"), "home", 40)).rstrip() == " #ops · 1 person"
    assert plain(head(talk_of("#ops", topic="a\x1b", people=3), "home", 40)).rstrip() == r" #ops · 3 people · a\x1b"
    assert plain(head(talk_of(), "home", 40)).rstrip() == " hub home · you are ann"
    talk = talk_of("#ops")
    talk.panes[1].member = None
    assert plain(head(talk, "home", 60)).rstrip() == " #ops · you are not in it"
    talk.turn_to(talk.pane("bob"))
    assert plain(head(talk, "home", 60)).rstrip() == " bob · whispering, which nobody keeps"


def test_the_foot_has_what_is_new() -> None:
    talk = talk_of("#ops", "#lobby", "#builds")
    talk.pane("#lobby").unread = 4
    bob = talk.pane("bob")
    bob.unread = bob.mentions = 1
    line = foot(talk, "2 on the way", 80)
    assert plain(line) == " 0 hub  1 #ops  2 #lobby 4  3 #builds  4 bob 1! ".ljust(66) + " 2 on the way "
    assert [style for style, _ in line] == [
        "class:foot", "class:current", "class:unread", "class:foot", "class:called", "class:foot", "class:status",
    ]  # fmt: skip


def test_what_does_not_fit_is_left_out_and_first_where_nothing_is_new() -> None:
    talk = talk_of("#ops", "#lobby", "#builds", "#a-very-long-name-of-a-room")
    talk.pane("#builds").unread = 1
    assert plain(foot(talk, "", 40)).rstrip() == " 1 #ops  3 #builds 1"


def test_where_too_much_is_new_one_sees_where_one_is_and_what_is_for_one() -> None:
    talk = talk_of(*(f"#room{number}" for number in range(9)))
    for pane in talk.panes:
        pane.unread = 3
    talk.pane("#room6").mentions = 1
    talk.turn_to(talk.pane("#room8"))
    assert plain(foot(talk, "", 41)).rstrip() == " 0 hub 3  7 #room6 3!  9 #room8  +7"


@pytest.mark.parametrize("width", [10, 20, 40, 80, 200])
def test_they_are_as_wide_as_the_terminal(width: int) -> None:
    talk = talk_of("#ops", "#漢字" * 5, *(f"#room{number}" for number in range(20)), topic="a topic " * 30)
    for pane in talk.panes:
        pane.unread = 3
    for status in ("", "the hub was lost (the hub stops); calling it again"):
        assert width_of(plain(foot(talk, status, width))) == width
    assert width_of(plain(head(talk, "hub", width))) == width
    assert width_of(plain(prompt(talk, width))) <= max(6, width // 3 + 2)


def test_the_prompt_says_where_it_goes() -> None:
    assert plain(prompt(talk_of("#ops"), 80)) == "#ops> "
    assert plain(prompt(talk_of(), 80)) == "hub> "
