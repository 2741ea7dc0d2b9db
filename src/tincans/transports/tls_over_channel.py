"""TLS over any channel, through OpenSSL's two buffers in memory; see `tls_channel`.

What comes from below is fed to OpenSSL only when it has nothing left to decrypt, so it never holds more than one
receive; what it has to say goes down before the next piece is encrypted.
"""

from __future__ import annotations

import asyncio
import ssl

from tincans.channel import Channel, linger
from tincans.errors import ChannelBroken, ChannelClosed, ChannelError, EndOfStream
from tincans.limits import LINGER_SECONDS, RECEIVE_BYTES
from tincans.transports.outlet import Outlet
from tincans.transports.tls_channel import TlsChannel
from tincans.transports.tls_context import NamedObject
from tincans.transports.tls_words import QUOTED_BYTES


class OverChannel(TlsChannel):
    """TLS over any channel. It owns the channel below."""

    __slots__ = ("_below", "_first", "_in", "_out", "_outlet")

    def __init__(self, below: Channel, context: ssl.SSLContext, server_side: bool, name: str | None) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._in, self._out, server_side=server_side, server_hostname=name)
        assert isinstance(tls, NamedObject)
        super().__init__(tls, below, below.facts)
        self._below = below
        self._outlet = Outlet(below, self._out.read)

    async def handshake(self) -> None:
        """Raises `ssl.SSLError` or `ChannelError`, and then the other side is to be told why by `failed`."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._outlet.flush()
                await self._feed()
            else:
                self._shaken()
                await self._outlet.flush()
                return

    async def _feed(self) -> None:
        try:
            data = await self._below.receive()
        except EndOfStream:
            self._in.write_eof()
        else:
            self.first = self.first or data[:QUOTED_BYTES]
            self._in.write(data)

    async def failed(self) -> None:
        """Pass on OpenSSL's last word, and close."""
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                await self._outlet.flush()
        except (ChannelError, TimeoutError):
            pass
        await self.aclose()

    async def _more(self) -> None:
        try:
            self._in.write(await self._below.receive())
        except EndOfStream:
            self._in.write_eof()
        except ChannelBroken as error:
            self._end = error
        self._emptied = False
        if self._closed:
            raise ChannelClosed
        self._ahead = self._take()
        if self._out.pending:
            await self._answer()

    async def _answer(self) -> None:
        """OpenSSL had something to say to what it read: a key update, an alert."""
        if self._out.pending > RECEIVE_BYTES:
            await self._outlet.answered()
        self._outlet.answer()

    async def _put(self, data: memoryview) -> memoryview:
        while data and self._out.pending < RECEIVE_BYTES:
            data = data[self._tls.write(data) :]
        await self._outlet.flush()
        return data

    async def _say_goodbye(self) -> None:
        self._drain()
        self._goodbye()
        await self._outlet.flush()

    def _drain(self) -> None:
        """Decrypt all that came already, so that SSL_shutdown finds no data: no more than the last receive brought."""
        pieces = [self._ahead]
        while not (self._emptied or self._end):
            pieces.append(self._take())
        self._ahead = b"".join(pieces)

    async def aclose(self) -> None:
        if self._closed:
            return
        _ = self.facts
        self._closed = True
        try:
            if self._polite and not self._outlet.torn:
                self._goodbye()
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._outlet.flush()
            if self._hears_out:
                await linger(self._below)
        except (ChannelError, TimeoutError):
            pass
        except BaseException:
            self._below.abort()
            raise
        await self._below.aclose()

    def abort(self) -> None:
        if not self._closed:
            _ = self.facts
            self._closed = True
            self._below.abort()
