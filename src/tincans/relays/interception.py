"""Seeing through TLS: the relay speaks it with each side, and carries what is said inside.

It is done in the order in which the one needs the other:

1. The client's ClientHello says whom it wants (SNI) and what it speaks (ALPN). It is read and kept.
2. The relay says hello to the real server: with that name, offering those protocols. The server's certificate is
   verified as `tincans connect` would do it; the options of the target's address say otherwise (`verify`, `ca`, `sni`,
   `min`, `cert` and `key`).
3. The relay answers the client, with a certificate made for the name asked by the user's own authority (which the
   client has to trust), and with the one protocol that the server chose. OpenSSL is given the kept ClientHello first.

Who asks for no name is shown a certificate for all that it may have meant: the target's host, the address it called,
and the names of the real certificate. A server that asks for a client certificate gets the one of the target's options:
the client's own cannot be passed on, as only who has its key can show it, so a client is never asked for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from tincans.address import NETWORK, Address
from tincans.channel import Buffered, Channel
from tincans.errors import CertificateNotTrusted, ChannelError, ConnectError, HandshakeFailed, TincansError
from tincans.limits import LINGER_SECONDS
from tincans.protocols.tls_messages import ClientHello
from tincans.transports import Wrap
from tincans.transports.stream import describe
from tincans.transports.tls import client_wrap, server_wrap

#: A fatal alert that ends a handshake before it has begun (RFC 8446 §6): "access_denied" where the server's certificate
#: is not trusted, since the client's own is not at fault, and "handshake_failure".
_ALERT = b"\x15\x03\x03\x00\x02\x02"
_ACCESS_DENIED, _HANDSHAKE_FAILURE = 49, 40

#: Protocols that nobody here can read, so that nothing can be found in them.
_OPAQUE = ("h2", "h3")


class Legs(NamedTuple):
    """Both channels inside TLS, and what the handshakes found out."""

    client: Channel
    server: Channel
    facts: dict[str, str]
    is_opaque: bool


class Interception:
    """How one relay sees through TLS. Its target's options may be those of `tls://`, also where it is none."""

    def __init__(self, target: Address, *, handshake: float) -> None:
        """`handshake` is how many seconds both handshakes may take. Raises `AddressError` for a file of no use."""
        self._target = target._replace(
            wraps=("tls",), options=tuple((name, value) for name, value in target.options if name in _OPTIONS)
        )
        self._seconds = handshake
        client_wrap(self._target)

    async def secure(
        self, client: Channel, server: Channel, hello: ClientHello, said: bytes, *, host: str = "",
        resume: Channel | None = None,
    ) -> Legs:  # fmt: skip
        """Perform both handshakes. `said` is what the client said already, `host` whom it asked a proxy for.

        `resume` is an earlier channel to the same server whose session it is offered again.

        Owns both channels: when it fails or is cancelled, they are closed; the client is told by an alert. Raises
        `ConnectError`.
        """
        try:
            async with asyncio.timeout(self._seconds):
                far = await self._call(server, hello, host, resume)
                return await self._answer(client, far, hello, said)
        except TimeoutError as error:
            failure = HandshakeFailed(client.remote, f"no handshake within {self._seconds:g} s", caller=True)
            await self._refuse(client, failure)
            raise failure from error
        except ConnectError as error:
            await self._refuse(client, error)
            raise

    # ── the server ────────────────────────────────────────────────────────────────────────────────────────

    async def _call(self, server: Channel, hello: ClientHello, host: str, resume: Channel | None) -> Channel:
        try:
            wrap = client_wrap(self._asking(hello, host), resume=resume)
            return await wrap(server)
        except BaseException:
            server.abort()
            raise

    def _asking(self, hello: ClientHello, host: str) -> Address:
        """The target, with the name and the protocols that the client asked for."""
        options = dict(self._target.options)
        options.setdefault("sni", hello.server_name or host or self._target.option("sni"))
        if alpn := [name for name in hello.alpn if name.isascii() and name.isprintable() and "," not in name]:
            options["alpn"] = ",".join(alpn)
        if not _is_host(options["sni"]):
            options.pop("sni")
        return self._target._replace(options=tuple(options.items()))

    # ── the client ────────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, client: Channel, far: Channel, hello: ClientHello, said: bytes) -> Legs:
        try:
            names = [hello.server_name] if _is_host(hello.server_name) else self._names(client, far)
            alpn = far.facts.get("tls.alpn", "")
            wrap = await self._wrap(client, names, alpn)
            near = await wrap(Buffered(client, said))
        except BaseException:
            far.abort()
            raise
        return Legs(near, far, _facts(near, far, names), alpn in _OPAQUE)

    async def _wrap(self, client: Channel, names: Sequence[str], alpn: str) -> Wrap:
        try:
            return server_wrap(await asyncio.to_thread(_showing, names, alpn), looked_ahead=True)
        except (OSError, TincansError) as error:
            reason = describe(error) if isinstance(error, OSError) else str(error)
            raise HandshakeFailed(client.remote, f"no certificate can be shown: {reason}", caller=True) from error

    def _names(self, client: Channel, far: Channel) -> list[str]:
        """All that a client which asked for no name may have meant."""
        called = client.local.host if client.local.scheme in NETWORK else ""
        names = [self._target.host, called, *far.facts.get("tls.peer.names", "").split()]
        return list(dict.fromkeys(name for name in names if _is_host(name.removeprefix("*.")))) or ["localhost"]

    async def _refuse(self, client: Channel, error: ConnectError) -> None:
        """Tell a client that was not answered yet why not, and close."""
        reason = _ACCESS_DENIED if isinstance(error, CertificateNotTrusted) else _HANDSHAKE_FAILURE
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                await client.send(_ALERT + bytes([reason]))
        except (ChannelError, TimeoutError):
            pass
        await client.aclose()


#: What the address of a target may say about TLS.
_OPTIONS = ("verify", "ca", "cert", "key", "sni", "min")


def _is_host(name: str) -> bool:
    """Whether a certificate can be for it: it is a stranger's word, and names a file."""
    from tincans.certificates import is_name

    return "*" not in name and is_name(name)


def _showing(names: Sequence[str], alpn: str) -> Address:
    """An address that is listened on with a certificate for those names, which may have to be made."""
    from tincans.certificates import kept_leaf

    leaf = kept_leaf(names)
    options = [("cert", str(leaf.cert_path)), ("key", str(leaf.key_path)), *([("alpn", alpn)] if alpn else [])]
    return Address("tcp", "127.0.0.1", wraps=("tls",), options=tuple(options))


def _facts(near: Channel, far: Channel, names: list[str]) -> dict[str, str]:
    facts = {
        f"{side}.{name}": fact
        for side, channel in (("client", near), ("server", far))
        for name, fact in channel.facts.items()
        if name.startswith("tls.")
    }
    return {**facts, "client.tls.shown": " ".join(names)}
