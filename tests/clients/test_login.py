"""A login is found in the URL, in netrc, or asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tincans.clients.login import Login, find_login
from tincans.clients.url import Url
from tincans.errors import UsageError


def no_one(question: str) -> str:
    raise AssertionError(f"{question!r} was asked")


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "netrc"
    path.write_text("machine h login ada password lovelace\ndefault login any password thing\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    return path


def test_the_url_comes_first(netrc: Path) -> None:
    assert find_login(Url.parse("ftp://ada:other@h/"), no_one) == Login("ada", "other")


@pytest.mark.parametrize("text", ["http://h/", "ftp://ada@h/"])
def test_netrc_knows_hosts_and_their_users(netrc: Path, text: str) -> None:
    assert find_login(Url.parse(text), no_one) == Login("ada", "lovelace")


def test_nobody_is_asked_for_who_they_are(netrc: Path) -> None:
    assert find_login(Url.parse("http://other/"), no_one) is None  # nor is the default taken
    netrc.unlink()
    assert find_login(Url.parse("http://h/"), no_one) is None


def test_a_user_is_asked_for_the_password(netrc: Path) -> None:
    asked = []

    def ask(question: str) -> str:
        asked.append(question)
        return "typed"

    assert find_login(Url.parse("ftp://grace@h/"), ask) == Login("grace", "typed")
    assert asked == ["password of grace at h: "]
    assert find_login(Url.parse("ftp://grace@h/")) == Login("grace", "")


def test_netrc_is_in_the_home(netrc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETRC")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_login(Url.parse("http://h/")) is None
    netrc.rename(tmp_path / ".netrc")
    assert find_login(Url.parse("http://h/")) == Login("ada", "lovelace")


def test_passwords_that_others_may_read_are_not_used(netrc: Path) -> None:
    netrc.chmod(0o640)
    with pytest.raises(UsageError, match=rf"others may read the passwords in {netrc}: chmod 600 {netrc}"):
        find_login(Url.parse("http://h/"))
    assert find_login(Url.parse("http://other/")) is None


def test_a_netrc_that_is_none_is_a_sentence_without_its_secrets(netrc: Path) -> None:
    netrc.write_text("machine h login ada\nlovelace secret\n")
    with pytest.raises(UsageError, match=r"netrc, line \d: that is not how netrc is written") as caught:
        find_login(Url.parse("http://h/"))
    assert "secret" not in str(caught.value)
    netrc.write_bytes(b"machine \xff")
    with pytest.raises(UsageError, match="cannot be read"):
        find_login(Url.parse("http://h/"))


def test_a_login_shows_no_password() -> None:
    assert repr(Login("ada", "lovelace")) == "Login('ada')"
