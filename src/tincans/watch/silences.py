"""Conversations that have just become silent: of these the page says unasked who waits for whom.

Finding that out costs some milliseconds of another thread each, so it is done for STATES_A_SECOND of them at most,
those that spoke last, and the rest waits; and in between for so long that a tenth of the time is spent on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from tincans.conversation import Conversation
from tincans.errors import TincansError
from tincans.limits import LOOK_REST, LOOK_SECONDS, READING_SECONDS, STATES_A_SECOND
from tincans.watch import shapes
from tincans.watch.glance import at_a_glance

if TYPE_CHECKING:
    from tincans.watch.lookout import Lookout

log = logging.getLogger(__name__)

_SILENT = int(READING_SECONDS * 1e9)


class Silences:
    """Told conversations as they change, it knows those that go on and have been silent for a second since."""

    def __init__(self) -> None:
        self._spoken: dict[int, Conversation] = {}  # and not told of since; who spoke last is last
        self._second = 0
        self._told = 0

    def take(self, conversations: Iterable[Conversation]) -> None:
        """Those in which something happened."""
        for each in conversations:
            self._spoken.pop(each.number, None)
            if each.closed is None:
                self._spoken[each.number] = each

    def next(self, now: int) -> Conversation | None:
        """One that has been silent for a second, and was not given since it spoke; None where there is none now."""
        if now - self._second >= _SILENT:
            self._second, self._told = now, 0
        if self._told >= STATES_A_SECOND:
            return None
        for number, each in reversed(self._spoken.items()):
            if now - each.last >= _SILENT:
                self._told += 1
                return self._spoken.pop(number)
        return None


async def judge(lookout: Lookout, silences: Silences) -> None:
    """Say of those that have become silent who waits for whom, one by one, while somebody looks. Without end."""
    while True:
        began = monotonic()
        found = silences.next(lookout.watched.now()) if lookout.is_looked_at else None
        if found is not None:
            await _judge(lookout, found)
        await asyncio.sleep((monotonic() - began) * LOOK_REST if found else LOOK_SECONDS)


async def _judge(lookout: Lookout, conversation: Conversation) -> None:
    watched = lookout.watched
    try:
        state = await at_a_glance(watched.journal, conversation, watched.now())
    except TincansError:
        return  # the lookout tells
    except Exception:
        log.exception("how conversation %d stands cannot be told", conversation.number)
        return
    lookout.judged(conversation, shapes.state(state))
