"""Callers in a queue of our own."""

from __future__ import annotations

import asyncio

import pytest

from tincans.channel import Channel
from tincans.errors import ChannelBroken, ChannelBusy, ChannelClosed
from tincans.limits import BACKLOG
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports.callers import Callers


async def test_callers_are_accepted_in_their_order() -> None:
    callers: Callers[Channel] = Callers()
    waiting = spawn(callers.accept())
    await asyncio.sleep(0)
    with pytest.raises(ChannelBusy):
        await callers.accept()
    pairs = [memory_pair() for _ in range(3)]
    for _, server in pairs:
        callers.add(server)
    assert [await waiting, await callers.accept(), await callers.accept()] == [server for _, server in pairs]


async def test_it_is_full_at_the_limit_and_not_before() -> None:
    callers: Callers[Channel] = Callers()
    for _ in range(BACKLOG - 1):
        callers.add(memory_pair()[1])
    before = callers.full
    callers.add(memory_pair()[1])
    assert (before, callers.full) == (False, True)
    assert len(callers) == BACKLOG
    callers.close()


async def test_closing_sends_the_waiting_away_and_wakes_who_accepts() -> None:
    callers: Callers[Channel] = Callers()
    client, server = memory_pair()
    callers.add(server)
    callers.close()
    callers.close()
    with pytest.raises(ChannelBroken):
        await client.receive()
    with pytest.raises(ChannelClosed):
        await callers.accept()
    empty: Callers[Channel] = Callers()
    waiting = spawn(empty.accept())
    await asyncio.sleep(0)
    empty.close()
    with pytest.raises(ChannelClosed):
        await waiting
