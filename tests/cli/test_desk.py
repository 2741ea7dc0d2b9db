"""Stdin and stdout as a channel: what the desk does to each direction. The command itself is in test_connect.py."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from tincans.channel import Traits
from tincans.cli.desk import Desk, Manner, Tame
from tincans.errors import ChannelBroken, EndOfStream, LimitExceeded
from tincans.limits import LINE_BYTES
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports.stdio import StdioChannel


class Pipes:
    """The shell's ends of our stdin and stdout."""

    def __init__(self) -> None:
        self.stdin, self.to = os.pipe()
        self.out, self.stdout = os.pipe()

    def say(self, data: bytes) -> None:
        os.write(self.to, data)

    def hear(self) -> bytes:
        return os.read(self.out, 65536)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    for fd in (pipes.stdin, pipes.to, pipes.out, pipes.stdout):
        try:
            os.close(fd)
        except OSError:
            pass


def desk(pipes: Pipes, manner: Manner = Manner(), *, boundaries: bool = False) -> Desk:  # noqa: B008
    towards, _ = memory_pair(Traits(boundaries=boundaries, half_close=False))
    return Desk(StdioChannel(pipes.stdin, pipes.stdout), towards, manner)


async def test_bytes_pass_as_they_are(pipes: Pipes) -> None:
    async with desk(pipes) as ours:
        assert (ours.traits.boundaries, ours.traits.half_close) == (False, True)
        pipes.say(b"\x00\r\n\xff")
        assert await ours.receive() == b"\x00\r\n\xff"
        await ours.send(b"\x1b[2J\x00")
        assert pipes.hear() == b"\x1b[2J\x00"


async def test_messages_are_lines(pipes: Pipes) -> None:
    async with desk(pipes, boundaries=True) as ours:
        pipes.say(b"one\n\ntwo\nthree")
        assert [await ours.receive() for _ in range(3)] == [b"one", b"", b"two"]
        os.close(pipes.to)
        assert await ours.receive() == b"three"
        with pytest.raises(EndOfStream):
            await ours.receive()
        await ours.send(b"answer")
        assert pipes.hear() == b"answer\n"


async def test_a_cr_lf_in_two_pieces_stays_one(pipes: Pipes) -> None:
    async with desk(pipes, Manner(crlf=True)) as ours:
        heard = b""
        for piece in (b"a\r", b"\nb\n", b"c", b"\n"):
            pipes.say(piece)
            heard += await ours.receive()
        assert heard == b"a\r\nb\r\nc\r\n"


async def test_a_hex_dump_counts_on(pipes: Pipes) -> None:
    async with desk(pipes, Manner(hex=True), boundaries=True) as ours:
        await ours.send(b"ab")
        await ours.send(b"c")
        first, second = pipes.hear().splitlines()
        assert first.startswith(b"00000000  61 62 ")
        assert second.startswith(b"00000002  63 ")


async def test_a_line_has_a_limit_and_says_so(pipes: Pipes) -> None:
    async with desk(pipes, boundaries=True) as ours:
        receiving = spawn(ours.receive())
        pipes.say(b"x" * (LINE_BYTES - 1))
        await asyncio.sleep(0.01)
        pipes.say(b"xx")
        with pytest.raises(LimitExceeded):
            await receiving
        assert isinstance(ours.fault, LimitExceeded)


async def test_a_reader_that_has_gone_breaks_it(pipes: Pipes) -> None:
    async with desk(pipes) as ours:
        os.close(pipes.out)
        with pytest.raises(ChannelBroken):
            await ours.send(b"hello")
        assert isinstance(ours.fault, BrokenPipeError)


def test_a_terminal_is_told_text_and_nothing_that_it_would_obey() -> None:
    tame = Tame()
    assert tame.text(b"a\tb\r\nc\n") == "a\tb\nc\n"
    assert tame.text(b"\x1b[2J\x07") == "\\x1b[2J\\a"
    assert tame.text("ü€".encode()[:3]) == "ü"
    assert tame.text("ü€".encode()[3:]) == "€"
    assert tame.text(b"\xff\\") == "\\xff\\"
    assert tame.text("\u202e".encode()) == "\\xe2\\x80\\xae"
