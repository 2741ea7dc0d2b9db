"""What two ends of TLS agreed on, and whom the other one showed itself to be: the facts of a channel."""

from __future__ import annotations

import ipaddress
from typing import Any

from tincans.transports.tls_context import NamedObject, NamedSocket


def facts_of(tls: NamedSocket | NamedObject) -> dict[str, str]:
    """`tls.version`, `tls.cipher`, `tls.resumed`, and where there are any `tls.alpn`, `tls.sni`, `tls.peer`,
    `tls.peer.names`."""
    cipher = tls.cipher()
    facts = {
        "tls.version": tls.version() or "",
        "tls.cipher": cipher[0] if cipher else "",
        "tls.resumed": "yes" if tls.session_reused else "no",
        "tls.alpn": tls.selected_alpn_protocol() or "",
        "tls.sni": _sni(tls),
    }
    try:
        facts["tls.peer"], facts["tls.peer.names"] = _peer(tls)
    except ValueError:
        pass  # the handshake is not done
    return {name: value for name, value in facts.items() if value}


def _sni(tls: NamedSocket | NamedObject) -> str:
    """The name that was asked for; addresses are verified and not asked for (RFC 6066 §3)."""
    name = str(tls.server_hostname or "") or tls.asked
    return "" if _is_ip(name) else name


def _is_ip(name: str) -> bool:
    """Of a name that is one of both: no host name has a colon, or nothing but numbers."""
    return ":" in name or name.replace(".", "").isdecimal()


def _peer(tls: NamedSocket | NamedObject) -> tuple[str, str]:
    """The other side's subject and its names, from the certificate that it showed."""
    shown: Any = tls.getpeercert()
    if shown:
        subject = ",".join(f"{_SHORT.get(key, key)}={value}" for part in shown["subject"] for key, value in part)
        return subject, " ".join(_plain(value) for _, value in shown.get("subjectAltName", ()))
    encoded = tls.getpeercert(binary_form=True)
    return _unverified(encoded) if encoded else ("", "")


_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
}


def _plain(name: str) -> str:
    """OpenSSL writes IPv6 addresses out in full."""
    return str(ipaddress.ip_address(name)) if ":" in name else name


def _unverified(encoded: bytes) -> tuple[str, str]:
    """The ssl module decodes only what it verified."""
    from cryptography import x509

    from tincans.certificates import names_of

    certificate = x509.load_der_x509_certificate(encoded)
    subject = ",".join(f"{part.rfc4514_attribute_name}={part.value!s}" for part in certificate.subject)
    return subject, " ".join(names_of(certificate))
