"""The channel contract as a test: `check_channel` proves each clause of `tincans.channel` on any kind of channel.

A clause is a function of a fresh pair whose docstring is the sentence that the failure begins with. Most run twice,
once from each side. They take a few seconds together and do not sleep: what must happen is awaited, for at most
`patience`, and what must not happen is given some turns of the loop to do so.

What a channel's traits relax:

* `boundaries`: whole messages are compared instead of bytes, empty ones too.
* `half_close` false: `send_eof` must raise `CannotHalfClose` and change nothing.
* `reliable` false (udp): nobody sees the other side's end, and a sender never waits. So all that is about those is left
  out, and what is sent is small and received before more is sent.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import tincans.testing.channel_clauses
import tincans.testing.file_clauses  # noqa: F401  # both register theirs
from tincans.channel import Channel
from tincans.testing.ends import CLAUSES, Clause, Ends

#: An async function that returns two new channels, the ends of one conversation: the client's and the server's.
MakePair = Callable[[], Awaitable[tuple[Channel, Channel]]]


async def check_channel(
    make_pair: MakePair,
    make_clogged_pair: MakePair | None = None,
    *,
    only: str = "",
    patience: float = 60.0,
    seed: int = 7,
) -> None:
    """Check every clause of the channel contract; `AssertionError` says which one is broken, and from which side.

    `make_clogged_pair` returns pairs whose client has already said so much that its next `send` of one byte waits.
    Without it the client is clogged by saying 32 MiB. Every pair is closed again. `patience` is how long one clause may
    take in seconds, and the same `seed` gives the same bytes and the same cancellations. `only` leaves out the clauses
    whose sentences do not have it.
    """
    client, server = await make_pair()
    traits = client.traits
    await _close(client, server)
    clauses = [clause for clause in CLAUSES if clause.applies(traits) and only in clause.says]
    assert clauses, f"no clause for such a channel says {only!r}"
    for clause in clauses:
        if clause.clogged and make_clogged_pair is not None:
            await _run(clause, make_clogged_pair, "clogged client", patience, seed)
        for side in ("client", "server"):
            await _run(clause, make_pair, side, patience, seed)


async def _run(clause: Clause, make_pair: MakePair, side: str, patience: float, seed: int) -> None:
    try:
        async with asyncio.timeout(patience):
            pair = await make_pair()
        one, other = reversed(pair) if side == "server" else pair
        try:
            async with asyncio.timeout(patience):
                await clause.check(Ends(one, other, random.Random(seed), side == "clogged client"))
        finally:
            async with asyncio.timeout(patience):
                await _close(*pair)
    except Exception as error:
        what = "it did not finish" if isinstance(error, TimeoutError) else str(error) or repr(error)
        raise AssertionError(f"{clause.says} (from the {side}'s side): {what}") from error


async def _close(*channels: Channel) -> None:
    for channel in channels:
        channel.abort()
    for channel in channels:
        await channel.aclose()
