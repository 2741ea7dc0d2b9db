"""`tincans conversations`: list what was recorded."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from tincans.cli import options
from tincans.cli.options import Which

if TYPE_CHECKING:
    from tincans.conversation import Conversation
    from tincans.journal import Filter

_COLUMNS = ("ID", "BEGAN", "LASTED", "KIND", "CLIENT", "SERVER", "C SAID", "S SAID", "ENDED")
_RIGHT = ("ID", "LASTED", "C SAID", "S SAID")


@click.command()
@options.filtering
@click.option("--json", "as_json", is_flag=True, help="Print one conversation a line, as JSON; times in nanoseconds.")
@options.journal_option
@options.common
def command(which: Which, as_json: bool, journal: str | None) -> int:
    """List the recorded conversations, the newest last.

    \b
      tincans conversations --since 10m
      tincans conversations --party :8080 --failed
      tincans show last
    """
    from tincans.tasks import run

    found = run(_find(journal, which.filter))
    if as_json:
        _print_json(found)
    elif not found:
        click.echo("no conversation is recorded, or none matches", err=True)
    else:
        _print_table(found)
    return 0


async def _find(where: str | None, which: Filter) -> list[Conversation]:
    from tincans.cli.recordings import reading

    async with reading(where) as journal:
        return await journal.conversations(which)


def _print_json(found: Iterable[Conversation]) -> None:
    import msgspec

    from tincans.cli.recordings import write

    for conversation in found:
        write(msgspec.json.encode(conversation).decode() + "\n")


def _print_table(found: Sequence[Conversation]) -> None:
    """What went wrong is red; on a terminal today's are told by their time alone."""
    from tincans.cli.tables import print_table

    rows = [_row(conversation, short=sys.stdout.isatty()) for conversation in found]
    print_table(_COLUMNS, rows, right=_RIGHT, whole=("BEGAN",), styles=list(map(_style, found)))


def _style(conversation: Conversation) -> str:
    how = conversation.how.value if conversation.how else "open"
    return {"open": "green", "failed": "red", "reset": "red", "lost": "red"}.get(how, "")


def _row(conversation: Conversation, short: bool = False) -> tuple[str, ...]:
    from tincans.conversation import title_of
    from tincans.text import escape, human_bytes, human_seconds

    c = conversation
    return (
        str(c.number), _began(c.opened, short),
        human_seconds(c.seconds), escape(title_of(c)), escape(c.client), escape(c.server),
        human_bytes(c.client_bytes), human_bytes(c.server_bytes), _ended(c),
    )  # fmt: skip


def _began(at: int, short: bool) -> str:
    """When, in our zone; `short` leaves out the day where it is today."""
    began = time.localtime(at // 1_000_000_000)
    today = short and began[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", began)


def _ended(conversation: Conversation) -> str:
    """How it ended, and whether the recording has all of it."""
    from tincans.conversation import Closed
    from tincans.text import human_bytes
    from tincans.words import ending

    c = conversation
    if c.closed is None or c.how is None:
        text = "goes on"
    else:
        text = ending(Closed(conversation=c.number, at=c.closed, how=c.how, by=c.by, detail=c.detail))
    return text + (f"; {human_bytes(c.dropped)} not recorded" if c.dropped else "")
