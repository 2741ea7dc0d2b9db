"""What was said, with its secrets hidden: a `*` in the place of every one of their bytes.

Which bytes are secret is known when the event is whole that they belong to, and that may be long after they were said.
So a conversation is gone through twice: first it is looked at, then it is given again, each entry as large as it was.
Between the two only the places of the secrets are kept, in 16 bytes each.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from msgspec.structs import replace

from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Entry, How, Opened, Said
from tincans.decoding import Decoding, Heard
from tincans.text import starred


class Hiding:
    """Hides the secrets of one conversation: tell `look` all of it, then `look_no_more`, then `hide` all of it."""

    def __init__(self, protocol: str = "") -> None:
        """`protocol` as `Decoding` takes it."""
        self._protocol = protocol
        self._decoding: Decoding | None = None
        self._places = {side: _Places() for side in Side}
        #: Bytes of each side that were looked at, and that were given.
        self._seen = dict.fromkeys(Side, 0)
        self._given = dict.fromkeys(Side, 0)

    @property
    def count(self) -> int:
        """How many secrets there are."""
        return sum(places.count for places in self._places.values())

    def look(self, entry: Entry) -> None:
        """What happened next."""
        if isinstance(entry, Opened):
            self._decoding = Decoding(entry, self._protocol)
        if isinstance(entry, Said | Dropped):
            self._seen[entry.side] += _size(entry)
        assert self._decoding is not None  # `Opened` comes first
        self._note(self._decoding.take(entry))

    def look_no_more(self) -> None:
        """That was all. What is not whole is taken for what it is until now."""
        if self._decoding is not None:
            self._note(self._decoding.take(Closed(conversation=0, at=0, how=How.LOST)))
            self._note(self._decoding.close())

    def _note(self, told: Iterable[Heard | Entry]) -> None:
        for each in told:
            if isinstance(each, Heard) and each.event.hidden:
                self._places[each.event.side].add(each.event.hidden)

    def hide(self, entry: Entry) -> Entry | None:
        """The entry without a secret; None where it was not looked at, so that nobody knows."""
        if not isinstance(entry, Said | Dropped):
            return entry
        start = self._given[entry.side]
        self._given[entry.side] = end = start + _size(entry)
        if end > self._seen[entry.side]:
            return None
        if isinstance(entry, Dropped):
            return entry
        data = self._places[entry.side].hidden(entry.data, start)
        return entry if data is entry.data else replace(entry, data=data)


def _size(entry: Said | Dropped) -> int:
    return len(entry.data) if isinstance(entry, Said) else entry.count


class _Places:
    """Where in one side's stream the secrets are, in their order: where each begins, and behind its end."""

    def __init__(self) -> None:
        self._bounds = array("Q")
        self._next = 0  # of the bounds: what comes before was given

    @property
    def count(self) -> int:
        return len(self._bounds) // 2

    def add(self, spans: Iterable[tuple[int, int]]) -> None:
        for start, end in sorted(spans):
            if self._bounds and start <= self._bounds[-1]:
                self._bounds[-1] = max(end, self._bounds[-1])
            else:
                self._bounds.extend((start, end))

    def hidden(self, data: bytes, start: int) -> bytes:
        """`data`, which begins at `start`, with stars; itself where it has no secret."""
        bounds, end = self._bounds, start + len(data)
        while self._next < len(bounds) and bounds[self._next + 1] <= start:
            self._next += 2
        behind = self._next
        while behind < len(bounds) and bounds[behind] < end:
            behind += 2
        if behind == self._next:
            return data
        return starred(data, start, ((bounds[at], bounds[at + 1]) for at in range(self._next, behind, 2)))
