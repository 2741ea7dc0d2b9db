"""The two clocks, behind one name, so that a test can hold them still.

Records carry wall time in nanoseconds since the epoch (what a person reads); durations come from the loop.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, in integer nanoseconds since 1970-01-01 UTC."""

    def now(self) -> int: ...


class SystemClock:
    """The machine's own clock."""

    now = staticmethod(time.time_ns)


SYSTEM = SystemClock()
