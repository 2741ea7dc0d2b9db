"""How much was said when in one conversation, in CHART_STEPS steps at most, each as long as the others.

It is made of places, which the journal finds without reading what was said: between two of them lie bytes of both
sides, said until the second's time. Where there are more entries than TIMELINE_PLACES, several lie between two; their
bytes are exact, and how many pieces of them are whose is taken to be as in the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from tincans.conversation import Conversation
from tincans.journal import Journal, Place
from tincans.limits import CHART_STEPS, TIMELINE_PLACES
from tincans.watch.answers import Seconds
from tincans.watch.reels import Run
from tincans.watch.shapes import Second, micros

#: No step is shorter than a millisecond, which is about what a machine takes to answer.
_SHORTEST = 1000


async def timeline(journal: Journal, number: int, run: Run) -> Seconds:
    """From when it opened to when something last happened. Raises `NoSuchConversation`."""
    conversation = await journal.conversation(number)
    pieces = conversation.client_pieces + conversation.server_pieces
    places = await journal.places(number, 1 + pieces // TIMELINE_PLACES)
    return await run(lambda: drawn(conversation, places))


def drawn(conversation: Conversation, places: Iterable[Place]) -> Seconds:
    """The chart, of the conversation's places in their order."""
    opened = micros(conversation.opened)
    length = max(0, micros(conversation.last) - opened)
    step = step_of(length)
    steps = [_Step() for _ in range(length // step + 1)]

    def at(time: int) -> _Step:
        return steps[min(max(0, micros(time) - opened) // step, len(steps) - 1)]

    for before, after in pairwise(places):
        at(after.at).add(before, after, _share(conversation))
    at(conversation.opened).opened = 1
    if conversation.joined is not None:
        at(conversation.joined).opening = (conversation.joined - conversation.opened) / 1e6
    closed = len(steps) - 1 if conversation.closed is not None else len(steps)
    return Seconds(step=step, seconds=list(_seconds(steps, opened, step, closed)))


def step_of(length: int) -> int:
    """How long a step is, in microseconds: 1, 2 or 5 of a decimal unit, so that CHART_STEPS hold more than `length`."""
    unit = _SHORTEST
    while True:
        for count in (1, 2, 5):
            if length // (unit * count) < CHART_STEPS:
                return unit * count
        unit *= 10


class _Step:
    """What happened in one of them."""

    __slots__ = ("client_bytes", "client_pieces", "opened", "opening", "pieces", "server_bytes")

    def __init__(self) -> None:
        self.client_bytes = self.server_bytes = self.pieces = self.opened = 0
        self.client_pieces = 0.0
        self.opening: float | None = None

    def add(self, before: Place, after: Place, share: float) -> None:
        """What was said between two places; `share` of all pieces are the client's."""
        client, server = after.client - before.client, after.server - before.server
        self.client_bytes += client
        self.server_bytes += server
        pieces = after.entry - before.entry if client or server else 0
        mine = share if client and server else 1.0 if client else 0.0
        self.pieces += pieces
        self.client_pieces += pieces * mine


def _share(conversation: Conversation) -> float:
    pieces = conversation.client_pieces + conversation.server_pieces
    return conversation.client_pieces / pieces if pieces else 0.0


def _seconds(steps: list[_Step], opened: int, step: int, closed: int) -> Iterator[Second]:
    """The steps as shapes; from the one with the number `closed` on it is not open at the end."""
    rest = 0.0  # of a piece that was not counted yet
    for number, each in enumerate(steps):
        mine = min(each.pieces, max(0, round(each.client_pieces + rest)))
        rest += each.client_pieces - mine
        yield Second(
            at=opened + number * step, client_bytes=each.client_bytes, server_bytes=each.server_bytes,
            client_pieces=mine, server_pieces=each.pieces - mine,
            open=int(number < closed), opened=each.opened, opening=each.opening,
        )  # fmt: skip
