"""The person or the pipeline at our own end: stdin and stdout as a channel that suits the one it is joined with.

`tincans connect` is nothing but the pump between a `Desk` and the channel to the server. What the desk does to each
direction is its manner:

    stdin ──►  lines where the other side has messages; CR added; hex read   ──► channel
    stdout ◄── messages a line each; hex dumped; made harmless for a terminal ◄── channel

Between a pipe and a stream it does nothing: the bytes pass as they are. Who types at a terminal is not waited
for once the other side has ended: nobody would hear it.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import sys
from typing import NamedTuple

from tincans.channel import Buffer, Buffered, Channel, Side
from tincans.conversation import How
from tincans.errors import (
    CannotHalfClose,
    ChannelBroken,
    ChannelClosed,
    ChannelError,
    EndOfStream,
    LimitExceeded,
    UsageError,
)
from tincans.pump import pump
from tincans.text import escape, hexdump
from tincans.transports.stdio import StdioChannel

_LONE_LF = re.compile(rb"(?<!\r)\n")


class Manner(NamedTuple):
    """How stdin is read and how stdout is written."""

    #: A line that is sent ends in CR LF.
    crlf: bool = False
    #: What comes is shown as a hex dump.
    hex: bool = False
    #: Lines of stdin are bytes in hexadecimal.
    hex_input: bool = False
    #: A piece of stdin is a line also where it need not be.
    lines: bool = False


class NotHexadecimal(UsageError):
    """Write two digits a byte, as in: 48 65 6c 6c 6f 0a"""

    def __init__(self, line: bytes) -> None:
        super().__init__(f"{line.decode(errors='replace')!r} is not hexadecimal, and was not sent")


class NoAnswer(ChannelError):
    """It was reached and said nothing: check that it speaks your protocol, or wait longer with --timeout SECONDS."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"there was no answer: {reason}")


class Desk(Channel):
    """Stdin and stdout, in a manner that suits the channel they are joined with. It owns the two descriptors."""

    __slots__ = (
        "_after_cr", "_manner", "_offset", "_stdin", "_stdout", "_tame", "_typed", "fault", "local", "remote", "traits",
    )  # fmt: skip

    def __init__(self, stdio: StdioChannel, towards: Channel, manner: Manner = Manner()) -> None:  # noqa: B008
        self.local, self.remote = stdio.local, stdio.remote
        self.traits = towards.traits._replace(half_close=True)
        self._stdout, self._stdin = stdio, Buffered(stdio)
        self._manner = manner
        self._typed = os.isatty(0)
        self._tame = Tame() if os.isatty(1) else None
        self._offset = 0  # where the next byte stands in a hex dump
        self._after_cr = False  # what was read last ends in CR
        #: Why this end was lost, if it is: whoever reads stdout has gone, or stdin could not be read.
        self.fault: Exception = BrokenPipeError()

    # ── stdin ─────────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self) -> bytes:
        try:
            return await self._next()
        except ChannelClosed:
            raise EndOfStream from None  # nobody waits any more for what may be typed
        except (ChannelBroken, LimitExceeded) as error:
            self.fault = error
            raise

    async def _next(self) -> bytes:
        if self._manner.hex_input:
            return await self._next_hex()
        if self.traits.boundaries:
            return (await self.line()).removesuffix(b"\n") + (b"\r\n" if self._manner.crlf else b"")
        data = await (self.line() if self._manner.lines else self._stdin.receive())
        return self._with_cr(data) if self._manner.crlf else data

    async def _next_hex(self) -> bytes:
        while True:
            line = await self.line()
            try:
                data = bytes.fromhex(line.decode())
            except ValueError:
                error = NotHexadecimal(line.strip())
                if not self._typed:
                    raise error from None
                print(f"tincans: {escape(str(error))}\n  {error.advice}", file=sys.stderr)
            else:
                if data or self.traits.boundaries:
                    return data

    async def line(self) -> bytes:
        """The next line, with its end; the last may have none."""
        try:
            return await self._stdin.receive_until(b"\n") + b"\n"
        except EndOfStream:
            if not self._stdin.ahead:
                raise
            return await self._stdin.receive()

    def _with_cr(self, data: bytes) -> bytes:
        """LF as CR LF; a CR LF stays one, also when it came in two pieces."""
        begins_with_end = self._after_cr and data.startswith(b"\n")
        self._after_cr = data.endswith(b"\r")
        changed = _LONE_LF.sub(b"\r\n", data)
        return changed[1:] if begins_with_end else changed

    # ── stdout ────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, data: Buffer) -> None:
        if self._manner.hex:
            text = "".join(f"{line}\n" for line in hexdump(bytes(data), self._offset))
            self._offset += len(data)
            data = text.encode()
        elif self._tame is not None:
            data = self._tame.text(bytes(data)).encode()
        if self.traits.boundaries and not self._manner.hex:
            data = bytes(data) + b"\n"
        await self._stdout.send(data)

    async def send_eof(self) -> None:
        if self._typed:
            await self._stdout.aclose()
        else:
            await self._stdout.send_eof()

    async def aclose(self) -> None:
        await self._stdout.aclose()

    def abort(self) -> None:
        self._stdout.abort()


class Tame:
    """Makes what a peer says harmless for a terminal: all but lines and tabs is escaped, `\\x1b` and the like."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def text(self, data: bytes) -> str:
        """The next piece; a character that was cut in two is kept until its rest comes."""
        text = self._decoder.decode(data).replace("\r\n", "\n")
        return text if text.isprintable() else "".join(c if c in "\n\t" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character if character.isprintable() else escape(character)


async def talk(channel: Channel, manner: Manner, *, side: Side = Side.CLIENT) -> None:
    """Join stdin and stdout with `channel` until both ends are done; `side` is who we are on it. Closes the channel.

    Raises `ChannelBroken` when the other side was lost, and `BrokenPipeError` when whoever reads our stdout has gone.
    """
    try:
        desk = Desk(StdioChannel(), channel, manner)
    except BaseException:
        channel.abort()
        raise
    ends = (desk, channel) if side is Side.CLIENT else (channel, desk)
    outcome = await pump(*ends)
    if outcome.how is How.RESET:
        raise desk.fault if outcome.by is side else ChannelBroken(outcome.detail)


async def ask(channel: Channel, manner: Manner, timeout: float) -> None:
    """Send one line of stdin, print the line or the message that comes back. Closes the channel.

    Raises `NoAnswer` when none comes within `timeout` seconds.
    """
    async with channel, Desk(StdioChannel(), channel, manner._replace(lines=True)) as desk:
        try:
            await channel.send(await desk.receive())
        except EndOfStream:
            await _end(channel)
        try:
            async with asyncio.timeout(timeout):
                answer = await _answer(channel)
        except TimeoutError:
            raise NoAnswer(f"nothing came within {timeout:g} s") from None
        await desk.send(answer)


async def _end(channel: Channel) -> None:
    """Nothing is asked: many a server speaks first."""
    try:
        await channel.send_eof()
    except CannotHalfClose:
        pass


async def _answer(channel: Channel) -> bytes:
    """A message, or a line with its end; the last may have none."""
    whole = Buffered(channel)
    try:
        if channel.traits.boundaries:
            return await whole.receive()
        return await whole.receive_until(b"\n") + b"\n"
    except EndOfStream:
        if whole.ahead:
            return whole.ahead
        raise NoAnswer("the other side has ended") from None
