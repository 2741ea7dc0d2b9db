"""`tincans say`: say something in a room."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click

from tincans.cli import options
from tincans.cli.hubs import Entry, entering
from tincans.cli.options import Record, settings

if TYPE_CHECKING:
    from tincans.clients.chat import Chat
    from tincans.clients.chat_room import Membership
    from tincans.errors import ChatRefused


@click.command()
@click.argument("room", metavar="ROOM")
@click.argument("words", metavar="[TEXT]", nargs=-1)
@click.option("--whole", is_flag=True, help="All of standard input is one message, and not each of its lines.")
@click.option("--act", "kind", flag_value="act", help='Say it as something done: "* ann deploys".')
@click.option("--notice", "kind", flag_value="notice", help="Say it as a notice, which no program answers.")
@entering
@options.recording
@options.common
def command(room: str, words: tuple[str, ...], whole: bool, kind: str | None, entry: Entry, record: Record) -> None:
    """Say TEXT in ROOM, or what comes on standard input, a message a line.

    ROOM may be written without its #, which begins a comment in a shell. When this ends with exit status 0 the hub has
    kept all of it. One that refuses is told in its own sentence; with --retry a hub that goes away meanwhile is called
    again, and each message is there once.

    \b
      tincans say ops "deploy done"
      make 2>&1 | tincans say builds --nick ci
      tincans say ops --whole --notice < report.txt
    """
    from tincans.cli.hubs import room_name
    from tincans.tasks import run

    settings().start_logging(record.quiet)
    text = " ".join(words) if words else None
    run(_say(room_name(room), text, whole, kind or "say", entry, record))


async def _say(room: str, text: str | None, whole: bool, kind: str, entry: Entry, record: Record) -> None:
    from tincans.errors import UsageError

    if whole and text is not None:
        raise UsageError("--whole is for what comes on standard input, and there is a text already")
    async with record.opened() as journal:
        recorders = [journal] if journal else []
        async with await entry.open(recorders, reconnect=entry.retry > 0) as chat:
            member = await chat.join(room)
            if text is not None:
                await chat.say(member.room, text, kind=kind)
            elif whole:
                await chat.say(member.room, (await _all_of_stdin(_most(chat))).rstrip("\n"), kind=kind)
            else:
                await _say_lines(member, kind)


def _most(chat: Chat) -> int:
    """How many bytes can be said at once."""
    from tincans.limits import CHAT_TEXT_BYTES

    return int(chat.welcome.limits.get("text", CHAT_TEXT_BYTES))


def _too_long(most: int, where: str = "") -> ChatRefused:
    from tincans.errors import ChatRefused

    return ChatRefused("too-long", f"{where}at most {most} bytes can be said at once")


async def _all_of_stdin(most: int) -> str:
    """All of it. Raises `ChatRefused` as soon as it is much too long; by how little it may be is for the hub to say."""
    from tincans.transports.stdio import StdioChannel

    whole = bytearray()
    async with StdioChannel() as channel:
        async for data in channel:
            whole += data
            if len(whole) > 2 * most:
                raise _too_long(most)
    return whole.decode("utf-8", "replace")


async def _lines() -> AsyncIterator[str]:
    from tincans.channel import Buffered
    from tincans.transports.stdio import StdioChannel

    if sys.stdin.isatty():
        click.echo("what to say, a message a line; Ctrl-D ends it", err=True)
    async with Buffered(StdioChannel()) as channel:
        async for line in channel.lines():
            yield line.decode("utf-8", "replace")


async def _say_lines(member: Membership, kind: str) -> None:
    """Say each line that has something in it, CHAT_AHEAD_MESSAGES ahead of what the hub has acknowledged."""
    from tincans.errors import LimitExceeded
    from tincans.limits import CHAT_AHEAD_MESSAGES
    from tincans.tasks import spawn

    places = asyncio.Semaphore(CHAT_AHEAD_MESSAGES)
    said: dict[asyncio.Task[None], int] = {}

    async def say(text: str) -> None:
        try:
            await member.chat.say(member.room, text, kind=kind)
        finally:
            places.release()

    number = 0
    try:
        async for line in _lines():
            number += 1
            if not line.strip():
                continue
            await places.acquire()
            _forget(said)
            said[spawn(say(line))] = number
        if said:
            await asyncio.wait(said)
        _forget(said)
    except LimitExceeded as error:
        raise _too_long(_most(member.chat), f"line {number + 1}: ") from error
    finally:
        for task in said:
            task.cancel()


def _forget(said: dict[asyncio.Task[None], int]) -> None:
    """Leave out those that the hub has kept. Raises why one was not."""
    from tincans.errors import ChatRefused

    for task, number in [(task, number) for task, number in said.items() if task.done()]:
        del said[task]
        error = task.exception()
        if isinstance(error, ChatRefused):
            raise ChatRefused(error.code, f"line {number}: {error.reason}") from error
        if error is not None:
            raise error
