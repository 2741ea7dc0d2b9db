"""One client's visit: what it has said so far that matters for what it says next."""

from __future__ import annotations

import asyncio
import posixpath
from typing import TYPE_CHECKING

from tincans.apps.ftp.commands import obey
from tincans.apps.ftp.control import Control, Refused, below
from tincans.apps.ftp.listing import FACTS
from tincans.channel import Channel
from tincans.errors import RemoteProtocolError
from tincans.limits import FTP_IDLE_SECONDS, FTP_LOGIN_SECONDS
from tincans.protocols.ftp import Command
from tincans.recording import note
from tincans.transports import Wrap
from tincans.transports.tls import wrap_as

if TYPE_CHECKING:
    from tincans.apps.ftp import Ftp
    from tincans.apps.ftp.places import Place
    from tincans.apps.ftp.transfer import Transfer


class Visit:
    """The state of one control connection. `run` serves it; `leave` gives back what it holds, but for the channel."""

    def __init__(self, app: Ftp, channel: Channel) -> None:
        self.control = Control(channel)
        self.files, self.settings, self.ports = app.files, app.settings, app.ports
        #: The handshake of AUTH TLS; None where that is not offered.
        self.offered = app.wrap
        #: The client said goodbye, or has to leave.
        self.is_over = False
        #: Wrong passwords so far.
        self.tries = 0
        #: Where the next data connection is made, and the transfer that goes on.
        self.place: Place | None = None
        self.transfer: Transfer | None = None
        self._idle: asyncio.Timeout | None = None  # while the next command is waited for
        self._is_retired = False
        self._opened = asyncio.get_running_loop().time()
        self.begin_anew()

    def begin_anew(self) -> None:
        """As if the client had just called (REIN, AUTH): nobody is logged in."""
        #: Who wants to log in (USER); whether that was done, and what may be done then.
        self.name = ""
        self.is_in = self.may_write = False
        self.folder = "/"
        self.is_text = True  # RFC 959 §5.1: everybody begins with ASCII
        self.protection = "P" if self.is_secure else "C"
        self.has_buffer = self.is_secure  # PBSZ was said, before which there is no PROT (RFC 4217 §8)
        self.begin_at = 0  # REST
        self.renamed: str | None = None  # RNFR
        self.facts: tuple[str, ...] = FACTS  # OPTS MLST
        self.only_extended = False  # EPSV ALL
        #: An unfinished upload of which the client was told the size: it may go on with it by APPE.
        self.resumable = ("", 0)

    @property
    def is_secure(self) -> bool:
        """Whether the control connection is inside TLS."""
        return "tls.version" in self.control.channel.facts

    @property
    def wrap(self) -> Wrap | None:
        """The handshake of data connections, which may take up the session of the control connection."""
        return wrap_as(below(self.control.channel))

    def path(self, said: str) -> str:
        """What the client calls a file, from the root on. No name has a NUL in it: who writes one means an LF, as who
        talks to vsftpd does, which ends a command at an LF."""
        said = said.replace("\0", "\n")
        return said if said.startswith("/") else f"{self.folder.rstrip('/')}/{said}"

    def enter(self, path: str) -> None:
        """Be in that folder from now on."""
        self.folder = "/" + posixpath.normpath(path).strip("/")

    def check_write(self) -> None:
        """Raises `Refused` where nothing may be changed."""
        if not self.may_write:
            raise Refused(550, "Guests may only read." if self.settings.write else "Nothing can be changed here.")

    async def reply(self, code: int, *lines: str) -> None:
        """Answer."""
        await self.control.reply(code, *lines)

    # ── from the greeting to the goodbye ──────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Serve until the client leaves. Raises as `Channel.receive` and `Channel.send` do."""
        await self.reply(220, "tincans serves files by FTP.")
        try:
            while not self.is_over:
                command = await self._next()
                if command is None:
                    return
                await obey(self, command)
        except RemoteProtocolError as error:
            note(self.control.channel, f"the client is sent away: {error.reason}")
            await self.control.channel.send(error.reply)

    async def _next(self) -> Command | None:
        """The next command; None where none came in time, or the server closes, which the client was told."""
        seconds = 0 if self._is_retired else self._patience
        try:
            async with asyncio.timeout(seconds) as self._idle:
                return await self.control.command()
        except TimeoutError:
            pass
        finally:
            self._idle = None
        await self.reply(421, "The server closes." if self._is_retired else self._too_late)
        return None

    @property
    def _patience(self) -> float:
        """For how many seconds the next command is waited for."""
        if self.is_in:
            return FTP_IDLE_SECONDS
        return self._opened + FTP_LOGIN_SECONDS - asyncio.get_running_loop().time()

    @property
    def _too_late(self) -> str:
        if self.is_in:
            return f"Nothing was said for {FTP_IDLE_SECONDS:g} s."
        return f"Nobody logged in within {FTP_LOGIN_SECONDS:g} s."

    def retire(self) -> None:
        """The server closes: the client is told so once it has nothing to wait for."""
        self._is_retired = True
        if self._idle is not None:
            self._idle.reschedule(0)

    async def leave(self) -> None:
        """Give up the place where a data connection was to be made."""
        await self.settle(None)

    async def settle(self, place: Place | None) -> None:
        """Make the next data connection there, and nowhere else any more."""
        former, self.place = self.place, place
        if former is not None:
            await former.aclose()
