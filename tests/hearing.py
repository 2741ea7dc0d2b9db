"""A recorder that remembers what it was told, for tests to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tincans.channel import Buffer, Side
from tincans.conversation import How, Opening


class Heard:
    """One conversation as its tap was told it."""

    def __init__(self, opening: Opening, number: int) -> None:
        self.opening, self.number = opening, number
        self.words: dict[Side, bytearray] = {Side.CLIENT: bytearray(), Side.SERVER: bytearray()}
        self.pieces: list[tuple[Side, bytes]] = []
        self.counted: dict[Side, int] = {Side.CLIENT: 0, Side.SERVER: 0}
        self.join: tuple[str, str, dict[str, str]] | None = None
        self.ends: list[Side] = []
        self.notes: list[str] = []
        self.security: list[dict[str, str]] = []
        self.outcome: tuple[How, Side | None, str] | None = None
        self.over = asyncio.Event()
        #: What `wants` answers.
        self.curious = True

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None:
        self.join = far, server, dict(facts)

    def said(self, side: Side, data: Buffer) -> None:
        self.words[side] += data
        self.pieces.append((side, bytes(data)))

    def wants(self, side: Side) -> bool:
        return self.curious

    def carried(self, side: Side, count: int) -> None:
        self.counted[side] += count

    def ended(self, side: Side) -> None:
        self.ends.append(side)

    def noted(self, text: str) -> None:
        self.notes.append(text)

    def secured(self, facts: Mapping[str, str]) -> None:
        self.security.append(dict(facts))

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        assert self.outcome is None, "told the end twice"
        self.outcome = how, by, detail
        self.over.set()


class Hearing:
    """Every conversation that began, in order."""

    def __init__(self) -> None:
        self.all: list[Heard] = []

    def begin(self, opening: Opening) -> Heard:
        heard = Heard(opening, opening.number or len(self.all) + 1)
        self.all.append(heard)
        return heard
