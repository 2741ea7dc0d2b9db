"""A relay that records nothing: bulk, CPU a gigabyte, the round trip of a small message, messages a second."""

from __future__ import annotations

import time

from bench.figures import Figure, Target, alternate
from bench.peers import C_RELAY, HAPROXY, TINCANS, relays
from bench.program import Program
from bench.workplace import Workplace

GIGABYTE = 1e9


def measure(place: Workplace) -> list[Figure]:
    return [*_bulk(place), *_small(place)]


def _bulk(place: Workplace) -> list[Figure]:
    figures = [
        Figure(
            "Relay: bulk, one connection",
            "Gbit/s",
            targets=[Target(TINCANS, 2, HAPROXY), Target(TINCANS, 0.9, C_RELAY)],
            remark="Client to server; counted by the server, which receives and copies all of it.",
        ),
        Figure(
            "Relay: CPU for a gigabyte",
            "CPU-seconds",
            less_is_better=True,
            targets=[Target(TINCANS, 0.35, HAPROXY)],
            remark="User and system time of the relay's processes alone, for 10⁹ bytes.",
        ),
    ]
    with place.target("sink") as sink, place.running(relays(place, sink.port), figures) as programs:
        runs = {name: lambda program=program: bulk_once(place, program) for name, program in programs.items()}
        alternate(figures, runs, place.rounds, place.say)
    return figures


def bulk_once(place: Workplace, program: Program) -> tuple[float, float]:
    """Gbit/s, and CPU-seconds a gigabyte."""
    before, processes = program.cpu(), program.count()
    result = place.load("bulk", program.port, 2 * place.scale)
    _wait_for_children(program, processes)
    return gbits(result), (program.cpu() - before) / result["all_bytes"] * GIGABYTE


def gbits(result: dict[str, float]) -> float:
    return result["bytes"] * 8 / result["seconds"] / 1e9


def _wait_for_children(program: Program, processes: int) -> None:
    """A child's CPU time is its parent's once it was waited for: socat and ncat have a child a connection."""
    until = time.monotonic() + 1
    while program.count() > processes and time.monotonic() < until:
        time.sleep(0.01)


def _small(place: Workplace) -> list[Figure]:
    trip = Figure(
        "Relay: 64-byte round trip, one connection",
        "µs",
        less_is_better=True,
        targets=[Target(TINCANS, 1.05, HAPROXY)],
        remark="The median of each round's round trips.",
    )
    rate = Figure(
        "Relay: 64-byte messages, 50 connections",
        "messages/s",
        targets=[Target(TINCANS, 0.9, HAPROXY)],
        remark="Round trips a second, one under way on each connection.",
    )
    with place.target("echo_epoll") as echo, place.running(relays(place, echo.port), [trip, rate]) as programs:
        trips = {name: lambda program=program: (trip_once(place, program),) for name, program in programs.items()}
        alternate([trip], trips, place.rounds, place.say)
        rates = {name: lambda program=program: (rate_once(place, program, 50),) for name, program in programs.items()}
        alternate([rate], rates, place.rounds, place.say)
    return [trip, rate]


def trip_once(place: Workplace, program: Program) -> float:
    """Microseconds."""
    return place.load("pingpong", program.port, 64, 1, 1 * place.scale)["p50_us"]


def rate_once(place: Workplace, program: Program, connections: int) -> float:
    """Messages a second."""
    result = place.load("pingpong", program.port, 64, connections, 1.2 * place.scale)
    return result["messages"] / result["seconds"]
