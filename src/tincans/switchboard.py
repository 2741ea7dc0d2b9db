"""The switchboard: all the listeners and relays of one configuration, and how they change into those of the next.

`apply` is the way in, for the first configuration and for every later one, and it is all or nothing:

    wanted and running as it is ──► left alone, with everyone who talks on it
    wanted and not running      ──► started; when one cannot be, what was started is stopped again
    running and not wanted      ──► dismissed: takes no new callers, and those who talk have their drain

An entry that was changed is one that is not wanted any more and one that is new. Where both listen on one address the
old one has to leave it before the new one is started, and has it back if that fails; that is the one moment in which
nobody listens there.

`stop` and `start` are for one entry by hand. One that is stopped takes no new callers, those who talk go on for as long
as they like (an app that knows who is only kept for what might be asked next, as HTTP does, lets those go), and it
stays among the others: a configuration in which it is unchanged leaves it alone, as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from tincans.address import Address
from tincans.apps import find_app
from tincans.config import Config, Entry, Listen, same_place
from tincans.conversation import Recorder
from tincans.errors import AddressInUse, NoSuchEntry, NotStarted, TincansError
from tincans.limits import Limits
from tincans.register import Register
from tincans.relays import relay
from tincans.server import App, Server, serve
from tincans.tasks import spawn

log = logging.getLogger(__name__)


class Row(NamedTuple):
    """One listener or relay as it stands."""

    name: str
    #: Where it really listens, and who answers: the app's name or the target's address.
    address: Address
    answers: str
    #: Callers now, and ever.
    clients: int
    served: int
    #: Which part it is: `listen` or `relay`.
    kind: str
    #: False once it was stopped by hand, or cannot listen any more.
    listening: bool
    #: Whether its conversations are recorded.
    record: bool


class Changes(NamedTuple):
    """What `apply` did, by names. A name that was started and stopped is an entry that was changed."""

    started: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()


class _Line(msgspec.Struct, eq=False):
    """An entry and the server that runs it."""

    entry: Entry
    server: Server
    #: Those that ran it before it was stopped by hand and started again, while somebody talks there.
    former: list[Server] = []
    #: Callers of those before in which nobody talks any more.
    earlier: int = 0

    @property
    def servers(self) -> list[Server]:
        return [self.server, *self.former]

    @property
    def served(self) -> int:
        return self.earlier + sum(server.served for server in self.servers)

    def succeed(self, server: Server) -> None:
        """Have another server run the entry from now on."""
        before, self.server = self.servers, server
        self.former = [each for each in before if each.clients]
        self.earlier += sum(each.served for each in before if not each.clients)


class Switchboard:
    """Runs configurations: `apply` the first and each later one, `aclose` at the end. Leaving its block is `aclose`.

    `journal` is told the conversations of the entries that are recorded, `register` and `watchers` those of all; who
    made them closes them.
    """

    def __init__(
        self, *, journal: Recorder | None = None, register: Register | None = None, watchers: Sequence[Recorder] = ()
    ) -> None:
        self._journal = journal
        self._watchers: tuple[Recorder, ...] = (*([register] if register is not None else ()), *watchers)
        self._lines: dict[str, _Line] = {}  # by name, in the configuration's order
        self._leaving: dict[asyncio.Task[None], Server] = {}  # those dismissed, until their last caller has left
        self._changing = asyncio.Lock()
        self._closing = False
        self._closed = asyncio.Event()

    # ── how it stands ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def rows(self) -> list[Row]:
        """Every listener and relay, in the configuration's order."""
        return [_row(line) for line in self._lines.values()]

    @property
    def entries(self) -> list[Entry]:
        """The entries that run, in the configuration's order."""
        return [line.entry for line in self._lines.values()]

    @property
    def apps(self) -> dict[str, App]:
        """What answers at each of the listeners, by name."""
        found = {name: line.server.app for name, line in self._lines.items() if isinstance(line.entry, Listen)}
        return {name: app for name, app in found.items() if app is not None}

    @property
    def clients(self) -> int:
        """How many callers there are now, those of dismissed entries included."""
        return sum(server.clients for server in self._servers())

    @property
    def limits(self) -> Limits:
        """What holds for the whole: its end waits for the entry with the longest drain."""
        return Limits(drain=max((server.limits.drain for server in self._servers()), default=0.0))

    def _servers(self) -> list[Server]:
        return [*(server for line in self._lines.values() for server in line.servers), *self._leaving.values()]

    # ── changing ──────────────────────────────────────────────────────────────────────────────────────────

    async def apply(self, config: Config) -> Changes:
        """Run what `config` wants, and nothing else. A switchboard that is being closed stays as it is.

        Raises `NotStarted`, and then all is as before, but that callers of an entry which was to be changed in its
        place have only their drain left. Cancelling does the same.
        """
        async with self._changing:
            if self._closing:
                return Changes()
            wanted = {entry.name: entry for entry in config.entries}
            gone = {name: line for name, line in self._lines.items() if wanted.get(name) != line.entry}
            kept = {name: line for name, line in self._lines.items() if name not in gone}
            begun = await self._begin([entry for name, entry in wanted.items() if name not in kept], gone)
            self._lines = {name: begun.get(name) or kept[name] for name in wanted}
            for line in gone.values():
                self._dismiss(line)
            return Changes(tuple(begun), tuple(gone))

    async def _begin(self, entries: Sequence[Entry], gone: Mapping[str, _Line]) -> dict[str, _Line]:
        """Start all of `entries`, or none. Those whose address is still held come last: most can go wrong before."""
        held = {e.name: [line for line in gone.values() if same_place(e.at, line.server.address)] for e in entries}
        begun: dict[str, _Line] = {}
        left: dict[str, _Line] = {}
        try:
            for entry in sorted(entries, key=lambda entry: bool(held[entry.name])):
                left |= {line.entry.name: line for line in held[entry.name] if line.server.listening}
                begun[entry.name] = _Line(entry, await self._succeed(entry, held[entry.name]))
        except BaseException:
            for line in begun.values():
                await self._retire(line)
            for line in left.values():
                await self._restore(line)
            raise
        for line in begun.values():
            spawn(_watch(line))
        return begun

    async def _succeed(self, entry: Entry, holders: Sequence[_Line]) -> Server:
        """Start an entry where others have listened until now."""
        for holder in holders:
            await holder.server.stop_listening()
        try:
            return await self._start(entry)
        except NotStarted as error:
            if not holders or not isinstance(error.error, AddressInUse):
                raise
        for holder in holders:  # UDP peers keep the port until they have left
            await asyncio.gather(*(server.aclose() for server in holder.servers))
        return await self._start(entry)

    async def _start(self, entry: Entry, port: int = 0) -> Server:
        """Start an entry, at that port where it may have any."""
        at = entry.at._replace(port=entry.at.port or port)
        recorders = [self._journal, *self._watchers] if self._journal and entry.record else self._watchers
        try:
            if isinstance(entry, Listen):
                app = find_app(entry.app, entry.settings)
                return await serve(at, app, limits=entry.limits, recorders=recorders, name=entry.name)
            return await relay(
                at, entry.target, limits=entry.limits, recorders=recorders, name=entry.name,
                timeout=entry.timeout, retry=entry.retry, intercept=entry.intercept,
                protocol=entry.protocol,
            )  # fmt: skip
        except TincansError as error:
            raise NotStarted(entry.name, error) from error

    async def _retire(self, line: _Line) -> None:
        """As `_dismiss`, and return when it does not listen any more."""
        self._dismiss(line)
        await line.server.stop_listening()

    async def _restore(self, line: _Line) -> None:
        """Have an entry that had left its address listen there again; its old callers have their drain."""
        await self._retire(line)
        line.former = []
        try:
            line.server = await self._start(line.entry)
        except NotStarted as error:
            log.error("%s; it was stopped to make room for another, and is not running now", error)
            del self._lines[line.entry.name]
        else:
            spawn(_watch(line))

    def _dismiss(self, line: _Line) -> None:
        """Let the servers of an entry end by themselves, in their own time."""
        for server in line.servers:
            task = spawn(server.aclose())
            self._leaving[task] = server
            task.add_done_callback(self._leaving.pop)

    # ── by hand ───────────────────────────────────────────────────────────────────────────────────────────

    async def stop(self, name: str) -> None:
        """Take no new callers there; those who talk go on. Idempotent. Raises `NoSuchEntry`."""
        async with self._changing:
            await self._find(name).server.stop_listening()

    async def start(self, name: str) -> None:
        """Listen there again, at the port that it had. Idempotent; a switchboard that is being closed stays as it is.

        Raises `NoSuchEntry`, and `NotStarted` where it cannot: it stays stopped, then.
        """
        async with self._changing:
            line = self._find(name)
            if line.server.listening or self._closing:
                return
            line.succeed(await self._start(line.entry, line.server.address.port))
            spawn(_watch(line))

    def _find(self, name: str) -> _Line:
        try:
            return self._lines[name]
        except KeyError:
            raise NoSuchEntry(name) from None

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    async def wait_closed(self) -> None:
        """Wait until it was closed."""
        await self._closed.wait()

    async def aclose(self) -> None:
        """Stop gracefully, all entries at once; as long as the longest drain, at once where nobody is connected.

        Cancelling aborts what is left.
        """
        self._closing = True
        try:
            async with self._changing:
                for line in self._lines.values():
                    self._dismiss(line)
                self._lines = {}
                while self._leaving:
                    await asyncio.wait(self._leaving)
        except BaseException:
            self.abort()
            raise
        self._closed.set()

    def abort(self) -> None:
        """Stop at once: nobody listens any more, and every open channel is aborted. `aclose` then waits for nobody."""
        self._closing = True
        for server in self._servers():
            server.abort()

    async def __aenter__(self) -> Switchboard:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _row(line: _Line) -> Row:
    entry, server = line.entry, line.server
    if isinstance(entry, Listen):
        kind, answers = "listen", entry.app
    else:
        kind, answers = "relay", str(entry.target.bare())
    clients = sum(each.clients for each in line.servers)
    return Row(entry.name, server.address, answers, clients, line.served, kind, server.listening, entry.record)


async def _watch(line: _Line) -> None:
    """Say so when an entry stops listening by a fault; the others go on."""
    try:
        await line.server.wait_closed()
    except Exception as error:
        log.error("%s does not listen any more: %s", line.entry.name, error, exc_info=error)
