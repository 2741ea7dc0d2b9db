"""The conversations that go on now in this program, recorded or not, and their controls: what a page shows live.

A `Register` is a recorder like the journal and the terminal. It stands directly behind the journal, so at its turn
`opening.number` is the journal's, or 0 where the conversation is not recorded; such a one gets a negative number here,
by which it can be asked for, and has none for those who come after.

Its tap is the `Talk` itself, which lies on the way of every message of every conversation. So it wants no bytes (bulk
stays out of this process), makes no entry of a message, and adds nothing up for all: `totals` does when it is asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tincans.channel import Buffer, Side
from tincans.clock import SYSTEM, Clock
from tincans.conversation import (
    Closed,
    Controls,
    Conversation,
    Ended,
    Entry,
    How,
    Joined,
    Noted,
    Opening,
    Secured,
)
from tincans.limits import JOINS_KEPT, OVER_KEPT

_CLIENT = Side.CLIENT


class Join(NamedTuple):
    """A relay's call of its target was answered: when, and how long after the client's, in nanoseconds."""

    at: int
    took: int


class Totals(NamedTuple):
    """How much was said ever, in all conversations together, and how many there are."""

    client_bytes: int = 0
    server_bytes: int = 0
    client_pieces: int = 0
    server_pieces: int = 0
    #: Conversations ever, and now.
    opened: int = 0
    open: int = 0


class Talk:
    """One conversation that goes on: a `SteeringTap` that keeps it."""

    __slots__ = ("_now", "_register", "controls", "conversation", "number")

    def __init__(self, register: Register, conversation: Conversation, number: int, now: Callable[[], int]) -> None:
        #: As a tap's: the journal's number, or 0. The conversation's own is never 0.
        self.number = number
        #: The live fold.
        self.conversation = conversation
        #: None before there is something to steer, and when it is over.
        self.controls: Controls | None = None
        self._register, self._now = register, now

    @property
    def recorded(self) -> bool:
        """Whether a journal has it, under the same number."""
        return self.number != 0

    def said(self, side: Side, data: Buffer) -> None:
        conversation = self.conversation
        if side is _CLIENT:
            conversation.client_bytes += len(data)
            conversation.client_pieces += 1
        else:
            conversation.server_bytes += len(data)
            conversation.server_pieces += 1
        conversation.last = self._now()

    def wants(self, side: Side) -> bool:
        return False

    def carried(self, side: Side, count: int) -> None:
        conversation = self.conversation
        if side is _CLIENT:
            conversation.client_bytes += count
            conversation.client_pieces += 1
        else:
            conversation.server_bytes += count
            conversation.server_pieces += 1
        conversation.last = self._now()

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None:
        at = self._now()
        self._fold(Joined(conversation=self.number, at=at, far=far, server=server, facts=dict(facts)))
        self._register.joins.append(Join(at, at - self.conversation.opened))

    def ended(self, side: Side) -> None:
        self._fold(Ended(conversation=self.number, at=self._now(), side=side))

    def noted(self, text: str) -> None:
        self._fold(Noted(conversation=self.number, at=self._now(), text=text))

    def secured(self, facts: Mapping[str, str]) -> None:
        self._fold(Secured(conversation=self.number, at=self._now(), facts=dict(facts)))

    def steer(self, controls: Controls) -> None:
        self.controls = controls

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        self._fold(Closed(conversation=self.number, at=self._now(), how=how, by=by, detail=detail))
        self.controls = None
        self._register.leave(self)

    def _fold(self, entry: Entry) -> None:
        self.conversation.fold(entry)


class Register:
    """A `Recorder` that knows the conversations which go on. All of it is the loop's thread's."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._now = clock.now
        self._talks: dict[int, Talk] = {}
        self._over: dict[int, Talk] = {}
        self._unrecorded = 0
        self._opened = 0
        self._before = Totals()  # of those that are over
        #: The latest joins, the oldest first.
        self.joins: deque[Join] = deque(maxlen=JOINS_KEPT)

    def begin(self, opening: Opening) -> Talk:
        number = opening.number
        if not number:
            self._unrecorded += 1
        key = number or -self._unrecorded
        self._opened += 1
        talk = Talk(self, Conversation.from_opened(opening.opened(key, self._now())), number, self._now)
        self._talks[key] = talk
        return talk

    @property
    def talks(self) -> Mapping[int, Talk]:
        """Those that go on, by number, the oldest first: a view that changes as they come and go."""
        return MappingProxyType(self._talks)

    @property
    def over(self) -> Mapping[int, Talk]:
        """The last OVER_KEPT unrecorded ones that closed, by number, the oldest first: nobody else remembers them."""
        return MappingProxyType(self._over)

    @property
    def totals(self) -> Totals:
        """Added up now, from all that go on."""
        client_bytes, server_bytes, client_pieces, server_pieces, *_ = self._before
        for talk in self._talks.values():
            told = talk.conversation
            client_bytes += told.client_bytes
            server_bytes += told.server_bytes
            client_pieces += told.client_pieces
            server_pieces += told.server_pieces
        return Totals(client_bytes, server_bytes, client_pieces, server_pieces, self._opened, len(self._talks))

    def leave(self, talk: Talk) -> None:
        """A talk is over."""
        told = talk.conversation
        if self._talks.pop(told.number, None) is None:
            return
        before = self._before
        self._before = Totals(
            before.client_bytes + told.client_bytes,
            before.server_bytes + told.server_bytes,
            before.client_pieces + told.client_pieces,
            before.server_pieces + told.server_pieces,
        )
        if not talk.recorded:
            self._over[told.number] = talk
            if len(self._over) > OVER_KEPT:
                del self._over[next(iter(self._over))]
