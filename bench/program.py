"""One started program with all its children: they share a process group, which is measured and ended together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.figures import NotMeasured

TICK = os.sysconf("SC_CLK_TCK")
PATIENCE = 15.0


class Program:
    """A server that was started for the benchmark. Its standard error is kept in a file, to say why it failed.

    `port` is where it listens: a number when the command names it, a file when the program writes it there, and
    None when the first line that it prints is the port.
    """

    def __init__(self, command: Sequence[str | Path], log: Path, port: int | Path | None = None) -> None:
        self.command = [str(word) for word in command]
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if port is None else errors,
                stderr=errors,
                start_new_session=True,
                text=True,
            )
        try:
            self.port = self._wait_for(port)
        except BaseException:
            self.stop()
            raise

    def _wait_for(self, port: int | Path | None) -> int:
        if port is None:
            assert self._process.stdout
            line = self._process.stdout.readline()
            return int(line) if line.strip().isdigit() else self._fail()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            number = _read_port(port)
            if number and listens(number):
                return number
            time.sleep(0.02)
        return self._fail()

    def _fail(self) -> int:
        said = " ".join(self.said().split())
        raise NotMeasured(f"{Path(self.command[0]).name} did not start: {said[-200:] or 'it said nothing'}")

    def said(self) -> str:
        """What it has printed, where its port is known without reading that."""
        return self._log.read_text(errors="replace")

    def cpu(self) -> float:
        """CPU seconds so far: user and system, of all its processes, and of those that ended and were waited for."""
        return sum(sum(map(int, fields[11:15])) for _, fields in self._processes()) / TICK

    def count(self) -> int:
        """How many processes it has."""
        return sum(1 for _ in self._processes())

    def resident(self) -> int:
        """Bytes resident, of all its processes."""
        return sum(_rss(pid) for pid, _ in self._processes())

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End all of it, politely at first."""
        self._signal(how)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        self._signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            pass

    def _processes(self) -> Iterator[tuple[int, list[str]]]:
        """Each process of the group, with the fields of /proc/PID/stat from the state (the third of proc(5)) on."""
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            if int(fields[2]) == self._process.pid:
                yield int(name), fields


def _read_port(port: int | Path) -> int:
    if isinstance(port, int):
        return port
    text = port.read_text().strip() if port.exists() else ""
    return int(text) if text.isdigit() else 0


def _rss(pid: int) -> int:
    """From smaps_rollup, which walks the pages: the counters of /proc/PID/status are approximate since Linux 6.2."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    return 0


def listens(port: int) -> bool:
    """Whether somebody listens on this TCP port, without calling them."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:
            next(lines)
            if any(fields[1].endswith(wanted) and fields[3] == "0A" for fields in map(str.split, lines)):
                return True
    return False


def free_port() -> int:
    """A port that nobody listens on now, for programs that cannot be told to choose."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
