"""What is said to members: a turn in one piece; what a slow reader does not take waits for him alone, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rooming import Guest, hub_of
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.outbox import Flusher, Outbox
from tincans.channel import Buffer, Channel, Side, Traits
from tincans.errors import ChannelClosed
from tincans.limits import CHAT_BACKLOG_BYTES
from tincans.recording import RecordingChannel
from tincans.testing import memory_pair
from wrapping import over_tcp


class Sends(RecordingChannel):
    """A channel over another that counts the calls which said something."""

    __slots__ = ("calls",)

    def __init__(self, below: Channel) -> None:
        super().__init__(below, (), Side.SERVER)
        self.calls: list[int] = []

    def send_now(self, data: Buffer) -> int:
        self.calls.append(len(data))
        return super().send_now(data)

    async def send(self, data: Buffer) -> None:
        self.calls.append(len(data))
        await super().send(data)


@asynccontextmanager
async def outbox(channel: Channel | None = None) -> AsyncIterator[tuple[Channel, Sends, Outbox, list[str]]]:
    """Where it is heard, the channel, the outbox, and how often it was overrun."""
    far, near = await over_tcp() if channel is None else (channel, channel)
    sends, overrun = Sends(near), list[str]()
    box = Outbox(sends, Flusher(), lambda: overrun.append("overrun"))
    try:
        yield far, sends, box, overrun
    finally:
        box.close()
        await far.aclose()
        await sends.aclose()


async def hear(channel: Channel, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        data += await channel.receive()
    return bytes(data)


async def clog(box: Outbox, near: Channel) -> int:
    """Say so much that the other side's kernel takes no more; how many bytes that was."""
    size = 32 * 1024 * 1024
    box.add(bytes(size))
    await asyncio.sleep(0)
    assert box.waits
    return size


# ── one turn, one piece ───────────────────────────────────────────────────────────────────────────────────


async def test_a_turn_leaves_in_one_piece() -> None:
    async with outbox() as (far, near, box, _):
        for word in (b"one ", b"two ", b"three"):
            box.add(word)
        assert near.calls == []
        await asyncio.sleep(0)
        assert near.calls == [13]
        box.add(b"!")
        await box.drained()
        assert near.calls == [13, 1]
        assert await hear(far, 14) == b"one two three!"
        assert not box.waits


async def test_what_all_are_told_is_joined_once() -> None:
    flusher = Flusher()
    first = flusher.join([b"a", b"b"])
    assert first == b"ab"
    assert flusher.join([b"a", b"b"]) is first
    assert flusher.join([b"a", b"c"]) == b"ac"
    whole = b"alone"
    assert flusher.join([whole]) is whole


async def test_a_line_is_a_message_where_there_are_messages() -> None:
    client, server = memory_pair(Traits(boundaries=True, half_close=False))
    box = Outbox(server, Flusher(), lambda: None)
    box.add(b"one\r\ntwo\r\n")
    box.add(b"three\n")
    await box.drained()
    assert [await client.receive() for _ in range(3)] == [b"one", b"two", b"three"]
    await client.aclose()
    await server.aclose()


# ── slow readers ──────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_not_taken_waits_and_arrives_in_order() -> None:
    async with outbox() as (far, near, box, overrun):
        size = await clog(box, near)
        box.add(b"x" * CHAT_BACKLOG_BYTES)  # as much as may wait
        assert overrun == []
        heard = await hear(far, size + CHAT_BACKLOG_BYTES)
        assert heard == bytes(size) + b"x" * CHAT_BACKLOG_BYTES
        await box.drained()
        assert not box.waits
        box.add(b"and on")
        await asyncio.sleep(0)
        assert await hear(far, 6) == b"and on"


async def test_one_byte_more_than_may_wait_and_he_is_let_go_in_a_turn_of_its_own() -> None:
    async with outbox() as (far, near, box, overrun):
        size = await clog(box, near)
        box.add(b"x" * CHAT_BACKLOG_BYTES)
        box.add(b"y")
        box.add(b"nothing")
        assert overrun == []
        await asyncio.sleep(0)
        assert overrun == ["overrun"]
        box.last(b"bye")
        box.add(b"nothing")
        assert await hear(far, size + 3) == bytes(size) + b"bye"
        await box.drained()


async def test_who_asks_for_much_in_one_turn_is_not_heard_before_it_is_said() -> None:
    async with outbox() as (far, _, box, overrun):
        waits = []
        box.add(bytes(CHAT_BACKLOG_BYTES))
        waits.append(box.waits)
        box.add(b"x")
        waits.append(box.waits)
        await box.drained()
        waits.append(box.waits)
        assert waits == [False, True, False]
        assert len(await hear(far, CHAT_BACKLOG_BYTES + 1)) == CHAT_BACKLOG_BYTES + 1
        assert overrun == []


async def test_a_last_word_is_said_behind_all_else_and_nothing_behind_it() -> None:
    async with outbox() as (far, _, box, _):
        box.add(b"one ")
        box.last(b"bye")
        box.add(b"more")
        await box.drained()
        box.add(b"more")
        await far.send(b"x")
        assert await hear(far, 7) == b"one bye"
        assert not box.waits


async def test_who_waits_for_it_is_told_that_it_never_will_be() -> None:
    for closing in (True, False):
        async with outbox() as (far, near, box, _):
            await clog(box, near)
            waiting = asyncio.gather(box.drained(), box.drained())
            await asyncio.sleep(0)
            assert not waiting.done()
            if closing:
                box.close()
            else:
                far.abort()
            await waiting
            box.add(b"nothing")
            box.last(b"nothing")
            await box.drained()


async def test_a_cancelled_wait_loses_nothing() -> None:
    async with outbox() as (far, near, box, _):
        size = await clog(box, near)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await box.drained()
        assert len(await hear(far, size)) == size
        await box.drained()


async def test_a_lost_reader_is_lost_in_silence() -> None:
    async with outbox() as (far, near, box, overrun):
        far.abort()
        await asyncio.sleep(0.005)
        box.add(b"one")
        await asyncio.sleep(0)
        box.add(b"two")
        await box.drained()
        assert (near.calls, overrun) == ([3], [])
        with pytest.raises(ChannelClosed):
            await far.send(b"x")


# ── a room with a slow reader in it ───────────────────────────────────────────────────────────────────────


async def test_a_slow_reader_is_dropped_with_a_word_while_the_room_goes_on() -> None:
    far, near = await over_tcp()
    async with hub_of() as hub:
        slow = Guest(hub, "slow", ours=near)
        ann, bob = Guest(hub, "ann"), Guest(hub, "bob")
        for member in (ann, slow, bob):
            hub.join(member, "#ops")
        said = 0
        while not slow.bye:
            assert said < 10_000, "he was never dropped"
            hub.say(ann, "#ops", "x" * 16_000)
            said += 1
            await asyncio.gather(ann.heard_lines(), bob.heard_lines())
        assert slow.bye == "too slow"
        hub.say(ann, "#ops", "on we go")
        assert await bob.heard_lines() == ["slow quit: too slow", "#ops say ann: on we go"]
        assert not hub.is_on(slow)
        await last_word(hub, far, slow)
        await far.aclose()
        await near.aclose()


async def last_word(hub: Hub, far: Channel, slow: Guest) -> None:
    """What he had been told is whole, and the word is behind it."""
    heard = bytearray()
    while not heard.endswith(b"bye: too slow\n"):
        heard += await far.receive()
    lines = heard.decode().splitlines()
    said = [line for line in lines if line.startswith("#ops say")]
    assert {len(line) for line in said} == {len("#ops say ann: ") + 16_000}
    assert len(said) < hub.history.last
    await slow.outbox.drained()


# ── a group that is told the same ─────────────────────────────────────────────────────────────────────────


async def test_everybody_is_told_in_order_whatever_else_is_said_in_the_turn() -> None:
    """What a room was told is shared at the end of the turn, but for those to whom something else is said before."""
    async with hub_of() as hub:
        ann, bob, eve = (Guest(hub, nick) for nick in ("ann", "bob", "eve"))
        for member in (ann, bob):
            hub.join(member, "#ops")
        hub.join(bob, "#tea")
        for member in (ann, bob):
            await member.heard_lines()
        hub.say(ann, "#ops", "one")
        hub.whisper(eve, "bob", "psst")
        hub.say(bob, "#ops", "two")
        hub.say(bob, "#tea", "three")
        hub.say(ann, "#ops", "four")
        hub.join(eve, "#ops")
        hub.say(ann, "#ops", "five")
        hub.part(bob, "#ops")
        hub.say(ann, "#ops", "six")
        heard = {member.nick: await member.heard_lines() for member in (ann, bob, eve)}
    assert [line.partition(": ")[2] for line in heard["ann"] if " say " in line] == [
        "one",
        "two",
        "four",
        "five",
        "six",
    ]
    told = [line for line in heard["bob"] if " say " in line or "psst" in line]
    assert [line.rpartition(": ")[2] for line in told] == ["one", "psst", "two", "three", "four", "five"]
    assert [line.rpartition(": ")[2] for line in heard["eve"] if " say " in line and "psst" not in line] == [
        "five",
        "six",
    ]
