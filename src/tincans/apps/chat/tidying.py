"""Taking away those files of a hub that nothing names any more: no message that is kept, and no topic.

    named by messages that were forgotten ──────────┐
    all older than a day, at the start and hourly ──┴─► named? ─► hidden ─► named still? ─┬─► removed
                                                                                          └─► shown again

Who names a file while it is looked for is seen by the second look, as a hidden file has no link any more: so none goes
that a kept message names. What is forgotten by a hub that is killed before it took the file away is found by the look
at all, as is a file that was killed before it was said; what it left hidden is shown again (`files.Shelf`). Of those
that nobody was told about the day is for whoever has the link from a whisper, or from a page that is still open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from itertools import islice

from tincans.apps.chat.files import Shelf
from tincans.apps.chat.history import History
from tincans.apps.chat.links import files_in
from tincans.limits import CHAT_FORGET_MESSAGES, CHAT_TIDY_SECONDS, CHAT_UNNAMED_LOOK_SECONDS, CHAT_UNNAMED_SECONDS

logger = logging.getLogger(__name__)


class Tidying:
    """One hub's. `run` goes on until it is cancelled, and may leave files hidden then, which the next start shows."""

    def __init__(self, shelf: Shelf, history: History) -> None:
        self._shelf, self._history = shelf, history
        self._look_at = 0.0  # when all are looked at again, by the loop's time

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self.round(loop.time())
            except OSError as error:
                logger.warning("files that nothing names stay for now: %s", error)
            await asyncio.sleep(CHAT_TIDY_SECONDS)

    async def round(self, now: float) -> None:
        """Take away what may go. `now` is the loop's time. Raises `OSError`, and then some stay until all are looked
        at again."""
        if await self._history.unsearched():
            return  # nobody knows what is named
        files = self._history.forgotten()
        if now >= self._look_at:
            self._look_at = now + CHAT_UNNAMED_LOOK_SECONDS
            files |= await self._shelf.older(CHAT_UNNAMED_SECONDS)
        those = iter(files)
        while some := set(islice(those, CHAT_FORGET_MESSAGES)):
            await self._take_away(some)

    async def _take_away(self, files: Collection[str]) -> None:
        """Take away those of these files that nothing names."""
        try:
            hidden = await self._shelf.hide(await self._unnamed(files))
            gone = await self._unnamed(hidden)
        except OSError:
            await self._shelf.show(files)
            raise
        await self._shelf.show(hidden - gone)
        await self._shelf.remove(gone)

    async def _unnamed(self, files: Collection[str]) -> set[str]:
        """Those of these files that nothing names that was said before the call."""
        if not files:
            return set()
        found = await self._history.unnamed(files)
        if not found:
            return found
        topics = (room.topic.text for room in self._history.rooms.values() if room.topic is not None)
        return found.difference(*map(files_in, topics))
