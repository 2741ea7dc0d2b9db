"""Mutual TLS between two keys: `PeerTls` performs the handshake, and says whose key it was.

Peers trust keys, and no authorities. Python's `ssl` has no way to accept a certificate that no authority signed: as a
server it either asks for none, or OpenSSL verifies it up to an authority before anybody can look. So **all certificates
of peers are issued by one authority whose private key everybody has**: it is derived below from a sentence. That
OpenSSL finds such a certificate good therefore means nothing, and is not meant to; it brings about what is needed:

* the server asks for a certificate, and a client without one is turned away (RFC 8446 §4.3.2, §4.4.2.4);
* both prove, by a signature over the whole handshake, that they have the key in their certificate (§4.4.3).

That key is what counts. It is read from the certificate right after the handshake, before a byte is received or said,
and compared with what is pinned (`known.py`). Nothing else in the certificate is believed: the name in it is how
the peer would like to be called. A certificate is made in memory each time, valid for ever, as the pin decides that.

TLS 1.3 alone. The client's certificate is encrypted, so who listens on the way learns neither who calls nor, as
no session is ever resumed, whether two calls were of the same one; the ClientHello with the names of our protocols is
plain, by which a door tells a peer from a browser before it answers either (`is_peer_hello`).
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import tempfile
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID

from tincans.address import Address
from tincans.channel import Channel, Side
from tincans.client import connect
from tincans.errors import ConnectTimedOut, HandshakeFailed, IdentityBroken, WrongPeer
from tincans.limits import CONNECT_SECONDS, PEER_HELLO_BYTES, TLS_RECORD_BYTES
from tincans.peers.identity import Fingerprint, Identity
from tincans.peers.naming import checked_name, default_name, is_name
from tincans.protocols.tls_messages import client_hello
from tincans.transports.tls import context_wrap
from tincans.transports.tls_channel import TlsChannel
from tincans.transports.tls_context import bare_context

#: What peers speak inside TLS, by its ALPN name (RFC 7301): the mesh; pairing by a spoken code; a file.
MESH, CODE, FILE = "tincans-peer/1", "tincans-code/1", "tincans-file/1"
PROTOCOLS = (MESH, CODE, FILE)

#: The private key that everybody has, and the name of its authority.
_AUTHORITY_KEY = Ed25519PrivateKey.from_private_bytes(
    hashlib.sha256(b"tincans: this authority vouches for nothing; compare the fingerprint").digest()
)
_AUTHORITY = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tincans peers, vouches for nothing")])

#: Always: a peer whose clock is wrong is who it is all the same (RFC 5280 §4.1.2.5 has this end for "no end").
_BEGIN, _END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

#: The name that a caller asks for is nobody's (RFC 6761 §6.4).
_NOBODY = "peer.tincans.invalid"

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4


class Peer(NamedTuple):
    """Who is at the other end: the key that they proved to have, and what they would like to be called."""

    #: KEY_BYTES bytes.
    key: bytes
    #: Not proved by anything; printable, without blanks, at most PEER_NAME_BYTES, never empty.
    name: str
    #: Where they were called, or called from.
    address: Address
    #: Who called: Side.CLIENT where they did.
    side: Side
    #: Which of PROTOCOLS both agreed on.
    protocol: str = MESH

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint.of(self.key)


class PeerTls:
    """Handshakes with one's own key. It asks nobody whether the other's is trusted: who uses it does."""

    def __init__(self, identity: Identity, name: str = "") -> None:
        """`name` is what one would like to be called by those who do not know one yet.

        Raises `UsageError` for a name that is none, and `IdentityBroken` where the key's file has changed.
        """
        self.identity, self.name = identity, checked_name(name or default_name())
        #: One for each protocol that is called, and one, for all of them, to be called with.
        self._contexts = {protocol: self._context(protocol) for protocol in ("", *PROTOCOLS)}

    async def accept(self, channel: Channel, *, looked_ahead: bool = False) -> tuple[Channel, Peer]:
        """The handshake of the one who was called, over a channel that it owns from now on.

        `looked_ahead`: what a `Buffered` channel holds already is where the handshake begins. The channel that this
        gives is the caller's to close. Raises `HandshakeFailed`; then, and when cancelled, all is closed. There is no
        limit of time here: who accepts has one.
        """
        wrap = context_wrap(self._contexts[""], server_side=True, looked_ahead=looked_ahead)
        return self._met(await wrap(channel), Side.CLIENT)

    async def call(
        self, address: Address, *, protocol: str = MESH, expected: Fingerprint | None = None,
        timeout: float = CONNECT_SECONDS,
    ) -> tuple[Channel, Peer]:  # fmt: skip
        """Call a peer, as `tincans.connect` does, and perform the handshake. The channel is the caller's to close.

        Raises `ConnectError`, of which `WrongPeer` says that it is not the one `expected`. Cancelling leaves nothing
        open.
        """
        bare = address.without_wraps()
        try:
            async with asyncio.timeout(timeout):
                channel = await connect(bare, timeout=timeout)
                wrap = context_wrap(self._contexts[protocol], server_side=False, name=_NOBODY)
                met = self._met(await wrap(channel), Side.SERVER, bare)
        except TimeoutError as error:
            raise ConnectTimedOut(bare, timeout) from error
        if expected is not None and met[1].fingerprint != expected:
            met[0].abort()
            raise WrongPeer(bare, expected, met[1].fingerprint)
        return met

    def _met(self, channel: Channel, side: Side, address: Address | None = None) -> tuple[Channel, Peer]:
        address = address or channel.remote
        try:
            assert isinstance(channel, TlsChannel)
            protocol = channel.facts.get("tls.alpn", "")
            if protocol not in PROTOCOLS:
                raise HandshakeFailed(address, f"it does not speak {MESH}", caller=side is Side.CLIENT)
            key, name = _read(channel.certificate)
        except ValueError as error:
            channel.abort()
            raise HandshakeFailed(
                address, f"its certificate is no peer's: {error}", caller=side is Side.CLIENT
            ) from error
        except BaseException:
            channel.abort()
            raise
        return channel, Peer(key, name, address, side, protocol)

    def _context(self, protocol: str) -> ssl.SSLContext:
        context = bare_context(server_side=not protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=_authority())
        context.set_alpn_protocols([protocol] if protocol else list(PROTOCOLS))
        if not protocol:
            context.num_tickets = 0
        self._show(context)
        return context

    def _show(self, context: ssl.SSLContext) -> None:
        """Have the context show our certificate. The ssl module reads it from files alone; the key's is there."""
        certificate = _certificate(self.identity.private.public_key(), self.name, authority=False)
        with tempfile.NamedTemporaryFile(prefix="tincans-") as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
            file.flush()
            try:
                context.load_cert_chain(file.name, self.identity.path)
            except OSError as error:  # ssl.SSLError is one
                raise IdentityBroken(self.identity.path, "it is not the key any more that it was") from error


def is_peer_hello(first_bytes: bytes) -> bool | None:
    """Whether what a caller says first is the ClientHello of a peer; None where more bytes are needed to tell."""
    try:
        body = _client_hello(first_bytes)
        return None if body is None else any(name in PROTOCOLS for name in client_hello(body).alpn)
    except ValueError:
        return False


def _client_hello(data: bytes) -> bytes | None:
    """The body of the first message, which may come in several records (RFC 8446 §5.1); None where it is not whole.

    `ValueError` where it is no ClientHello, or one of more than PEER_HELLO_BYTES.
    """
    message = b""
    while data:
        if data[0] != _HANDSHAKE or data[1:2] not in (b"", b"\x03"):
            raise ValueError("not a record of a handshake")
        if len(data) < _RECORD_HEADER:
            return None
        size = int.from_bytes(data[3:_RECORD_HEADER], "big")
        if not 0 < size <= TLS_RECORD_BYTES:
            raise ValueError("not a record")
        message += data[_RECORD_HEADER : _RECORD_HEADER + size]
        length = int.from_bytes(message[1:_MESSAGE_HEADER], "big") if len(message) >= _MESSAGE_HEADER else 0
        if message[:1] not in (b"", bytes([_CLIENT_HELLO])) or length > PEER_HELLO_BYTES:
            raise ValueError("not a ClientHello")
        if length and len(message) >= _MESSAGE_HEADER + length:
            return message[_MESSAGE_HEADER : _MESSAGE_HEADER + length]
        data = data[_RECORD_HEADER + size :]
    return None


# ── certificates ──────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=1)
def _authority() -> bytes:
    """The authority's own certificate, as DER."""
    certificate = _certificate(_AUTHORITY_KEY.public_key(), "", authority=True)
    return certificate.public_bytes(serialization.Encoding.DER)


def _certificate(key: Ed25519PublicKey, name: str, *, authority: bool) -> x509.Certificate:
    """One that the authority signed: for itself, or for a peer of that name."""
    subject = _AUTHORITY if authority else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=_AUTHORITY, public_key=key, serial_number=1)
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(_AUTHORITY_KEY, None)
    )


def _read(encoded: bytes) -> tuple[bytes, str]:
    """The key of a certificate that OpenSSL verified, and the name in it. Raises `ValueError`."""
    certificate = x509.load_der_x509_certificate(encoded)
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError("its key is of an unknown kind") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("its key is not an Ed25519 key")
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = names[0].value if names else ""
    if not isinstance(name, str) or not is_name(name):
        raise ValueError("it has no name, or one that cannot be shown")
    return key.public_bytes_raw(), name
