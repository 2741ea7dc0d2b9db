"""The app that `tincans listen` runs by default: you are the server, at a terminal or through a pipe.

Callers are numbered as they come. What they say goes to stdout, each line with its caller's number; a line of stdin
goes to all of them, or to one:

    stdout   @1 hello                 stdin   hello to all
             @2 is anybody there?             @2 yes, here

The end of stdin ends what is said to every caller, those that come later included. A pipe is read only once there
is somebody to hear it. What is about the callers, and not from them, goes to stderr.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Iterable

from tincans.channel import Buffered, Channel
from tincans.cli.desk import Manner, Tame
from tincans.errors import ChannelBroken, ChannelClosed, ChannelError
from tincans.text import escape, hexdump
from tincans.transports.stdio import StdioChannel

#: Who takes nothing for so long, in seconds, must not keep the others from hearing what is typed.
PATIENCE = 5.0

_TO_ONE = re.compile(rb"@(\d{1,9})(?: |$)", re.DOTALL)


class Terminal:
    """An app for many callers at once, and `read`, which passes stdin on to them."""

    def __init__(self, manner: Manner, *, quiet: bool, on_broken: Callable[[], object]) -> None:
        """`on_broken` is called when whoever reads stdout has gone."""
        self._manner, self._quiet, self._on_broken = manner, quiet, on_broken
        self._stdio = StdioChannel()
        self._typed = os.isatty(0)
        self._printing = asyncio.Lock()
        self._callers: dict[int, Channel] = {}
        self._count = 0
        self._somebody = asyncio.Event()  # has called, ever
        self._over = asyncio.Event()  # stdin has ended

    async def hang_up(self) -> None:
        """Say goodbye to every caller: close its channel."""
        self._over.set()
        await asyncio.gather(*(channel.aclose() for channel in self._callers.values()))

    async def aclose(self) -> None:
        """Give the terminal back; `read` ends."""
        await self._stdio.aclose()

    # ── callers ───────────────────────────────────────────────────────────────────────────────────────────

    async def __call__(self, channel: Channel) -> None:
        """One caller, until both sides have ended; who types is not waited for."""
        self._count += 1
        number = self._count
        self._callers[number] = channel
        self._somebody.set()
        self._say(f"@{number} calls from {channel.remote.bare()}")
        how = "has hung up"
        try:
            if self._over.is_set():
                await _end(channel)
            await self._listen(number, channel)
        except ChannelBroken as error:
            how = f"was lost: {error.reason}"
            raise
        except ChannelClosed:
            how = "was hung up on"
        finally:
            del self._callers[number]
            self._say(f"@{number} {how}")

    async def _listen(self, number: int, channel: Channel) -> None:
        tame = Tame()
        async for data in channel:
            await self._print(number, hexdump(data) if self._manner.hex else tame.text(data).splitlines() or [""])
        if not self._typed:
            await self._over.wait()

    async def _print(self, number: int, lines: Iterable[str]) -> None:
        text = "".join(f"@{number} {line}\n" for line in lines)
        try:
            async with self._printing:
                await self._stdio.send(text.encode())
        except (ChannelBroken, ChannelClosed):
            self._on_broken()

    # ── stdin ─────────────────────────────────────────────────────────────────────────────────────────────

    async def read(self) -> None:
        """Pass stdin on, line by line, to its end. Ends quietly when the terminal is given back."""
        if not self._typed:
            await self._somebody.wait()
        try:
            async for line in Buffered(self._stdio).lines():
                await self._pass_on(line)
        except ChannelError as error:
            if not isinstance(error, ChannelClosed):
                self._say(f"nothing more is read from stdin: {error}")
        self._over.set()
        await asyncio.gather(*map(_end, list(self._callers.values())))

    async def _pass_on(self, line: bytes) -> None:
        one = _TO_ONE.match(line)
        callers = dict(self._callers)
        if one:
            line, number = line[one.end() :], int(one[1])
            callers = {number: callers[number]} if number in callers else {}
        if not callers:
            self._say(f"@{int(one[1])} is not connected" if one else "nobody is connected, so nobody heard that")
        await asyncio.gather(*(self._tell(number, channel, line) for number, channel in callers.items()))

    async def _tell(self, number: int, channel: Channel, line: bytes) -> None:
        if not channel.traits.boundaries:
            line += b"\r\n" if self._manner.crlf else b"\n"
        try:
            async with asyncio.timeout(PATIENCE):
                await channel.send(line)
        except TimeoutError:
            self._say(f"@{number} took nothing for {PATIENCE:g} s")
            channel.abort()
        except ChannelError:
            pass  # the caller's own task tells how it was lost

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(text if text.isprintable() else escape(text), file=sys.stderr, flush=True)


async def _end(channel: Channel) -> None:
    try:
        await channel.send_eof()
    except ChannelError:
        pass  # it is lost, or cannot be told: then it hears that we have ended when the channel closes
