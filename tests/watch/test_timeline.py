"""How much was said when: all of it is in one step, and there are no more steps than may be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Entry, How, Joined, Kind, Opened, Said
from tincans.errors import NoSuchConversation
from tincans.journal.memory import MemoryJournal
from tincans.limits import CHART_STEPS
from tincans.watch import timeline as module
from tincans.watch.reels import Run
from tincans.watch.timeline import step_of, timeline

AT = 1_790_000_000_000_000_000
MILLISECOND = 1_000_000


@pytest.fixture
def run() -> Iterator[Run]:
    run = Run()
    yield run
    run.close()


@pytest.fixture
async def journal() -> AsyncIterator[MemoryJournal]:
    journal = MemoryJournal()
    yield journal
    await journal.aclose()


def opened() -> Opened:
    return Opened(conversation=1, at=AT, kind=Kind.RELAY, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:7")


def said(milliseconds: int, side: Side, size: int = 1) -> Said:
    return Said(conversation=1, at=AT + milliseconds * MILLISECOND, side=side, data=bytes(size))


def closed(milliseconds: int) -> Closed:
    return Closed(conversation=1, at=AT + milliseconds * MILLISECOND, how=How.FINISHED)


async def test_what_was_said_is_in_its_step(journal: MemoryJournal, run: Run) -> None:
    entries: list[Entry] = [
        opened(),
        Joined(conversation=1, at=AT + 2 * MILLISECOND, far="", server=""),
        said(2, Side.CLIENT, 10), said(2, Side.CLIENT, 5), said(4, Side.SERVER, 7),
        Dropped(conversation=1, at=AT + 4 * MILLISECOND, side=Side.SERVER, count=100, reason=""),
        closed(5),
    ]  # fmt: skip
    chart = await timeline(journal, await journal.adopt(entries), run)
    assert chart.step == 1000
    assert [second.at - AT // 1000 for second in chart.seconds] == [0, 1000, 2000, 3000, 4000, 5000]
    assert [second.client_bytes for second in chart.seconds] == [0, 0, 15, 0, 0, 0]
    assert [second.client_pieces for second in chart.seconds] == [0, 0, 2, 0, 0, 0]
    assert [second.server_bytes for second in chart.seconds] == [0, 0, 0, 0, 107, 0]
    assert [second.open for second in chart.seconds] == [1, 1, 1, 1, 1, 0]
    assert [second.opened for second in chart.seconds] == [1, 0, 0, 0, 0, 0]
    assert [second.opening for second in chart.seconds] == [None, None, 2.0, None, None, None]


async def test_of_a_long_one_several_entries_are_told_together(
    journal: MemoryJournal, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries: list[Entry] = [opened()]
    entries += [said(number, Side.CLIENT if number % 3 else Side.SERVER, 1 + number % 3) for number in range(900)]
    number = await journal.adopt([*entries, closed(900)])
    exact = await timeline(journal, number, run)
    monkeypatch.setattr(module, "TIMELINE_PLACES", 100)
    rough = await timeline(journal, number, run)
    for chart in (exact, rough):
        assert chart.step == 5000
        assert sum(second.client_bytes for second in chart.seconds) == 300 * 2 + 300 * 3
        assert sum(second.server_bytes for second in chart.seconds) == 300
        assert sum(second.client_pieces for second in chart.seconds) == pytest.approx(600, abs=30)
        assert sum(second.server_pieces for second in chart.seconds) == pytest.approx(300, abs=30)
    assert sum(second.client_pieces for second in exact.seconds) == 600


async def test_one_in_which_nothing_was_said(journal: MemoryJournal, run: Run) -> None:
    chart = await timeline(journal, await journal.adopt([opened(), closed(0)]), run)
    assert [(second.client_bytes, second.open) for second in chart.seconds] == [(0, 0)]
    with pytest.raises(NoSuchConversation):
        await timeline(journal, 99, run)


@given(st.integers(min_value=0, max_value=10**15))
def test_the_steps_are_as_short_as_may_be(length: int) -> None:
    step = step_of(length)
    assert length // step + 1 <= CHART_STEPS
    assert step.__str__().rstrip("0") in ("1", "2", "5")


def test_so_many_steps_and_not_one_more() -> None:
    assert step_of(CHART_STEPS * 1000 - 1) == 1000
    assert step_of(CHART_STEPS * 1000) == 2000
    assert step_of(CHART_STEPS * 2000) == 5000
    assert step_of(CHART_STEPS * 5000) == 10_000
