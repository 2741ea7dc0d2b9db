"""Both directions of a wrap say things, and neither cuts into the other's words."""

from __future__ import annotations

import asyncio

import pytest

from tincans.errors import ChannelBroken
from tincans.limits import MEMORY_BYTES
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports.outlet import Outlet


class Words:
    """What is to be said."""

    def __init__(self) -> None:
        self.data = b""

    def take(self) -> bytes:
        data, self.data = self.data, b""
        return data


def torn(outlet: Outlet) -> bool:
    return outlet.torn


async def test_what_comes_up_during_a_flush_goes_with_it() -> None:
    near, far = memory_pair()
    words = Words()
    outlet = Outlet(near, words.take)
    words.data = b"x" * (MEMORY_BYTES + 1)
    flushing = spawn(outlet.flush())
    await asyncio.sleep(0)
    assert torn(outlet)
    words.data = b"pong"
    outlet.answer()  # nothing to start: the flush takes it along
    heard = b""
    while not heard.endswith(b"pong"):
        heard += await far.receive()
    await flushing
    assert heard == b"x" * (MEMORY_BYTES + 1) + b"pong"
    assert not torn(outlet)
    near.abort()
    far.abort()


async def test_an_answer_waits_for_nobody_and_can_be_waited_for() -> None:
    near, far = memory_pair()
    words = Words()
    outlet = Outlet(near, words.take)
    await outlet.answered()  # none yet
    words.data = b"pong"
    outlet.answer()
    await outlet.answered()
    assert await far.receive() == b"pong"
    near.abort()
    far.abort()


async def test_after_a_cancelled_flush_nothing_more_is_said() -> None:
    near, far = memory_pair()
    words = Words()
    outlet = Outlet(near, words.take)
    words.data = b"x" * (MEMORY_BYTES + 1)
    flushing = spawn(outlet.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.gather(flushing, return_exceptions=True)
    words.data = b"pong"
    outlet.answer()
    await asyncio.sleep(0)
    assert outlet.torn
    assert words.data == b"pong"
    near.abort()
    far.abort()


async def test_a_loss_is_the_flushs_to_tell_and_an_answers_to_keep() -> None:
    near, far = memory_pair()
    far.abort()
    words = Words()
    outlet = Outlet(near, words.take)
    words.data = b"pong"
    outlet.answer()
    await outlet.answered()
    words.data = b"more"
    with pytest.raises(ChannelBroken):
        await outlet.flush()
    near.abort()
