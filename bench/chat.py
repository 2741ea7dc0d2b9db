"""A room of a thousand: what one says, delivered to all; and what members cost who say nothing.

The load is one C program for all. Its sender says a burst in one write, and the next when everybody has all of it; so a
server that drops slow readers has none, and what is measured is how quickly a message becomes a thousand.
"""

from __future__ import annotations

import subprocess
import time
from functools import partial
from pathlib import Path

from bench.figures import Figure, NotMeasured, Target, alternate, leave_out
from bench.peers import COMMAND, RECORDED, TINCANS, Starter
from bench.program import Program, free_port
from bench.workplace import Workplace, has

NGIRCD, NATS = "ngircd", "nats-server"

_RECEIVERS, _BURST = 1_000, 64
_MEMBERS, _ROOMS = 10_000, 100
_MIB = 1024 * 1024
#: Long enough for a server to have told everybody of everybody and gone to sleep.
_SETTLE = 2.0

#: Without what it does against those who say too much: it is to say as much as it can.
_NGIRCD_CONFIG = """\
[Global]
Name = irc.bench.test
Info = bench
MotdPhrase = hello
Listen = 127.0.0.1
Ports = {port}
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
"""


def measure(place: Workplace) -> list[Figure]:
    bursts = Figure(
        f"Chat: bursts of {_BURST} to {_RECEIVERS:,} members",
        "messages/s",
        targets=[Target(TINCANS, 2, NGIRCD), Target(TINCANS, 1.5, NATS)],
        remark="Messages delivered. Ours and only ours keeps each in its history before it is told.",
    )
    single = Figure(
        f"Chat: one by one to {_RECEIVERS:,} members",
        "messages/s",
        targets=[Target(TINCANS, 1, NGIRCD), Target(TINCANS, 1, NATS)],
    )
    with place.running(_servers(place), [bursts, single]) as programs:
        for figure, burst in ((bursts, _BURST), (single, 1)):
            runs = {name: partial(_rate_once, place, name, program, burst) for name, program in programs.items()}
            alternate([figure], runs, place.rounds, place.say)
    return [bursts, single, _idle(place)]


def _servers(place: Workplace) -> dict[str, Starter]:
    return {
        TINCANS: lambda: _tincans(place, "--no-record"),
        RECORDED: lambda: _tincans(place, "--journal", place.path(".journal")),
        NGIRCD: lambda: _ngircd(place),
        NATS: lambda: _nats(place),
    }


def _tincans(place: Workplace, *record: str | Path) -> Program:
    port_file = place.path(".port")
    options = ["--rooms", place.path(".rooms"), "--flood", "0", *record, "--quiet", "--port-file", port_file]
    return place.start([COMMAND, "listen", "tcp://127.0.0.1:0", "chat", *options], port_file)


def _ngircd(place: Workplace) -> Program:
    program, port, config = has("ngircd"), free_port(), place.path(".conf")
    config.write_text(_NGIRCD_CONFIG.format(port=port))
    config.chmod(0o644)
    return place.start([program, "-n", "-f", config], port)


def _nats(place: Workplace) -> Program:
    port = free_port()
    return place.start([has("nats-server"), "-a", "127.0.0.1", "-p", str(port)], port)


def _rate_once(place: Workplace, name: str, program: Program, burst: int) -> tuple[float]:
    """Messages delivered a second."""
    protocol = "nats" if name == NATS else "irc"
    result = place.load(protocol, "talk", program.port, _RECEIVERS, burst, 3 * place.scale, program="fanout")
    return (result["messages"] / result["seconds"],)


def _idle(place: Workplace) -> Figure:
    """One run each: resident memory hardly varies from run to run."""
    figure = Figure(
        f"Chat: memory with {_MEMBERS:,} members",
        "MiB",
        True,
        [Target(TINCANS, 150 * 1e6 / _MIB)],
        f"Resident memory of the whole server, in {_ROOMS} rooms of {_MEMBERS // _ROOMS}. The target is 150 MB.",
    )
    for name, start in _servers(place).items():
        with place.running({name: start}, [figure]) as programs:
            for program in programs.values():
                try:
                    figure.samples[name] = [_resident(place, name, program) / _MIB]
                except NotMeasured as error:
                    leave_out([figure], name, str(error))
                else:
                    place.say(f"  {name}: {figure.samples[name][0]:.1f} MiB")
    return figure


def _resident(place: Workplace, name: str, program: Program) -> int:
    protocol = "nats" if name == NATS else "irc"
    command = [str(place.c("fanout")), protocol, "idle", str(program.port), str(_MEMBERS), str(_ROOMS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as load:
        assert load.stdin
        assert load.stdout
        try:
            if not load.stdout.readline():
                raise NotMeasured(f"it did not take {_MEMBERS:,} members")
            time.sleep(_SETTLE)
            return program.resident()
        finally:
            load.stdin.close()
