"""Changes of modes as text, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooming import refused
from tincans.apps.chat.events import Change
from tincans.apps.chat.mode_texts import changes_of, text_of
from tincans.apps.chat.refusals import Refused, Why

VALUED, FLAGS = "ovbeIq", "imnrst"
CHANGES = st.lists(
    st.builds(Change, st.sampled_from(FLAGS), st.booleans(), st.just(""))
    | st.builds(Change, st.sampled_from(VALUED), st.booleans(), st.sampled_from(["ann", "*!*@host"]))
    | st.builds(Change, st.sampled_from("kl"), st.just(True), st.sampled_from(["7", "x"]))
    | st.builds(Change, st.just("k"), st.just(False), st.just("*"))
    | st.builds(Change, st.just("l"), st.just(False), st.just("")),
    min_size=1,
)


@given(CHANGES)
def test_what_was_written_is_read(changes: list[Change]) -> None:
    assert changes_of(text_of(changes)) == changes


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("+o-v ann bob", [Change("o", True, "ann"), Change("v", False, "bob")]),
        ("m", [Change("m", True)]),
        ("-k", [Change("k", False)]),
        ("-k+l * 5", [Change("k", False, "*"), Change("l", True, "5")]),
        ("-k+l 5", [Change("k", False), Change("l", True, "5")]),
        ("+Z", [Change("Z", True)]),
    ],
)
def test_modes_are_read_as_irc_writes_them(text: str, changes: list[Change]) -> None:
    assert changes_of(text) == changes


@pytest.mark.parametrize("text", ["", " ", "+", "+-", "+o", "+ov ann", "+k", "+m ann", "-l 5"])
def test_what_is_no_change_is_refused(text: str) -> None:
    with refused(Why.BAD_MODE):
        changes_of(text)


@given(st.text())
def test_any_text_is_changes_or_refused(text: str) -> None:
    try:
        assert changes_of(text)
    except Refused as error:
        why = error.why
    else:
        why = Why.BAD_MODE
    assert why is Why.BAD_MODE
