"""What events of a protocol of lines have in common: SMTP's, POP3's, IMAP's."""

from __future__ import annotations

from collections.abc import Iterator

from tincans.protocols.session import Event


class TextLine(Event, frozen=True, kw_only=True):
    """What is said in one line."""

    #: What breaks the rules in it, though it is certain what was meant.
    faults: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """As it is said, without its end."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        return self.line

    @property
    def details(self) -> Iterator[str]:
        return (f"fault: {fault}" for fault in self.faults)

    def __post_init__(self) -> None:
        if "\n" in self.line or "\r" in self.line:
            raise ValueError("a line has no end of a line in it")
