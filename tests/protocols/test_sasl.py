"""What of a login is secret."""

from __future__ import annotations

import pytest

from tincans.protocols.sasl import Response, decoded, faults, is_secret


@pytest.mark.parametrize(
    ("mechanism", "challenge", "response", "secret"),
    [
        ("PLAIN", None, "AGEAYg==", True),
        ("PLAIN", "", "AGEAYg==", True),
        ("XOAUTH2", None, "YQ==", True),
        ("CRAM-MD5", "PDE+", "YQ==", True),
        ("LOGIN", None, "YQ==", False),
        ("login", "VXNlcm5hbWU6", "YQ==", False),
        ("LOGIN", "UGFzc3dvcmQ6", "YQ==", True),
        ("LOGIN", "", "YQ==", True),
        ("LOGIN", "not base64", "YQ==", True),
        ("PLAIN", "", "*", False),
        ("PLAIN", None, "=", False),
    ],
)
def test_all_is_secret_but_the_name_in_login(
    mechanism: str, challenge: str | None, response: str, secret: bool
) -> None:
    assert is_secret(mechanism, challenge, response) is secret


def test_a_response_is_masked_where_it_is_secret() -> None:
    assert Response(response="YQ==").masked().summary == "******"
    shown = Response(response="YQ==", secret=False)
    assert (shown.masked().summary, list(shown.details)) == ("YQ==", ["which is a"])


def test_a_response_is_one_line() -> None:
    with pytest.raises(ValueError, match="end of a line"):
        Response(response="YQ==\r\nQUIT")


@pytest.mark.parametrize(("words", "meant"), [("YQ==", "a"), ("YQ", ""), ("/w==", ""), ("", "")])
def test_base64_is_read_where_it_is_text(words: str, meant: str) -> None:
    assert decoded(words) == meant


@pytest.mark.parametrize(("words", "is_good"), [("YQ==", True), ("*", True), ("", True), ("a b", False), ("a!", False)])
def test_a_response_is_base64(words: str, is_good: bool) -> None:
    assert bool(faults(words)) is not is_good
