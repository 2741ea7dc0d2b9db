"""The app `discard`: hears everything and says nothing (RFC 863)."""

from __future__ import annotations

from tincans.channel import Channel


async def discard(channel: Channel) -> None:
    """Throw away everything until the other side ends."""
    while True:  # to EndOfStream, which the server takes for the end that it is
        await channel.receive()
