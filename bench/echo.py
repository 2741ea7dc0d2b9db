"""An echo server written with a channel, beside the same in other libraries: messages and accepts a second."""

from __future__ import annotations

from bench.figures import Figure, Target, alternate
from bench.peers import ASYNCIO, STREAMS_ASYNCIO, STREAMS_UVLOOP, TINCANS, echoes
from bench.program import Program
from bench.relay import rate_once
from bench.workplace import Workplace

_SAME_LOOP = [(TINCANS, STREAMS_UVLOOP), (ASYNCIO, STREAMS_ASYNCIO)]


def measure(place: Workplace) -> list[Figure]:
    rate = Figure(
        "Echo server: 64-byte messages, 100 clients",
        "messages/s",
        targets=[Target(ours, 1.35, streams) for ours, streams in _SAME_LOOP]
        + [Target(TINCANS, 1, other) for other in ("trio", "anyio", "gevent", "Twisted")],
    )
    accepts = Figure(
        "Echo server: callers accepted",
        "accepts/s",
        targets=[Target(ours, 1.5, streams) for ours, streams in _SAME_LOOP],
        remark="64 callers at once: each is accepted, ends what it says, is closed by the server, and calls again.",
    )
    with place.running(echoes(place), [rate, accepts]) as programs:
        rates = {name: lambda program=program: (rate_once(place, program, 100),) for name, program in programs.items()}
        alternate([rate], rates, place.rounds, place.say)
        calls = {name: lambda program=program: (accepts_once(place, program),) for name, program in programs.items()}
        alternate([accepts], calls, place.rounds, place.say)
    return [rate, accepts]


def accepts_once(place: Workplace, program: Program) -> float:
    """Callers a second."""
    result = place.load("accepts", program.port, 64, 1 * place.scale)
    return result["accepts"] / result["seconds"]
