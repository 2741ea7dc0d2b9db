"""How a transfer is shown while it goes on: bars at a terminal, a line a file in a pipe, on stderr.

What is done twice for nothing (a file that is the same) is only counted. Failures are told however quiet it is to be.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tincans.cli.serving import say
from tincans.progress import Deed, Progress, Result, Step
from tincans.text import escape, human_bytes, human_seconds

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

#: Seconds between two drawings of the bars, which is as often as rich draws them; and after which a file has one.
_DRAWN_SECONDS = 0.1


@contextmanager
def shown(*, quiet: bool, dry_run: bool = False) -> Iterator[Progress]:
    """What is to be told the steps of a transfer, while the block runs."""
    if quiet:
        yield _failures
    elif dry_run:
        yield _plans
    elif sys.stderr.isatty():
        with _bars() as bars:
            drawing = _Bars(bars)
            try:
                yield drawing
            finally:
                drawing.draw()
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
            how = f", {step.reason}" if step.reason else ""
            return f"{human_bytes(step.amount or step.size or 0):>9}  {step.name}{how}"
        case Deed.REMOVED:
            return f"{'removed':>9}  {step.name}"
        case Deed.SKIPPED:
            return f"{'skipped':>9}  {step.name}: {step.reason}"
        case Deed.FAILED:
            return f"{'failed':>9}  {step.name}: {step.reason}"
        case _:
            return ""


class Tally:
    """How far a tree is: files and bytes, of those that were found so far."""

    def __init__(self) -> None:
        self.files = self.over = 0
        self.bytes = self.came = 0
        self._files: dict[str, tuple[int, int]] = {}  # bytes of each that is not over: in all, and how many came

    def __call__(self, step: Step) -> None:
        """Hear what happens; what belongs to no file that was found is not counted."""
        if step.deed is Deed.FOUND:
            self.files += 1
            self._set(step.name, step.size or 0, 0)
        elif step.name in self._files:
            self._count(step)

    def _count(self, step: Step) -> None:
        """What it says of one file that was found. One that is over, however it ended, has nothing left to come."""
        whole, came = self._files[step.name]
        match step.deed:
            case Deed.BEGUN:  # which has the last word on its size, and comes again where the connection was lost
                self._set(step.name, whole if step.size is None else step.size, step.amount)
            case Deed.MOVED:
                self._set(step.name, whole, came + step.amount)
            case _:
                self.over += 1
                self._set(step.name, whole, whole)
                del self._files[step.name]

    def _set(self, name: str, whole: int, came: int) -> None:
        """A file may be longer than was known."""
        whole = max(whole, came)
        before = self._files.get(name, (0, 0))
        self.bytes += whole - before[0]
        self.came += came - before[1]
        self._files[name] = whole, came


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
    """A bar for a file, or for each of a tree that takes its time and one for all; what is over becomes a line above.

    Drawing one takes longer than fetching a small file does, so it is done only so often, whatever happens meanwhile.
    """

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._files: dict[str, _File] = {}
        self._lines: list[tuple[str, str]] = []  # and in which style
        self._tree = Tally()
        self._whole: TaskID | None = None
        self._drawn = 0.0

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        self._tree(step)
        match step.deed:
            case Deed.BEGUN:
                self._begin(step, now)
            case Deed.MOVED:
                self._moved(step.name, step.amount, now)
            case Deed.FOUND | Deed.SAME:
                pass
            case _:
                self._over(step, now)
        if now - self._drawn >= _DRAWN_SECONDS:
            self._drawn = now
            self.draw()

    def draw(self) -> None:
        """Show what has happened since it was last done."""
        from rich.text import Text

        if self._lines:
            lines = Text("\n").join(Text(line, style=style) for line, style in self._lines)
            self._lines.clear()
            self._bars.console.print(lines, soft_wrap=True)
        tree = self._tree
        if tree.files:
            if self._whole is None:
                self._whole = self._bars.add_task("")
            files = f"{tree.over} of {tree.files} {'file' if tree.files == 1 else 'files'}"
            self._bars.update(self._whole, description=files, completed=tree.came, total=tree.bytes)

    def _begin(self, step: Step, now: float) -> None:
        if (lost := self._files.pop(step.name, None)) is not None and lost.bar is not None:
            self._bars.remove_task(lost.bar)
        self._files[step.name] = _File(now, step.amount, step.size)
        if not self._tree.files:  # the only one: that it stands still is to be seen, too
            self._begin_bar(step.name)

    def _moved(self, name: str, amount: int, now: float) -> None:
        file = self._files[name]
        file.came += amount
        if file.bar is not None:
            self._bars.advance(file.bar, amount)
        elif now - file.begun >= _DRAWN_SECONDS:
            self._begin_bar(name)

    def _begin_bar(self, name: str) -> None:
        file = self._files[name]
        file.bar = self._bars.add_task(escape(name), completed=file.came, total=file.size)

    def _over(self, step: Step, now: float) -> None:
        line, file = escape(_line(step)), self._files.pop(step.name, None)
        if file is not None:
            if file.bar is not None:
                self._bars.remove_task(file.bar)
            if step.deed is Deed.DONE:
                line += f"  in {human_seconds(now - file.begun)}"
        self._lines.append((line, "red" if step.deed is Deed.FAILED else ""))


@dataclass
class _File:
    """A file that is on its way: since when, how far, of how much, and its bar."""

    begun: float
    came: int
    size: int | None
    bar: TaskID | None = None
