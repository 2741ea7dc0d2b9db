"""What an idle connection costs: resident memory of an echo server, of a relay, and of a relay that records."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.figures import Figure, NotMeasured, Target, leave_out
from bench.peers import C_RELAY, HAPROXY, RECORDED, TINCANS, Starter, c_relay, echoes, haproxy, tincans_relay
from bench.program import Program
from bench.workplace import Workplace

MANY, FEW = 10_000, 1_000
KIB = 1024
#: Held open before anything is counted: they use up the memory that starting left free (imports leave a megabyte).
FIRST = 1_000
#: Long enough for a server to have read the last message and gone to sleep.
SETTLE = 0.5


def measure(place: Workplace) -> list[Figure]:
    return [*_echoes(place), *_relays(place)]


def _echoes(place: Workplace) -> list[Figure]:
    count = _affordable(1)
    figures = [
        Figure(
            "Idle echo server: memory for a connection",
            "KiB",
            True,
            [Target(TINCANS, 4)],
            f"Resident memory of {count:,} connections, above that of the first {FIRST:,}.",
        ),
        _growth("echo server", count, [TINCANS]),
    ]
    _measure_all(place, figures, echoes(place), count)
    return figures


def _relays(place: Workplace) -> list[Figure]:
    count = _affordable(2)
    figures = [
        Figure(
            "Idle relay: memory for a pair",
            "KiB",
            True,
            [Target(TINCANS, 8), Target(RECORDED, 16)],
            remark=f"{count:,} pairs, above the first {FIRST:,}. {_why_fewer(count)}",
        ),
        _growth("relay", count, [TINCANS, RECORDED]),
    ]
    with place.target("echo_epoll") as echo:
        starters: dict[str, Starter] = {
            TINCANS: lambda: tincans_relay(place, echo.port),
            RECORDED: lambda: tincans_relay(place, echo.port, journal=place.path(".journal")),
            HAPROXY: lambda: haproxy(place, echo.port, maxconn=count + FIRST + 10),
            C_RELAY: lambda: c_relay(place, echo.port),
        }
        if _affordable(6) < count:
            del starters[C_RELAY]
            leave_out(figures, C_RELAY, "it keeps two pipes for every pair, more descriptors than this machine allows")
        _measure_all(place, figures, starters, count)
    return figures


def _growth(what: str, count: int, names: list[str]) -> Figure:
    times = count / FEW
    return Figure(
        f"Idle {what}: memory of {count:,} beside that of {FEW:,}",
        "times",
        True,
        [Target(name, times) for name in names],
        f"Linear is {times:g}: whatever is more grows faster than the connections do.",
    )


def _affordable(descriptors: int) -> int:
    """How many connections a program may hold whose every connection takes so many descriptors, in whole hundreds."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return MANY
    return min(MANY, (hard - 400) // descriptors // 100 * 100 - FIRST)


def _why_fewer(count: int) -> str:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return f"Not {MANY:,}: a pair takes two descriptors, and this machine allows a process {hard:,}." * (count < MANY)


def _measure_all(place: Workplace, figures: list[Figure], starters: dict[str, Starter], count: int) -> None:
    """One run each, one after the other: resident memory hardly varies from run to run."""
    for name, start in starters.items():
        with place.running({name: start}, figures) as programs:
            try:
                costs = [_cost(place, program, count) for program in programs.values()]
            except NotMeasured as error:
                leave_out(figures, name, str(error))
                continue
        for few, many in costs:
            figures[0].samples[name] = [many / count / KIB]
            if few > 0:
                figures[1].samples[name] = [many / few]
            place.say(f"  {name}: {few / FEW / KIB:.2f} KiB each of {FEW:,}, {many / count / KIB:.2f} of {count:,}")


def _cost(place: Workplace, program: Program, count: int) -> tuple[int, int]:
    """Bytes for few and for many, above what the first ones cost."""
    with ExitStack() as stack:
        stack.enter_context(_held_open(place, program, FIRST))
        base = program.resident()
        stack.enter_context(_held_open(place, program, FEW))
        few = program.resident() - base
        stack.enter_context(_held_open(place, program, count - FEW))
        return few, program.resident() - base


@contextmanager
def _held_open(place: Workplace, program: Program, count: int) -> Iterator[None]:
    command = [str(place.c("load")), "idle", str(program.port), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as load:
        assert load.stdin
        assert load.stdout
        try:
            if not load.stdout.readline():
                raise NotMeasured(f"it did not take {count:,} connections")
            time.sleep(SETTLE)
            yield
        finally:
            load.stdin.close()
