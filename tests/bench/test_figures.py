"""The maths of the benchmark: medians, ratios, verdicts, and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bench.figures import Figure, NotMeasured, Target, alternate, leave_out, readable


def figure(*targets: Target, less: bool = False, samples: dict[str, list[float]] | None = None) -> Figure:
    return Figure("Bulk", "Gbit/s", less, targets, samples=samples or {})


def test_a_figure_is_the_median_of_its_rounds() -> None:
    assert figure(samples={"ours": [9.0, 1.0, 2.0]}).median("ours") == 2.0
    assert figure(samples={"ours": [1.0, 2.0]}).median("ours") == 1.5
    assert figure().median("ours") is None


def test_the_best_is_ranked_first() -> None:
    samples: dict[str, list[float]] = {"slow": [1.0, 1.0], "quick": [3.0], "never": []}
    assert figure(samples=samples).ranked() == [("quick", 3.0), ("slow", 1.0)]
    assert figure(less=True, samples=samples).ranked() == [("slow", 1.0), ("quick", 3.0)]


@pytest.mark.parametrize(
    ("less", "ours", "met"),
    [(False, 20.0, True), (False, 19.9, False), (True, 20.0, True), (True, 20.1, False)],
)
def test_a_ratio_is_met_at_the_factor_and_missed_beyond_it(less: bool, ours: float, met: bool) -> None:
    (verdict,) = figure(Target("ours", 2, "other"), less=less, samples={"ours": [ours], "other": [10.0]}).verdicts()
    assert (verdict.met, verdict.reached) == (met, ours / 10)
    assert verdict.word == ("met" if met else "MISSED")


def test_a_target_without_a_peer_is_held_against_the_figure_itself() -> None:
    (verdict,) = figure(Target("ours", 4), less=True, samples={"ours": [3.5]}).verdicts()
    assert (verdict.met, verdict.reached) == (True, 3.5)


@pytest.mark.parametrize("samples", [{"other": [1.0]}, {"ours": [1.0]}, {"ours": [1.0], "other": [0.0]}])
def test_what_was_not_measured_is_never_met(samples: dict[str, list[float]]) -> None:
    (verdict,) = figure(Target("ours", 2, "other"), samples=samples).verdicts()
    assert (verdict.met, verdict.word) == (False, "not measured")


def test_a_target_says_what_it_wants() -> None:
    more, less = figure(), figure(less=True)
    assert Target("ours", 1.35, "asyncio streams").sentence(more) == "≥ 1.35 × asyncio streams"
    assert Target("ours", 0.35, "HAProxy").sentence(less) == "≤ 0.35 × HAProxy"
    assert Target("ours", 120).sentence(less) == "≤ 120 Gbit/s"


def test_the_peers_take_turns() -> None:
    turns: list[str] = []

    def once(name: str) -> Callable[[], list[float]]:
        def run() -> list[float]:
            turns.append(name)
            return [1.0, float(len(turns))]

        return run

    figures = [figure(), figure()]
    alternate(figures, {"a": once("a"), "b": once("b")}, 2, lambda _: None)
    assert turns == ["a", "b", "a", "b"]
    assert [each.samples for each in figures] == [{"a": [1, 1], "b": [1, 1]}, {"a": [1, 3], "b": [2, 4]}]


def test_who_fails_is_left_out_with_all_its_rounds() -> None:
    answers = iter([[1.0]])

    def fails_in_the_second_round() -> list[float]:
        try:
            return next(answers)
        except StopIteration:
            raise NotMeasured("it fell over") from None

    one = figure()
    alternate([one], {"weak": fails_in_the_second_round, "strong": lambda: [2.0]}, 3, lambda _: None)
    assert one.samples == {"strong": [2.0, 2.0, 2.0]}
    assert one.missing == {"weak": "it fell over"}


def test_who_could_not_be_started_gets_no_turn() -> None:
    one = figure()
    leave_out([one], "absent", "absent is not installed")
    alternate([one], {"absent": lambda: [1.0]}, 1, lambda _: None)
    assert one.samples == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (16.42, "16.4"), (0.2534, "0.253"), (61_744, "61,700"), (999.6, "1,000"), (120, "120"), (9.996, "10.0")],
)
def test_three_digits_are_enough(value: float, text: str) -> None:
    assert readable(value) == text
