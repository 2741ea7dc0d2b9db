"""The app `chargen` says characters without end, or some in each datagram."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tincans.apps.chargen import LINES, chargen
from tincans.channel import Traits
from tincans.errors import EndOfStream
from tincans.limits import CHARGEN_DATAGRAM_BYTES, MEMORY_BYTES
from tincans.server import serve
from tincans.tasks import spawn
from tincans.transports import dial
from tincans.transports.memory import memory_pair

DATAGRAMS = Traits(boundaries=True, reliable=False)


def test_the_lines_are_those_of_the_rfc() -> None:
    """RFC 864 shows how they begin and, at the end of the ring, begin again."""
    text = [line.decode() for line in LINES]
    assert text[0] == " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n"
    assert text[1] == "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n"
    assert text[94] == "~ !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdef\r\n"
    assert {len(line) for line in LINES} == {74}
    assert len(set(LINES)) == 95


async def test_a_stream_has_no_end_and_the_lines_go_round() -> None:
    client, server = memory_pair()
    speaking = spawn(chargen(server))
    heard = b""
    while len(heard) < 3_000_000:
        heard += await client.receive()
    expected = b"".join(LINES) * (len(heard) // (74 * 95) + 1)
    assert heard == expected[: len(heard)]
    speaking.cancel()
    await asyncio.wait([speaking])
    client.abort()


async def test_what_is_said_to_it_is_thrown_away_and_an_end_of_that_is_no_end() -> None:
    async with await serve("tcp://127.0.0.1:0", chargen) as server, await dial(server.address) as caller:
        for _ in range(20):
            await caller.send(bytes(MEMORY_BYTES))
        await caller.send_eof()
        heard = 0
        while heard < 20 * MEMORY_BYTES:
            heard += len(await caller.receive())
        caller.abort()
        await server.stop_listening()
        await server.wait_closed()  # it hears that nobody listens any more


async def test_messages_that_arrive_have_a_line_each() -> None:
    client, server = memory_pair(Traits(boundaries=True))
    speaking = spawn(chargen(server))
    for line in (*LINES, *LINES):
        assert await client.receive() == line
    speaking.cancel()
    await asyncio.wait([speaking])
    client.abort()


async def test_each_datagram_is_answered_with_some_lines() -> None:
    client, server = memory_pair(DATAGRAMS)
    answering = spawn(chargen(server))
    answers = []
    for said in (b"", b"x", b"x" * 1000) * 30:
        await client.send(said)
        answers.append(await client.receive())
    assert {len(answer) % 74 for answer in answers} == {0}
    lengths = {len(answer) for answer in answers}
    assert min(lengths) == 74
    assert max(lengths) <= CHARGEN_DATAGRAM_BYTES < max(lengths) + 74  # one line more would be too much
    heard = b"".join(answers)
    assert heard == (b"".join(LINES) * 10)[: len(heard)]
    await client.send_eof()
    with pytest.raises(EndOfStream):
        await answering


async def test_one_who_takes_all_as_fast_as_it_comes_is_not_the_only_one(tmp_path: Path) -> None:
    async with await serve(f"unix:{tmp_path}/s", chargen) as server, await dial(server.address) as caller:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = spawn(others())
        for _ in range(50):
            await caller.receive()
        assert turns >= 50
        counting.cancel()
        caller.abort()
