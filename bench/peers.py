"""The relays and the echo servers, and how each is started: as its users would start it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.program import Program, free_port
from bench.workplace import HERE, Workplace, has

#: The names under which targets are judged.
TINCANS = "tincans"
HAPROXY = "HAProxy"
C_RELAY = "C splice relay"
RECORDED = "tincans, recorded"
ASYNCIO = "tincans on asyncio"
STREAMS_UVLOOP = "asyncio streams on uvloop"
STREAMS_ASYNCIO = "asyncio streams"

Starter = Callable[[], Program]

COMMAND = Path(sys.executable).parent / "tincans"

HAPROXY_CONFIG = """\
global
    {threads}
    maxconn {maxconn}
    maxpipes 100
defaults
    mode tcp
    timeout connect 10s
    timeout client 10m
    timeout server 10m
    option splice-auto
frontend bench
    bind 127.0.0.1:{port}{tls}
    default_backend target
backend target
    server target 127.0.0.1:{target}
"""


def tincans_relay(place: Workplace, target: int, *, journal: Path | None = None, tls: bool = False) -> Program:
    """The real command, with or without recording, in plain text or ending TLS."""
    port_file = place.path(".port")
    cert, key = place.certificate() if tls else (None, None)
    listen = f"tls://127.0.0.1:0?cert={cert}&key={key}" if tls else "tcp://127.0.0.1:0"
    record = ["--journal", journal] if journal else ["--no-record"]
    command = [COMMAND, "relay", listen, f"tcp://127.0.0.1:{target}", *record, "--quiet", "--port-file", port_file]
    return place.start(command, port_file)


def haproxy(
    place: Workplace, target: int, *, threads: int | None = 1, tls: bool = False, maxconn: int = 2_000
) -> Program:
    """`threads` None leaves the number to HAProxy: one a core."""
    program, port, config = has("haproxy"), free_port(), place.path(".cfg")
    config.write_text(
        HAPROXY_CONFIG.format(
            threads=f"nbthread {threads}" if threads else "",
            maxconn=maxconn,
            port=port,
            tls=f" ssl crt {_chain(place)}" if tls else "",
            target=target,
        )
    )
    return place.start([program, "-db", "-f", config], port)


def _chain(place: Workplace) -> Path:
    """HAProxy wants certificate and key in one file."""
    cert, key = place.certificate()
    chain = place.folder / "chain.pem"
    chain.write_text(cert.read_text() + key.read_text())
    return chain


def c_relay(place: Workplace, target: int) -> Program:
    return place.start([place.c("splice_relay"), str(target)])


def socat(place: Workplace, target: int, *, tls: bool = False) -> Program:
    """`-b 65536`: its own 8 KiB would be a handicap that its users take off first."""
    program, port = has("socat"), free_port()
    listen = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork"
    if tls:
        cert, key = place.certificate()
        listen = f"OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,verify=0,cert={cert},key={key}"
    return place.start([program, "-b", "65536", listen, f"TCP:127.0.0.1:{target}"], port)


def ncat(place: Workplace, target: int) -> Program:
    program, port = has("ncat"), free_port()
    return place.start(
        [
            "ncat",
            "-l",
            "-k",
            "--max-conns",
            "200",
            "127.0.0.1",
            str(port),
            "--exec",
            f"{program} 127.0.0.1 {target}",
        ],
        port,
    )


def mitmproxy(place: Workplace, target: int) -> Program:
    program, port = has("mitmdump"), free_port()
    return place.start([program, "-q", "--mode", f"reverse:tcp://127.0.0.1:{target}@127.0.0.1:{port}"], port)


def relays(place: Workplace, target: int) -> dict[str, Starter]:
    """Every relay in front of `target`."""
    return {
        TINCANS: lambda: tincans_relay(place, target),
        C_RELAY: lambda: c_relay(place, target),
        HAPROXY: lambda: haproxy(place, target),
        "HAProxy, all cores": lambda: haproxy(place, target, threads=None),
        "socat": lambda: socat(place, target),
        "ncat": lambda: ncat(place, target),
        "mitmproxy": lambda: mitmproxy(place, target),
    }


_ECHOES = {
    TINCANS: ("tincans_echo.py", "uvloop"),
    ASYNCIO: ("tincans_echo.py", "asyncio"),
    STREAMS_UVLOOP: ("streams_echo.py", "uvloop"),
    STREAMS_ASYNCIO: ("streams_echo.py", "asyncio"),
    "trio": ("trio_echo.py",),
    "anyio": ("anyio_echo.py",),
    "gevent": ("gevent_echo.py",),
    "Twisted": ("twisted_echo.py",),
}


def echoes(place: Workplace) -> dict[str, Starter]:
    """The same echo in every library, and in C."""
    starters: dict[str, Starter] = {name: partial(_echo, place, *words) for name, words in _ECHOES.items()}
    starters["C epoll"] = lambda: place.start([place.c("echo_epoll")])
    return starters


def _echo(place: Workplace, script: str, *arguments: str) -> Program:
    return place.start([sys.executable, HERE / "echo_servers" / script, *arguments])
