"""Every error has one status, and its words are those of the command line, with nothing in them that anybody abuses."""

from __future__ import annotations

import inspect

import pytest

from tincans import errors
from tincans.address import Address
from tincans.errors import (
    AddressInUse,
    CannotProgram,
    CannotSteer,
    ChannelBroken,
    JournalError,
    NoSuchConversation,
    NoSuchEntry,
    NoSuchProtocol,
    NotStarted,
    TincansError,
    UsageError,
)
from tincans.watch.trouble import MISTAKE, NoSuchPath, Refused, answer, status_of, trouble


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NoSuchProtocol("x", ""), 400),
        (UsageError("no"), 400),
        (NoSuchConversation(1), 404),
        (NoSuchEntry("x"), 404),
        (NoSuchPath("no"), 404),
        (CannotSteer("no"), 409),
        (CannotProgram("c", "no"), 409),
        (NotStarted("x", AddressInUse(Address.parse(":1"))), 409),
        (ChannelBroken(), 409),
        (JournalError("no"), 503),
        (Refused(415, "no", "x"), 415),
        (ZeroDivisionError(), MISTAKE),
    ],
)
def test_an_error_has_its_status_and_its_own_words(error: Exception, status: int) -> None:
    assert status_of(error) == status == answer(error).status_code
    if isinstance(error, TincansError):
        assert (trouble(error).error, trouble(error).advice) == (str(error), error.advice)


def test_a_mistake_tells_nothing_of_the_inside() -> None:
    assert "secret" not in str(trouble(ValueError("secret")))


def test_words_that_a_party_chose_are_escaped() -> None:
    assert trouble(NoSuchEntry("\x1b[31m")).error == r"there is no listener or relay named '\x1b[31m'"
    assert trouble(JournalError("a\nb\u202e")).error == r"a\nb\xe2\x80\xae"


def test_those_that_the_handlers_raise_are_in_the_table() -> None:
    raised = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.JournalError)]
    assert raised
    assert all(status_of(each.__new__(each)) in (404, 503) for each in raised)
