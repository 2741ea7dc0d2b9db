"""The words of codes: what makes them safe to say and quick to type."""

from __future__ import annotations

import re
from itertools import combinations

from tincans.peers.words import WORDS


def slips(one: str, other: str) -> int:
    """How many letters wrong, missing or too much are between two words (Levenshtein)."""
    row = list(range(len(other) + 1))
    for down, letter in enumerate(one, 1):
        before, row = row, [down]
        for right, against in enumerate(other, 1):
            row.append(min(before[right] + 1, row[-1] + 1, before[right - 1] + (letter != against)))
    return row[-1]


def test_there_are_512_sorted_and_each_once() -> None:
    assert len(WORDS) == 512
    assert list(WORDS) == sorted(set(WORDS))


def test_they_are_plain_letters_of_a_length_that_is_quickly_typed() -> None:
    assert [word for word in WORDS if not re.fullmatch(r"[a-z]{4,12}", word)] == []


def test_four_letters_tell_each_from_all_others() -> None:
    assert len({word[:4] for word in WORDS}) == len(WORDS)


def test_none_becomes_another_by_two_slips() -> None:
    assert [(one, other) for one, other in combinations(WORDS, 2) if slips(one, other) < 3] == []


def test_those_that_the_documents_show_are_among_them() -> None:
    assert {"hovercraft", "orbit"} <= set(WORDS)
