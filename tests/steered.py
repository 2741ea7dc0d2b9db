"""Conversations that a test steers by hand: recorders that have the controls, and the one talk of a register."""

from __future__ import annotations

import asyncio

from hearing import Heard, Hearing
from running import PATIENCE
from tincans.channel import Side
from tincans.conversation import Controls, Opening
from tincans.register import Register, Talk


class Steered(Heard):
    """One conversation that a test hears and steers. It wants no bulk, as the register of a program does not."""

    def __init__(self, opening: Opening, number: int) -> None:
        super().__init__(opening, number)
        self.controls: Controls | None = None
        self.curious = False
        self.begun = asyncio.Event()
        #: Whose words are held back from the first on.
        self.pauses: Side | None = None

    def steer(self, controls: Controls) -> None:
        self.controls = controls
        if self.pauses is not None:
            controls.pause(self.pauses)
        self.begun.set()

    @property
    def hand(self) -> Controls:
        assert self.controls is not None, "nobody gave the controls"
        return self.controls


class Steering(Hearing):
    """As `Hearing`, with the controls of every conversation, in which `pauses` is paused from the first word on."""

    def __init__(self, pauses: Side | None = None) -> None:
        super().__init__()
        self._pauses = pauses

    def begin(self, opening: Opening) -> Steered:
        steered = Steered(opening, opening.number or len(self.all) + 1)
        steered.pauses = self._pauses
        self.all.append(steered)
        return steered

    async def first(self) -> Steered:
        """The first conversation, once it can be steered."""
        async with asyncio.timeout(PATIENCE):
            while not self.all:
                await asyncio.sleep(0.001)
            first = self.all[0]
            assert isinstance(first, Steered)
            await first.begun.wait()
        return first


async def talking(register: Register) -> Talk:
    """The one talk, once it can be steered."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for talk in register.talks.values():
                if talk.controls is not None:
                    return talk
            await asyncio.sleep(0.005)
