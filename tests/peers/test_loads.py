"""What is given is what a person named, and no more of it than one offer has room for."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tincans.errors import CannotRead, UsageError
from tincans.limits import FOLDERS_DEEP
from tincans.peers import loads
from tincans.peers.loads import Load
from tincans.peers.passing import Entry


def paths(load: Load) -> list[str]:
    return [entry.name for entry in load.entries]


def test_files_and_folders_by_their_names_in_order(tmp_path: Path) -> None:
    (tmp_path / "f" / "inner").mkdir(parents=True)
    (tmp_path / "f" / "b").write_bytes(b"12")
    (tmp_path / "f" / "a").write_bytes(b"1")
    (tmp_path / "x").write_bytes(b"123")
    load = Load.of([tmp_path / "x", tmp_path / "f"])
    assert load.entries == [
        Entry(b"x", 3), Entry(b"f", 0, is_folder=True), Entry(b"f/a", 1), Entry(b"f/b", 2),
        Entry(b"f/inner", 0, is_folder=True),
    ]  # fmt: skip
    fd = load.open(3)
    assert os.read(fd, 10) == b"12"
    os.close(fd)


def test_a_link_that_was_named_is_followed_and_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"1")
    os.symlink("real", tmp_path / "link")
    assert paths(Load.of([tmp_path / "link"])) == ["link"]


def test_here_is_called_as_the_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a").touch()
    monkeypatch.chdir(tmp_path / "photos")
    assert paths(Load.of([Path()])) == ["photos", "photos/a"]


def test_what_was_a_file_and_is_none_any_more_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    load = Load.of([tmp_path / "a"])
    (tmp_path / "a").unlink()
    with pytest.raises(FileNotFoundError):
        load.open(0)
    os.mkfifo(tmp_path / "a")
    with pytest.raises(OSError, match="no file any more"):
        load.open(0)


def test_what_may_not_be_read_is_said_at_once() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # anybody may enter it, as the tests' own are not
        (folder / "a").touch(mode=0)
        with as_nobody(), pytest.raises(CannotRead, match="permission denied"):
            Load.of([folder / "a"])


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything; whoever else runs this stays who they are."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_folders_go_so_deep(tmp_path: Path) -> None:
    deepest = tmp_path.joinpath("f", *["d"] * (FOLDERS_DEEP - 2))
    deepest.mkdir(parents=True)
    (deepest / "a").touch()
    assert len(paths(Load.of([tmp_path / "f"]))[-1].split("/")) == FOLDERS_DEEP
    (deepest / "d").mkdir()
    with pytest.raises(UsageError, match=f"more than {FOLDERS_DEEP} deep"):
        Load.of([tmp_path / "f"])


def test_an_offer_has_so_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted with fewer than PASS_FILES, which take their time to make."""
    monkeypatch.setattr(loads, "PASS_FILES", 5)
    for name in "abcde":
        (tmp_path / name).touch()
    found = sorted(tmp_path.iterdir())
    assert len(Load.of(found).entries) == 5
    (tmp_path / "f").touch()
    with pytest.raises(UsageError, match="these are more than 5 files"):
        Load.of([*found, tmp_path / "f"])
