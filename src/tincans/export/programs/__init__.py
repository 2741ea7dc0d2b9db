"""A recorded conversation as a program that says the same again: to read, to change, to send to somebody.

    curl      a shell script: one command for each request of HTTP       curl.py
    python    a client of the standard library                           python.py
    java      the same                                                   java.py
    php       the same                                                   php.py
    c         of POSIX, and of OpenSSL where there is TLS                c.py

The clients take the steps that `talk.py` makes of what happened. Texts are written by `literals.py`, by which whatever
was said stays a text. Secrets are masked unless they are asked for, and a comment says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from tincans.conversation import Closed, Entry, How, Opened
from tincans.decoding import Decoding
from tincans.export.programs import c, java, php, python
from tincans.export.programs.curl import Requests
from tincans.export.programs.talk import Rehearsal, Talk

_SOURCES: dict[str, tuple[str, Callable[[Talk], Iterator[str]]]] = {
    "python": ("Python", python.source),
    "java": ("Java", java.source),
    "php": ("PHP", php.source),
    "c": ("C", c.source),
}

#: Those that `Program` knows, each with the suffix of its files.
LANGUAGES = {"curl": "sh", "python": "py", "java": "java", "php": "php", "c": "c"}


class Program:
    """The `Form` of a program. It says one conversation: the first that it is given."""

    understands: ClassVar[bool] = True

    def __init__(self, language: str, protocol: str = "", *, secrets: bool = False) -> None:
        """`language` is one of LANGUAGES, `protocol` as `Decoding` takes it. Without `secrets` they are masked."""
        self._language, self._protocol, self._secrets = language, protocol, secrets
        self._decoding: Decoding | None = None
        self._learned: Rehearsal | Requests | None = None
        self._is_over = False
        self._others = 0
        self.masked = 0

    @property
    def lack(self) -> str:
        learned = self._learned
        if learned is None:
            return ""
        found = [(learned.missing, "are not in the recording"), (learned.left_out, "are left out")]
        told = [f"{count} bytes that the client said {why}" for count, why in found if count]
        others = [f"other conversations, which are not in it: {self._others}"] if self._others else []
        return "; ".join([*told, *others])

    def head(self) -> bytes:
        return b""

    def take(self, entry: Entry) -> Iterator[bytes]:
        """Nothing yet. Raises `CannotProgram` where no program can call the server."""
        if self._is_over:
            self._others += isinstance(entry, Opened)
            return iter(())
        if isinstance(entry, Opened):
            self._decoding = Decoding(entry, self._protocol)
            self._learned = self._begun(entry)
        assert self._decoding is not None  # `Opened` comes first
        assert self._learned is not None
        self._learned.take(entry, self._decoding.take(entry))
        return iter(())

    def over(self) -> Iterator[bytes]:
        """The program. Raises `CannotProgram` where the language cannot say it."""
        if self._is_over or self._decoding is None or self._learned is None:
            return
        self._is_over = True
        # What is not whole is taken for what it is until now: there may be a secret in it.
        end = Closed(conversation=0, at=0, how=How.LOST)
        self._learned.take(end, [*self._decoding.take(end), *self._decoding.close()])
        self.masked = self._learned.masked
        lines = self._learned.source() if isinstance(self._learned, Requests) else self._lines(self._learned)
        yield from (f"{line}\n".encode() for line in lines)

    def foot(self) -> bytes:
        return b""

    def _begun(self, opened: Opened) -> Rehearsal | Requests:
        if self._language == "curl":
            return Requests(opened, secrets=self._secrets)
        return Rehearsal(opened, _SOURCES[self._language][0], secrets=self._secrets)

    def _lines(self, learned: Rehearsal) -> Iterator[str]:
        return _SOURCES[self._language][1](learned.talk())
