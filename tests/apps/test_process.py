"""`exec:COMMAND` gives every caller a process of its own."""

from __future__ import annotations

import asyncio
import os

import pytest

from running import PATIENCE
from tincans.apps.process import Process, environment
from tincans.channel import Channel, Traits
from tincans.errors import ChannelBroken, EndOfStream, UsageError
from tincans.limits import Limits
from tincans.server import serve
from tincans.transports import dial
from tincans.transports.memory import memory_pair

ANY = "tcp://127.0.0.1:0"


async def everything(channel: Channel) -> bytes:
    return b"".join([data async for data in channel])


async def answer(command: str, words: bytes) -> bytes:
    """What a caller who says `words` and ends is answered by `command`."""
    async with await serve(ANY, Process(command)) as server, await dial(server.address) as caller:
        await caller.send(words)
        await caller.send_eof()
        return await everything(caller)


async def test_its_input_ends_with_the_caller_and_its_output_is_the_answer() -> None:
    assert await answer("sort -u", b"b\na\nb\n") == b"a\nb\n"


async def test_much_goes_both_ways() -> None:
    data = os.urandom(1000) * 2000

    async def say(caller: Channel) -> None:
        await caller.send(data)
        await caller.send_eof()

    async with await serve(ANY, Process("cat")) as server, await dial(server.address) as caller:
        _, heard = await asyncio.gather(say(caller), everything(caller))
    assert heard == data


async def test_its_exit_ends_the_channel_of_a_caller_who_goes_on() -> None:
    async with await serve(ANY, Process("echo hello")) as server, await dial(server.address) as caller:
        assert await everything(caller) == b"hello\n"
        async with asyncio.timeout(PATIENCE):
            while server.clients:
                await asyncio.sleep(0.001)


async def test_its_answer_arrives_though_it_reads_nothing() -> None:
    """As in a shell, where `printf … | date` prints the date."""
    async with await serve(ANY, Process("exec <&-; sleep 0.02; echo the answer")) as server:
        async with await dial(server.address) as caller:
            await caller.send(b"x" * 100_000)
            await caller.send_eof()
            assert await everything(caller) == b"the answer\n"


async def test_it_may_close_its_output_and_read_on(tmp_path: object) -> None:
    """The end of its output is not its exit: what the caller says still reaches it."""
    command = f"exec >&-; read line; echo $line > {tmp_path}/heard"
    async with await serve(ANY, Process(command)) as server, await dial(server.address) as caller:
        with pytest.raises(EndOfStream):
            await caller.receive()
        await caller.send(b"still there\n")
        async with asyncio.timeout(PATIENCE):
            while server.clients:
                await asyncio.sleep(0.001)
    with open(f"{tmp_path}/heard") as heard:
        assert heard.read() == "still there\n"


async def test_everybody_has_a_process() -> None:
    async with await serve(ANY, Process("echo $$; cat")) as server:
        callers = [await dial(server.address) for _ in range(3)]
        numbers = {await caller.receive() for caller in callers}
        assert len(numbers) == 3
        for caller in callers:
            await caller.aclose()


async def test_it_is_killed_when_the_caller_is_lost() -> None:
    async with await serve(ANY, Process("echo $$; exec sleep 60")) as server:
        caller = await dial(server.address)
        number = int(await caller.receive())
        caller.abort()
        async with asyncio.timeout(PATIENCE):
            while server.clients:
                await asyncio.sleep(0.001)
            while os.path.exists(f"/proc/{number}"):
                await asyncio.sleep(0.001)


async def test_it_is_killed_when_the_server_stops() -> None:
    server = await serve(ANY, Process("echo $$; exec sleep 60"), limits=Limits(drain=0.01))
    async with await dial(server.address) as caller:
        number = int(await caller.receive())
        await server.aclose()
        with pytest.raises(ChannelBroken):
            await caller.receive()
    async with asyncio.timeout(PATIENCE):
        while os.path.exists(f"/proc/{number}"):
            await asyncio.sleep(0.001)


async def test_it_finds_who_talks_to_whom_in_its_environment() -> None:
    names = ("CLIENT", "CLIENT_HOST", "CLIENT_PORT", "SERVER", "SERVER_HOST", "SERVER_PORT")
    command = "echo " + " ".join(f"$TINCANS_{name}" for name in names)
    async with await serve(ANY, Process(command)) as server, await dial(server.address) as caller:
        told = (await everything(caller)).decode().split()
        port, own = caller.local.port, server.address.port
    assert told == [
        f"tcp://127.0.0.1:{port}", "127.0.0.1", str(port),
        f"tcp://127.0.0.1:{own}", "127.0.0.1", str(own),
    ]  # fmt: skip


def test_a_place_without_host_and_port_has_an_address_only() -> None:
    async def told() -> dict[str, str]:
        client, server = memory_pair(Traits(), name="desk")
        assert str(server.remote) == str(client.local)
        return environment(server)

    assert set(asyncio.run(told())) == {"TINCANS_CLIENT", "TINCANS_SERVER"}


def test_no_command_is_said() -> None:
    with pytest.raises(UsageError):
        Process("  ")
