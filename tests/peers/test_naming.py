"""A peer's name is one printable word, as it stands in files, sentences and certificates."""

from __future__ import annotations

import getpass
import socket

import pytest

from tincans.errors import UsageError
from tincans.limits import PEER_NAME_BYTES
from tincans.peers.naming import checked_name, default_name, is_name


@pytest.mark.parametrize("name", ["ann", "ann@desk", "Zoë", "a" * PEER_NAME_BYTES, "ann#1"])
def test_a_word_is_one(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a b", "#ann", "@ann", "..", "a/b", "a\nb", "\x1b[31m", "a" * (PEER_NAME_BYTES + 1), "\u202e"]
)
def test_anything_else_is_none(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(UsageError, match="cannot be a peer's name"):
        checked_name(name)


def test_by_default_it_is_this_user_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "desk.example.org")
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    assert default_name() == "ann@desk"
    monkeypatch.setattr(getpass, "getuser", lambda: "Ann Lee")
    assert default_name() == "peer"


def test_a_user_without_a_name_is_called_as_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError(1234)

    monkeypatch.setattr(getpass, "getuser", nobody)
    monkeypatch.setattr(socket, "gethostname", lambda: "desk")
    assert default_name() == "desk"
