"""Folders are where the user, or the system's habit, wants them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tincans.folders import authority_folder


def test_the_authority_is_in_the_users_data_folder_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    monkeypatch.delenv("TINCANS_CA", raising=False)
    assert authority_folder() == Path("/somewhere/tincans/ca")
    monkeypatch.setenv("TINCANS_CA", "/elsewhere")
    assert authority_folder() == Path("/elsewhere")
