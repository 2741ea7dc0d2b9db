"""What a person types in a chat."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.cli.chat_acts import Acts
from tincans.cli.chat_words import ALIASES, COMMANDS, Known, NotACommand, Typed, completions, help_lines, parse

KNOWN = Known(["Bob", "bill", "ann"], ["#ops", "#other", "#lobby"])


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("hello", Typed("say", ("hello",))),
        ("  indented", Typed("say", ("  indented",))),
        ("//bin/true", Typed("say", ("/bin/true",))),
        ("/me waves  at all", Typed("me", ("waves  at all",))),
        ("/join #ops", Typed("join", ("#ops",))),
        ("/JOIN ops  secret key ", Typed("join", ("ops", "secret key"))),
        ("/msg bob  hello you", Typed("msg", ("bob", "hello you"))),
        ("/msg bob", Typed("msg", ("bob",))),
        ("/w", Typed("who", ())),
        ("/rooms and more", Typed("rooms", ())),
        ("/quit", Typed("quit", ())),
        ("/send a file with blanks.txt", Typed("send", ("a file with blanks.txt",))),
        ("/kick bob get out", Typed("kick", ("bob", "get out"))),
    ],
)
def test_a_line(line: str, typed: Typed) -> None:
    assert parse(line) == typed


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/jion", "there is no command /jion, did you mean /join?"),
        ("/", "there is no command /; /help has all"),
        ("/xyzzy", "there is no command /xyzzy; /help has all"),
        ("/join", "/join needs ROOM: /join ROOM [KEY]"),
        ("/me   ", "/me needs TEXT: /me TEXT"),
    ],
)
def test_what_is_no_command_is_told_so(line: str, sentence: str) -> None:
    with pytest.raises(NotACommand, match="^" + sentence.replace("[", r"\[").replace("?", r"\?") + "$"):
        parse(line)


@given(st.text(max_size=40))
def test_any_line_is_something(line: str) -> None:
    try:
        typed = parse(line)
    except NotACommand:
        return
    assert typed.command == "say" or typed.command in COMMANDS


def test_each_command_can_be_done() -> None:
    assert set(COMMANDS) | {"say"} == {name[3:] for name in vars(Acts) if name.startswith("do_")}
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert not set(ALIASES) & set(COMMANDS)


def test_help_is_on_one_or_on_all() -> None:
    assert len(help_lines()) == len(COMMANDS) + 1 == len(help_lines("nonsense"))
    assert help_lines("j") == ["/join ROOM [KEY]  enter a room, and make it if it is not there"]
    assert all(len(line) <= 80 - len("12:34 ") for line in help_lines())  # none is wrapped


def test_help_fits_on_a_terminal_where_there_are_no_peers() -> None:
    lines = help_lines(peers=False)
    assert len(lines) <= 24 - 3
    assert not any(line.startswith("/trust") for line in lines)
    assert help_lines("trust", peers=False) == help_lines("trust")


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("b", ["Bob: ", "bill: "]),
        ("hi b", ["Bob ", "bill "]),
        ("@an", ["ann: "]),
        ("see #o", ["#ops ", "#other "]),
        ("/jo", ["/join "]),
        ("/kick bi", ["bill "]),
        ("", []),
        ("hi ", []),
        ("/zz", []),
    ],
)
def test_a_word_is_completed(before: str, found: list[str]) -> None:
    assert [text for text, _ in completions(before, KNOWN)] == found
    assert all(replaced == len(before.rpartition(" ")[2]) for _, replaced in completions(before, KNOWN))


def test_files_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "inside").touch()
    (tmp_path / "about.txt").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "a\x1b[2J").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert list(completions("/send a", KNOWN)) == [("a folder/", 1), ("about.txt", 1)]
    assert list(completions("/send a folder/", KNOWN)) == [("a folder/inside", 9)]
    assert list(completions("/file ~/ab", KNOWN)) == [("~/about.txt", 4)]
    assert [text for text, _ in completions("/send ", KNOWN)] == ["a folder/", "about.txt"]
    assert [text for text, _ in completions("/send .h", KNOWN)] == [".hidden"]
    assert list(completions("/send none/such", KNOWN)) == []
