"""A relay that ends TLS in front of a plain server: bulk, and full handshakes a second."""

from __future__ import annotations

from bench.figures import Figure, Target, alternate
from bench.peers import HAPROXY, TINCANS, Starter, haproxy, socat, tincans_relay
from bench.program import Program
from bench.relay import GIGABYTE, gbits
from bench.workplace import Workplace

_THREADS = 4
_REMARK = "TLS 1.3, TLS_AES_256_GCM_SHA384, X25519, an ECDSA P-256 certificate, no resumption, for all."


def measure(place: Workplace) -> list[Figure]:
    return [*_bulk(place), *_handshakes(place)]


def _relays(place: Workplace, target: int) -> dict[str, Starter]:
    return {
        TINCANS: lambda: tincans_relay(place, target, tls=True),
        HAPROXY: lambda: haproxy(place, target, tls=True),
        "HAProxy, all cores": lambda: haproxy(place, target, threads=None, tls=True),
        "socat": lambda: socat(place, target, tls=True),
    }


def _bulk(place: Workplace) -> list[Figure]:
    figures = [
        Figure("TLS ended at the relay: bulk", "Gbit/s", targets=[Target(TINCANS, 1.2, HAPROXY)], remark=_REMARK),
        Figure("TLS ended at the relay: CPU for a gigabyte", "CPU-seconds", less_is_better=True),
    ]
    with place.target("sink") as sink, place.running(_relays(place, sink.port), figures) as programs:
        runs = {name: lambda program=program: _bulk_once(place, program) for name, program in programs.items()}
        alternate(figures, runs, place.rounds, place.say)
    return figures


def _bulk_once(place: Workplace, program: Program) -> tuple[float, float]:
    before = program.cpu()
    result = place.load("bulk", program.port, 1.5 * place.scale, program="load_tls")
    return gbits(result), (program.cpu() - before) / result["all_bytes"] * GIGABYTE


def _handshakes(place: Workplace) -> list[Figure]:
    figures = [
        Figure(
            "TLS ended at the relay: handshakes",
            "handshakes/s",
            targets=[Target(TINCANS, 0.9, HAPROXY)],
            remark=f"{_THREADS} callers at once: call, full handshake, 64 bytes to the server and back, close.",
        ),
        Figure("TLS ended at the relay: CPU for a handshake", "CPU-ms", less_is_better=True),
    ]
    with place.target("echo_epoll") as echo, place.running(_relays(place, echo.port), figures) as programs:
        runs = {name: lambda program=program: _handshakes_once(place, program) for name, program in programs.items()}
        alternate(figures, runs, place.rounds, place.say)
    return figures


def _handshakes_once(place: Workplace, program: Program) -> tuple[float, float]:
    before = program.cpu()
    result = place.load("handshakes", program.port, _THREADS, 1.5 * place.scale, program="load_tls")
    return result["handshakes"] / result["seconds"], (program.cpu() - before) / result["all"] * 1e3
