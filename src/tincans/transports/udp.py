"""udp://, one channel a peer: each datagram is a message, and an empty one is a message too.

A listener makes a channel of the first datagram of a peer it does not know. UDP has no goodbye, so that channel ends
after `?idle=` seconds without a datagram either way (UDP_IDLE_SECONDS), and what the peer says later begins another. A
caller's channel ends so only where the option is given; it breaks when the peer's machine refuses. The sockets and
what they keep for slow receivers: `datagrams.py`.
"""

from __future__ import annotations

import socket
from typing import Any

from tincans.address import Address
from tincans.channel import Channel, Listener
from tincans.limits import UDP_IDLE_SECONDS
from tincans.transports.callers import Callers
from tincans.transports.datagrams import ONLY, BoundPort, ConnectedPort, EverywherePort, Pair, UdpChannel
from tincans.transports.resolve import Found, network_address, resolve, resolve_bind
from tincans.transports.tcp import connect_error, listen_error


class UdpListener(Listener):
    """A bound socket and the peers that have not been accepted yet, at most BACKLOG of them."""

    __slots__ = ("_callers", "_idle", "_port", "address")

    def __init__(self, port: BoundPort, address: Address, idle: float) -> None:
        self.address = address
        self._idle = idle
        self._callers: Callers[UdpChannel] = Callers()
        self._port: BoundPort | None = port
        port.welcome = self._newcomer
        port.users += 1

    def _newcomer(self, pair: Pair) -> UdpChannel | None:
        """A channel for a peer that is heard for the first time; None where too many wait to be accepted."""
        if self._callers.full or self._port is None:
            return None
        place, called = pair
        here = self._port.socket.getsockname()
        local = network_address("udp", (_printed(called), here[1]) if called else here)
        channel = self._port.add(pair, local, network_address("udp", place), self._idle)
        self._callers.add(channel)
        return channel

    async def accept(self) -> Channel:
        return await self._callers.accept()

    async def aclose(self) -> None:
        """Take no new peers; those who were accepted talk on, through the same socket."""
        port, self._port = self._port, None
        if port is None:
            return
        port.welcome = None
        self._callers.close()
        port.release()


async def listen(address: Address, *, reuse_port: bool = False) -> Listener:
    """Listen on the first of the address's places that can be bound; `ListenError` where none can.

    With `reuse_port` the kernel gives each peer to one of the processes, and each stays with its.
    """
    idle = float(address.option("idle")) if address.option("idle") else UDP_IDLE_SECONDS
    failed: OSError | None = None
    for found in await _places(address, passive=True):
        try:
            sock = _bound(found, reuse_port, address.host == "*")
        except OSError as error:
            failed = failed or error
            continue
        port = EverywherePort(sock) if found[3][0] in ("::", "0.0.0.0") else BoundPort(sock)
        return UdpListener(port, address._replace(port=sock.getsockname()[1]), idle)
    assert failed is not None
    raise listen_error(address, failed) from failed


def _bound(found: Found, reuse_port: bool, everywhere: bool) -> socket.socket:
    sock = socket.socket(*found[:3])
    try:
        sock.setblocking(False)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not everywhere)
        sock.bind(found[3])
    except BaseException:
        sock.close()
        raise
    return sock


async def dial(address: Address) -> Channel:
    """A socket connected to the peer. Nothing is sent, so nobody can tell yet whether somebody listens there."""
    failed: OSError | None = None
    for found in await _places(address):
        source = await resolve_bind(address, found[0])
        try:
            sock = _connected(found, source)
        except OSError as error:
            failed = failed or error
            continue
        local, remote = network_address("udp", sock.getsockname()), network_address("udp", sock.getpeername())
        return ConnectedPort(sock).add(ONLY, local, remote, float(address.option("idle", "0")))
    assert failed is not None
    raise connect_error(address, failed) from failed


def _connected(found: Found, source: tuple[Any, ...] | None) -> socket.socket:
    sock = socket.socket(*found[:3])
    try:
        sock.setblocking(False)
        if source is not None:
            sock.bind(source)
        sock.connect(found[3])
    except BaseException:
        sock.close()
        raise
    return sock


def _printed(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else socket.AF_INET, packed)


async def _places(address: Address, *, passive: bool = False) -> list[Found]:
    """As `resolve`, but for localhost IPv4 first: both ends take the first place, as no answer tells which is right."""
    found = await resolve(address, passive=passive)
    return sorted(found, key=lambda place: place[0] != socket.AF_INET) if address.host == "localhost" else found
