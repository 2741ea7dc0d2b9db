"""The messages of TLS's handshake that say something to others: what is asked for, what is chosen, who shows itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tincans.protocols.events import Event, text
from tincans.protocols.tls_names import suite_name, version_name

if TYPE_CHECKING:
    from cryptography import x509

_SERVER_NAME, _ALPN, _PRE_SHARED_KEY, _SUPPORTED_VERSIONS, _ENCRYPTED_HELLO = 0, 16, 41, 43, 0xFE0D
#: The random of a ServerHello that is a HelloRetryRequest: the SHA-256 of those words (RFC 8446 §4.1.3).
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


class ClientHello(Event, frozen=True, kw_only=True):
    """What the client can do and whom it wants."""

    #: The best first; "GREASE" where a client offers what nobody knows, on purpose (RFC 8701).
    versions: tuple[str, ...]
    #: The name asked for (SNI), empty where none was.
    server_name: str = ""
    alpn: tuple[str, ...] = ()
    cipher_suites: tuple[str, ...] = ()
    #: It offers to go on where an earlier connection ended.
    resumes: bool = False
    #: The true name may be inside, encrypted, and `server_name` the one that the public may know (ECH, RFC 9849);
    #: browsers send something that looks like it also where it is not.
    has_encrypted_hello: bool = False

    @property
    def summary(self) -> str:
        asked = f" for {self.server_name}" if self.server_name else ""
        protocols = f", {' or '.join(self.alpn)}" if self.alpn else ""
        return f"ClientHello{asked}: {', '.join(_known(self.versions))}{protocols}"

    @property
    def details(self) -> Iterator[str]:
        if self.has_encrypted_hello:
            yield "an inner hello, encrypted (ECH), which may ask for another name"
        if self.resumes:
            yield "it offers to resume an earlier session"
        suites = _known(self.cipher_suites)
        yield f"{len(suites)} cipher suites: {' '.join(suites)}"


class ServerHello(Event, frozen=True, kw_only=True):
    """What the server chose; `alpn` only up to TLS 1.2, as it is encrypted in TLS 1.3."""

    version: str
    cipher_suite: str
    alpn: str = ""
    #: A HelloRetryRequest: the client has to say its hello again, otherwise.
    retry: bool = False

    @property
    def summary(self) -> str:
        name = "HelloRetryRequest" if self.retry else "ServerHello"
        return f"{name}: {self.version}, {self.cipher_suite}" + (f", {self.alpn}" if self.alpn else "")


class Certificate(Event, frozen=True, kw_only=True):
    """A chain as DER, the shower's own certificate first; empty where a client has none."""

    chain: tuple[bytes, ...]

    @property
    def leaf(self) -> Leaf | None:
        """Whom it is for; None where that cannot be read."""
        return _leaf(self.chain[0]) if self.chain else None

    @property
    def names(self) -> tuple[str, ...]:
        """The host names and addresses that it is for."""
        return self.leaf.names if self.leaf else ()

    @property
    def summary(self) -> str:
        if not self.chain:
            return "Certificate: none"
        if self.leaf is None:
            return "Certificate: unreadable"
        return f"Certificate: {' '.join(self.leaf.names) or self.leaf.subject}"

    @property
    def details(self) -> Iterator[str]:
        if leaf := self.leaf:
            yield f"subject: {leaf.subject}"
            yield f"issuer: {leaf.issuer}"
            yield f"valid: {leaf.begins} to {leaf.ends}"
            yield f"{len(self.chain)} in the chain"


def _known(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name != "GREASE"]


# ── reading them ──────────────────────────────────────────────────────────────────────────────────────────


class _Reader:
    """Takes a message apart. `ValueError` where there is less than it says."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) < count:
            raise ValueError("it is too short")
        self._at += count
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> _Reader:
        """What follows its length of `size` bytes."""
        return _Reader(self.take(self.number(size)))

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def numbers(self, size: int) -> Iterator[int]:
        while self:
            yield self.number(size)


def client_hello(body: bytes) -> ClientHello:
    """Read one (RFC 8446 §4.1.2). These three raise `ValueError` where there is less than there should be."""
    reader = _Reader(body)
    version = reader.number(2)
    reader.take(32)
    reader.vector(1)  # session id
    suites = tuple(suite_name(number) for number in reader.vector(2).numbers(2))
    reader.vector(1)  # compression
    extensions = _extensions(reader)
    versions = [version]
    if _SUPPORTED_VERSIONS in extensions:
        versions = list(extensions[_SUPPORTED_VERSIONS].vector(1).numbers(2))
    return ClientHello(
        versions=tuple(map(version_name, versions)),
        server_name=_server_name(extensions[_SERVER_NAME]) if _SERVER_NAME in extensions else "",
        alpn=_alpn(extensions[_ALPN]) if _ALPN in extensions else (),
        cipher_suites=suites,
        resumes=_PRE_SHARED_KEY in extensions,
        has_encrypted_hello=_ENCRYPTED_HELLO in extensions,
    )


def server_hello(body: bytes) -> tuple[int, ServerHello]:
    """Read one (RFC 8446 §4.1.3); also the version as a number."""
    reader = _Reader(body)
    version, random = reader.number(2), reader.take(32)
    reader.vector(1)  # session id
    suite = suite_name(reader.number(2))
    reader.take(1)  # compression
    extensions = _extensions(reader)
    if _SUPPORTED_VERSIONS in extensions:
        version = extensions[_SUPPORTED_VERSIONS].number(2)
    alpn = _alpn(extensions[_ALPN]) if _ALPN in extensions else ()
    return version, ServerHello(
        version=version_name(version), cipher_suite=suite, alpn=alpn[0] if alpn else "", retry=random == _RETRY
    )


def _extensions(reader: _Reader) -> dict[int, _Reader]:
    """By number; before TLS 1.2 there may be none at all."""
    if not reader:
        return {}
    found, extensions = {}, reader.vector(2)
    while extensions:
        number = extensions.number(2)
        found[number] = extensions.vector(2)
    return found


def _server_name(reader: _Reader) -> str:
    """RFC 6066 §3: a list, of which only host names were ever defined."""
    names = reader.vector(2)
    while names:
        kind, name = names.number(1), names.vector(2).rest()
        if kind == 0:
            return text(name)
    return ""


def _alpn(reader: _Reader) -> tuple[str, ...]:
    """RFC 7301 §3.1."""
    names, found = reader.vector(2), []
    while names:
        found.append(text(names.vector(1).rest()))
    return tuple(found)


def certificate(body: bytes) -> Certificate:
    """Read one (RFC 5246 §7.4.2)."""
    reader = _Reader(body)
    certificates, chain = reader.vector(3), []
    while certificates:
        chain.append(certificates.vector(3).rest())
    return Certificate(chain=tuple(chain))


# ── certificates ──────────────────────────────────────────────────────────────────────────────────────────


class Leaf(NamedTuple):
    """Whom a certificate is for, and who says so."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: str
    ends: str


@lru_cache(maxsize=64)
def _leaf(der: bytes) -> Leaf | None:
    from cryptography import x509  # 80 ms, paid only by who looks

    try:
        certificate = x509.load_der_x509_certificate(der)
        return Leaf(
            certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string(), _alternatives(certificate),
            f"{certificate.not_valid_before_utc:%Y-%m-%d}", f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        )  # fmt: skip
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def _alternatives(certificate: x509.Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))
