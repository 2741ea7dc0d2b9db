"""TLS on a socket, which OpenSSL reads and writes itself; see `tls_channel`.

Waiting is done as in `stream`: the descriptor stays registered for reading, the loop's callback decrypts at once, and
at most one receive is held when nobody asks for it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl

from tincans.channel import linger
from tincans.errors import ChannelClosed
from tincans.tasks import wake
from tincans.transports.readers import Reader
from tincans.transports.stream import SocketChannel, reset
from tincans.transports.tls_channel import TlsChannel
from tincans.transports.tls_context import NamedSocket
from tincans.transports.tls_words import QUOTED_BYTES

_RECORD_BYTES = 16 * 1024  # RFC 8446 §5.1


def _connected(sock: socket.socket) -> socket.socket:
    """The socket, unless the other side has left: the ssl module would raise then, too, and leave it open."""
    try:
        sock.getpeername()
    except OSError:
        sock.close()
        raise
    return sock


def _is_reset(error: OSError) -> bool:
    """Whether it was recv(2) that failed, which the ssl module calls an end, too, having lost the errno (SSL_read_ex
    gives no -1). OpenSSL 3 has a reason for a true end; before it there was none for either, and both are taken as one.
    """
    return isinstance(error, ssl.SSLEOFError) and not error.reason and ssl.OPENSSL_VERSION_INFO >= (3,)


class OverSocket(TlsChannel):
    """TLS on the socket of a channel, which is taken out of it. It owns the socket."""

    __slots__ = ("_fd", "_loop", "_reader", "_registered", "_writer")

    _tls: NamedSocket

    def __init__(self, below: SocketChannel, context: ssl.SSLContext, server_side: bool, name: str | None) -> None:
        self._loop = asyncio.get_running_loop()
        facts = below.facts  # it knows them as long as the socket is its own
        tls = context.wrap_socket(
            _connected(below.detach()),
            server_side=server_side,
            server_hostname=name,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        assert isinstance(tls, NamedSocket)
        super().__init__(tls, below, facts)
        self._fd = tls.fileno()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._registered: Reader | None = None  # with the loop

    # ── the handshake ─────────────────────────────────────────────────────────────────────────────────────

    async def handshake(self) -> None:
        """Raises `ssl.SSLError` or `OSError`; OpenSSL has told the other side why."""
        done = self._reader = self._loop.create_future()
        self._shake()
        reader = self._registered = Reader(self._loop, self._fd, self._shake)
        try:
            await done
        finally:
            self._reader = None
            self._loop.remove_writer(self._fd)
        reader.turn_to(self._on_readable)

    def _shake(self) -> None:
        """Go on with the handshake as far as it goes. In the loop's callback: that saves a switch of tasks a flight."""
        done = self._reader
        if done is None or done.done():
            return
        try:
            if not self.first:
                self._look()
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._loop.remove_writer(self._fd)
        except ssl.SSLWantWriteError:
            self._loop.add_writer(self._fd, self._shake)
        except Exception as error:
            done.set_exception(error)
        else:
            self._shaken()
            done.set_result(None)

    def _look(self) -> None:
        """Look at what the other side says first, and leave it there for OpenSSL."""
        try:
            self.first = socket.socket.recv(self._tls, QUOTED_BYTES, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            pass

    async def failed(self) -> None:
        """Close; OpenSSL said its last word on the socket already."""
        await self.aclose()

    # ── receiving and sending ─────────────────────────────────────────────────────────────────────────────

    async def _more(self) -> None:
        if self._stuck:
            self._stuck = self._emptied = False
            await self._writable()
            return
        self._reader = self._loop.create_future()
        if self._registered is None:
            self._registered = Reader(self._loop, self._fd, self._on_readable)
        try:
            await self._reader
        finally:
            self._reader = None

    def _on_readable(self) -> None:
        if self._ahead or self._end or self._stuck:
            self._unregister()  # nobody took the last yet: let the kernel keep what comes
            return
        self._emptied = False
        self._ahead = self._take()
        if self._end or self._stuck:
            self._unregister()
        if self._ahead or self._end or self._stuck:
            wake(self._reader)

    def _ended_with(self, error: OSError) -> None:
        super()._ended_with(ConnectionResetError(errno.ECONNRESET, "") if _is_reset(error) else error)

    def _unregister(self) -> None:
        if self._registered is not None:
            self._registered.stop()
            self._registered = None

    async def _put(self, data: memoryview) -> memoryview:
        try:
            return data[self._tls.write(data) :]
        except ssl.SSLWantWriteError:
            await self._writable()
            if self._closed:
                raise ChannelClosed from None
            return data

    async def _writable(self) -> None:
        """Wait until the socket takes more, or the channel is closed. Both directions may wait at once."""
        if self._writer is None:
            self._writer = self._loop.create_future()
            self._loop.add_writer(self._fd, self._on_writable)
        await asyncio.shield(self._writer)

    def _on_writable(self) -> None:
        self._loop.remove_writer(self._fd)
        writer, self._writer = self._writer, None
        wake(writer)

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    async def _say_goodbye(self) -> None:
        if self._end is not None:  # there is nothing that SSL_shutdown could find
            while not (self._closed or self._goodbye()):
                await self._writable()
            return
        record = self._goodbye_aside()
        while record:
            try:
                record = record[socket.socket.send(self._tls, record) :]
            except (BlockingIOError, InterruptedError):
                await self._writable()
                if self._closed:
                    raise ChannelClosed from None

    def _goodbye_aside(self) -> bytes:
        """close_notify as a record, written to a socket put in the place of ours, on which SSL_shutdown finds no data.

        All in one turn of the loop, which knows our socket by a number that is its own again at the end; `kept` holds
        the socket, and with it the loop's registration, meanwhile (epoll(7), question 6).
        """
        near, far = socket.socketpair()
        kept = os.dup(self._fd)
        try:
            far.setblocking(False)
            os.dup2(far.fileno(), self._fd, inheritable=False)
            self._goodbye()
            os.dup2(kept, self._fd, inheritable=False)
            near.setblocking(False)
            return near.recv(_RECORD_BYTES)
        except BlockingIOError:
            return b""  # OpenSSL had nothing to say: a send was cancelled in the middle of a record
        finally:
            os.close(kept)
            near.close()
            far.close()

    async def aclose(self) -> None:
        if self._closed:
            return
        if self._polite:
            _ = self.facts  # the ssl module forgets them in unwrap
            self._goodbye()
        self._leave()
        if self._end is not None:  # nothing is unread
            self._tls.close()
        else:
            tls = self._tls
            sock = socket.socket(tls.family, tls.type, tls.proto, tls.detach())
            async with SocketChannel(sock, peer=self.remote, where=self.local, loop=self._loop) as below:
                if self._hears_out:
                    await linger(below)

    def abort(self) -> None:
        if not self._closed:
            _ = self.facts
            self._leave()
            reset(self._tls)

    def _leave(self) -> None:
        """Take the socket from the loop, and wake whoever waits."""
        self._closed = True
        self._unregister()
        if self._writer is not None:
            self._on_writable()
        wake(self._reader)
