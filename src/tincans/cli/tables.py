"""A table on stdout: folded to a terminal's width, or for a pipe aligned, whole, and without a colour."""

from __future__ import annotations

import sys
from collections.abc import Sequence

#: One cell for each title.
Row = Sequence[str]


def print_table(
    titles: Sequence[str], rows: Sequence[Row], *, right: Sequence[str] = (), whole: Sequence[str] = (),
    styles: Sequence[str] = (),
) -> None:  # fmt: skip
    """Print the rows under their titles. Columns in `right` are aligned there and, like those in `whole`, not folded.

    `styles` has a colour for each row, or an empty text.
    """
    if sys.stdout.isatty():
        _print_folded(titles, rows, right, whole, styles or [""] * len(rows))
    else:
        _print_aligned(titles, rows, right)


def _print_aligned(titles: Sequence[str], rows: Sequence[Row], right: Sequence[str]) -> None:
    from tincans.cli.recordings import write

    lines = [titles, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (
            cell.rjust(width) if title in right else cell.ljust(width)
            for title, cell, width in zip(titles, line, widths, strict=True)
        )
        write("  ".join(cells).rstrip() + "\n")


def _print_folded(
    titles: Sequence[str], rows: Sequence[Row], right: Sequence[str], whole: Sequence[str], styles: Sequence[str]
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in titles:
        no_wrap = title in right or title in whole
        table.add_column(title, justify="right" if title in right else "left", no_wrap=no_wrap, overflow="fold")
    for row, style in zip(rows, styles, strict=True):
        table.add_row(*map(Text, row), style=style)
    Console(highlight=False).print(table)
