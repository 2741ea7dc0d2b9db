"""Conversations that have just become silent: of these the page says unasked who waits for whom.

Finding that out costs some milliseconds of another thread each, so it is done for STATES_A_SECOND of them at most,
those that spoke last, and the rest waits; and in between for so long that a tenth of the time is spent on it.
"""

from __future__ import annotations

from collections.abc import Iterable

from tincans.conversation import Conversation
from tincans.limits import READING_SECONDS, STATES_A_SECOND

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
