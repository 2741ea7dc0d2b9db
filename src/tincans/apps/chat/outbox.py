"""What is said to the members of a hub: kept for the turn, joined, and written with one call for each member.

    add, add, add … ─► at the end of the turn: one piece ─► send_now ─┬─► all of it: done
                                                                     └─► a part: the rest waits, in a task

So a burst that comes in one turn leaves in one piece to everybody, and a reader who is slow holds up nobody else: what
waits for him is bounded, and one byte more sends him away. Members who are told the same pieces are, mostly, so the
last piece that was joined is used for the next as well.

Only an outbox sends on its channel; a door never does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tincans.channel import Channel
from tincans.errors import ChannelError
from tincans.limits import CHAT_BACKLOG_BYTES
from tincans.tasks import spawn, wake


class Flusher:
    """Flushes, once a turn, those outboxes in which something is. One for all of a hub."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._full: list[Outbox] = []
        self._parts: list[bytes] = []  # what was joined last, and what it became
        self._joined = b""

    def expect(self, outbox: Outbox) -> None:
        """Something is in it, and was not before."""
        if not self._full:
            self._loop.call_soon(self._flush)
        self._full.append(outbox)

    def _flush(self) -> None:
        full, self._full = self._full, []
        for outbox in full:
            outbox.flush()
        self._parts, self._joined = [], b""

    def join(self, parts: list[bytes]) -> bytes:
        """The parts as one, which is not made anew for each of those who are told the same."""
        if len(parts) == 1:
            return parts[0]
        if parts != self._parts:
            self._parts, self._joined = parts, b"".join(parts)
        return self._joined


class Outbox:
    """What is to be said to one member. `overrun` is called, once and in a turn of its own, when he reads too
    slowly, and may say a last word."""

    __slots__ = ("_channel", "_flusher", "_lost", "_over", "_overrun", "_parts", "_size", "_task", "_waiter")

    def __init__(self, channel: Channel, flusher: Flusher, overrun: Callable[[], None]) -> None:
        self._channel, self._flusher, self._overrun = channel, flusher, overrun
        self._parts: list[bytes] = []
        self._size = 0  # of the parts, while the rest of others is being sent
        self._task: asyncio.Task[None] | None = None  # sends what could not be said at once
        self._waiter: asyncio.Future[None] | None = None
        self._over = False  # nothing more is said
        self._lost = False  # nor can be

    def add(self, data: bytes) -> None:
        """Say this, at the end of the turn. On a channel with boundaries each of its lines is one message."""
        if self._over:
            return
        if self._task is not None:
            self._size += len(data)
            if self._size > CHAT_BACKLOG_BYTES:
                self._give_up()
                return
        elif not self._parts:
            self._flusher.expect(self)
        self._parts.append(data)

    def flush(self) -> None:
        """Say what there is, as far as it is accepted at once."""
        if self._task is not None or not self._parts:
            return
        parts, self._parts = self._parts, []
        if self._channel.traits.boundaries:
            self._task = spawn(self._send(parts), keep=False)
            return
        data = self._flusher.join(parts)
        try:
            sent = self._channel.send_now(data)
        except ChannelError:
            self._lose()
            return
        if sent < len(data):
            self._size = 0
            self._task = spawn(self._send([data[sent:]]), keep=False)

    def last(self, data: bytes) -> None:
        """Say this, however much waits, and nothing behind it."""
        if self._lost:
            return
        if self._task is None and not self._parts:
            self._flusher.expect(self)
        self._parts.append(data)
        self._over = True

    async def drained(self) -> None:
        """Wait until all was accepted, or never will be. Cancelling loses nothing."""
        while self._parts or self._task is not None:
            if self._task is None:
                self.flush()
                continue
            if self._waiter is None:
                self._waiter = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._waiter)

    @property
    def waits(self) -> bool:
        """Whether something could not be said at once: whoever it is for should not be asked for more."""
        return self._task is not None

    def close(self) -> None:
        """Say nothing any more; what was not said is thrown away. The channel is whoever's it was."""
        self._lose()
        if self._task is not None:
            self._task.cancel()

    async def _send(self, parts: list[bytes]) -> None:
        try:
            while parts:
                if self._channel.traits.boundaries:
                    for line in b"".join(parts).splitlines():
                        await self._channel.send(line)
                else:
                    await self._channel.send(b"".join(parts))
                parts, self._parts, self._size = self._parts, [], 0
        except ChannelError:
            self._lose()
        finally:
            self._task = None
            wake(self._waiter)
            self._waiter = None

    def _give_up(self) -> None:
        """He is sent away behind this turn, as a room that is telling others must not lose members meanwhile."""
        self._over, self._parts = True, []
        asyncio.get_running_loop().call_soon(self._overrun)

    def _lose(self) -> None:
        self._over, self._lost, self._parts = True, True, []
