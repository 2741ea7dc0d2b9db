"""The clauses as a list; what each finds is in `test_channels.py`."""

from __future__ import annotations

import pytest

from tincans.channel import STREAM, Traits
from tincans.testing import channel_clauses, file_clauses
from tincans.testing.ends import CLAUSES


def test_every_sentence_is_one_and_its_own() -> None:
    assert len({clause.says for clause in CLAUSES}) == len(CLAUSES)
    for clause in CLAUSES:
        assert clause.says[0].isupper(), clause.says
        assert not clause.says.endswith("."), clause.says


def test_every_clause_is_registered() -> None:
    written = [
        check
        for module in (channel_clauses, file_clauses)
        for check in vars(module).values()
        if getattr(check, "__module__", "") == module.__name__
    ]
    checks = [
        c for c in written if hasattr(c, "__code__") and c.__code__.co_varnames[: c.__code__.co_argcount] == ("ends",)
    ]
    assert {clause.check for clause in CLAUSES} == set(checks)


@pytest.mark.parametrize(
    ("traits", "left_out"),
    [
        (STREAM, {"Where there is no half-close send_eof raises CannotHalfClose and changes nothing"}),
        (
            Traits(boundaries=True),
            {
                "Where there is no half-close send_eof raises CannotHalfClose and changes nothing",
                "To send nothing on a stream is no end and no message",
            },
        ),
    ],
)
def test_what_a_reliable_channel_is_not_asked(traits: Traits, left_out: set[str]) -> None:
    assert {clause.says for clause in CLAUSES if not clause.applies(traits)} == left_out


def test_what_udp_is_asked() -> None:
    udp = Traits(boundaries=True, half_close=False, reliable=False)
    assert not any(clause.clogged for clause in CLAUSES if clause.applies(udp))
