"""stdio:, in this process over descriptors of its own, and for real in a child in many a pipeline."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running import PATIENCE
from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import ChannelBroken, ChannelClosed, ConnectError, EndOfStream, ListenError
from tincans.tasks import spawn
from tincans.testing import check_channel
from tincans.transports import dial, listen, stdio
from tincans.transports.pipes import End, PipeChannel
from tincans.transports.stdio import StdioChannel, StdioListener

HERE = Address("stdio")


class Inherited:
    """Descriptors as a parent would hand them down: blocking, and closed at the end of the test, not by the channel."""

    def __init__(self) -> None:
        self.fds: list[int] = []

    def __call__(self, *fds: int) -> tuple[int, ...]:
        self.fds += fds
        return fds


@pytest.fixture
def inherited() -> Iterator[Inherited]:
    kept = Inherited()
    yield kept
    for fd in kept.fds:
        os.close(fd)


def other_end(read: int, write: int) -> PipeChannel:
    for fd in (read, write):
        os.set_blocking(fd, False)
    return PipeChannel(End(read), End(write), HERE, HERE)


# ── the contract, over each thing that stdin and stdout may be ────────────────────────────────────────────


async def test_pipes_keep_the_channel_contract(inherited: Inherited) -> None:
    async def make_pair() -> tuple[Channel, Channel]:
        (read, write), (read_back, write_back) = os.pipe(), os.pipe()
        inherited(read, write_back)
        return StdioChannel(read, write_back), other_end(read_back, write)

    await check_channel(make_pair)


async def test_pipes_that_must_be_marked_keep_it_too(inherited: Inherited, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_reopening(monkeypatch)

    async def make_pair() -> tuple[Channel, Channel]:
        (read, write), (read_back, write_back) = os.pipe(), os.pipe()
        inherited(read, write_back)
        return StdioChannel(read, write_back), other_end(read_back, write)

    await check_channel(make_pair)


async def test_a_socket_keeps_the_channel_contract(inherited: Inherited) -> None:
    async def make_pair() -> tuple[Channel, Channel]:
        ours, theirs = socket.socketpair()
        fd = ours.detach()
        fds = inherited(fd, os.dup(fd))
        return StdioChannel(*fds), StdioChannel(*inherited(theirs.fileno(), os.dup(theirs.detach())))

    await check_channel(make_pair)


# ── what it leaves behind ─────────────────────────────────────────────────────────────────────────────────


def forbid_reopening(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def forbidden(path: str, flags: int, mode: int = 0o777) -> int:
        if path.startswith("/proc/self/fd"):
            raise PermissionError(13, "permission denied")
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", forbidden)


async def test_an_inherited_pipe_is_never_marked(inherited: Inherited) -> None:
    (read, write), (read_back, write_back) = os.pipe(), os.pipe()
    inherited(read, write, read_back, write_back)
    async with StdioChannel(read, write_back) as channel:
        await channel.send(b"x")
        receiving = spawn(channel.receive())
        await asyncio.sleep(0)
        assert all(os.get_blocking(fd) for fd in (read, write, read_back, write_back))
        os.write(write, b"y")
        assert await receiving == b"y"


async def test_a_mark_that_must_be_is_taken_away(inherited: Inherited, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_reopening(monkeypatch)
    (read, write), (read_back, write_back) = os.pipe(), os.pipe()
    inherited(read, write, read_back, write_back)
    others = inherited(os.dup(read), os.dup(write_back))  # what the rest of the pipeline has
    async with StdioChannel(read, write_back):
        assert not any(os.get_blocking(fd) for fd in others)
    assert all(os.get_blocking(fd) for fd in others)


async def test_what_was_marked_before_stays_so(inherited: Inherited, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_reopening(monkeypatch)
    read, write = inherited(*os.pipe())
    other = inherited(os.dup(read))[0]
    os.set_blocking(read, False)
    async with StdioChannel(read, write):
        pass
    assert not os.get_blocking(other)


async def test_the_closed_ends_give_way_to_dev_null(inherited: Inherited) -> None:
    (read, write), (read_back, write_back) = os.pipe(), os.pipe()
    inherited(read, write, read_back, write_back)
    channel = StdioChannel(read, write_back)
    await channel.send_eof()
    assert os.read(read_back, 1) == b""
    os.write(write_back, b"a print goes nowhere")
    await channel.aclose()
    with pytest.raises(BrokenPipeError):
        os.write(write, b"x")
    assert os.path.samestat(os.fstat(read), os.stat(os.devnull))


async def test_a_terminal_stays_open_and_unmarked(inherited: Inherited) -> None:
    ours, theirs = inherited(*pty.openpty())
    async with StdioChannel(theirs, theirs) as channel:
        os.write(ours, b"typed\n")
        assert await channel.receive() == b"typed\n"
        await channel.send(b"shown")
        os.write(ours, b"\x04")  # Ctrl-D
        with pytest.raises(EndOfStream):
            await channel.receive()
        assert os.get_blocking(theirs)
    assert os.isatty(theirs)
    assert os.read(ours, 100).endswith(b"shown")


async def test_a_file_is_read_on_from_its_offset(tmp_path: Path, inherited: Inherited) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"read already, not yet")
    source, sink = inherited(os.open(file, os.O_RDONLY), os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT))
    assert os.read(source, 13) == b"read already,"
    async with StdioChannel(source, sink) as channel:
        data = b"".join([piece async for piece in channel])
        await channel.send(data)
    assert (tmp_path / "out").read_bytes() == b" not yet"


async def test_a_pipe_without_a_reader_is_broken(inherited: Inherited) -> None:
    read, write = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    inherited(write, null)
    os.close(read)
    async with StdioChannel(null, write) as channel:
        with pytest.raises(ChannelBroken):
            await channel.send(b"x")


async def test_what_is_not_open_is_said_and_leaves_nothing(inherited: Inherited) -> None:
    (null,) = inherited(os.open(os.devnull, os.O_RDWR))
    closed = 99_999
    for pair in ((closed, null), (null, closed)):
        with pytest.raises(OSError, match="Bad file descriptor"):
            StdioChannel(*pair)


# ── dialling and listening, with descriptors 0 and 1 played by others ─────────────────────────────────────


@pytest.fixture
def two_nulls(monkeypatch: pytest.MonkeyPatch, inherited: Inherited) -> tuple[int, int]:
    """Makes `StdioChannel()` take these two."""
    pair = inherited(os.open(os.devnull, os.O_RDWR), os.open(os.devnull, os.O_RDWR))
    monkeypatch.setattr(StdioChannel.__init__, "__defaults__", pair)
    return pair[0], pair[1]


@pytest.mark.usefixtures("two_nulls")
async def test_it_is_taken_once_at_a_time() -> None:
    async with await dial(HERE):
        with pytest.raises(ConnectError, match="in use as a channel already"):
            await dial(HERE)
        with pytest.raises(ListenError, match="in use as a channel already"):
            await listen(HERE)
    await (await dial(HERE)).aclose()


@pytest.mark.usefixtures("two_nulls")
async def test_there_is_one_caller_and_the_listener_ends_with_it() -> None:
    async with await listen(HERE) as listener:
        assert listener.address == HERE
        channel = await listener.accept()
        accepting = spawn(listener.accept())
        await asyncio.sleep(0)
        assert not accepting.done()
        await channel.aclose()
        with pytest.raises(ChannelClosed):
            await accepting


@pytest.mark.usefixtures("two_nulls")
async def test_the_listener_may_end_before_its_caller() -> None:
    listener = await listen(HERE)
    channel = await listener.accept()
    accepting = spawn(listener.accept())
    await asyncio.sleep(0)
    await listener.aclose()
    await listener.aclose()
    with pytest.raises(ChannelClosed):
        await accepting
    with pytest.raises(EndOfStream):
        await channel.receive()
    await channel.aclose()


@pytest.mark.usefixtures("two_nulls")
async def test_a_caller_that_nobody_took_is_closed_with_the_listener() -> None:
    listener = await listen(HERE)
    assert isinstance(listener, StdioListener)
    await listener.aclose()
    with pytest.raises(ChannelClosed):
        await listener.accept()
    assert not stdio._in_use


# ── for real ──────────────────────────────────────────────────────────────────────────────────────────────

ECHO = """
import asyncio
from tincans.address import Address
from tincans.tasks import run
from tincans.transports import dial

async def main():
    async with await dial(Address("stdio")) as channel:
        async for piece in channel:
            await channel.send(piece.upper())

run(main())
"""


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_name(request: pytest.FixtureRequest) -> dict[str, str]:
    return {**os.environ, "TINCANS_LOOP": request.param}


def echo(env: dict[str, str], **ends: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", ECHO], env=env, timeout=PATIENCE, check=True, **ends)


def test_from_a_file_through_a_pipe_to_a_file(loop_name: dict[str, str], tmp_path: Path) -> None:
    data = b"some words\n" * 100_000
    (tmp_path / "in").write_bytes(data)
    with (tmp_path / "in").open() as source, (tmp_path / "out").open("wb") as sink:
        first = subprocess.Popen([sys.executable, "-c", ECHO], env=loop_name, stdin=source, stdout=subprocess.PIPE)
        echo(loop_name, stdin=first.stdout, stdout=sink)
        assert first.stdout is not None
        first.stdout.close()
        assert first.wait(20) == 0
    assert (tmp_path / "out").read_bytes() == data.upper()


def test_nowhere(loop_name: dict[str, str]) -> None:
    assert echo(loop_name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode == 0


def test_killed_at_a_terminal_it_leaves_it_as_it_was(loop_name: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", ECHO], env=loop_name, stdin=theirs, stdout=theirs) as child:
        os.write(ours, b"hello\n")
        seen = b""
        while b"HELLO" not in seen:
            seen += os.read(ours, 100)
        child.send_signal(signal.SIGKILL)
    assert os.get_blocking(theirs)
    os.close(ours)
    os.close(theirs)
