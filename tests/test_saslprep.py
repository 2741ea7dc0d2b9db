from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.saslprep import saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        # RFC 4013 §3
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        # and what it is for
        ("gru\u0308n", "gr\u00fcn"),
        ("a\u00a0b\u3000c", "a b c"),
        (" x ", " x "),
        ("\u0627\u0031\u0628", "\u06271\u0628"),
    ],
)
def test_one_writing_for_all_that_look_the_same(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared
    assert saslprep(prepared) == prepared


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\u0007", "prohibited"),  # RFC 4013 §3
        ("\u0627\u0031", "both directions"),  # RFC 4013 §3
        ("a\u0627", "both directions"),
        ("\u0627a\u0628", "both directions"),
        ("\x7f", "prohibited"),
        ("\u0221", "prohibited"),  # not yet assigned in Unicode 3.2
        ("\ue000", "prohibited"),
        ("\ufffd", "prohibited"),
        ("\U000e0001", "prohibited"),
        ("\u2028", "prohibited"),
        ("\u200e", "prohibited"),
        ("", "nothing is left"),
        ("\u00ad", "nothing is left"),
    ],
)
def test_what_is_prohibited(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        saslprep(text)


@given(st.text(max_size=20))
def test_what_is_prepared_stays_as_it_is(text: str) -> None:
    try:
        prepared = saslprep(text)
    except ValueError:
        return
    assert saslprep(prepared) == prepared
