"""The lookout asks at its own pace, tells what changed, and goes on whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from running import PATIENCE, POLL
from tincans.conversation import How, Kind, Opening
from tincans.errors import JournalError
from tincans.journal import Bounds, Changes
from tincans.journal.memory import MemoryJournal
from tincans.limits import LOOK_CHANGES, LOOK_FLOOD, LOOK_FLOOD_SECONDS, LOOK_OVER, LOOK_REST, LOOK_SECONDS
from tincans.register import Register
from tincans.watch import lookout as module
from tincans.watch.lookout import Lookout
from tincans.watch.watched import Watched

OPENING = Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2")


async def until(lookout: Lookout, mark: int) -> int:
    """The next revision after `mark`."""
    async with asyncio.timeout(PATIENCE):
        await lookout.news(mark)
    return lookout.revision


def numbers(lookout: Lookout, mark: int) -> Sequence[int]:
    return [number for number, _ in lookout.rows.since(mark)]


async def test_what_changed_has_a_new_revision_and_what_did_not_has_none() -> None:
    journal = MemoryJournal()
    tap = journal.begin(OPENING)
    async with Lookout(Watched(journal)) as lookout:
        with lookout.looked_at():
            first = await until(lookout, 0)
            assert (numbers(lookout, 0), lookout.total, lookout.open) == ([1], 1, 1)
            tap.noted("something")
            while not numbers(lookout, first):
                await until(lookout, lookout.revision)
            assert lookout.rows.revision(1) > first


async def test_of_too_many_changes_the_rest_is_counted() -> None:
    journal = MemoryJournal()
    async with Lookout(Watched(journal)) as lookout:
        await until(lookout, 0)
        for _ in range(LOOK_CHANGES + 1):
            journal.begin(OPENING)
        with lookout.looked_at():
            while lookout.left_out == 0:
                await until(lookout, lookout.revision)
        assert (lookout.left_out, len(lookout.rows)) == (1, LOOK_CHANGES)


async def test_of_those_that_are_over_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_CHANGES", LOOK_OVER + 10)
    journal = MemoryJournal()
    async with Lookout(Watched(journal)) as lookout:
        await until(lookout, 0)
        journal.begin(OPENING)
        for _ in range(LOOK_OVER + 1):
            journal.begin(OPENING).closed(How.FINISHED)
        with lookout.looked_at():
            while not len(lookout.rows):
                await until(lookout, lookout.revision)
        assert len(lookout.rows) == 1 + LOOK_OVER
        assert lookout.rows.get(1) is not None, "it is open"
        assert lookout.rows.get(2) is None, "it was over first"


async def test_what_the_journal_forgot_is_gone() -> None:
    journal = MemoryJournal(Bounds(total=3000))
    async with Lookout(Watched(journal)) as lookout:
        await until(lookout, 0)
        with lookout.looked_at():
            journal.begin(OPENING).closed(How.FINISHED)
            while lookout.rows.get(1) is None:
                await until(lookout, lookout.revision)
            for _ in range(20):
                journal.begin(OPENING).closed(How.FINISHED)
            while 1 not in dict(lookout.gone.since(0)):
                await until(lookout, lookout.revision)
        assert lookout.rows.get(1) is None


async def test_one_whose_end_was_left_out_is_seen_to_be_over() -> None:
    journal = MemoryJournal()
    async with Lookout(Watched(journal)) as lookout:
        with lookout.looked_at():
            await until(lookout, 0)
            tap = journal.begin(OPENING)
            while lookout.rows.get(1) is None:
                await until(lookout, lookout.revision)
            tap.closed(How.FINISHED)
            for _ in range(LOOK_CHANGES):
                journal.begin(OPENING)
            while (standing := lookout.rows.get(1)) is None or standing.told.closed is None:
                await until(lookout, lookout.revision)
            assert lookout.left_out == 1


async def test_what_is_not_recorded_is_known_from_the_register_and_gone_when_nobody_remembers() -> None:
    register = Register()
    async with Lookout(Watched(MemoryJournal(), register=register)) as lookout:
        with lookout.looked_at():
            await until(lookout, 0)
            tap = register.begin(OPENING)
            while lookout.rows.get(-1) is None:
                await until(lookout, lookout.revision)
            assert lookout.total == 0, "it is not recorded"
            tap.closed(How.FINISHED)
            while (standing := lookout.rows.get(-1)) is None or standing.told.closed is None:
                await asyncio.sleep(POLL)
            for _ in range(300):
                register.begin(OPENING).closed(How.FINISHED)
            while -1 not in dict(lookout.gone.since(0)):
                await until(lookout, lookout.revision)


class _Breaking(MemoryJournal):
    """A journal that cannot be read now and then."""

    error: Exception | None = None

    async def changes(self, mark: int | None, limit: int) -> Changes:
        if self.error is not None:
            raise self.error
        return await super().changes(mark, limit)


@pytest.mark.parametrize(
    ("error", "told"), [(JournalError("no disk"), "no disk"), (ZeroDivisionError(), "this is a mistake in tincans")]
)
async def test_what_goes_wrong_is_a_trouble_until_it_is_well(
    error: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal = _Breaking()
    async with Lookout(Watched(journal)) as lookout:
        with lookout.looked_at():
            await until(lookout, 0)
            journal.error = error
            while lookout.trouble[1] is None:
                await until(lookout, lookout.revision)
            assert lookout.trouble[1].error == told
            journal.error = None
            troubled = lookout.trouble[0]
            while lookout.trouble[0] == troubled:
                await until(lookout, lookout.revision)
            assert lookout.trouble[1:] == (None,)
    logged = [each for each in caplog.records if each.levelname == "ERROR"]
    assert len(logged) == (0 if isinstance(error, JournalError) else 1), "once, and not at every look"


@pytest.mark.parametrize(("changed", "seconds"), [(LOOK_FLOOD, LOOK_SECONDS), (LOOK_FLOOD + 1, LOOK_FLOOD_SECONDS)])
async def test_a_flood_is_looked_at_less_often(monkeypatch: pytest.MonkeyPatch, changed: int, seconds: float) -> None:
    rests: list[float] = []

    async def rest(self: Lookout, seconds: float) -> None:
        rests.append(seconds)
        await asyncio.Event().wait()

    monkeypatch.setattr(Lookout, "_rest", rest)
    monkeypatch.setattr(module, "LOOK_REST", 0)
    journal = MemoryJournal()
    for _ in range(changed):
        journal.begin(Opening(kind=Kind.RELAY, client="tcp://127.0.0.1:50312", server="tcp://127.0.0.1:7707"))
    async with Lookout(Watched(journal)) as lookout:
        with lookout.looked_at():
            while not rests:
                await asyncio.sleep(0)
    assert rests == [seconds]


async def test_it_rests_so_many_times_as_long_as_looking_took(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []

    async def rest(self: Lookout, seconds: float) -> None:
        rests.append(seconds / max(self.took, 1e-9))
        await asyncio.sleep(0)

    monkeypatch.setattr(Lookout, "_rest", rest)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0)
    monkeypatch.setattr(module, "IDLE_LOOK_SECONDS", 0)
    async with Lookout(Watched(MemoryJournal())):
        while len(rests) < 5:
            await asyncio.sleep(0)
    assert all(abs(each - LOOK_REST) < 1e-6 for each in rests)
