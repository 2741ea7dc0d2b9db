"""The chart counts how much more was said than it was told before, and each second once."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tincans.conversation import Conversation, Kind
from tincans.limits import CHART_SECONDS
from tincans.watch.chart import Chart

SECOND = 1_000_000_000
BEGAN = 1000 * SECOND


def told(number: int = 1, **fields: Any) -> Conversation:
    return Conversation(number=number, kind=Kind.RELAY, client="c", server="s", **{"opened": BEGAN, **fields})


def test_what_is_told_again_is_counted_once() -> None:
    chart = Chart(BEGAN)
    chart.take([told(client_bytes=5, client_pieces=1)])
    chart.take([told(client_bytes=7, client_pieces=2, server_bytes=1, server_pieces=1)])
    chart.take([told(client_bytes=7, client_pieces=2, server_bytes=1, server_pieces=1)])
    (second,) = chart.end(BEGAN + SECOND, 3)
    counts = (second.client_bytes, second.server_bytes, second.client_pieces, second.server_pieces)
    assert (counts, second.open, second.opened) == ((7, 1, 2, 1), 3, 1)
    assert second.at == BEGAN // 1000
    assert chart.end(BEGAN + SECOND, 3) == []


def test_of_one_that_was_open_before_only_what_follows_is_counted() -> None:
    chart = Chart(BEGAN)
    chart.begin([told(1, opened=BEGAN - 1, client_bytes=100, joined=BEGAN - 1)])
    chart.take([told(1, opened=BEGAN - 1, client_bytes=101, joined=BEGAN - 1)])
    chart.take([told(2, opened=BEGAN - 1, client_bytes=100)])  # nobody had told of it
    chart.take([told(2, opened=BEGAN - 1, client_bytes=102)])
    (second,) = chart.end(BEGAN + SECOND, 2)
    assert (second.client_bytes, second.opened, second.opening) == (3, 0, None)


def test_opening_is_the_median_of_the_calls_that_were_answered() -> None:
    chart = Chart(BEGAN)
    for number, took in enumerate((1, 2, 90), 1):
        conversation = told(number, joined=BEGAN + took * 1_000_000)
        chart.take([conversation])
        chart.take([replace(conversation, client_bytes=1)])
    chart.take([told(4)])
    assert chart.end(BEGAN + SECOND, 4)[0].opening == 2


def test_seconds_in_which_nothing_was_asked_are_there_and_so_many_are_kept() -> None:
    chart = Chart(BEGAN)
    assert not chart.is_over(BEGAN + SECOND - 1)
    assert len(chart.end(BEGAN + 3 * SECOND, 0)) == 3
    assert len(chart.end(BEGAN + 10**6 * SECOND, 0)) == CHART_SECONDS
    assert not chart.is_over(BEGAN + 10**6 * SECOND)
    chart.end(BEGAN + (10**6 + 1) * SECOND, 0)
    assert len(chart.seconds) == CHART_SECONDS
    assert chart.seconds[-1].at == (BEGAN + 10**6 * SECOND) // 1000


def test_other_conversations_with_the_same_numbers_begin_anew() -> None:
    chart = Chart(BEGAN)
    chart.take([told(client_bytes=100)])
    chart.begin_again()
    chart.take([told(client_bytes=5)])
    assert chart.end(BEGAN + SECOND, 1)[0].client_bytes == 105


def test_one_that_is_over_is_forgotten() -> None:
    chart = Chart(BEGAN)
    for number in range(100):
        chart.take([told(number, closed=BEGAN + 1, joined=BEGAN)])
    assert chart.end(BEGAN + SECOND, 0)[0].opened == 100
    assert not chart._counts
    assert not chart._joined
