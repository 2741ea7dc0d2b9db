"""Tasks that stay alive, and the loop they run on."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
import uvloop

from tincans import tasks
from tincans.tasks import loop_factory, run, spawn


async def test_a_task_that_nobody_keeps_lives_until_it_is_done() -> None:
    done: list[str] = []
    gate = asyncio.Event()

    async def work() -> None:
        await gate.wait()
        done.append("done")

    spawn(work(), name="work")
    await asyncio.sleep(0)
    gc.collect()
    assert [task.get_name() for task in tasks._running] == ["work"]
    gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done == ["done"]
    assert not tasks._running


async def test_a_task_that_its_caller_keeps_is_kept_nowhere_else() -> None:
    task = spawn(asyncio.sleep(0, "result"), keep=False)
    assert task not in tasks._running
    assert await task == "result"


async def test_a_crash_that_nobody_awaits_is_told_with_its_name() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def crash() -> None:
        raise ZeroDivisionError

    spawn(crash(), name="the one that crashes")
    for _ in range(3):
        await asyncio.sleep(0)
    gc.collect()
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]
    assert "the one that crashes" in repr(told[0])


async def test_what_is_awaited_or_cancelled_is_not_told() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def crash() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await spawn(crash())
    sleeping = spawn(asyncio.sleep(1000))
    sleeping.cancel()
    await asyncio.wait([sleeping])
    gc.collect()
    assert told == []
    assert not tasks._running


@pytest.mark.parametrize(("asked", "is_uvloop"), [("", True), ("uvloop", True), ("asyncio", False)])
def test_the_loop_is_uvloop_unless_the_environment_asks(
    asked: str, is_uvloop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINCANS_LOOP", asked)

    async def main() -> bool:
        return isinstance(asyncio.get_running_loop(), uvloop.Loop)

    assert run(main()) is is_uvloop


def test_without_uvloop_it_is_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINCANS_LOOP", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "uvloop", None)
    assert loop_factory() is asyncio.new_event_loop


def test_run_returns_what_main_returned_and_raises_what_it_raised() -> None:
    assert run(asyncio.sleep(0, "result")) == "result"

    async def crash() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(crash(), debug=False)


async def test_whoever_waits_is_woken_once_and_nobody_is_no_error() -> None:
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    tasks.wake(waiter)
    tasks.wake(waiter)
    tasks.wake(None)
    await waiter
