"""A held channel is a channel, whatever is done to it by hand, and what is done comes in its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hearing import Hearing
from steered import Steered, Steering
from tincans.channel import STREAM, Channel, Side, Traits
from tincans.conversation import How, Kind, Opening
from tincans.errors import (
    CannotSteer,
    ChannelBusy,
    ChannelClosed,
    ConnectError,
    EndOfStream,
    HandshakeFailed,
)
from tincans.held import HeldChannel, carry_held, hold
from tincans.limits import DATAGRAM_BYTES, SAY_BYTES
from tincans.pump import pump
from tincans.recording import Outcome
from tincans.tasks import spawn
from tincans.testing import check_channel, memory_pair
from wrapping import over_tcp

MESSAGES = Traits(boundaries=True, half_close=False)
DATAGRAMS = Traits(boundaries=True, half_close=False, reliable=False)
OPENING = Opening(kind=Kind.RELAY, client="memory:", server="memory:")


def nothing() -> None:
    """Nobody is told."""


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def held(traits: Traits = STREAM, *, passes_on: bool = False) -> tuple[Channel, HeldChannel]:
    """Who speaks, and the channel that what they say is held back on."""
    caller, called = memory_pair(traits)
    return caller, HeldChannel(called, passes_on=passes_on)


# ── the contract ──────────────────────────────────────────────────────────────────────────────────────────


async def in_memory() -> tuple[Channel, Channel]:
    return memory_pair()


async def in_messages() -> tuple[Channel, Channel]:
    return memory_pair(MESSAGES)


@pytest.mark.parametrize("make", [in_memory, in_messages, over_tcp])
@pytest.mark.parametrize("passes_on", [False, True])
async def test_it_is_a_channel(make: Callable[[], Awaitable[tuple[Channel, Channel]]], passes_on: bool) -> None:
    async def make_pair() -> tuple[Channel, Channel]:
        caller, called = await make()
        return caller, HeldChannel(called, passes_on=passes_on)

    await check_channel(make_pair)


async def fidget(channel: HeldChannel) -> None:
    """Pause it and let it go on, all the time."""
    while not channel._closed:
        channel.pause()
        await asyncio.sleep(0)
        channel.resume()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.mark.parametrize("make", [in_memory, in_messages, over_tcp])
async def test_it_is_a_channel_while_it_is_paused_again_and_again(
    make: Callable[[], Awaitable[tuple[Channel, Channel]]],
) -> None:
    fidgeting = []

    async def make_pair() -> tuple[Channel, Channel]:
        caller, called = await make()
        channel = HeldChannel(called)
        fidgeting.append(spawn(fidget(channel)))
        return caller, channel

    await check_channel(make_pair)
    await asyncio.wait(fidgeting)


async def test_it_is_the_channel_below() -> None:
    caller, called = memory_pair(MESSAGES)
    channel = HeldChannel(called)
    assert (channel.local, channel.remote, channel.traits) == (called.local, called.remote, called.traits)
    assert channel.facts == called.facts
    await caller.aclose()
    await channel.aclose()
    with pytest.raises(ChannelClosed):
        await called.receive()


# ── pausing ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_paused_channel_receives_nothing_and_loses_nothing(waiting: bool) -> None:
    caller, channel = held()
    receiving = spawn(channel.receive()) if waiting else None
    await turns()
    channel.pause()
    channel.pause()
    assert channel.paused
    await caller.send(b"held back")
    receiving = receiving or spawn(channel.receive())
    await turns()
    assert not receiving.done()
    with pytest.raises(ChannelBusy):
        await channel.receive()
    channel.resume()
    assert await receiving == b"held back"


@pytest.mark.parametrize("passes_on", [False, True])
async def test_what_arrives_in_the_moment_of_the_pause_is_held_back(passes_on: bool) -> None:
    caller, channel = held(passes_on=passes_on)
    receiving = spawn(channel.receive())
    await turns()
    await caller.send(b"just now")  # it wakes the receive, which has not run yet
    channel.pause()
    await turns()
    assert not receiving.done()
    channel.resume()
    assert await receiving == b"just now"


async def test_a_receive_that_is_cancelled_and_interrupted_at_once_is_cancelled() -> None:
    caller, channel = held()
    receiving = spawn(channel.receive())
    await turns()
    receiving.cancel()
    channel.pause()
    await asyncio.wait([receiving])
    assert receiving.cancelled()
    channel.resume()
    await caller.send(b"still there")
    assert await channel.receive() == b"still there"


async def test_a_receive_with_a_timeout_times_out_though_it_is_interrupted() -> None:
    _, channel = held()

    async def impatient() -> None:
        async with asyncio.timeout(0.01):
            await channel.receive()

    spawn(pausing(channel))
    with pytest.raises(TimeoutError):
        await impatient()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def pausing(channel: HeldChannel) -> None:
    await asyncio.sleep(0)
    channel.pause()
    await asyncio.sleep(0)
    channel.resume()


async def test_a_paused_channel_slows_the_sender_down() -> None:
    caller, channel = held()
    channel.pause()
    receiving = spawn(channel.receive())
    sending = spawn(caller.send(bytes(1 << 20)))
    await turns()
    assert not sending.done()
    channel.resume()
    count = len(await receiving)
    while count < 1 << 20:
        count += len(await channel.receive())
    await sending


# ── saying ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("paused", [False, True])
async def test_what_is_said_by_hand_is_received(waiting: bool, paused: bool) -> None:
    caller, channel = held()
    told: list[str] = []
    if paused:
        channel.pause()
    receiving = spawn(channel.receive()) if waiting else None
    await turns()
    saying = spawn(channel.say(b"by hand", lambda: told.append("now")))
    await turns()
    assert saying.done() is waiting, "it is accepted when it is received"
    assert await (receiving or channel.receive()) == b"by hand"
    assert told == ["now"]
    await saying
    await caller.send(b"after")
    channel.resume()
    assert await channel.receive() == b"after"


async def test_what_is_passed_on_was_accepted_when_more_is_asked_for() -> None:
    _, channel = held(passes_on=True)
    saying = spawn(channel.say(b"by hand", nothing))
    await turns()
    assert await channel.receive() == b"by hand"
    await turns()
    assert not saying.done()
    with pytest.raises(CannotSteer, match="has not been taken yet"):
        await channel.say(b"and this", nothing)
    receiving = spawn(channel.receive())
    await saying
    again = spawn(channel.say(b"and this", nothing))
    assert await receiving == b"and this"
    await channel.aclose()
    with pytest.raises(CannotSteer, match="over before that was taken"):
        await again
    with pytest.raises(CannotSteer, match="over before that was taken"):
        await channel.say(b"too late", nothing)


async def test_saying_can_be_given_up_and_is_said_all_the_same() -> None:
    _, channel = held()
    saying = spawn(channel.say(b"by hand", nothing))
    await turns()
    saying.cancel()
    await turns()
    assert await channel.receive() == b"by hand"
    again = spawn(channel.say(b"again", nothing))
    assert await channel.receive() == b"again"
    await again


async def test_an_empty_message_by_hand_is_a_message() -> None:
    _, channel = held(MESSAGES)
    assert channel.least == 0
    saying = spawn(channel.say(b"", nothing))
    await turns()
    assert await channel.receive() == b""
    await saying


# ── ending ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("waiting", [False, True])
async def test_an_end_by_hand_comes_behind_what_was_said(waiting: bool) -> None:
    caller, channel = held()
    receiving = spawn(channel.receive()) if waiting else None
    await turns()
    channel.pause()
    saying = spawn(channel.say(b"by hand", nothing))
    await asyncio.sleep(0)
    await channel.end()
    assert channel.ended
    assert await (receiving or channel.receive()) == b"by hand"
    await saying
    await caller.send(b"nobody reads this")
    for _ in range(2):
        with pytest.raises(EndOfStream):
            await channel.receive()
    await channel.send(b"the other direction goes on")
    assert await caller.receive() == b"the other direction goes on"
    await channel.aclose()
    with pytest.raises(ChannelClosed):
        await channel.receive()


async def test_it_knows_when_the_other_side_has_ended() -> None:
    caller, channel = held()
    await caller.send_eof()
    with pytest.raises(EndOfStream):
        await channel.receive()
    assert channel.ended


# ── a link ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "server", "most"),
    [
        (STREAM, STREAM, SAY_BYTES),
        (MESSAGES, STREAM, SAY_BYTES),
        (STREAM, DATAGRAMS, SAY_BYTES),
        (MESSAGES, DATAGRAMS, DATAGRAM_BYTES),
        (DATAGRAMS, DATAGRAMS, DATAGRAM_BYTES),
    ],
)
def test_what_is_said_by_hand_must_fit_into_a_datagram(client: Traits, server: Traits, most: int) -> None:
    near, far = hold(memory_pair(client)[0], memory_pair(server)[0])
    assert near.most == most
    assert far.most == (DATAGRAM_BYTES if client is server is DATAGRAMS else SAY_BYTES)


def carried() -> tuple[Channel, Channel, Steered, HeldChannel, HeldChannel]:
    (caller, near), (far, callee) = memory_pair(), memory_pair()
    return caller, callee, Steering().begin(OPENING), *hold(near, far)


async def test_a_link_that_is_reset_by_hand_says_so() -> None:
    caller, callee, tap, near, far = carried()
    carrying = spawn(carry_held(near, far, [tap], pump(near, far, [tap]), near.abort, far.abort))
    await tap.begun.wait()
    tap.hand.reset()
    assert await carrying == Outcome(How.RESET, None, "by hand")
    for channel in (caller, callee):
        await channel.aclose()


@pytest.mark.parametrize("by_hand", [False, True])
async def test_what_comes_of_a_reset_by_hand_is_not_the_story(by_hand: bool) -> None:
    _, _, tap, near, far = carried()

    async def carry() -> Outcome:
        if by_hand:
            tap.hand.reset()
        raise HandshakeFailed(near.remote, "it was closed")

    carrying = carry_held(near, far, [tap], carry(), near.abort, far.abort)
    if by_hand:
        assert await carrying == Outcome(How.RESET, None, "by hand")
    else:
        with pytest.raises(ConnectError):
            await carrying
    with pytest.raises(CannotSteer, match="is over"):
        tap.hand.pause(Side.CLIENT)


async def test_those_who_only_listen_hear_what_was_done() -> None:
    caller, callee, tap, near, far = carried()
    other = Hearing().begin(OPENING)
    carrying = spawn(carry_held(near, far, [other, tap], pump(near, far, [other, tap]), near.abort, far.abort))
    await tap.begun.wait()
    await tap.hand.say(Side.SERVER, b"by hand")
    assert await caller.receive() == b"by hand"
    assert other.pieces == [(Side.SERVER, b"by hand")]
    assert other.notes == tap.notes == ["what follows was said by hand, as the server: 7 B"]
    for channel in (caller, callee):
        await channel.aclose()
    await carrying
