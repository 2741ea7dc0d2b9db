"""Callers who wait to be accepted, where no kernel keeps the queue: a memory listener's, and a udp listener's peers."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from tincans.channel import Channel
from tincans.errors import ChannelBusy, ChannelClosed
from tincans.limits import BACKLOG
from tincans.tasks import wake

_C = TypeVar("_C", bound=Channel)


class Callers(Generic[_C]):
    """A queue of at most BACKLOG channels, which it owns until they are accepted."""

    __slots__ = ("_queue", "_waiter", "closed")

    def __init__(self) -> None:
        self._queue = deque[_C]()
        self._waiter: asyncio.Future[None] | None = None
        self.closed = False

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether too many wait for another."""
        return len(self._queue) >= BACKLOG

    def add(self, caller: _C) -> None:
        """One more; only while it is neither full nor closed."""
        self._queue.append(caller)
        wake(self._waiter)

    async def accept(self) -> _C:
        """As `Listener.accept`."""
        if self._waiter is not None:
            raise ChannelBusy("accepting")
        while not self._queue:
            if self.closed:
                raise ChannelClosed
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._queue.popleft()

    def close(self) -> None:
        """Send those who wait away, and tell whoever accepts that there will be no more. Idempotent."""
        self.closed = True
        while self._queue:
            self._queue.popleft().abort()
        wake(self._waiter)
