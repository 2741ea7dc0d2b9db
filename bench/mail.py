"""A mail server that keeps what it takes: small mails over one connection, a connection a mail, 20 sessions, one large.

The load is Postfix's smtp-source, which says one command after the other and waits for each reply. Beside ours are
servers that keep nothing: aiosmtpd with a handler that does nothing, and Postfix's own smtp-sink, in C.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from bench.figures import Figure, NotMeasured, Target, alternate
from bench.peers import COMMAND, RECORDED, TINCANS, Starter
from bench.program import Program, free_port
from bench.workplace import HERE, Workplace, has

AIOSMTPD = "aiosmtpd, keeps nothing"
SINK = "smtp-sink, keeps nothing"
_SMALL_BYTES = 1000
_LARGE_BYTES = 100_000_000
_MAILS = 6000

_KEPT = "Ours and only ours keeps the mails: each is a file on the project's disk when its 250 is said."


def measure(place: Workplace) -> list[Figure]:
    kept = Figure(
        "Mail: 1 KB, over one kept connection",
        "mails/s",
        targets=[Target(TINCANS, 4, AIOSMTPD), Target(TINCANS, 0.5, SINK)],
        remark=_KEPT,
    )
    apart = Figure("Mail: 1 KB, a connection a mail", "mails/s", targets=[Target(TINCANS, 2.5, AIOSMTPD)])
    many = Figure("Mail: 1 KB, 20 sessions at once", "mails/s", remark=_KEPT)
    large = Figure("Mail: one of 100 MB", "MB/s", remark="aiosmtpd holds the whole mail in memory.")
    small = [(kept, ("-d", "-s", "1")), (apart, ("-s", "1")), (many, ("-d", "-s", "20"))]
    with place.running(_servers(place), [kept, apart, many, large]) as programs:
        for figure, options in small:
            runs = {name: partial(_rate_once, place, program, *options) for name, program in programs.items()}
            alternate([figure], runs, place.rounds, place.say)
        runs = {name: partial(_large_once, place, program) for name, program in programs.items()}
        alternate([large], runs, place.rounds, place.say)
    return [kept, apart, many, large]


def _servers(place: Workplace) -> dict[str, Starter]:
    return {
        TINCANS: lambda: _tincans(place, "--no-record"),
        RECORDED: lambda: _tincans(place, "--journal", place.path(".journal")),
        AIOSMTPD: lambda: place.start([sys.executable, HERE / "mail_servers" / "keeps_nothing.py"]),
        SINK: lambda: _sink(place),
    }


def _tincans(place: Workplace, *record: str | Path) -> Program:
    port_file = place.path(".port")
    options = ["--mails", place.path(".mails"), *record, "--quiet", "--port-file", port_file]
    return place.start([COMMAND, "listen", "tcp://127.0.0.1:0", "mail", *options], port_file)


def _sink(place: Workplace) -> Program:
    """As root it wants to be told another user."""
    program, port = has("smtp-sink"), free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    return place.start([program, *user, f"127.0.0.1:{port}", "1024"], port)


def _rate_once(place: Workplace, program: Program, *options: str) -> tuple[float]:
    """Mails a second."""
    count = max(1, int(_MAILS * place.scale))
    return (count / _seconds(program, *options, "-m", str(count), "-l", str(_SMALL_BYTES)),)


def _large_once(place: Workplace, program: Program) -> tuple[float]:
    """Megabytes a second."""
    return (_LARGE_BYTES / 1e6 / _seconds(program, "-m", "1", "-l", str(_LARGE_BYTES)),)


def _seconds(program: Program, *options: str) -> float:
    """How long smtp-source takes."""
    who = ["-f", "ada@example.org", "-t", "bob@example.org", "-M", "bench.example"]
    command = [has("smtp-source"), *options, *who, f"inet:127.0.0.1:{program.port}"]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        raise NotMeasured("the mails were not taken within 60 s") from None
    if done.returncode:
        raise NotMeasured(f"the load failed: {done.stderr.strip() or done.returncode}")
    return time.perf_counter() - start
