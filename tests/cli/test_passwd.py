"""`tincans passwd`: a line of [users], and nothing else in the file."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from filling import no_file_longer_than
from partners import AtTerminal
from running import run, start, tincans
from tincans.cli import main
from tincans.config import load, load_users
from tincans.limits import PASSWORD_ROUNDS
from tincans.users import Verifier

FILE = """\
# the office
journal = "here"   # beside this file

[users]
bob = "{bob}"  # from upstairs

[[listen]]
address = ":7707"
app = "echo"
"""
BOB = str(Verifier.of("eraser", rounds=4096))


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.users.Verifier.of", of_few_rounds)


def of_few_rounds(password: str, rounds: int = 4096, salt: bytes | None = None, of: object = Verifier.of) -> Verifier:
    assert callable(of)
    made = of(password, rounds=rounds, salt=salt)
    assert isinstance(made, Verifier)
    return made


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tincans.toml"
    path.write_text(FILE.format(bob=BOB))
    return path


def passwd(monkeypatch: pytest.MonkeyPatch, stdin: bytes, *arguments: str) -> int:
    """Run it in this process, with this on stdin; gives its exit status."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    with pytest.raises(SystemExit) as ended:
        main(["passwd", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_user_is_added_and_every_other_byte_stays(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = file.read_text()
    assert passwd(monkeypatch, b"pencil\nnot this\n", "ann") == 0
    assert capsys.readouterr().out == (
        "ann may log in by this password: written into tincans.toml; a tincans up that runs reads it again on SIGHUP.\n"
    )
    users = load_users(file)
    assert list(users) == ["bob", "ann"]
    assert users.verifier("ann").fits("pencil")
    assert users.verifier("bob") == Verifier.parse(BOB)
    [line] = set(file.read_text().splitlines()) - set(before.splitlines())
    assert file.read_text().replace(f"{line}\n", "") == before
    assert load(file).entries[0].name == ":7707"


def test_a_password_is_changed_in_its_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.chmod(0o640)
    assert passwd(monkeypatch, "gr\u00fcn\r\n".encode(), "bob") == 0
    verifier = load_users(file).verifier("bob")
    assert verifier.fits("gru\u0308n")
    assert file.read_text() == FILE.format(bob=verifier)
    assert file.stat().st_mode & 0o777 == 0o640
    assert os.listdir(file.parent) == ["tincans.toml"]


def test_a_user_is_taken_out(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = file.read_text()
    assert passwd(monkeypatch, b"", "bob", "--remove") == 0
    assert capsys.readouterr().out == (
        "bob may not log in any more: taken out of tincans.toml; a tincans up that runs reads it again on SIGHUP.\n"
    )
    assert file.read_text() == before.replace(f'bob = "{BOB}"  # from upstairs\n', "")
    assert not load_users(file)
    assert passwd(monkeypatch, b"", "bob", "--remove") == 1
    assert capsys.readouterr().err.startswith("tincans: tincans.toml has no user 'bob'\n")


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passwd(monkeypatch, b"pencil", "ann@example.org", "users.toml") == 0
    made = file.with_name("users.toml")
    assert re.fullmatch(r'\[users\]\n"ann@example\.org" = "SCRAM-SHA-256\$\S+"\n', made.read_text())
    assert made.stat().st_mode & 0o777 == 0o600
    assert list(load_users(made)) == ["ann@example.org"]


def test_where_the_file_is_a_link_what_it_leads_to_is_changed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "link.toml").symlink_to(file)
    assert passwd(monkeypatch, b"pencil\n", "ann", "link.toml") == 0
    assert (file.parent / "link.toml").is_symlink()
    assert list(load_users(file)) == ["bob", "ann"]


def test_the_line_may_be_printed_instead(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = file.read_text()
    assert passwd(monkeypatch, b"pencil\n", "ann.b", "--print") == 0
    found = re.fullmatch(r'"ann\.b" = "(SCRAM-SHA-256\$\S+)"\n', capsys.readouterr().out)
    assert found is not None
    assert Verifier.parse(found[1]).fits("pencil")
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (["ann"], b"", "a password has at least one character; nothing was changed"),
        (["ann"], b"\npencil\n", "a password has at least one character; nothing was changed"),
        (["ann"], b"\xff\n", "the password on stdin is not UTF-8; nothing was changed"),
        (["a b"], b"x", "'a b' is no user's name: letters, digits and . @ + - _, at most 64"),
        ([""], b"x", "'' is no user's name: letters, digits and . @ + - _, at most 64"),
        (["ann", "."], b"x", "cannot write .: is a directory"),
        (["ann", "gone/x.toml"], b"x", "cannot write gone/x.toml: no such file or directory"),
        (["ann", "tincans.toml/x"], b"x", "cannot write tincans.toml/x: not a directory"),
        (["ann", "broken.toml"], b"x", "broken.toml, line 2: invalid value"),
        (["ann", "latin.toml"], b"x", "latin.toml, line 2: a byte here is not UTF-8"),
        (
            ["ann", "braces.toml"],
            b"x",
            "braces.toml, line 1: 'users' is no table to which a line could be added; its header is [users]",
        ),
        (["ann", "gone.toml", "--remove"], b"", "gone.toml has no user 'ann'"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_nothing_is_lost(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    stdin: bytes,
    sentence: str,
) -> None:
    (file.parent / "broken.toml").write_text("[users]\nann = \n")
    (file.parent / "latin.toml").write_bytes(b"# a\n# gr\xfcn\n")
    (file.parent / "braces.toml").write_text('users = { bob = "b" }\n')
    before = {path: path.read_bytes() for path in file.parent.iterdir()}
    assert passwd(monkeypatch, stdin, *arguments) in (1, 2)
    out, err = capsys.readouterr()
    assert err.splitlines()[0] == f"tincans: {sentence}"
    assert len(err.splitlines()) == 2
    assert not out
    assert {path: path.read_bytes() for path in file.parent.iterdir()} == before


def test_a_full_disk_loses_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with no_file_longer_than(100):
        assert passwd(monkeypatch, b"pencil\n", "ann") == 1
    assert capsys.readouterr().err.startswith("tincans: cannot write tincans.toml: file too large\n")
    assert file.read_text() == FILE.format(bob=BOB)
    assert os.listdir(file.parent) == ["tincans.toml"]


def test_several_at_once_are_all_there(file: Path) -> None:
    command = [sys.executable, "-c", SEVERAL]
    several = [
        subprocess.Popen([*command, str(file), f"user{number}-", BOB], stdout=subprocess.DEVNULL) for number in range(4)
    ]
    assert [each.wait() for each in several] == [0, 0, 0, 0]
    assert len(load_users(file)) == 1 + 4 * 5


SEVERAL = """
import sys
from pathlib import Path
from tincans.cli.passwd import _change
from tincans.toml_editing import put
path, prefix, record = sys.argv[1:]
for number in range(5):
    name = f"{prefix}{number}"
    _change(Path(path), lambda text: put(text, "users", name, record), name)
"""


# ── as a user runs it ─────────────────────────────────────────────────────────────────────────────────────


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    with AtTerminal(tincans("passwd", "ann", str(path))) as terminal:
        terminal.wait_for("password for ann: ")
        terminal.type("pencil\n")
        terminal.wait_for("the same again: ")
        terminal.type("pencil\n")
        terminal.wait_for("ann may log in by this password")
        terminal.wait()
        assert "pencil" not in terminal.screen
    verifier = load_users(path).verifier("ann")
    assert verifier.rounds == PASSWORD_ROUNDS
    assert verifier.fits("pencil")


def test_at_a_terminal_two_that_differ_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    with AtTerminal(tincans("passwd", "ann", str(path))) as terminal:
        terminal.wait_for("password for ann: ")
        terminal.type("pencil\n")
        terminal.wait_for("the same again: ")
        terminal.type("pencll\n")
        terminal.wait_for("tincans: the two passwords differ; nothing was changed")
        terminal.wait(2)
    assert not path.exists()


def test_what_it_makes_lets_a_user_in(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    run(tincans("passwd", "ann", str(path)), stdin=b"pencil\n")
    assert load_users(path).verifier("ann").fits("pencil")
    with start(tincans("listen", "127.0.0.1:0", "echo", "--users", str(path), "--no-record")) as running:
        running.wait(2)
        assert running.err.decode().startswith(
            "tincans: echo has no use for the setting 'users' (it takes none at all)"
        )
