"""Every bound is a positive number with a reason beside it. Each is crossed by one where it is kept: see below."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tincans import limits
from tincans.limits import Limits

SOURCE = Path(limits.__file__).read_text()
NAMES = re.findall(r"^([A-Z][A-Z0-9_]+) = ", SOURCE, re.MULTILINE)
PACKAGE = Path(limits.__file__).parent


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_positive_number(name: str) -> None:
    value = getattr(limits, name)
    assert isinstance(value, int | float)
    assert value > 0


@pytest.mark.parametrize("name", NAMES)
def test_somebody_keeps_it(name: str) -> None:
    users = [path for path in PACKAGE.rglob("*.py") if path.name != "limits.py" and name in path.read_text()]
    assert users, "a bound that nobody keeps is none"


def test_every_bound_has_its_reason_above_it() -> None:
    for block in SOURCE.split("\n\n"):
        if re.match(r"[A-Z][A-Z0-9_]+ = ", block.strip()):
            pytest.fail(f"nobody says why: {block.strip()}")


def test_a_server_bounds_nothing_that_it_was_not_told_to_but_what_costs_it() -> None:
    assert Limits() == Limits(clients=None, handshake=10.0, idle=None, drain=5.0)
