"""A channel over a stream socket, TCP's or Unix', and the listener that makes them.

No asyncio transport stands between: the socket is non-blocking, `receive` and `send` try the system call first, and the
loop is asked only when that would block. Three things make it quick (measured, `make bench`):

* The descriptor stays registered for reading from the first wait on, since registering costs two system calls a wait.
  When it becomes readable, `_on_readable` receives at once and wakes the waiting task; nobody waiting, it keeps
  that one chunk ahead and unregisters until somebody does, so at most one chunk is ever held: backpressure.
* A receive that filled less than the room it had has emptied the socket, so the next one waits without trying. That
  an end or an error stands behind what was taken is then the loop's to say, and `Reader` sees to it that it does.
* What was received goes through `_ahead`, never through the future: a receive that is cancelled has lost nothing.

The relay takes the socket out with `detach` and works on the descriptor itself; so do TLS (`ssl` on the socket)
and whatever else needs the real thing.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tincans.address import Address
from tincans.channel import Buffer, Channel, Listener, linger
from tincans.errors import ChannelBroken, ChannelBusy, ChannelClosed, EndOfStream, reason_of
from tincans.limits import ACCEPT_REST, ACCEPTS_A_TURN, CHUNKS_A_TURN, RECEIVE_BYTES, SENDFILE_BYTES
from tincans.tasks import wake
from tincans.transports.readers import Reader
from tincans.transports.resolve import network_address

_RESET = struct.pack("ii", 1, 0)  # struct linger: on, for no time, so close(2) resets
_OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class SocketChannel(Channel):
    """A connected, non-blocking stream socket as a channel; it owns the socket."""

    __slots__ = (
        "_ahead", "_broken", "_closed", "_emptied", "_ended", "_loop", "_peer", "_reader", "_registered", "_row",
        "_said_eof", "_where", "_writer", "socket",
    )  # fmt: skip

    def __init__(
        self, sock: socket.socket, *, peer: Any = None, where: Address | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:  # fmt: skip
        """`sock` must be connected and non-blocking; `peer` is its sockaddr where known, `where` its own address."""
        self.socket = sock
        self._loop = loop or asyncio.get_running_loop()
        self._peer = peer
        self._where = where
        self._ahead: bytes | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._registered: Reader | None = None  # with the loop
        self._emptied = False  # the last receive found less than it had room for
        self._row = 0  # receives since others had a turn
        self._ended = False  # the other side has
        self._said_eof = False
        self._closed = False
        self._broken: ChannelBroken | None = None

    @property
    def local(self) -> Address:  # type: ignore[override]  # read when asked for: an accept need not pay for it
        if self._where is None:
            self._where = _own_address(self.socket)
        return self._where

    @property
    def remote(self) -> Address:  # type: ignore[override]
        if not isinstance(self._peer, Address):
            self._peer = _peer_address(self.socket, self._peer)
        return self._peer

    @property
    def facts(self) -> Mapping[str, str]:
        """On a Unix socket the process at the other end: `process.id`, `process.user`."""
        return _peer_process(self.socket)

    def keep_urgent(self) -> None:
        """Receive an urgent byte where it was said; without this the kernel keeps it back (RFC 6093 §6)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)

    # ── receiving ─────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self) -> bytes:
        if self._reader is not None:
            raise ChannelBusy("receiving")
        if self._row >= CHUNKS_A_TURN:  # a quick sender never makes us wait: let others have their turn
            self._row = 0
            await asyncio.sleep(0)
        while (data := self._ahead) is None:
            if not self._emptied and (data := self._take()):
                self._row += 1
                return data
            if self._ended or self._closed or self._broken:
                raise self._why_not()
            self._row = 0
            self._reader = self._loop.create_future()
            if self._registered is None:
                self._registered = Reader(self._loop, self.socket, self._on_readable)
            try:
                await self._reader
            finally:
                self._reader = None
        self._ahead = None
        return data

    def _take(self) -> bytes | None:
        """What is there now, at most RECEIVE_BYTES of it; None if nothing is, or nothing ever will be."""
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            self._lost(error)
            return None
        if not data:
            self._ended = True
            return None
        self._emptied = len(data) < RECEIVE_BYTES
        return data

    def _on_readable(self) -> None:
        if self._ahead is not None:
            self._unregister()  # nobody took the last chunk yet: let the kernel keep what comes
            self._emptied = False
            return
        self._emptied = False
        data = self._ahead = self._take()
        if data is None:
            if not (self._ended or self._broken):
                return  # a false alarm
            self._unregister()
        reader = self._reader
        if reader is not None and not reader.done():
            reader.set_result(None)

    def _unregister(self) -> None:
        if self._registered is not None:
            self._registered.stop()
            self._registered = None

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, data: Buffer) -> None:
        if self._writer is not None:
            raise ChannelBusy("sending")
        if self._said_eof:
            raise ChannelClosed
        try:
            sent = self.socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._lost(error)
            raise self._why_not() from error
        if sent < len(data) or type(data) is memoryview:
            await self._send_rest(memoryview(data).cast("B")[sent:])

    def send_now(self, data: Buffer) -> int:
        if self._writer is not None:
            return 0
        if self._said_eof:
            raise ChannelClosed
        try:
            return self.socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._lost(error)
            raise self._why_not() from error

    async def _send_rest(self, data: memoryview) -> None:
        while data:
            await self._writable()
            try:
                data = data[self.socket.send(data) :]
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as error:
                self._lost(error)
                raise self._why_not() from error

    async def send_file(self, file: int, offset: int, count: int) -> None:
        if self._writer is not None:
            raise ChannelBusy("sending")
        if self._said_eof:
            raise ChannelClosed
        end, row = offset + count, 0
        while offset < end:
            try:
                sent = os.sendfile(self.socket.fileno(), file, offset, min(end - offset, SENDFILE_BYTES))
            except (BlockingIOError, InterruptedError):
                await self._writable()
                continue
            except OSError as error:
                raise self._not_sent(error, file, offset) from error
            if not sent:
                raise EOFError
            offset += sent
            row += 1
            if row % CHUNKS_A_TURN == 0:  # a quick reader never makes us wait: let others have their turn
                await asyncio.sleep(0)

    def _not_sent(self, error: OSError, file: int, offset: int) -> Exception:
        """Whether sendfile(2) failed on this side of it: then the file cannot be read, and the channel is sound."""
        if self._closed:
            return self._why_not()
        try:
            os.pread(file, 1, offset)
        except OSError:
            return error
        self._lost(error)
        return self._why_not()

    async def _writable(self) -> None:
        self._writer = self._loop.create_future()
        self._loop.add_writer(self.socket, wake, self._writer)
        try:
            await self._writer
        finally:
            self._writer = None
            if not self._closed:
                self._loop.remove_writer(self.socket)

    async def send_eof(self) -> None:
        if self._closed:
            raise ChannelClosed
        if self._writer is not None:
            raise ChannelBusy("sending")
        if not self._said_eof:
            self._said_eof = True
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError as error:
                self._lost(error)
                raise self._why_not() from error

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    async def aclose(self) -> None:
        """Close both directions. What the other side said and nobody received would turn the close into a reset that
        overtakes our last words (RFC 9293 §3.6.1), so it is drained first, for at most LINGER_SECONDS."""
        if self._closed:
            return
        self._ahead = None
        try:
            if self._reader is None and self._writer is None and self._unread():
                await linger(self)
        finally:
            self._close()

    def _unread(self) -> bool:
        if self._ended or self._broken:
            return False
        self._emptied = False
        return self._take() is not None

    def abort(self) -> None:
        if not self._closed:
            self._release()
            reset(self.socket)

    def _close(self) -> None:
        if not self._closed:
            self._release()
            close(self.socket)

    def _release(self) -> None:
        """Take the socket away from the loop and wake whoever waits; every later call says `ChannelClosed`."""
        if self._where is None:
            self._where = _own_address(self.socket)  # it may be asked for after the close, too
        if self._peer is None:
            self._peer = _peer_address(self.socket, None)
        self._unregister()
        if self._writer is not None:
            self._loop.remove_writer(self.socket)
        self._closed = self._said_eof = self._emptied = True
        self._ahead = None
        wake(self._reader)
        wake(self._writer)

    @property
    def fresh(self) -> bool:
        """Whether the socket can be given away: nothing was read ahead, nobody waits, and neither side has ended."""
        idle = self._ahead is None and self._reader is None and self._writer is None
        return idle and not (self._ended or self._said_eof or self._broken)

    def detach(self) -> socket.socket:
        """Give the socket away, non-blocking and out of the loop, and become closed. Only while it is `fresh`."""
        if not self.fresh:
            raise ChannelClosed if self._closed else ChannelBusy("waiting")
        self._release()
        return self.socket

    def _lost(self, error: OSError) -> None:
        if not self._closed and self._broken is None:
            self._broken = ChannelBroken(describe(error))

    def _why_not(self) -> Exception:
        if self._closed:
            return ChannelClosed()
        return ChannelBroken(self._broken.reason) if self._broken else EndOfStream()


class SocketListener(Listener):
    """Listening stream sockets, of one address or of all that its name stands for, as one listener.

    They stay registered with the loop, as a channel's socket does, while somebody waits in `accept` or soon will.
    """

    __slots__ = ("_loop", "_registered", "_remove", "_row", "_sockets", "_waiter", "_where", "address")

    def __init__(self, sockets: Sequence[socket.socket], address: Address, *, remove: str = "") -> None:
        """`sockets` listen, non-blocking, and are owned; `remove` is a file to take away at the close."""
        self.address = address
        self._sockets = list(sockets)
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._row = 0  # callers taken since others had a turn
        self._registered = False
        self._remove = remove
        # An accepted socket's own address, where it can only be the listener's.
        anywhere = address.host in ("*", "localhost") or len(self._sockets) > 1
        self._where = None if anywhere else address.bare()

    async def accept(self) -> SocketChannel:
        if self._waiter is not None:
            raise ChannelBusy("accepting")
        while True:
            self._row += 1
            if self._row > ACCEPTS_A_TURN:
                self._row = 0
                await asyncio.sleep(0)
            for sock in self._sockets:
                try:
                    connection, peer = sock.accept()
                except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                    continue
                except OSError as error:
                    if error.errno not in _OUT_OF_FILES:
                        raise
                    await asyncio.sleep(ACCEPT_REST)
                    continue
                connection.setblocking(False)
                return SocketChannel(connection, peer=peer, where=self._where, loop=self._loop)
            if not self._sockets:
                raise ChannelClosed
            await self._callers()

    async def _callers(self) -> None:
        """Wait until somebody calls, or the listener is closed."""
        self._row = 0
        self._waiter = self._loop.create_future()
        if not self._registered:
            self._registered = True
            for sock in self._sockets:
                self._loop.add_reader(sock, self._on_callers)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _on_callers(self) -> None:
        if self._waiter is None:
            self._unregister()  # nobody takes them now: let them wait in the kernel's queue
        wake(self._waiter)

    def _unregister(self) -> None:
        self._registered = False
        for sock in self._sockets:
            self._loop.remove_reader(sock)

    async def aclose(self) -> None:
        self._unregister()
        sockets, self._sockets = self._sockets, []
        for sock in sockets:
            sock.close()
        if self._remove and sockets:
            try:
                os.unlink(self._remove)
            except FileNotFoundError:
                pass
        wake(self._waiter)


# ── ends ──────────────────────────────────────────────────────────────────────────────────────────────────


def close(sock: socket.socket) -> None:
    """Close the way that lets what was said arrive."""
    sock.close()


def reset(sock: socket.socket) -> None:
    """Close so that a TCP peer sees a reset, and throw away what it was not yet sent."""
    if sock.family != socket.AF_UNIX:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except OSError:
            pass  # it is gone already
    sock.close()


# ── addresses and errors in words ─────────────────────────────────────────────────────────────────────────


def address_of(family: int, sockaddr: Any) -> Address:
    """The address that a socket's name stands for."""
    if family == socket.AF_UNIX:
        path = sockaddr if isinstance(sockaddr, str) else os.fsdecode(sockaddr or b"")
        return Address("unix", path="@" + path[1:] if path.startswith("\0") else path)
    return network_address("tcp", sockaddr)


def _own_address(sock: socket.socket) -> Address:
    return address_of(sock.family, sock.getsockname())


def _peer_address(sock: socket.socket, sockaddr: Any) -> Address:
    try:
        return address_of(sock.family, sock.getpeername() if sockaddr is None else sockaddr)
    except OSError:  # it left before anybody asked
        return Address("unix" if sock.family == socket.AF_UNIX else "tcp")


def _peer_process(sock: socket.socket) -> Mapping[str, str]:
    if sock.family != socket.AF_UNIX:
        return MappingProxyType({})
    try:
        pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    except OSError:
        return MappingProxyType({})
    return {"process.id": str(pid), "process.user": str(uid)}


_WORDS = {
    errno.ECONNRESET: "the other side reset it",
    errno.EPIPE: "the other side does not read any more",
    errno.ENOTCONN: "the other side reset it",  # what shutdown(2) says of a reset that nobody has met yet
    errno.ETIMEDOUT: "the other side does not answer any more",
    errno.ECONNREFUSED: "the connection was refused",
    errno.EHOSTUNREACH: "there is no way to that host",
    errno.ENETUNREACH: "there is no way to that network",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
    errno.ENOENT: "there is no such socket",
    errno.ENOTSOCK: "that file is not a socket",
}


def describe(error: OSError) -> str:
    """An operating system's error in plain words."""
    return _WORDS.get(error.errno or 0) or reason_of(error)
