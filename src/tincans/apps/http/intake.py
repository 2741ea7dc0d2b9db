"""What a client says on one connection, taken head by head and body by body.

A head ends where CR LF CR LF is, and there alone. Whoever puts a bare LF or a bare CR before that wants it to end
elsewhere for somebody, and is refused as soon as it is seen. Of what cannot become a request line any more the end is
not waited for either.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from tincans.apps.http.patience import Deadline, Patience
from tincans.apps.http.request import CHUNKED, check_trailers, refuse
from tincans.channel import Channel
from tincans.errors import ChannelError, EndOfStream
from tincans.limits import HTTP_CHUNK_LINE_BYTES, HTTP_HEAD_BYTES, HTTP_START_BYTES, RECEIVE_BYTES

_END = b"\r\n\r\n"
_CR = 0x0D
_BARE = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?: |\Z)")
#: RFC 9112 §7.1, without the blanks that it lets a recipient put up with.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t -~\x80-\xff]*)?")


class Intake:
    """Reads a channel, by a deadline. Cancelling loses what was taken of a line or a head that is not complete yet."""

    __slots__ = ("ahead", "channel", "deadline", "patience")

    def __init__(self, channel: Channel, deadline: Deadline, patience: Patience) -> None:
        self.channel, self.deadline, self.patience = channel, deadline, patience
        #: What was received and not yet taken.
        self.ahead = bytearray()

    async def head(self) -> bytes:
        """The next head with its empty line. Raises `EndOfStream`, `RemoteProtocolError`.

        One empty line before it is passed over (RFC 9112 §2.2: some clients say one behind a body).
        """
        ahead = self.ahead
        if not ahead:
            data = await self.channel.receive()
            if data.endswith(_END) and data.find(_END) == len(data) - 4 and data[0] != _CR:
                return data  # nothing but this head: the usual case
            ahead += data
        self.deadline.set(self.patience.head)
        looked, passed = 0, False
        while True:
            if not passed and ahead[:2] == b"\r\n":
                del ahead[:2]
                passed = True
            end = ahead.find(_END, looked)
            if 0 <= end <= HTTP_HEAD_BYTES - 4:
                return self._take(end + 4)
            self._check(looked, passed)
            looked = max(0, len(ahead) - 3)
            await self._more(begun=len(ahead) > 0)

    # ── heads ─────────────────────────────────────────────────────────────────────────────────────────────

    def _check(self, looked: int, passed: bool) -> None:
        """Refuse what no head begins with, and what is too long for one."""
        ahead = self.ahead
        if not looked and ahead and not _METHOD.match(ahead) and (passed or ahead != b"\r"):
            refuse("no request begins like this")
        if _BARE.search(ahead, max(0, looked - 1)):
            refuse("a line of the head ends in CR or LF alone")
        if len(ahead) > HTTP_START_BYTES and b"\n" not in ahead[:HTTP_START_BYTES]:
            refuse("the request line is too long", "414 URI Too Long")
        if len(ahead) >= HTTP_HEAD_BYTES:
            refuse("the head is too long", "431 Request Header Fields Too Large")

    # ── what bodies are made of ───────────────────────────────────────────────────────────────────────────────

    async def some(self, most: int) -> bytes:
        """What comes next, 1 … `most` bytes."""
        if not self.ahead:
            await self._more()
        return self._take(min(most, RECEIVE_BYTES))

    async def line(self, most: int, reason: str) -> bytes:
        """Up to and with CR LF. Refuses what is longer, for that reason, and what ends in LF alone."""
        looked = 0
        while (found := self.ahead.find(b"\n", looked)) < 0:
            if len(self.ahead) >= most:
                refuse(reason)
            looked = len(self.ahead)
            await self._more()
        if found >= most:
            refuse(reason)
        line = self._take(found + 1)
        if not line.endswith(b"\r\n"):
            refuse("a line of a chunked body ends in LF alone")
        return line

    async def line_end(self) -> None:
        """CR LF and nothing else."""
        while len(self.ahead) < 2 and (not self.ahead or self.ahead[0] == _CR):
            await self._more()
        if self._take(2) != b"\r\n":
            refuse("a chunk does not end where its size says")

    async def left(self) -> None:
        """Wait until the client has left. What it says meanwhile is kept, as much as a head has; the rest waits, too.

        Nobody may take anything meanwhile. Cancelling loses nothing.
        """
        with suppress(ChannelError):
            while len(self.ahead) < HTTP_HEAD_BYTES:
                self.ahead += await self.channel.receive()
            await asyncio.Future()  # it said too much for anybody to notice

    def take_all(self) -> bytes:
        """All that was received and not yet taken."""
        return self._take(len(self.ahead))

    async def _more(self, *, begun: bool = True) -> None:
        try:
            self.ahead += await self.channel.receive()
        except EndOfStream:
            if begun:
                refuse("the client ends in the middle of a request")
            raise

    def _take(self, count: int) -> bytes:
        data = bytes(self.ahead[:count])
        del self.ahead[:count]
        return data


class Content:
    """The body of one request, taken piece by piece."""

    __slots__ = ("_begun", "_chunked", "_intake", "_left", "ended")

    def __init__(self, intake: Intake, length: int) -> None:
        """`length` in bytes, or `CHUNKED`."""
        self._intake = intake
        self._chunked = length == CHUNKED
        self._left = 0 if self._chunked else length
        self._begun = False  # there was a chunk
        #: It was taken to its end, trailers included.
        self.ended = length == 0

    @property
    def left(self) -> int | None:
        """How many bytes are still to come; None where that is not known."""
        return None if self._chunked and not self.ended else self._left

    async def take(self) -> bytes:
        """The next piece; ``b""`` at the end. Raises `RemoteProtocolError` where it is malformed or cut off."""
        if self.ended:
            return b""
        self._intake.deadline.set(self._intake.patience.body)
        piece = await self._take()
        self._intake.deadline.clear()
        return piece

    async def _take(self) -> bytes:
        if not self._left and not await self._next_chunk():
            return b""
        piece = await self._intake.some(self._left)
        self._left -= len(piece)
        if not self._left:
            self._begun = self._chunked
            self.ended = not self._chunked
        return piece

    async def _next_chunk(self) -> bool:
        """Whether there is one more; the line's end behind the one before is read first."""
        if self._begun:
            await self._intake.line_end()
        line = await self._intake.line(HTTP_CHUNK_LINE_BYTES, "the line before a chunk is too long")
        match = _SIZE.fullmatch(line, 0, len(line) - 2)
        if match is None:
            refuse("this is not the size of a chunk")
        self._left = int(match[1], 16)
        if not self._left:
            await self._trailers()
            self.ended = True
        return not self.ended

    async def _trailers(self) -> None:
        """Read over them: nobody asked for any (RFC 9110 §6.5.1)."""
        section, line = bytearray(), b""
        while line != b"\r\n":
            line = await self._intake.line(HTTP_HEAD_BYTES - len(section), "a trailer section is too long")
            section += line
        check_trailers(bytes(section))
