"""Events of a chat that wait for whoever takes them: CHAT_WAITING_EVENTS at most, and what came with the last."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from tincans.channel import Turn
from tincans.clients.chat_wire import Event
from tincans.limits import CHAT_WAITING_EVENTS
from tincans.tasks import wake


class Waiting:
    """Events that wait for whoever takes them, one task at a time; and why there will be no more."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        #: Somebody has taken, or wanted to take, from it.
        self.is_read = False
        #: No more will come: quietly, or because of an error.
        self.over: BaseException | bool = False
        self._turn = Turn("taking events")
        self._waiter: asyncio.Future[None] | None = None
        self._idle: asyncio.Future[None] | None = None  # who waits for somebody to wait

    @property
    def is_full(self) -> bool:
        return len(self.events) >= CHAT_WAITING_EVENTS

    def put(self, *events: Event) -> None:
        self.events.extend(events)
        self.wake()

    def end(self, error: BaseException | None = None) -> None:
        """Say that no more will come; the first reason counts."""
        self.over = self.over or error or True
        self.wake()
        wake(self._idle)

    def wake(self) -> None:
        """Have whoever waits look again."""
        wake(self._waiter)

    async def take(self, more: Callable[[], Awaitable[bool]] | None = None) -> Event | None:
        """The next event; None where it is quietly over, or the error that ended it.

        Where there is none, `more` is asked to get some first. Cancelling loses nothing.
        """
        self.is_read = True
        with self._turn:
            while not self.events:
                if more is not None and not self.over and await more():
                    continue
                if self._check():
                    return None
                await self._change()
            return self.events.popleft()

    def _check(self) -> bool:
        if isinstance(self.over, BaseException):
            raise self.over
        return self.over

    async def idle(self) -> None:
        """Wait until whoever takes events waits for more of them."""
        if self._idle is None:
            self._idle = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._idle)

    async def _change(self) -> None:
        """Wait until something may have changed."""
        wake(self._idle)
        self._idle = None
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
