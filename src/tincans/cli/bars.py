"""How a transfer is shown while it goes on: bars at a terminal, a line a file in a pipe, on stderr.

What is done twice for nothing (a file that is the same) is only counted. Failures are told however quiet it is to be.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tincans.cli.serving import say
from tincans.clients.progress import Deed, Progress, Result, Step
from tincans.text import escape, human_bytes, human_seconds

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


@contextmanager
def shown(*, quiet: bool, dry_run: bool = False) -> Iterator[Progress]:
    """What is to be told the steps of a transfer, while the block runs."""
    if quiet:
        yield _failures
    elif dry_run:
        yield _plans
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield _Bars(bars)
    else:
        yield _lines


def sum_up(result: Result, seconds: float) -> None:
    """Say what came of a tree."""
    parts = [f"{result.files} {'file' if result.files == 1 else 'files'}, {human_bytes(result.bytes)}"]
    parts += [
        f"{count} {word}"
        for count, word in ((result.same, "the same"), (result.removed, "removed"), (result.skipped, "skipped"))
        if count
    ]
    say(f"{', '.join(parts)}, in {human_seconds(seconds)}")


def _failures(step: Step) -> None:
    if step.deed is Deed.FAILED:
        say(_line(step))


def _lines(step: Step) -> None:
    if line := _line(step):
        say(line)


def _plans(step: Step) -> None:
    """What would be done is what was asked for: it goes to stdout."""
    if step.deed is Deed.FAILED:
        _failures(step)
    elif line := _line(step):
        print(escape(line))


def _line(step: Step) -> str:
    match step.deed:
        case Deed.DONE:
            return f"{human_bytes(step.amount or step.size or 0):>9}  {step.name}"
        case Deed.REMOVED:
            return f"{'removed':>9}  {step.name}"
        case Deed.SKIPPED:
            return f"{'skipped':>9}  {step.name}: {step.reason}"
        case Deed.FAILED:
            return f"{'failed':>9}  {step.name}: {step.reason}"
        case _:
            return ""


# ── at a terminal ─────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _bars() -> Iterator[Bars]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class SpeedColumn(ProgressColumn):
        """Rich's own counts in thousands, beside sizes in units of 1024."""

        def render(self, task: Task) -> Text:
            return Text(f"{human_bytes(int(task.speed))}/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(binary_units=True),
        SpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with RichProgress(*columns, console=Console(stderr=True, highlight=False), transient=True) as progress:
        yield progress


class _Bars:
    """A bar for each file that is on its way; what is over becomes a line above them."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._files: dict[str, TaskID] = {}
        self._begun: dict[str, float] = {}

    def __call__(self, step: Step) -> None:
        match step.deed:
            case Deed.BEGUN:
                self._files[step.name] = self._bars.add_task(escape(step.name), completed=step.amount, total=step.size)
                self._begun[step.name] = time.monotonic()
            case Deed.MOVED:
                self._bars.advance(self._files[step.name], step.amount)
            case Deed.SAME:
                pass
            case _:
                self._over(step)

    def _over(self, step: Step) -> None:
        from rich.text import Text

        if (task := self._files.pop(step.name, None)) is not None:
            self._bars.remove_task(task)
        line = escape(_line(step))
        if step.deed is Deed.DONE and (begun := self._begun.pop(step.name, None)) is not None:
            line += f"  in {human_seconds(time.monotonic() - begun)}"
        self._bars.console.print(Text(line, style="red" if step.deed is Deed.FAILED else ""), soft_wrap=True)
