"""`tincans diff`: what two recorded conversations said differently."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from tincans.cli import options
from tincans.cli.show import NumberType

if TYPE_CHECKING:
    from tincans.conversation import Conversation
    from tincans.differing import Lines, Row
    from tincans.journal import Journal

#: As of diff(1).
_SAME, _DIFFERENT, _TROUBLE = 0, 1, 2
_PAINTS = {"-": "\x1b[31m", "+": "\x1b[32m", "@": "\x1b[36m"}


@click.command()
@click.argument("one", metavar="ID", type=NumberType())
@click.argument("other", metavar="ID", type=NumberType())
@click.option("--all", "noise", is_flag=True, help="Compare dates, ids, ports and other noise too.")
@options.as_option
@click.option("--secrets", is_flag=True, help="Compare and show passwords and the like, which are masked otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print one difference a line, as JSON.")
@options.journal_option
@options.common
def command(one: int, other: int, noise: bool, protocol: str, secrets: bool, as_json: bool, journal: str | None) -> int:
    """Compare the recorded conversations with the two numbers ID: what was said differently.

    Their events are compared in order, those of the client (C:) and those of the server (S:) each by themselves. When
    something was said does not matter, nor does what differs every time: dates, ids, ephemeral ports, cookies, ETags,
    boundaries; --all compares these too.

    The exit status is that of diff(1): 0 when they are alike, 1 when they differ, 2 when they cannot be compared.

    \b
      tincans diff 12 13
      tincans diff 12 last --all
      tincans diff 12 13 --as lines:nul --json
    """
    from tincans.errors import TincansError
    from tincans.tasks import run

    try:
        pair = run(_read(journal, (one, other), _Wanted(protocol, noise, secrets)))
    except (TincansError, OSError) as error:
        raise _trouble(error) from (error if isinstance(error, OSError) else None)
    return _print_json(*pair) if as_json else _print(*pair)


def _trouble(error: Exception) -> Exception:
    """The same error, with a status of its own: 1 says that they differ."""
    from tincans.errors import JournalError, TincansError, reason_of

    if isinstance(error, OSError):
        error = JournalError(f"the journal cannot be read: {reason_of(error)}")
    assert isinstance(error, TincansError)
    error.exit_code = _TROUBLE
    return error


class _Wanted(NamedTuple):
    """What to compare."""

    protocol: str
    noise: bool
    secrets: bool


class _Told(NamedTuple):
    """A conversation, and what was said in it."""

    conversation: Conversation
    lines: Lines


async def _read(where: str | None, numbers: tuple[int, int], wanted: _Wanted) -> tuple[_Told, _Told]:
    from tincans.cli.recordings import newest, reading

    async with reading(where) as journal:
        last = await newest(journal) if 0 in numbers else 0
        one, other = [await _told(journal, number or last, wanted) for number in numbers]
        return one, other


async def _told(journal: Journal, number: int, wanted: _Wanted) -> _Told:
    from tincans.conversation import Conversation, Opened
    from tincans.differing import Lines

    lines = Lines(wanted.protocol, noise=wanted.noise, secrets=wanted.secrets)
    conversation: Conversation | None = None
    async with aclosing(journal.read(number)) as entries:
        async for entry in entries:
            if isinstance(entry, Opened):
                conversation = Conversation.from_opened(entry)
            lines.add(entry)
    assert conversation is not None  # Opened comes first
    return _Told(conversation, lines)


# ── printing ──────────────────────────────────────────────────────────────────────────────────────────────


def _print(one: _Told, other: _Told) -> int:
    from tincans.cli.live import wants_colour
    from tincans.cli.recordings import write

    colour = wants_colour(1)
    status = _SAME
    for line in _text(one, other):
        if status == _SAME:
            write(_painted(f"--- {_head(one.conversation)}", "", colour))
            write(_painted(f"+++ {_head(other.conversation)}", "", colour))
            status = _DIFFERENT
        write(_painted(line, line[0], colour))
    return status


def _text(one: _Told, other: _Told) -> Iterator[str]:
    """Lines as of diff -u, the two sides one after the other."""
    from tincans.channel import Side
    from tincans.cli.transcript import MARKS
    from tincans.differing import rows

    for side in Side:
        for row in rows(one.lines.of(side), other.lines.of(side)):
            yield _row(row, MARKS[side])
    if one.lines.how != other.lines.how:
        yield "@@ how it ended @@"
        yield f"-{one.lines.how or 'it goes on'}"
        yield f"+{other.lines.how or 'it goes on'}"


def _row(row: Row, mark: str) -> str:
    if row.mark == "@":
        return f"@@ {mark} {row.text} @@"
    return f"{row.mark}{mark if row.first else '  '} {row.text}"


def _head(conversation: Conversation) -> str:
    from tincans.text import escape

    c = conversation
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(c.opened // 1_000_000_000))
    return f"#{c.number}  {escape(c.client)} calls {escape(c.server)}, {began}"


def _painted(line: str, mark: str, colour: bool) -> str:
    paint = _PAINTS.get(mark, "")
    return f"{paint}{line}\x1b[0m\n" if colour and paint else f"{line}\n"


def _print_json(one: _Told, other: _Told) -> int:
    from tincans.channel import Side
    from tincans.cli.recordings import write
    from tincans.differing import differences

    status = _SAME
    for side in Side:
        for difference in differences(side, one.lines.of(side), other.lines.of(side)):
            write(msgspec.json.encode(difference).decode() + "\n")
            status = _DIFFERENT
    if one.lines.how != other.lines.how:
        write(msgspec.json.encode({"type": "ended", "one": one.lines.how, "other": other.lines.how}).decode() + "\n")
        status = _DIFFERENT
    return status
