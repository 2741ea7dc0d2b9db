"""Which protocols there are, and which of them is spoken.

A protocol is named `http`, or with an option `lines:nul`. The built-in ones are the rows below; a distribution adds
its own by an entry point in the group `tincans.protocols`; and `module:Class` or `module:Class:option` names any class
that can be imported, from the current folder too. A module is imported when it is first needed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import NamedTuple

from tincans.channel import Side
from tincans.errors import NoSuchProtocol
from tincans.limits import GUESS_BYTES
from tincans.protocols.session import Match, Session

#: One a line, so that two people can add theirs without meeting. Where two are as sure, the first is taken.
BUILT_IN = {
    "http": "tincans.protocols.http:HttpSession",
    "websocket": "tincans.protocols.websocket:WebSocketSession",
    "tls": "tincans.protocols.tls:TlsSession",
    "smtp": "tincans.protocols.smtp:SmtpSession",
    "ftp": "tincans.protocols.ftp:FtpSession",
    "pop3": "tincans.protocols.pop3:Pop3Session",
    "imap": "tincans.protocols.imap:ImapSession",
    "irc": "tincans.protocols.irc:IrcSession",
    "redis": "tincans.protocols.redis:RedisSession",
    "postgresql": "tincans.protocols.postgresql:PostgresqlSession",
    "mqtt": "tincans.protocols.mqtt:MqttSession",
    "dns": "tincans.protocols.dns:DnsSession",
    "lines": "tincans.protocols.lines:LinesSession",
    "raw": "tincans.protocols.raw:RawSession",
}

GROUP = "tincans.protocols"


class Protocol(NamedTuple):
    """A session's class, and the option of `name:option`."""

    kind: type[Session]
    option: str = ""

    def session(
        self, *, strict: bool = False, boundaries: bool = False, start: Mapping[Side, int] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Session:  # fmt: skip
        """A new session of it; see `Session`."""
        options = dict(options or {})
        if self.option:
            options["option"] = self.option
        return self.kind(strict=strict, boundaries=boundaries, start=start, options=options)

    @property
    def name(self) -> str:
        return f"{self.kind.name}:{self.option}" if self.option else self.kind.name


def names() -> list[str]:
    """All that can be named: the built-in protocols, then those of other distributions."""
    return [*BUILT_IN, *sorted(_others())]


def find_protocol(name: str) -> Protocol:
    """The protocol that `name` names. Raises `NoSuchProtocol`, also where its option makes no sense."""
    first, _, option = name.partition(":")
    known = BUILT_IN if first in BUILT_IN else _others()
    if first in known:
        protocol = Protocol(_load(known[first]), option)
    elif option:
        kind, _, option = option.partition(":")
        with _from_here():
            protocol = Protocol(_load(f"{first}:{kind}"), option)
    else:
        near = get_close_matches(first, names(), 1)
        raise NoSuchProtocol(name, f"did you mean {near[0]!r}?" if near else "")
    try:
        protocol.kind.check_option(protocol.option)
    except ValueError as error:
        raise NoSuchProtocol(name, str(error)) from error
    return protocol


def guess(client: bytes, server: bytes, port: int | None = None, *, complete: bool = False) -> Protocol | None:
    """The protocol that begins with what the two sides said, of which either may be empty; None: not yet to be told.

    `port` is the server's: of those that are as likely, the one at home there is spoken. `complete`: nothing more will
    come, so tell now. Where no protocol is recognized it is `lines` for text and `raw` for anything else.
    """
    complete = complete or len(client) + len(server) >= GUESS_BYTES
    best, waiting, found = (Match.WAIT, False), False, None
    for kind in _kinds():
        match, is_home = kind.recognize(client, server), port in kind.ports
        waiting |= match is Match.WAIT
        if is_home and (match is Match.MAYBE or (match is Match.WAIT and complete)):
            match = Match(match + 1)
        if match > Match.WAIT and (match, is_home) > best:
            best, found = (match, is_home), kind
    if waiting and best[0] is not Match.SURE and not complete:
        return None
    return Protocol(found) if found is not None else find_protocol("raw")


def at_home(port: int) -> Protocol | None:
    """The protocol whose servers are usually on `port`."""
    return next((Protocol(kind) for kind in _kinds() if port in kind.ports), None)


@cache
def _kinds() -> tuple[type[Session], ...]:
    """All that can be recognized, those of other distributions first: who installs one wants it."""
    kinds = []
    for path in _others().values():
        with suppress(NoSuchProtocol):  # what somebody installed does not break what is ours
            kinds.append(_load(path))
    return (*kinds, *map(_load, BUILT_IN.values()))


@cache
def _others() -> Mapping[str, str]:
    from importlib.metadata import entry_points  # it takes longer than all of this module

    return {point.name: point.value for point in entry_points(group=GROUP)}


@contextmanager
def _from_here() -> Iterator[None]:
    """Modules in the current folder can be imported, as `python` itself does."""
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path.remove("")


@cache
def _load(path: str) -> type[Session]:
    module, _, name = path.partition(":")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise NoSuchProtocol(path, str(error)) from error
    except Exception as error:  # a module of somebody else's may fail in any way
        raise NoSuchProtocol(path, f"its module fails: {type(error).__name__}: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Session)):
        raise NoSuchProtocol(path, "it is no Session")
    return kind
