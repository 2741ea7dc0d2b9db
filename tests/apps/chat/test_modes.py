"""Modes and masks, by themselves: what a change makes of a room's state, and who is on a list."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooming import changes, modes, refused
from tincans.apps.chat.events import Change, Mask, RoomState, Who
from tincans.apps.chat.modes import FLAGS, LISTS, changed, matches, ranked, settled, whole_mask, with_rank
from tincans.apps.chat.refusals import Why
from tincans.limits import CHAT_MASK_BYTES

NEW = RoomState(name="#ops", created=1)


@given(st.lists(st.tuples(st.sampled_from(FLAGS), st.booleans())))
def test_flags_are_a_set_in_order(steps: list[tuple[str, bool]]) -> None:
    state, on = NEW, set(NEW.modes)
    for letter, wanted in steps:
        new = changed(state, Change(letter, wanted), "ann", 1)
        assert (new is None) == ((letter in on) == wanted)
        state = new or state
        on = on | {letter} if wanted else on - {letter}
    assert state.modes == "".join(sorted(on))


def test_a_state_is_as_it_was_when_all_is_taken_back() -> None:
    state = NEW
    for change in changes("+m +k sesame +l 3 +b a!*@* +b b!*@* +I c!*@* -m -k x -l -b A!*@* -b b!*@* -I c!*@*"):
        new = changed(state, change, "ann", 1)
        assert new is not None
        state = new
    assert state == NEW


def test_a_mask_says_who_set_it_and_when() -> None:
    state = changed(NEW, Change("b", True, "eve!*@*"), "ann!ann@hub", 17)
    assert state is not None
    assert state.masks == {"b": (Mask("eve!*@*", "ann!ann@hub", 17),)}
    assert changed(state, Change("b", True, "EVE!*@*"), "bob", 18) is None
    assert changed(NEW, Change("b", False, "eve!*@*"), "ann", 1) is None


def test_what_is_told_of_a_change_is_what_became_of_it() -> None:
    state = RoomState(name="#ops", created=1, key="sesame", limit=7)
    told = [settled(state, each) for each in changes("+k sesame +l 007 +m x +b eve!*@*")]
    assert modes(told) == "+k sesame +l 7 +m +b eve!*@*"
    assert modes(settled(NEW, each) for each in changes("-k sesame -l 7")) == "-k * -l"


def test_ranks_are_in_order_and_none_is_nothing_to_keep() -> None:
    assert (with_rank("", "v", True), with_rank("v", "o", True), with_rank("ov", "o", False)) == ("v", "ov", "v")
    state = ranked(NEW, "ann", "o")
    assert state.ranks == {"ann": "o"}
    assert ranked(state, "ann", "") == NEW


@pytest.mark.parametrize(
    ("mask", "whole"),
    [
        ("ann", "ann!*@*"),
        ("*@host", "*!*@host"),
        ("ann!user", "ann!user@*"),
        ("a!b@c", "a!b@c"),
        ("x" * (CHAT_MASK_BYTES - 4), "x" * (CHAT_MASK_BYTES - 4) + "!*@*"),
    ],
)
def test_a_mask_is_kept_whole(mask: str, whole: str) -> None:
    assert whole_mask(mask) == whole


@pytest.mark.parametrize(
    ("mask", "why"), [("", Why.BAD_MODE), ("a b", Why.BAD_MODE), ("x" * (CHAT_MASK_BYTES - 3), Why.TOO_LONG)]
)
def test_what_is_no_mask_is_refused(mask: str, why: Why) -> None:
    with refused(why):
        whole_mask(mask)


def banned(mask: str, who: Who) -> bool:
    return matches(RoomState(name="#ops", created=1, masks={"b": (Mask(mask, "ann", 1),)}), "b", who)


@pytest.mark.parametrize(
    ("mask", "on"),
    [
        ("eve!*@*", True),
        ("EVE!*@*", True),
        ("*!*@h?st", True),
        ("*!user@*", True),
        ("*!eve@*", False),
        ("ev!*@*", False),
        ("*e*v*e*", True),
        ("eve!user@host*", True),
        ("eve!user@hos", False),
        ("*****", True),
        ("[e]ve!*@*", False),
        ("e.e!*@*", False),
        ("*t*t", False),
    ],
)
def test_who_is_on_a_list(mask: str, on: bool) -> None:
    assert banned(mask, Who("Eve", "user", "host")) is on


def test_signs_that_mean_something_in_an_expression_mean_themselves() -> None:
    assert banned("[x]{}\\^|!*@*", Who("[X]{}\\^|"))
    assert not banned("[x]!*@*", Who("x"))


_SIGNS = st.text("ab!@*?", max_size=12)


@given(_SIGNS, st.text("ab", max_size=5))
def test_masks_mean_what_they_mean_in_a_shell(mask: str, nick: str) -> None:
    who = Who(nick, "a", "b")
    assert banned(mask, who) is fnmatchcase(who.source, mask)


def test_a_mask_made_to_be_slow_is_not() -> None:
    """A quadrillion ways to split it; tried one by one the suite would never end."""
    mask = "*a" * (CHAT_MASK_BYTES // 2 - 1) + "b"
    assert not banned(mask, Who("a" * 200, "a" * 200, "a" * 200))


def test_no_letter_means_two_things() -> None:
    letters = FLAGS + "kl" + LISTS + "ov"
    assert len(set(letters)) == len(letters)
    assert re.fullmatch("[A-Za-z]+", letters)
