"""The tokens are kept in one file that is one's own from its first moment on, and any other is refused."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tincans.watch.tokens import Tokens, TokensUnsafe, default_path, kept, new


def test_the_file_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "data" / "page.tokens"
    before = os.umask(0)
    try:
        made = kept(path)
    finally:
        os.umask(before)
    assert kept(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["page.tokens"]
    assert path.read_text().split() == list(made)


def test_of_those_that_start_together_all_have_the_same(tmp_path: Path) -> None:
    for turn in range(20):
        path = tmp_path / str(turn) / "page.tokens"
        with ThreadPoolExecutor(8) as threads:
            assert len(set(threads.map(kept, [path] * 8))) == 1


def test_it_stands_beside_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "tincans" / "page.tokens"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "page.tokens"
    kept(path)
    path.chmod(mode)
    with pytest.raises(TokensUnsafe, match="others than you can read it"):
        kept(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.tokens"
    kept(path)
    os.chown(path, 12345, -1)
    with pytest.raises(TokensUnsafe, match="it is somebody else's") as refused:
        kept(path)
    assert "Delete that file" in refused.value.advice


def test_neither_a_link_nor_a_folder_nor_a_pipe_is_a_file(tmp_path: Path) -> None:
    kept(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "folder", "pipe"):
        with pytest.raises(TokensUnsafe, match=f"tokens in .*/{name} cannot be used"):
            kept(tmp_path / name)


@pytest.mark.parametrize(
    "text", ["", "x\ny\n", "{0}\n", "{0}\n{0}\n", "{0}\n{1}", "{0}\n{1}\n\n", "{0} \n{1}\n", "{0}x\n{1}\n"]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "page.tokens"
    path.write_text(text.format(*new()))
    path.chmod(0o600)
    with pytest.raises(TokensUnsafe, match="there are no two tokens in it"):
        kept(path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(TokensUnsafe, match=r"file exists|not a directory"):
        kept(tmp_path / "data" / "page.tokens")


def test_which_token_lets_one_do_what() -> None:
    tokens = Tokens("s" * 43, "l" * 43)
    assert [tokens.may_look(each) for each in (tokens.steer, tokens.look, "", "s", "\udcff")] == [
        True,
        True,
        *[False] * 3,
    ]
    assert [tokens.may_steer(each) for each in (tokens.steer, tokens.look, "")] == [True, False, False]


def test_no_two_are_the_same() -> None:
    assert len({*new(), *new()}) == 4
