"""Every error is one sentence, and its class is the advice."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from tincans import errors
from tincans.errors import (
    AddressError,
    CertificateNotTrusted,
    ConfigError,
    ConnectError,
    ConnectionRefused,
    ConnectTimedOut,
    NameNotFound,
    NoSuchProtocol,
    NotStarted,
    TincansError,
    TinError,
    UrlError,
    UsageError,
)

ALL = [e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, TincansError)]

#: Something that fits each parameter by its name.
GIVEN: dict[str, Any] = {
    "text": "tcp:/x", "reason": "it is so", "example": "tcp://127.0.0.1:9000", "file": "tincans.toml", "line": 3,
    "address": "tcp://127.0.0.1:9000", "seconds": 2.5, "host": "nowhere", "doing": "receiving", "kind": "udp",
    "what": "a line", "limit": 5, "path": "/journal", "format_number": 9, "known": 1, "number": 7, "missing": 12,
    "name": "echo", "error": ConnectionRefused("tcp://127.0.0.1:1"), "others": (), "caller": False, "language": "C",
    "url": "http://127.0.0.1/x", "code": 404, "failed": 2, "count": 3, "left": 2, "nick": "ann",
    "old": "abcd-efgh", "new": "ijkl-mnop", "expected": "abcd-efgh", "found": "ijkl-mnop", "fingerprint": "abcd-efgh",
    "by": "name", "ours": "tincans", "theirs": "other",
}  # fmt: skip


def fields(kind: type[TincansError]) -> list[str]:
    """The names of what it is made of; none where it is made of its sentence."""
    if not inspect.isfunction(kind.__init__):
        return []
    parameters = inspect.signature(kind).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]


def made(kind: type[TincansError]) -> TincansError:
    if inspect.isfunction(kind.__init__):
        return kind(**{name: GIVEN[name] for name in fields(kind)})
    return kind("it is so")


@pytest.mark.parametrize("kind", ALL)
def test_it_is_one_lower_case_sentence(kind: type[TincansError]) -> None:
    sentence = str(made(kind))
    assert sentence
    assert "\n" not in sentence
    assert not sentence.endswith(".")
    assert not re.match(r"[A-Z]", sentence)


@pytest.mark.parametrize("kind", ALL)
def test_it_has_advice_of_its_own(kind: type[TincansError]) -> None:
    advice = made(kind).advice
    assert advice
    assert "\n" not in advice
    assert advice.endswith((".", "…"))
    if kind is not NotStarted:
        assert kind.__doc__, "the advice of its family is not its own"


@pytest.mark.parametrize("kind", ALL)
def test_a_wrong_command_is_2_and_a_failed_one_is_1(kind: type[TincansError]) -> None:
    wrong = issubclass(kind, AddressError | ConfigError | UrlError | UsageError | NoSuchProtocol | TinError)
    assert kind.exit_code == (2 if wrong else 1)


@pytest.mark.parametrize("kind", ALL)
def test_what_it_was_given_are_its_fields(kind: type[TincansError]) -> None:
    error = made(kind)
    assert all(hasattr(error, name) for name in fields(kind))


def test_four_ways_not_to_connect_are_four_sentences() -> None:
    where = "tls://example.org:443"
    four: list[ConnectError] = [
        ConnectionRefused(where),
        ConnectTimedOut(where, 10),
        NameNotFound(where, "example.org"),
        CertificateNotTrusted(where, "self-signed"),
    ]
    assert len({str(error) for error in four}) == len({error.advice for error in four}) == 4
    assert all(str(error).startswith(f"cannot connect to {where}: ") for error in four)


def test_an_address_error_shows_a_good_one_where_it_has_one() -> None:
    assert str(AddressError("x", "so", "y")) == "'x' is not an address: so; write for example y"
    assert str(AddressError("x", "so")) == "'x' is not an address: so"


def test_a_config_error_says_the_line_where_it_knows_it() -> None:
    assert str(ConfigError("f.toml", 3, "so")) == "f.toml, line 3: so"
    assert str(ConfigError("f.toml", None, "so")) == "f.toml: so"


def test_a_command_that_did_not_start_gives_the_advice_of_what_was_in_the_way() -> None:
    below = ConnectionRefused("tcp://127.0.0.1:1")
    assert NotStarted("echo", below).advice == below.advice
