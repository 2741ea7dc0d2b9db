"""A reader that the loop keeps: what uvloop forgets when a socket has an error, and what is called in the end."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator

import pytest

from running import PATIENCE
from tincans.transports.readers import Reader
from tincans.transports.stream import reset


class Ear:
    """Hears a socket a byte at a time, and keeps what it got, and the error."""

    def __init__(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.mouth = socket.create_connection(listening.getsockname())
        self.socket, _ = listening.accept()
        listening.close()
        self.socket.setblocking(False)
        self.heard: list[bytes | type[OSError]] = []
        self.woken = asyncio.Event()
        self.over = asyncio.Event()
        self.reader = Reader(asyncio.get_running_loop(), self.socket, self.hear)

    def hear(self) -> None:
        self.woken.set()
        try:
            self.heard.append(self.socket.recv(1))
        except OSError as error:
            self.heard.append(type(error))
        if self.heard[-1] in (b"", ConnectionResetError):
            self.reader.stop()
            self.over.set()

    def turn(self) -> None:
        """Leave the hearing to the next call."""
        self.reader.turn_to(self.hear)

    def say_and_reset(self, words: bytes) -> None:
        """In one event of the loop, which has no turn meanwhile."""
        self.mouth.sendall(words)
        reset(self.mouth)

    def close(self) -> None:
        self.reader.stop()
        self.socket.close()
        self.mouth.close()


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    ear = Ear()
    yield ear
    ear.close()


ALL = [b"a", b"b", b"c", ConnectionResetError]


async def test_it_is_called_until_the_error_was_met(ear: Ear) -> None:
    ear.say_and_reset(b"abc")
    async with asyncio.timeout(PATIENCE):
        await ear.over.wait()
    assert ear.heard == ALL


async def test_the_end_is_met_as_well(ear: Ear) -> None:
    ear.mouth.sendall(b"a")
    ear.mouth.close()
    async with asyncio.timeout(PATIENCE):
        await ear.over.wait()
    assert ear.heard == [b"a", b""]


async def test_stopped_it_is_called_no_more_and_can_begin_again(ear: Ear) -> None:
    ear.say_and_reset(b"abc")
    await ear.woken.wait()
    ear.reader.stop()
    ear.reader.stop()
    heard = len(ear.heard)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(ear.heard) == heard
    ear.reader = Reader(asyncio.get_running_loop(), ear.socket, ear.hear)
    async with asyncio.timeout(PATIENCE):
        await ear.over.wait()
    assert ear.heard == ALL


async def test_another_method_is_called_after_the_loop_has_let_go(ear: Ear) -> None:
    """The task that the first call wakes has its turn before the reader is given again."""
    ear.reader.turn_to(ear.woken.set)
    ear.say_and_reset(b"abc")
    await ear.woken.wait()
    ear.reader.turn_to(ear.hear)
    async with asyncio.timeout(PATIENCE):
        await ear.over.wait()
    assert ear.heard == ALL


async def test_another_method_is_called_after_the_first_asked_for_it(ear: Ear) -> None:
    """In the middle of the call behind which uvloop lets go of whatever it has."""
    ear.reader.turn_to(ear.turn)
    ear.say_and_reset(b"abc")
    async with asyncio.timeout(PATIENCE):
        await ear.over.wait()
    assert ear.heard == ALL


async def test_a_loop_that_is_closed_has_let_go_of_all() -> None:
    """Without a word: what happens in the closing loop would be an error that nobody can catch, which pytest shows."""
    one, two = socket.socketpair()
    loop = type(asyncio.get_running_loop())()
    reader = Reader(loop, one, asyncio.Event().set)
    loop.close()
    gc.collect()
    reader.stop()
    one.close()
    two.close()
