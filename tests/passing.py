"""Two people with files: who they are, each with a folder of their own, and a place between them."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from running import PATIENCE, POLL, Program, start, tincans
from tincans.address import Address
from tincans.peers.codes import Code
from tincans.peers.identity import Identity
from tincans.peers.invitations import Invitation
from tincans.peers.known import Known
from tincans.peers.parties import Us
from tincans.peers.tls import PeerTls
from tincans.progress import Deed, Step

ANY = Address.parse("tcp://127.0.0.1:0")
CODE = Code(7, ("hovercraft", "orbit"))
WRONG = Code(7, ("hovercraft", "orange"))


def person(folder: Path, name: str, home_name: str = "") -> Us:
    """Somebody of that name, who keeps their key and whom they know in `folder`/`home_name`, or `name`."""
    home = folder / (home_name or name)
    return Us(PeerTls(Identity.open(home), name), Known(home / "known_peers"))


def acquainted(one: Us, other: Us) -> None:
    """Have both know each other, as after a pairing."""
    for knows, whom in ((one, other), (other, one)):
        with open(knows.known.path, "a") as file:
            file.write(f"{whom.tls.name} {whom.tls.identity.fingerprint} - 2026-11-28T03:00:00Z\n")


def invitation() -> Invitation:
    return Invitation(CODE)


class Steps:
    """Hears what happens, in short."""

    def __init__(self) -> None:
        self.all: list[Step] = []

    def __call__(self, step: Step) -> None:
        self.all.append(step)

    def of(self, deed: Deed) -> list[str]:
        return [step.name for step in self.all if step.deed is deed]

    @property
    def begun(self) -> list[int]:
        """From where each file was begun."""
        return [step.amount for step in self.all if step.deed is Deed.BEGUN]


# ── real programs ─────────────────────────────────────────────────────────────────────────────────────────


class Sent(NamedTuple):
    """A `tincans send` that waits: what it said is to be typed, and where it listens."""

    program: Program
    code: str
    address: str


def home(folder: Path, name: str, *, near: bool = False) -> dict[str, str]:
    """What makes a program that person's: a key and known peers of their own; mDNS on loopback where they are `near`,
    and else, as it takes its time, on an address that nobody has (RFC 5737).
    """
    mdns = "127.0.0.1" if near else "192.0.2.1"
    return {"TINCANS_PEERS": str(folder / name), "TINCANS_MDNS": mdns, "USER": name, "LOGNAME": name}


def named(user: str) -> str:
    """What that person's programs call themselves."""
    return f"{user}@{socket.gethostname().partition('.')[0]}"


@contextlib.contextmanager
def offering(
    folder: Path, *arguments: str, name: str = "ann", cwd: Path | None = None,
    stdin: int | bytes = subprocess.DEVNULL, near: bool = False,
) -> Iterator[Sent]:  # fmt: skip
    """Run `tincans send` while the block runs; it waits on loopback."""
    command = tincans("send", "--listen", "127.0.0.1:0", *arguments)
    with start(command, env=home(folder, name, near=near), cwd=cwd, stdin=stdin) as running:
        code = running.wait_for(r"^tincans receive (\S+)$")[1]
        address = running.wait_for(r"--from (\S+)$", stream="err")[1]
        yield Sent(running, code, address)


def receiving(sent: Sent, *arguments: str) -> list[str]:
    """The command that receives it, without mDNS."""
    return tincans("receive", sent.code, "--from", sent.address, *arguments)


def part_grown(path: Path, size: int, running: Program) -> None:
    """Wait until so much of a file has come, or the program has ended."""
    deadline = time.monotonic() + PATIENCE
    part = path.with_name(f".{path.name}.tincans-part")
    while running.process.poll() is None and not path.exists():
        with contextlib.suppress(FileNotFoundError):
            if part.stat().st_size >= size:
                return
        assert time.monotonic() < deadline, f"{running} never received {size} bytes"
        time.sleep(POLL / 5)
