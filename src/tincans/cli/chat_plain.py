"""A chat in plain lines, for a pipe and for a terminal that knows no escape sequences.

    ann: hello              what is said, as `tincans hear` prints it; with several rooms each line begins with its room
    -- bob came             what else happens, and answers
    !! there is no room     what could not be done

A line that is read is a message, or a command that begins with a slash. At the end of the input all of it is answered,
and then it leaves.
"""

from __future__ import annotations

import asyncio

from tincans.channel import Buffered
from tincans.cli.chat_party import Party
from tincans.cli.chat_talk import Pane, Row
from tincans.errors import ChannelError
from tincans.limits import CHAT_WAITING_EVENTS
from tincans.tasks import spawn
from tincans.text import legible
from tincans.transports.stdio import StdioChannel


def lines_of(row: Row, room: str) -> list[str]:
    """A row as lines, none of which a terminal obeys; `room` stands before what is said, if it is not empty."""
    before, nick = f"{room} " if room else "", legible(row.nick)
    if not row.is_speech:
        mark = "!!" if row.kind in ("error", "warning") else "--"
        return [f"{mark} {before if row.kind == 'event' else ''}{legible(line)}" for line in row.text.split("\n")]
    if row.kind == "act":
        return [f"{before}* {nick} {legible(row.text)}"]
    if row.kind == "notice":
        return [f"{before}-{nick}- {legible(row.text)}"]
    return [f"{before}{nick}: {legible(row.text)}"]


class Plain:
    """Stdin and stdout, while `run` runs."""

    def __init__(self, party: Party) -> None:
        self._party, self._talk = party, party.talk
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self.failed = False
        self._talk.told = self._told
        party.pace = self._pace

    def _told(self, pane: Pane, row: Row) -> None:
        self.failed |= row.kind == "error"
        several = len(self._talk.panes) > 2 or not pane.is_room
        for line in lines_of(row, pane.name if several else ""):
            self._lines.put_nowait(line)

    async def _pace(self) -> None:
        """Wait while much is to be printed: then the hub waits, too."""
        if self._lines.qsize() > CHAT_WAITING_EVENTS:
            await self._lines.join()

    async def run(self) -> bool:
        """Until the input ends, or the party; gives whether all was done. Raises `BrokenPipeError`."""
        async with StdioChannel() as stdio:
            reading, printing = spawn(self._read(stdio)), spawn(self._print(stdio))
            over = spawn(self._over())
            try:
                done, _ = await asyncio.wait([reading, printing, over], return_when=asyncio.FIRST_COMPLETED)
                if printing not in done:
                    await self._printed(printing)
            finally:
                for task in (reading, printing, over):
                    task.cancel()
            for task in done:
                task.result()
        return not self.failed

    async def _over(self) -> None:
        await asyncio.wait([self._party.over])
        await self._party.answered()

    async def _read(self, stdio: StdioChannel) -> None:
        async for line in Buffered(stdio).lines():
            self._party.typed(line.decode("utf-8", "replace"))
        await self._party.answered()

    async def _print(self, stdio: StdioChannel) -> None:
        while True:
            line = await self._lines.get()
            try:
                await stdio.send(line.encode() + b"\n")
            except ChannelError as error:
                raise BrokenPipeError from error
            self._lines.task_done()

    async def _printed(self, printing: asyncio.Task[None]) -> None:
        """Wait until all is printed, or nobody reads it."""
        waiting = spawn(self._lines.join())
        await asyncio.wait([waiting, printing], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
