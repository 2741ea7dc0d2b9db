"""Many options are shown under titles."""

from __future__ import annotations

import re

import click
import pytest

from tincans.cli import main
from tincans.cli.help import Sectioned, section

Told = pytest.CaptureFixture[str]


def shown(command: click.Command) -> str:
    return command.get_help(click.Context(command, info_name="it", terminal_width=80))


def test_titles_come_in_the_order_of_the_decorators() -> None:
    @click.command(cls=Sectioned)
    @click.option("--first", help="One.")
    @section("Next", click.option("--second", help="Two."), click.option("--third", is_flag=True, help="Three."))
    @section("Last", click.option("--fourth", help="Four."), click.option("--hidden", hidden=True))
    @click.option("--fifth", help="Five.")
    def command(**_: object) -> None: ...

    lines = [line.strip() for line in shown(command).partition("Options:")[2].splitlines() if line.strip()]
    assert [line.split()[0] for line in lines] == [
        "--first", "--fifth", "--help", "Next:", "--second", "--third", "Last:", "--fourth"
    ]  # fmt: skip


def test_the_options_of_listen_are_under_titles(capsys: Told) -> None:
    with pytest.raises(SystemExit):
        main(["listen", "--help"])
    text = capsys.readouterr().out
    titles = re.findall(r"^([A-Z].*):$", text, re.MULTILINE)
    assert titles == [
        "Options",
        "What an app may do, and who may log in",
        "How callers are served",
        "How it is shown and recorded",
    ]
    inside = text.partition(titles[1])[2].partition(titles[2])[0]
    assert re.findall(r"^  (--\w+)", inside, re.MULTILINE) == [
        "--write", "--guests", "--users", "--tls", "--cert", "--key", "--passive", "--mails", "--keep", "--days",
        "--rooms", "--flood", "--trust", "--operator",
    ]  # fmt: skip
    assert all(len(line) <= 80 for line in text.splitlines())
