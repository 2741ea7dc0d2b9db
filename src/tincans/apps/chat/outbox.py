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
    """Flushes, once a turn, those outboxes in which something is, and what groups were told. One for all of a hub."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._expected = False
        self._full: list[Outbox] = []
        self._parts: list[bytes] = []  # what was joined last, and what it became
        self._joined = b""
        self._telling: list[Group] = []  # of one room: told something in this turn which is in no outbox yet
        self._room: object = None

    def expect(self, outbox: Outbox) -> None:
        """Something is in it, and was not before."""
        self._full.append(outbox)
        self._wake()

    def tell(self, group: Group, room: object) -> None:
        """A group of this room is about to be told something, as the first in this turn."""
        if self._room is not room:
            self.settle()
            self._room = room
        self._telling.append(group)
        self._wake()

    def catch_up(self, outbox: Outbox) -> None:
        """Put into one outbox what its group was told so far: something else is about to be said to it."""
        for group in self._telling:
            group.take(outbox)

    def settle(self) -> None:
        """Put into each outbox what its group was told so far: somebody enters or leaves, or another room is told."""
        telling, self._telling, self._room = self._telling, [], None
        for group in telling:
            group.settle()

    def _wake(self) -> None:
        if not self._expected:
            self._expected = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._expected = False
        telling, self._telling, self._room = self._telling, [], None
        for group in telling:
            group.flush()
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


class Group:
    """The outboxes of those in one room whose doors write alike: what they are told is joined once for all of them.

    What it was told in this turn goes into no outbox before the turn ends, but for those to whom something else is said
    in between (`take`), so that everybody has all of it in its order.
    """

    __slots__ = ("_flusher", "_outboxes", "_parts", "_taken")

    def __init__(self, flusher: Flusher) -> None:
        self._flusher = flusher
        self._outboxes: dict[Outbox, None] = {}
        self._parts: list[bytes] = []
        self._taken: dict[Outbox, int] = {}  # who has how many of the parts already

    def __bool__(self) -> bool:
        return bool(self._outboxes)

    def add(self, outbox: Outbox) -> None:
        self._flusher.settle()
        self._outboxes[outbox] = None

    def remove(self, outbox: Outbox) -> None:
        self._flusher.settle()
        del self._outboxes[outbox]

    def tell(self, data: bytes, room: object, but: Outbox | None) -> None:
        """Have all of them told, but for one."""
        if not self._parts:
            self._flusher.tell(self, room)
        if but is not None and but in self._outboxes:
            self.take(but)
            self._parts.append(data)
            self._taken[but] = len(self._parts)
        else:
            self._parts.append(data)

    def take(self, outbox: Outbox) -> None:
        """Put into one of the outboxes, if it is one of them, what it was told so far."""
        if outbox in self._outboxes:
            taken = self._taken.get(outbox, 0)
            if taken < len(self._parts):
                outbox.put(b"".join(self._parts[taken:]))
                self._taken[outbox] = len(self._parts)

    def settle(self) -> None:
        """Put into all of the outboxes what they were told so far."""
        self._share(Outbox.put)

    def flush(self) -> None:
        """Say to all of them what they were told."""
        self._share(Outbox.say)

    def _share(self, give: Callable[[Outbox, bytes], None]) -> None:
        for outbox in self._taken:
            self.take(outbox)
        taken, self._taken = self._taken, {}
        data, self._parts = b"".join(self._parts), []
        for outbox in self._outboxes:
            if outbox not in taken:
                give(outbox, data)


class Outbox:
    """What is to be said to one member. `overrun` is called, once and in a turn of its own, when he reads too
    slowly, and may say a last word."""

    __slots__ = ("_channel", "_lost", "_over", "_overrun", "_parts", "_size", "_task", "_waiter", "flusher")

    def __init__(self, channel: Channel, flusher: Flusher, overrun: Callable[[], None]) -> None:
        #: Of the hub.
        self.flusher = flusher
        self._channel, self._overrun = channel, overrun
        self._parts: list[bytes] = []
        self._size = 0  # of the parts
        self._task: asyncio.Task[None] | None = None  # sends what could not be said at once
        self._waiter: asyncio.Future[None] | None = None
        self._over = False  # nothing more is said
        self._lost = False  # nor can be

    def add(self, data: bytes) -> None:
        """Say this, at the end of the turn. On a channel with boundaries each of its lines is one message."""
        self.flusher.catch_up(self)
        self.put(data)

    def say(self, data: bytes) -> None:
        """Say this, now where nothing else waits."""
        if self._parts or self._task is not None or self._over or self._channel.traits.boundaries:
            self.put(data)
        else:
            self._say(data)

    def put(self, data: bytes) -> None:
        """As `add`, whatever a group was told before."""
        if self._over:
            return
        self._size += len(data)
        if self._task is not None:
            if self._size > CHAT_BACKLOG_BYTES:
                self._give_up()
                return
        elif not self._parts:
            self.flusher.expect(self)
        self._parts.append(data)

    def flush(self) -> None:
        """Say what there is, as far as it is accepted at once."""
        if self._task is not None or not self._parts:
            return
        parts, self._parts, self._size = self._parts, [], 0
        if self._channel.traits.boundaries:
            self._task = spawn(self._send(parts), keep=False)
            return
        self._say(self.flusher.join(parts))

    def _say(self, data: bytes) -> None:
        try:
            sent = self._channel.send_now(data)
        except ChannelError:
            self._lose()
            return
        if sent < len(data):
            self._task = spawn(self._send([data[sent:]]), keep=False)

    def last(self, data: bytes) -> None:
        """Say this, however much waits, and nothing behind it."""
        if self._lost:
            return
        self.flusher.catch_up(self)
        if self._task is None and not self._parts:
            self.flusher.expect(self)
        self._parts.append(data)
        self._over = True

    async def drained(self) -> None:
        """Wait until all was accepted, or never will be. Cancelling loses nothing."""
        self.flusher.catch_up(self)
        while self._parts or self._task is not None:
            if self._task is None:
                self.flush()
                continue
            if self._waiter is None:
                self._waiter = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._waiter)

    @property
    def waits(self) -> bool:
        """Whether something could not be said at once, or is too much for it: who asked for it should not be heard
        before it is `drained`, or a few words would have us keep any number of answers."""
        return self._task is not None or self._size > CHAT_BACKLOG_BYTES

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
