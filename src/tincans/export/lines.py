"""The two forms that are text, a line after the other: decoded events as JSON, and `.tin` files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from tincans import tin
from tincans.conversation import Entry, Opened
from tincans.decoding import Decoding, Heard, to_json


class Jsonl:
    """The `Form` of a decoded event, or of an entry that is no event, a line: as `tincans show --json` prints them."""

    lack: ClassVar[str] = ""
    understands: ClassVar[bool] = True

    def __init__(self, protocol: str = "", *, secrets: bool = False) -> None:
        """`protocol` as `Decoding` takes it. Without `secrets` they are masked, and counted."""
        self._protocol, self._secrets = protocol, secrets
        self._decoding: Decoding | None = None
        self.masked = 0

    def head(self) -> bytes:
        return b""

    def take(self, entry: Entry) -> Iterator[bytes]:
        if isinstance(entry, Opened):
            self._decoding = Decoding(entry, self._protocol)
        if self._decoding is not None:
            yield from map(self._line, self._decoding.take(entry))

    def over(self) -> Iterator[bytes]:
        if self._decoding is not None:
            yield from map(self._line, self._decoding.close())

    def foot(self) -> bytes:
        return b""

    def _line(self, told: Heard | Entry) -> bytes:
        if isinstance(told, Heard) and not self._secrets:
            self.masked += len(told.event.hidden)
            told = told.masked()
        return to_json(told) + b"\n"


class Tin:
    """The `Form` of `tincans.tin`, which `tincans import` takes back."""

    lack: ClassVar[str] = ""
    understands: ClassVar[bool] = False

    def __init__(self) -> None:
        self._writer = tin.Writer()
        self.masked = 0

    def head(self) -> bytes:
        return b""

    def take(self, entry: Entry) -> Iterator[bytes]:
        return (line.encode() for line in self._writer.take(entry))

    def over(self) -> Iterator[bytes]:
        return iter(())

    def foot(self) -> bytes:
        return b""
