"""A channel over two file descriptors, one to read from and one to write to: a child's pipes, or our stdin and stdout.

No asyncio transport stands between, so there is no queue of our own: `receive` and `send` try the system call first
and ask the loop only when that would block, and what a cancelled `receive` has not taken is still in the pipe. Not
everything waits: epoll(7) refuses regular files and /dev/null, whose reads and writes return at once; so an `End`
says whether it can be waited for, and one that cannot lets the loop turn before each chunk.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from tincans.address import Address
from tincans.channel import Buffer, Channel, Traits, Turn
from tincans.errors import ChannelBroken, ChannelClosed, ChannelError, EndOfStream
from tincans.limits import CHUNKS_A_TURN, RECEIVE_BYTES
from tincans.tasks import wake
from tincans.transports.stream import describe


class End:
    """One descriptor, non-blocking, and owned: `close` closes it and calls `then`."""

    __slots__ = ("_then", "fd", "row", "waits")

    def __init__(self, fd: int, *, waits: bool = True, then: Callable[[], None] | None = None) -> None:
        self.fd = fd
        #: Whether the loop can wait for it; a regular file is always ready.
        self.waits = waits
        #: Chunks since others had a turn.
        self.row = 0
        self._then = then

    def read(self, count: int) -> bytes:
        return os.read(self.fd, count)

    def write(self, data: memoryview) -> int:
        return os.write(self.fd, data)

    def close(self) -> None:
        os.close(self.fd)
        if self._then is not None:
            self._then()

    async def give_way(self) -> None:
        """Let others have their turn: a file never makes us wait, and a quick writer hardly ever."""
        self.row += 1
        if self.row > CHUNKS_A_TURN or not self.waits:
            self.row = 0
            await asyncio.sleep(0)


class PipeChannel(Channel):
    """Two ends as one channel, which owns both. Half-close closes the one that is written to."""

    __slots__ = (
        "_broken", "_closed", "_ended", "_loop", "_reader", "_receiving", "_said_eof", "_sending", "_sink", "_source",
        "_writer", "local", "remote",
    )  # fmt: skip
    traits = Traits(independent=True)

    def __init__(self, source: End, sink: End, local: Address, remote: Address) -> None:
        self.local, self.remote = local, remote
        self._loop = asyncio.get_running_loop()
        self._source, self._sink = source, sink
        self._receiving, self._sending = Turn("receiving"), Turn("sending")
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._ended: ChannelError | None = None  # why there is nothing more to receive
        self._broken: OSError | None = None  # why nothing more can be sent
        self._said_eof = False
        self._closed = False

    # ── receiving ─────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self) -> bytes:
        with self._receiving:
            await self._source.give_way()
            while True:
                self._check_receive()
                try:
                    data = self._source.read(RECEIVE_BYTES)
                except (BlockingIOError, InterruptedError):
                    await self._readable()
                except OSError as error:
                    self._ended = ChannelBroken(describe(error))
                else:
                    if data:
                        return data
                    self._ended = EndOfStream()

    def _check_receive(self) -> None:
        if self._closed:
            raise ChannelClosed
        if self._ended is not None:
            raise self._ended.with_traceback(None)

    async def _readable(self) -> None:
        self._source.row = 0
        self._reader = self._loop.create_future()
        self._loop.add_reader(self._source.fd, wake, self._reader)
        try:
            await self._reader
        finally:
            self._reader = None
            if not self._closed:
                self._loop.remove_reader(self._source.fd)

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, data: Buffer) -> None:
        with self._sending:
            self._check_send()
            rest = memoryview(data).cast("B")
            while rest:
                await self._sink.give_way()
                self._check_send()
                try:
                    rest = rest[self._sink.write(rest[:RECEIVE_BYTES]) :]
                except (BlockingIOError, InterruptedError):
                    await self._writable()
                except OSError as error:
                    self._broken = error

    def _check_send(self) -> None:
        if self._closed or self._said_eof:
            raise ChannelClosed
        if self._broken is not None:
            raise ChannelBroken(describe(self._broken)) from self._broken

    async def _writable(self) -> None:
        self._sink.row = 0
        self._writer = self._loop.create_future()
        self._loop.add_writer(self._sink.fd, wake, self._writer)
        try:
            await self._writer
        finally:
            self._writer = None
            if not self._closed:
                self._loop.remove_writer(self._sink.fd)

    async def send_eof(self) -> None:
        if self._closed:
            raise ChannelClosed
        with self._sending:
            if not self._said_eof:
                self._said_eof = True
                self._sink.close()

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    async def aclose(self) -> None:
        self._close()

    def abort(self) -> None:
        self._close()

    def _close(self) -> None:
        """Close what is open and wake whoever waits; every later call says `ChannelClosed`."""
        if self._closed:
            return
        self._closed = True
        if self._reader is not None:
            self._loop.remove_reader(self._source.fd)
            wake(self._reader)
        if self._writer is not None:
            self._loop.remove_writer(self._sink.fd)
            wake(self._writer)
        self._source.close()
        if not self._said_eof:
            self._sink.close()
