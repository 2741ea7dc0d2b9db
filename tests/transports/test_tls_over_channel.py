"""TLS through memory: what is its own beside what both engines share (`test_tls_channel`)."""

from __future__ import annotations

import asyncio

import pytest

from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import ChannelBroken, EndOfStream
from tincans.limits import MEMORY_BYTES
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports import tls_over_channel
from wrapping import Pair, wrapped


async def layers(tls: Address) -> tuple[Pair, Pair]:
    """The channels below, and those above."""
    below = memory_pair()

    async def these() -> Pair:
        return below

    return below, await wrapped(these, tls, tls)


async def goodbye_without_room(tls: Address, seconds: float, monkeypatch: pytest.MonkeyPatch) -> tuple[float, Channel]:
    """How long a close takes whose goodbye finds no room below, and the other end below."""
    monkeypatch.setattr(tls_over_channel, "LINGER_SECONDS", seconds)
    (calling, called), (here, _) = await layers(tls)
    await calling.send(bytes(MEMORY_BYTES))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await here.aclose()
    return loop.time() - begun, called


async def test_a_goodbye_for_which_there_is_no_room_is_not_waited_for_longer_than_the_limit(
    tls: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    took, called = await goodbye_without_room(tls, 0.03, monkeypatch)
    assert took >= 0.025
    assert len(await called.receive()) == MEMORY_BYTES
    with pytest.raises(EndOfStream):
        await called.receive()
    called.abort()


async def test_a_cancelled_goodbye_closes_at_once(tls: Address) -> None:
    (calling, called), (here, there) = await layers(tls)
    await calling.send(bytes(MEMORY_BYTES))
    closing = spawn(here.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await called.receive()
    with pytest.raises(ChannelBroken):
        await called.receive()
    there.abort()


async def test_it_closes_what_it_is_over(tls: Address) -> None:
    (calling, called), (here, there) = await layers(tls)
    await here.aclose()
    await here.aclose()
    with pytest.raises(EndOfStream):
        await there.receive()
    there.abort()
    for channel in (calling, called):
        assert channel._closed  # type: ignore[attr-defined]
