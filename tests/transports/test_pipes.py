"""A channel over two descriptors."""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
from collections.abc import Iterator

import pytest

from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import ChannelBroken, ChannelClosed, EndOfStream
from tincans.limits import CHUNKS_A_TURN, RECEIVE_BYTES
from tincans.tasks import spawn
from tincans.testing import check_channel
from tincans.transports.pipes import End, PipeChannel

HERE = Address("stdio")


def pipe_pair() -> tuple[PipeChannel, PipeChannel]:
    """Two channels joined by two pipes."""
    ends = []
    for fd in (*os.pipe(), *os.pipe()):
        os.set_blocking(fd, False)
        ends.append(End(fd))
    read, write, read_back, write_back = ends
    return PipeChannel(read_back, write, HERE, HERE), PipeChannel(read, write_back, HERE, HERE)


async def make_pair() -> tuple[Channel, Channel]:
    return pipe_pair()


async def make_clogged_pair() -> tuple[Channel, Channel]:
    client, server = pipe_pair()
    await client.send(bytes(fcntl.fcntl(client._sink.fd, fcntl.F_GETPIPE_SZ)))
    return client, server


async def test_keeps_the_channel_contract() -> None:
    await check_channel(make_pair, make_clogged_pair)


async def test_a_reader_that_left_breaks_sending_alone() -> None:
    client, server = pipe_pair()
    async with client, server:
        server._source.close()
        server._source = End(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(ChannelBroken, match="does not read any more"):
            await client.send(b"x")
        await server.send(b"and yet")
        assert await client.receive() == b"and yet"


@pytest.fixture
def file() -> Iterator[int]:
    with tempfile.TemporaryFile() as opened:
        yield opened.fileno()


async def test_a_file_is_read_and_written_to_its_end(file: int) -> None:
    data = os.urandom(3 * RECEIVE_BYTES + 1)
    channel = PipeChannel(End(os.open(os.devnull, os.O_RDONLY)), End(os.dup(file), waits=False), HERE, HERE)
    async with channel:
        await channel.send(data)
    os.lseek(file, 0, os.SEEK_SET)
    channel = PipeChannel(End(os.dup(file), waits=False), End(os.open(os.devnull, os.O_WRONLY)), HERE, HERE)
    async with channel:
        assert b"".join([piece async for piece in channel]) == data
        with pytest.raises(EndOfStream):
            await channel.receive()


async def test_a_full_disk_breaks_sending() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    channel = PipeChannel(End(null, waits=False), End(os.open("/dev/full", os.O_WRONLY), waits=False), HERE, HERE)
    async with channel:
        for _ in range(2):
            with pytest.raises(ChannelBroken, match="no space left"):
                await channel.send(b"x")


async def test_a_directory_cannot_be_read() -> None:
    source = End(os.open("/", os.O_RDONLY), waits=False)
    async with PipeChannel(source, End(os.open(os.devnull, os.O_WRONLY), waits=False), HERE, HERE) as channel:
        for _ in range(2):
            with pytest.raises(ChannelBroken, match="is a directory"):
                await channel.receive()


class Turns:
    """Counts the turns of the loop while it is open."""

    def __init__(self) -> None:
        self.count = 0

    async def __aenter__(self) -> Turns:
        self._task = spawn(self._run())
        await asyncio.sleep(0)
        self.count = 0
        return self

    async def _run(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()


async def test_others_have_their_turn_after_so_many_chunks() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    channel = PipeChannel(End(os.open("/dev/zero", os.O_RDONLY)), End(null, waits=False), HERE, HERE)
    async with channel, Turns() as turns:
        for _ in range(CHUNKS_A_TURN):
            await channel.receive()
        assert turns.count == 0
        await channel.receive()
        assert turns.count == 1
        for _ in range(3):
            await channel.send(b"x")  # a file gives way each time
        assert turns.count == 4


async def test_a_close_during_a_turn_given_away_is_noticed() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    channel = PipeChannel(End(os.open("/dev/zero", os.O_RDONLY), waits=False), End(null, waits=False), HERE, HERE)
    receiving, sending = spawn(channel.receive()), spawn(channel.send(b"x"))
    await asyncio.sleep(0)
    channel.abort()
    for task in (receiving, sending):
        with pytest.raises(ChannelClosed):
            await task
