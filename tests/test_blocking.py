"""A channel for a thread: the same calls, blocking."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest

from running import PATIENCE
from tincans.blocking import BlockingChannel, in_thread, is_async
from tincans.channel import Channel
from tincans.errors import ChannelBroken, ChannelClosed, EndOfStream
from tincans.transports.memory import memory_pair


async def test_the_calls_are_those_of_the_channel() -> None:
    client, server = memory_pair()
    seen: list[object] = []

    def talk(channel: BlockingChannel) -> None:
        seen.extend([channel.local, channel.remote, channel.traits, dict(channel.facts)])
        channel.send(b"hello")
        seen.append(channel.receive())
        channel.send_eof()
        seen.extend(channel)
        with pytest.raises(EndOfStream):
            channel.receive()
        with channel:
            pass
        with pytest.raises(ChannelClosed):
            channel.send(b"x")
        channel.close()

    talking = in_thread(talk, server)
    task = asyncio.gather(talking)
    assert await client.receive() == b"hello"
    await client.send(b"a")
    with pytest.raises(EndOfStream):
        await client.receive()
    await client.send(b"b")
    await client.send_eof()
    await task
    assert seen == [server.local, server.remote, server.traits, {}, b"a", b"b"]


async def test_an_abort_from_a_thread() -> None:
    client, server = memory_pair()
    await in_thread(lambda channel: channel.abort(), server)
    with pytest.raises(ChannelBroken):
        await client.receive()


@pytest.mark.parametrize("error", [ValueError("boom"), StopIteration(), SystemExit(3)])
async def test_what_the_function_raises_is_raised(error: BaseException) -> None:
    def crash(_: BlockingChannel) -> None:
        raise error

    _, server = memory_pair()
    with pytest.raises(RuntimeError if isinstance(error, StopIteration) else type(error)):
        await in_thread(crash, server)


async def test_a_plain_function_that_returns_a_coroutine_is_told() -> None:
    async def app(_: Channel) -> None: ...

    _, server = memory_pair()
    with pytest.raises(TypeError, match="make it an async def"):
        await in_thread(lambda _: app(server), server)


async def test_more_callers_than_any_pool_has_threads() -> None:
    barrier = threading.Barrier(40, timeout=PATIENCE)
    pairs = [memory_pair() for _ in range(40)]
    await asyncio.gather(*(in_thread(lambda _: barrier.wait(), server) for _, server in pairs))


def test_a_channel_without_its_loop_is_closed() -> None:
    kept: list[BlockingChannel] = []
    over = threading.Event()
    errors: list[type[Exception]] = []

    def outlive(channel: BlockingChannel) -> None:
        over.wait(PATIENCE)
        for call in (channel.receive, channel.send_eof):
            try:
                call()
            except ChannelClosed:
                errors.append(ChannelClosed)
        channel.close()
        channel.abort()
        kept.append(channel)

    async def main() -> None:
        _, server = memory_pair()
        task = asyncio.get_running_loop().create_task(in_thread(outlive, server))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(main())
    over.set()
    for thread in threading.enumerate():
        if thread.name == "tincans app":
            thread.join(5)
    assert errors == [ChannelClosed, ChannelClosed]
    assert len(kept) == 1


def test_what_is_async() -> None:
    async def function(_: Channel) -> None: ...

    class Object:
        async def __call__(self, _: Channel) -> None: ...

        async def method(self, _: Channel) -> None: ...

    def plain(_: Channel) -> None: ...

    assert all(is_async(app) for app in (function, Object(), Object().method, functools.partial(function)))
    assert not any(is_async(app) for app in (plain, print, functools.partial(plain), lambda _: None))
