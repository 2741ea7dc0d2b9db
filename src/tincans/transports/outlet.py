"""What a wrap has to say to the channel below it, from whichever direction it comes.

A wrap's `receive` may have to answer by itself: a WebSocket's ping with a pong, TLS's key update with its own. Its
answer must not meet a `send` that is under way (the channel below takes one at a time), and a cancelled `receive`
must not leave half of it said. So both directions say things through one `Outlet`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tincans.channel import Channel
from tincans.errors import ChannelError
from tincans.tasks import spawn


class Outlet:
    """Sends what `take` gives, until it gives nothing, one flush at a time."""

    __slots__ = ("_answer", "_below", "_lock", "_take", "torn")

    def __init__(self, below: Channel, take: Callable[[], bytes]) -> None:
        self._below, self._take = below, take
        self._lock = asyncio.Lock()
        self._answer: asyncio.Task[None] | None = None
        #: In the middle of a flush, or one was cancelled or failed there: nothing else can be said.
        self.torn = False

    async def flush(self) -> None:
        """Send all there is, also what comes up meanwhile. Raises what the channel below raises."""
        async with self._lock:
            self.torn = True
            while data := self._take():
                await self._below.send(data)
            self.torn = False

    def answer(self) -> None:
        """Send all there is beside the caller, who neither waits nor can cancel it. A loss shows in a receive."""
        if not self.torn:
            self._answer = spawn(self._flush_quietly())

    async def answered(self) -> None:
        """Wait for the last answer: who asks without reading must not make us hoard answers."""
        if self._answer is not None:
            await asyncio.wait([self._answer])

    async def _flush_quietly(self) -> None:
        try:
            await self.flush()
        except ChannelError:
            pass
