"""The options that commands share, each written once.

`@common` belongs on every command. The others are bundles: their options arrive as one argument, a named tuple.

    @common                              -v --debug
    @journal_option   journal=           --journal                               whatever reads recordings
    @recording        record=Record      --journal --no-record -q                whatever makes them
    @showing          show=Show          --hex --full --json                     whatever prints them live
    @listening        listening=Listening --port-file --workers --clients --idle   whatever listens
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tincans.limits import CONNECT_SECONDS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tincans.address import Address
    from tincans.journal import Journal
    from tincans.limits import Limits

Function = Callable[..., Any]


# ── how much to say ───────────────────────────────────────────────────────────────────────────────────────


class Settings:
    """What -v and --debug said, before or after the command's name. Click carries it as the context's object."""

    def __init__(self) -> None:
        self.verbosity = 0
        self.debug = False

    def start_logging(self, quiet: bool = False) -> None:
        """Log to stderr: warnings; -v also what happens, -vv everything; only errors when `quiet`."""
        from tincans.cli import logs

        logs.start(self.verbosity, quiet, self.debug)


def settings() -> Settings:
    """Those of the command that runs."""
    return click.get_current_context().ensure_object(Settings)


def _add_verbosity(context: click.Context, _: click.Parameter, value: int) -> None:
    context.ensure_object(Settings).verbosity += value


def _set_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.ensure_object(Settings).debug |= value


verbose_option = click.option(
    "-v", "--verbose", count=True, expose_value=False, callback=_add_verbosity, help="Say more; -vv says everything."
)
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_set_debug, is_eager=True,
    help="When it fails, print where in the program that was.",
)  # fmt: skip


def common(function: Function) -> Function:
    """The options of every command: -v and --debug."""
    return verbose_option(debug_option(function))


# ── what an option takes ──────────────────────────────────────────────────────────────────────────────────


class AddressType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.5
    """An `Address`; a bad one is told by `AddressError`, which names the part that is wrong."""

    name = "address"
    _beginnings = ("tcp://", "tls://", "ws://", "wss://", "udp://", "unix:", "exec:", "stdio:", "tls+unix:", "fd:")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        from tincans.address import Address

        return value if isinstance(value, Address) else Address.parse(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(each) for each in self._beginnings if each.startswith(incomplete)]


ADDRESS = AddressType()
SECONDS = click.FloatRange(min=0, min_open=True)
SECONDS.name = "number of seconds"

timeout_option = click.option(
    "--timeout",
    type=SECONDS,
    metavar="SECONDS",
    default=CONNECT_SECONDS,
    help=f"How long to call. [{CONNECT_SECONDS:g}]",
)


# ── bundles ───────────────────────────────────────────────────────────────────────────────────────────────


def _bundle(name: str, kind: Any, *options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """A decorator that adds `options` and hands their values to the command as one `kind`, under one name."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def command(**values: Any) -> Any:
            values[name] = kind(**{field: values.pop(field) for field in kind._fields})
            return function(**values)

        decorated: Function = command
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


journal_option = click.option(
    "--journal", metavar="WHERE", help="The journal: a folder, or memory: [$TINCANS_JOURNAL, or one in your home]."
)


class Record(NamedTuple):
    """Whether and where conversations are recorded, and whether to be silent about it."""

    journal: str | None
    record: bool
    quiet: bool

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Journal | None]:
        """The journal, closed afterwards; none with --no-record. `JournalError` when it cannot be opened."""
        if not self.record:
            yield None
            return
        journal = open_the_journal(self.journal)
        try:
            yield journal
        finally:
            await journal.aclose()


def open_the_journal(where: str | None) -> Journal:
    """Open a journal; whatever the system has against it becomes a `JournalError`."""
    from tincans.errors import JournalError
    from tincans.journal import open_journal

    try:
        return open_journal(where)
    except OSError as error:
        what = f"the journal {error.filename or where or ''}".rstrip()
        raise JournalError(f"cannot open {what}: {(error.strerror or str(error)).lower()}") from error


recording = _bundle(
    "record",
    Record,
    journal_option,
    click.option("--no-record", "record", flag_value=False, default=True, help="Keep no record of what is said."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
)


class Show(NamedTuple):
    """How conversations are printed while they go on."""

    hex: bool
    full: bool
    json: bool


showing = _bundle(
    "show",
    Show,
    click.option("--hex", is_flag=True, help="Show what is said as hexadecimal."),
    click.option("--full", is_flag=True, help="Show all that is said, not just how each turn begins."),
    click.option("--json", is_flag=True, help="Print one event a line, as JSON."),
)


class Listening(NamedTuple):
    """How a listener serves its callers."""

    port_file: str | None
    workers: int
    clients: int | None
    idle: float | None

    @property
    def limits(self) -> Limits:
        from tincans.limits import Limits

        return Limits(clients=self.clients, idle=self.idle)


listening = _bundle(
    "listening",
    Listening,
    click.option("--port-file", metavar="FILE", type=click.Path(dir_okay=False), help="Write the real port there."),
    click.option("--workers", type=click.IntRange(1, 256), default=1, help="Processes that share the port. [1]"),
    click.option("--clients", type=click.IntRange(1), help="Callers at once; further ones wait. [no bound]"),
    click.option("--idle", type=SECONDS, metavar="SECONDS", help="Close a channel that was silent so long. [never]"),
)
