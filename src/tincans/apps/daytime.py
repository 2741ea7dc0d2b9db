"""The apps `daytime` and `time`: what time it is, for people (RFC 867) and for programs (RFC 868).

A caller is told once and the channel closed, whatever was said; each datagram is answered.
"""

from __future__ import annotations

import struct
import time as clock
from collections.abc import Callable
from datetime import datetime

from tincans.channel import Channel

#: From 1900, where the protocol begins to count, to 1970, where Unix does (RFC 868).
_SECONDS_TO_1970 = 2_208_988_800


async def daytime(channel: Channel) -> None:
    """Say the local time in a line: `Tuesday, February 22, 1982 17:37:43-PST`."""
    await _tell(channel, lambda: as_line(datetime.now().astimezone()))


async def time(channel: Channel) -> None:
    """Say the seconds since 1900 in four bytes."""
    await _tell(channel, lambda: as_count(clock.time()))


async def _tell(channel: Channel, now: Callable[[], bytes]) -> None:
    if channel.traits.reliable:
        await channel.send(now())
        return
    while True:  # to EndOfStream, which the server takes for the end that it is
        await channel.receive()
        await channel.send(now())


def as_line(when: datetime) -> bytes:
    """A moment in the first of the forms that RFC 867 calls popular, with its line's end."""
    line = f"{when:%A, %B} {when.day}, {when:%Y %H:%M:%S-%Z}\r\n"
    return line.encode("ascii", "replace")


def as_count(seconds: float) -> bytes:
    """Seconds since 1970 as those since 1900, in network order. They begin anew in 2036, as 32 bits do."""
    return struct.pack("!I", (int(seconds) + _SECONDS_TO_1970) % 2**32)
