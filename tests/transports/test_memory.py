"""memory:NAME within one loop."""

from __future__ import annotations

import asyncio

import pytest

from tincans.address import Address
from tincans.channel import Channel, Traits
from tincans.errors import AddressInUse, ChannelBroken, ChannelBusy, ChannelClosed, ConnectionRefused, EndOfStream
from tincans.limits import MEMORY_BYTES, MEMORY_MESSAGES
from tincans.tasks import spawn
from tincans.testing import check_channel
from tincans.transports import callers, dial, listen, memory
from tincans.transports.memory import memory_pair

NAME = Address.parse("memory:test")


async def test_keeps_the_channel_contract() -> None:
    async with await listen(NAME) as listener:

        async def make_pair() -> tuple[Channel, Channel]:
            return await dial(NAME), await listener.accept()

        await check_channel(make_pair)


async def test_callers_come_in_their_order_and_have_addresses_of_their_own() -> None:
    async with await listen(NAME) as listener:
        assert listener.address == NAME
        clients = [await dial(NAME) for _ in range(3)]
        servers = [await listener.accept() for _ in clients]
        for client, server in zip(clients, servers, strict=True):
            assert (client.remote, server.local) == (NAME, NAME)
            assert client.local == server.remote == Address.parse(str(client.local))
        assert len({client.local for client in clients}) == 3


async def test_nobody_answers_to_an_unknown_name() -> None:
    with pytest.raises(ConnectionRefused, match="nobody in this process"):
        await dial(NAME)


async def test_a_name_is_taken_once_and_free_after_the_close() -> None:
    listener = await listen(NAME)
    with pytest.raises(AddressInUse):
        await listen(NAME)
    await listener.aclose()
    await listener.aclose()
    await (await listen(NAME)).aclose()


async def test_closing_refuses_who_waits_and_keeps_who_talks() -> None:
    listener = await listen(NAME)
    talking = await dial(NAME), await listener.accept()
    waiting = await dial(NAME)
    accepting = spawn(listener.aclose())
    await accepting
    with pytest.raises(ChannelBroken):
        await waiting.receive()
    await talking[0].send(b"still here")
    assert await talking[1].receive() == b"still here"
    with pytest.raises(ChannelClosed):
        await listener.accept()


async def test_closing_wakes_who_accepts_and_only_one_may() -> None:
    listener = await listen(NAME)
    accepting = spawn(listener.accept())
    await asyncio.sleep(0)
    with pytest.raises(ChannelBusy):
        await listener.accept()
    await listener.aclose()
    with pytest.raises(ChannelClosed):
        await accepting


async def test_one_caller_more_than_may_wait_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "BACKLOG", 2)
    async with await listen(NAME) as listener:
        for _ in range(2):
            await dial(NAME)
        with pytest.raises(ConnectionRefused, match="2 callers wait"):
            await dial(NAME)
        await listener.accept()
        await dial(NAME)


async def waits(task: asyncio.Task[None]) -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return not task.done()


async def test_one_byte_more_than_it_holds_waits() -> None:
    client, server = memory_pair()
    await client.send(bytes(MEMORY_BYTES))
    sending = spawn(client.send(b"x"))
    assert await waits(sending)
    assert len(await server.receive()) == MEMORY_BYTES
    await sending
    assert await server.receive() == b"x"


async def test_one_message_more_than_it_holds_waits() -> None:
    client, server = memory_pair(Traits(boundaries=True))
    for _ in range(MEMORY_MESSAGES):
        await client.send(b"")
    sending = spawn(client.send(b"x"))
    assert await waits(sending)
    assert await server.receive() == b""
    await sending


async def test_a_message_larger_than_the_bound_passes_alone() -> None:
    client, server = memory_pair(Traits(boundaries=True))
    await client.send(bytes(3 * MEMORY_BYTES))
    sending = spawn(client.send(b""))
    assert await waits(sending)
    assert len(await server.receive()) == 3 * MEMORY_BYTES
    await sending
    assert await server.receive() == b""


async def test_what_was_accepted_before_an_abort_is_received_first() -> None:
    client, server = memory_pair()
    await client.send(b"words")
    client.abort()
    assert await server.receive() == b"words"
    with pytest.raises(ChannelBroken):
        await server.receive()


async def test_a_polite_end_stays_one() -> None:
    client, server = memory_pair()
    await client.aclose()
    for _ in range(2):
        with pytest.raises(EndOfStream):
            await server.receive()


async def test_the_end_of_a_loop_frees_its_names() -> None:
    assert len(memory._names) == 0 or all(loop.is_running() or not names for loop, names in memory._names.items())
    loops = len(memory._names)
    await (await listen(NAME)).aclose()
    assert len(memory._names) <= loops + 1
