"""The handlers that give files: the diagram, the exports, and the programs that say the same.

All of a conversation has to be decoded for them, however long it is, so that is done in another thread, a batch of
entries at a time: the traffic goes on beside it, and no more than a batch is held.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Literal

from msgspec import Meta

from tincans import __version__
from tincans.conversation import Entry, Said
from tincans.diagram import Diagram, as_svg
from tincans.export import Form
from tincans.export.har import Har
from tincans.export.hiding import Hiding
from tincans.export.lines import Jsonl, Tin
from tincans.export.pcapng import Pcapng
from tincans.export.programs import LANGUAGES, Program
from tincans.journal import Journal
from tincans.limits import BATCH_BYTES
from tincans.watch.asking import Call, Decoded
from tincans.watch.endpoints import File

_FORMS: dict[str, tuple[str, Callable[[Exported], Form]]] = {
    "pcapng": ("application/x-pcapng", lambda asked: Pcapng(f"tincans {__version__}")),
    "har": ("application/har+json", lambda asked: Har(__version__, asked.protocol, secrets=asked.secrets)),
    "jsonl": ("application/x-ndjson", lambda asked: Jsonl(asked.protocol, secrets=asked.secrets)),
    "tin": ("text/plain; charset=utf-8", lambda asked: Tin()),
}
#: What `export` gives.
MEDIA = tuple(media for media, _ in _FORMS.values())


class Exported(Decoded, frozen=True, kw_only=True):
    """A file of one conversation."""

    form: Annotated[Literal["pcapng", "har", "jsonl", "tin"], Meta(description="the file's form")]


class Programmed(Decoded, frozen=True, kw_only=True):
    """A program that says what was said."""

    language: Annotated[Literal["curl", "python", "java", "php", "c"], Meta(description="what it is written in")]


async def diagram(call: Call, asked: Decoded) -> File:
    drawn = Diagram(asked.protocol, secrets=asked.secrets)
    async for batch in _batches(call.watched.journal, asked.number):
        await asyncio.to_thread(_each, drawn.add, batch)
    svg = "\n".join(await asyncio.to_thread(lambda: list(as_svg(drawn.drawn()))))
    return File("image/svg+xml", f"{svg}\n".encode())


async def export(call: Call, asked: Exported) -> File:
    media, make = _FORMS[asked.form]
    await call.watched.journal.conversation(asked.number)  # or it is an error, while that can still be told
    form = make(asked)
    hiding = None if asked.secrets or form.understands else Hiding(asked.protocol)
    return File(media, _written(call.watched.journal, asked.number, form, hiding), f"{asked.number}.{asked.form}")


async def program(call: Call, asked: Programmed) -> File:
    form = Program(asked.language, asked.protocol, secrets=asked.secrets)
    written = b"".join([piece async for piece in _written(call.watched.journal, asked.number, form, None)])
    return File("text/plain; charset=utf-8", written, f"{asked.number}.{LANGUAGES[asked.language]}")


async def _written(journal: Journal, number: int, form: Form, hiding: Hiding | None) -> AsyncIterator[bytes]:
    """The file, piece by piece. What hides secrets has to look at all of it first."""
    if hiding is not None:
        async for batch in _batches(journal, number):
            await asyncio.to_thread(_each, hiding.look, batch)
        hiding.look_no_more()

    def taken(batch: list[Entry]) -> bytes:
        shown = [hiding.hide(entry) if hiding else entry for entry in batch]
        return b"".join(piece for entry in shown if entry is not None for piece in form.take(entry))

    yield form.head()
    async for batch in _batches(journal, number):
        yield await asyncio.to_thread(taken, batch)
    yield await asyncio.to_thread(lambda: b"".join(form.over()) + form.foot())


async def _batches(journal: Journal, number: int) -> AsyncIterator[list[Entry]]:
    """All that happened, about BATCH_BYTES at a time."""
    batch: list[Entry] = []
    room = BATCH_BYTES
    async with aclosing(journal.read(number)) as entries:
        async for entry in entries:
            batch.append(entry)
            room -= _cost(entry)
            if room <= 0:
                yield batch
                batch, room = [], BATCH_BYTES
    yield batch


def _cost(entry: Entry) -> int:
    return 256 + (len(entry.data) if isinstance(entry, Said) else 0)


def _each(take: Callable[[Entry], object], batch: list[Entry]) -> None:
    for entry in batch:
        take(entry)
