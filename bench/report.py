"""The results as text: the same tables on the terminal and in results.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.figures import Figure, Verdict, readable
from bench.peers import HAPROXY_CONFIG

_HOW = """\
## How it was measured

`make bench` runs everything in one go. The peers of a table are all started, then take turns, round by round; a figure
is the median of its rounds, and what is judged are ratios within the run. Load generator and target are the same C
programs for all (`bench/c/`), and copy what they send and receive. Nobody is pinned to a core, because two cores have
to hold three programs, as on a user's machine, and nobody sets a socket buffer. CPU time is read from `/proc/PID/stat`
of all of a peer's processes, memory from `/proc/PID/smaps_rollup`; the kernel's own memory for sockets is not in it.

Each peer as it was started (ports, and the names of files made for the run, differ in every run):

"""

_HAPROXY = """
HAProxy's configuration, where `{threads}` is `nbthread 1`, or left out for "all cores", and `{tls}` is nothing or
` ssl crt chain.pem`:

```
"""


def markdown(figures: Sequence[Figure], facts: Mapping[str, str], commands: Mapping[str, str], date: str) -> str:
    """The whole of results.md."""
    return "\n".join(
        [
            f"# Speed, measured on {date}\n",
            "![The same figures as bars](results.svg)\n",
            table(["the machine", ""], facts.items()),
            "## What was aimed at\n",
            targets(figures),
            *(section(figure) for figure in figures),
            _HOW + "".join(f"- {name}: `{command}`\n" for name, command in commands.items()),
            _HAPROXY + HAPROXY_CONFIG + "```\n",
        ]
    )


def targets(figures: Iterable[Figure]) -> str:
    """Every line that was aimed at, and whether it was met."""
    rows = [_row(figure, verdict) for figure in figures for verdict in figure.verdicts()]
    return table(["figure", "of", "aimed at", "reached", ""], rows)


def _row(figure: Figure, verdict: Verdict) -> list[str]:
    target = verdict.target
    unit = "×" if target.against else figure.unit
    reached = "-" if verdict.reached is None else f"{_exact(verdict.reached)} {unit}"
    return [figure.title, target.ours, target.sentence(figure), reached, verdict.word]


def _exact(value: float) -> str:
    """A ratio keeps two decimals, so that 1.996 does not read as a target of 2 that was missed at 2.00."""
    return f"{value:.3f}" if 0 < abs(value) < 10 else readable(value)


def section(figure: Figure) -> str:
    """One figure: every peer, the best first, with its spread and how it stands beside tincans."""
    rows = [
        [peer, readable(value), _beside(figure, value), _spread(figure.samples[peer])]
        for peer, value in figure.ranked()
    ]
    better = "less" if figure.less_is_better else "more"
    remark = f"\n{figure.remark}\n" if figure.remark else ""
    missing = "".join(f"\nNot measured: {peer} ({reason}).\n" for peer, reason in figure.missing.items())
    head = f"## {figure.title}\n\nIn {figure.unit}; {better} is better.\n{remark}\n"
    measured = table(["", figure.unit, "beside tincans", "lowest … highest"], rows) if rows else ""
    return head + measured + missing


def _beside(figure: Figure, value: float) -> str:
    ours = next((figure.median(name) for name in figure.samples if name.startswith("tincans")), None)
    return f"{value / ours:.2f} ×" if ours else ""


def _spread(samples: Sequence[float]) -> str:
    if len(samples) == 1:
        return "one run"
    return f"{readable(min(samples))} … {readable(max(samples))} in {len(samples)}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown whose columns are aligned, so that it reads well on a terminal too."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * max(3, width) for width in widths])
    padded = ([word.ljust(max(3, width)) for word, width in zip(line, widths, strict=True)] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in padded)
