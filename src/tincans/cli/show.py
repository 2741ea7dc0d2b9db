"""`tincans show`: print one recorded conversation."""

from __future__ import annotations

import sys
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from tincans.cli import options

if TYPE_CHECKING:
    from tincans.conversation import Conversation, Entry, Opened
    from tincans.journal import Journal


class NumberType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.5
    """A conversation's number; 0 stands for the last one."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).removeprefix("#")
        if text == "last":
            return 0
        if not text.isdecimal() or not 0 < int(text) < 2**63:
            self.fail(f"{value!r} is neither a conversation's number nor 'last'", param, ctx)
        return int(text)


@click.command()
@click.argument("number", metavar="ID", type=NumberType())
@click.option("--hex", "as_hex", is_flag=True, help="Show what was said as hexadecimal.")
@click.option("--raw", type=click.Choice(["client", "server"]), help="Print the very bytes that this side said.")
@click.option("--json", "as_json", is_flag=True, help="Print one entry a line, as JSON; bytes in base64.")
@click.option("-f", "--follow", is_flag=True, help="Go on as it goes on, until it has ended.")
@options.journal_option
@options.common
def command(number: int, as_hex: bool, raw: str | None, as_json: bool, follow: bool, journal: str | None) -> int:
    """Print the recorded conversation with the number ID, or the last one: `tincans show last`.

    What the client said is marked ►, what the server said ◄. Control characters are escaped, so nothing that was said
    can harm the terminal; --raw writes them as they are.

    \b
      tincans show last
      tincans show 12 --hex
      tincans show 12 --raw server > answer.bin
    """
    if raw and (as_hex or as_json):
        raise click.UsageError("--raw is the bytes alone: it goes without --hex and --json")
    from tincans.tasks import run

    return run(_show(journal, number, follow, _Raw(raw) if raw else _Transcript(as_hex, as_json)))


async def _show(where: str | None, number: int, follow: bool, printer: _Raw | _Transcript) -> int:
    from tincans.cli.recordings import reading

    async with reading(where) as journal:
        number = number or await _last(journal)
        async with aclosing(journal.follow(number) if follow else journal.read(number)) as entries:
            async for entry in entries:
                printer.print(entry)
                if follow:
                    sys.stdout.buffer.flush()
    return printer.end()


async def _last(journal: Journal) -> int:
    from tincans.errors import JournalError
    from tincans.journal import Filter

    newest = await journal.conversations(Filter(limit=1))
    if not newest:
        raise JournalError("no conversation is recorded yet")
    return newest[0].number


class _Transcript:
    """Prints entries as lines, as they are printed live, under a line that says which day it was."""

    def __init__(self, as_hex: bool, as_json: bool) -> None:
        from tincans.cli.live import wants_colour
        from tincans.cli.transcript import Json, Script

        self._form = Json() if as_json else Script(hex=as_hex, colour=wants_colour(1))
        self._heads = not as_json
        self._conversation: Conversation | None = None

    def print(self, entry: Entry) -> None:
        from tincans.cli.recordings import write
        from tincans.conversation import Conversation, Opened

        if isinstance(entry, Opened):
            self._conversation = Conversation.from_opened(entry)
            if self._heads:
                write(_head(entry))
        assert self._conversation is not None  # Opened comes first
        self._conversation.fold(entry)
        write(self._form.lines((entry, self._conversation)))

    def end(self) -> int:
        return 0


def _head(opened: Opened) -> str:
    from tincans.text import escape

    day = time.strftime("%A, %Y-%m-%d", time.localtime(opened.at // 1_000_000_000))
    return f"{day}, {escape(f'{opened.kind.value} {opened.name}'.rstrip())}\n"


class _Raw:
    """Prints the bytes that one side said, and counts what is missing of them."""

    def __init__(self, side: str) -> None:
        from tincans.channel import Side

        self._side = Side(side)
        self._missing = 0

    def print(self, entry: Entry) -> None:
        from tincans.conversation import Dropped, Said

        if isinstance(entry, Said) and entry.side is self._side:
            sys.stdout.buffer.write(entry.data)
        elif isinstance(entry, Dropped) and entry.side is self._side:
            self._missing += entry.count

    def end(self) -> int:
        if self._missing:
            from tincans.errors import RecordingIncomplete

            sys.stdout.buffer.flush()
            raise RecordingIncomplete(self._missing)
        return 0
