"""How much was said in each second: what the charts are drawn of, for the last ten minutes.

It is told conversations as they change, and counts how much more has been said in each than was told before; so nothing
of the traffic is touched for it. A conversation that was open before the chart began counts from then on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from statistics import median

from tincans.conversation import Conversation
from tincans.limits import CHART_SECONDS
from tincans.watch.shapes import Second

_SECOND = 1_000_000_000
_Counts = tuple[int, int, int, int]
_NONE: _Counts = (0, 0, 0, 0)


class Chart:
    """The seconds that have ended, and the one that goes on."""

    def __init__(self, now: int) -> None:
        self.seconds: deque[Second] = deque(maxlen=CHART_SECONDS)
        self._began = now
        #: When the second began that goes on.
        self._at = now - now % _SECOND
        self._counts: dict[int, _Counts] = {}
        self._joined: set[int] = set()
        self._clear()

    def _clear(self) -> None:
        self._said = list(_NONE)
        self._opened = 0
        self._openings: list[float] = []

    def begin(self, conversations: Iterable[Conversation]) -> None:
        """Those that are open when it begins: what they have said until now is not counted."""
        for each in conversations:
            self._counts[each.number] = _counts(each)
            if each.joined is not None:
                self._joined.add(each.number)

    def begin_again(self) -> None:
        """What comes next are other conversations, whatever their numbers."""
        self._counts.clear()
        self._joined.clear()

    def take(self, conversations: Iterable[Conversation]) -> None:
        """Those in which something happened."""
        for each in conversations:
            self._take(each)

    def _take(self, told: Conversation) -> None:
        before = self._counts.get(told.number)
        counts = _counts(told)
        if before is None:
            # One that was open before, and of which nothing is known: what it said then is nobody's second.
            before = _NONE if told.opened >= self._began else counts
            self._opened += told.opened >= self._began
        for place, (now, then) in enumerate(zip(counts, before, strict=True)):
            self._said[place] += max(0, now - then)
        if told.joined is not None and told.number not in self._joined and told.joined >= self._began:
            self._joined.add(told.number)
            self._openings.append((told.joined - told.opened) / 1e6)
        if told.closed is None:
            self._counts[told.number] = counts
        else:
            self._counts.pop(told.number, None)
            self._joined.discard(told.number)

    def is_over(self, now: int) -> bool:
        """Whether the second has ended that went on."""
        return now >= self._at + _SECOND

    def end(self, now: int, open_now: int) -> list[Second]:
        """End the seconds that are over: all that was told since falls into the first, and gives the new ones.

        `open_now` is how many conversations there are open.
        """
        ended: list[Second] = []
        while self.is_over(now) and len(ended) < CHART_SECONDS:
            ended.append(self._ended(open_now))
            self._clear()
            self._at += _SECOND
        if self.is_over(now):  # the machine slept
            self._at = now - now % _SECOND
        self.seconds.extend(ended)
        return ended

    def _ended(self, open_now: int) -> Second:
        client_bytes, server_bytes, client_pieces, server_pieces = self._said
        return Second(
            at=self._at // 1000, client_bytes=client_bytes, server_bytes=server_bytes, client_pieces=client_pieces,
            server_pieces=server_pieces, open=open_now, opened=self._opened,
            opening=median(self._openings) if self._openings else None,
        )  # fmt: skip


def _counts(told: Conversation) -> _Counts:
    return told.client_bytes, told.server_bytes, told.client_pieces, told.server_pieces
