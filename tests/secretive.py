"""A small protocol for tests, loaded as `secretive:SecretiveSession`: it has secrets, details, bodies and an upgrade.

login NAME PASSWORD      a secret in the middle of an event
facts N                  an event with N details
body N                   N bytes follow, as chunks
switch PROTOCOL          from here on both sides speak that
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from msgspec.structs import replace

from tincans.channel import Side
from tincans.protocols import Chunk, Event, Session
from tincans.protocols.events import MASK, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.view import View, Viewer


class Login(Event, frozen=True, kw_only=True):
    """Who it is, and the password."""

    name: str
    password: str

    @property
    def summary(self) -> str:
        return f"login {self.name} {self.password}"

    def masked(self) -> Login:
        return replace(self, password=MASK)


class Facts(Event, frozen=True, kw_only=True):
    """So many details."""

    count: int

    @property
    def summary(self) -> str:
        return f"{self.count} facts"

    @property
    def details(self) -> Iterator[str]:
        return (f"fact {number}" for number in range(1, self.count + 1))


class Head(Event, frozen=True, kw_only=True):
    """A body follows."""

    length: int

    @property
    def summary(self) -> str:
        return f"body of {self.length}"


class Body(Chunk, frozen=True, kw_only=True):
    """A piece of it."""


class Quiet(Event, frozen=True, kw_only=True):
    """Nothing that matters."""


class SecretiveViewer(Viewer):
    """Knows what a reader can do without."""

    def view(self, event: Event) -> View:
        return super().view(event)._replace(silent=isinstance(event, Quiet))


class Switch(Event, frozen=True, kw_only=True):
    """The rest is something else."""

    to: str

    @property
    def summary(self) -> str:
        return f"switch {self.to}"


class SecretiveSession(Session):
    """Lines, and bodies between them."""

    name: ClassVar[str] = "secretive"
    title: ClassVar[str] = "secretive"

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._left = dict.fromkeys(Side, 0)

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if self._left[side]:
            data = inbox.take(self._left[side])
            self._left[side] -= len(data)
            return Body(data=data) if data else None
        start = inbox.start
        line = inbox.line()
        if line is None:
            return None
        words = text(line).split()
        match words:
            case ["login", name, password]:
                at = start + line.index(password.encode())
                self._hide(side, at, at + len(password))
                return Login(name=name, password=password)
            case ["quiet"]:
                return Quiet()
            case ["facts", count]:
                return Facts(count=int(count))
            case ["body", length]:
                self._left[side] = int(length)
                return Head(length=int(length))
            case ["switch", to]:
                self._upgrade(to)
                return Switch(to=to)
        raise Wrong(f"there is no {words[0] if words else 'empty line'}", start, skip=0)

    @classmethod
    def viewer(cls) -> Viewer:
        return SecretiveViewer()

    def _skip(self, side: Side, count: int) -> bool:
        self._left[side] -= min(count, self._left[side])
        return True
