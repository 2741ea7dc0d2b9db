"""How much of what one side says is shown: so much of a turn, and so much of a second.

A slow stream is shown whole, a long one as how it begins, and two that cross do not flood the screen.
"""

from __future__ import annotations

from typing import NamedTuple

SECOND = 1.0


class Bounds(NamedTuple):
    """How many bytes of a turn are shown, and of all that one side says in a second."""

    turn: int
    second: int


class Voice:
    """What is left of the bounds."""

    __slots__ = ("_bounds", "cut", "left", "room", "since")

    def __init__(self, now: int, bounds: Bounds) -> None:
        self._bounds = bounds
        self.since = now  # when its second began, in nanoseconds
        self.left = bounds.second
        self.room = bounds.turn
        #: How much was not shown and not yet told: for whoever shows it.
        self.cut = 0

    def begin_turn(self, now: int) -> None:
        """It speaks after the other, or about something else."""
        if self.is_over(now):
            self.since, self.left = now, self._bounds.second
        self.room = min(self._bounds.turn, self.left)

    def is_over(self, now: int) -> bool:
        """Whether its second is."""
        return now - self.since > SECOND * 1e9

    def spend(self, count: int) -> int:
        """How many of `count` bytes are shown."""
        shown = min(count, self.room)
        self.room -= shown
        self.left -= shown
        return shown
