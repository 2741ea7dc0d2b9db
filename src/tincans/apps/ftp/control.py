"""The control connection: commands come, replies go (RFC 959 §5.3, §5.4).

The session is given one line at a time, when a command is asked for. So what a client says ahead waits here as bytes,
and when TLS is begun it is known whether anything came too early. Few commands wait as such: those that were said in
the middle of a transfer, which has to hear ABOR.
"""

from __future__ import annotations

import asyncio
from collections import deque

from tincans.channel import Channel, Side
from tincans.errors import ChannelBroken, EndOfStream
from tincans.held import HeldChannel
from tincans.limits import CHUNKS_A_TURN, FTP_COMMANDS_AHEAD
from tincans.protocols.ftp import Command, FtpSession, Reply
from tincans.protocols.textual import CONTROLS
from tincans.recording import RecordingChannel, secure
from tincans.transports import Wrap
from tincans.transports.stream import SocketChannel


class Refused(Exception):
    """A command is not done: the reply that says so."""

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text
        super().__init__(f"{code} {text}")


class Control:
    """Commands in, replies out. One task asks for commands at a time; any may reply.

    It does not own the channel that it is given, but the one inside TLS, which that may become.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = self._given = channel
        #: The client has said its last word, or was lost.
        self.has_ended = False
        self._session = FtpSession(strict=True)
        self._said = bytearray()  # what the session was not given yet
        self._waiting: deque[Command] = deque()
        self._row = 0  # commands since others had a turn
        self._replying = asyncio.Lock()
        bare = below(channel)
        if isinstance(bare, SocketChannel):
            bare.keep_urgent()  # the last byte of a Telnet Synch (RFC 854), or of all of ABOR, as Python says it

    async def command(self) -> Command:
        """The next command, of those that wait first. Raises as `hear`."""
        return self._waiting.popleft() if self._waiting else await self.hear()

    async def hear(self) -> Command:
        """The next command that is said. Cancelling loses nothing.

        Raises `RemoteProtocolError` at what is none, and as `Channel.receive`.
        """
        await self._give_way()
        while True:
            if not self._said:
                await self._receive()
            end = self._said.find(b"\n") + 1 or len(self._said)
            line = bytes(self._said[:end])
            del self._said[:end]
            for event in self._session.receive(Side.CLIENT, line):
                assert isinstance(event, Command)
                return event

    async def _receive(self) -> None:
        try:
            self._said += await self.channel.receive()
        except (EndOfStream, ChannelBroken):
            self.has_ended = True
            raise

    async def _give_way(self) -> None:
        """Let others have their turn where a client says very much at once."""
        self._row += 1
        if self._row >= CHUNKS_A_TURN:
            self._row = 0
            await asyncio.sleep(0)

    def keep(self, command: Command) -> None:
        """Let a command wait until it is asked for."""
        self._waiting.append(command)

    @property
    def is_full(self) -> bool:
        """Whether so many commands wait that no further one should be heard."""
        return len(self._waiting) >= FTP_COMMANDS_AHEAD

    @property
    def is_ahead(self) -> bool:
        """Whether the client said more than what it was answered."""
        return bool(self._said or self._waiting or self._session.unfinished(Side.CLIENT))

    async def reply(self, code: int, *lines: str) -> None:
        """Say a reply. What a name has in it that is no text is shown as a question mark."""
        said = self._session.send(Side.SERVER, Reply(code=code, lines=tuple(map(plain, lines))))
        async with self._replying:
            await self.channel.send(said)

    async def secure(self, wrap: Wrap) -> None:
        """Begin TLS, after 234 was said. Raises `ConnectError`, and then the channel is closed."""
        self.channel = await secure(self.channel, wrap)
        self._session.secured()

    async def aclose(self) -> None:
        """Close politely."""
        await self.channel.aclose()

    def abort(self) -> None:
        """Close what is owned, at once: what was given is closed, and explained, by whoever gave it."""
        if self.channel is not self._given:
            self.channel.abort()


def below(channel: Channel) -> Channel:
    """What is under those that only tell or hold back what is said."""
    while isinstance(channel, (RecordingChannel, HeldChannel)):
        channel = channel.channel
    return channel


def plain(text: str) -> str:
    """As one line, whatever a file is called; a tab stays."""
    return CONTROLS.sub("?", text)
