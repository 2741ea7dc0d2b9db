"""What recording costs a relay: bulk, its longest pause, what could not be kept, the round trip of a small message."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bench.figures import Figure, Target, alternate
from bench.peers import RECORDED, TINCANS, Starter, tincans_relay
from bench.program import Program
from bench.relay import GIGABYTE, gbits, trip_once
from bench.workplace import Workplace
from tincans.conversation import Dropped, Said
from tincans.journal import FORGOTTEN, Journal, open_journal


def measure(place: Workplace) -> list[Figure]:
    return [*_bulk(place), *_small(place)]


def _relays(place: Workplace, target: int, journal: Path) -> dict[str, Starter]:
    return {
        TINCANS: lambda: tincans_relay(place, target),
        RECORDED: lambda: tincans_relay(place, target, journal=journal),
    }


def _bulk(place: Workplace) -> list[Figure]:
    journal = place.path(".journal")
    lost = Figure(
        "Recording: bulk that was not recorded",
        "% of what was said",
        True,
        [Target(RECORDED, 0)],
        "Dropped because the disk was too slow, as the journal itself says. What a full journal forgets is not in it.",
    )
    figures = [
        Figure(
            "Recording: bulk, one connection",
            "Gbit/s",
            targets=[Target(RECORDED, 0.65, TINCANS)],
            remark="The journal is on the project's disk, in its default size of 1 GiB, the oldest dropped. "
            "One round before those that count has filled it, and after each the disk is left to finish (sync), "
            "outside the clock.",
        ),
        Figure("Recording: CPU for a gigabyte", "CPU-seconds", less_is_better=True),
        Figure(
            "Recording: longest pause of bulk",
            "ms",
            less_is_better=True,
            remark="The longest that the server waited between two receives, the median of the rounds.",
        ),
    ]
    with place.target("sink") as sink, place.running(_relays(place, sink.port, journal), figures) as programs:
        runs = {name: lambda program=program: _bulk_once(place, program) for name, program in programs.items()}
        for program in programs.values():
            _warm_up(place, program)
        alternate(figures, runs, place.rounds, place.say)
    if RECORDED in figures[0].samples:
        lost.samples[RECORDED] = asyncio.run(_lost(journal))
    else:
        lost.missing[RECORDED] = "there is no recording"
    return [*figures, lost]


def _warm_up(place: Workplace, program: Program) -> None:
    """One run that does not count: it fills the journal. A virtual machine's memory that was never written before costs
    it a fault a page outside, ten times the writing itself, and that is no property of a relay."""
    place.load("bulk", program.port, 2)
    os.sync()


def _bulk_once(place: Workplace, program: Program) -> tuple[float, float, float]:
    before = program.cpu()
    result = place.load("bulk", program.port, 2 * place.scale)
    spent = (program.cpu() - before) / result["all_bytes"] * GIGABYTE
    os.sync()
    return gbits(result), spent, result["longest_gap_ms"]


async def _lost(where: Path) -> list[float]:
    """Of each conversation that is still in the journal, the percentage of its bytes that was dropped when said."""
    journal = open_journal(where)
    try:
        return [await _lost_of(journal, each.number) for each in await journal.conversations()]
    finally:
        await journal.aclose()


async def _lost_of(journal: Journal, number: int) -> float:
    said = dropped = 0
    async for entry in journal.read(number):
        if isinstance(entry, Said):
            said += len(entry.data)
        elif isinstance(entry, Dropped) and entry.reason != FORGOTTEN:
            dropped += entry.count
    return 100 * dropped / max(1, said + dropped)


def _small(place: Workplace) -> list[Figure]:
    figure = Figure(
        "Recording: 64-byte round trip, one connection",
        "µs",
        less_is_better=True,
        targets=[Target(RECORDED, 1.1, TINCANS)],
        remark="The median of each round's round trips.",
    )
    with (
        place.target("echo_epoll") as echo,
        place.running(_relays(place, echo.port, place.path(".journal")), [figure]) as programs,
    ):
        runs = {name: lambda program=program: (trip_once(place, program),) for name, program in programs.items()}
        alternate([figure], runs, place.rounds + 2, place.say)
    return [figure]
