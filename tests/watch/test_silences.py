"""Of conversations that have just become silent so many are judged in a second, those that spoke last first; each
twice."""

from __future__ import annotations

from typing import Any

from tincans.conversation import Conversation, Kind
from tincans.limits import ANSWER_SECONDS, READING_SECONDS, STATES_A_SECOND
from tincans.watch.silences import Silences

SILENT = int(READING_SECONDS * 1e9)
LONG = int(ANSWER_SECONDS * 1e9)
NOW = 1000 * SILENT


def told(number: int = 1, last: int = NOW, **fields: Any) -> Conversation:
    return Conversation(number=number, kind=Kind.LISTEN, client="c", server="s", opened=0, last=last, **fields)


def test_one_is_given_once_when_it_has_been_silent_for_a_second() -> None:
    silences = Silences()
    silences.take([told()])
    assert silences.next(NOW + SILENT - 1) is None
    assert silences.next(NOW + SILENT) == told()
    assert silences.next(NOW + SILENT) is None
    silences.take([told(last=NOW + SILENT)])
    assert silences.next(NOW + 2 * SILENT) is not None


def test_it_is_given_once_more_when_an_answer_takes_long() -> None:
    silences = Silences()
    silences.take([told()])
    assert silences.next(NOW + SILENT) == told()
    assert silences.next(NOW + LONG - 1) is None
    assert silences.next(NOW + LONG) == told()
    assert silences.next(NOW + 2 * LONG) is None


def test_one_that_speaks_meanwhile_begins_anew() -> None:
    silences = Silences()
    silences.take([told()])
    assert silences.next(NOW + SILENT) == told()
    silences.take([spoke := told(last=NOW + LONG - 1)])
    assert silences.next(NOW + LONG) is None
    assert silences.next(NOW + LONG - 1 + SILENT) == spoke


def test_one_that_is_over_is_not_judged() -> None:
    silences = Silences()
    silences.take([told()])
    silences.take([told(closed=NOW)])
    assert silences.next(NOW + LONG) is None


def test_no_more_than_so_many_in_a_second_and_the_rest_in_the_next() -> None:
    silences = Silences()
    silences.take(told(number) for number in range(1, STATES_A_SECOND + 2))
    at = NOW + SILENT
    given = [silences.next(at) for _ in range(STATES_A_SECOND)]
    assert [each.number for each in given if each] == list(range(STATES_A_SECOND + 1, 1, -1))
    assert silences.next(at) is None
    assert silences.next(at + SILENT) == told(1)
