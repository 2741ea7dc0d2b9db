"""What the channel contract promises of `send_file`, clause by clause; `channels.py` runs them."""

from __future__ import annotations

import asyncio
import os
import tempfile

from tincans.errors import ChannelBroken, ChannelBusy, ChannelClosed
from tincans.tasks import spawn
from tincans.testing.ends import (
    KIB,
    MIB,
    Ends,
    StuckInFile,
    clause,
    file_of,
    gathers,
    half_close,
    over,
    passes,
    raises,
    reliable,
    same,
    to_the_end,
    waits,
)  # fmt: skip


@clause()
async def _says(ends: Ends) -> None:
    """Send_file says what is in a file, from the place on that it is told, and leaves where the file stands."""
    size = 3 * MIB + 7 if ends.traits.reliable else 3 * KIB
    data = ends.rng.randbytes(size)
    with file_of(data) as file:
        for start, count in ((0, size), (0, 1), (1, size - 1), (size // 3, size // 2), (size - 1, 1)):
            _, heard = await asyncio.gather(ends.one.send_file(file, start, count), gathers(ends.other, count))
            same(heard, data[start : start + count])
        await ends.one.send_file(file, 5, 0)
        assert os.lseek(file, 0, os.SEEK_CUR) == 2, "the file stands elsewhere"
    await ends.carries()


@clause()
async def _short(ends: Ends) -> None:
    """Where a file is shorter than it is said to be, send_file says what there is and raises EOFError."""
    with file_of(b"all there is") as file:
        await raises(ends.one.send_file(file, 4, 1000), EOFError)
        same(await gathers(ends.other, 8), b"there is")
        await raises(ends.one.send_file(file, 12, 1), EOFError)
        await raises(ends.one.send_file(file, 1000, 1), EOFError)
    await ends.carries()


@clause()
async def _unreadable(ends: Ends) -> None:
    """Where a file cannot be read, send_file raises OSError and the channel goes on."""
    with tempfile.NamedTemporaryFile(buffering=0) as file:
        file.write(b"nobody may read this")
        unreadable = os.open(file.name, os.O_WRONLY)
        try:
            await raises(ends.one.send_file(unreadable, 0, 5), OSError)
        finally:
            os.close(unreadable)
    await ends.carries()


@clause(half_close)
async def _after_the_end(ends: Ends) -> None:
    """After send_eof send_file raises ChannelClosed."""
    await ends.one.send_eof()
    with file_of(b"x") as file:
        await raises(ends.one.send_file(file, 0, 1), ChannelClosed)
    same(await to_the_end(ends.other), b"")


# ── when the other side is slow ───────────────────────────────────────────────────────────────────────────


@clause(reliable, clogged=True)
async def _waits(ends: Ends) -> None:
    """Send_file waits while the other side does not receive, and goes on when it does."""
    async with StuckInFile(ends) as stuck:
        if ends.clogged:  # nobody knows what was said before
            hearing = spawn(to_the_end(ends.other, lost=True))
            await stuck.sending
            hearing.cancel()
        else:
            same(await gathers(ends.other, stuck.size), bytes(stuck.size))
            await stuck.sending
            await ends.carries()


@clause(reliable, clogged=True)
async def _busy(ends: Ends) -> None:
    """While a send_file waits nobody else sends, and receiving goes on."""
    async with StuckInFile(ends) as stuck:
        await raises(ends.one.send(b"x"), ChannelBusy)
        await raises(ends.one.send_file(stuck.file, 0, 1), ChannelBusy)
        await passes(ends.other, ends.one, b"meanwhile")
        await waits(stuck.sending)


@clause(reliable, clogged=True)
async def _close_wakes(ends: Ends) -> None:
    """Aclose here wakes a waiting send_file with ChannelClosed, and every later one raises it."""
    async with StuckInFile(ends) as stuck:
        await ends.one.aclose()
        await raises(stuck.sending, ChannelClosed)
        await raises(ends.one.send_file(stuck.file, 0, 1), ChannelClosed)


@clause(reliable, clogged=True)
async def _peer_lost_wakes(ends: Ends) -> None:
    """When the other side has aborted, a waiting send_file raises ChannelBroken, and so does every later one."""
    async with StuckInFile(ends) as stuck:
        ends.other.abort()
        await raises(stuck.sending, ChannelBroken)
        await raises(ends.one.send_file(stuck.file, 0, 1), ChannelBroken)


@clause(reliable, clogged=True)
async def _cancelled(ends: Ends) -> None:
    """A send_file that waits can be cancelled, and the channel closed after it."""
    async with StuckInFile(ends) as stuck:
        stuck.sending.cancel()
        await over(stuck.sending)
        assert stuck.sending.cancelled(), "it was not cancelled"
        await ends.one.aclose()
        await raises(ends.one.receive(), ChannelClosed)
