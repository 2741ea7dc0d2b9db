"""The one conversation that a reader has open: how long it is, who waits for whom in it, and what may be done to it.

It is told at first, whenever something happened in it, and twice more after that: when it shows whether somebody who
should read does not, and when an answer has taken too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from tincans.errors import TincansError
from tincans.limits import (
    ANSWER_SECONDS,
    LOOK_FLOOD_ENTRIES,
    LOOK_FLOOD_SECONDS,
    LOOK_REST,
    LOOK_SECONDS,
    READING_SECONDS,
)
from tincans.watch import shapes, steering
from tincans.watch.answers import Grew, Well
from tincans.watch.asking import Call
from tincans.watch.looking import length, told
from tincans.watch.standing import standing
from tincans.watch.trouble import Refused, trouble

#: After a trouble it is tried again so often.
_AGAIN_SECONDS = 1.0

#: Where nothing happens it is told once more after each of these, and then no more.
_PAUSES = (READING_SECONDS, ANSWER_SECONDS - READING_SECONDS)

Tell = Callable[[Any], Awaitable[None]]


async def follow(call: Call, number: int, protocol: str, tell: Tell) -> None:
    """Tell how it grows, without end: cancel it. What cannot be shown is a trouble, until it is well again."""
    troubled: shapes.Trouble | None = None
    while True:
        try:
            grew = await _grew(call, number, protocol)
            if troubled is not None:
                await tell(Well())
                troubled = None
            await _follow(call, grew, protocol, tell)
        except (TincansError, Refused) as error:
            if trouble(error) != troubled:
                troubled = trouble(error)
                await tell(troubled)
            await asyncio.sleep(_AGAIN_SECONDS)


async def _follow(call: Call, grew: Grew, protocol: str, tell: Tell) -> None:
    """The same, until something goes wrong with it. Looking takes at most a tenth of the time."""
    took, pauses, revision = 0.0, iter(_PAUSES), call.lookout.rows.revision(grew.conversation)
    before = grew.total
    while True:
        await tell(grew)
        usual = LOOK_FLOOD_SECONDS if grew.total - before > LOOK_FLOOD_ENTRIES else LOOK_SECONDS
        before = grew.total
        await asyncio.sleep(max(usual, took * LOOK_REST))
        pause = next(pauses, None) if grew.state is not None else None
        if await _changed(call, grew.conversation, revision, pause):
            pauses = iter(_PAUSES)
        began, revision = monotonic(), call.lookout.revision
        grew = await _grew(call, grew.conversation, protocol)
        took = monotonic() - began


async def _changed(call: Call, number: int, revision: int, seconds: float | None) -> bool:
    """Wait until something has happened in it since that revision; False where nothing has for so long."""
    try:
        async with asyncio.timeout(seconds):
            while call.lookout.rows.revision(number) <= revision:
                await call.lookout.news(call.lookout.revision)
    except TimeoutError:
        return False
    return True


async def _grew(call: Call, number: int, protocol: str) -> Grew:
    """How it is now. Raises `NoSuchConversation`, `NoSuchProtocol` and `JournalError`."""
    conversation = await told(call, number)
    pages, total = await length(call, number, protocol)
    goes_on = conversation.closed is None
    controls = steering.controls_of(call, number) if goes_on else None
    return Grew(
        conversation=number, pages=pages, total=total,
        state=shapes.state(await standing(call, conversation, protocol)) if goes_on else None,
        held=sorted(side.value for side in controls.paused) if controls else [],
        can=steering.can(controls, conversation) if call.steers else [],
    )  # fmt: skip
