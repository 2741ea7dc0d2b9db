"""The apps `daytime` and `time` say what time it is."""

from __future__ import annotations

import struct
import time as clock
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tincans.apps.daytime import as_count, as_line, daytime, time
from tincans.channel import Channel, Traits
from tincans.errors import EndOfStream
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair

PST = timezone(timedelta(hours=-8), "PST")


@pytest.mark.parametrize(
    ("when", "line"),
    [
        (datetime(1982, 2, 22, 17, 37, 43, tzinfo=PST), b"Monday, February 22, 1982 17:37:43-PST\r\n"),
        (datetime(2026, 12, 1, 0, 0, 9, tzinfo=UTC), b"Tuesday, December 1, 2026 00:00:09-UTC\r\n"),
        (datetime(2026, 5, 31, tzinfo=timezone(timedelta(0), "Zürich")), b"Sunday, May 31, 2026 00:00:00-Z?rich\r\n"),
    ],
)
def test_a_line_for_people(when: datetime, line: bytes) -> None:
    assert as_line(when) == line


@pytest.mark.parametrize(
    ("when", "count"),
    [
        # RFC 868's own examples
        (datetime(1970, 1, 1, tzinfo=UTC), 2_208_988_800),
        (datetime(1976, 1, 1, tzinfo=UTC), 2_398_291_200),
        (datetime(1980, 1, 1, tzinfo=UTC), 2_524_521_600),
        (datetime(1983, 5, 1, tzinfo=UTC), 2_629_584_000),
        (datetime(1858, 11, 17, tzinfo=UTC), 2**32 - 1_297_728_000),
        (datetime(1900, 1, 1, 0, 0, 1, tzinfo=UTC), 1),
        # and the last second before the count begins anew, and the first after it
        (datetime(2036, 2, 7, 6, 28, 15, tzinfo=UTC), 2**32 - 1),
        (datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC), 0),
    ],
)
def test_a_count_for_programs(when: datetime, count: int) -> None:
    assert as_count(when.timestamp()) == struct.pack("!I", count)


def as_unix(said: bytes) -> float:
    """When it was that one of the two told."""
    if len(said) == 4:
        return float(struct.unpack("!I", said)[0] - 2_208_988_800)
    day, _, zone = said.decode().strip().rpartition("-")
    assert zone == clock.strftime("%Z")
    return clock.mktime(clock.strptime(day, "%A, %B %d, %Y %H:%M:%S"))


@pytest.mark.parametrize("app", [daytime, time])
@pytest.mark.parametrize("boundaries", [False, True])
async def test_a_caller_is_told_the_time_once(app: object, boundaries: bool) -> None:
    client, server = memory_pair(Traits(boundaries=boundaries))
    before = int(clock.time())
    await _run(app, server)
    await server.aclose()
    assert before <= as_unix(await client.receive()) <= clock.time()
    with pytest.raises(EndOfStream):
        await client.receive()
    await client.aclose()


@pytest.mark.parametrize("app", [daytime, time])
async def test_each_datagram_is_answered(app: object) -> None:
    client, server = memory_pair(Traits(boundaries=True, reliable=False))
    answering = spawn(_run(app, server))
    for said in (b"", b"what time is it?"):
        before = int(clock.time())
        await client.send(said)
        assert before <= as_unix(await client.receive()) <= clock.time()
    await client.send_eof()
    with pytest.raises(EndOfStream):
        await answering


async def _run(app: object, channel: Channel) -> None:
    assert callable(app)
    await app(channel)
