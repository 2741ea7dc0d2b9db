"""Unix sockets: a path in the file system, or a name in the abstract space, written `unix:@name`."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat

from tincans.address import Address
from tincans.errors import AddressInUse, ConnectionRefused, ListenError
from tincans.limits import BACKLOG
from tincans.transports.stream import SocketChannel, SocketListener, describe
from tincans.transports.tcp import connect_error, listen_error


def sockaddr_of(address: Address) -> str:
    """The kernel's form of the address: an abstract name begins with NUL (unix(7))."""
    return "\0" + address.path[1:] if address.path.startswith("@") else address.path


async def dial(address: Address) -> SocketChannel:
    """Call the socket at `address`. Raises `ConnectError`; cancelling leaves nothing open."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await _connect(sock, sockaddr_of(address))
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
                raise ConnectionRefused(address, describe(error)) from error
            raise connect_error(address, error) from error
        raise
    return SocketChannel(sock, peer=address.bare())


async def _connect(sock: socket.socket, sockaddr: str) -> None:
    """connect(2) on a Unix socket never waits: EAGAIN means that the listener's queue is full, so try again soon."""
    while True:
        try:
            sock.connect(sockaddr)
        except BlockingIOError:
            await asyncio.sleep(0.01)
        else:
            return


async def listen(address: Address, *, reuse_port: bool = False) -> SocketListener:
    """Listen at `address`, with the permissions of its option `mode`; the file goes away when the listener closes.

    A file left by a dead server is replaced, a live one's is `AddressInUse`, and any other file is left alone.
    """
    if reuse_port:
        raise ListenError(address, "several processes cannot share one Unix socket's path")
    path = sockaddr_of(address)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if not path.startswith("\0"):
            _clear(address)
        sock.bind(path)
        if mode := address.option("mode"):
            os.chmod(path, int(mode, 8))
        sock.listen(BACKLOG)
    except FileNotFoundError as error:
        sock.close()
        raise ListenError(address, "there is no such folder") from error
    except OSError as error:
        sock.close()
        raise listen_error(address, error) from error
    except BaseException:
        sock.close()
        raise
    return SocketListener([sock], address, remove="" if path.startswith("\0") else path)


def _clear(address: Address) -> None:
    """Take away the socket file of a server that is dead."""
    try:
        if not stat.S_ISSOCK(os.stat(address.path).st_mode):
            raise ListenError(address, "there is a file of that name, and it is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(address.path)
        except ConnectionRefusedError:
            os.unlink(address.path)
        except BlockingIOError:
            raise AddressInUse(address) from None
        else:
            raise AddressInUse(address)
