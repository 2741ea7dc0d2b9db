"""`tincans cert`: a certificate, and how to trust it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tincans.cli import main


def cert(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(["cert", *arguments])
    return ended.value.code


def test_it_makes_a_certificate_and_says_how_to_trust_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TINCANS_CA", str(tmp_path / "authority"))
    assert cert("localhost", "127.0.0.1", "--folder", str(tmp_path / "a folder")) == 0
    text = capsys.readouterr().out
    leaf, key, authority = (
        tmp_path / "a folder/localhost.pem",
        tmp_path / "a folder/localhost.key",
        tmp_path / "authority/ca.pem",
    )
    assert text.startswith(f"certificate  {leaf}\nkey          {key}\nauthority    {authority}\n")
    assert f"cert={tmp_path}/a%20folder/localhost.pem&key={tmp_path}/a%20folder/localhost.key' echo" in text
    assert "update-ca-certificates" in text
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(leaf, key)
    ssl.create_default_context(cafile=authority)


def test_a_name_that_cannot_be_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cert("two words") == 2
    assert capsys.readouterr().err.startswith("tincans: 'two words' is neither a host name")
