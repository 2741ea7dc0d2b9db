"""The data connections of an FTP client: who calls whom, inside TLS or not, each a conversation of its own.

    passive    EPSV ──229──► call that port, command ──150──► (TLS)      (PASV and 227 where EPSV is not known)
    active     listen, EPRT ──200──► command ──150──► be called, (TLS)   (PORT where EPRT is not known)

What is announced is not believed: nobody is called, and nobody let in, but the host that the control connection goes to
(RFC 2577 §3). Through a proxy, or over something that has no port, that is the host of the URL. TLS offers the session
of the control connection again, as many servers demand (RFC 4217 §10.2); in it we are the client, whoever called.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

from tincans import transports
from tincans.address import NETWORK, Address
from tincans.channel import Channel, Listener
from tincans.client import connect
from tincans.clients.calling import tls_wrap
from tincans.clients.ftp_control import FtpControl
from tincans.conversation import Kind
from tincans.errors import RemoteProtocolError, UsageError
from tincans.protocols.ftp import Command, DataAddress, Reply, data_facts, is_same_host
from tincans.recording import RecordingChannel, beside, note, number_of

#: Replies to a command that is not known: RFC 959 §4.2.1, and to EPSV and EPRT another one (RFC 2428 §2).
_UNKNOWN = (500, 501, 502, 504, 522)


class Data:
    """One data connection: agreed on by `agree`, and there for a command by `join`. Close it, whatever came of it."""

    def __init__(self, control: FtpControl, *, active: bool) -> None:
        self._control = control
        self._mode = "active" if active else "passive"
        self._listener: Listener | None = None
        self._channel: Channel | None = None

    async def agree(self) -> None:
        """Have the server listen, and call it; or listen, and have it know where."""
        if self._mode == "active":
            await self._announce()
        else:
            await self._call(await self._ask_where())

    async def join(self, command: Command) -> Channel:
        """The channel, once the server has said that it begins with `command`."""
        control = self._control
        if self._listener is not None:
            async with asyncio.timeout(control.how.patience):
                self._channel = await self._accept(self._listener)
        assert self._channel is not None
        if control.is_protected:
            self._channel = await tls_wrap(control.url, control.how, resume=_below(control.channel))(self._channel)
        kind = Kind.LISTEN if self._listener is not None else Kind.CONNECT
        protection = "P" if control.is_protected else "C"
        facts = data_facts(command.summary, self._mode, protection, number_of(control.channel))
        self._channel = beside(control.channel, self._channel, kind, facts)
        if number := number_of(self._channel):
            note(control.channel, f"data: conversation #{number} ({command.summary})")
        return self._channel

    async def aclose(self) -> None:
        """Close politely: in an upload that is how the server knows its end."""
        try:
            if self._channel is not None:
                await self._channel.aclose()
        finally:
            if self._listener is not None:
                await self._listener.aclose()

    async def abort(self) -> None:
        """Close at once, so that the server does not take it for the end of a file."""
        if self._channel is not None:
            self._channel.abort()
        if self._listener is not None:
            await self._listener.aclose()

    # ── passive ───────────────────────────────────────────────────────────────────────────────────────────

    async def _ask_where(self) -> DataAddress:
        control = self._control
        reply = await control.ask("EPSV")
        if reply.code in _UNKNOWN:
            reply = await control.ask("PASV")
        where = control.accepted(reply).announced if reply.code in (227, 229) else None
        if where is None:
            control.accepted(reply)
            raise RemoteProtocolError(f"the server does not say where to call it for data: {reply.summary}")
        self._check(reply, where)
        return where

    def _check(self, reply: Reply, where: DataAddress) -> None:
        """Refuse to call another host (a bounce attack). What a proxy leads to is not known as a number."""
        host = self._host
        if where.host and not is_same_host(where.host, host) and not (self._is_indirect and _is_name(host)):
            raise RemoteProtocolError(f"the server wants to have {where.host} called for data, which is not {host}")

    async def _call(self, where: DataAddress) -> None:
        how = self._control.how
        address = Address("tcp", self._host, where.port)
        self._channel = await connect(address, timeout=how.timeout, proxy=self._proxy or None)

    @property
    def _proxy(self) -> str:
        how = self._control.how
        return how.proxy or (how.via.option("proxy") if how.via else "")

    @property
    def _is_indirect(self) -> bool:
        return bool(self._proxy) or self._control.channel.remote.scheme not in NETWORK

    @property
    def _host(self) -> str:
        """Who is called for data."""
        return self._control.url.host if self._is_indirect else self._control.channel.remote.host

    # ── active ────────────────────────────────────────────────────────────────────────────────────────────

    async def _announce(self) -> None:
        control = self._control
        if self._is_indirect:
            raise UsageError("no server can call back through a proxy or to a Unix socket: leave --active out")
        local = control.channel.local.host
        self._listener = await transports.listen(Address("tcp", local, 0))
        place = DataAddress(local, self._listener.address.port)
        extended = Command(verb="EPRT", argument="|1|127.0.0.1|1|").announcing(place)
        reply = await control.ask(extended.verb, extended.argument)
        if reply.code in _UNKNOWN and ":" not in place.host:
            simple = Command(verb="PORT").announcing(place)
            reply = await control.ask(simple.verb, simple.argument)
        control.accepted(reply)

    async def _accept(self, listener: Listener) -> Channel:
        """The server's call; whoever else calls is turned away."""
        while True:
            caller = await listener.accept()
            if is_same_host(caller.remote.host, self._host):
                return caller
            note(self._control.channel, f"{caller.remote} called for data, and was turned away")
            caller.abort()


def _below(channel: Channel) -> Channel:
    return channel.channel if isinstance(channel, RecordingChannel) else channel


def _is_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return True
    return False
