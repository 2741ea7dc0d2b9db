"""`tincans hear`: print what is said in rooms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from tincans.cli import options
from tincans.cli.hubs import Entry, entering
from tincans.cli.options import Record, settings

if TYPE_CHECKING:
    from tincans.channel import Channel
    from tincans.clients.chat import Chat
    from tincans.clients.chat_room import Membership
    from tincans.clients.chat_wire import Event, Message
    from tincans.errors import ChannelBroken

#: How many that were found are printed, where --count does not say it.
_FOUND = 50


class Manner(NamedTuple):
    """What is printed, and how."""

    history: int
    since: int | None
    most: int | None
    search: str | None
    time: bool
    json: bool


_manner = options.bundle(
    "manner",
    Manner,
    click.option(
        "--history", type=click.IntRange(0, 500), metavar="N", default=0, help="Begin with the last N of each."
    ),
    click.option("--since", type=click.IntRange(0), metavar="NUMBER", help="Begin behind the message of this number."),
    click.option("--count", "most", type=click.IntRange(1), metavar="N", help="End after N messages."),
    click.option("--search", metavar="TEXT", help="Print those with these words in them, and end."),
    click.option("--time", is_flag=True, help="Put the time before each, as in 2026-11-28T03:00:00Z."),
    click.option("--json", is_flag=True, help="Print each as the JSON object that the hub said."),
)


@click.command()
@click.argument("rooms", metavar="ROOM...", nargs=-1, required=True)
@_manner
@entering
@options.recording
@options.common
def command(rooms: tuple[str, ...], manner: Manner, entry: Entry, record: Record) -> None:
    """Print what is said in each ROOM, a message a line, until it is stopped or nobody reads it any more.

    \b
      ann: deploy done         what she said
      * ann waves              what she did (/me)
      -ci- build 7 is green    a notice

    With several rooms, each line has its room before it: "#ops ann: deploy done". Ends of lines and other controls in a
    message are escaped, as \\n; --json has it as it is, with its number, time and account.

    ROOM may be written without its #. A hub that goes away is called again, and the lines go on with what was said
    meanwhile, each once.

    \b
      tincans hear ops | grep --line-buffered ERROR
      tincans hear ops --history 20 --time
      tincans hear ops --since 4711 --json | jq .text
      tincans hear ops --search 'deploy from:ann'
    """
    from tincans.cli.hubs import room_name
    from tincans.tasks import run

    settings().start_logging(record.quiet)
    run(_hear([room_name(room) for room in rooms], manner, entry, record))


async def _hear(rooms: Sequence[str], manner: Manner, entry: Entry, record: Record) -> None:
    from tincans.transports.stdio import StdioChannel

    async with record.opened() as journal:
        recorders = [journal] if journal else []
        async with await entry.open(recorders, reconnect=True) as chat, StdioChannel() as stdout:
            printer = Printer(stdout, manner, with_room=len(rooms) > 1)
            if manner.search is not None:
                await _search(chat, rooms, manner, printer)
            else:
                await _follow(chat, rooms, manner, printer, quiet=record.quiet)


async def _search(chat: Chat, rooms: Sequence[str], manner: Manner, printer: Printer) -> None:
    from tincans.cli.serving import say

    for room in rooms:
        member = await chat.join(room)
        found = await member.search(manner.search or "", limit=manner.most or _FOUND)
        for message in reversed(found.messages):
            await printer.print(message)
        if found.lack:
            say(found.lack)


async def _follow(chat: Chat, rooms: Sequence[str], manner: Manner, printer: Printer, *, quiet: bool) -> None:
    from tincans.tasks import spawn

    members = [await chat.join(room, history=manner.history, after=manner.since) for room in rooms]
    tasks = [spawn(_print_all(member, printer)) for member in members]
    tasks.append(spawn(_tell_losses(chat, quiet)))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        task.result()


async def _print_all(member: Membership, printer: Printer) -> None:
    from tincans.clients.chat_wire import Message

    async for event in member.events():
        if isinstance(event, Message):
            await printer.print(event)
            if printer.is_done:
                return


async def _tell_losses(chat: Chat, quiet: bool) -> None:
    from tincans.cli.serving import say

    async for event in chat.events():
        if not quiet and (text := loss(event)):
            say(text)


def loss(event: Event) -> str:
    """What is said of a hub that was lost, or is there again; nothing for anything else."""
    from tincans.clients.chat import Lost, Regained

    if isinstance(event, Lost):
        return f"the hub was lost ({event.reason}); calling it again"
    return "the hub is there again" if isinstance(event, Regained) else ""


class Printer:
    """Prints messages, each at once; one after the other, whoever calls."""

    def __init__(self, stdout: Channel, manner: Manner, *, with_room: bool) -> None:
        self._stdout, self._manner, self._with_room = stdout, manner, with_room
        self._printing = asyncio.Lock()
        self._left = manner.most

    @property
    def is_done(self) -> bool:
        """All that were to be printed were."""
        return self._left == 0

    async def print(self, message: Message) -> None:
        """Print one, unless all were. Raises `BrokenPipeError` where nobody reads it, and `CannotWrite`."""
        from tincans.errors import ChannelBroken

        data = as_json(message) if self._manner.json else self._line(message).encode()
        async with self._printing:
            if self.is_done:
                return
            try:
                await self._stdout.send(data + b"\n")
            except ChannelBroken as error:
                raise unprinted(error) from error
            if self._left is not None:
                self._left -= 1

    def _line(self, message: Message) -> str:
        parts = []
        if self._manner.time and message.at is not None:
            parts.append(message.at.strftime("%Y-%m-%dT%H:%M:%SZ"))
        if self._with_room:
            parts.append(message.room)
        return " ".join([*parts, line(message)])


def unprinted(error: ChannelBroken) -> Exception:
    """What to raise where stdout takes no more: nobody reads it, which is no failure, or what the disk says."""
    from tincans.errors import CannotWrite

    cause = error.__cause__
    return BrokenPipeError() if isinstance(cause, ConnectionError) else CannotWrite("stdout", error.reason)


def line(message: Message) -> str:
    """One message as one line that is safe to print."""
    from tincans.text import legible

    text, nick = legible(message.text), legible(message.nick)
    if message.kind == "act":
        return f"* {nick} {text}"
    return f"-{nick}- {text}" if message.kind == "notice" else f"{nick}: {text}"


def as_json(message: Message) -> bytes:
    """As the hub said it, without what was for one connection only."""
    import msgspec

    words = msgspec.to_builtins(message)
    if message.file is None:
        del words["file"]
    return msgspec.json.encode({name: value for name, value in words.items() if name != "label"})
