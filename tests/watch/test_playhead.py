"""Where reading stands: what is copied goes on by itself, and no more is kept than may be."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from tincans.channel import Side
from tincans.conversation import Kind, Opened, Said
from tincans.limits import (
    BUSY_REST_SECONDS,
    BUSY_SHARE,
    CHECKPOINT_BYTES,
    CHECKPOINTS,
    IDLE_WORK_SECONDS,
    REST_SECONDS,
    WORK_SECONDS,
)
from tincans.watch.items import Items
from tincans.watch.playhead import Marks, Pace, Playhead

PLACE: dict[str, Any] = {"conversation": 1, "at": 1_790_000_000_000_000_000}
OPENED = Opened(**PLACE, kind=Kind.LISTEN, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:7")


def read(head: Playhead, data: bytes) -> list[str]:
    items = Items(0)
    said = Said(**PLACE, side=Side.CLIENT, data=data)
    head.read([said], items, {side: [] for side in Side}, Pace())
    return [item.summary for item in items.made()]


def test_a_copy_goes_on_by_itself() -> None:
    head = Playhead(OPENED, "lines")
    assert read(head, b"one\ntw") == ["one\\n"]
    copied = head.copied()
    assert copied is not None
    assert read(head, b"o\n") == ["two\\n"]
    assert read(copied, b"elve\n") == ["twelve\\n"]
    assert (head.waiting.decoding, copied.waiting.decoding) == (head.decoding, copied.decoding)
    assert head.waiting.conversation.client_bytes == 8
    assert copied.waiting.conversation.client_bytes == 11


def marked(*pages: int) -> Marks:
    marks = Marks()
    for page in pages:
        marks.put(Playhead(OPENED, "lines", page=page))
    return marks


def test_the_nearest_is_not_behind_it() -> None:
    marks = marked(2, 5, 9)
    assert [marks.nearest(page) for page in (0, 1, 2, 4, 5, 8, 9, 99)] == [None, None, 2, 2, 5, 5, 9, 9]
    taken = marks.take(5)
    assert (taken.page, marks.nearest(8)) == (5, 5)
    assert marks.take(5) is not taken


def test_one_that_cannot_be_copied_is_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = marked(2, 5)
    monkeypatch.setattr(Playhead, "copied", lambda _: None)
    assert marks.take(5).page == 5
    assert marks.nearest(9) == 2


def test_so_many_are_kept_evenly_and_not_one_more() -> None:
    assert len(marked(*range(CHECKPOINTS))) == CHECKPOINTS
    marks = marked(*range(CHECKPOINTS + 1))
    assert len(marks) == CHECKPOINTS
    marks = marked(*range(1000))
    kept = [page for page in range(1000) if marks.nearest(page) == page]
    assert len(kept) <= CHECKPOINTS
    assert 999 in kept
    assert max(after - before for before, after in pairwise(kept)) <= 1000 // CHECKPOINTS * 4
    for page in range(5000, 9000, 7):
        marks.put(Playhead(OPENED, "lines", page=page))
        assert marks.nearest(page) == page, "whoever has come so far can go on from there"
    marks.clear()
    assert (len(marks), marks.nearest(9)) == (0, None)


def test_one_that_holds_so_much_and_not_a_byte_more() -> None:
    for more, kept in ((0, 1), (1, 0)):
        head = Playhead(OPENED, "lines:u32")
        record = (2 * CHECKPOINT_BYTES).to_bytes(4, "big")
        read(head, record + bytes(CHECKPOINT_BYTES - len(record) + more))
        marks = Marks()
        marks.put(head)
        assert len(marks) == kept


@pytest.mark.parametrize(
    ("busy", "rests"),
    [(0.0, REST_SECONDS), (BUSY_SHARE / 2, (REST_SECONDS + BUSY_REST_SECONDS) / 2), (1.0, BUSY_REST_SECONDS)],
)
def test_it_rests_when_it_has_worked_and_longer_where_others_work(
    busy: float, rests: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(busy)
    for name in ("sleep", "monotonic", "process_time"):
        monkeypatch.setattr(f"tincans.watch.playhead.time.{name}", getattr(clock, name))
    monkeypatch.setattr(Pace, "rest", REST_SECONDS)
    pace = Pace()
    for worked, slept in (
        (IDLE_WORK_SECONDS * 0.9, []),
        (IDLE_WORK_SECONDS * 0.2, [REST_SECONDS]),
        (WORK_SECONDS * 0.9, [REST_SECONDS]),
        (WORK_SECONDS * 0.2, [REST_SECONDS, rests] if busy else [REST_SECONDS]),
    ):
        clock.worked += worked
        pace.step()
        assert clock.rests == pytest.approx(slept)
    assert pytest.approx(rests) == Pace.rest


class Clock:
    """Time as it passes for a thread that works and rests, in a process in which others work while it rests."""

    def __init__(self, busy: float) -> None:
        self.busy = busy
        self.worked = 0.0
        self.rests: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)

    def monotonic(self) -> float:
        return self.worked + sum(self.rests)

    def process_time(self) -> float:
        return self.worked + self.busy * sum(self.rests)


def test_others_have_their_turn() -> None:
    """A thread that reads a long conversation does not keep the interpreter from another one."""
    turns = 0
    entries = [Said(**PLACE, side=Side.CLIENT, data=b"line\n") for _ in range(5000)]
    reader = threading.Thread(
        target=lambda: Playhead(OPENED, "lines").read(entries, Items(0), {side: [] for side in Side}, Pace())
    )
    reader.start()
    while reader.is_alive():
        time.sleep(0)
        turns += 1
    reader.join()
    assert turns > 10
