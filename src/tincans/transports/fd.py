"""A socket handed down by the parent: `fd:3` by number, `fd:web` by systemd's name, `fd:` the first that systemd gave.

systemd's socket activation: sd_listen_fds(3). The sockets begin at descriptor 3, LISTEN_FDS says how many,
LISTEN_FDNAMES names them with colons between, and LISTEN_PID says for whom they are meant.
"""

from __future__ import annotations

import os
import socket

from tincans.address import Address
from tincans.errors import ConnectError, ListenError
from tincans.transports.stream import SocketChannel, SocketListener, address_of, describe

_FIRST = 3  # SD_LISTEN_FDS_START


class _Unfit(Exception):
    """Why the descriptor will not do."""


async def listen(address: Address, *, reuse_port: bool = False) -> SocketListener:
    """Accept on a listening stream socket that was handed down; the descriptor is owned from then on."""
    try:
        sock = _socket(address, listening=True)
    except _Unfit as unfit:
        raise ListenError(address, str(unfit)) from None
    return SocketListener([sock], address_of(sock.family, sock.getsockname()))


async def dial(address: Address) -> SocketChannel:
    """Talk over a connected stream socket that was handed down; the descriptor is owned from then on."""
    try:
        return SocketChannel(_socket(address, listening=False))
    except _Unfit as unfit:
        raise ConnectError(address, str(unfit)) from None


def _socket(address: Address, *, listening: bool) -> socket.socket:
    number = _number(address.path)
    try:
        os.fstat(number)
        sock = socket.socket(fileno=os.dup(number))
    except OSError as error:
        raise _Unfit(f"descriptor {number}: {describe(error)}") from None
    try:
        _check(sock, listening)
    except BaseException:
        sock.close()
        raise
    os.close(number)
    sock.setblocking(False)
    return sock


def _check(sock: socket.socket, listening: bool) -> None:
    if sock.type != socket.SOCK_STREAM:
        raise _Unfit("it is not a stream socket")
    if bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) is not listening:
        raise _Unfit("it is a connected socket, not a listening one" if listening else "it is a listening socket")


def _number(name: str) -> int:
    if name.isdecimal():
        return int(name)
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise _Unfit("no socket was handed down to this process (LISTEN_PID does not name it)")
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")[:count]
    if not name and count:
        return _FIRST
    if name in names:
        return _FIRST + names.index(name)
    there = ", ".join(filter(None, names)) or "none"
    raise _Unfit(f"there is no socket named {name!r} among those handed down ({there})")
