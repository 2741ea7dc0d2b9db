"""The journal contract as a test: `check_journal` proves each clause of `tincans.journal.Journal` on any kind of
journal.

A clause is a function of a fresh journal whose docstring is the sentence that the failure begins with. They take a
second together. Nothing sleeps: what was told is flushed, and what must come is awaited for at most `patience`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tincans.journal import Bounds, Journal
from tincans.testing import journal_clauses, journal_looking
from tincans.testing.telling import MIB, Clause

#: A function that makes a new, empty journal within the bounds given.
MakeJournal = Callable[[Bounds], Journal]


async def check_journal(make_journal: MakeJournal, *, patience: float = 60.0) -> None:
    """Check every clause of the journal contract; `AssertionError` says which one is broken.

    Every journal is closed again. `patience` is how long one clause may take, in seconds.
    """
    for clause in (*journal_clauses.CLAUSES, *journal_looking.CLAUSES):
        await _run(clause, make_journal(Bounds()), patience)
    for clause in (*journal_clauses.BOUNDED_CLAUSES, *journal_looking.BOUNDED_CLAUSES):
        await _run(clause, make_journal(Bounds(total=4 * MIB)), patience)


async def _run(clause: Clause, journal: Journal, patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            try:
                await clause(journal)
            finally:
                await journal.aclose()
    except Exception as error:
        what = "it did not finish" if isinstance(error, TimeoutError) else str(error) or repr(error)
        raise AssertionError(f"{clause.__doc__}: {what}") from error
