"""What is said of a transfer in a pipe: a line a file, and the sum."""

from __future__ import annotations

import pytest

from tincans.cli.bars import shown, sum_up
from tincans.clients.progress import Deed, Result, Telling

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


def test_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    sum_up(Result(1, 2048), 0.5)
    sum_up(Result(2, 0, 3, 4, 5), 60)
    assert capsys.readouterr().err.splitlines() == [
        "1 file, 2.0 KiB, in 500 ms", "2 files, 0 B, 3 the same, 5 removed, 4 skipped, in 1 min 0 s",
    ]  # fmt: skip
