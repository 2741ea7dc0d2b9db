"""Real programs for the tests: started with their output kept in files, waited for, and always ended.

Output goes to files, not pipes, so that no program ever waits for a test to read. `start` and everything built on it
are context managers: leaving one ends the program, and a program that had failed says what it printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from debian import find
from tincans.address import NETWORK, Address
from tincans.channel import Side
from tincans.conversation import Conversation, Opened, Said

if TYPE_CHECKING:
    from tincans.decoding import Heard
    from tincans.journal import Journal

#: How long anything here may take before the test gives up on it, and how often it looks. It costs nothing where all is
#: well; where eight tests run at once on two cores one of them takes up to thirty times as long as alone.
PATIENCE = 120.0
POLL = 0.005


def program(name: str) -> str:
    """The path of an installed program."""
    path = find(name)
    assert path is not None, f"{name} is missing; python3 tests/debian.py installs what the tests need"
    return path


def tincans(*arguments: str) -> list[str]:
    """The real command, as a user would run it."""
    return [str(Path(sys.executable).with_name("tincans")), *arguments]


def is_listened_at(path: Path) -> bool:
    """Whether there is a Unix socket that listens, bound as `path`, by the kernel's table (proc_net(5))."""
    rows = (row.split() for row in Path("/proc/net/unix").read_text(errors="replace").splitlines())
    return any(row[3] == "00010000" and row[-1] == str(path) for row in rows)


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

    def wait_for_file(self, path: Path) -> None:
        """Wait until it has made `path`."""
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            assert self.process.poll() is None, f"{self} ended before it made {path}"
            assert time.monotonic() < deadline, f"{self} never made {path}"
            time.sleep(POLL)

    def wait_for_socket(self, path: Path) -> None:
        """Wait until it listens at `path`: it makes the file sooner than it can be called."""
        deadline = time.monotonic() + PATIENCE
        while not is_listened_at(path):
            assert self.process.poll() is None, f"{self} ended before it listened at {path}"
            assert time.monotonic() < deadline, f"{self} never listened at {path}"
            time.sleep(POLL)

    def feed(self, data: bytes) -> None:
        """Write to its stdin, which was started as subprocess.PIPE."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait(self, expected: int | None = 0, patience: float = PATIENCE) -> int:
        """Wait for its own end, and expect this exit status."""
        status = self.process.wait(patience)
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
    command: Sequence[str],
    *,
    stdin: bytes = b"",
    expected: int = 0,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    patience: float = PATIENCE,
) -> bytes:
    """Run `command` to its end with `stdin`, and return what it printed."""
    with start(command, stdin=stdin, env=env, cwd=cwd) as running:
        running.wait(expected, patience)
        return running.out


def free_port() -> int:
    """A port that is free now, below those that the kernel gives out: for programs which cannot be given port 0."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def port_of(running: Program, kind: Literal["tcp", "udp"] = "tcp") -> int:
    """Wait until a program that was given port 0 listens, and ask the kernel on which port it does."""
    deadline = time.monotonic() + PATIENCE
    while True:
        table = subprocess.run([program("ss"), "-Hlnp", f"--{kind}"], capture_output=True, check=True, text=True).stdout
        for row in table.splitlines():
            if f"pid={running.process.pid}," in row:
                return int(row.split()[3].rpartition(":")[2])
        assert running.process.poll() is None, f"{running} ended before it listened"
        assert time.monotonic() < deadline, f"{running} never listened"
        time.sleep(POLL)


class Certificates(NamedTuple):
    """Files: an authority's certificate, and a key with a chain for localhost and 127.0.0.1 that it signed."""

    ca: Path
    leaf: Path

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        import trustme

        made = cls(folder / "ca.pem", folder / "leaf.pem")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(made.ca))
        authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(made.leaf))
        return made

    @property
    def served(self) -> str:
        """The options of an address that is listened on with TLS."""
        return f"?cert={self.leaf}&key={self.leaf}"

    @property
    def trusted(self) -> str:
        """The options of an address that is called with TLS."""
        return f"?ca={self.ca}"


# ── tincans itself ────────────────────────────────────────────────────────────────────────────────────────


class Serving(NamedTuple):
    """A `tincans listen` or `tincans relay` that runs; its port is 0 where it has none."""

    port: int
    program: Program


@contextlib.contextmanager
def serving(*arguments: str, journal: Path | None = None, env: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """Run `tincans COMMAND LISTEN …` while the block runs: a listener or a relay, ready to be called.

    Without a journal nothing is recorded. When the block is left it is stopped, and must have ended cleanly.
    """
    address = Address.parse(arguments[1])
    with tempfile.TemporaryDirectory(prefix="tincans-") as folder:
        port_file = Path(folder) / "port"
        record = ["--no-record"] if journal is None else ["--journal", str(journal)]
        ready = ["--port-file", str(port_file)] if address.scheme in NETWORK else []
        with start(tincans(*arguments, *record, "--quiet", *ready), env=env) as running:
            running.wait_for_file(port_file) if ready else running.wait_for_socket(Path(address.path))
            yield Serving(int(port_file.read_text()) if ready else 0, running)
            running.stop()
            running.wait()


class Recorded(NamedTuple):
    """One conversation from a journal, and all that each side said in it."""

    conversation: Conversation
    client: bytes
    server: bytes


def recorded(journal: Path) -> list[Recorded]:
    """Every conversation in a journal, in the order in which they began."""
    found: list[Recorded] = []  # not the task's result: asyncio.run prints that to itself, which takes seconds
    asyncio.run(_collect(journal, found))
    return found


async def _collect(where: Path, found: list[Recorded]) -> None:
    from tincans.journal import open_journal

    journal = open_journal(where)
    try:
        for conversation in await journal.conversations():
            found.append(await _read(journal, conversation))  # noqa: PERF401
    finally:
        await journal.aclose()


async def _read(journal: Journal, conversation: Conversation) -> Recorded:
    words: dict[Side, list[bytes]] = {Side.CLIENT: [], Side.SERVER: []}
    async for entry in journal.read(conversation.number):
        if isinstance(entry, Said):
            words[entry.side].append(entry.data)
    return Recorded(conversation, *(b"".join(said) for said in words.values()))


def understood(journal: Path) -> list[list[Heard]]:
    """What every conversation in a journal meant, in the order in which they began."""
    found: list[list[Heard]] = []
    asyncio.run(_understand(journal, found))
    return found


async def _understand(where: Path, found: list[list[Heard]]) -> None:
    from tincans.decoding import Decoding, Heard
    from tincans.journal import open_journal

    journal = open_journal(where)
    try:
        for conversation in await journal.conversations():
            entries = [entry async for entry in journal.read(conversation.number)]
            assert isinstance(entries[0], Opened)
            decoding = Decoding(entries[0])
            told = [each for entry in entries for each in decoding.take(entry)]
            found.append([each for each in [*told, *decoding.close()] if isinstance(each, Heard)])
    finally:
        await journal.aclose()
