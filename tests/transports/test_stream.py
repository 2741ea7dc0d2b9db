"""The socket channel and its listener: what they add to the contract that `check_channel` proves."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from running import PATIENCE
from tincans.address import Address
from tincans.channel import Listener
from tincans.errors import ChannelBroken, ChannelBusy, ChannelClosed, EndOfStream
from tincans.limits import ACCEPT_REST, ACCEPTS_A_TURN, CHUNKS_A_TURN, RECEIVE_BYTES
from tincans.tasks import spawn
from tincans.testing import check_channel
from tincans.transports import dial, listen
from tincans.transports.stream import SocketChannel, SocketListener, address_of, describe


def pair(*, room: int = 0) -> tuple[SocketChannel, SocketChannel]:
    one, two = socket.socketpair()
    for sock in (one, two):
        sock.setblocking(False)
        if room:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    return SocketChannel(one), SocketChannel(two)


async def tcp_pair() -> tuple[SocketChannel, SocketChannel]:
    async with await listen(Address.parse(":0")) as listener:
        near, far = await asyncio.gather(dial(listener.address), listener.accept())
    assert isinstance(near, SocketChannel)
    assert isinstance(far, SocketChannel)
    return near, far


async def clogged_pair() -> tuple[SocketChannel, SocketChannel]:
    """A pair of Unix sockets, of which the first cannot send another byte."""
    near, far = pair(room=1 << 14)
    try:
        while near.socket.send(b"x"):
            pass
    except BlockingIOError:
        pass
    return near, far


async def test_a_socket_pair_keeps_the_contract() -> None:
    async def make() -> tuple[SocketChannel, SocketChannel]:
        return pair()

    await check_channel(make, clogged_pair)


async def test_tcp_keeps_the_contract() -> None:
    await check_channel(tcp_pair)


async def test_one_receive_gives_no_more_than_the_limit() -> None:
    near, far = await tcp_pair()
    async with near, far:
        saying = spawn(near.send(bytes(4 * RECEIVE_BYTES)))
        sizes: list[int] = []
        while sum(sizes) < 4 * RECEIVE_BYTES:
            sizes.append(len(await far.receive()))
        await saying
        assert max(sizes) <= RECEIVE_BYTES


async def test_last_words_arrive_though_nobody_read_the_question() -> None:
    """A close with unread bytes would be a reset, and a reset may overtake what was said before it."""
    near, far = await tcp_pair()
    async with near:
        await near.send(b"a question that nobody reads" * 1000)
        await asyncio.sleep(0)
        await far.send(b"the answer")
        closing = spawn(far.aclose())
        assert await near.receive() == b"the answer"
        with pytest.raises(EndOfStream):
            await near.receive()
        await near.aclose()
        await closing


async def test_an_abort_is_a_reset_on_tcp() -> None:
    near, far = await tcp_pair()
    async with near:
        far.abort()
        with pytest.raises(ChannelBroken, match="the other side reset it"):
            await near.receive()


async def test_a_socket_can_be_taken_out_while_it_is_fresh() -> None:
    near, far = pair()
    async with far:
        sock = near.detach()
        with pytest.raises(ChannelClosed):
            await near.receive()
        with pytest.raises(ChannelClosed):
            await near.send(b"x")
        with pytest.raises(ChannelClosed):
            near.detach()
        await far.send(b"still open")
        assert sock.recv(99) == b"still open"
        sock.close()


async def test_a_socket_that_is_waited_for_stays() -> None:
    near, far = pair()
    async with near, far:
        waiting = spawn(near.receive())
        await asyncio.sleep(0)
        assert not near.fresh
        with pytest.raises(ChannelBusy):
            near.detach()
        await far.send(b"x")
        assert await waiting == b"x"
        assert near.fresh


async def test_the_process_at_the_other_end_of_a_unix_socket() -> None:
    near, far = pair()
    async with near, far:
        assert near.facts == {"process.id": str(os.getpid()), "process.user": str(os.getuid())}
    assert near.facts == {}


async def test_addresses_are_known_after_the_close() -> None:
    near, far = await tcp_pair()
    local, remote = near.socket.getsockname(), near.socket.getpeername()
    await near.aclose()
    await far.aclose()
    assert (near.local.port, near.remote.port) == (local[1], remote[1])
    assert (far.local.port, far.remote.port) == (remote[1], local[1])


def test_addresses_of_every_family() -> None:
    assert str(address_of(socket.AF_INET, ("127.0.0.1", 9))) == "tcp://127.0.0.1:9"
    assert str(address_of(socket.AF_INET6, ("::1", 9, 0, 0))) == "tcp://[::1]:9"
    assert str(address_of(socket.AF_INET6, ("::ffff:127.0.0.1", 9, 0, 0))) == "tcp://127.0.0.1:9"
    assert str(address_of(socket.AF_UNIX, "/run/x")) == "unix:///run/x"
    assert str(address_of(socket.AF_UNIX, b"\0name")) == "unix:@name"


def test_an_error_without_words_of_ours_has_the_system_s() -> None:
    assert describe(OSError(28, "No space left on device")) == "no space left on device"


# ── a reset in one event with the last words ──────────────────────────────────────────────────────────────


async def unix_pair() -> tuple[SocketChannel, SocketChannel]:
    """Unix sockets of which the second has something unread, so that its close is a reset (unix(7) has no other)."""
    near, far = pair(room=1 << 20)
    await near.send(b"nobody reads this")
    return near, far


def say_and_reset(channel: SocketChannel, words: bytes) -> int:
    """How much of the words was said; the loop has no turn before the reset."""
    sent = channel.socket.send(words)
    channel.abort()
    return sent


async def everything(channel: SocketChannel) -> bytes:
    """What is received until the reset."""
    heard = bytearray()
    with pytest.raises(ChannelBroken, match="the other side reset it"):
        await asyncio.wait_for(receive_into(heard, channel), PATIENCE)
    return bytes(heard)


async def receive_into(heard: bytearray, channel: SocketChannel) -> None:
    async for piece in channel:
        heard += piece


PAIRS = pytest.mark.parametrize("make", [tcp_pair, unix_pair])
SIZES = pytest.mark.parametrize("size", [1, RECEIVE_BYTES - 1, RECEIVE_BYTES, RECEIVE_BYTES + 1, 1 << 20])


@PAIRS
@SIZES
async def test_a_reset_right_behind_words_that_are_waited_for(
    make: Callable[[], Awaitable[tuple[SocketChannel, SocketChannel]]], size: int
) -> None:
    near, far = await make()
    words = os.urandom(size)
    async with near:
        hearing = spawn(everything(near))
        while near.fresh:
            await asyncio.sleep(0)
        sent = say_and_reset(far, words)
        heard = await hearing
        assert heard == words[: len(heard)]
        assert len(heard) >= min(sent, RECEIVE_BYTES), "what had arrived was lost"


@PAIRS
@SIZES
async def test_a_reset_right_behind_words_while_nobody_receives(
    make: Callable[[], Awaitable[tuple[SocketChannel, SocketChannel]]], size: int
) -> None:
    """The loop receives one piece ahead, stops at the second, and begins again once somebody asks."""
    near, far = await make()
    words = os.urandom(size)
    async with near:
        waiting = spawn(near.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        sent = say_and_reset(far, words)
        for _ in range(10):
            await asyncio.sleep(0)
        heard = await everything(near)
        assert heard == words[: len(heard)]
        assert len(heard) >= min(sent, RECEIVE_BYTES), "what had arrived was lost"


# ── the listener ──────────────────────────────────────────────────────────────────────────────────────────


async def callers(listener: Listener, count: int) -> list[socket.socket]:
    socks = []
    for _ in range(count):
        sock = socket.create_connection((listener.address.host, listener.address.port))
        socks.append(sock)
    return socks


async def test_others_have_a_turn_while_many_call() -> None:
    async with await listen(Address.parse(":0")) as listener:
        socks = await callers(listener, ACCEPTS_A_TURN + 1)
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        ticking = spawn(other())
        channels = [await listener.accept() for _ in range(ACCEPTS_A_TURN)]
        assert turns == 0, "the callers that wait are taken in one turn"
        channels.append(await listener.accept())
        assert turns > 0
        ticking.cancel()
        for channel in channels:
            await channel.aclose()
        for sock in socks:
            sock.close()


async def test_closing_wakes_whoever_waits_for_callers() -> None:
    listener = await listen(Address.parse(":0"))
    waiting = spawn(listener.accept())
    await asyncio.sleep(0)
    with pytest.raises(ChannelBusy):
        await listener.accept()
    await listener.aclose()
    with pytest.raises(ChannelClosed):
        await waiting
    with pytest.raises(ChannelClosed):
        await listener.accept()
    await listener.aclose()


async def test_iterating_gives_every_caller() -> None:
    listener = await listen(Address.parse(":0"))
    socks = await callers(listener, 3)
    seen = set()
    async for channel in listener:
        seen.add(channel.remote.port)
        await channel.aclose()
        if len(seen) == 3:
            await listener.aclose()
    assert seen == {sock.getsockname()[1] for sock in socks}
    for sock in socks:
        sock.close()


OUT_OF_FILES = """
import asyncio, os, resource, socket
from tincans.address import Address
from tincans.tasks import run, spawn
from tincans.transports import listen

async def main():
    async with await listen(Address.parse(":0")) as listener:
        port = listener.address.port
        callers = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        waiting = spawn(listener.accept())
        for _ in range(3):
            await asyncio.sleep(0.01)
        assert not waiting.done()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        channel = await waiting
        print("survived", channel.remote.port == callers[0].getsockname()[1])

run(main())
"""


def test_running_out_of_descriptors_is_survived() -> None:
    done = subprocess.run([sys.executable, "-c", OUT_OF_FILES], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.stdout, done.stderr) == ("survived True\n", "")


async def test_others_have_a_turn_while_one_is_quick() -> None:
    near, far = pair(room=1 << 20)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with near, far:
        ticking = spawn(other())
        for count in range(1, CHUNKS_A_TURN + 2):
            near.socket.send(bytes(RECEIVE_BYTES))
            await far.receive()
            assert (turns > 0) is (count > CHUNKS_A_TURN)
        ticking.cancel()


# ── how long it waits ─────────────────────────────────────────────────────────────────────────────────────


async def test_unread_words_are_drained_no_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.channel.LINGER_SECONDS", 0.03)
    loop = asyncio.get_running_loop()
    near, far = await tcp_pair()
    async with near:
        await near.send(b"nobody reads this, and the other side does not end")
        begun = loop.time()
        await far.aclose()
        assert loop.time() - begun >= 0.025


class Exhausted(socket.socket):
    """A listening socket whose process has no descriptor left the first time."""

    tried: tuple[float, ...] = ()

    def accept(self) -> tuple[socket.socket, object]:
        self.tried += (asyncio.get_running_loop().time(),)
        if len(self.tried) == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_a_listener_without_descriptors_rests_as_long_as_the_limit_says() -> None:
    sock = Exhausted()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    sock.setblocking(False)
    where = address_of(sock.family, sock.getsockname())
    async with SocketListener([sock], where) as listener, await dial(where), await listener.accept():
        first, second, *_ = sock.tried
        assert second - first >= 0.9 * ACCEPT_REST
