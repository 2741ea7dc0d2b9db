"""The options that commands share, each written once.

`@common` belongs on every command. The others are bundles: their options arrive as one argument, a named tuple.

    @common                              -v --debug
    @journal_option   journal=           --journal                               whatever reads recordings
    @as_option        protocol=          --as                                    whatever decodes them
    @filtering        which=Which        --party --kind --failed --since …       whatever chooses among them
    @recording        record=Record      --journal --no-record -q                whatever makes them
    @showing          show=Show          --as --hex --full --secrets --json      whatever prints them
    @listening        listening=Listening --port-file --workers --clients --idle   whatever listens
    @calling          called=Called      --via --proxy --ca --tls …                whatever asks what a URL names
    @mirroring        mirror=Mirror      --recursive --jobs --delete …             whatever transfers files
    @telling          telling=Telling    --write --users --tls --mails …         whatever an app answers for
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tincans.limits import CHAT_RATE, CONNECT_SECONDS, JOBS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tincans.address import Address
    from tincans.apps.settings import Settings as AppSettings
    from tincans.cli.meaning import Style
    from tincans.clients.calling import Calling
    from tincans.conversation import Recorder
    from tincans.journal import Filter, Journal
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


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class SinceType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.5
    """A moment, in nanoseconds since 1970: so long ago (`10m`), or a date and perhaps a time, else in our zone."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if match := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value):
            return max(0, time.time_ns() - int(float(match[1]) * _UNITS[match[2]] * 1e9))
        try:
            return min(int(datetime.fromisoformat(value).astimezone().timestamp() * 1e9), 2**63 - 1)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is neither like 30s, 10m, 2h or 7d nor like 2026-11-22 or 2026-11-22T14:30", param, ctx
            )


# ── bundles ───────────────────────────────────────────────────────────────────────────────────────────────


def bundle(name: str, kind: Any, *options: Callable[[Function], Function]) -> Callable[[Function], Function]:
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


class Which(NamedTuple):
    """Which of the recorded conversations."""

    party: str
    kind: str | None
    is_open: bool
    failed: bool
    since: int | None
    name: str
    limit: int | None

    @property
    def filter(self) -> Filter:
        from tincans.conversation import How, Kind
        from tincans.journal import Filter

        kind, how = Kind(self.kind) if self.kind else None, (How.FAILED, How.RESET, How.LOST) if self.failed else ()
        return Filter(self.party, kind, self.is_open or None, how, self.since, None, self.name, limit=self.limit)


filtering = bundle(
    "which",
    Which,
    click.option("--party", metavar="TEXT", default="", help="Only those with this in one of their addresses."),
    click.option(
        "--kind", type=click.Choice(["listen", "connect", "relay"]), help="Only what tincans was that part in."
    ),
    click.option("--open", "is_open", is_flag=True, help="Only those that go on."),
    click.option("--failed", is_flag=True, help="Only those that failed, were reset or got lost."),
    click.option("--since", type=SinceType(), help="Only those begun since: 10m, 2h, 7d, or 2026-11-22T14:30."),
    click.option("--name", metavar="NAME", default="", help="Only those of this listener or relay of tincans.toml."),
    click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the newest N."),
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
    from tincans.errors import JournalError, reason_of
    from tincans.journal import open_journal

    try:
        return open_journal(where)
    except OSError as error:
        what = f"the journal {error.filename or where or ''}".rstrip()
        raise JournalError(f"cannot open {what}: {reason_of(error)}") from error


recording = bundle(
    "record",
    Record,
    journal_option,
    click.option("--no-record", "record", flag_value=False, default=True, help="Keep no record of what is said."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
)


class ProtocolType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.5
    """A protocol's name as `find_protocol` takes it; a wrong one is told by `NoSuchProtocol`."""

    name = "protocol"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from tincans.protocols import find_protocol

        if value:  # the default, which is to guess, is empty
            find_protocol(value)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from tincans.protocols import names

        return [CompletionItem(name) for name in names() if name.startswith(incomplete)]


class Show(NamedTuple):
    """How conversations are printed."""

    protocol: str
    hex: bool
    full: bool
    secrets: bool
    json: bool

    @property
    def is_chosen(self) -> bool:
        """Whether something is asked for that only what is decoded has."""
        return self.json or self.full or self.secrets or bool(self.protocol)

    def style(self, colour: bool) -> Style:
        """How their events are."""
        from tincans.cli.meaning import Style

        return Style(self.hex, self.full, self.secrets, colour, self.protocol)


as_option = click.option(
    "--as", "protocol", type=ProtocolType(), metavar="PROTOCOL", default="",
    help="What is spoken, as http, lines:nul, raw or MODULE:CLASS. [it is guessed]",
)  # fmt: skip

showing = bundle(
    "show",
    Show,
    as_option,
    click.option("--hex", is_flag=True, help="Show the bytes beside what they mean."),
    click.option("--full", is_flag=True, help="Show all that is said, not just how it begins."),
    click.option("--secrets", is_flag=True, help="Show passwords, cookies and the like, which are masked otherwise."),
    click.option("--json", is_flag=True, help="Print one event a line, as JSON; bytes in base64."),
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


listening = bundle(
    "listening",
    Listening,
    click.option("--port-file", metavar="FILE", type=click.Path(dir_okay=False), help="Write the real port there."),
    click.option("--workers", type=click.IntRange(1, 256), default=1, help="Processes that share the port. [1]"),
    click.option("--clients", type=click.IntRange(1), help="Callers at once; further ones wait. [no bound]"),
    click.option("--idle", type=SECONDS, metavar="SECONDS", help="Close a channel that was silent so long. [never]"),
)


class Called(NamedTuple):
    """How the server that a URL names is called."""

    via: Address | None
    proxy: str
    ca: str
    insecure: bool
    tls: bool
    timeout: float
    retry: float

    def calling(self, recorders: Sequence[Recorder] = (), *, active: bool = False) -> Calling:
        """The same for the clients; at a terminal a person is asked for a password that is missing."""
        from tincans.cli.asking import asker
        from tincans.clients.calling import Calling

        return Calling(
            self.via, self.proxy, self.ca, not self.insecure, starttls=self.tls, active=active, timeout=self.timeout,
            retry=self.retry, recorders=recorders, ask=asker(),
        )  # fmt: skip


calling = bundle(
    "called",
    Called,
    click.option("--via", type=ADDRESS, metavar="ADDRESS", help="Call this instead: a relay, or unix:///run/x.sock."),
    click.option(
        "--proxy", metavar="URL", default="", help="Call through socks5://[user:password@]host:port or http://…."
    ),
    click.option("--ca", metavar="FILE", default="", help="Trust these certificates. [the machine's, and your own]"),
    click.option("--insecure", is_flag=True, help="Trust any certificate."),
    click.option("--tls", is_flag=True, help="Begin TLS before anything is said: AUTH TLS, STARTTLS."),
    timeout_option,
    click.option("--retry", type=click.FloatRange(0), metavar="SECONDS", default=0.0, help="Call again for so long."),
)


active_option = click.option("--active", is_flag=True, help="FTP: be called for data, instead of calling for it.")


class Mirror(NamedTuple):
    """Whether a tree is transferred, and how."""

    recursive: bool
    jobs: int
    delete: bool
    dry_run: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]

    @property
    def wishes(self) -> dict[str, Any]:
        """As `tincans.get` and `tincans.put` take them. Raises `UsageError` for those that only a tree has."""
        from tincans.errors import UsageError

        if not self.recursive and (self.delete or self.dry_run or self.include or self.exclude):
            raise UsageError("--delete, --dry-run, --include and --exclude are for a tree: add --recursive")
        return {
            "tree": self.recursive,
            **{name: value for name, value in self._asdict().items() if name != "recursive"},
        }


mirroring = bundle(
    "mirror",
    Mirror,
    click.option("-r", "--recursive", is_flag=True, help="A folder with all that is in it; only what has changed."),
    click.option(
        "-j", "--jobs", type=click.IntRange(1, 64), metavar="N", default=JOBS, help=f"Files at once. [{JOBS}]"
    ),
    click.option(
        "--delete", is_flag=True, help="Remove there what is not here (put), or here what is not there (get)."
    ),
    click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done."),
    click.option("--include", multiple=True, metavar="GLOB", help="Only files like this, as *.txt or sub/*."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="No files and folders like this."),
)


class Telling(NamedTuple):
    """What an app is told beside its name; None and empty: as it is by default."""

    write: bool
    guests: bool | None
    users: str | None
    tls: str | None
    cert: str | None
    key: str | None
    passive: str | None
    mails: str | None
    keep: int | None
    days: float | None
    rooms: str | None
    flood: int | None
    operators: tuple[str, ...]
    trust: tuple[str, ...]

    @property
    def settings(self) -> AppSettings:
        """Those given. Raises `UsageError` and, for the file of users, `ConfigError`."""
        from tincans.apps.settings import Settings as AppSettings
        from tincans.config import load_users

        told = {name: value for name, value in self._asdict().items() if value is not None and value != ()}
        if self.cert and not self.tls:
            told["tls"] = "offered"
        if self.users:
            told["users"] = load_users(Path(self.users))
        found = AppSettings(**told)
        _ = found.passive_ports  # raises where they are none
        return found


telling = bundle(
    "telling",
    Telling,
    click.option("--write", is_flag=True, help="Let callers write, change and delete files."),
    click.option("--guests/--no-guests", default=None, help="Let in who has not logged in. [if there are no users]"),
    click.option("--users", metavar="FILE", help="A file with a table [users], as tincans passwd makes it."),
    click.option("--tls", type=click.Choice(["off", "offered", "required"]), help="TLS by STARTTLS or AUTH TLS. [off]"),
    click.option("--cert", metavar="FILE", help="The certificate shown then. [one of your own authority]"),
    click.option("--key", metavar="FILE", help="Its key, where it is not in the same file."),
    click.option("--passive", metavar="FROM-TO", help="The ports of FTP's passive data connections. [any]"),
    click.option("--mails", metavar="DIR", help="Where mails are kept. [$TINCANS_MAILS, or in your home]"),
    click.option(
        "--keep",
        type=click.IntRange(1, 10**9),
        metavar="N",
        help="How many mails are kept of a mailbox, messages of a room. [all]",
    ),
    click.option(
        "--days",
        type=click.FloatRange(0, 10**6, min_open=True),
        metavar="N",
        help="For how many days they are kept. [for ever]",
    ),
    click.option("--rooms", metavar="DIR", help="Where a chat's rooms are kept. [$TINCANS_ROOMS, or in your home]"),
    click.option(
        "--flood", type=click.IntRange(0, 10**6), metavar="N", help=f"Commands of a member in a second. [{CHAT_RATE}]"
    ),
    click.option(
        "--trust", multiple=True, metavar="WHO", help="Let that peer into a chat: a fingerprint, or `new` for all."
    ),
    click.option("--operator", "operators", multiple=True, metavar="NAME", help="A user who may run the chat."),
)
