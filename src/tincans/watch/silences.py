"""Conversations that have just become silent: of these the page says unasked who waits for whom.

Each is judged twice: when it shows whether somebody who should read does not (READING_SECONDS), and when an answer has
taken so long that who awaits it is stuck (ANSWER_SECONDS).

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
from tincans.limits import ANSWER_SECONDS, LOOK_REST, LOOK_SECONDS, READING_SECONDS, STATES_A_SECOND
from tincans.watch import shapes
from tincans.watch.glance import at_a_glance

if TYPE_CHECKING:
    from tincans.watch.lookout import Lookout

log = logging.getLogger(__name__)

_SECOND = 1_000_000_000
_SILENT, _LONG_SILENT = int(READING_SECONDS * _SECOND), int(ANSWER_SECONDS * _SECOND)


class Silences:
    """Told conversations as they change, it knows those that go on and have been silent since for so long."""

    def __init__(self) -> None:
        # by how long they are to be silent; in each, who spoke last is last
        self._spoken: dict[int, dict[int, Conversation]] = {_SILENT: {}, _LONG_SILENT: {}}
        self._second = 0
        self._told = 0

    def take(self, conversations: Iterable[Conversation]) -> None:
        """Those in which something happened."""
        for each in conversations:
            for spoken in self._spoken.values():
                spoken.pop(each.number, None)
                if each.closed is None:
                    spoken[each.number] = each

    def next(self, now: int) -> Conversation | None:
        """One that has been silent for so long and was not given for that since it spoke; None where none is now."""
        if now - self._second >= _SECOND:
            self._second, self._told = now, 0
        if self._told >= STATES_A_SECOND:
            return None
        for silent, spoken in self._spoken.items():
            for number, each in reversed(spoken.items()):
                if now - each.last >= silent:
                    self._told += 1
                    return spoken.pop(number)
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
