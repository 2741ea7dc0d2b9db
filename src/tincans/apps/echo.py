"""The app `echo`: says back what it hears, message by message where the channel has messages (RFC 862)."""

from __future__ import annotations

from tincans.channel import Channel


async def echo(channel: Channel) -> None:
    """Say back everything until the other side ends."""
    receive, send = channel.receive, channel.send
    while True:  # to EndOfStream, which the server takes for the end that it is
        await send(await receive())
