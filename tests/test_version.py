"""There is one version, wherever it is said."""

from __future__ import annotations

import tomllib
from pathlib import Path

import tincans
from tincans.version import VERSION


def test_the_package_says_the_version_that_it_is_built_with() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert tincans.__version__ == VERSION == project["version"]
