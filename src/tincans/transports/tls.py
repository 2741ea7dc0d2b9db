"""TLS as a wrap over any channel: the handshakes of the one who calls and the one who is called.

Verification is on unless the address says `verify=off`; the name verified is the option `sni` or the host, and IP
addresses are verified too. Who listens without a certificate shows one of the user's own authority
(`tincans.certificates`), which `client_wrap` trusts as it trusts the machine's. The options of an address:

    the caller        verify, ca, sni, alpn, min, cert and key (a client certificate)
    the one called    cert and key, client-ca (callers must show a certificate), alpn, min
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, NamedTuple

from tincans.address import Address
from tincans.channel import Buffered, Channel
from tincans.errors import CertificateNotTrusted, ChannelBroken, ChannelError, ConnectError, HandshakeFailed
from tincans.transports.stream import SocketChannel, describe
from tincans.transports.tls_channel import TlsChannel
from tincans.transports.tls_context import client_context, server_context, server_name
from tincans.transports.tls_over_channel import OverChannel
from tincans.transports.tls_over_socket import OverSocket
from tincans.transports.tls_words import failure, not_trusted

if TYPE_CHECKING:
    from tincans.transports import Wrap


def client_wrap(address: Address, *, resume: Channel | None = None) -> Wrap:
    """The caller's handshake. Reads the files that the options name; `AddressError` says which cannot be used.

    `resume` is a channel inside TLS to the same server, whose session is offered again, as some FTP servers demand of
    who calls for data. What was verified then is verified still.
    """
    context, name = client_context(address), server_name(address)
    bare = address.bare()
    session = None
    if isinstance(resume, TlsChannel):
        context, session = resume.context, resume.session

    async def wrap(channel: Channel) -> Channel:
        return await _handshake(channel, context, _Whom(bare, name), session)

    return wrap


def server_wrap(address: Address, *, looked_ahead: bool = False) -> Wrap:
    """The handshake of the one who is called. Reads files as `client_wrap` does, once for all callers.

    `looked_ahead`: what a `Buffered` channel holds already was looked at, and is where the handshake begins.
    """
    context = server_context(address)

    async def wrap(channel: Channel) -> Channel:
        return await _handshake(channel, context, _Whom(channel.remote, None), looked_ahead=looked_ahead)

    return wrap


def context_wrap(context: ssl.SSLContext, *, server_side: bool, name: str = "", looked_ahead: bool = False) -> Wrap:
    """The handshake of either side with a context that `tls_context.bare_context` gave.

    A caller asks for `name`, which the context may leave unverified; `looked_ahead` as in `server_wrap`.
    """

    async def wrap(channel: Channel) -> Channel:
        whom = _Whom(channel.remote, None if server_side else name)
        return await _handshake(channel, context, whom, looked_ahead=looked_ahead)

    return wrap


def wrap_as(channel: Channel) -> Wrap | None:
    """The called side's handshake with what it had on `channel`: its certificate, its sessions; None outside TLS.

    No session ticket is said. A client that only sends, as one that stores a file by FTP, would leave it unread, and
    so its close would be a reset that overtakes its last words (RFC 9293 §3.6.1).
    """
    if not isinstance(channel, TlsChannel):
        return None
    context = channel.context

    async def wrap(other: Channel) -> Channel:
        tickets, context.num_tickets = context.num_tickets, 0  # what is made now has what the context has now
        try:
            tls = _engine(other, context, whom := _Whom(other.remote, None), False)
        finally:
            context.num_tickets = tickets
        return await _shake(tls, whom)

    return wrap


class _Whom(NamedTuple):
    """Whom a handshake is with, for its errors: whom we called and by what name, or who called us."""

    address: Address
    name: str | None

    def failed(self, reason: str) -> ConnectError:
        return HandshakeFailed(self.address, reason, caller=self.name is None)

    def not_trusted(self, error: ssl.SSLCertVerificationError) -> ConnectError:
        return CertificateNotTrusted(self.address, not_trusted(error, self.name or ""), caller=self.name is None)


async def _handshake(
    channel: Channel, context: ssl.SSLContext, whom: _Whom, session: ssl.SSLSession | None = None,
    looked_ahead: bool = False,
) -> Channel:  # fmt: skip
    """Perform it; when it fails or is cancelled, the channel is closed."""
    tls = _engine(channel, context, whom, looked_ahead)
    if session is not None:
        tls.session = session
    return await _shake(tls, whom)


async def _shake(tls: OverChannel | OverSocket, whom: _Whom) -> Channel:
    try:
        await tls.handshake()
    except (OSError, ChannelError) as error:
        await tls.failed()
        raise _explained(error, whom, tls.first) from error
    except BaseException:
        tls.abort()
        raise
    return tls


def _engine(channel: Channel, context: ssl.SSLContext, whom: _Whom, looked_ahead: bool) -> OverChannel | OverSocket:
    if isinstance(channel, Buffered) and not looked_ahead:
        if channel.ahead:  # STARTTLS injection, as CVE-2011-0411: an attacker's words taken for the peer's
            channel.abort()
            raise whom.failed(f"{len(channel.ahead)} bytes that TLS does not protect came before the handshake")
        channel = channel.channel
    try:
        if isinstance(channel, SocketChannel) and channel.fresh:
            return OverSocket(channel, context, whom.name is None, whom.name)
        return OverChannel(channel, context, whom.name is None, whom.name)
    except OSError as error:  # the other side left before we began
        raise whom.failed(describe(error)) from error


def _explained(error: Exception, whom: _Whom, first: bytes) -> ConnectError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return whom.not_trusted(error)
    if isinstance(error, ssl.SSLError):
        return whom.failed(failure(error, first))
    if isinstance(error, OSError):
        return whom.failed(f"{describe(error)} during the handshake")
    return whom.failed(f"{error.reason} during the handshake" if isinstance(error, ChannelBroken) else str(error))
