"""What peers say is read whole or not at all, within its bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Buffered, Channel
from tincans.errors import EndOfStream, RemoteProtocolError
from tincans.limits import (
    CHAT_NICK_BYTES,
    PEER_ADDRESSES,
    PEER_BATCH_BYTES,
    PEER_BATCH_POSTS,
    PEER_FRAME_BYTES,
    PEER_MEMBERS,
    PEER_PEOPLE,
    PEER_ROOMS,
    PEER_SENTENCE_BYTES,
    PEER_STATEMENT_BYTES,
)
from tincans.peers.sealing import Sealed
from tincans.peers.wire import (
    SEAL,
    Again,
    Bye,
    Forgotten,
    Hello,
    Here,
    Introduced,
    Person,
    Ping,
    Pong,
    Said,
    Words,
    frame,
    receive,
)
from tincans.tasks import spawn
from tincans.testing import memory_pair

SEALED = Sealed(b"body", bytes(64))
EVERY: list[Words] = [
    Hello("tincans", b"r" * 16, b"n" * 16, {b"k" * 32: 7}), Introduced([SEALED]), Here([SEALED, SEALED]),
    Said([SEALED]), Again({b"k" * 32: 1, b"l" * 32: 2**63 - 1}), Ping(), Pong(), Bye("it leaves"),
    Forgotten({b"k" * 32: 2**63 - 1}), Forgotten({}),
]  # fmt: skip


async def read(data: bytes, step: int = 0) -> list[Words]:
    """What a peer reads that says these bytes, so many at a time, and ends."""
    near, far = memory_pair()
    async with near, far:
        saying = spawn(_say(near, data, step or 1 << 20))
        channel, heard = Buffered(far), []
        try:
            while True:
                heard.append(await receive(channel))
        except EndOfStream:
            return heard
        finally:
            saying.cancel()
            await asyncio.wait([saying])


async def _say(channel: Channel, data: bytes, step: int) -> None:
    for at in range(0, len(data), step):
        await channel.send(data[at : at + step])
    await channel.send_eof()


@pytest.mark.parametrize("step", [0, 1, 7])
async def test_all_messages_arrive_however_they_are_cut(step: int) -> None:
    assert await read(b"".join(map(frame, EVERY)), step) == EVERY


async def test_half_a_message_is_none() -> None:
    assert await read(frame(Ping()) + frame(Bye("it leaves"))[:-1]) == [Ping()]


def _framed(value: object) -> bytes:
    data = msgspec.msgpack.encode(value)
    return len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize(
    "value",
    [
        [9], [0], [], {}, None, 6, [6, 1], [8], [8, 5], [8, "x", "y"], [1, "tincans", b"r" * 15, b"n" * 16, {}],
        [1, "", b"r" * 16, b"n" * 16, {}], [5, {b"short": 1}], [5, {b"k" * 32: 0}], [4, [[b"body", b"short"]]],
        [4, [[b"body", bytes(64), 1]]], [10], [9, {b"k" * 32: 0}],
    ],
)  # fmt: skip
async def test_what_is_no_message_is_refused(value: object) -> None:
    with pytest.raises(RemoteProtocolError, match="a message that is none"):
        await read(_framed(value))


async def test_a_message_is_as_long_as_it_may_be() -> None:
    with pytest.raises(RemoteProtocolError, match="a message that is none"):
        await read(PEER_FRAME_BYTES.to_bytes(4, "big") + bytes(PEER_FRAME_BYTES))
    with pytest.raises(RemoteProtocolError, match=f"a message of {PEER_FRAME_BYTES + 1} bytes is longer than"):
        await read((PEER_FRAME_BYTES + 1).to_bytes(4, "big"))


def test_the_longest_that_we_say_fits() -> None:
    longest = Sealed(bytes(PEER_STATEMENT_BYTES), bytes(64))
    usual = Sealed(bytes(PEER_BATCH_BYTES // PEER_BATCH_POSTS), bytes(64))
    assert len(frame(Here([usual] * (PEER_BATCH_POSTS - 1) + [longest]))) < PEER_FRAME_BYTES
    everybody = {number.to_bytes(32, "big"): 2**63 - 1 for number in range(PEER_MEMBERS)}
    assert len(frame(Hello("m" * 64, b"r" * 16, b"n" * 16, everybody))) < PEER_FRAME_BYTES


def _reads(message: Words) -> bool:
    try:
        msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=type(message))
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda count: Said([SEALED] * count), PEER_BATCH_POSTS),
        (lambda count: Introduced([SEALED] * count), PEER_BATCH_POSTS),
        (lambda count: Here([SEALED] * count), PEER_BATCH_POSTS),
        (lambda count: Again({number.to_bytes(32, "big"): 1 for number in range(count)}), PEER_MEMBERS),
        (lambda count: Forgotten(dict.fromkeys(_keys(count), 1)), PEER_MEMBERS),
        (lambda count: Hello("m", b"r" * 16, b"n" * 16, dict.fromkeys(_keys(count), 1)), PEER_MEMBERS),
        (lambda count: Bye("x" * count), PEER_SENTENCE_BYTES),
    ],
)
def test_there_is_as_much_in_a_message_as_may_be(make: Any, most: int) -> None:
    assert _reads(make(most))
    assert not _reads(make(most + 1))


def _keys(count: int) -> list[bytes]:
    return [number.to_bytes(32, "big") for number in range(count)]


@pytest.mark.parametrize(
    ("at", "make", "most"),
    [
        (4, lambda count: ["tcp://10.0.0.7:1"] * count, PEER_ADDRESSES),
        (5, lambda count: [["ann", [], ""]] * count, PEER_PEOPLE),
        (5, lambda count: [["ann", ["#a"] * count, ""]], PEER_ROOMS),
        (5, lambda count: [["a" * count, [], ""]], CHAT_NICK_BYTES),
        (5, lambda count: [["ann", [], "x" * count]], PEER_SENTENCE_BYTES),
    ],
)
def test_there_is_as_much_in_a_presence_as_may_be(at: int, make: Any, most: int) -> None:
    def presence(count: int) -> Sealed:
        fields: list[object] = ["tincans", b"k" * 32, 1, "ann", [], [], False]
        fields[at] = make(count)
        return Sealed(msgspec.msgpack.encode(fields), bytes(64))

    SEAL.read(presence(most))
    with pytest.raises(RemoteProtocolError, match="a broken presence"):
        SEAL.read(presence(most + 1))
    assert Person("ann") == Person("ann", (), "")


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:

    async def reading() -> None:
        try:
            await read(len(data).to_bytes(4, "big") + data)
        except RemoteProtocolError:
            pass

    asyncio.run(reading())
