"""A file takes another's place whole, or leaves it as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tincans.replacing import replacing


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    path.write_bytes(b"before")
    with replacing(path) as file:
        file.write(b"after")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == [path.name]


def write_closed(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"after")
        file.close()
        file.write(b"too late")


def test_a_block_that_raises_leaves_all_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="closed file"):
        write_closed(path)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]


def test_what_is_forced_is_on_the_disk_before_it_takes_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, forced = tmp_path / "a", list[bytes]()
    path.write_bytes(b"before")

    def fsync(descriptor: int) -> None:
        assert path.read_bytes() == b"before"
        forced.append(os.pread(descriptor, 99, 0))

    monkeypatch.setattr(os, "fsync", fsync)
    for is_forced in (False, True):
        with replacing(path, forced=is_forced) as file:
            file.write(b"after")
        assert path.read_bytes() == b"after"
        assert forced == [b"after"] * is_forced
        path.write_bytes(b"before")
