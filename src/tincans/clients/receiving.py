"""What comes on a channel, to its end: with patience, and with a bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tincans.channel import Channel
from tincans.clients.remote import stalled
from tincans.clients.url import Url
from tincans.errors import ChannelBroken, EndOfStream, LimitExceeded, TransferFailed


async def pieces_of(channel: Channel, url: Url, patience: float) -> AsyncIterator[bytes]:
    """All that the other side says. `TransferFailed` where it is lost, says nothing for `patience` seconds, or is cut
    off inside TLS: an attacker could end it there (RFC 8446 §6.1)."""
    while True:
        try:
            async with asyncio.timeout(patience):
                piece = await channel.receive()
        except EndOfStream:
            break
        except TimeoutError as error:
            raise stalled(url, patience) from error
        except ChannelBroken as error:
            raise broken(url, error) from error
        yield piece
    if "tls.truncated" in channel.facts:
        raise TransferFailed(url, "TLS was cut off without a goodbye")


async def all_of(channel: Channel, url: Url, most: int, patience: float) -> bytes:
    """The same in one. `LimitExceeded` where it is more than `most` bytes."""
    said = bytearray()
    async for piece in pieces_of(channel, url, patience):
        said += piece
        if len(said) > most:
            raise LimitExceeded(f"the listing of {url}", most)
    return bytes(said)


def broken(url: Url, error: ChannelBroken) -> TransferFailed:
    """A connection was lost in the middle of a transfer."""
    return TransferFailed(url, f"the connection broke: {error.reason}")
