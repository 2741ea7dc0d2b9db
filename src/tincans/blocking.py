"""A channel for plain, blocking code: a function that runs in a thread of its own, beside the loop.

Threads are started one a caller and not taken from the loop's pool: that has a handful, and a caller who says nothing
would keep one for as long as it likes. They are daemons, so a function that never returns does not keep the program
from ending.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from tincans.address import Address
from tincans.channel import Buffer, Channel, Traits
from tincans.errors import ChannelClosed, EndOfStream

T = TypeVar("T")


class BlockingChannel:
    """A `Channel` for another thread: the same calls, each of which blocks; `for data in channel` to its end.

    Every method raises what the channel's own raises; all of them `ChannelClosed` once the loop is gone. One thread may
    receive while another sends. Closing it closes the channel.
    """

    __slots__ = ("_channel", "_loop")

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` is the one that `channel` lives on, running in another thread."""
        self._channel, self._loop = channel, loop

    @property
    def local(self) -> Address:
        return self._channel.local

    @property
    def remote(self) -> Address:
        return self._channel.remote

    @property
    def traits(self) -> Traits:
        return self._channel.traits

    @property
    def facts(self) -> Mapping[str, str]:
        return self._channel.facts

    def receive(self) -> bytes:
        """What the other side says next; `EndOfStream` when it has ended."""
        return self._wait(self._channel.receive())

    def send(self, data: Buffer) -> None:
        """Say `data`; returns when it was accepted."""
        self._wait(self._channel.send(data))

    def send_eof(self) -> None:
        """End what this side says; the other direction goes on."""
        self._wait(self._channel.send_eof())

    def close(self) -> None:
        """Close both directions. Idempotent."""
        try:
            self._wait(self._channel.aclose())
        except ChannelClosed:  # the loop is gone, and the channel with it
            pass

    def abort(self) -> None:
        """Close at once and throw away what was not yet sent. Idempotent."""
        try:
            self._loop.call_soon_threadsafe(self._channel.abort)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def __enter__(self) -> BlockingChannel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        try:
            while True:
                yield self.receive()
        except EndOfStream:
            return

    def _wait(self, doing: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(doing, self._loop).result()
        except RuntimeError:
            if not self._loop.is_closed():
                raise
            doing.close()
            raise ChannelClosed from None


def is_async(function: Callable[..., object]) -> bool:
    """Whether calling it gives a coroutine: an `async def`, bound, partial or as an object's `__call__`."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


async def in_thread(function: Callable[[BlockingChannel], object], channel: Channel) -> None:
    """Run a plain function over `channel` in a thread of its own and wait for it; raises what it raises.

    Cancelling stops the waiting, not the thread: close the channel, and the thread's next call on it says so.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[BaseException | None] = loop.create_future()
    blocking = BlockingChannel(channel, loop)
    threading.Thread(target=_run, args=(function, blocking, loop, done), daemon=True, name="tincans app").start()
    if (error := await done) is not None:
        raise error


def _run(
    function: Callable[[BlockingChannel], object], channel: BlockingChannel, loop: asyncio.AbstractEventLoop,
    done: asyncio.Future[BaseException | None],
) -> None:  # fmt: skip
    error = None
    try:
        if inspect.iscoroutine(result := function(channel)):
            result.close()
            raise TypeError("a plain function returned a coroutine: make it an async def")
    except BaseException as raised:
        error = raised
    try:
        loop.call_soon_threadsafe(_settle, done, error)
    except RuntimeError:
        pass  # the loop is gone, and nobody waits any more


def _settle(done: asyncio.Future[BaseException | None], error: BaseException | None) -> None:
    if not done.done():
        done.set_result(error)
