"""The app `chargen`: characters without end, to try out a client, a relay or a terminal (RFC 864).

Each line is the 95 printing characters of ASCII in a ring, 72 of them, begun one character later than the line before.
"""

from __future__ import annotations

import asyncio
import random
from itertools import cycle

from tincans.channel import Channel
from tincans.errors import ChannelError
from tincans.limits import CHARGEN_DATAGRAM_BYTES
from tincans.tasks import spawn

_RING = bytes(range(0x20, 0x7F))
LINES = tuple((_RING + _RING)[start : start + 72] + b"\r\n" for start in range(len(_RING)))

#: What a stream is sent at once: the ring has come round at its end, so the next may follow.
_ROUNDS = b"".join(LINES) * 8


async def chargen(channel: Channel) -> None:
    """Say lines until the other side is gone, and throw away what it says; of datagrams, answer each with some lines.

    A channel that keeps messages and loses none (WebSocket) is sent a line a message.
    """
    if not channel.traits.reliable:
        await _answer(channel)
    hearing = spawn(_discard(channel))
    try:
        for said in cycle(LINES if channel.traits.boundaries else (_ROUNDS,)):
            await channel.send(said)
            await asyncio.sleep(0)  # a caller who takes it as fast as it comes is not the only one
    finally:
        hearing.cancel()
        await asyncio.wait([hearing])  # whoever closes the channel is alone with it


async def _answer(channel: Channel) -> None:
    """One datagram of at most 512 characters for each, of a random length; the lines go on from one to the next."""
    lines = cycle(LINES)
    most = CHARGEN_DATAGRAM_BYTES // len(LINES[0])
    while True:  # to EndOfStream, which the server takes for the end that it is
        await channel.receive()
        await channel.send(b"".join(next(lines) for _ in range(random.randint(1, most))))


async def _discard(channel: Channel) -> None:
    try:
        while True:
            await channel.receive()
    except ChannelError:  # it has ended, which a listener may; or it is gone, which whoever sends hears, too
        pass
