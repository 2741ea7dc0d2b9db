"""Where the next data connection is made: PASV and EPSV, and the client calls; PORT and EPRT, and the server does.

Only the host at the other end of the control connection may call, and only that host is called, at a port of 1024 or
above: else a server can be made to say what a stranger wants, to whom a stranger wants (RFC 2577 §3).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Protocol

from tincans import transports
from tincans.address import NETWORK, Address
from tincans.apps.ftp.control import Refused
from tincans.channel import Channel, Listener
from tincans.conversation import Kind
from tincans.errors import AddressInUse, ConnectError, ListenError
from tincans.limits import FTP_DATA_SECONDS, FTP_LOWEST_PORT
from tincans.protocols.ftp import Command, DataAddress, Reply, is_same_host
from tincans.recording import note

if TYPE_CHECKING:
    from tincans.apps.ftp.visit import Visit

#: Where a client is that has no host, as it called over a Unix socket.
_HERE = "127.0.0.1"


class Place(Protocol):
    """Where one data connection can be made."""

    #: How the conversation calls it, and which part we have in it.
    mode: str
    kind: Kind

    async def open(self) -> Channel:
        """Make it. Raises `Refused`."""

    async def aclose(self) -> None:
        """Give it up. Idempotent."""


class Passive:
    """A port on which the client is waited for. It owns the listener."""

    mode, kind = "passive", Kind.LISTEN

    def __init__(self, listener: Listener, host: str, turned_away: Callable[[Address], object]) -> None:
        """Only `host` is let in; `turned_away` is told of others."""
        self._listener, self._host, self._turned_away = listener, host, turned_away

    @property
    def port(self) -> int:
        return self._listener.address.port

    async def open(self) -> Channel:
        try:
            async with asyncio.timeout(FTP_DATA_SECONDS):
                return await self._accept()
        except TimeoutError:
            raise Refused(425, f"You did not call for data within {FTP_DATA_SECONDS:g} s.") from None
        finally:
            await self.aclose()

    async def _accept(self) -> Channel:
        while True:
            caller = await self._listener.accept()
            if is_same_host(caller.remote.host, self._host):
                return caller
            self._turned_away(caller.remote)
            caller.abort()

    async def aclose(self) -> None:
        await self._listener.aclose()


class Active:
    """An address of the client's that is called."""

    mode, kind = "active", Kind.CONNECT

    def __init__(self, address: Address) -> None:
        self._address = address

    async def open(self) -> Channel:
        try:
            async with asyncio.timeout(FTP_DATA_SECONDS):
                return await transports.dial(self._address)
        except TimeoutError:
            raise Refused(425, f"You did not answer within {FTP_DATA_SECONDS:g} s.") from None
        except ConnectError as error:
            raise Refused(425, f"You cannot be called: {error.reason}.") from error

    async def aclose(self) -> None:
        pass


# ── the client calls ──────────────────────────────────────────────────────────────────────────────────────


async def pasv(visit: Visit, command: Command) -> None:
    _check_extended(visit)
    if isinstance(ip_address(_host(visit.control.channel.local)), IPv6Address):
        raise Refused(425, "227 cannot say an IPv6 address: say EPSV.")
    place = await _listen(visit)
    reply = Reply(code=227, lines=("Call (0,0,0,0,0,1) for data.",))
    address = DataAddress(_host(visit.control.channel.local), place.port)
    await visit.reply(227, *reply.announcing(address).lines)


async def epsv(visit: Visit, command: Command) -> None:
    """`EPSV`, `EPSV 1` or `2` for a family, `EPSV ALL` to forbid everything else (RFC 2428 §3, §4)."""
    family = _family(visit)
    match command.argument.upper():
        case "ALL":
            visit.only_extended = True
            await visit.reply(200, "EPSV alone from here.")
        case "" | "1" | "2" as asked if asked in ("", family):
            place = await _listen(visit)
            await visit.reply(229, f"Call for data (|||{place.port}|)")
        case "1" | "2":
            raise Refused(522, f"It is the family of this connection, ({family})")
        case _:
            raise Refused(501, "It is EPSV, EPSV 1, EPSV 2 or EPSV ALL.")


async def _listen(visit: Visit) -> Passive:
    channel = visit.control.channel
    await visit.settle(None)
    listener = await _listener(_host(channel.local), visit.ports)
    place = Passive(
        listener, _host(channel.remote), lambda who: note(channel, f"{who} called for data, and was turned away")
    )
    await visit.settle(place)
    return place


async def _listener(host: str, ports: range) -> Listener:
    """A listener on one of the ports, in no order that somebody could foresee (RFC 2577 §8)."""
    for port in random.sample(ports, len(ports)):
        try:
            return await transports.listen(Address("tcp", host, port))
        except AddressInUse:
            pass
        except ListenError as error:
            raise Refused(425, f"Data connections cannot be made: {error.reason}.") from error
    raise Refused(425, f"No port of {ports[0]}-{ports[-1]} is free.")


# ── the server calls ──────────────────────────────────────────────────────────────────────────────────────


async def port(visit: Visit, command: Command) -> None:
    """PORT and EPRT."""
    _check_extended(visit)
    announced = command.announced
    if announced is None:
        raise Refused(501, f"That is no address as {command.verb} has it.")
    host = _host(visit.control.channel.remote)
    if not is_same_host(announced.host, host):
        raise Refused(504, f"You are called at {host}, and nowhere else.")
    if announced.port < FTP_LOWEST_PORT:
        raise Refused(504, f"You are called at ports of {FTP_LOWEST_PORT} and above.")
    from_here = (("bind", _bracketed(_host(visit.control.channel.local))),)
    await visit.settle(Active(Address("tcp", host, announced.port, options=from_here)))
    await visit.reply(200, "You will be called there for data.")


async def eprt(visit: Visit, command: Command) -> None:
    """As PORT; with a family that is not the control connection's it is 522 (RFC 2428 §2)."""
    family = _family(visit)
    if command.announced and command.argument[1:2] not in ("", family):
        raise Refused(522, f"It is the family of this connection, ({family})")
    await port(visit, command)


def _check_extended(visit: Visit) -> None:
    if visit.only_extended:
        raise Refused(503, "You said EPSV ALL.")


def _family(visit: Visit) -> str:
    """As RFC 2428 numbers it: 1 is IPv4, 2 is IPv6."""
    return "2" if ":" in _host(visit.control.channel.local) else "1"


def _host(address: Address) -> str:
    return address.host if address.scheme in NETWORK else _HERE


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
