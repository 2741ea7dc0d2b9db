"""TCP: calling with happy eyeballs (RFC 8305), and listening on every address that a name stands for."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Any

from tincans.address import Address
from tincans.errors import (
    AddressInUse,
    ConnectError,
    ConnectionRefused,
    ListenError,
    ListenForbidden,
)
from tincans.limits import ATTEMPT_DELAY, BACKLOG
from tincans.tasks import spawn, wake
from tincans.transports.resolve import resolve, resolve_bind
from tincans.transports.stream import SocketChannel, SocketListener, describe

#: What `resolve` gives: family, type, protocol and sockaddr.
Candidate = tuple[int, int, int, Any]


async def dial(address: Address) -> SocketChannel:
    """Call `address`; the first of its addresses that answers wins, and the others are closed.

    They are tried in turn, the next one ATTEMPT_DELAY after the last, or as soon as that failed. Raises `ConnectError`;
    cancelling leaves nothing open.
    """
    candidates = list(_interleaved(await resolve(address)))
    if len(candidates) == 1:
        return await _dial_one(address, candidates[0])
    errors: list[OSError] = []
    attempts: set[asyncio.Task[socket.socket]] = set()
    try:
        while candidates or attempts:
            if candidates:
                attempts.add(spawn(_attempt(address, candidates.pop(0))))
            done, attempts = await asyncio.wait(
                attempts, timeout=ATTEMPT_DELAY if candidates else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    return SocketChannel(_winner(task, done))
                if not isinstance(error, OSError):
                    raise error
                errors.append(error)
    finally:
        await _give_up(attempts)
    raise _failure(address, errors)


async def _dial_one(address: Address, candidate: Candidate) -> SocketChannel:
    """As `dial`, where there is nothing to race."""
    try:
        return SocketChannel(await _attempt(address, candidate), peer=candidate[3])
    except OSError as error:
        raise connect_error(address, error) from error


def _interleaved(candidates: list[Candidate]) -> Iterator[Candidate]:
    """The families in turn, the one that the resolver prefers first (RFC 8305 §4)."""
    first = [c for c in candidates if c[0] == candidates[0][0]]
    others = [c for c in candidates if c[0] != candidates[0][0]]
    return (c for c in chain.from_iterable(zip_longest(first, others)) if c is not None)


async def _attempt(address: Address, candidate: Candidate) -> socket.socket:
    family, kind, protocol, sockaddr = candidate
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        tune(sock, address)
        if (place := await resolve_bind(address, family)) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(place)
        await _connect(sock, sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect(sock: socket.socket, sockaddr: Any) -> None:
    """As the loop's `sock_connect`, for an address that is resolved: uvloop's asks a thread to resolve it once more."""
    code = sock.connect_ex(sockaddr)
    if code == errno.EINPROGRESS:  # on this machine it is done by now, and a second call says so (connect(2))
        code = sock.connect_ex(sockaddr)
    if code == errno.EALREADY:
        loop = asyncio.get_running_loop()
        answered = loop.create_future()
        loop.add_writer(sock, wake, answered)
        try:
            await answered
        finally:
            loop.remove_writer(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _winner(task: asyncio.Task[socket.socket], done: set[asyncio.Task[socket.socket]]) -> socket.socket:
    """The socket of one attempt; whoever else answered at the same moment is closed."""
    for other in done - {task}:
        if other.exception() is None:
            other.result().close()
    return task.result()


async def _give_up(attempts: set[asyncio.Task[socket.socket]]) -> None:
    for task in attempts:
        task.cancel()
    for result in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(result, socket.socket):
            result.close()


def _failure(address: Address, errors: list[OSError]) -> ConnectError:
    """One error for all attempts: the first that is more than "no way there" tells most."""
    telling = [e for e in errors if e.errno not in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)]
    return connect_error(address, (telling or errors)[0])


def connect_error(address: Address, error: OSError) -> ConnectError:
    """The `ConnectError` that says what the system call said."""
    if error.errno == errno.ECONNREFUSED:
        return ConnectionRefused(address)
    if error.errno == errno.EADDRINUSE:
        return ConnectError(address, f"the address to call from, {address.option('bind')}, is in use")
    return ConnectError(address, describe(error))


def tune(sock: socket.socket, address: Address) -> None:
    """What every TCP socket gets: small messages leave at once, and a dead peer is noticed in the end."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, address.flag("nodelay", default=True))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


async def listen(address: Address, *, reuse_port: bool = False) -> SocketListener:
    """Listen on `address`; port 0 becomes one free port, the same on all of the name's addresses."""
    return SocketListener(*await bound(address, reuse_port=reuse_port))


async def bound(address: Address, *, reuse_port: bool = False) -> tuple[list[socket.socket], Address]:
    """The sockets of `listen`, bare, and the address with the port that they have. Who asked for them closes them."""
    sockets: list[socket.socket] = []
    port = address.port
    try:
        for candidate in await resolve(address, passive=True):
            sock = _listening(address, candidate, port, reuse_port)
            if sock is not None:
                sockets.append(sock)
                port = sock.getsockname()[1]
        if not sockets:
            raise ListenError(address, "this machine does not have that address")
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets, address._replace(port=port)


def _listening(address: Address, candidate: Candidate, port: int, reuse_port: bool) -> socket.socket | None:
    """One listening socket, or None where the machine has not the family that the name also stands for."""
    family, kind, protocol, sockaddr = candidate
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address.host == "*" else 1)
        tune(sock, address)  # accepted sockets inherit it: no system call a caller
        sock.bind((sockaddr[0], port, *sockaddr[2:]))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        raise listen_error(address, error) from error
    return sock


def listen_error(address: Address, error: OSError) -> ListenError:
    """The `ListenError` that says what the system call said."""
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(address)
    if error.errno in (errno.EACCES, errno.EPERM):
        return ListenForbidden(address)
    return ListenError(address, describe(error))
