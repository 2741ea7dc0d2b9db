"""One leg of a steered link: a channel that receives what may pass. What does is for `steering` to say.

What came from below is in one of two places: `_pending` while it may not pass yet, `_ready` once it may. A `receive`
that finds nothing ready listens below, unless the steering wants it to *rest*: then somebody else uses what is below.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tincans.channel import Buffer, Channel, Side, Turn
from tincans.errors import ChannelClosed, EndOfStream
from tincans.held import HeldChannel
from tincans.limits import RECEIVE_BYTES
from tincans.tasks import wake

if TYPE_CHECKING:
    from tincans.relays.steering import Steering


class SteeredChannel(Channel):
    """One leg of a steered link: a channel that receives what may pass. It owns the one below, which may change."""

    __slots__ = (
        "_at", "_closed", "_ear", "_pending", "_ready", "_receiving", "_resting", "_steering", "_waiter",
        "_watcher", "below", "ended", "local", "remote", "side", "told", "traits",
    )  # fmt: skip

    def __init__(self, below: Channel, side: Side, steering: Steering) -> None:
        self.below, self.side = below, side
        self.local, self.remote, self.traits = below.local, below.remote, below.traits
        #: This side has said its last word.
        self.ended = False
        #: The offset behind all of which there were events.
        self.told = 0
        self._steering = steering
        self._receiving = Turn("receiving")
        self._pending = bytearray()  # decoded, and not passed yet; its first byte is at the offset _at
        self._at = 0
        self._ready = bytearray()  # what may pass
        self._ear: asyncio.Timeout | None = None  # while something is received from below
        self._resting = False
        self._waiter: asyncio.Future[None] | None = None
        self._watcher: SteeredChannel | None = None  # who waits until this one rests
        self._closed = False

    @property
    def facts(self) -> Mapping[str, str]:
        return self.below.facts

    @property
    def bare(self) -> Channel:
        """The channel to the party itself, below what a person may hold back."""
        return self.below.channel if isinstance(self.below, HeldChannel) else self.below

    def replace_bare(self, channel: Channel) -> None:
        """Have another one in its place, while nobody receives."""
        if isinstance(self.below, HeldChannel):
            self.below.channel = channel
        else:
            self.below = channel

    # ── what may pass ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def heard(self) -> int:
        """The offset behind all that came."""
        return self._at + len(self._pending)

    def add(self, data: bytes) -> None:
        """So much came."""
        self._pending += data

    def pass_until(self, offset: int) -> None:
        """Let pass what came before `offset`."""
        count = max(0, offset - self._at)
        self._ready += self._pending[:count]
        self._drop(count)

    def pass_all(self) -> None:
        self.pass_until(self.heard)

    def replace(self, start: int, end: int, data: bytes) -> None:
        """Let `data` pass in the place of what came from `start` to `end`, if none of that has passed."""
        self.pass_until(start)
        if self._at > start:
            return
        self._drop(end - start)
        self._ready += data

    def _drop(self, count: int) -> None:
        del self._pending[:count]
        self._at += count

    # ── receiving ─────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self) -> bytes:
        with self._receiving:
            while not self._ready:
                if self._closed:
                    raise ChannelClosed
                if self._steering.is_through:
                    return await self.below.receive()
                if self.ended:
                    raise EndOfStream
                if self._steering.must_rest(self):
                    await self._rest()
                else:
                    await self._listen()
            data = bytes(self._ready[:RECEIVE_BYTES])
            del self._ready[:RECEIVE_BYTES]
            return data

    async def _listen(self) -> None:
        """Receive from below, until something comes or the steering wants us to rest."""
        try:
            async with asyncio.timeout(None) as self._ear:
                data: bytes | None = await self.below.receive()
        except TimeoutError:
            return
        except EndOfStream:
            self.ended, data = True, None
        finally:
            self._ear = None
        await self._steering.heard(self, data)

    async def _rest(self) -> None:
        self._resting = True
        if self._watcher is not None:
            self._watcher.look_again()
        try:
            await self._change()
        finally:
            self._resting = False

    async def rest(self, watcher: SteeredChannel) -> None:
        """Have this channel receive nothing, as it must rest now; wait until it does. `watcher` is who waits."""
        self._watcher = watcher
        if self._ear is not None:
            self._ear.reschedule(asyncio.get_running_loop().time())
            self._ear = None
        while not (self._resting or self.ended):
            await watcher._change()
        self._watcher = None

    async def _change(self) -> None:
        """Wait until something has happened."""
        if self._closed:
            raise ChannelClosed
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def look_again(self) -> None:
        """Something has happened."""
        wake(self._waiter)

    # ── and all else ──────────────────────────────────────────────────────────────────────────────────────

    async def send(self, data: Buffer) -> None:
        await self.below.send(data)

    async def send_eof(self) -> None:
        await self.below.send_eof()

    async def aclose(self) -> None:
        self._close()
        await self.below.aclose()

    def abort(self) -> None:
        self._close()
        self.below.abort()

    def _close(self) -> None:
        self._closed = True
        wake(self._waiter)
