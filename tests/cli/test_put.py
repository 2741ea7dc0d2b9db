"""`tincans put`: files and trees are stored, and gone on with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import PATIENCE, run, serving, start, tincans

DATA = bytes(range(256)) * 4000


def put(*arguments: str) -> list[str]:
    return tincans("put", *arguments, "--no-record")


def said(*arguments: str, expected: int = 0, stdin: bytes = b"") -> list[str]:
    """The lines that it says on stderr."""
    with start(put(*arguments), stdin=stdin) as running:
        running.wait(expected)
        assert running.out == b""
        return running.err.decode().splitlines()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """What is served."""
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


@pytest.fixture(params=["http", "ftp"])
def server(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """The URL of a folder that may be written to, served by us."""
    with serving("listen", ":0", f"{request.param}:{site}", "--write") as running:
        yield f"{request.param}://127.0.0.1:{running.port}"


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "two words").write_bytes(DATA)
    os.utime(tmp_path / "two words", (1_700_000_000,) * 2)
    return f"{tmp_path}/two words"


def test_a_file_is_stored_under_its_name_or_another(server: str, file: str, site: Path) -> None:
    assert said(file, f"{server}/") == ["1000.0 KiB  two words"]
    said(file, f"{server}/other", "-q")
    said("-", f"{server}/stdin", stdin=b"hello")
    assert {path.name: path.read_bytes() for path in site.iterdir()} == {
        "two words": DATA, "other": DATA, "stdin": b"hello",
    }  # fmt: skip
    if server.startswith("ftp"):
        assert (site / "other").stat().st_mtime == 1_700_000_000


def test_with_continue_all_of_it_is_there_afterwards(server: str, file: str, site: Path) -> None:
    for _ in range(2):
        said(file, f"{server}/whole", "-c")
        assert (site / "whole").read_bytes() == DATA


def test_a_tree(server: str, site: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    (here / "a").write_bytes(b"hello")
    (here / "sub" / "b\nc").touch()
    *lines, last = said("-r", str(here), f"{server}/new/tree")
    assert sorted(lines) == ["      0 B  sub/b\\nc", "      5 B  a"]
    assert last.startswith("2 files, 5 B, in ")
    assert (site / "new" / "tree" / "sub" / "b\nc").exists()
    assert said("-r", str(here), f"{server}/new/tree")[0].startswith("0 files, 0 B, 2 the same, in ")
    (here / "a").unlink()
    plan = run(put("-r", "-n", "--delete", str(here), f"{server}/new/tree"))
    assert plan == b"  removed  a\n"
    assert said("-r", "--delete", str(here), f"{server}/new/tree/")[0] == "  removed  a"
    assert not (site / "new" / "tree" / "a").exists()


def test_what_goes_wrong_is_one_sentence(server: str, file: str, tmp_path: Path) -> None:
    for arguments, status, sentence in (
        ((f"{tmp_path}/none", f"{server}/"), 1, f"cannot read {tmp_path}/none: no such file or directory"),
        ((str(tmp_path), f"{server}/"), 2, f"{tmp_path} is a folder: --recursive stores it"),
        (("-", f"{server}/"), 2, "what comes from stdin is one file"),
        (("-r", "-", f"{server}/x"), 2, "what comes from stdin is one file"),
        (("-r", file, f"{server}/x"), 1, f"cannot read {file}: not a directory"),
    ):
        lines = said(*arguments, expected=status)
        assert lines[0].startswith(f"tincans: {sentence}")
        assert len(lines) == 2


def test_a_server_that_may_only_be_read(file: str, site: Path) -> None:
    for kind in ("http", "ftp"):
        with serving("listen", ":0", f"{kind}:{site}") as running:
            lines = said(file, f"{kind}://127.0.0.1:{running.port}/", expected=1)
            assert ": the server says " in lines[0]
    assert os.listdir(site) == []


def test_ten_thousand_files(server: str, site: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """With --deep; a hundred in the ordinary run."""
    count = 10_000 if request.config.getoption("--deep") else 100
    here = tmp_path / "here"
    for number in range(count):
        path = here / f"{number % 7}" / f"{number % 11}" / f"file {number} größer"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d\n" % number * (number % 100))
    patience = PATIENCE * (1 + count / 1000)
    run(put("-r", "-q", str(here), f"{server}/"), patience=patience)
    run(tincans("get", "-r", "-q", "--no-record", f"{server}/", f"{tmp_path}/back"), patience=patience)
    for other in (site, tmp_path / "back"):
        assert subprocess.run(["diff", "-r", str(here), str(other)], capture_output=True).stdout == b""
