from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

import pytest
from msgspec.structs import replace

from tincans.channel import Buffer, Side
from tincans.conversation import Conversation, Entry, How, Opening, Said, Tap
from tincans.errors import JournalError
from tincans.journal import ALL, Bounds, Filter
from tincans.journal.memory import MemoryJournal, MemoryTap
from tincans.testing import check_journal


class _Greedy(MemoryJournal):
    """Keeps more than it may."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__(bounds._replace(total=bounds.total * 10))


class _Reversed(MemoryJournal):
    async def conversations(self, which: Filter = ALL) -> list[Conversation]:
        return (await super().conversations(which))[::-1]


class _Hasty(MemoryJournal):
    """Reads without the last entry."""

    async def read(self, number: int, *, start: int = 0) -> AsyncGenerator[Entry]:
        for entry in self._so_far(number)[start:-1]:
            yield entry


class _Asleep(MemoryJournal):
    """Tells nobody of news."""

    async def _follow(self, number: int | None, position: int) -> AsyncGenerator[Entry]:
        if number is not None:
            for entry in self._so_far(number):
                yield entry
        await asyncio.Event().wait()


class _Borrowing(MemoryJournal):
    """Keeps the speaker's own buffer."""

    def begin(self, opening: Opening) -> Tap:
        super().begin(opening)
        return _BorrowingTap(self, self._newest)


class _BorrowingTap(MemoryTap):
    def said(self, side: Side, data: Buffer) -> None:
        entry = Said(conversation=self.number, at=self._journal.now(), side=side, data=data)  # type: ignore[arg-type]
        self._journal.add(entry)


class _Raising(MemoryJournal):
    def begin(self, opening: Opening) -> Tap:
        super().begin(opening)
        return _RaisingTap(self, self._newest)


class _RaisingTap(MemoryTap):
    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        detail.encode()
        super().closed(how, by, detail)


class _Modern(MemoryJournal):
    """Takes what it adopts for something new."""

    async def adopt(self, entries: Iterable[Entry]) -> int:
        return await super().adopt(replace(entry, at=self.now()) for entry in entries)


class _Credulous(MemoryJournal):
    """Adopts anything."""

    async def adopt(self, entries: Iterable[Entry]) -> int:
        try:
            return await super().adopt(entries)
        except JournalError:
            return 0


@pytest.mark.parametrize(
    ("journal", "sentence"),
    [
        (_Greedy, "The oldest is dropped beyond the bound.*: the oldest conversation is still there"),
        (_Reversed, "Conversations are numbered 1, 2, 3"),
        (_Hasty, "All that a tap is told is read back"),
        (_Asleep, "Who follows a conversation.*: it did not finish"),
        (_Borrowing, "Bytes are kept as they were said.*: the bytes are others"),
        (_Modern, "A conversation of the past is kept as it was"),
        (_Credulous, "What is no conversation is refused.*is kept"),
        (_Raising, "Text that no encoding knows.*surrogates not allowed"),
    ],
)
async def test_it_names_the_clause_that_is_broken(journal: type[MemoryJournal], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        await check_journal(journal, patience=0.5)
