"""The relay, from the call to the end, with real sockets at both ends."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import tincans
from hearing import Hearing
from running import PATIENCE
from tincans import transports
from tincans.address import Address
from tincans.certificates import make_leaf
from tincans.channel import Channel, Listener, Side
from tincans.conversation import How, Kind
from tincans.errors import ChannelBroken, EndOfStream
from tincans.limits import Limits
from tincans.relays import relay
from tincans.server import Server
from tincans.tasks import spawn
from tincans.testing.ends import receives


class Joined:
    """A relay between a caller and the listener it calls, both in the test's hands."""

    def __init__(self, server: Server, hearing: Hearing, client: Channel, callee: Channel) -> None:
        self.server, self.hearing, self.client, self.callee = server, hearing, client, callee


@asynccontextmanager
async def joined(
    listen: str = ":0", target: str = ":0", limits: Limits | None = None, *, heard: bool = True
) -> AsyncIterator[Joined]:
    hearing = Hearing()
    listen, target = (text.format(pid=os.getpid()) for text in (listen, target))
    async with await transports.listen(Address.parse(target)) as there:
        recorders = [hearing] if heard else []
        async with await relay(listen, there.address, limits=limits, recorders=recorders, name="r") as server:
            client, callee = await asyncio.gather(transports.dial(server.address), answer(there))
            async with client, callee:
                yield Joined(server, hearing, client, callee)


async def answer(listener: Listener) -> Channel:
    return await listener.greet(await listener.accept())


async def everything(channel: Channel) -> bytes:
    return b"".join([chunk async for chunk in channel])


ABSTRACT = "unix:@tincans-test-{pid}"
PAIRS = pytest.mark.parametrize(("listen", "target"), [(":0", ":0"), (":0", ABSTRACT), (ABSTRACT, ":0")])


@PAIRS
async def test_what_each_says_reaches_the_other(listen: str, target: str) -> None:
    async with joined(listen, target) as j:
        await j.client.send(b"hello")
        assert await j.callee.receive() == b"hello"
        await j.callee.send(b"welcome")
        assert await j.client.receive() == b"welcome"


@PAIRS
@pytest.mark.parametrize("first", list(Side))
async def test_half_close_passes_and_the_other_goes_on(listen: str, target: str, first: Side) -> None:
    async with joined(listen, target) as j:
        one, other = (j.client, j.callee) if first is Side.CLIENT else (j.callee, j.client)
        await one.send(b"my last word")
        await one.send_eof()
        assert await everything(other) == b"my last word"
        await other.send(b"and mine")
        await other.send_eof()
        assert await everything(one) == b"and mine"
        [heard] = j.hearing.all
        await heard.over.wait()
        assert heard.ends == [first, first.other]
        assert heard.outcome == (How.FINISHED, first, "")


@pytest.mark.parametrize("first", list(Side))
async def test_a_reset_passes_as_a_reset(first: Side) -> None:
    async with joined() as j:
        one, other = (j.client, j.callee) if first is Side.CLIENT else (j.callee, j.client)
        await one.send(b"x")
        await other.receive()
        one.abort()
        with pytest.raises(ChannelBroken):
            await other.receive()
        [heard] = j.hearing.all
        await heard.over.wait()
        assert heard.outcome == (How.RESET, first, "the other side reset it")


@pytest.mark.parametrize("first", list(Side))
async def test_a_reset_right_behind_words_passes_behind_them(first: Side) -> None:
    """Both come in one event of the loop, to the relay as to the other side."""
    async with joined() as j:
        one, other = (j.client, j.callee) if first is Side.CLIENT else (j.callee, j.client)
        await one.send(b"hello")
        await other.receive()
        hearing = spawn(until_broken(other))
        await asyncio.sleep(0)
        await one.send(b"the last words")
        one.abort()
        async with asyncio.timeout(PATIENCE):
            assert await hearing == b"the last words"
        await heard_reset(j, first, b"hellothe last words")


async def test_a_server_that_resets_at_once() -> None:
    async with joined() as j:
        await j.callee.send(b"no")
        j.callee.abort()
        async with asyncio.timeout(PATIENCE):
            assert await until_broken(j.client) == b"no"
        await heard_reset(j, Side.SERVER, b"no")


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("curious", [False, True])
async def test_a_reset_behind_more_than_the_other_takes(bulk: bool, curious: bool) -> None:
    """The relay holds some, or has it in a kernel pipe, and goes on when the client does."""
    async with joined() as j:
        [heard] = j.hearing.all
        heard.curious = curious
        if bulk:
            await asyncio.gather(j.callee.send(bytes(4 << 20)), receives(j.client, 4 << 20))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.04):
                await j.callee.send(bytes(64 << 20))
        j.callee.abort()
        async with asyncio.timeout(PATIENCE):
            size = len(await until_broken(j.client)) + (4 << 20) * bulk
            await heard.over.wait()
        assert 0 < size <= len(heard.words[Side.SERVER]) + heard.counted[Side.SERVER]
        assert heard.outcome == (How.RESET, Side.SERVER, "the other side reset it")


async def test_a_reset_right_behind_words_inside_tls(tmp_path: Path) -> None:
    leaf = make_leaf(["localhost"], tmp_path)
    async with joined(target=f"tls://127.0.0.1:0?cert={leaf.cert_path}&key={leaf.key_path}&verify=off") as j:
        await j.client.send(b"hello")
        await j.callee.receive()
        await j.callee.send(b"the last words")
        j.callee.abort()
        async with asyncio.timeout(PATIENCE):
            assert await until_broken(j.client) == b"the last words"
        await heard_reset(j, Side.SERVER, b"the last words")


async def until_broken(channel: Channel) -> bytes:
    """What is received until the reset."""
    heard = bytearray()
    with pytest.raises(ChannelBroken, match="the other side reset it"):
        await receive_into(heard, channel)
    return bytes(heard)


async def receive_into(heard: bytearray, channel: Channel) -> None:
    async for piece in channel:
        heard += piece


async def heard_reset(j: Joined, side: Side, words: bytes) -> None:
    [heard] = j.hearing.all
    await heard.over.wait()
    assert heard.outcome == (How.RESET, side, "the other side reset it")
    assert heard.words[side] == words


@pytest.mark.parametrize("heard", [True, False])
async def test_bulk_arrives_whole_both_ways_at_once(heard: bool) -> None:
    block = os.urandom(1 << 20)

    async def say(channel: Channel) -> None:
        for _ in range(24):
            await channel.send(block)
        await channel.send_eof()

    async def hear(channel: Channel) -> str:
        digest = hashlib.sha256()
        async for chunk in channel:
            digest.update(chunk)
        return digest.hexdigest()

    async with joined(heard=heard) as j:
        _, _, *got = await asyncio.gather(say(j.client), say(j.callee), hear(j.client), hear(j.callee))
        assert got == [hashlib.sha256(block * 24).hexdigest()] * 2
        if heard:
            assert all(j.hearing.all[0].words[side] == block * 24 for side in Side)


async def test_a_tap_that_only_counts_is_not_given_the_bulk() -> None:
    async with joined() as j:
        [heard] = j.hearing.all
        heard.curious = False
        saying = asyncio.ensure_future(_say(j.client, 16 << 20))  # noqa: TID251
        size = 0
        async for chunk in j.callee:
            size += len(chunk)
        await saying
        assert size == 16 << 20
        assert heard.counted[Side.CLIENT] > 8 << 20
        assert heard.counted[Side.CLIENT] + len(heard.words[Side.CLIENT]) == size


async def _say(channel: Channel, count: int) -> None:
    await channel.send(bytes(count))
    await channel.send_eof()


async def test_small_messages_follow_bulk_on_the_same_link() -> None:
    async with joined() as j:
        saying = asyncio.ensure_future(j.client.send(bytes(8 << 20)))  # noqa: TID251
        size = 0
        while size < 8 << 20:
            size += len(await j.callee.receive())
        await saying
        for i in range(100):
            await j.client.send(b"%d" % i)
            assert await j.callee.receive() == b"%d" % i


async def test_a_slow_reader_slows_the_writer_down() -> None:
    async with joined() as j:
        sent = 0

        async def say() -> None:
            nonlocal sent
            while True:
                await j.client.send(bytes(1 << 16))
                sent += 1 << 16

        before = -1
        while sent != before:
            before = sent
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await say()
            assert sent < 64 << 20, "nothing holds the writer back"


async def test_who_called_whom_is_told() -> None:
    async with joined() as j:
        await j.client.send(b"x")
        await j.callee.receive()
        [heard] = j.hearing.all
        assert heard.opening.kind is Kind.RELAY
        assert heard.opening.name == "r"
        assert heard.opening.client == str(j.client.local)
        assert heard.opening.near == str(j.server.address)
        assert heard.join is not None
        assert heard.join[0] == str(j.callee.remote)
        assert heard.join[1] == str(j.callee.local)


async def test_a_target_that_refuses_ends_that_caller_alone() -> None:
    hearing = Hearing()
    async with await transports.listen(Address.parse(":0")) as gone:
        target = gone.address
    async with await relay(":0", target, recorders=[hearing]) as server:
        for _ in range(2):
            async with await transports.dial(server.address) as client:
                with pytest.raises((ChannelBroken, EndOfStream)):
                    await client.receive()
    assert [heard.outcome for heard in hearing.all] == [
        (How.FAILED, Side.SERVER, f"cannot connect to {target}: the connection was refused")
    ] * 2


async def test_stopping_aborts_those_who_go_on_talking() -> None:
    async with joined(limits=Limits(drain=0.02)) as j:
        await j.client.send(b"x")
        await j.callee.receive()
        await j.server.aclose()
        with pytest.raises(ChannelBroken):
            await j.client.receive()
        with pytest.raises(ChannelBroken):
            await j.callee.receive()
        assert j.hearing.all[0].outcome == (How.STOPPED, None, "the relay was stopped")


async def test_a_silent_link_is_closed_after_the_idle_limit() -> None:
    async with joined(limits=Limits(idle=0.03)) as j:
        with pytest.raises((ChannelBroken, EndOfStream)):
            await j.client.receive()
        [heard] = j.hearing.all
        await heard.over.wait()
        assert heard.outcome == (How.IDLE, None, "nothing was said for 0.03 s")


async def test_a_unix_socket_file_is_taken_away_again(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    async with await relay(f"unix:{path}", ":1"):
        assert path.is_socket()
    assert not path.exists()


async def test_a_caller_whose_handshake_fails_is_told_of(tmp_path: Path) -> None:
    hearing = Hearing()
    leaf = make_leaf(["localhost"], tmp_path)
    listen = f"tls://127.0.0.1:0?cert={leaf.cert_path}&key={leaf.key_path}"
    async with await relay(listen, ":1", recorders=[hearing]) as server:
        async with await transports.dial(server.address.without_wraps()) as client:
            await client.send(b"no TLS at all")
            with contextlib.suppress(ChannelBroken):  # an alert first, or nothing
                await everything(client)
    [heard] = hearing.all
    assert heard.outcome is not None
    assert heard.outcome[:2] == (How.FAILED, Side.CLIENT)


async def test_the_package_gives_the_function_however_often() -> None:
    for _ in range(2):
        async with await tincans.relay(":0", ":1"):
            pass
