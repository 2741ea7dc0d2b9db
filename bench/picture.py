"""The results as a picture: a panel a figure, a bar a peer, a mark where the target is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from bench.figures import Figure, Verdict, readable

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

_OURS, _OURS_TOO, _OTHERS, _INK, _FAINT = "#0f766e", "#5eb5ac", "#cbd5e1", "#1e293b", "#64748b"
_MET, _MISSED = "#15803d", "#c2410c"
#: Bars are as thick as if there were so many, also where there are fewer.
_FEWEST = 5
_COLUMNS, _PANEL = 3, (5.2, 2.75)


def draw(figures: Sequence[Figure], file: Path, caption: str) -> None:
    """Draw every figure that compares peers, and write the picture to `file`, in the format of its suffix."""
    drawn = [figure for figure in figures if figure.drawn and len(figure.samples) > 1 and figure.unit != "times"]
    rows = -(-len(drawn) // _COLUMNS)
    with plt.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "svg.hashsalt": "tincans"}):
        sheet, grid = plt.subplots(
            rows, _COLUMNS, squeeze=False, figsize=(_PANEL[0] * _COLUMNS, _PANEL[1] * rows + 0.7)
        )
        sheet.set_layout_engine("constrained", h_pad=0.14, w_pad=0.12)
        panels = list(grid.flat)
        for panel, figure in zip(panels, drawn, strict=False):
            _draw_panel(panel, figure)
        for panel in panels[len(drawn) :]:
            panel.set_visible(False)
        sheet.suptitle(caption, x=0.01, ha="left", color=_FAINT, fontsize=10)
        sheet.savefig(file, facecolor="white", metadata={"Date": None} if file.suffix == ".svg" else None)
        plt.close(sheet)


def _draw_panel(panel: Axes, figure: Figure) -> None:
    ranked = figure.ranked()
    names, values = [name for name, _ in ranked], [value for _, value in ranked]
    bars = panel.barh(names, values, color=[_colour(name) for name in names], height=0.72)
    panel.bar_label(bars, [readable(value) for value in values], padding=4, color=_INK, fontsize=8.5)
    panel.set_title(figure.title, loc="left", color=_INK, fontsize=10, fontweight="bold", pad=18)
    better = "less" if figure.less_is_better else "more"
    panel.text(0, 1.03, f"{figure.unit}, {better} is better", transform=panel.transAxes, color=_FAINT, fontsize=8)
    verdicts = [verdict for verdict in figure.verdicts() if verdict.target.ours in names][:2]
    aims = [_draw_target(panel, figure, verdict, names.index(verdict.target.ours)) for verdict in verdicts]
    panel.set_xlim(0, max([*values, *aims]) * 1.18)
    panel.set_ylim(max(len(names), _FEWEST) - 0.4 + 0.6 * len(verdicts), -0.5)  # the best on top
    for line, verdict in enumerate(verdicts):
        _say_verdict(panel, figure, verdict, len(verdicts) - line)
    _tidy(panel, names)


def _draw_target(panel: Axes, figure: Figure, verdict: Verdict, row: int) -> float:
    """A mark across the bar that it is about, where it would have to reach; 0 where that is not known."""
    target = verdict.target
    other = 1.0 if target.against is None else figure.median(target.against) or 0.0
    aim = target.factor * other
    if aim:
        panel.vlines(aim, row - 0.47, row + 0.47, color=_MET if verdict.met else _MISSED, linewidth=1.8)
    return aim


def _say_verdict(panel: Axes, figure: Figure, verdict: Verdict, line: int) -> None:
    """A line of text under the bars."""
    text = f"{verdict.target.sentence(figure)}: {verdict.word}"
    panel.annotate(
        text if verdict.target.ours == "tincans" else f"{verdict.target.ours} {text}",
        (0, 0),
        xycoords="axes fraction",
        xytext=(3, 11 * (line - 1) + 2),
        textcoords="offset points",
        color=_MET if verdict.met else _MISSED,
        fontsize=7.5,
    )


def _colour(name: str) -> str:
    if name == "tincans":
        return _OURS
    return _OURS_TOO if name.startswith("tincans") else _OTHERS


def _tidy(panel: Axes, names: Sequence[str]) -> None:
    panel.spines[["top", "right", "bottom"]].set_visible(False)
    panel.spines["left"].set_color(_OTHERS)
    panel.tick_params(axis="x", bottom=False, labelbottom=False)
    panel.tick_params(axis="y", left=False, labelcolor=_INK)
    for label, name in zip(panel.get_yticklabels(), names, strict=True):
        if name.startswith("tincans"):
            label.set_fontweight("bold")
