"""`tincans up`: all the listeners and relays of one file, and what is done around their switchboard.

    the file is read ──► all of it listens ──► the ports file is there ──► the page is served, the table is printed
    SIGHUP ──► the file is read again ──► what changed is told, or why nothing did
    Ctrl-C, SIGTERM, a closed stdout or terminal ──► no new callers, the open ones may finish ──► totals

The page comes last and goes first, and nobody waits for it: it is imported in another thread while the first callers
talk, and where it cannot be served and was not asked for by name, that is a warning.

The command goes into the file's folder, so that commands, modules and paths in the file mean the same wherever it was
called; what was named on the command line is made absolute before that.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from shlex import quote
from shutil import which
from typing import TYPE_CHECKING, Literal, NamedTuple

import click
import msgspec

from tincans import tasks
from tincans.address import Address
from tincans.cli import options, page
from tincans.cli.live import printing, wants_colour
from tincans.cli.options import ADDRESS, Record, Show, settings
from tincans.cli.serving import Stop, kept_file, say, warn_if_open
from tincans.clients.url import Url
from tincans.config import FILE, Config, default, journal_at, load, short
from tincans.errors import AddressInUse, ConfigError, NotStarted, TincansError
from tincans.journal import Journal, default_folder, open_journal
from tincans.register import Register
from tincans.switchboard import Changes, Row, Switchboard
from tincans.tasks import spawn
from tincans.text import escape

if TYPE_CHECKING:
    from tincans.watch.page import Page

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
@click.option(
    "--page", "page_address", type=ADDRESS, metavar="ADDRESS", help="Where to serve the page. [:7700, or a free port]"
)
@click.option("--no-page", "has_page", flag_value=False, default=True, help="Serve no page.")
@options.showing
@options.recording
@options.common
def command(
    file: str | None,
    check: bool,
    ports_file: str | None,
    page_address: Address | None,
    has_page: bool,
    show: Show,
    record: Record,
) -> None:
    """Run the listeners and relays of FILE, or of ./tincans.toml.

    Where there is no file it runs an echo on port 7707 and a relay in front of it on 7708, a web server on 7780 that
    answers with what it was asked, an inbox that takes every mail on 7725 and gives them out on 7710, and a chat on
    7767 for IRC clients, browsers, nc and programs; all of it for this machine alone.
    Prints the address of the page on which all of it is seen, where each of them listens and how to call it, and then
    what is said. SIGHUP reads the file again, and leaves alone what is unchanged in it.

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
            asked = Asked(record, show, page_address if has_page else False, write_ports)
            tasks.run(_Up(source, asked).run(config))
    elif not record.quiet:
        click.echo(f"{source} is right: it runs {', '.join(entry.name for entry in config.entries)}")


class Asked(NamedTuple):
    """What the command line said."""

    record: Record
    show: Show
    #: Where to serve the page; None for where the file says, False for nowhere.
    page: Address | Literal[False] | None
    write_ports: Callable[[str], None]


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

    def __init__(self, source: Source, asked: Asked) -> None:
        self._source, self._asked, self._show = source, asked, asked.show
        self._quiet = asked.record.quiet

    async def run(self, config: Config) -> None:
        """Run all of it until it is asked to stop. Raises `BrokenPipeError` when nobody reads stdout any more."""
        stop, hung_up = Stop(), _hangups()
        self._record, self._page = self._recording(config), self._paging(config)
        async with AsyncExitStack() as stack:
            journal = await stack.enter_async_context(self._record.opened())
            watchers = [] if self._quiet else [stack.enter_context(printing(self._show, stop.broken))]
            register = Register()
            switchboard = Switchboard(journal=journal, register=register if self._page else None, watchers=watchers)
            board = await stack.enter_async_context(switchboard)
            await self._start(board, config)
            served = await self._serve_page(stack, journal, board, register)
            if not self._quiet:
                self._announce(board.rows, served)
            stack.callback(spawn(self._follow(board, hung_up, stop)).cancel)
            await stop.attend(board, quiet=self._quiet)
        if stop.unread:
            raise BrokenPipeError

    def _recording(self, config: Config) -> Record:
        """Whether and where: as the command line says, else the file."""
        asked = self._asked.record
        return asked._replace(journal=asked.journal or config.journal, record=asked.record and config.record)

    def _paging(self, config: Config) -> Address | bool:
        """Whether there is a page and where, True being its usual place: as the command line says, else the file."""
        return config.page if self._asked.page is None else self._asked.page

    async def _serve_page(
        self, stack: AsyncExitStack, journal: Journal | None, board: Switchboard, register: Register
    ) -> Page | None:
        """Serve the page, if there is to be one; where nothing is recorded it is that of an empty journal."""
        if not self._page:
            return None
        from tincans.watch.inboxes import Inboxes, of_board
        from tincans.watch.watched import Watched

        if journal is None:
            journal = open_journal("memory:")
            stack.push_async_callback(journal.aclose)
        where = self._where() if self._record.record else ""
        inboxes = Inboxes(of_board(board))
        stack.push_async_callback(asyncio.to_thread, inboxes.close)
        watched = Watched(journal, where, board=board, register=register, inboxes=inboxes)
        return await page.serve_beside(stack, self._page, watched)

    async def _start(self, board: Switchboard, config: Config) -> None:
        try:
            await board.apply(config)
        except NotStarted as error:
            if self._source.is_default and isinstance(error.error, AddressInUse):
                raise DefaultTaken(str(error)) from error
            raise
        self._keep_ports(board)

    def _keep_ports(self, board: Switchboard) -> None:
        addresses = {row.name: str(row.address) for row in board.rows}
        self._asked.write_ports(msgspec.json.format(msgspec.json.encode(addresses)).decode() + "\n")

    def _announce(self, rows: Sequence[Row], served: Page | None) -> None:
        """The page and the table; on stdout, where conversations follow it, but not where those are JSON."""
        if served is not None:
            page.announce(served.url(), err=self._show.json)
            warn_if_open(served.address)
        text = "\n".join(_table(rows, colour=wants_colour(2 if self._show.json else 1)))
        click.echo(f"{text}\n\n{self._recorded()}\n{self._ending()}\n", err=self._show.json)
        for row in rows:
            warn_if_open(row.address)

    def _ending(self) -> str:
        file = FILE if self._source.is_default else self._source
        return f"Ctrl-C ends all of it; kill -HUP {os.getpid()} reads {file} again."

    def _where(self) -> str:
        return self._record.journal or os.environ.get("TINCANS_JOURNAL") or str(default_folder())

    def _recorded(self) -> str:
        """Where the recordings go, and how to see them."""
        if not self._record.record:
            return "Nothing is recorded."
        where = self._where()
        if where == "memory:":
            return "Recorded in memory, for as long as this runs."
        option = f" --journal {quote(where)}" if self._record.journal else ""
        return f"Recorded in {escape(where)}; {_program()} conversations{escape(option)} lists what was said."

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
        elif self._paging(config) != self._page:
            say("where the page is served changes at the next start")
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


#: How apps are called, by the beginning of their names, the longest first: the command, and a URL as it is plain and
#: over TLS, with its path and user.
_CALLS = {
    "http:": ("curl {}", "http", "https", "/", ""),
    "asgi:": ("curl {}", "http", "https", "/", ""),
    "ftp:": ("tincans ls {}", "ftp", "ftps", "/", ""),
    "mail:pop3": ("tincans inbox {}", "pop3", "pop3s", "", "you"),
    "mail": ("tincans mail --to you@example.org {}", "smtp", "smtps", "", ""),
}

#: The app that is no server of URLs but called by a command of its own.
_CHAT = re.compile("chat(:.*)?")


def _try(row: Row) -> str:
    """A command that calls it, where another program can."""
    address = row.address
    if address.scheme == "memory":
        return ""
    for beginning, (command, plain, tls, path, user) in _CALLS.items():
        if row.kind == "listen" and row.answers.startswith(beginning) and _is_url(address):
            host = "127.0.0.1" if address.host == "*" else address.host
            url = Url(tls if address.wraps else plain, host, address.port, path, user=user)
            return command.format(url).replace("tincans ", f"{_program()} ", 1)
    does = "chat" if row.kind == "listen" and _CHAT.fullmatch(row.answers) else "connect"
    return f"{_program()} {does} {quote(short(address))}"


def _is_url(address: Address) -> bool:
    """Whether a URL can name it."""
    return address.scheme == "tcp" and address.wraps in ((), ("tls",))


def _program() -> str:
    """What to type for `tincans` in the shell that ran this: `make up` runs it from where no shell looks."""
    return "tincans" if which("tincans") else quote(sys.argv[0])
