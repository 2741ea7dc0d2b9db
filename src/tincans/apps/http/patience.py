"""How long a server waits for a client, and the one timer by which it notices."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import NamedTuple

from tincans.limits import HTTP_BODY_SECONDS, HTTP_HEAD_SECONDS, HTTP_KEPT_SECONDS, HTTP_SEND_SECONDS


class Patience(NamedTuple):
    """How long is waited, in seconds: for a head from its first byte to its last (and for the first byte of the first),
    for the next request of a connection that is kept, for the next piece of a body, and until one of ours is taken."""

    head: float = HTTP_HEAD_SECONDS
    kept: float = HTTP_KEPT_SECONDS
    body: float = HTTP_BODY_SECONDS
    send: float = HTTP_SEND_SECONDS


class Deadline:
    """Calls `over` when it passes. Putting it off, again and again, costs no timer: the one there is looks again."""

    __slots__ = ("_due", "_loop", "_over", "_timer", "_until")

    def __init__(self, over: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = over
        self._until = math.inf
        self._due = math.inf  # when the timer looks
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """It is so many seconds from now."""
        self._until = until = self._loop.time() + seconds
        if until < self._due:
            self.close()
            self._watch(until)

    def clear(self) -> None:
        """There is none."""
        self._until = math.inf

    @property
    def passed(self) -> bool:
        """Whether it has, and was not put off or taken back since."""
        return self._until <= self._loop.time()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._due = None, math.inf

    def _watch(self, due: float) -> None:
        self._due = due
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer, self._due = None, math.inf
        if self.passed:
            self._over()
        elif self._until < math.inf:
            self._watch(self._until)
