"""One direction: when it copies, when it splices, and what its taps hear meanwhile."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hearing import Heard, Hearing
from tincans.channel import Side
from tincans.conversation import Kind, Opening
from tincans.limits import BULK_AFTER, BULK_BYTES, REST_SECONDS, ROOM_BYTES
from tincans.relays.pipe import Pipe
from tincans.relays.plumbing import Plumbing

OPENING = Opening(kind=Kind.RELAY, client="unix:", server="unix:")


class Bench:
    """A pipe between two socket pairs whose outer ends the test holds; it is the pipe's link, too."""

    def __init__(self, *taps: Heard) -> None:
        self.plumbing = Plumbing()
        self.mouth, source = socket.socketpair()
        target, self.ear = socket.socketpair()
        self.sockets = (self.mouth, source, target, self.ear)
        for sock in self.sockets:
            sock.setblocking(False)
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
        self.told: list[object] = []
        self.pipe = Pipe(Side.CLIENT, source, target, taps, self.plumbing, self)

    def ended(self, side: Side) -> None:
        self.told.append(("ended", side))

    def lost(self, side: Side, error: OSError) -> None:
        self.told.append(("lost", side, type(error)))
        self.pipe.stop()

    def splices(self) -> bool:
        return self.pipe._kernel is not None

    async def carry(self, data: bytes) -> bytes:
        """Say it all, and give back all that came out."""
        self.mouth.sendall(data)
        heard = bytearray()
        async with asyncio.timeout(5):
            while len(heard) < len(data):
                await asyncio.sleep(0)
                try:
                    heard += self.ear.recv(1 << 20)
                except BlockingIOError:
                    pass
        return bytes(heard)


@contextmanager
def bench(*taps: Heard) -> Iterator[Bench]:
    b = Bench(*taps)
    try:
        with b.plumbing:
            b.pipe.start()
            yield b
            b.pipe.stop()
    finally:
        for sock in b.sockets:
            sock.close()


class Copying(Heard):
    """A tap that takes bulk as a kernel pipe, as a journal does."""

    room = True
    behind = 0  # how often it says that it is

    def is_behind(self) -> bool:
        self.behind -= 1
        return self.behind >= 0

    def said_pipe(self, side: Side, reader: int, count: int, done: Callable[[], None]) -> bool:
        if not self.room:
            return False
        left = count
        while left:
            piece = os.read(reader, left)
            self.words[side] += piece
            left -= len(piece)
        done()
        return True


async def test_it_splices_from_the_limit_on_and_not_one_before() -> None:
    with bench() as b:
        for _ in range(BULK_AFTER - 1):
            await b.carry(bytes(BULK_BYTES))
        assert not b.splices()
        await b.carry(bytes(BULK_BYTES - 1))  # one byte less begins the row again
        for _ in range(BULK_AFTER - 1):
            await b.carry(bytes(BULK_BYTES))
        assert not b.splices()
        await b.carry(bytes(BULK_BYTES))
        assert b.splices()


async def test_it_gives_the_pipe_back_when_nothing_flows() -> None:
    with bench() as b:
        for _ in range(BULK_AFTER):
            await b.carry(bytes(BULK_BYTES))
        await b.carry(b"small")
        b.plumbing.sweep()
        assert b.splices(), "something was carried since"
        b.plumbing.sweep()
        assert not b.splices()
        assert await b.carry(b"after") == b"after"


async def test_without_a_pipe_it_goes_on_copying(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as b:
        monkeypatch.setattr(b.plumbing, "take", lambda: None)
        block = os.urandom(BULK_BYTES)
        for _ in range(BULK_AFTER + 2):
            assert await b.carry(block) == block
        assert not b.splices()


@pytest.mark.parametrize("room", [True, False])
async def test_a_journal_gets_bulk_as_a_pipe(room: bool) -> None:
    journal = Copying(OPENING, 1)
    journal.room = room
    block = os.urandom(BULK_BYTES)
    with bench(journal) as b:
        for _ in range(BULK_AFTER + 3):
            assert await b.carry(block) == block
        assert b.splices()
    assert journal.words[Side.CLIENT] == block * (BULK_AFTER + 3 if room else BULK_AFTER)
    assert journal.counted[Side.CLIENT] == (0 if room else 3 * BULK_BYTES)


async def test_a_journal_that_is_behind_is_given_a_moment() -> None:
    journal = Copying(OPENING, 1)
    block = os.urandom(BULK_BYTES)
    with bench(journal) as b:
        for _ in range(BULK_AFTER):
            await b.carry(block)
        journal.behind = 3
        assert await b.carry(block) == block
    assert journal.behind < 0
    assert journal.words[Side.CLIENT] == block * (BULK_AFTER + 1)


async def test_a_journal_that_stays_behind_does_not_stall_the_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.relays.pipe.REST_MOST", 0.01)
    journal = Copying(OPENING, 1)
    block = os.urandom(BULK_BYTES)
    with bench(journal) as b:
        for _ in range(BULK_AFTER):
            await b.carry(block)
        journal.behind = 10_000
        for _ in range(20):
            assert await b.carry(block) == block
        rests = 10_000 - journal.behind - 20
        assert rests == 0.01 / REST_SECONDS, "only the first chunk waited"
        assert journal.counted[Side.CLIENT] == 20 * BULK_BYTES
        journal.behind = 0
        await b.carry(block)
        assert journal.counted[Side.CLIENT] == 20 * BULK_BYTES, "it has caught up"


async def test_a_curious_tap_is_given_the_bytes_even_of_bulk() -> None:
    heard = Hearing().begin(OPENING)
    block = os.urandom(BULK_BYTES)
    with bench(heard) as b:
        for _ in range(BULK_AFTER + 3):
            await b.carry(block)
        assert heard.words[Side.CLIENT] == block * (BULK_AFTER + 3)
        heard.curious = False
        await b.carry(block)
        assert heard.counted[Side.CLIENT] == BULK_BYTES


@pytest.mark.parametrize("bulk", [False, True])
async def test_the_end_is_told_once_all_is_through(bulk: bool) -> None:
    with bench() as b:
        for _ in range(BULK_AFTER * bulk):
            await b.carry(bytes(BULK_BYTES))
        await b.carry(b"last")
        b.mouth.close()
        while not b.told:
            await asyncio.sleep(0)
        assert b.told == [("ended", Side.CLIENT)]
        assert b.pipe.ended


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_listener_that_is_gone_is_told(bulk: bool) -> None:
    with bench() as b:
        for _ in range(BULK_AFTER * bulk):
            await b.carry(bytes(BULK_BYTES))
        b.ear.close()
        b.mouth.sendall(b"to nobody")
        while not b.told:
            await asyncio.sleep(0)
        assert b.told == [("lost", Side.SERVER, BrokenPipeError)]


@pytest.mark.parametrize("bulk", [False, True])
async def test_what_the_target_does_not_take_waits_its_turn(bulk: bool) -> None:
    with bench() as b:
        for _ in range(BULK_AFTER * bulk):
            await b.carry(bytes(BULK_BYTES))
        sent = bytearray()
        block = os.urandom(1 << 16)
        for _ in range(200):  # both socket buffers, and whatever the pipe holds
            await asyncio.sleep(0)
            try:
                sent += block[: b.mouth.send(block)]
            except BlockingIOError:
                pass
        heard = bytearray()
        while len(heard) < len(sent):
            await asyncio.sleep(0)
            try:
                heard += b.ear.recv(1 << 16)
            except BlockingIOError:
                pass
        assert heard == sent
        assert await b.carry(b"and on") == b"and on"


async def test_one_byte_more_than_the_room_holds_is_a_second_piece() -> None:
    heard = Hearing().begin(OPENING)
    with bench(heard) as b:
        data = os.urandom(ROOM_BYTES + 1)
        assert await b.carry(data) == data
    assert [len(piece) for _, piece in heard.pieces] == [ROOM_BYTES, 1]
