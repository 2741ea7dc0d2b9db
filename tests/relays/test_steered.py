"""A leg of a steered link is a channel, whoever looks at what passes, and rests when it must."""

from __future__ import annotations

import asyncio

import pytest

from tincans.channel import Channel
from tincans.protocols.decoder import Decoder
from tincans.relays.steering import Steerer, Steering
from tincans.tasks import spawn
from tincans.testing import check_channel
from tincans.transports.memory import memory_pair


class Patient(Steerer):
    """Wants to hear everything, and changes nothing."""

    def is_done(self, protocol: str) -> bool:
        return False


def steering(steerer: Steerer, protocol: str) -> tuple[Channel, Steering, Channel]:
    """Both parties, and what steers what they say."""
    caller, near = memory_pair()
    far, called = memory_pair()
    return caller, Steering(near, far, [], steerer, None, Decoder(protocol)), called


@pytest.mark.parametrize("steerer", [Steerer, Patient])
@pytest.mark.parametrize("protocol", ["", "raw"])
async def test_each_leg_is_a_channel(steerer: type[Steerer], protocol: str) -> None:
    async def make_pair() -> tuple[Channel, Channel]:
        caller, between, _ = steering(steerer(), protocol)
        return caller, between.client

    await check_channel(make_pair)


async def test_one_that_must_rest_leaves_the_channel_below_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    _, between, called = steering(Patient(), "raw")
    receiving = spawn(between.server.receive())
    await asyncio.sleep(0)
    resting = True
    monkeypatch.setattr(between, "must_rest", lambda channel: resting)
    await between.server.rest(between.client)
    await called.send(b"hello")
    assert await between.server.below.receive() == b"hello"  # somebody else has it
    resting = False
    between.server.look_again()
    await called.send(b"welcome back")
    assert await receiving == b"welcome back"
