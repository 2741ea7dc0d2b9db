from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

import pytest
from msgspec.structs import replace

from tincans.channel import Buffer, Side
from tincans.conversation import Conversation, Dropped, Entry, How, Opened, Opening, Said, Tap
from tincans.errors import JournalError
from tincans.journal import ALL, FORGOTTEN, Bounds, Changes, Filter, Passage, Place
from tincans.journal.memory import MemoryJournal, MemoryTap
from tincans.testing import check_journal, journal_clauses


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


class _Stale(MemoryJournal):
    """Tells of one conversation as it was when it was opened."""

    async def conversation(self, number: int) -> Conversation:
        opened = self._so_far(number)[0]
        assert isinstance(opened, Opened)
        return Conversation.from_opened(opened)


class _Miscounting(MemoryJournal):
    """Counts no more than the filter's limit."""

    async def count(self, which: Filter = ALL) -> int:
        return len(await self.conversations(which))


class _Newest(MemoryJournal):
    """Leafs from the newest on."""

    async def some(self, which: Filter, offset: int, limit: int) -> list[Conversation]:
        return (await self.conversations(which._replace(limit=None)))[::-1][offset : offset + limit]


class _Repeating(MemoryJournal):
    """Tells again what it has told."""

    async def changes(self, mark: int | None, limit: int) -> Changes:
        return await super().changes(None if mark is None else mark - 1, limit)


class _Hurried(MemoryJournal):
    """Tells the changes that came first, and the others the next time."""

    async def changes(self, mark: int | None, limit: int) -> Changes:
        if mark is None:
            return await super().changes(mark, limit)
        news = [(number, at + 1) for number, at in self._changed.items() if at >= mark][:limit]
        return Changes([await self.conversation(number) for number, _ in news], 0, news[-1][1] if news else mark)


class _Near(MemoryJournal):
    """Reads from one entry before the place."""

    async def entries(self, number: int, place: Place | None, count: int) -> list[Entry]:
        return self._so_far(number)[max(0, place.entry - 1 if place else 0) :][:count]


class _Sized(MemoryJournal):
    """Knows of what was dropped, and does not count it in its places."""

    async def places(self, number: int, every: int, start: Place | None = None) -> list[Place]:
        lost = sum(entry.count for entry in self._so_far(number) if isinstance(entry, Dropped))
        return [place._replace(server=place.server - lost) for place in await super().places(number, every, start)]


class _Restless(MemoryJournal):
    """Counts from the beginning, wherever it should start."""

    async def places(self, number: int, every: int, start: Place | None = None) -> list[Place]:
        return await super().places(number, every)


class _Skipping(MemoryJournal):
    """Goes on one entry too late."""

    async def passage(self, number: int, place: Place | None, size: int) -> Passage:
        entries, end = await super().passage(number, place, size)
        return Passage(entries, end._replace(entry=end.entry + 1, token=(end.token[0], end.token[1] + 1)))


class _Silent(MemoryJournal):
    """Does not say what was forgotten since the place was found."""

    async def entries(self, number: int, place: Place | None, count: int) -> list[Entry]:
        found = await super().entries(number, place, count)
        return [entry for entry in found if not (place and isinstance(entry, Dropped) and entry.reason == FORGOTTEN)]


@pytest.mark.parametrize(
    ("journal", "sentence"),
    [
        (_Greedy, "The oldest is dropped beyond the bound.*: the oldest conversation is still there"),
        (_Reversed, "Conversations are numbered 1, 2, 3"),
        (_Hasty, "All that a tap is told is read back"),
        (_Borrowing, "Bytes are kept as they were said.*: the bytes are others"),
        (_Modern, "A conversation of the past is kept as it was"),
        (_Credulous, "What is no conversation is refused.*is kept"),
        (_Raising, "Text that no encoding knows.*surrogates not allowed"),
        (_Stale, "One conversation is told as the list tells it"),
        (_Miscounting, "A part of the list is what the list has there.*: 1 is not 7"),
        (_Newest, "A part of the list is what the list has there"),
        (_Repeating, "Who asks what has changed is told of each conversation once"),
        (_Hurried, "Of too many changes those are told that came last"),
        (_Near, "From any place on the entries can be read"),
        (_Sized, "From any place on the entries can be read"),
        (_Restless, "As a conversation grows, its places go on from the last"),
        (_Skipping, "Passage by passage all is read"),
        (_Silent, "From a place that was forgotten on it is told how much that was"),
    ],
)
async def test_it_names_the_clause_that_is_broken(journal: type[MemoryJournal], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        await check_journal(journal)


async def test_it_names_the_clause_that_does_not_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, as on a busy machine any other would not finish in that time either."""
    alone = [each for each in journal_clauses.CLAUSES if "Who follows a conversation" in (each.__doc__ or "")]
    monkeypatch.setattr(journal_clauses, "CLAUSES", alone)
    with pytest.raises(AssertionError, match=r"Who follows a conversation.*: it did not finish"):
        await check_journal(_Asleep, patience=0.05)
