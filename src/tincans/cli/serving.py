"""What every command that listens does around its server: says where, records, prints, and stops in good order.

    the server listens ──► the port file is there, "listening on …" ──► Ctrl-C, SIGTERM, a closed stdout, --once
    is over ──► no new callers, the open ones may finish ──► totals ──► the journal is closed

A second Ctrl-C cuts the open ones off. Stopping when asked is a success: the exit status is 0. With --workers each
of the processes does all of this but the telling, which is the parent's: it knows when all of them listen.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import click

from tincans import tasks
from tincans.address import NETWORK, Address
from tincans.cli import guarded
from tincans.cli.live import printing
from tincans.cli.options import Listening, Record, Show, settings
from tincans.conversation import Recorder
from tincans.errors import UsageError
from tincans.limits import Limits
from tincans.server import Server
from tincans.tasks import spawn
from tincans.text import escape

#: Makes the server, given who is told of its conversations.
Start = Callable[[Sequence[Recorder]], Awaitable[Server]]


class Runs(Protocol):
    """What can be stopped in good order: a server, or a switchboard full of them."""

    @property
    def clients(self) -> int: ...
    @property
    def limits(self) -> Limits: ...
    async def wait_closed(self) -> None: ...
    async def aclose(self) -> None: ...
    def abort(self) -> None: ...


class Stop:
    """Whether the command was asked to stop, by a signal or because nobody reads its output any more."""

    def __init__(self) -> None:
        #: What ends the open channels, where they would not end by themselves; awaited when asked to stop.
        self.goodbye: Callable[[], Awaitable[None]] | None = None
        self._loop = asyncio.get_running_loop()
        self._asked = asyncio.Event()
        self._insisted = asyncio.Event()
        #: Whoever read stdout has gone.
        self.unread = False
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self.ask)

    def ask(self) -> None:
        """Stop in good order; asked a second time, stop at once."""
        (self._insisted if self._asked.is_set() else self._asked).set()

    def broken(self) -> None:
        """Nobody reads stdout any more. From any thread."""
        self.unread = True
        self._loop.call_soon_threadsafe(self._asked.set)

    async def wait(self) -> None:
        """Wait until it was asked to stop, where nobody has to be given time for that."""
        await self._asked.wait()

    async def until(self, work: asyncio.Task[None]) -> None:
        """Wait until it was asked to stop, and then cancel `work`; or until that is done. Raises what broke it."""
        asked = spawn(self._asked.wait())
        await asyncio.wait([work, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
        elif not work.cancelled():
            work.result()

    async def attend(self, server: Runs, *, quiet: bool) -> None:
        """Wait until the server is done by itself or is asked to stop; then close it. Raises what broke it."""
        closed, asked = spawn(server.wait_closed()), spawn(self._asked.wait())
        try:
            await asyncio.wait([closed, asked], return_when=asyncio.FIRST_COMPLETED)
            if not closed.done():
                await self._close(server, quiet)
            await closed
        finally:
            asked.cancel()

    async def _close(self, server: Runs, quiet: bool) -> None:
        if self.goodbye is not None:
            await self.goodbye()
        elif server.clients and not quiet and not self.unread:
            say(f"stopping: {_callers(server.clients)} may go on for {server.limits.drain:g} s; Ctrl-C ends that too")
        cutting = spawn(self._cut_off(server))
        await server.aclose()
        cutting.cancel()

    async def _cut_off(self, server: Runs) -> None:
        await self._insisted.wait()
        server.abort()


class Place(NamedTuple):
    """Where to listen, and which of the processes that listen there this is."""

    address: Address
    #: To be called with the real address once it listens.
    ready: Callable[[Address], object]
    number: int = 0
    of: int = 1

    @property
    def reuse_port(self) -> bool:
        return self.of > 1


#: What a command does at its place, to the end.
Serve = Callable[[Place], Coroutine[Any, Any, None]]


def run(serve: Serve, address: Address, listening: Listening, record: Record) -> int:
    """Run `serve` on a loop, in this process or in --workers that share the port; gives the exit status."""
    with port_file(listening.port_file) as write_port:

        def ready(address: Address) -> None:
            write_port(address)
            if not record.quiet:
                announce(address)

        if listening.workers > 1:
            return _run_workers(serve, address, listening.workers, ready)
        tasks.run(serve(Place(address, ready)))
        return 0


def _run_workers(serve: Serve, address: Address, count: int, ready: Callable[[Address], object]) -> int:
    from tincans.workers import Worker, Workers

    told = settings()

    def work(worker: Worker) -> int:
        place = Place(worker.address, lambda address: worker.ready(), worker.number, count)
        return guarded(lambda: tasks.run(serve(place)), told)

    with Workers(address, count) as workers:
        return workers.run(work, ready=lambda: ready(workers.address))


async def serve_until_stopped(
    start: Start, place: Place, record: Record, show: Show | None, stop: Stop, *, parties: Sequence[Address] = ()
) -> None:
    """Start a server, tell that it listens, print what is said where `show` is given, and stop when asked.

    It is printed on stdout, or on stderr where stdout belongs to one of the `parties` (stdio:).
    Raises `BrokenPipeError` when it stopped because whoever read stdout has gone.
    """
    async with AsyncExitStack() as stack:
        recorders: list[Recorder] = []
        if journal := await stack.enter_async_context(record.opened()):
            recorders.append(journal)
        if show is not None and not record.quiet:
            fd = 2 if any(party.scheme == "stdio" for party in parties) else 1
            printer = printing(show, stop.broken, fd=fd, worker=place.number, of=place.of)
            recorders.append(stack.enter_context(printer))
        server = await stack.enter_async_context(await start(recorders))
        place.ready(server.address)
        await stop.attend(server, quiet=record.quiet)
    if stop.unread:
        raise BrokenPipeError


@contextmanager
def port_file(name: str | None) -> Iterator[Callable[[Address], None]]:
    """Gives what writes the port of an address to the file `name`: it is there, whole, only while somebody listens."""
    with kept_file(name) as write:

        def write_port(address: Address) -> None:
            if name is not None and address.scheme not in NETWORK:
                raise UsageError(f"{address} has no port that could be written to {name}")
            write(f"{address.port}\n")

        yield write_port


@contextmanager
def kept_file(name: str | None) -> Iterator[Callable[[str], None]]:
    """Gives what writes a text to the file `name`, whole and as often as it is called; it goes when the block ends."""
    if name is None:
        yield lambda text: None
        return
    path = Path(name)
    path.unlink(missing_ok=True)  # one that a killed process left behind
    try:
        yield lambda text: _write(path, text)
    finally:
        path.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text)
    part.rename(path)


def announce(address: Address) -> None:
    """Say where it listens, and loudly where others than this machine can call."""
    say(f"listening on {address}")
    warn_if_open(address)


def warn_if_open(address: Address) -> None:
    """Say loudly where others than this machine can call."""
    if not address.is_loopback:
        say("warning: every machine that can reach this one may call it there; 127.0.0.1 as the host keeps them out")


def say(text: str) -> None:
    """Something about the command itself: to stderr, as stdout is for what the peers say."""
    click.echo(text if text.isprintable() else escape(text), err=True)


def _callers(count: int) -> str:
    return "1 caller" if count == 1 else f"{count} callers"
