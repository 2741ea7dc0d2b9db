"""What importing the command line costs, in fresh processes."""

from __future__ import annotations

import subprocess
import sys

from bench.figures import Figure, Target, alternate
from bench.workplace import Workplace

_CLOCKED = "import time; start = time.perf_counter(); {work}; print((time.perf_counter() - start) * 1e3)"


def measure(place: Workplace) -> list[Figure]:
    figure = Figure("Import of the command line", "ms", True, [Target("tincans.cli", 120)])
    works = {"tincans.cli": "import tincans.cli", "click alone": "import click", "asyncio alone": "import asyncio"}
    runs = {name: lambda work=work: (_milliseconds(work),) for name, work in works.items()}
    alternate([figure], runs, 2 * place.rounds + 1, lambda _: None)
    return [figure]


def _milliseconds(work: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _CLOCKED.format(work=work)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
