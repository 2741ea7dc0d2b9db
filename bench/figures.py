"""What was measured, what was aimed at, and whether it was met. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


class NotMeasured(Exception):
    """A peer cannot be measured here; the text says why, and is printed in its place."""


@dataclass
class Target:
    """One line of what tincans aims at: `factor` times what `against` reached, or `factor` itself when it is None."""

    ours: str
    factor: float
    against: str | None = None

    def sentence(self, figure: Figure) -> str:
        sign = "≤" if figure.less_is_better else "≥"
        if self.against is None:
            return f"{sign} {readable(self.factor)} {figure.unit}"
        return f"{sign} {self.factor:g} × {self.against}"


@dataclass
class Verdict:
    """A target held against what was measured. `reached` is the ratio or the figure itself; None when unknown."""

    target: Target
    reached: float | None
    met: bool

    @property
    def word(self) -> str:
        if self.reached is None:
            return "not measured"
        return "met" if self.met else "MISSED"


@dataclass
class Figure:
    """One thing measured on several peers: the samples of each, in the order of the rounds."""

    title: str
    unit: str
    less_is_better: bool = False
    targets: Sequence[Target] = ()
    #: What a reader must know to understand it; printed under its table.
    remark: str = ""
    #: Whether it has a panel in the picture; there are too many protocols for one each.
    drawn: bool = True
    samples: dict[str, list[float]] = field(default_factory=dict)
    #: Why a peer has no samples.
    missing: dict[str, str] = field(default_factory=dict)

    def median(self, peer: str) -> float | None:
        return median(self.samples[peer]) if self.samples.get(peer) else None

    def ranked(self) -> list[tuple[str, float]]:
        """Peers with their medians, the best first."""
        rows = [(peer, median(samples)) for peer, samples in self.samples.items() if samples]
        return sorted(rows, key=lambda row: row[1], reverse=not self.less_is_better)

    def verdicts(self) -> list[Verdict]:
        return [self._judge(target) for target in self.targets]

    def _judge(self, target: Target) -> Verdict:
        reached = self.median(target.ours)
        if reached is not None and target.against is not None:
            other = self.median(target.against)
            reached = reached / other if other else None
        if reached is None:
            return Verdict(target, None, False)
        return Verdict(target, reached, reached <= target.factor if self.less_is_better else reached >= target.factor)


#: One measurement of one peer: a value for each of the figures, in their order.
Once = Callable[[], Sequence[float]]


def alternate(figures: Sequence[Figure], runs: Mapping[str, Once], rounds: int, say: Callable[[str], None]) -> None:
    """Let the peers take turns for so many rounds; whoever fails is left out from there on, and why is kept."""
    for number in range(rounds):
        for peer, once in runs.items():
            if any(peer in figure.missing for figure in figures):
                continue
            try:
                _add(figures, peer, once())
            except NotMeasured as error:
                leave_out(figures, peer, str(error))
        say(f"  round {number + 1} of {rounds}: " + "; ".join(_latest(figures[0])))


def leave_out(figures: Iterable[Figure], peer: str, reason: str) -> None:
    """Take back what was measured of `peer`: a median of fewer rounds would not be comparable."""
    for figure in figures:
        figure.samples.pop(peer, None)
        figure.missing[peer] = reason


def _add(figures: Sequence[Figure], peer: str, values: Sequence[float]) -> None:
    for figure, value in zip(figures, values, strict=True):
        figure.samples.setdefault(peer, []).append(value)


def _latest(figure: Figure) -> list[str]:
    return [f"{peer} {readable(samples[-1])}" for peer, samples in figure.samples.items()]


def readable(value: float) -> str:
    """Three digits that matter, and commas in what is large: 16.4, 0.253, 61,700."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    value = float(f"{value:.3g}")
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
