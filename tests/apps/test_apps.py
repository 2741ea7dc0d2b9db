"""`find_app` finds the app that a command line names, or says what is wrong with the name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tincans.apps import KINDS, find_app, forms
from tincans.apps.chargen import chargen
from tincans.apps.daytime import daytime, time
from tincans.apps.discard import discard
from tincans.apps.echo import echo
from tincans.apps.process import Process
from tincans.apps.settings import Settings
from tincans.errors import UsageError
from tincans.server import close_app

_ADDRESS = "is an address and not an app; tincans relay passes callers on to an address"


FORMS = (
    "echo, discard, chargen, daytime, time, http:DIR, asgi:MODULE:APP, ftp:DIR, mail[:pop3], chat[:NAME], "
    "exec:COMMAND, MODULE:FUNCTION"
)


def test_the_named_ones() -> None:
    assert find_app("echo") is echo
    assert find_app("discard") is discard
    assert find_app("chargen") is chargen
    assert find_app("daytime") is daytime
    assert find_app("time") is time


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_its_home_and_takes_settings_that_there_are(name: str) -> None:
    kind = KINDS[name]
    module, _, attribute = kind.home.partition(":")
    assert callable(getattr(import_module(f"tincans.apps.{module}"), attribute))
    assert kind.settings <= set(Settings.__struct_fields__)


def test_those_that_serve_a_folder(tmp_path: Path) -> None:
    (tmp_path / "mails").mkdir()
    for text in (f"http:{tmp_path}", "http:echo", f"ftp:{tmp_path}", "mail", "mail:pop3", "chat", "chat:team"):
        settings = Settings(mails=str(tmp_path / "mails")) if text.startswith("mail") else None
        app = find_app(text, settings)
        assert callable(app)
        close = close_app(app)
        assert close is None, "an app that was never started has nothing to wait for"


def test_how_they_are_written() -> None:
    assert ", ".join(forms()) == FORMS


def test_a_command_is_taken_verbatim() -> None:
    app = find_app("exec:sort -u | tr : ,")
    assert isinstance(app, Process)
    assert app.command == "sort -u | tr : ,"


def test_a_function() -> None:
    assert find_app("tincans.apps.echo:echo") is echo


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ecco", "there is no app 'ecco', did you mean 'echo'?"),
        ("exc", "there is no app 'exc', did you mean 'exec'?"),
        ("zzz", f"there is no app 'zzz' (there are {FORMS})"),
        ("htp", "there is no app 'htp', did you mean 'http'?"),
        ("http", "http needs something behind it: http:DIR"),
        ("http:/no/such", "'/no/such' is no folder: no such file or directory"),
        ("ftp", "ftp needs something behind it: ftp:DIR"),
        ("asgi", "asgi needs something behind it: asgi:MODULE:APP"),
        ("exec", "exec needs something behind it: exec:COMMAND"),
        ("mail:imap", "there are mail and mail:pop3, and no mail:imap"),
        ("exec:", "exec: needs a command after it, as in exec:cat"),
        ("tcp://127.0.0.1:80", f"'tcp://127.0.0.1:80' {_ADDRESS}"),
        ("ws+tls+tcp://h:1", f"'ws+tls+tcp://h:1' {_ADDRESS}"),
        (":main", "':main' is not an app: write MODULE:FUNCTION, as in myapp:main"),
        ("myapp:", "'myapp:' is not an app: write MODULE:FUNCTION, as in myapp:main"),
    ],
)
def test_what_is_wrong_is_said(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        find_app(text)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("text", "settings", "sentence"),
    [
        ("echo", Settings(write=True), "echo has no use for the setting 'write' (it takes none at all)"),
        (
            "http:.",
            Settings(passive="1-2", tls="offered"),
            "http:. has no use for the setting 'tls' (it takes guests, users, write)",
        ),
        ("exec:cat", Settings(keep=1), "exec:cat has no use for the setting 'keep' (it takes none at all)"),
        (
            "tincans.apps.echo:echo",
            Settings(guests=False),
            "tincans.apps.echo:echo has no use for the setting 'guests' (it takes none at all)",
        ),
        ("ecco", Settings(write=True), "there is no app 'ecco', did you mean 'echo'?"),
    ],
)
def test_a_setting_that_an_app_has_no_use_for(text: str, settings: Settings, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        find_app(text, settings)
    assert str(error.value) == sentence
