"""How a URL is called: the same for every client, over any transport, proxy and relay, and recorded like the rest.

A `Calling` says it once, and a client makes of it as many connections as it needs:

    channel = await call(url, how)                    the URL's own host and port, TLS where its scheme says so
    await begin_tls(channel, session, url, how)       TLS in the middle: STARTTLS, AUTH TLS, STLS

`via` is called instead of the URL's host and port: a relay, a Unix socket, a port that was forwarded. What is asked
for, and whose certificate is expected, is still what the URL says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tincans.address import Address
from tincans.channel import Channel, Side
from tincans.client import connect
from tincans.clients.login import Ask
from tincans.clients.url import Url
from tincans.conversation import Recorder
from tincans.errors import HandshakeFailed
from tincans.limits import CONNECT_SECONDS, PATIENCE_SECONDS
from tincans.protocols.session import Session
from tincans.recording import secure
from tincans.transports import Wrap
from tincans.transports.tls import client_wrap


class Calling(NamedTuple):
    """How a URL is called. Inert; the recorders are whoever gave them's to close."""

    #: Called instead of the URL's host and port.
    via: Address | None = None
    #: `socks5://[user:password@]host:port` or `http://…`; empty for none.
    proxy: str = ""
    #: A file of certificates to trust instead of the machine's, and whether the server's is looked at.
    ca: str = ""
    verify: bool = True
    #: TLS is begun in the middle (AUTH TLS, STARTTLS, STLS) where the URL does not begin with it, and nothing is said
    #: without it.
    starttls: bool = False
    #: FTP: have the server call for data, instead of calling it.
    active: bool = False
    #: Seconds: how long one call may take, and for how long calls that fail are repeated.
    timeout: float = CONNECT_SECONDS
    retry: float = 0.0
    #: Seconds after which a server that says nothing, or takes nothing, is given up.
    patience: float = PATIENCE_SECONDS
    recorders: Sequence[Recorder] = ()
    #: Under which what is said is recorded.
    name: str = ""
    #: Asks a person for a password; None where nobody is there.
    ask: Ask | None = None

    def address(self, url: Url, *, tls: bool) -> Address:
        """Whom to call for `url`, and with which handshakes. The options of `via` come before those of this value."""
        address = self.via or Address("tcp", url.host, url.port)
        if tls and "tls" not in address.wraps:
            address = address._replace(wraps=("tls", *address.wraps))
        if "tls" not in address.wraps:
            return address
        given = {name for name, _ in address.options}
        more = tuple(option for option in self._tls_options(url) if option[0] not in given)
        return address._replace(options=(*address.options, *more))

    def _tls_options(self, url: Url) -> list[tuple[str, str]]:
        options = [("sni", url.host)] if self.via is not None else []
        if self.ca:
            options.append(("ca", self.ca))
        if not self.verify:
            options.append(("verify", "off"))
        return options


async def call(url: Url, how: Calling, *, tls: bool | None = None) -> Channel:
    """Call the server of `url` and return the channel, which the caller closes. `tls` overrides what its scheme says.

    Raises as `tincans.connect` does. Cancelling leaves nothing open.
    """
    address = how.address(url, tls=url.tls if tls is None else tls)
    return await connect(
        address, timeout=how.timeout, retry=how.retry, proxy=how.proxy or None, recorders=how.recorders, name=how.name
    )


def tls_wrap(url: Url, how: Calling, *, resume: Channel | None = None) -> Wrap:
    """TLS with the server of `url`, to be begun in the middle of a conversation with it, or on another channel to it.

    `resume`: as `transports.tls.client_wrap` has it. Reads the files that `how` names; raises `AddressError`.
    """
    return client_wrap(how.address(url, tls=True), resume=resume)


async def begin_tls(channel: Channel, session: Session, url: Url, how: Calling) -> Channel:
    """TLS in the middle, which the server of `url` has just agreed to (RFC 3207, RFC 2595 §4, RFC 4217 §4).

    What the server said before TLS and behind its answer is nobody's: `HandshakeFailed`. Raises `ConnectError`, and
    then the channel may still be open. `session` goes on inside.
    """
    if early := session.rest(Side.SERVER):
        raise HandshakeFailed(url.without_secrets(), f"{len(early)} bytes came before TLS that were not asked")
    inside = await secure(channel, tls_wrap(url, how))
    session.secured()
    return inside
