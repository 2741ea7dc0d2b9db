"""Two people with files: who they are, each with a folder of their own, and a place or a bad line between them."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from running import PATIENCE, POLL, Program, start, tincans
from tincans.address import Address
from tincans.channel import Channel
from tincans.client import connect
from tincans.errors import ChannelBroken, ChannelError, EndOfStream
from tincans.limits import Limits
from tincans.peers.codes import Code
from tincans.peers.identity import Identity
from tincans.peers.invitations import Invitation
from tincans.peers.known import Known
from tincans.peers.parties import Us
from tincans.peers.tls import PeerTls
from tincans.progress import Deed, Step
from tincans.server import serve
from tincans.tasks import spawn

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


# ── a bad line ────────────────────────────────────────────────────────────────────────────────────────────


class How(Enum):
    """What becomes of a line that is cut."""

    #: Both ends hear of it, and what is on the way is lost.
    RESET = "reset"
    #: Both ends hear that the other has ended: all that was let through arrives, to the byte, and no goodbye of TLS.
    ENDED = "ended"
    #: Nobody hears of anything any more.
    SILENT = "silent"


class Line:
    """A line to `target` that is cut, at each call, after so many bytes came back from there; -1 never.

    It knows nothing of what goes by. Whoever calls once more than there are cuts has a good line.
    """

    def __init__(self, target: Address, cuts: Iterable[int], how: How = How.RESET) -> None:
        self.target = target
        #: How many bytes came back, of each call.
        self.came: list[int] = []
        #: Set when one was cut; and what is done at that moment, before anybody can notice.
        self.cut = asyncio.Event()
        self.then: Callable[[], object] = lambda: None
        self._cuts, self._how = iter(cuts), how

    async def __call__(self, channel: Channel) -> None:
        most, number = next(self._cuts, -1), len(self.came)
        self.came.append(0)
        async with await connect(self.target) as there:
            up = spawn(self._up(channel, there))
            try:
                with contextlib.suppress(EndOfStream, ChannelBroken):
                    while self.came[number] != most:
                        data = await there.receive()
                        if most >= 0:
                            data = data[: most - self.came[number]]
                        await channel.send(data)
                        self.came[number] += len(data)
                if self.came[number] == most:
                    await self._cut(channel, there, up)
            finally:
                up.cancel()
                await asyncio.wait([up])

    async def _up(self, channel: Channel, there: Channel) -> None:
        with contextlib.suppress(ChannelError):
            async for data in channel:
                await there.send(data)

    async def _cut(self, channel: Channel, there: Channel, up: asyncio.Task[None]) -> None:
        self.cut.set()
        self.then()
        if self._how is How.SILENT:
            up.cancel()
            await asyncio.Event().wait()
        elif self._how is How.RESET:
            channel.abort()
            there.abort()


@asynccontextmanager
async def line(target: Address, cuts: Iterable[int] = (), how: How = How.RESET) -> AsyncIterator[tuple[Line, Address]]:
    """Such a line, and where it is called, while the block runs."""
    made = Line(target, cuts, how)
    async with await serve(ANY, made, limits=Limits(drain=0.0)) as server:
        yield made, server.address


@contextlib.contextmanager
def line_beside(target: str, cuts: Iterable[int], how: How = How.RESET) -> Iterator[tuple[Line, str]]:
    """The same for real programs, in a thread with a loop of its own; addresses are HOST:PORT."""
    ready: queue.SimpleQueue[tuple[Line, str, asyncio.AbstractEventLoop, asyncio.Event]] = queue.SimpleQueue()

    async def run() -> None:
        over = asyncio.Event()
        async with line(Address.parse(f"tcp://{target}"), cuts, how) as (made, address):
            ready.put((made, str(address).removeprefix("tcp://"), asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    made, address, loop, over = ready.get(timeout=PATIENCE)
    try:
        yield made, address
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE)
