"""A web server for the files of a folder: small files asked for by many, plain and over TLS, and one large file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.figures import Figure, NotMeasured, Target, alternate
from bench.peers import COMMAND, RECORDED, TINCANS, Starter
from bench.program import Program, free_port
from bench.workplace import HERE, Workplace, has

NGINX = "nginx"
STATIC_FILES = "uvicorn, StaticFiles"
_CLIENTS = 64
_LARGE_BYTES = 100 * 1024 * 1024

NGINX_CONFIG = """\
{user}
worker_processes {workers};
daemon off;
pid {folder}/nginx-{port}.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    server {{ listen 127.0.0.1:{port} {tls}; root {site}; }}
}}
"""
_TLS = "ssl; ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.3"


def measure(place: Workplace) -> list[Figure]:
    site = place.path("-site")
    site.mkdir()
    (site / "small.bin").write_bytes(os.urandom(1024))
    with (site / "large.bin").open("wb") as file:
        for _ in range(100):
            file.write(os.urandom(_LARGE_BYTES // 100))
    return [*_small(place, site), *_others(place, site), *_large(place, site)]


def _small(place: Workplace, site: Path) -> list[Figure]:
    figures = [
        Figure(
            f"HTTP server: 1 KB, {_CLIENTS} connections",
            "requests/s",
            targets=[Target(TINCANS, 0.4, NGINX), Target(TINCANS, 10, STATIC_FILES)],
            remark="wrk with one thread, connections kept; one process each.",
        ),
        Figure("HTTP server: CPU for a request", "CPU-µs", less_is_better=True, drawn=False),
    ]
    return _beside(place, site, figures, _small_once)


def _beside(
    place: Workplace, site: Path, figures: list[Figure], once: Callable[[Workplace, Program], tuple[float, ...]]
) -> list[Figure]:
    """What `once` measures of every server, by turns."""
    starters: dict[str, Starter] = {
        TINCANS: lambda: _tincans(place, site),
        RECORDED: lambda: _tincans(place, site, record=True),
        NGINX: lambda: _nginx(place, site),
        STATIC_FILES: lambda: _static_files(place, site),
        "python -m http.server": lambda: _http_server(place, site),
    }
    with place.running(starters, figures) as programs:
        runs = {name: partial(once, place, program) for name, program in programs.items()}
        alternate(figures, runs, place.rounds, place.say)
    return figures


def _small_once(place: Workplace, program: Program) -> tuple[float, float]:
    before = program.cpu()
    result = _wrk(place, f"http://127.0.0.1:{program.port}/small.bin", _CLIENTS, 2)
    return result["requests"] / result["seconds"], (program.cpu() - before) / result["requests"] * 1e6


def _others(place: Workplace, site: Path) -> list[Figure]:
    """The same with a process on each core, and over TLS."""
    cores, tls = (
        Figure(f"HTTP server: 1 KB, {_CLIENTS} connections, {how}", "requests/s", remark=remark)
        for how, remark in (("all cores", "A process a core, beside wrk."), ("TLS", "TLS 1.3, connections kept."))
    )
    workers = os.cpu_count() or 1
    many: dict[str, Starter] = {
        TINCANS: lambda: _tincans(place, site, workers=workers),
        NGINX: lambda: _nginx(place, site, workers=workers),
    }
    secure: dict[str, Starter] = {
        TINCANS: lambda: _tincans(place, site, tls=True),
        NGINX: lambda: _nginx(place, site, tls=True),
    }
    for figure, starters, scheme in ((cores, many, "http"), (tls, secure, "https")):
        with place.running(starters, [figure]) as programs:
            runs = {name: partial(_rate, place, scheme, program) for name, program in programs.items()}
            alternate([figure], runs, place.rounds, place.say)
    return [cores, tls]


def _rate(place: Workplace, scheme: str, program: Program) -> tuple[float]:
    result = _wrk(place, f"{scheme}://127.0.0.1:{program.port}/small.bin", _CLIENTS, 2)
    return (result["requests"] / result["seconds"],)


def _large(place: Workplace, site: Path) -> list[Figure]:
    figures = [
        Figure("HTTP server: a file of 100 MB", "Gbit/s", targets=[Target(TINCANS, 0.7, NGINX)]),
        Figure("HTTP server: CPU for a gigabyte", "CPU-seconds", less_is_better=True, drawn=False),
    ]
    return _beside(place, site, figures, _large_once)


def _large_once(place: Workplace, program: Program) -> tuple[float, float]:
    before = program.cpu()
    result = _wrk(place, f"http://127.0.0.1:{program.port}/large.bin", 1, 3)
    return result["bytes"] * 8e-9 / result["seconds"], (program.cpu() - before) / result["bytes"] * 1e9


def _wrk(place: Workplace, url: str, clients: int, seconds: float) -> dict[str, float]:
    """One run of wrk. `NotMeasured` where a request failed."""
    took = max(1, round(seconds * place.scale))
    command = [has("wrk"), "-t1", f"-c{clients}", f"-d{took}s", "-s", str(HERE / "wrk.lua"), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=took + 30, check=False)
    if done.returncode:
        raise NotMeasured(f"wrk failed: {done.stderr.strip() or done.returncode}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if result["errors"] or not result["bytes"]:
        raise NotMeasured(f"{result['errors']} requests failed, {result['requests']} did not")
    return result


# ── servers ───────────────────────────────────────────────────────────────────────────────────────────────


def _tincans(place: Workplace, site: Path, *, record: bool = False, workers: int = 1, tls: bool = False) -> Program:
    port_file = place.path(".port")
    cert, key = place.certificate() if tls else (None, None)
    listen = f"tls://127.0.0.1:0?cert={cert}&key={key}" if tls else "tcp://127.0.0.1:0"
    recording = ["--journal", place.path(".journal")] if record else ["--no-record"]
    several = ["--workers", str(workers)] if workers > 1 else []
    command = [COMMAND, "listen", listen, f"http:{site}", *recording, *several, "--quiet", "--port-file", port_file]
    return place.start(command, port_file)


def _nginx(place: Workplace, site: Path, *, workers: int = 1, tls: bool = False) -> Program:
    program, port, config = has("nginx"), free_port(), place.path(".conf")
    cert, key = place.certificate() if tls else (None, None)
    config.write_text(
        NGINX_CONFIG.format(
            user="user root;" if os.geteuid() == 0 else "",
            workers=workers,
            folder=place.folder,
            port=port,
            tls=_TLS.format(cert=cert, key=key) if tls else "",
            site=site,
        )
    )
    return place.start([program, "-c", config], port)


def _static_files(place: Workplace, site: Path) -> Program:
    return place.start([sys.executable, HERE / "http_servers" / "static_files.py", site])


def _http_server(place: Workplace, site: Path) -> Program:
    port = free_port()
    words: list[str | Path] = [
        "-m",
        "http.server",
        "--protocol",
        "HTTP/1.1",
        "--bind",
        "127.0.0.1",
        "--directory",
        site,
        str(port),
    ]
    return place.start([sys.executable, *words], port)
