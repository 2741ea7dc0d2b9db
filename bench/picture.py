"""The results as a picture: a panel a figure, a bar a peer, a line where the target is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from bench.figures import Figure, Target, readable

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

_OURS, _OURS_TOO, _OTHERS, _INK, _FAINT, _AIM = "#0f766e", "#5eb5ac", "#cbd5e1", "#1e293b", "#64748b", "#c2410c"
_COLUMNS, _PANEL = 3, (5.2, 2.75)


def draw(figures: Sequence[Figure], file: Path, caption: str) -> None:
    """Draw every figure that compares peers, and write the picture to `file`, in the format of its suffix."""
    drawn = [figure for figure in figures if len(figure.samples) > 1 and figure.unit != "times"]
    rows = -(-len(drawn) // _COLUMNS)
    with plt.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "svg.hashsalt": "tincans"}):
        sheet, grid = plt.subplots(
            rows, _COLUMNS, squeeze=False, figsize=(_PANEL[0] * _COLUMNS, _PANEL[1] * rows + 0.7), layout="constrained"
        )
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
    labels = panel.bar_label(bars, [readable(value) for value in values], padding=3, color=_INK, fontsize=8.5)
    for label in labels:
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1})
    panel.set_ylim(len(names) - 0.2, -0.5)  # the best on top, and room for the target's words below
    panel.set_title(figure.title, loc="left", color=_INK, fontsize=10, fontweight="bold", pad=18)
    better = "less" if figure.less_is_better else "more"
    panel.text(0, 1.03, f"{figure.unit}, {better} is better", transform=panel.transAxes, color=_FAINT, fontsize=8)
    lines = [line for target in figure.targets[:2] if (line := _line(figure, target)) is not None]
    panel.set_xlim(0, max([*values, *lines]) * 1.18)
    for value, target in zip(lines, figure.targets, strict=False):
        _draw_target(panel, value, target.sentence(figure))
    _tidy(panel, names)


def _line(figure: Figure, target: Target) -> float | None:
    """Where the target lies on the axis of the figure."""
    if target.against is None:
        return target.factor
    other = figure.median(target.against)
    return None if other is None else other * target.factor


def _draw_target(panel: Axes, value: float, sentence: str) -> None:
    panel.axvline(value, color=_AIM, linewidth=1.1, linestyle=(0, (4, 2)))
    right = value > panel.get_xlim()[1] / 2
    panel.annotate(
        sentence,
        (value, 0),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if right else 4, 2),
        textcoords="offset points",
        ha="right" if right else "left",
        color=_AIM,
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
