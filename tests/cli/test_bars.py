"""What is said of a transfer in a pipe: a line a file, and the sum."""

from __future__ import annotations

import pytest

from tincans.cli.bars import Tally, _Bars, _bars, shown, sum_up
from tincans.progress import Deed, Result, Step, Telling

STEPS = [
    (Deed.BEGUN, "a", 0, 9, ""), (Deed.MOVED, "a", 9, 9, ""), (Deed.DONE, "a", 9, 9, ""), (Deed.SAME, "b", 0, None, ""),
    (Deed.SKIPPED, "c", 0, None, "it is a link"), (Deed.REMOVED, "d\n", 0, None, ""), (Deed.FAILED, "e", 0, None, "so"),
]  # fmt: skip
LINES = ["      9 B  a", "  skipped  c: it is a link", "  removed  d\\n", "   failed  e: so"]


@pytest.mark.parametrize(
    ("how", "out", "err"),
    [
        ({"quiet": False}, [], LINES),
        ({"quiet": True}, [], LINES[-1:]),
        ({"quiet": False, "dry_run": True}, LINES[:-1], LINES[-1:]),
    ],
)
def test_a_line_a_file(
    how: dict[str, bool], out: list[str], err: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with shown(**how) as progress:
        telling = Telling(progress)
        for deed, name, amount, size, reason in STEPS:
            telling.tell(deed, name, amount, size, reason)
    said = capsys.readouterr()
    assert said.out.splitlines() == out
    assert [" ".join(line.split()) for line in said.err.splitlines()] == [" ".join(line.split()) for line in err]
    assert telling.result == Result(1, 9, 1, 1, 1, 1)


@pytest.mark.parametrize("end", [Deed.DONE, Deed.SAME, Deed.SKIPPED, Deed.FAILED])
def test_a_tree_is_counted_while_it_is_found(end: Deed) -> None:
    """Files over of those found, and bytes: what comes, and in the end the whole of each, whatever became of it."""
    steps = [
        (Step(Deed.FOUND, "a", size=10), (0, 1, 0, 10)),
        (Step(Deed.REMOVED, "x"), (0, 1, 0, 10)),
        (Step(Deed.BEGUN, "a", 4, 10), (0, 1, 4, 10)),  # of which something is here already
        (Step(Deed.FOUND, "b", size=None), (0, 2, 4, 10)),
        (Step(Deed.MOVED, "a", 5, 10), (0, 2, 9, 10)),
        (Step(Deed.BEGUN, "b", 0, 7), (0, 2, 9, 17)),  # now it is known
        (Step(Deed.MOVED, "b", 8, 7), (0, 2, 17, 18)),  # and was not
        (Step(end, "a"), (1, 2, 18, 18)),
        (Step(end, "b"), (2, 2, 18, 18)),
        (Step(Deed.FAILED, "folder/", reason="no"), (2, 2, 18, 18)),
    ]
    tally = Tally()
    for step, expected in steps:
        tally(step)
        assert (tally.over, tally.files, tally.came, tally.bytes) == expected


def test_what_comes_twice_as_the_connection_was_lost_is_counted_once() -> None:
    tally = Tally()
    for step in (
        Step(Deed.FOUND, "a", size=10), Step(Deed.BEGUN, "a", 0, 10), Step(Deed.MOVED, "a", 8, 10),
        Step(Deed.BEGUN, "a", 6, 10),
    ):  # fmt: skip
        tally(step)
    assert (tally.over, tally.files, tally.came, tally.bytes) == (0, 1, 6, 10)
    tally(Step(Deed.MOVED, "a", 4, 10))
    tally(Step(Deed.DONE, "a", 10, 10))
    assert (tally.over, tally.files, tally.came, tally.bytes) == (1, 1, 10, 10)


def test_what_begins_again_has_one_bar() -> None:
    with _bars() as bars:
        drawing = _Bars(bars)
        for amount in (0, 4):
            drawing(Step(Deed.BEGUN, "a", amount, 10))
            assert [(task.completed, task.total) for task in bars.tasks] == [(amount, 10)]
        drawing(Step(Deed.MOVED, "a", 6, 10))
        assert [task.completed for task in bars.tasks] == [10]
        drawing(Step(Deed.DONE, "a", 10, 10))
        assert bars.tasks == []


def test_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    sum_up(Result(1, 2048), 0.5)
    sum_up(Result(2, 0, 3, 4, 5), 60)
    assert capsys.readouterr().err.splitlines() == [
        "1 file, 2.0 KiB, in 500 ms", "2 files, 0 B, 3 the same, 5 removed, 4 skipped, in 1 min 0 s",
    ]  # fmt: skip
