"""`tincans import`: exported conversations back into the journal."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TextIO

import click

from tincans.cli import options

if TYPE_CHECKING:
    from tincans.conversation import Entry


@click.command()
@click.argument(
    "files", metavar="FILE.tin...", nargs=-1, required=True, type=click.Path(dir_okay=False, allow_dash=True)
)
@options.journal_option
@options.common
def command(files: tuple[str, ...], journal: str | None) -> int:
    """Take the conversations in .tin files into the journal, each under a new number and with the times it had.

    Nothing is taken when one of the files makes no sense. - is stdin.

    \b
      tincans import bug.tin
      tincans show last
    """
    from tincans.tasks import run

    with ExitStack() as stack:
        opened = [_File(name, stack.enter_context(_text(name))) for name in files]
        for file in opened:
            file.check()
        return run(_take(journal, opened))


async def _take(where: str | None, files: list[_File]) -> int:
    from tincans.cli.recordings import write

    journal = options.open_the_journal(where)
    try:
        for file in files:
            for entries in file.conversations():
                write(f"{file.name} is conversation {await journal.adopt(entries)}\n")
    finally:
        await journal.aclose()
    return 0


# ── the files ─────────────────────────────────────────────────────────────────────────────────────────────


class _File(NamedTuple):
    """A file, and the name that it was given by."""

    name: str
    text: TextIO

    def conversations(self) -> Iterator[Iterator[Entry]]:
        """The entries of each, from the file's beginning: take all of one before the next."""
        self.text.seek(0)
        return (entries for _, entries in groupby(self._entries(), key=lambda entry: entry.conversation))

    def _entries(self) -> Iterator[Entry]:
        from tincans import tin
        from tincans.errors import TinError

        try:
            yield from tin.read(self.text)
        except TinError as error:
            raise TinError(error.line, error.reason, self.name) from error

    def check(self) -> None:
        """Read all of it. Raises `TinError` or `NotAConversation` where a journal cannot take it."""
        from tincans.errors import NotAConversation
        from tincans.journal import checked

        for entries in self.conversations():
            try:
                for _ in checked(entries):
                    pass
            except NotAConversation as error:
                raise NotAConversation(f"{self.name}: {error}") from error


@contextmanager
def _text(name: str) -> Iterator[TextIO]:
    """A file's text, which can be read twice; what is no text in it makes no sense, but is no error yet."""
    source = nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb")  # noqa: SIM115
    with source as file, tempfile.TemporaryFile() as copy:
        if not file.seekable():
            shutil.copyfileobj(file, copy)
        yield io.TextIOWrapper(file if file.seekable() else copy, encoding="utf-8", errors="surrogateescape")
