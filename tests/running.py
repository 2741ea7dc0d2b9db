"""Real programs for the tests: started with their output kept in files, waited for, and always ended.

Output goes to files, not pipes, so that no program ever waits for a test to read. `start` and everything built on it
are context managers: leaving one ends the program, and a program that had failed says what it printed.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from debian import find

#: How long anything here may take before the test gives up on it, and how often it looks.
PATIENCE = 20.0
POLL = 0.005


def program(name: str) -> str:
    """The path of an installed program."""
    path = find(name)
    assert path is not None, f"{name} is missing; python3 tests/debian.py installs what the tests need"
    return path


def tincans(*arguments: str) -> list[str]:
    """The real command, as a user would run it."""
    return [str(Path(sys.executable).with_name("tincans")), *arguments]


class Program:
    """A program that runs: what it has printed so far, and its end."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process, self._folder = process, folder

    @property
    def out(self) -> bytes:
        return (self._folder / "out").read_bytes()

    @property
    def err(self) -> bytes:
        return (self._folder / "err").read_bytes()

    def wait_for(self, pattern: str, *, stream: str = "out") -> re.Match[str]:
        """Wait until what it prints on `out` or `err` has `pattern` in it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = self.process.poll() is not None
            found = re.search(pattern, getattr(self, stream).decode(errors="replace"), re.MULTILINE)
            if found:
                return found
            assert not ended, f"{self} ended before it said {pattern!r}"
            assert time.monotonic() < deadline, f"{self} never said {pattern!r}"
            time.sleep(POLL)

    def wait(self, expected: int | None = 0) -> int:
        """Wait for its own end, and expect this exit status."""
        status = self.process.wait(PATIENCE)
        assert expected is None or status == expected, f"{self} exited with {status}"
        return status

    def stop(self) -> None:
        """Ask it to end (SIGTERM), and end it if it does not."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise

    def __str__(self) -> str:
        said = "\n".join(text.decode(errors="replace")[-2000:] for text in (self.out, self.err) if text)
        return f"{self.process.args!r}, which said:\n{said or '(nothing)'}\nand"


@contextlib.contextmanager
def start(
    command: Sequence[str],
    *,
    stdin: int | bytes = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[Program]:
    """Run `command` while the block runs. `stdin` is bytes to feed it, or subprocess.PIPE to write to it yourself."""
    with tempfile.TemporaryDirectory(prefix="tincans-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        if isinstance(stdin, bytes):
            (folder / "in").write_bytes(stdin)
            stdin = stack.enter_context(open(folder / "in", "rb")).fileno()
        out, err = (stack.enter_context(open(folder / stream, "ab")) for stream in ("out", "err"))
        process = subprocess.Popen(
            command, stdin=stdin, stdout=out, stderr=err, env={**os.environ, **(env or {})}, cwd=cwd
        )
        running = Program(process, folder)
        try:
            yield running
        finally:
            running.stop()


def run(
    command: Sequence[str], *, stdin: bytes = b"", expected: int = 0, env: Mapping[str, str] | None = None
) -> bytes:
    """Run `command` to its end with `stdin`, and return what it printed."""
    with start(command, stdin=stdin, env=env) as running:
        running.wait(expected)
        return running.out


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that is free now: only for programs which cannot be given port 0."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_open(port: int, of: Program) -> None:
    """Wait until somebody accepts on a port of this machine."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert of.process.poll() is None, f"{of} ended before it listened on port {port}"
        assert time.monotonic() < deadline, f"{of} never listened on port {port}"
        time.sleep(POLL)
