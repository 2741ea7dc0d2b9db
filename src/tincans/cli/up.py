"""`tincans up`: all the listeners and relays of one file, and what is done around their switchboard.

    the file is read ──► all of it listens ──► the ports file is there, the table is printed
    SIGHUP ──► the file is read again ──► what changed is told, or why nothing did
    Ctrl-C, SIGTERM, a closed stdout or terminal ──► no new callers, the open ones may finish ──► totals

The command goes into the file's folder, so that commands, modules and paths in the file mean the same wherever it was
called; what was named on the command line is made absolute before that.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from shlex import quote
from shutil import which

import click
import msgspec

from tincans import tasks
from tincans.cli import options
from tincans.cli.live import printing, wants_colour
from tincans.cli.options import Record, Show, settings
from tincans.cli.serving import Stop, kept_file, say, warn_if_open
from tincans.config import FILE, Config, default, journal_at, load, short
from tincans.errors import AddressInUse, ConfigError, NotStarted, TincansError
from tincans.journal import default_folder
from tincans.switchboard import Changes, Row, Switchboard
from tincans.tasks import spawn
from tincans.text import escape

_HEAD = ("NAME", "LISTENS ON", "ANSWERED BY", "TRY")
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


class DefaultTaken(TincansError):
    """Stop the program that listens there (ss -ltnp shows which), or write a tincans.toml that names other ports."""


@click.command()
@click.argument("file", required=False, type=click.Path())
@click.option("--check", is_flag=True, help="Check the whole file, and start nothing.")
@click.option(
    "--ports-file", metavar="FILE", type=click.Path(dir_okay=False), help="Write the real addresses there, as JSON."
)
@options.showing
@options.recording
@options.common
def command(file: str | None, check: bool, ports_file: str | None, show: Show, record: Record) -> None:
    """Run the listeners and relays of FILE, or of ./tincans.toml.

    Where there is no file it runs an echo on port 7707 and a relay in front of it on 7708, for this machine alone.
    Prints where each of them listens and how to call it, and then what is said. SIGHUP reads the file again, and leaves
    alone what is unchanged in it.

    \b
      tincans up
      tincans up office.toml --check
    """
    settings().start_logging(record.quiet)
    here = Path.cwd()
    record = record._replace(journal=record.journal and journal_at(record.journal, here))
    if where := os.environ.get("TINCANS_JOURNAL"):
        os.environ["TINCANS_JOURNAL"] = journal_at(where, here)
    source = Source(file)
    config = source.read()
    if not check:
        with kept_file(ports_file and str(here / ports_file)) as write_ports:
            tasks.run(_Up(source, record, show, write_ports).run(config))
    elif not record.quiet:
        click.echo(f"{source} is right: it runs {', '.join(entry.name for entry in config.entries)}")


class Source:
    """Where the configuration comes from: the file that was named, ./tincans.toml, or the default."""

    def __init__(self, file: str | None) -> None:
        """Goes into the file's folder. Raises `ConfigError` where there is none."""
        path = Path(file or FILE)
        try:
            os.chdir(path.parent)
        except OSError as error:
            raise ConfigError(str(path), None, f"cannot be read: {(error.strerror or '').lower()}") from error
        self._path, self._named = Path(path.name), file is not None

    @property
    def is_default(self) -> bool:
        return not self._named and not self._path.exists()

    def read(self) -> Config:
        """Read and check it. Of several mistakes all but the last are told here, and that one is raised."""
        try:
            return default() if self.is_default else load(self._path)
        except ConfigError as error:
            *before, last = error, *error.others
            for mistake in before:
                say(f"tincans: {mistake}")
            raise last from None

    def __str__(self) -> str:
        return "the default" if self.is_default else str(self._path)


class _Up:
    """One run of the command."""

    def __init__(self, source: Source, record: Record, show: Show, write_ports: Callable[[str], None]) -> None:
        self._source, self._asked, self._show, self._write_ports = source, record, show, write_ports
        self._quiet = record.quiet

    async def run(self, config: Config) -> None:
        """Run all of it until it is asked to stop. Raises `BrokenPipeError` when nobody reads stdout any more."""
        stop, hung_up = Stop(), _hangups()
        self._record = self._recording(config)
        async with AsyncExitStack() as stack:
            journal = await stack.enter_async_context(self._record.opened())
            watchers = [] if self._quiet else [stack.enter_context(printing(self._show, stop.broken))]
            board = await stack.enter_async_context(Switchboard(journal=journal, watchers=watchers))
            await self._start(board, config)
            stack.callback(spawn(self._follow(board, hung_up, stop)).cancel)
            await stop.attend(board, quiet=self._quiet)
        if stop.unread:
            raise BrokenPipeError

    def _recording(self, config: Config) -> Record:
        """Whether and where: as the command line says, else the file."""
        asked = self._asked
        return asked._replace(journal=asked.journal or config.journal, record=asked.record and config.record)

    async def _start(self, board: Switchboard, config: Config) -> None:
        try:
            await board.apply(config)
        except NotStarted as error:
            if self._source.is_default and isinstance(error.error, AddressInUse):
                raise DefaultTaken(str(error)) from error
            raise
        self._keep_ports(board)
        if not self._quiet:
            self._announce(board.rows)

    def _keep_ports(self, board: Switchboard) -> None:
        addresses = {row.name: str(row.address) for row in board.rows}
        self._write_ports(msgspec.json.format(msgspec.json.encode(addresses)).decode() + "\n")

    def _announce(self, rows: Sequence[Row]) -> None:
        """The table; on stdout, where conversations follow it, but not where those are JSON."""
        text = "\n".join(_table(rows, colour=wants_colour(2 if self._show.json else 1)))
        click.echo(f"{text}\n\n{_recorded(self._record)}\n{self._ending()}\n", err=self._show.json)
        for row in rows:
            warn_if_open(row.address)

    def _ending(self) -> str:
        file = FILE if self._source.is_default else self._source
        return f"Ctrl-C ends all of it; kill -HUP {os.getpid()} reads {file} again."

    # ── reading again ─────────────────────────────────────────────────────────────────────────────────────

    async def _follow(self, board: Switchboard, hung_up: asyncio.Event, stop: Stop) -> None:
        """Read the file again at every SIGHUP, but stop at the one that says that the terminal is gone."""
        terminals = [fd for fd in range(3) if os.isatty(fd)]
        while True:
            await hung_up.wait()
            hung_up.clear()
            if terminals and not any(map(os.isatty, terminals)):
                stop.broken()
            else:
                await self._read_again(board)

    async def _read_again(self, board: Switchboard) -> None:
        try:
            config = self._source.read()
            changes = await board.apply(config)
        except TincansError as error:
            self._keep_ports(board)  # a changed entry that was put back on port 0 has another one now
            say(f"tincans: {error}")
            say(f"  {error.advice}")
            say("  What runs was not changed.")
            return
        self._keep_ports(board)
        if not self._quiet:
            self._tell(changes, board, config)

    def _tell(self, changes: Changes, board: Switchboard, config: Config) -> None:
        """Say what was changed."""
        for name in changes.stopped:
            if name not in changes.started:
                say(f"stopped {name}")
        for row in board.rows:
            if row.name in changes.started:
                say(f"{'changed' if row.name in changes.stopped else 'started'} {row.name}, listening on {row.address}")
                warn_if_open(row.address)
        if self._recording(config) != self._record:
            say("where conversations are recorded changes at the next start")
        elif not any(changes):
            say(f"{self._source} has nothing new")


def _hangups() -> asyncio.Event:
    """Set at every SIGHUP."""
    event = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, event.set)
    return event


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────────


def _table(rows: Sequence[Row], *, colour: bool) -> Iterator[str]:
    """Where each listens, who answers there and how to call it."""
    cells = [_HEAD, *((row.name, str(row.address), row.answers, _try(row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for number, line in enumerate(cells):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        text = text if text.isprintable() else escape(text)
        yield f"{_BOLD}{text}{_PLAIN}" if colour and not number else text


def _try(row: Row) -> str:
    """A command that calls it, where another program can."""
    return "" if row.address.scheme == "memory" else f"{_program()} connect {quote(short(row.address))}"


def _program() -> str:
    """What to type for `tincans` in the shell that ran this: `make up` runs it from where no shell looks."""
    return "tincans" if which("tincans") else quote(sys.argv[0])


def _recorded(record: Record) -> str:
    """Where the recordings go, and how to see them."""
    if not record.record:
        return "Nothing is recorded."
    where = record.journal or os.environ.get("TINCANS_JOURNAL") or str(default_folder())
    if where == "memory:":
        return "Recorded in memory, for as long as this runs."
    option = f" --journal {quote(where)}" if record.journal else ""
    return f"Recorded in {escape(where)}; {_program()} conversations{escape(option)} lists what was said."
