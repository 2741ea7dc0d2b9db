"""A local certificate authority, and certificates that it signs: TLS between programs of one's own, really verified.

The authority is two files in one folder (`ca.pem`, `ca.key`), made when first asked for. Whoever holds the key can
pose as any host before those who trust the authority, so the key never leaves the folder, which is the user's alone.
A leaf is a certificate for some names and its key, signed by the authority. All keys are ECDSA on P-256: as strong as
RSA with 3072 bits (NIST SP 800-57 part 1, table 2), and a server signs an order of magnitude faster.
"""

from __future__ import annotations

import fcntl
import getpass
import ipaddress
import os
import re
import shlex
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tincans.errors import UsageError
from tincans.folders import authority_folder
from tincans.limits import HOST_CHARACTERS
from tincans.replacing import replacing

#: Ten years, as mkcert's.
AUTHORITY_DAYS = 3650

#: Browsers take at most 398 days from public authorities and advise 397 (chromium net/docs/certificate_lifetimes.md),
#: Apple's systems at most 825 from the user's own (https://support.apple.com/103769).
LEAF_DAYS = 397

#: A kept leaf is made anew when it has less than this left.
RENEW_DAYS = 30

#: Certificates begin in the past, for the clocks that are behind.
_EARLIER = timedelta(hours=1)

_COMMON_NAME_CHARACTERS = 64  # RFC 5280 appendix A.1, ub-common-name
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")


class Authority(NamedTuple):
    """Who signs: the files of one local authority."""

    cert_path: Path
    key_path: Path


class Leaf(NamedTuple):
    """A certificate and its key in PEM files, and the authority to trust for it."""

    cert_path: Path
    key_path: Path
    ca_path: Path


def local_authority(folder: Path | None = None) -> Authority:
    """The authority in `folder` (by default the user's own), made if there is none. Many processes may ask at once."""
    folder = authority_folder() if folder is None else folder
    authority = Authority(folder / "ca.pem", folder / "ca.key")
    with _alone(folder):
        if not (authority.cert_path.exists() and authority.key_path.exists()):
            _make_authority(authority)
    return authority


def make_leaf(names: Sequence[str], folder: Path, *, authority: Authority | None = None, days: int = LEAF_DAYS) -> Leaf:
    """A certificate for `names` (host names, wildcards such as `*.example.org`, IP addresses) and its key, in `folder`.

    The files are called after the first name. `UsageError` for a name that cannot be one. The certificate is good for
    servers and for clients.
    """
    alternatives = [_alternative(name) for name in names]
    if not alternatives:
        raise UsageError("a certificate needs at least one name")
    signer = authority or local_authority()
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", names[0].replace("*", "_wildcard"))
    folder.mkdir(parents=True, exist_ok=True)
    leaf = Leaf(folder / f"{stem}.pem", folder / f"{stem}.key", signer.cert_path)
    _sign_leaf(leaf, signer, names[0], alternatives, days)
    return leaf


def kept_leaf(names: Sequence[str]) -> Leaf:
    """A leaf of the user's own authority for `names`, kept beside it and made anew when it is about to expire.

    `UsageError` for a name that cannot be one.
    """
    for name in names:
        _alternative(name)  # one that is none must not become a folder's name
    authority = local_authority()
    folder = authority.cert_path.parent / "leaves" / "+".join(sorted(names)).replace("*", "_wildcard")[:HOST_CHARACTERS]
    with _alone(folder):
        for path in folder.glob("*.pem"):
            if _is_good(path, authority, names):
                return Leaf(path, path.with_suffix(".key"), authority.cert_path)
        return make_leaf(names, folder, authority=authority)


def is_name(name: str) -> bool:
    """Whether a certificate can be for it: a host name, a wildcard or an IP address."""
    try:
        _alternative(name)
    except UsageError:
        return False
    return True


def names_of(certificate: x509.Certificate) -> list[str]:
    """The host names and IP addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def how_to_trust(ca_path: Path) -> str:
    """The lines that make programs trust an authority, to be copied: one paragraph a program."""
    path = shlex.quote(str(ca_path))
    return f"""\
Debian and Ubuntu, for all users:
  sudo install -m 644 {path} /usr/local/share/ca-certificates/tincans.crt && sudo update-ca-certificates
tincans, curl and openssl, for one command:
  tincans connect 'tls://localhost:9000?ca='{path}
  curl --cacert {path} https://localhost:9000/
  openssl s_client -CAfile {path} -connect localhost:9000
Python (ssl, httpx, aiohttp) and requests:
  export SSL_CERT_FILE={path} REQUESTS_CA_BUNDLE={path}
Node:
  export NODE_EXTRA_CA_CERTS={path}
Java:
  keytool -importcert -noprompt -cacerts -storepass changeit -alias tincans -file {path}
Chromium and Chrome (certutil is in the package libnss3-tools):
  mkdir -p ~/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n tincans -i {path}
Firefox: Settings, Privacy & Security, View Certificates, Authorities, Import, and choose
  {path}
"""


# ── making ────────────────────────────────────────────────────────────────────────────────────────────────


def _make_authority(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "tincans"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"tincans authority of {_user()}"[:_COMMON_NAME_CHARACTERS]),
        ]
    )
    certificate = (
        _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(authority.key_path, _pem(key), 0o600)
    _write(authority.cert_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _sign_leaf(
    leaf: Leaf, signer: Authority, common_name: str, alternatives: list[x509.GeneralName], days: int
) -> None:
    ca = x509.load_pem_x509_certificate(signer.cert_path.read_bytes())
    ca_key = serialization.load_pem_private_key(signer.key_path.read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_COMMON_NAME_CHARACTERS])])
    certificate = (
        _builder(name, ca.subject, key.public_key(), days, ca.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signature=True), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write(leaf.key_path, _pem(key), 0o600)
    _write(leaf.cert_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int, latest: datetime | None = None
) -> x509.CertificateBuilder:
    begin = datetime.now(UTC) - _EARLIER
    end = begin + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(min(end, latest or end))
    )


def _key_usage(*, signature: bool = False, authority: bool = False) -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return x509.KeyUsage(
        digital_signature=signature,
        key_cert_sign=authority,
        crl_sign=authority,
        **dict.fromkeys((*others, "encipher_only", "decipher_only"), False),
    )


def _alternative(name: str) -> x509.GeneralName:
    """A name as a certificate holds it: an IP address is not a host name (RFC 5280 §4.2.1.6)."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        pass
    try:
        host = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    if len(host) > HOST_CHARACTERS or not _HOST.fullmatch(host):
        raise UsageError(f"{name!r} is neither a host name, a wildcard such as '*.example.org', nor an IP address")
    return x509.DNSName(host)


def _is_good(path: Path, authority: Authority, names: Sequence[str]) -> bool:
    """Whether a kept leaf can still be used: for these names, by this authority, and for some time."""
    if not path.with_suffix(".key").exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    ca = x509.load_pem_x509_certificate(authority.cert_path.read_bytes())
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    return left > timedelta(days=RENEW_DAYS) and set(names_of(certificate)) >= set(names)


def _user() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a user without a name, as in many containers
        return socket.gethostname()


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for a moment."""
    with replacing(path) as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make the folder, the user's alone, and keep other processes from making the same files."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
