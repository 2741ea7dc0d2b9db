"""The programs at the ends of open conversations: asked for together, once a second at most, and only for new ends.

Listing all sockets of the machine takes some 40 ms of another thread, whether one is asked for or a thousand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from tincans.conversation import Conversation
from tincans.limits import LOOK_REST, NAME_SECONDS
from tincans.transports.programs import Program, programs
from tincans.waiting import ends
from tincans.watch import shapes

if TYPE_CHECKING:
    from tincans.watch.lookout import Lookout

log = logging.getLogger(__name__)

#: Whose end it is, and of which conversation.
Key = tuple[int, str]
_SIDES = ("client", "server")


class Ends:
    """Told conversations as they change, it knows which of their ends nobody has asked for."""

    def __init__(self) -> None:
        self._known: dict[Key, tuple[str, str]] = {}
        self._fresh: dict[Key, tuple[str, str]] = {}

    def take(self, conversations: Iterable[Conversation]) -> None:
        """Those in which something happened."""
        for each in conversations:
            found = ends(each)
            for side in _SIDES:
                key, end = (each.number, side), found[side]
                if each.closed is not None:
                    self._known.pop(key, None)
                    self._fresh.pop(key, None)
                elif all(end) and self._known.get(key) != end:  # a relay knows its server's only when that answers
                    self._known[key] = self._fresh[key] = end

    def fresh(self) -> dict[Key, tuple[str, str]]:
        """Those that nobody has asked for; from now on somebody has."""
        fresh, self._fresh = self._fresh, {}
        return fresh


async def name(lookout: Lookout, known: Ends) -> None:
    """Find out whose new ends are, while somebody looks. Without end."""
    while True:
        began = monotonic()
        if lookout.is_looked_at and (fresh := known.fresh()):
            try:
                found = await asyncio.to_thread(programs, fresh)
            except Exception:
                log.exception("the programs at the ends cannot be told")
            else:
                _tell(lookout, found)
        await asyncio.sleep(max(NAME_SECONDS, (monotonic() - began) * LOOK_REST))


def _tell(lookout: Lookout, found: dict[Key, Program]) -> None:
    of: dict[int, dict[str, shapes.Program]] = {}
    for (number, side), program in found.items():
        of.setdefault(number, {})[side] = shapes.program(program)
    for number, sides in of.items():
        lookout.named(number, sides)
