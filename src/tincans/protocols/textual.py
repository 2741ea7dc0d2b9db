"""What events of protocols of lines have in common: those of SMTP, POP3, IMAP and FTP."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tincans.protocols.events import Event

#: What no line of text has in it: C0 but for the tab, and DEL.
CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Faulty(Event, frozen=True, kw_only=True):
    """What may break the rules although it is certain what was meant: a strict party answers that, and goes on."""

    faults: tuple[str, ...] = ()

    @property
    def details(self) -> Iterator[str]:
        return (f"fault: {fault}" for fault in self.faults)


class TextLine(Faulty, frozen=True, kw_only=True):
    """What is said in one line."""

    @property
    def line(self) -> str:
        """As it is said, without its end."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        return self.line

    def __post_init__(self) -> None:
        if "\n" in self.line or "\r" in self.line:
            raise ValueError("a line has no end of a line in it")
