"""How fast a member may speak: so many commands a second, and a burst of CHAT_BURST; what is too much waits unread.

It is a virtual clock, and so one number: when the next command would be due if all came evenly. Whoever is ahead of
real time by more than the burst waits for the difference; meanwhile nothing more of theirs is received, so what they
say fills the socket and then stops them, as a slow reader stops a writer.
"""

from __future__ import annotations

from tincans.limits import CHAT_BURST


class Pace:
    """One member's. `rate` is in commands a second; 0 for any number."""

    __slots__ = ("_ahead", "_due", "_step")

    def __init__(self, rate: int) -> None:
        self._step = 1 / rate if rate else 0.0
        self._ahead = CHAT_BURST * self._step  # seconds that one may be ahead
        self._due = 0.0

    def step(self, now: float) -> float:
        """Count one command at `now`, in seconds; how long to wait before it is acted upon."""
        self._due = max(self._due, now) + self._step
        return max(0.0, self._due - now - self._ahead)
