"""What is spoken in the conversations that readers are shown: found out behind them, and told once it is.

Telling takes a millisecond for each, so no list waits for it: it shows what is known, and what is not is found out
here, for those shown last first, in another thread and a tenth of the time. Then they are told as if they had changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from tincans.conversation import Conversation
from tincans.errors import TincansError
from tincans.limits import LIST_MOST, LOOK_REST, LOOK_SECONDS
from tincans.watch.search import protocol_of

if TYPE_CHECKING:
    from tincans.watch.lookout import Lookout

log = logging.getLogger(__name__)

#: Of how many it is found out at once: some ten milliseconds of work.
_BATCH = 10


class Shown:
    """Conversations that readers were shown and of which it was not asked what is spoken; LIST_MOST at most."""

    def __init__(self) -> None:
        self._waiting: dict[int, Conversation] = {}  # shown last is last

    def take(self, conversations: Iterable[Conversation]) -> None:
        """These are shown. Of those that are not recorded it cannot be found out."""
        for each in conversations:
            if each.number > 0 and (each.client_pieces or each.server_pieces):
                self._waiting.pop(each.number, None)
                self._waiting[each.number] = each
        while len(self._waiting) > LIST_MOST:
            del self._waiting[next(iter(self._waiting))]

    def next(self) -> list[Conversation]:
        """Some of those shown last, which are looked at now."""
        return [self._waiting.popitem()[1] for _ in range(min(_BATCH, len(self._waiting)))]


async def listen(lookout: Lookout, shown: Shown) -> None:
    """Find out what is spoken, while somebody looks. Without end."""
    while True:
        began = monotonic()
        if found := shown.next() if lookout.is_looked_at else []:
            try:
                spoken = await protocol_of(lookout.watched.journal, found)
                for each in found:
                    lookout.spoken(each, spoken[each.number])
            except TincansError:
                pass  # the lookout tells
            except Exception:
                log.exception("what is spoken cannot be told")
        await asyncio.sleep((monotonic() - began) * LOOK_REST if found else LOOK_SECONDS)
