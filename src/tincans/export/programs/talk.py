"""What a client said and when it listened, as steps that a program can take again.

    Secure ─ Say ─ Hear ─ Say ─ Hear ─ … ─ End, and then whatever the server still says

A turn is all that the client said until the server spoke. Behind it the program hears as many bytes as the server
answered then, or gives up after SILENCE_SECONDS: enough for a server that answers the same way, and no harm with one
that answers otherwise. `Secure` is TLS: at the beginning, or where STARTTLS asked for it. TLS has no half-close that
every library can do, so there is no `End` in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tincans.address import Address
from tincans.channel import Side
from tincans.conversation import Dropped, Ended, Entry, Joined, Opened, Said, Secured
from tincans.decoding import Heard
from tincans.errors import AddressError, CannotProgram
from tincans.limits import PROGRAM_BYTES, PROGRAM_TEXT_BYTES, PROGRAM_TURNS
from tincans.text import starred

#: How long a program waits for a server that is silent: as long as a person does before asking what is wrong.
SILENCE_SECONDS = 2


class Say(NamedTuple):
    """Say this; `at` is where it stands in what the client said."""

    data: bytes
    at: int = 0


class Hear(NamedTuple):
    """Print what the server says: so many bytes, or until it is silent."""

    size: int


class Secure(NamedTuple):
    """From here on TLS, with a server that proves to have this name."""

    name: str


class End(NamedTuple):
    """The client has said its last word."""


Step = Say | Hear | Secure | End


class Talk(NamedTuple):
    """All of it, and where it is said."""

    number: int
    place: Address
    steps: list[Step]
    #: What a reader should know, in lines that are safe in a comment of any language.
    remarks: list[str]

    @property
    def has_tls(self) -> bool:
        return any(isinstance(step, Secure) for step in self.steps)


class Rehearsal:
    """Learns what the client of one conversation says, PROGRAM_BYTES in PROGRAM_TURNS at most."""

    def __init__(self, opened: Opened, language: str, *, secrets: bool) -> None:
        """`language` as a person calls it. Raises `CannotProgram` where it has no way to that server."""
        self.masked = 0
        #: Bytes that the client said and the program does not: as they are missing, or too many.
        self.missing = self.left_out = 0
        self._number, self._secrets = opened.conversation, secrets
        self._place = place_of(opened, language)
        self._name = name_of(self._place, opened.facts)
        self._steps: list[Step] = [Secure(self._name)] if self._place.wraps else []
        self._offset = self._kept = self._turns = 0
        self._hidden: list[tuple[int, int]] = []

    def take(self, entry: Entry, told: Iterable[Entry | Heard]) -> None:
        """What happened next, and what it meant."""
        self._hide(told)
        match entry:
            case Said(side=Side.CLIENT, data=data):
                self._say(data)
            case Dropped(side=Side.CLIENT, count=count):
                self._offset += count
                self.missing += count
            case Said(data=data):
                self._hear(len(data))
            case Dropped(count=count):
                self._hear(count)
            case Joined(facts=facts) | Secured(facts=facts):
                self._name = name_of(self._place, facts)
                self._learn_name(secured=isinstance(entry, Secured))
            case Ended(side=Side.CLIENT):
                self._steps.append(End())

    def talk(self) -> Talk:
        """All of it, with stars in the place of secrets unless they were asked for."""
        steps = [piece for step in self._steps for piece in self._pieces(step)]
        if any(isinstance(step, Secure) for step in steps):
            steps = [step for step in steps if not isinstance(step, End)]
        elif not any(isinstance(step, End) for step in steps):
            steps.append(End())
        return Talk(self._number, self._place, steps, self._remarks())

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────

    def _hide(self, told: Iterable[Entry | Heard]) -> None:
        spans = [
            span
            for each in told
            if isinstance(each, Heard) and each.event.side is Side.CLIENT
            for span in each.event.hidden
        ]
        self.masked += 0 if self._secrets else len(spans)
        self._hidden += spans

    def _say(self, data: bytes) -> None:
        at = self._offset
        self._offset += len(data)
        before = self._steps[-1] if self._steps else None
        goes_on = isinstance(before, Say) and before.at + len(before.data) == at
        room = PROGRAM_BYTES - self._kept if goes_on or self._turns < PROGRAM_TURNS else 0
        kept = b"" if self.left_out else data[:room]
        self.left_out += len(data) - len(kept)
        self._kept += len(kept)
        if isinstance(before, Say) and goes_on:
            self._steps[-1] = Say(before.data + kept, before.at)
        elif kept:
            self._steps.append(Say(kept, at))
            self._turns += 1

    def _hear(self, count: int) -> None:
        if self.left_out or not count:
            return
        before = self._steps[-1] if self._steps else None
        if isinstance(before, Hear):
            self._steps[-1] = Hear(before.size + count)
        else:
            self._steps.append(Hear(count))

    def _learn_name(self, *, secured: bool) -> None:
        """Both handshakes are done, and the facts say for whom the client asked."""
        if secured:
            self._steps.append(Secure(self._name))
        else:
            self._steps = [Secure(self._name) if isinstance(step, Secure) else step for step in self._steps]

    # ── what becomes of it ────────────────────────────────────────────────────────────────────────────────

    def _pieces(self, step: Step) -> Iterator[Step]:
        if not isinstance(step, Say):
            yield step
            return
        data = step.data if self._secrets else starred(step.data, step.at, self._hidden)
        for start in range(0, len(data), PROGRAM_TEXT_BYTES):
            yield Say(data[start : start + PROGRAM_TEXT_BYTES], step.at + start)

    def _remarks(self) -> list[str]:
        return [
            *about(self._number, self._place),
            "After each turn it waits for as many bytes as the server answered in it then,",
            f"or for {SILENCE_SECONDS} seconds of silence.",
            *lacks(self.masked, self.missing, self.left_out),
        ]


# ── where it is said ──────────────────────────────────────────────────────────────────────────────────────


def place_of(opened: Opened, language: str) -> Address:
    """Where the server is: by TCP or a Unix socket, with TLS or without. Raises `CannotProgram`."""
    try:
        place = Address.parse(opened.server)
    except AddressError as error:
        raise CannotProgram(language, str(error)) from error
    if opened.boundaries or place.scheme not in ("tcp", "unix") or place.wraps not in ((), ("tls",)):
        raise CannotProgram(language, f"{place.bare()} is no stream socket, with TLS or without")
    return place.bare()


def name_of(place: Address, facts: dict[str, str]) -> str:
    """By which name a certificate has to know the server: what was asked for, else its host."""
    asked = facts.get("server.tls.sni") or facts.get("tls.sni") or ""
    return asked if _HOST.fullmatch(asked) else place.host or "localhost"


_HOST = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,252}")

# ── what a comment says ───────────────────────────────────────────────────────────────────────────────────

#: Neither ends a comment in any language nor is an escape in one (Java reads those in comments too).
_HARMLESS = re.compile(r"[^A-Za-z0-9 :/.,@_=%+()\[\]#'-]")


def about(number: int, place: Address) -> list[str]:
    """What the program is."""
    return [
        f"Says what the client said to {comment(str(place))}",
        f"in conversation {number} of tincans, and prints the answers.",
    ]


def comment(text: str) -> str:
    """A text as it can stand in a comment of any language."""
    return _HARMLESS.sub(".", text)


def lacks(masked: int, missing: int, left_out: int) -> list[str]:
    """What a reader would miss."""
    return [
        *([f"{masked} secret{'' if masked == 1 else 's'} masked by asterisks: put them in."] if masked else []),
        *([f"{missing} bytes that the client said are not in the recording."] if missing else []),
        *([f"{left_out} bytes more that the client said are left out."] if left_out else []),
    ]
