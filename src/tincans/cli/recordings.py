"""What the commands that read the journal have in common."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tincans.journal import Journal


@asynccontextmanager
async def reading(where: str | None) -> AsyncIterator[Journal]:
    """The journal, to read; one that is not there is not made but a `JournalError`."""
    from tincans.journal import open_journal

    journal = open_journal(where, create=False)
    try:
        yield journal
    finally:
        await journal.aclose()


async def newest(journal: Journal) -> int:
    """The number of the last conversation, which `last` stands for. Raises `JournalError` where there is none."""
    from tincans.errors import JournalError
    from tincans.journal import Filter

    found = await journal.conversations(Filter(limit=1))
    if not found:
        raise JournalError("no conversation is recorded yet")
    return found[0].number


def write(text: str) -> None:
    """Print `text` to stdout as UTF-8, whatever the terminal's locale says."""
    sys.stdout.buffer.write(text.encode())
