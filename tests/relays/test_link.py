"""Which way a pair of channels is joined, and that both ways end alike."""

from __future__ import annotations

import asyncio
import socket

import pytest

from hearing import Hearing
from steered import Steered, Steering
from tincans.channel import Channel, Side
from tincans.conversation import How, Kind, Opening
from tincans.errors import CannotSteer, ChannelBroken, EndOfStream
from tincans.limits import SAY_BYTES
from tincans.recording import Outcome
from tincans.relays.link import join
from tincans.relays.plumbing import Plumbing
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports.stream import SocketChannel

KINDS = ["sockets", "memory"]
OPENING = Opening(kind=Kind.RELAY, client="unix:", server="unix:")


def socket_pair() -> tuple[SocketChannel, SocketChannel]:
    one, two = socket.socketpair()
    one.setblocking(False)
    two.setblocking(False)
    return SocketChannel(one), SocketChannel(two)


def any_pair(kind: str) -> tuple[Channel, Channel]:
    return socket_pair() if kind == "sockets" else memory_pair()


@pytest.mark.parametrize("kind", ["sockets", "memory"])
async def test_a_conversation_to_its_end(kind: str) -> None:
    hearing = Hearing()
    (caller, near), (far, callee) = any_pair(kind), any_pair(kind)
    heard = hearing.begin(OPENING)
    joining = spawn(join(near, far, [heard], Plumbing()))
    await caller.send(b"hello")
    assert await callee.receive() == b"hello"
    await callee.send(b"welcome")
    await callee.send_eof()
    assert b"".join([chunk async for chunk in caller]) == b"welcome"
    await caller.send(b"bye")
    await caller.aclose()
    assert b"".join([chunk async for chunk in callee]) == b"bye"
    assert await joining == Outcome(How.FINISHED, Side.SERVER)
    assert heard.words == {Side.CLIENT: b"hellobye", Side.SERVER: b"welcome"}
    await callee.aclose()


@pytest.mark.parametrize("kind", ["sockets", "memory"])
async def test_cancelling_closes_both(kind: str) -> None:
    (caller, near), (far, callee) = any_pair(kind), any_pair(kind)
    with Plumbing() as plumbing:
        joining = spawn(join(near, far, (), plumbing))
        await caller.send(b"hello")
        await callee.receive()
        joining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await joining
    for channel in (caller, callee):
        with pytest.raises(Exception, match=r"ended|broken"):
            await channel.receive()
        await channel.aclose()


async def test_what_was_read_ahead_is_not_lost() -> None:
    """A channel with a chunk in hand cannot give its socket away: it is pumped, and the chunk comes first."""
    (caller, near), (far, callee) = socket_pair(), socket_pair()
    waiting = spawn(near.receive())
    await asyncio.sleep(0)
    waiting.cancel()
    await caller.send(b"early")
    while near.fresh:
        await asyncio.sleep(0)
    joining = spawn(join(near, far, (), Plumbing()))
    assert await callee.receive() == b"early"
    await caller.aclose()
    await callee.aclose()
    await joining


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────


async def steered(kind: str) -> tuple[Channel, Channel, Steered, asyncio.Task[Outcome]]:
    """Both parties, the tap that has the controls, and the link."""
    (caller, near), (far, callee) = any_pair(kind), any_pair(kind)
    tap = Steering().begin(OPENING)
    joining = spawn(join(near, far, [tap], Plumbing()))
    await tap.begun.wait()
    return caller, callee, tap, joining


@pytest.mark.parametrize("kind", KINDS)
async def test_pausing_one_side_by_hand(kind: str) -> None:
    caller, callee, tap, joining = await steered(kind)
    for _ in range(2):
        tap.hand.pause(Side.CLIENT)
    assert tap.hand.paused == {Side.CLIENT}
    await caller.send(b"held back")
    await callee.send(b"not this")
    assert await caller.receive() == b"not this"
    assert tap.words[Side.CLIENT] == b""
    for _ in range(2):
        tap.hand.resume(Side.CLIENT)
    assert not tap.hand.paused
    assert await callee.receive() == b"held back"
    await caller.aclose()
    await callee.aclose()
    assert await joining == Outcome(How.FINISHED, Side.CLIENT)
    assert tap.notes == [
        "by hand: what the client says is held back from here on",
        "by hand: what the client says is passed on again",
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_pausing_one_side_before_its_first_word(kind: str) -> None:
    (caller, near), (far, callee) = any_pair(kind), any_pair(kind)
    await caller.send(b"hello")
    tap = Steering(Side.CLIENT).begin(OPENING)
    joining = spawn(join(near, far, [tap], Plumbing()))
    await callee.send(b"welcome")
    assert await caller.receive() == b"welcome"
    assert tap.words[Side.CLIENT] == b""
    tap.hand.resume(Side.CLIENT)
    assert await callee.receive() == b"hello"
    await caller.aclose()
    await callee.aclose()
    await joining


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("kind", KINDS)
async def test_saying_something_by_hand(kind: str, side: Side) -> None:
    caller, callee, tap, joining = await steered(kind)
    hears = callee if side is Side.CLIENT else caller
    await tap.hand.say(side, b"by hand")
    assert await hears.receive() == b"by hand"
    assert tap.pieces == [(side, b"by hand")]
    assert tap.notes == [f"what follows was said by hand, as the {side.value}: 7 B"]
    for words in (b"", bytes(SAY_BYTES + 1)):
        with pytest.raises(CannotSteer, match=f"1 to 65536 bytes can be said at once here, and not {len(words)}"):
            await tap.hand.say(side, words)
    saying = spawn(tap.hand.say(side, bytes(SAY_BYTES)))
    heard = 0
    while heard < SAY_BYTES:
        heard += len(await hears.receive())
    await saying
    joining.cancel()
    for channel in (caller, callee):
        channel.abort()


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("kind", KINDS)
async def test_ending_one_side_by_hand(kind: str, side: Side) -> None:
    caller, callee, tap, joining = await steered(kind)
    ended, other = (caller, callee) if side is Side.CLIENT else (callee, caller)
    await ended.send(b"the last word")
    assert await other.receive() == b"the last word"
    await tap.hand.end(side)
    with pytest.raises(EndOfStream):
        await other.receive()
    await ended.send(b"nobody reads this")
    await other.send(b"still heard")
    assert await ended.receive() == b"still heard"
    for steer in (tap.hand.end(side), tap.hand.say(side, b"x")):
        with pytest.raises(CannotSteer, match=f"the {side.value} has ended what it says"):
            await steer
    with pytest.raises(CannotSteer, match=f"the {side.value} has ended what it says"):
        tap.hand.pause(side)
    await other.aclose()
    assert b"".join([piece async for piece in ended]) == b""
    await ended.aclose()
    assert await joining == Outcome(How.FINISHED, side)
    assert tap.ends == [side, side.other]
    assert tap.notes == [f"by hand: the {side.other.value} is told that the {side.value} has ended"]
    assert tap.words[side] == b"the last word"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reset_by_hand(kind: str) -> None:
    caller, callee, tap, joining = await steered(kind)
    hand = tap.hand
    hand.pause(Side.SERVER)
    hand.reset()
    assert await joining == Outcome(How.RESET, None, "by hand")
    assert tap.notes[-1] == "by hand: both channels are reset"
    for channel in (caller, callee):
        with pytest.raises((EndOfStream, ChannelBroken)):
            await channel.receive()
        await channel.aclose()
    with pytest.raises(CannotSteer, match="the conversation is over"):
        hand.reset()
    with pytest.raises(CannotSteer, match="the conversation is over"):
        hand.resume(Side.SERVER)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_waits_when_the_link_is_over_was_not_done(kind: str) -> None:
    caller, callee, tap, joining = await steered(kind)
    stuck = spawn(fill(caller))
    for _ in range(100):
        await asyncio.sleep(0)
    saying = spawn(tap.hand.say(Side.CLIENT, b"behind all of it"))
    await asyncio.sleep(0)
    tap.hand.reset()
    with pytest.raises(CannotSteer, match="was over before"):
        await saying
    with pytest.raises(ChannelBroken):
        await stuck
    await joining
    await caller.aclose()
    await callee.aclose()


async def fill(channel: Channel) -> None:
    while True:
        await channel.send(bytes(1 << 16))


async def test_nobody_who_does_not_ask_has_the_controls() -> None:
    (caller, near), (far, callee) = socket_pair(), socket_pair()
    heard, deaf = Steering().begin(OPENING), Hearing().begin(OPENING)
    joining = spawn(join(near, far, [deaf, heard], Plumbing()))
    await heard.begun.wait()
    heard.hand.pause(Side.CLIENT)
    assert heard.notes == deaf.notes
    await caller.aclose()
    await callee.aclose()
    joining.cancel()
