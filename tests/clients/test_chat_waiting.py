"""What waits for whoever takes it."""

from __future__ import annotations

import asyncio

import pytest

from tincans.clients.chat_waiting import Waiting
from tincans.clients.chat_wire import Ping, Pong
from tincans.errors import ChannelBroken, ChannelBusy
from tincans.limits import CHAT_WAITING_EVENTS
from tincans.tasks import spawn


async def test_it_is_taken_in_order_and_waited_for() -> None:
    waiting = Waiting()
    was_read = [waiting.is_read]
    taking = spawn(waiting.take())
    await asyncio.sleep(0)
    assert [*was_read, waiting.is_read] == [False, True]
    with pytest.raises(ChannelBusy):
        await waiting.take()
    waiting.put(Ping(), Pong())
    assert [await taking, await waiting.take()] == [Ping(), Pong()]


async def test_cancelling_loses_nothing() -> None:
    waiting = Waiting()
    taking = spawn(waiting.take())
    await asyncio.sleep(0)
    waiting.put(Ping())
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert await waiting.take() == Ping()


async def test_what_was_put_before_the_end_comes_first() -> None:
    waiting = Waiting()
    waiting.put(Ping())
    waiting.end(ChannelBroken("gone"))
    waiting.end()
    assert await waiting.take() == Ping()
    for _ in range(2):
        with pytest.raises(ChannelBroken):
            await waiting.take()
    quiet = Waiting()
    quiet.end()
    quiet.end(ChannelBroken("late"))
    assert await quiet.take() is None


async def test_more_is_asked_for_where_there_is_nothing() -> None:
    waiting, asked = Waiting(), 0

    async def more() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            waiting.put(Ping())
        return asked < 3

    assert await waiting.take(more) == Ping()
    assert asked == 2


async def test_who_waits_until_it_is_idle() -> None:
    waiting = Waiting()
    waiting.put(Ping())
    idle = spawn(waiting.idle())
    await asyncio.sleep(0)
    await waiting.take()
    assert not idle.done()
    taking = spawn(waiting.take())
    await idle
    waiting.end()
    assert await taking is None


def test_it_is_full_at_its_bound() -> None:
    waiting = Waiting()
    waiting.put(*[Ping()] * (CHAT_WAITING_EVENTS - 1))
    assert not waiting.is_full
    waiting.put(Ping())
    assert waiting.is_full
