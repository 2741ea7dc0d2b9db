"""A deadline that may be put off for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tincans.apps.http.patience import Deadline


async def test_it_passes() -> None:
    over = asyncio.Event()
    deadline = Deadline(over.set)
    deadline.set(0.005)
    await over.wait()
    assert deadline.passed


async def test_it_has_not_passed_any_more_once_it_was_put_off_or_taken_back() -> None:
    over = asyncio.Event()
    deadline = Deadline(over.set)
    passed = [deadline.passed]
    changes: list[Callable[[], None]] = [lambda: deadline.set(10), deadline.clear]
    for change in changes:
        over.clear()
        deadline.set(0.001)
        await over.wait()
        passed.append(deadline.passed)
        change()
        passed.append(deadline.passed)
    assert passed == [False, True, False, True, False]
    deadline.close()


async def test_it_can_be_put_off_and_brought_forward() -> None:
    over = asyncio.Event()
    deadline = Deadline(over.set)
    deadline.set(0.001)
    deadline.set(3600)
    await asyncio.sleep(0.01)
    assert not over.is_set()
    deadline.set(0.001)
    await over.wait()


@pytest.mark.parametrize("ending", ["clear", "close"])
async def test_it_can_be_taken_back(ending: str) -> None:
    over = asyncio.Event()
    deadline = Deadline(over.set)
    deadline.set(0.001)
    getattr(deadline, ending)()
    await asyncio.sleep(0.01)
    assert not over.is_set()
    deadline.set(0.001)
    await over.wait()


async def test_putting_it_off_costs_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    deadline = Deadline(lambda: None)
    deadline.set(10)
    assert deadline._timer is not None
    timer = deadline._timer
    for _ in range(3):
        deadline.clear()
        deadline.set(20)
    assert deadline._timer is timer
    assert timer.when() < loop.time() + 11
    deadline.close()
