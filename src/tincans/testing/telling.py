"""What the clauses of the journal contract are made of: a conversation to tell, ways to read it, and to compare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from tincans.channel import Side
from tincans.conversation import Entry, How, Kind, Opening, Said, Tap
from tincans.journal import ALL, Filter, Journal

MIB = 1024 * 1024

#: A function of a fresh journal whose docstring is the sentence that the failure begins with.
Clause = Callable[[Journal], Awaitable[None]]


def opening(kind: Kind = Kind.RELAY, client: str = "tcp://127.0.0.1:50312", name: str = "") -> Opening:
    return Opening(
        kind=kind, name=name, client=client, server="tcp://127.0.0.1:7707", near="tcp://127.0.0.1:7708",
        facts={"tls.version": "TLSv1.3"},
    )  # fmt: skip


async def read(journal: Journal, number: int, start: int = 0) -> list[Entry]:
    await journal.flush()
    return [entry async for entry in journal.read(number, start=start)]


async def listed(journal: Journal, which: Filter = ALL) -> list[int]:
    return [conversation.number for conversation in await journal.conversations(which)]


def said_by(entries: Iterable[Entry], side: Side) -> bytes:
    return b"".join(entry.data for entry in entries if isinstance(entry, Said) and entry.side is side)


def equal(found: object, expected: object) -> None:
    assert found == expected, f"{found!r} is not {expected!r}"


def talk(tap: Tap) -> None:
    """One of everything."""
    tap.joined("tcp://127.0.0.1:50313", "tcp://127.0.0.1:7709", {"tls.alpn": "h2"})
    tap.said(Side.CLIENT, b"hello\r\n")
    tap.said(Side.SERVER, b"")
    tap.said(Side.SERVER, bytes(range(256)))
    tap.noted("the far side cannot half-close")
    tap.secured({"client.tls.version": "TLSv1.3"})
    tap.ended(Side.CLIENT)
    tap.said(Side.SERVER, b"bye")
    tap.ended(Side.SERVER)
    tap.closed(How.FINISHED, Side.CLIENT, "both said goodbye")
