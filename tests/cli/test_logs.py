"""The log of a command: sentences, as many as asked for, and harmless."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tincans.cli import logs

log = logging.getLogger("tincans.test")

Told = pytest.CaptureFixture[str]


@contextmanager
def logging_started(verbosity: int = 0, quiet: bool = False, debug: bool = False) -> Iterator[None]:
    """As in a fresh process: the handlers of pytest set aside."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []
    try:
        logs.start(verbosity, quiet, debug)
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)


def said(capsys: Told) -> str:
    log.debug("debug")
    log.info("info")
    log.warning("warning")
    log.error("error")
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("verbosity", "quiet", "lines"),
    [
        (0, False, ["tincans: warning", "tincans: error"]),
        (0, True, ["tincans: error"]),
        (1, False, ["tincans: info", "tincans: warning", "tincans: error"]),
        (2, False, [f"{level.upper()} tincans.test: {level}" for level in ("debug", "info", "warning", "error")]),
        (7, False, [f"{level.upper()} tincans.test: {level}" for level in ("debug", "info", "warning", "error")]),
    ],
)
def test_as_much_as_asked_for(capsys: Told, verbosity: int, quiet: bool, lines: list[str]) -> None:
    with logging_started(verbosity, quiet):
        assert said(capsys).splitlines() == lines


def test_what_peers_say_in_it_is_escaped(capsys: Told) -> None:
    with logging_started():
        log.warning("%s was turned away: %s", "tcp://a:1", "\x1b[2J\u202e")
    assert capsys.readouterr().err == "tincans: tcp://a:1 was turned away: \\x1b[2J\\xe2\\x80\\xae\n"


def crash() -> None:
    try:
        raise ZeroDivisionError("division")
    except ZeroDivisionError as error:
        log.error("the app crashed", exc_info=error)


def test_a_crash_is_one_sentence(capsys: Told) -> None:
    with logging_started():
        crash()
    first, second = capsys.readouterr().err.splitlines()
    assert first == "tincans: the app crashed"
    assert second.startswith("  ZeroDivisionError: division (")
    assert "test_logs.py, line " in second


def test_and_a_traceback_with_debug(capsys: Told) -> None:
    with logging_started(debug=True):
        crash()
    assert "\nTraceback (most recent call last):\n" in capsys.readouterr().err
