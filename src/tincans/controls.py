"""What a person may do to a conversation that goes on: the checks and the notes, whatever it is that carries it.

A conversation has two *ways*: what the client says, and what the server says. What can be done to one is a `Way`, and
there are three of them, since there are three who carry:

    Pipe            relays/pipe.py    two plain sockets: the pipe of that direction itself
    HeldChannel     held.py           a pump, and an app that hears: what may be received is held back
    Voice           shared.py         an app that answers: its words and those said by hand take turns

A `Hand` is the two of them as one conversation's `Controls`. There is one only where a tap asks for it (`SteeringTap`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tincans.channel import Side
from tincans.conversation import How, Tap, steering_taps
from tincans.errors import CannotSteer
from tincans.recording import Outcome

#: How a conversation ends that was reset by hand.
RESET = Outcome(How.RESET, None, "by hand")


class Way(Protocol):
    """One direction of a conversation, as it can be steered. Who calls has made sure that it goes on."""

    #: How few and how many bytes can be said at once.
    least: int
    most: int

    @property
    def paused(self) -> bool:
        """Whether what the side says is held back."""

    @property
    def ended(self) -> bool:
        """Whether the side has ended what it says."""

    def pause(self) -> None:
        """Pass nothing more on. What has been taken in already may still go out."""

    def resume(self) -> None:
        """Pass on again."""

    async def say(self, data: bytes, told: Callable[[], None]) -> None:
        """Say `data` when it is its turn, paused or not; `told` is called directly before the taps hear of it.

        Returns when it was accepted. Cancelling does not take it back. Raises `CannotSteer` where an earlier one still
        waits, or the conversation is over first.
        """

    async def end(self) -> None:
        """End what the side says, behind all that was taken in. Raises `CannotSteer`."""


class Hand:
    """The controls of one conversation from `offer` to `withdraw`, which a `with` block begins and ends with."""

    __slots__ = ("_is_over", "_reset", "_taps", "_turned", "client", "server")

    def __init__(self, client: Way, server: Way, taps: Sequence[Tap], reset: Callable[[], None]) -> None:
        """The ways of both sides; `reset` resets both channels, after which the conversation's end is `RESET`."""
        self.client, self.server = client, server
        self._taps, self._reset = taps, reset
        self._is_over = False
        self._turned: Hand | None = None

    def offer(self) -> None:
        """There is something to steer."""
        for tap in steering_taps(self._taps):
            tap.steer(self)

    def withdraw(self) -> None:
        """The conversation is over."""
        self._is_over = True
        if self._turned is not None:
            self._turned.withdraw()

    def __enter__(self) -> None:
        self.offer()

    def __exit__(self, *_: object) -> None:
        self.withdraw()

    @property
    def paused(self) -> frozenset[Side]:
        return frozenset(side for side in Side if self._of(side).paused and not self._of(side).ended)

    async def say(self, side: Side, data: bytes) -> None:
        way = self._going_on(side)
        if not way.least <= len(data) <= way.most:
            raise CannotSteer(f"{way.least} to {way.most} bytes can be said at once here, and not {len(data)}")
        text = f"what follows was said by hand, as the {side.value}: {len(data)} B"
        await way.say(data, lambda: self._note(text))

    def pause(self, side: Side) -> None:
        way = self._going_on(side)
        if not way.paused:
            self._note(f"by hand: what the {side.value} says is held back from here on")
            way.pause()

    def resume(self, side: Side) -> None:
        way = self._going_on(side)
        if way.paused:
            self._note(f"by hand: what the {side.value} says is passed on again")
            way.resume()

    async def end(self, side: Side) -> None:
        way = self._going_on(side)
        self._note(f"by hand: the {side.other.value} is told that the {side.value} has ended")
        await way.end()

    def reset(self) -> None:
        if self._is_over:
            raise _over()
        self._note("by hand: both channels are reset")
        self._reset()

    def turned(self) -> Hand:
        """The controls for somebody to whom the client is the server."""
        if self._turned is None:
            self._turned = Hand(self.server, self.client, self._taps, self._reset)
        return self._turned

    def _of(self, side: Side) -> Way:
        return self.client if side is Side.CLIENT else self.server

    def _going_on(self, side: Side) -> Way:
        """The way of that side, if there is something to do to it."""
        if self._is_over:
            raise _over()
        way = self._of(side)
        if way.ended:
            raise CannotSteer(f"the {side.value} has ended what it says")
        return way

    def _note(self, text: str) -> None:
        for tap in self._taps:
            tap.noted(text)


def _over() -> CannotSteer:
    return CannotSteer("the conversation is over")
