"""`tincans show`: print one recorded conversation."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

import click

from tincans.cli import options
from tincans.cli.options import Show
from tincans.cli.recordings import newest, reading, write

if TYPE_CHECKING:
    from tincans.conversation import Conversation, Entry, Opened


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
@options.showing
@click.option("--raw", type=click.Choice(["client", "server"]), help="Print the very bytes that this side said.")
@click.option(
    "--diagram",
    is_flag=False,
    flag_value="text",
    type=click.Choice(["text", "svg"]),
    metavar="[text|svg]",
    help="Draw who said what to whom, as text or as SVG.",
)
@click.option("--state", is_flag=True, help="Say who is waiting for whom, and what the kernel holds for them.")
@click.option("-f", "--follow", is_flag=True, help="Go on as it goes on, until it has ended.")
@options.journal_option
@options.common
def command(
    number: int, show: Show, raw: str | None, diagram: str | None, state: bool, follow: bool, journal: str | None
) -> int:
    """Print the recorded conversation with the number ID, or the last one: `tincans show last`.

    It is shown as what it means: C: is the client, S: the server. Passwords and the like are masked, long content is
    cut, and control characters are escaped, so nothing that was said can harm the terminal; --raw writes the bytes
    as they are.

    \b
      tincans show last
      tincans show 12 --hex
      tincans show 12 --as lines:nul --full
      tincans show 12 --raw server > answer.bin
      tincans show 12 --diagram=svg > talk.svg
      tincans show last --state
    """
    forms = [name for name, asked in (("--raw", raw), ("--diagram", diagram), ("--json", show.json)) if asked]
    if len(forms) > 1:
        raise click.UsageError(f"{' and '.join(forms)} are forms of their own: choose one")
    if raw and (show.hex or show.protocol):
        raise click.UsageError("--raw is the bytes alone: it goes without --hex and --as")
    if state and (raw or diagram or show.hex or show.full or follow):
        raise click.UsageError("--state is of this moment: it goes with --as, --secrets and --json alone")
    if diagram and follow:
        raise click.UsageError("--diagram is of the whole conversation: it goes without --follow")
    from tincans.tasks import run

    return run(_show(journal, number, follow, _printer(show, raw, diagram, state)))


class _Printer(Protocol):
    """Prints a conversation's entries as one form or another."""

    def print(self, entry: Entry) -> None: ...

    def pause(self, at: int) -> None:
        """Nothing happened for a while."""

    def end(self) -> int:
        """There are no more; gives the exit status."""


def _printer(show: Show, raw: str | None, diagram: str | None, state: bool) -> _Printer:
    if state:
        from tincans.cli.state import StatePrinter

        return StatePrinter(show)
    if raw:
        return _Raw(raw)
    return _Picture(show, diagram) if diagram else _Transcript(show)


async def _show(where: str | None, number: int, follow: bool, printer: _Printer) -> int:
    async with reading(where) as journal:
        number = number or await newest(journal)
        async with aclosing(journal.follow(number) if follow else journal.read(number)) as entries:
            if follow:
                await _follow(entries, printer)
            else:
                async for entry in entries:
                    printer.print(entry)
    return printer.end()


async def _follow(entries: AsyncIterator[Entry], printer: _Printer) -> None:
    """Print each entry as it comes, and what was begun when none has come for a second."""
    from tincans.cli.voice import SECOND
    from tincans.tasks import spawn

    while True:
        coming = spawn(_next(entries))
        try:
            while not (await asyncio.wait([coming], timeout=SECOND))[0]:
                printer.pause(time.time_ns())
                sys.stdout.buffer.flush()
        finally:
            coming.cancel()
            await asyncio.wait([coming])  # a generator that still runs cannot be closed
        if (entry := await coming) is None:
            return
        printer.print(entry)
        sys.stdout.buffer.flush()


async def _next(entries: AsyncIterator[Entry]) -> Entry | None:
    return await anext(entries, None)


class _Transcript:
    """Prints entries as lines, as they are printed live, under a line that says which day it was."""

    def __init__(self, show: Show) -> None:
        from tincans.cli.live import wants_colour
        from tincans.cli.transcript import Json, Script

        style = show.style(wants_colour(1))
        self._form = Json(style) if show.json else Script(style, gaps=True)
        self._heads = not show.json
        self._conversation: Conversation | None = None

    def print(self, entry: Entry) -> None:
        from tincans.conversation import Conversation, Opened

        if isinstance(entry, Opened):
            self._conversation = Conversation.from_opened(entry)
            if self._heads:
                write(_head(entry))
        assert self._conversation is not None  # Opened comes first
        self._conversation.fold(entry)
        write(self._form.lines((entry, self._conversation)))

    def pause(self, at: int) -> None:
        from tincans.cli.transcript import Pause

        write(self._form.lines(Pause(at)))

    def end(self) -> int:
        write(self._form.finish())
        return 0


def _head(opened: Opened) -> str:
    from tincans.conversation import title_of
    from tincans.text import day, escape
    from tincans.words import belongs_to

    return f"{day(opened.at)}, {escape(title_of(opened))}{belongs_to(opened)}\n"


class _Picture:
    """Draws a conversation once all of it was told."""

    def __init__(self, show: Show, form: str) -> None:
        from tincans.diagram import Diagram

        self._diagram = Diagram(show.protocol, secrets=show.secrets, full=show.full)
        self._form = form

    def print(self, entry: Entry) -> None:
        self._diagram.add(entry)

    def pause(self, at: int) -> None: ...

    def end(self) -> int:
        from tincans.diagram import as_svg, as_text

        for line in (as_svg if self._form == "svg" else as_text)(self._diagram.drawn()):
            write(line + "\n")
        return 0


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

    def pause(self, at: int) -> None: ...

    def end(self) -> int:
        if self._missing:
            from tincans.errors import RecordingIncomplete

            sys.stdout.buffer.flush()
            raise RecordingIncomplete(self._missing)
        return 0
