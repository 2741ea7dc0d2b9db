"""The words of the clauses say what went wrong."""

from __future__ import annotations

import pytest

from tincans.channel import Traits
from tincans.errors import ChannelClosed
from tincans.testing import memory_pair
from tincans.testing.ends import hears, passes, raises, receives, short, to_the_end


async def test_raises_says_what_happened_instead() -> None:
    client, server = memory_pair()
    await client.send(b"something")
    with pytest.raises(AssertionError, match="it returned b'something' instead of raising ChannelClosed"):
        await raises(server.receive(), ChannelClosed)
    client.abort()
    with pytest.raises(AssertionError, match=r"it raised ChannelBroken\(.*\) instead of ChannelClosed"):
        await raises(server.receive(), ChannelClosed)
    await raises(client.receive(), ChannelClosed)


async def test_a_stream_is_heard_by_count_and_messages_one_by_one() -> None:
    client, server = memory_pair()
    await passes(client, server, b"some bytes")
    await client.send(b"onetwo")
    await hears(server, [b"one", b"two"])
    client, server = memory_pair(Traits(boundaries=True))
    await client.send(b"onetwo")
    with pytest.raises(AssertionError, match="b'onetwo' instead of b'one'"):
        await hears(server, [b"one", b"two"])


async def test_a_loss_is_an_end_only_where_it_may_be() -> None:
    for lost in (True, False):
        client, server = memory_pair()
        await client.send(b"words")
        client.abort()
        if lost:
            assert await to_the_end(server, lost=True) == b"words"
        else:
            with pytest.raises(AssertionError, match="broke"):
                await to_the_end(server)


async def test_receives_refuses_what_is_not_bytes() -> None:
    class Views:
        async def receive(self) -> object:
            return memoryview(b"view")

    with pytest.raises(AssertionError, match="memoryview and not bytes"):
        await receives(Views(), 4)  # type: ignore[arg-type]


def test_long_bytes_are_cut() -> None:
    assert short(b"x" * 20) == repr(b"x" * 20)
    assert short(b"x" * 21) == "b'xxxxxxxxxxxxxxxx'… (21 bytes)"
