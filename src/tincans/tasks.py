"""Tasks and loops: the one place that starts either, and how one that waits for the loop is woken.

`asyncio` keeps only a weak reference to a task and prints a crash when it is collected, or never. `spawn` keeps
the task until it is done and hands its crash to the loop's exception handler at once. `run` gives a coroutine
its loop: uvloop where there is one, plain asyncio when TINCANS_LOOP=asyncio asks for it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_running: set[asyncio.Task[Any]] = set()


def spawn(coroutine: Coroutine[Any, Any, T], *, name: str | None = None, keep: bool = True) -> asyncio.Task[T]:
    """Run `coroutine` beside the caller; the task lives until it is done, though nobody keeps it.

    `keep=False` is for a caller who keeps it until it is done, and has very many of them.

    A crash that nobody awaited goes to the loop's exception handler with the task's name. Cancel the task to end it.
    """
    task = asyncio.get_running_loop().create_task(coroutine, name=name)
    if keep:
        _running.add(task)
        task.add_done_callback(_finished)
    return task


def _finished(task: asyncio.Task[Any]) -> None:
    _running.discard(task)


def wake(waiter: asyncio.Future[None] | None) -> None:
    """Let whoever waits for this future, if anybody does, look again."""
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the loop: uvloop's, or asyncio's where uvloop is missing or TINCANS_LOOP=asyncio is set."""
    if os.environ.get("TINCANS_LOOP") != "asyncio":
        try:
            import uvloop
        except ImportError:
            pass
        else:
            return uvloop.new_event_loop
    return asyncio.new_event_loop


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """Run `main` to its end on a fresh loop and return what it returned; as `asyncio.run` otherwise."""
    with asyncio.Runner(loop_factory=loop_factory(), debug=debug) as runner:
        return runner.run(main)
