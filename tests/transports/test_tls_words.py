"""OpenSSL's reasons in words, those that no test of a handshake brings about."""

from __future__ import annotations

import ssl

import pytest

from tincans.transports.tls_words import QUOTED_BYTES, failure, not_trusted, quoted


def error(reason: str) -> ssl.SSLError:
    made = ssl.SSLError(1, reason)
    made.reason = reason
    return made


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "the other side speaks none of the protocols in alpn"),
        ("TLSV1_UNRECOGNIZED_NAME", "the other side does not have that name (SNI)"),
        ("HTTP_REQUEST", "the other side does not speak TLS"),
        ("A_NEW_REASON", "TLS says a new reason"),
    ],
)
def test_reasons(reason: str, words: str) -> None:
    assert failure(error(reason)) == words


def test_an_end_is_no_error_of_tls() -> None:
    assert failure(ssl.SSLEOFError(8, "EOF occurred")) == "the other side hung up"


def test_reasons_for_no_trust() -> None:
    untrusted = ssl.SSLCertVerificationError(1, "x")
    untrusted.verify_code, untrusted.verify_message = 9, "certificate is not yet valid"
    assert not_trusted(untrusted, "") == "it is not valid yet (or the clock here is wrong)"
    untrusted.verify_code, untrusted.verify_message = 66, "EE certificate key too weak"
    assert not_trusted(untrusted, "") == "ee certificate key too weak"
    untrusted.verify_code = 62
    assert not_trusted(untrusted, "") == "it is for another name"


def test_who_does_not_speak_tls_is_quoted_and_who_does_is_not() -> None:
    wrong, hung_up = error("WRONG_VERSION_NUMBER"), ssl.SSLEOFError(8, "EOF occurred")
    for one in (wrong, hung_up):
        assert failure(one, b"SSH-2.0-x\r\n") == "the other side does not speak TLS: it said 'SSH-2.0-x'"
    for record in (20, 21, 22, 23):
        assert failure(wrong, bytes([record, 3, 1])) == "the other side does not speak TLS"
    assert failure(error("A_NEW_REASON"), b"SSH-2.0-x\r\n") == "TLS says a new reason"


def test_a_quote_is_one_line_and_harmless() -> None:
    assert quoted(b"220 mail\r\n250 more") == "'220 mail'"
    assert quoted(b"\x1b]0;x\x07\x9b") == r"'\x1b]0;x\x07\x9b'"
    assert quoted(b"x" * 1000) == repr("x" * QUOTED_BYTES)
    assert quoted(b"\n") == "''"
