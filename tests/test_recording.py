"""A recording channel tells its taps what is said, by whom, and how it ended; and is the channel below otherwise."""

from __future__ import annotations

import asyncio

import pytest

from hearing import Heard, Hearing
from tincans.channel import STREAM, Channel, Side, Traits
from tincans.conversation import How, Kind
from tincans.errors import CannotHalfClose, ChannelBroken, ChannelClosed, EndOfStream
from tincans.recording import Deaf, RecordingChannel, Silence, opening
from tincans.transports.memory import memory_pair

CLIENT, SERVER = Side.CLIENT, Side.SERVER


def recorded(traits: Traits = STREAM) -> tuple[Channel, RecordingChannel, Heard]:
    """A client, the server who records it, and what is heard."""
    client, server = memory_pair(traits)
    heard = Hearing().begin(opening(Kind.LISTEN, server, "shop"))
    return client, RecordingChannel(server, [heard], SERVER), heard


async def test_it_tells_who_called_whom() -> None:
    client, server, heard = recorded(Traits(boundaries=True))
    assert (heard.opening.client, heard.opening.server) == (str(client.local), str(server.local))
    assert heard.opening.boundaries
    assert heard.opening.name == "shop"
    called = opening(Kind.CONNECT, client)
    assert (called.client, called.server) == (str(client.local), str(client.remote))
    assert server.traits == client.traits
    assert server.facts == {}


async def test_it_tells_what_is_said_and_by_whom() -> None:
    client, server, heard = recorded()
    await client.send(b"ping")
    assert await server.receive() == b"ping"
    await server.send(bytearray(b"pong"))
    assert await client.receive() == b"pong"
    assert heard.pieces == [(CLIENT, b"ping"), (SERVER, b"pong")]


async def test_a_client_that_records_is_the_client() -> None:
    client, server = memory_pair()
    heard = Hearing().begin(opening(Kind.CONNECT, client))
    async with RecordingChannel(client, [heard], CLIENT) as recording:
        await recording.send(b"ping")
        await server.send(b"pong")
        await recording.receive()
    assert heard.pieces == [(CLIENT, b"ping"), (SERVER, b"pong")]
    assert heard.outcome == (How.FINISHED, CLIENT, "")


async def test_who_ends_first_is_told_once_and_finishes_it() -> None:
    client, server, heard = recorded()
    await client.send_eof()
    for _ in range(2):
        with pytest.raises(EndOfStream):
            await server.receive()
    await server.send_eof()
    await server.send_eof()
    assert heard.ends == [CLIENT, SERVER]
    assert not heard.over.is_set()
    await server.aclose()
    await server.aclose()
    server.abort()
    assert heard.outcome == (How.FINISHED, CLIENT, "")


async def test_a_close_without_an_end_is_ours() -> None:
    _, server, heard = recorded()
    await server.aclose()
    assert heard.outcome == (How.FINISHED, SERVER, "")
    with pytest.raises(ChannelClosed):
        await server.receive()


async def test_an_abort_is_a_reset_by_us() -> None:
    client, server, heard = recorded()
    server.abort()
    assert heard.outcome == (How.RESET, SERVER, "")
    with pytest.raises(ChannelBroken):
        await client.receive()


@pytest.mark.parametrize("doing", ["receive", "send"])
async def test_a_loss_is_a_reset_by_the_other_side(doing: str) -> None:
    client, server, heard = recorded()
    client.abort()
    with pytest.raises(ChannelBroken) as broken:
        await (server.receive() if doing == "receive" else server.send(b"x"))
    assert not heard.over.is_set(), "it is over when it is closed"
    await server.aclose()
    assert heard.outcome == (How.RESET, CLIENT, broken.value.reason)
    assert heard.pieces == []


async def test_the_first_explanation_counts() -> None:
    _, server, heard = recorded()
    server.end(How.IDLE, None, "nothing was said for 1 s")
    server.end(How.STOPPED)
    server.abort()
    assert heard.outcome == (How.IDLE, None, "nothing was said for 1 s")


async def test_what_was_not_ended_is_not_told() -> None:
    _, server, heard = recorded(Traits(half_close=False))
    with pytest.raises(CannotHalfClose):
        await server.send_eof()
    assert heard.ends == []
    await server.aclose()


async def test_a_cancelled_close_is_told() -> None:
    _, server, heard = recorded()
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await server.aclose()
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        task.uncancel()
    assert heard.outcome == (How.FINISHED, SERVER, "")


# ── silence ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_silence_is_told_after_the_last_word_and_not_before() -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    silence = Silence(0.04, over.set)
    start = last = loop.time()
    while loop.time() < start + 0.08 and not over.is_set():
        silence.said(CLIENT, b"x")
        silence.carried(SERVER, 9)
        silence.ended(CLIENT)
        last = loop.time()
        await asyncio.sleep(0.005)
    await over.wait()  # already, only if the machine let us sleep for longer than the limit
    assert loop.time() - last >= 0.039


async def test_silence_that_is_closed_is_silent() -> None:
    calls: list[int] = []
    silence = Silence(0.001, lambda: calls.append(1))
    silence.closed(How.FINISHED)
    await asyncio.sleep(0.01)
    assert calls == []


def test_a_deaf_tap_wants_nothing() -> None:
    deaf = Deaf()
    assert not deaf.wants(CLIENT)
    assert deaf.number == 0
