"""Spoken codes: read leniently, written in one way, completed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.errors import CodeError
from tincans.limits import CODE_NUMBER, CODE_WORDS
from tincans.peers.codes import Code, completions
from tincans.peers.words import WORDS

CODE = Code(7, ("hovercraft", "orbit"))
codes = st.builds(
    Code, st.integers(1, CODE_NUMBER), st.tuples(*[st.sampled_from(WORDS)] * CODE_WORDS)
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "7-hovercraft-orbit", "7 hovercraft orbit",
        " 7-HoverCraft Orbit\n", "7 hove orbi", "7-hover-orb", "07, hovercraft. orbit",
        "7hovercraft-orbit", "7–hovercraft—orbit", "7__hovercraft orbit", "7-hovercraft-orbit-",
    ],
)  # fmt: skip
def test_what_was_meant_is_read(text: str) -> None:
    assert Code.parse(text) == CODE


def test_it_is_written_in_one_way() -> None:
    assert str(CODE) == "7-hovercraft-orbit"
    assert CODE.password == b"hovercraft-orbit"


@given(codes)
def test_any_code_reads_as_it_is_written(code: Code) -> None:
    assert Code.parse(str(code)) == code


@given(codes, st.sampled_from(["-", " ", "  ", ", ", "_"]), st.booleans(), st.integers(4, 12))
def test_any_code_reads_as_people_type_it(code: Code, between: str, shouted: bool, letters: int) -> None:
    text = between.join([str(code.number), *(word[:letters] for word in code.words)])
    assert Code.parse(text.upper() if shouted else text) == code


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it begins with a number"),
        ("hovercraft-orbit", "it begins with a number"),
        ("0-hovercraft-orbit", f"its number is one of 1 to {CODE_NUMBER}"),
        (f"{CODE_NUMBER + 1}-hovercraft-orbit", f"its number is one of 1 to {CODE_NUMBER}"),
        ("9" * 5000 + "-hovercraft-orbit", f"its number is one of 1 to {CODE_NUMBER}"),
        ("7", "it has 2 words behind its number, as in 7-hovercraft-orbit"),
        ("7-hovercraft", "it has 2 words behind its number, as in 7-hovercraft-orbit"),
        ("7-hovercraft-orbit-orbit", "it has 2 words behind its number, as in 7-hovercraft-orbit"),
        ("7-hovercraft-orbbit", "'orbbit' is none of its words, did you mean 'orbit'?"),
        ("7-hovercraft-qqqq", "'qqqq' is none of its words"),
        ("7-hovercraft-orb!t", "'!' is in none"),
        ("7-hovercraft-örbit", "'ö' is in none"),
        ("7-ho-orbit", "'ho' may be 'hobby' or 'horizon' or 'hospital' or 'hotel'"),
    ],
)
def test_what_is_wrong_is_named(text: str, reason: str) -> None:
    with pytest.raises(CodeError) as told:
        Code.parse(text)
    assert told.value.reason == reason


@given(st.text(max_size=40))
def test_nothing_else_is_raised(text: str) -> None:
    try:
        code = Code.parse(text)
    except CodeError:
        return
    assert Code.parse(str(code)) == code


def test_a_highest_number_is_a_code() -> None:
    assert Code.parse(f"{CODE_NUMBER}-hovercraft-orbit").number == CODE_NUMBER


def test_new_ones_are_of_the_number_and_not_the_same() -> None:
    made = {Code.new(7) for _ in range(50)}
    assert {code.number for code in made} == {7}
    assert len(made) > 45, "of 262,144 fifty are hardly ever twice the same"
    assert all(1 <= Code.new().number <= CODE_NUMBER for _ in range(50))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7-hov", ["7-hovercraft"]),
        ("7 hove orb", ["7-hovercraft-orbit"]),
        (
            "7-hovercraft-or",
            ["7-hovercraft-orange", "7-hovercraft-orbit", "7-hovercraft-orchard", "7-hovercraft-origami"],
        ),
        ("7-zz", []),
        ("", []),
        ("7", []),
        ("hov", []),
        ("7-zz-or", []),
        ("7-hovercraft-orbit-x", []),
        ("7-ho!", []),
    ],
)
def test_what_is_typed_is_completed(text: str, found: list[str]) -> None:
    assert completions(text) == found


def test_behind_a_dash_all_words_are_possible() -> None:
    assert len(completions("7-")) == len(completions("7-hove-")) == len(WORDS)
