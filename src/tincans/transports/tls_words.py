"""What OpenSSL says, in words that a person can act on.

OpenSSL's reasons are stable names (`ssl.SSLError.reason`, from its openssl/sslerr.h); those that only a bug
can bring about fall through to their own words.
"""

from __future__ import annotations

import ssl

#: The first bytes of a peer that are quoted when they are not TLS.
QUOTED_BYTES = 64

_RECORD_TYPES = (20, 21, 22, 23)  # RFC 8446 §5.1; plain text begins with none of these control characters

# X509_V_ERR_…, https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_NOT_TRUSTED = {
    9: "it is not valid yet (or the clock here is wrong)",
    10: "it has expired",
    18: "it is self-signed",
    19: "its authority is not known here",
    20: "its authority is not known here",
    21: "its authority is not known here, and it came alone",
    23: "it was revoked",
    26: "it is not meant for this use",
    79: "its authority is not one that may sign",
}
_WRONG_NAME = (62, 64)

_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG", "BAD_PACKET_LENGTH")
_NO_VERSION = "the two ends have no version of TLS in common"
_NOT_ACCEPTED = "the other side does not accept this end's certificate"

_REASONS = {
    "UNSUPPORTED_PROTOCOL": _NO_VERSION,
    "VERSION_TOO_LOW": _NO_VERSION,
    "WRONG_SSL_VERSION": _NO_VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": _NO_VERSION,
    "NO_PROTOCOLS_AVAILABLE": "this end allows no version of TLS at all",
    "NO_SHARED_CIPHER": "the two ends have no cipher in common",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the other side found nothing in common, or asks for what this end has not",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate, and client-ca asks for one",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the other side asks for a client certificate: add cert=FILE&key=FILE",
    "TLSV1_ALERT_UNKNOWN_CA": f"{_NOT_ACCEPTED}: it does not know its authority",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": f"{_NOT_ACCEPTED}: it has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": f"{_NOT_ACCEPTED}: it was revoked",
    "SSLV3_ALERT_BAD_CERTIFICATE": _NOT_ACCEPTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _NOT_ACCEPTED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _NOT_ACCEPTED,
    "TLSV1_ALERT_ACCESS_DENIED": "the other side denies access to this end's certificate",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": "the other side speaks none of the protocols in alpn",
    "TLSV1_UNRECOGNIZED_NAME": "the other side does not have that name (SNI)",
    "TLSV1_ALERT_INTERNAL_ERROR": "something went wrong inside the other side",
    "UNEXPECTED_EOF_WHILE_READING": "the other side hung up",
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": "what came is not what the other side sent: it was damaged or forged",
}


def quoted(said: bytes) -> str:
    """The first line of what somebody said, safe to show on a terminal."""
    return repr(said[:QUOTED_BYTES].partition(b"\n")[0].rstrip(b"\r").decode("latin-1"))


def hung_up(error: OSError) -> bool:
    """Whether the stream below ended without TLS' goodbye; before CPython 3.11.4 that was no class of its own."""
    return isinstance(error, ssl.SSLEOFError) or getattr(error, "reason", "") == "UNEXPECTED_EOF_WHILE_READING"


def failure(error: ssl.SSLError, first: bytes = b"") -> str:
    """Why a handshake, or a channel after it, failed; who spoke something else is quoted from its `first` bytes."""
    gone = hung_up(error)
    if first and first[0] not in _RECORD_TYPES and (gone or error.reason in _NO_TLS):
        return f"the other side does not speak TLS: it said {quoted(first)}"
    if gone:
        return _REASONS["UNEXPECTED_EOF_WHILE_READING"]
    if error.reason in _NO_TLS:
        return "the other side does not speak TLS"
    return _REASONS.get(error.reason or "") or "TLS says " + (error.reason or str(error)).lower().replace("_", " ")


def not_trusted(error: ssl.SSLCertVerificationError, name: str) -> str:
    """Why a certificate was not trusted."""
    if error.verify_code in _WRONG_NAME:
        return f"it is not for the name {name!r}" if name else "it is for another name"
    return _NOT_TRUSTED.get(error.verify_code) or (error.verify_message or str(error)).lower().rstrip(".")
