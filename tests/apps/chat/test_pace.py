"""How fast a member may speak."""

from __future__ import annotations

import pytest

from tincans.apps.chat.pace import Pace
from tincans.limits import CHAT_BURST, CHAT_RATE


def test_a_burst_is_said_at_once_and_one_more_waits() -> None:
    pace = Pace(CHAT_RATE)
    assert [pace.step(10.0) for _ in range(CHAT_BURST)] == pytest.approx([0.0] * CHAT_BURST, abs=1e-6)
    assert pace.step(10.0) == pytest.approx(1 / CHAT_RATE)
    assert pace.step(10.0) == pytest.approx(2 / CHAT_RATE)


def test_who_waits_as_long_as_they_have_to_goes_on_at_the_rate() -> None:
    pace, now = Pace(CHAT_RATE), 10.0
    for _ in range(CHAT_BURST):
        pace.step(now)
    for _ in range(1000):
        now += pace.step(now)
    assert now == pytest.approx(10.0 + 1000 / CHAT_RATE)


def test_silence_is_not_saved_up() -> None:
    pace = Pace(CHAT_RATE)
    pace.step(10.0)
    for _ in range(CHAT_BURST):
        assert pace.step(10_000.0) < 1e-6
    assert pace.step(10_000.0) > 1e-6


def test_without_a_rate_nobody_waits() -> None:
    pace = Pace(0)
    assert not any(pace.step(10.0) for _ in range(CHAT_BURST + 1))
