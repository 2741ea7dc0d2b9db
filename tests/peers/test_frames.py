"""Messages and content on one channel: told apart, expected, bounded."""

from __future__ import annotations

import asyncio
import struct

import msgspec
import pytest

from tincans.channel import Channel
from tincans.errors import EndOfStream, PeerRefused, RemoteProtocolError
from tincans.limits import PASS_MESSAGE_BYTES, PASS_PIECE_BYTES
from tincans.peers.frames import Frames, Message, Refused
from tincans.transports.memory import memory_pair


class One(Message, frozen=True):
    text: str = ""


class Two(Message, frozen=True):
    number: int = 0


def pair() -> tuple[Frames, Channel]:
    """Frames, and what is at the other end of them."""
    ours, theirs = memory_pair()
    return Frames(ours), theirs


def framed(payload: bytes, *, content: bool = False) -> bytes:
    return struct.pack("!I", len(payload) | (content << 31)) + payload


async def test_messages_and_pieces_come_as_they_were_sent() -> None:
    ours, theirs = memory_pair()
    one, other = Frames(ours), Frames(theirs)
    await one.send(One("hello"))
    await one.send_piece(b"abc")
    await one.send_end(Two(3))
    assert await other.receive(One, Two) == One("hello")
    assert (await other.receive_some(), await other.receive_some()) == (b"abc", b"")
    assert await other.receive(Two) == Two(3)
    await one.aclose()
    with pytest.raises(EndOfStream):
        await other.receive(One)
    await other.aclose()


async def test_a_piece_may_come_byte_by_byte() -> None:
    frames, theirs = pair()

    async def drip() -> None:
        for byte in (
            framed(b"hello", content=True) + framed(b"", content=True) + framed(msgspec.msgpack.encode(One("x")))
        ):
            await theirs.send(bytes([byte]))

    dripping = asyncio.gather(drip())
    came = b""
    while some := await frames.receive_some():
        came += some
    assert came == b"hello"
    assert await frames.receive(One) == One("x")
    await dripping
    await frames.aclose()
    await theirs.aclose()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (framed(msgspec.msgpack.encode(Two(1))), "what was not expected"),
        (framed(b"\xc1"), "what was not expected"),
        (framed(msgspec.msgpack.encode({"type": "one", "text": 5})), "what was not expected"),
        (framed(b"x", content=True), "content where a message was expected"),
        (struct.pack("!I", PASS_MESSAGE_BYTES + 1), f"a message of more than {PASS_MESSAGE_BYTES} bytes"),
    ],
)
async def test_what_is_not_the_message_that_may_come_is_an_error(said: bytes, reason: str) -> None:
    frames, theirs = pair()
    await theirs.send(said)
    with pytest.raises(RemoteProtocolError, match=reason):
        await frames.receive(One)
    await frames.aclose()
    await theirs.aclose()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (framed(msgspec.msgpack.encode(One("x"))), "a message where content was expected"),
        (struct.pack("!I", (PASS_PIECE_BYTES + 1) | 1 << 31), f"a piece of more than {PASS_PIECE_BYTES} bytes"),
    ],
)
async def test_what_is_no_content_is_an_error(said: bytes, reason: str) -> None:
    frames, theirs = pair()
    await theirs.send(said)
    with pytest.raises(RemoteProtocolError, match=reason):
        await frames.receive_some()
    await frames.aclose()
    await theirs.aclose()


async def test_the_longest_message_and_piece_are_taken() -> None:
    frames, theirs = pair()
    empty = len(msgspec.msgpack.encode(One("x" * 70_000))) - 70_000
    text = "x" * (PASS_MESSAGE_BYTES - empty)
    sending = asyncio.gather(theirs.send(framed(msgspec.msgpack.encode(One(text)))))
    assert (await frames.receive(One)).text == text
    await sending
    sending = asyncio.gather(theirs.send(framed(b"x" * PASS_PIECE_BYTES, content=True) + framed(b"", content=True)))
    came = 0
    while some := await frames.receive_some():
        came += len(some)
    assert came == PASS_PIECE_BYTES
    await sending
    await frames.aclose()
    await theirs.aclose()


async def test_a_no_comes_in_the_place_of_any_message() -> None:
    ours, theirs = memory_pair()
    one, other = Frames(ours), Frames(theirs)
    await other.refuse("not today")
    with pytest.raises(PeerRefused, match="not today"):
        await one.receive(One)
    await one.aclose()
    await one.refuse("nobody hears this any more")
    await other.aclose()


def test_the_tag_of_a_message_is_its_kind() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(Refused("so"))) == {"type": "refused", "reason": "so"}
