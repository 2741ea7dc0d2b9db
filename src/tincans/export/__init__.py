"""Recorded conversations as files that other programs read.

A form is a `Form`: it is given the entries of one conversation after the other and gives the file's bytes, piece by
piece, so that a conversation of any size needs no more memory than one of its entries. Nothing here opens a file.

    .pcapng   packets, for Wireshark      pcapng.py, of wire.py (the packets) and legs.py (the addresses)
    .har      HTTP, for browsers' tools   har.py, har_entry.py
    .jsonl    a decoded event a line      lines.py
    .tin      text that reads well, and that can be imported again      lines.py
    .sh .py … a program that says the same again                          programs/

Secrets are masked in events, as everywhere; where the very bytes are written, `hiding.Hiding` hides them before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Protocol

from tincans.conversation import Entry


class Form(Protocol):
    """Makes a file of conversations."""

    #: Whether it writes events, and masks their secrets by itself; else it writes the very bytes.
    understands: ClassVar[bool]
    #: How many it has masked.
    masked: int

    @property
    def lack(self) -> str:
        """What a reader of the whole file may miss in it; empty where that is nothing."""

    def head(self) -> bytes:
        """How the file begins."""

    def take(self, entry: Entry) -> Iterator[bytes]:
        """What an entry adds. `Opened` begins the next conversation."""

    def over(self) -> Iterator[bytes]:
        """What the conversation still adds that has no more entries."""

    def foot(self) -> bytes:
        """How the file ends."""
