"""What happens in a transfer, told to whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple


class Deed(Enum):
    """What is done with a file."""

    #: It is one of a tree's: what is to come of it follows.
    FOUND = "found"
    BEGUN = "begun"
    MOVED = "moved"
    DONE = "done"
    #: It is the same at both ends, or it is none that can be transferred: a link to a folder, a device.
    SAME = "same"
    SKIPPED = "skipped"
    REMOVED = "removed"
    FAILED = "failed"


class Step(NamedTuple):
    """One step of a transfer."""

    deed: Deed
    #: The file's path from the top of what is transferred; hostile, where a server named it.
    name: str
    #: Bytes: moved since the last step (BEGUN: there already), or all of them (DONE).
    amount: int = 0
    #: Bytes of the whole file; None where that is not known.
    size: int | None = None
    #: Why it FAILED or was SKIPPED, in a sentence; how it was DONE, where that is not as always.
    reason: str = ""


#: Is told of every step, in the loop: it must be quick, and not raise.
Progress = Callable[[Step], None]


class Result(NamedTuple):
    """What came of a transfer: how many files, and bytes of those that were transferred."""

    files: int = 0
    bytes: int = 0
    same: int = 0
    skipped: int = 0
    removed: int = 0
    failed: int = 0


class Telling:
    """Tells steps on, and counts them."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._counts = dict.fromkeys(Deed, 0)
        self._bytes = 0

    def tell(self, deed: Deed, name: str, amount: int = 0, size: int | None = None, reason: str = "") -> None:
        self._counts[deed] += 1
        if deed is Deed.MOVED:
            self._bytes += amount
        if self._progress is not None:
            self._progress(Step(deed, name, amount, size, reason))

    @property
    def result(self) -> Result:
        counts = self._counts
        return Result(
            counts[Deed.DONE], self._bytes, counts[Deed.SAME], counts[Deed.SKIPPED], counts[Deed.REMOVED],
            counts[Deed.FAILED],
        )  # fmt: skip
