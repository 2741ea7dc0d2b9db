"""What `import tincans` gives, and what it costs."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import tincans
from tincans import errors


def test_every_name_is_there_and_stays_the_same() -> None:
    for name in ("serve", "connect", "relay", "Channel", "Address", "Buffered", "Limits", "errors"):
        assert name in dir(tincans)
        assert getattr(tincans, name) is getattr(tincans, name)
    assert inspect.iscoroutinefunction(tincans.relay)


def test_every_error_is_there() -> None:
    for name, error in vars(errors).items():
        if inspect.isclass(error):
            assert getattr(tincans, name) is error


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'sevre'"):
        tincans.sevre  # noqa: B018


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, tincans; print([m for m in ('asyncio', 'ssl', 'msgspec', 'click') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
