"""Which way a pair of channels is joined, and that both ways end alike."""

from __future__ import annotations

import asyncio
import socket

import pytest

from hearing import Hearing
from tincans.channel import Channel, Side
from tincans.conversation import How, Kind, Opening
from tincans.recording import Outcome
from tincans.relays.link import join
from tincans.relays.plumbing import Plumbing
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports.stream import SocketChannel

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
