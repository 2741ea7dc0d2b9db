"""Wall time, in nanoseconds."""

from __future__ import annotations

import time

from tincans.clock import SYSTEM, Clock


def test_it_is_the_machines_own() -> None:
    clock: Clock = SYSTEM
    before = time.time_ns()
    now = clock.now()
    assert isinstance(now, int)
    assert before <= now <= time.time_ns()
