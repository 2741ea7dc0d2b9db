"""The control connection of an FTP client: greeting, TLS, login, and one command after the other.

    220 ──► AUTH TLS ──234──► (TLS) PBSZ 0, PROT P ──► USER, PASS ──230──► FEAT, OPTS UTF8 ON, TYPE I, PWD

A name with a line's end in it is said with NUL in that place, as servers that know such names read it: the line would
end there. Replies are read by the strict `FtpSession`.
"""

from __future__ import annotations

import asyncio
from collections import deque

from tincans.channel import Channel, Side
from tincans.clients.calling import Calling, begin_tls, call
from tincans.clients.login import Login, find_login
from tincans.clients.url import Url
from tincans.errors import ChannelError, EndOfStream, HandshakeFailed, RemoteProtocolError, RequestRefused
from tincans.limits import GOODBYE_SECONDS
from tincans.protocols.ftp import Command, FtpSession, Reply

#: Who asks without a name of his own (RFC 1635).
_ANONYMOUS = Login("anonymous", "anonymous@")

#: A reply that says that the server closes the connection (RFC 959 §5.4).
_CLOSING = 421


class FtpControl:
    """A control connection, logged in. One task asks at a time. Made by `open_control`; owns its channel."""

    def __init__(self, channel: Channel, url: Url, how: Calling) -> None:
        self.channel, self.url, self.how = channel, url, how
        self._session = FtpSession(strict=True)
        self._replies: deque[Reply] = deque()
        self._owed = 1  # replies that are still to come: the greeting
        self._is_over = False
        #: What FEAT lists, in capitals, and the folder that the login leads to.
        self.features: frozenset[str] = frozenset()
        self.home = "/"

    @property
    def is_idle(self) -> bool:
        """Whether every command has had its answer, so that another one may be said."""
        return self._owed == 0 and not self._replies and not self._is_over

    @property
    def is_over(self) -> bool:
        """Whether the server has said that it closes."""
        return self._is_over

    @property
    def is_waited_for(self) -> bool:
        """Whether the server owes an answer."""
        return self._owed > 0

    @property
    def is_protected(self) -> bool:
        """Whether data connections are to be inside TLS."""
        return self._session.protection == "P"

    # ── one command ───────────────────────────────────────────────────────────────────────────────────────

    async def ask(self, verb: str, argument: str = "") -> Reply:
        """Say a command; gives the first reply. When that is a preliminary one, `reply` gives the next."""
        command = Command(verb=verb, argument=argument.replace("\n", "\0"))
        data = self._session.send(Side.CLIENT, command)
        self._owed += 1
        await self.channel.send(data)
        return await self.reply()

    async def want(self, verb: str, argument: str = "") -> Reply:
        """As `ask`, where only 2xx will do. Raises `RequestRefused`."""
        return self.accepted(await self.ask(verb, argument))

    def accepted(self, reply: Reply, *kinds: int) -> Reply:
        """The reply itself, where it is of one of these kinds. Raises `RequestRefused`."""
        if reply.kind not in (kinds or (2,)):
            raise RequestRefused(self.url, reply.code, " ".join(reply.lines).strip())
        return reply

    async def reply(self) -> Reply:
        """The next reply. Raises `RemoteProtocolError`, `ChannelError`, and `TimeoutError` after `how.patience`."""
        while not self._replies:
            async with asyncio.timeout(self.how.patience):
                data = await self.channel.receive()
            events = self._session.receive(Side.SERVER, data)
            self._replies += [event for event in events if isinstance(event, Reply)]
        reply = self._replies.popleft()
        if reply.kind != 1:
            self._owed -= 1
        if reply.code == _CLOSING:
            self._is_over = True
            raise RequestRefused(self.url, reply.code, " ".join(reply.lines).strip())
        return reply

    # ── the beginning ─────────────────────────────────────────────────────────────────────────────────────

    async def begin(self, *, tls: bool) -> None:
        """From the greeting to the folder of the user; with `tls` AUTH TLS comes first."""
        self.accepted(await self.reply())
        if tls:
            await self._secure()
        if tls or self.url.tls:
            await self.want("PBSZ", "0")
            await self.want("PROT", "P")
        await self._log_in(find_login(self.url, self.how.ask) or _ANONYMOUS)
        await self._learn()

    async def _secure(self) -> None:
        """RFC 4217 §4."""
        reply = await self.ask("AUTH", "TLS")
        if reply.code != 234:
            raise HandshakeFailed(self.url.without_secrets(), f"it does not begin TLS: {reply.summary}")
        self.channel = await begin_tls(self.channel, self._session, self.url, self.how)

    async def _log_in(self, login: Login) -> None:
        reply = await self.ask("USER", login.user)
        if reply.kind == 3:
            reply = await self.ask("PASS", login.password)
        self.accepted(reply)

    async def _learn(self) -> None:
        reply = await self.ask("FEAT")
        if reply.kind == 2:
            self.features = frozenset(line.split()[0].upper() for line in reply.lines[1:-1] if line.strip())
        if "UTF8" in self.features:
            await self.ask("OPTS", "UTF8 ON")  # some want to hear it; RFC 2640 needs none of it
        await self.want("TYPE", "I")
        reply = await self.ask("PWD")
        self.home = _quoted_path(reply.lines[0]) if reply.code == 257 else "/"

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────

    async def aclose(self) -> None:
        """Say goodbye, where the server still listens, and close."""
        try:
            if self.is_idle:
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self.ask("QUIT")
        except (ChannelError, TimeoutError, RequestRefused):
            pass
        finally:
            await self.channel.aclose()

    def abort(self) -> None:
        self.channel.abort()


async def open_control(url: Url, how: Calling) -> FtpControl:
    """Call the server and log in: inside TLS where the scheme begins it, or `how` has it begun by AUTH TLS.

    Raises `ConnectError`, `RequestRefused` and `ChannelError`; then, and when it is cancelled, all is closed.
    """
    control = FtpControl(await call(url, how), url, how)
    try:
        await control.begin(tls=how.starttls and not url.tls)
    except BaseException as error:
        control.abort()
        if isinstance(error, EndOfStream):
            raise RemoteProtocolError("the server hung up in the middle of the login") from error
        raise
    return control


def _quoted_path(line: str) -> str:
    """What 257 names (RFC 959, appendix II): between quotes, of which one in the name is said twice."""
    name = line.partition('"')[2]
    end = name.replace('""', "\0\0").find('"')
    path = name[:end].replace('""', '"').replace("\0", "\n")
    return path if end > 0 and path.startswith("/") else "/"
