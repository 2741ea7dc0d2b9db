"""What is done by hand, as programs meet it that know nothing of it."""

from __future__ import annotations

import asyncio
import filecmp
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from running import PATIENCE, port_of, program, start
from servers import nginx
from steered import Steered, Steering
from tincans.channel import Side
from tincans.relays import relay

pytestmark = pytest.mark.foreign

CLIENT, SERVER = Side.CLIENT, Side.SERVER


class Steerable(NamedTuple):
    """A relay to a real server."""

    port: int
    hearing: Steering

    async def first(self) -> Steered:
        return await self.hearing.first()


@asynccontextmanager
async def before(target: str, pauses: Side | None = None) -> AsyncIterator[Steerable]:
    hearing = Steering(pauses)
    async with await relay("127.0.0.1:0", target, recorders=[hearing]) as server, asyncio.timeout(PATIENCE):
        yield Steerable(server.address.port, hearing)


async def run(*command: str) -> Process:
    name, *arguments = command
    return await asyncio.create_subprocess_exec(program(name), *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE)


async def test_a_download_stands_still_while_it_is_paused_and_is_whole(tmp_path: Path) -> None:
    got = tmp_path / "got"
    with nginx(tmp_path) as server:
        (server.www / "big").write_bytes(os.urandom(40 << 20))
        async with before(f"127.0.0.1:{server.port}") as between:
            url = f"http://127.0.0.1:{between.port}/big"
            curl = await run("curl", "-sS", "--limit-rate", "200M", "-o", str(got), url)
            steered = await between.first()
            while not got.exists() or got.stat().st_size < 1 << 20:
                await asyncio.sleep(0.001)
            steered.hand.pause(SERVER)
            carried = len(steered.words[SERVER]) + steered.counted[SERVER]
            size = -1
            while got.stat().st_size != size:  # what was under way still arrives
                size = got.stat().st_size
                await asyncio.sleep(0.04)
            assert carried == len(steered.words[SERVER]) + steered.counted[SERVER]
            assert size < carried <= 40 << 20
            steered.hand.resume(SERVER)
            assert await curl.communicate() == (b"", b"")
            assert curl.returncode == 0
        assert filecmp.cmp(got, server.www / "big", shallow=False)


async def test_curl_believes_what_is_said_by_hand(tmp_path: Path) -> None:
    with nginx(tmp_path) as server:
        async with before(f"127.0.0.1:{server.port}", SERVER) as between:
            curl = await run("curl", "-sS", f"http://127.0.0.1:{between.port}/")
            steered = await between.first()
            await steered.hand.say(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nby hand")
            assert await curl.communicate() == (b"by hand", b"")
            assert not steered.over.is_set(), "what nginx has said is still held back"
            steered.hand.resume(SERVER)
            await steered.over.wait()


async def test_a_server_that_is_ended_by_hand_is_heard_to_the_end_no_more() -> None:
    with start([program("socat"), "-d", "TCP-LISTEN:0,bind=127.0.0.1", "EXEC:cat"]) as server:
        async with before(f"127.0.0.1:{port_of(server)}") as between:
            client = await run("socat", "-t30", "-", f"TCP:127.0.0.1:{between.port}")
            steered = await between.first()
            steered.hand.pause(SERVER)
            out, _ = await asyncio.gather(client.communicate(b"said, and never echoed\n"), answer(steered))
            await steered.over.wait()
    assert out == (b"by hand\n", b"")
    assert steered.words == {CLIENT: b"said, and never echoed\n", SERVER: b"by hand\n"}
    assert steered.ends == [CLIENT, SERVER]


async def answer(steered: Steered) -> None:
    """Answer for the server once the client has ended, and end for it."""
    while not steered.ends:
        await asyncio.sleep(0.001)
    await steered.hand.say(SERVER, b"by hand\n")
    await steered.hand.end(SERVER)


async def test_a_reset_is_one_to_both_programs() -> None:
    with start([program("socat"), "-d", "TCP-LISTEN:0,bind=127.0.0.1", "EXEC:cat"]) as server:
        async with before(f"127.0.0.1:{port_of(server)}") as between:
            client = await run("socat", "-d", "-", f"TCP:127.0.0.1:{between.port}")
            steered = await between.first()
            steered.hand.reset()
            assert client.stderr is not None
            assert b"Connection reset by peer" in await client.stderr.readline()
            await client.communicate()
            while b"Connection reset by peer" not in server.err:
                await asyncio.sleep(0.005)
