"""What is kept in memory is what is there, or nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tincans.apps.http import kept as kept_module
from tincans.apps.http.kept import Kept
from tincans.files import Files
from tincans.limits import HTTP_FILES_BYTES, HTTP_FILES_KEPT


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """Where a file counts as settled as soon as it is written."""
    monkeypatch.setattr(kept_module, "SETTLED_NS", 0)
    files = Files(tmp_path)
    yield files
    files.close()


def put(kept: Kept, files: Files, path: str) -> None:
    with files.open(path) as file:
        kept.put(path, file, b"fields")


def change(path: Path, data: bytes) -> None:
    """Write it anew in another tick of the kernel's clock, with the same time of modification."""
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.write_bytes(data)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_file_is_kept_until_it_changes(tmp_path: Path, files: Files) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    kept = Kept(files)
    assert kept.get("/a") is None
    put(kept, files, "/a")
    found = kept.get("/a")
    assert found is not None
    assert (found.fields, found.data) == (b"fields", b"one")
    change(path, b"two")
    assert kept.get("/a") is None
    put(kept, files, "/a")
    found = kept.get("/a")
    assert found is not None
    assert found.data == b"two"


def test_what_else_takes_a_file_away(tmp_path: Path, files: Files) -> None:
    kept = Kept(files)
    (tmp_path / "folder").mkdir()
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()

    def removed(path: Path) -> None:
        path.unlink()

    def replaced(path: Path) -> None:
        path.unlink()
        path.write_bytes(b"one")

    def led_outside(path: Path) -> None:
        (outside / "a").write_bytes(b"one")
        path.parent.rename(tmp_path / "moved")
        path.parent.symlink_to(outside)

    for happens in (removed, replaced, led_outside):
        path = tmp_path / "folder" / "a"
        path.write_bytes(b"one")
        put(kept, files, "/folder/a")
        assert kept.get("/folder/a") is not None
        happens(path)
        assert kept.get("/folder/a") is None


def test_permissions_are_part_of_it(tmp_path: Path, files: Files) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    kept = Kept(files)
    put(kept, files, "/a")
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:
        path.chmod(0)
        path.chmod(0o600)
    assert kept.get("/a") is None


def test_what_was_changed_just_now_is_not_kept(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "SETTLED_NS", 3600 * 10**9)
    (tmp_path / "a").write_bytes(b"one")
    kept = Kept(files)
    put(kept, files, "/a")
    assert kept.get("/a") is None
    later = time.time_ns() + 3601 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    put(kept, files, "/a")
    assert kept.get("/a") is not None


def test_what_grew_while_it_was_read_is_not_kept(tmp_path: Path, files: Files) -> None:
    (tmp_path / "a").write_bytes(b"one")
    kept = Kept(files)
    with files.open("/a") as file:
        (tmp_path / "a").write_bytes(b"one and more")
        kept.put("/a", file, b"")
    assert kept.get("/a") is None


def test_so_many_are_kept(tmp_path: Path, files: Files) -> None:
    (tmp_path / "a").write_bytes(b"")
    kept = Kept(files)
    paths = ["/a", *[f"/{'./' * number}a" for number in range(1, HTTP_FILES_KEPT + 1)]]
    for path in paths[:-1]:
        put(kept, files, path)
    assert kept.get("/a") is not None
    put(kept, files, paths[-1])
    assert kept.get("/a") is None
    assert kept.get(paths[1]) is not None


def test_so_much_is_kept(tmp_path: Path, files: Files) -> None:
    half = HTTP_FILES_BYTES // 2
    for name, size in (("a", half), ("b", half), ("c", 1)):
        (tmp_path / name).write_bytes(b"x" * size)
    kept = Kept(files)
    put(kept, files, "/a")
    put(kept, files, "/b")
    assert kept.get("/a") is not None
    put(kept, files, "/c")
    assert kept.get("/a") is None
    assert kept.get("/b") is not None
    assert kept.get("/c") is not None
