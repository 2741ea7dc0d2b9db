"""`find_app` finds the app that a command line names, or says what is wrong with the name."""

from __future__ import annotations

import pytest

from tincans.apps import find_app
from tincans.apps.discard import discard
from tincans.apps.echo import echo
from tincans.apps.process import Process
from tincans.errors import UsageError

_ADDRESS = "is an address and not an app; tincans relay passes callers on to an address"


def test_the_named_ones() -> None:
    assert find_app("echo") is echo
    assert find_app("discard") is discard


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
        ("zzz", "there is no app 'zzz' (there are echo, discard, exec:COMMAND, MODULE:FUNCTION)"),
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
