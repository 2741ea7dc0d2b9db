"""A channel inside TLS: what is the same on both engines.

`TlsChannel` decrypts with `read` and encrypts with `write`, which never wait but say that they would have to. The
engines differ in what they do then:

* `tls_over_channel` works over any channel: bytes go through two `ssl.MemoryBIO`s.
* `tls_over_socket` gives OpenSSL the socket itself, which saves two copies of every byte. It is chosen when the
  channel below is a socket from which nothing was read ahead.

Each direction ends by itself. `send_eof` says close_notify, after which the other side may go on for as long as it
likes (RFC 8446 §6.1; OpenSSL allows it under TLS 1.2, too, though RFC 5246 §7.2.1 wants an immediate answer, and a
foreign peer may give it). OpenSSL's SSL_shutdown, which says it, also looks for the peer's own close_notify
at once, and breaks if it finds data instead; so it is only called where there is nothing to find: see `_say_goodbye`.

A server's session tickets come behind the handshake, in its own time (RFC 8446 §4.6.1). To a client that only speaks,
as one that stores a file by FTP, they may come after its close, and the reset that answers them overtakes its last
words. So it hears the server out before it closes.

A peer that ends the stream below without close_notify has ended what it says, as most programs take it: many leave
the goodbye out. Whoever cares whether the words may have been cut finds the fact `tls.truncated`.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from abc import abstractmethod
from collections.abc import Mapping

from tincans.channel import Buffer, Channel, Turn
from tincans.errors import ChannelBroken, ChannelClosed, ChannelError, EndOfStream
from tincans.limits import CHUNKS_A_TURN, RECEIVE_BYTES
from tincans.transports.stream import describe
from tincans.transports.tls_context import NamedObject, NamedSocket
from tincans.transports.tls_facts import facts_of
from tincans.transports.tls_words import failure, hung_up

Tls = NamedSocket | NamedObject


class _Scratch(threading.local):
    """Room that a loop's thread decrypts into before it knows how much there is."""

    def __init__(self) -> None:
        self.room = memoryview(bytearray(RECEIVE_BYTES))


_scratch = _Scratch()


class TlsChannel(Channel):
    """The part of both engines that knows TLS and no input or output."""

    __slots__ = (
        "_ahead", "_below_facts", "_closed", "_emptied", "_end", "_facts", "_receiving", "_row", "_said_eof",
        "_sending", "_stuck", "_tickets_due", "_tls", "_torn", "_truncated", "first", "local", "remote",
    )  # fmt: skip

    def __init__(self, tls: Tls, below: Channel, below_facts: Mapping[str, str]) -> None:
        self.local, self.remote = below.local, below.remote
        self._below_facts = below_facts
        self._tls = tls
        #: How the other side began: to be quoted, if it turns out not to speak TLS.
        self.first = b""
        self._facts: Mapping[str, str] | None = None
        self._receiving, self._sending = Turn("receiving"), Turn("sending")
        self._ahead = b""  # decrypted, and not asked for yet
        self._emptied = False  # the last read found nothing more
        self._row = 0  # receives since others had a turn
        self._stuck = False  # the last read had to write first (a key update), and could not
        self._end: ChannelError | None = None  # what a receive says once everything was received
        self._truncated = False
        self._tickets_due = False  # the server's may still be on their way: they come before all else that it says
        self._torn = False  # a send is under way, or was cancelled or failed: half a record may be said
        self._said_eof = False
        self._closed = False

    @property
    def facts(self) -> Mapping[str, str]:
        """What both agreed on: `tls.version`, `tls.cipher`, `tls.alpn`, `tls.sni`, `tls.resumed`; whom the other side
        showed itself to be: `tls.peer`, `tls.peer.names`; and `tls.truncated` if it ended without a goodbye."""
        if self._facts is None:
            self._facts = {**self._below_facts, **facts_of(self._tls)}
        return {**self._facts, "tls.truncated": "yes"} if self._truncated else self._facts

    @property
    def context(self) -> ssl.SSLContext:
        return self._tls.context

    @property
    def certificate(self) -> bytes:
        """What the other side showed, as DER, verified or not, while the channel is open; empty for nothing."""
        return self._tls.getpeercert(binary_form=True) or b""

    @property
    def session(self) -> ssl.SSLSession | None:
        """What both agreed on, to be taken up again by another channel of the same context; set before a handshake.

        In TLS 1.3 the server gives it in its own time, so it is there after something was received.
        """
        return self._tls.session

    @session.setter
    def session(self, session: ssl.SSLSession) -> None:
        self._tls.session = session

    def _shaken(self) -> None:
        """The handshake is done."""
        self._tickets_due = not self._tls.server_side and self._tls.version() == "TLSv1.3"

    # ── receiving ─────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self) -> bytes:
        with self._receiving:
            while True:
                if self._closed:
                    raise ChannelClosed
                if not (self._ahead or self._emptied or self._end):
                    await self._give_way()
                    self._ahead = self._ahead or self._take()
                if data := self._ahead:
                    self._ahead = b""
                    return data
                if self._end is not None:
                    raise _again(self._end)
                await self._more()

    async def _give_way(self) -> None:
        """Let others have their turn where a quick sender never makes us wait."""
        self._row += 1
        if self._row > CHUNKS_A_TURN:
            self._row = 0
            await asyncio.sleep(0)

    def _take(self) -> bytes:
        """What can be decrypted now, of as many records as there are up to RECEIVE_BYTES; empty if nothing can."""
        room, count = _scratch.room, 0
        try:
            while count < RECEIVE_BYTES:
                got = self._tls.read(RECEIVE_BYTES - count, room[count:])
                if not got:
                    self._end = EndOfStream()
                    break
                count += got  # type: ignore[operator]  # with a buffer it returns a number
        except ssl.SSLWantReadError:
            self._emptied = True
        except ssl.SSLWantWriteError:
            self._emptied = self._stuck = True
        except OSError as error:
            self._ended_with(error)
        if count:
            self._tickets_due = False
        return bytes(room[:count])

    def _ended_with(self, error: OSError) -> None:
        if hung_up(error):
            self._end, self._truncated = EndOfStream(), True
        elif isinstance(error, ssl.SSLZeroReturnError):  # what OpenSSL says once both sides have ended
            self._end = EndOfStream()
        else:
            self._end = broken(error)

    @abstractmethod
    async def _more(self) -> None:
        """Wait until `_take` may find more, or `_ahead` or `_end` is set. Cancelling loses nothing."""

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, data: Buffer) -> None:
        with self._sending:
            self._check_send()
            rest = memoryview(data).cast("B")
            self._torn = True
            try:
                while rest:
                    rest = await self._put(rest)
            except OSError as error:  # ssl.SSLError is one
                raise broken(error) from error
            self._torn = False

    def _check_send(self) -> None:
        if self._closed or self._said_eof:
            raise ChannelClosed
        if isinstance(self._end, ChannelBroken):
            raise _again(self._end)

    @abstractmethod
    async def _put(self, data: memoryview) -> memoryview:
        """Encrypt and pass on some of `data`, and return what is left."""

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    async def send_eof(self) -> None:
        if self._closed:
            raise ChannelClosed
        with self._sending:
            if not self._said_eof:
                self._check_send()
                _ = self.facts  # the ssl module forgets them in unwrap
                self._said_eof = True
                try:
                    await self._say_goodbye()
                except OSError as error:
                    raise broken(error) from error

    @abstractmethod
    async def _say_goodbye(self) -> None:
        """Say close_notify, and go on receiving."""

    def _goodbye(self) -> bool:
        """Have OpenSSL write close_notify, if it can; False if there is no room for it now."""
        try:
            self._tls.unwrap()
        except ssl.SSLWantWriteError:
            return False
        except (OSError, ValueError):
            pass
        return True

    @property
    def _hears_out(self) -> bool:
        """Whether a close has to wait for the server's session tickets."""
        return self._tickets_due and self._end is None and not self._torn

    @property
    def _polite(self) -> bool:
        """Whether there is a goodbye to say: not in the middle of a record, nor to nobody."""
        return not (self._said_eof or self._torn or isinstance(self._end, ChannelBroken))


def broken(error: OSError) -> ChannelBroken:
    if hung_up(error):
        return ChannelBroken()
    return ChannelBroken(failure(error) if isinstance(error, ssl.SSLError) else describe(error))


def _again(error: ChannelError) -> ChannelError:
    """The same error once more, without the last one's traceback."""
    return ChannelBroken(error.reason) if isinstance(error, ChannelBroken) else EndOfStream()
