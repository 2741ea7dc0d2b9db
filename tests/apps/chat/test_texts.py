"""Texts are whole or refused; what is beside them is cut, between two characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rooming import refused
from tincans.apps.chat.refusals import Why
from tincans.apps.chat.texts import check_text, cut
from tincans.limits import CHAT_TEXT_BYTES


@given(st.text(), st.integers(0, 20))
def test_what_is_cut_is_one_line_of_so_many_bytes(text: str, most: int) -> None:
    line = cut(text, most)
    assert len(line.encode()) <= most
    assert not set("\r\n\0") & set(line)


def test_a_character_is_never_halved() -> None:
    assert cut("aé", 2) == "a"
    assert cut("é" * 3, 5) == "éé"
    assert cut(" a\nb\r ", 10) == "a b"


def test_a_text_is_as_long_as_it_may_be() -> None:
    check_text("x" * CHAT_TEXT_BYTES)
    check_text("several\nlines")
    for text, why in (
        ("x" * (CHAT_TEXT_BYTES + 1), Why.TOO_LONG),
        (" \n", Why.EMPTY),
        ("\0 \0", Why.EMPTY),
        ("\udc80", Why.NOT_UNDERSTOOD),
    ):
        with refused(why):
            check_text(text)
