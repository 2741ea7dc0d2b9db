"""`tincans chat` as a user has it: in a pipe, and at a terminal."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatting import hub_process
from partners import AtTerminal
from running import PATIENCE, run, start, tincans
from screens import Screen
from tincans.cli import main


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with hub_process(str(tmp_path_factory.mktemp("rooms"))) as hub:
        yield f"127.0.0.1:{hub.port}"


def chat(place: str, *arguments: str, typed: str = "", status: int = 0) -> list[str]:
    """The lines that it prints, when it is told these."""
    command = tincans("chat", place, "--no-record", *arguments)
    return run(command, stdin=typed.encode(), expected=status).decode().splitlines()


# ── in a pipe ─────────────────────────────────────────────────────────────────────────────────────────────


def test_it_says_what_is_piped_in_and_leaves_when_that_is_acknowledged(place: str) -> None:
    lines = chat(place, "--room", "pipe", "--nick", "ann", typed="hello\n/me waves\n/topic deploys\nbye")
    assert lines == ["ann: hello", "* ann waves", "-- ann set the topic: deploys", "ann: bye"]
    assert b"\x1b" not in run(tincans("chat", place, "--no-record"), stdin=b"x\x1b[2J\n")


def test_what_cannot_be_done_is_told_and_so_is_the_status(place: str) -> None:
    lines = chat(place, "--room", "pipe2", "--nick", "ann", typed="/kick eve\n/nonsense\n", status=1)
    assert sorted(lines) == ["!! nobody is called eve", "!! there is no command /nonsense; /help has all"]


def test_several_rooms_are_told_apart_and_commands_answered(place: str) -> None:
    lines = chat(place, "--room", "a", "--room", "b", "--nick", "ann", typed="/who\n/msg ann psst\nhello\n/quit tea\n")
    assert sorted(lines) == ["#a ann: hello", "-- 1 here: @ann", "ann ann: psst"]


def test_a_file_is_sent_and_can_be_fetched(place: str, tmp_path: Path) -> None:
    (tmp_path / "plan.txt").write_text("the plan")
    (line,) = chat(place, "--room", "files", "--nick", "ann", typed=f"/send {tmp_path}/plan.txt\n")
    found = re.fullmatch(r"ann: plan\.txt \(8 B\) (http://\S+/plan\.txt)", line)
    assert found is not None, line
    assert run(tincans("get", found[1], "-", "--no-record", "-q")) == b"the plan"


def test_history_and_search_are_shown(place: str) -> None:
    chat(place, "--room", "old", "--nick", "ann", typed="one\ntwo\n")
    (found,) = chat(place, "--room", "old", "--nick", "ann", typed="/search two\n")
    assert re.fullmatch(r"-- \d{4}-\d\d-\d\d \d\d:\d\d ann: two", found)
    assert chat(place, "--room", "old", "--nick", "ann", typed="/search three\n") == ["-- nothing has 'three' in it"]
    rooms = chat(place, "--room", "old", "--nick", "ann", typed="/rooms\n")
    assert "-- #old  1 person" in rooms


def test_where_there_is_no_hub_it_is_one(tmp_path: Path) -> None:
    command = tincans("chat", "--listen", "127.0.0.1:0", "--nick", "ann", "--no-record")
    with start(command, stdin=subprocess.PIPE, env={"TINCANS_ROOMS": str(tmp_path)}) as running:
        port = running.wait_for(r"^-- this is a new hub, on tcp://127\.0\.0\.1:(\d+); others join it by$")[1]
        run(tincans("say", "lobby", "hello", "--nick", "bob", "--to", f"127.0.0.1:{port}", "--no-record"))
        running.wait_for("^-- bob came\nbob: hello\n-- bob left the hub")
        running.feed(b"bye\n")
        assert running.process.stdin is not None
        running.process.stdin.close()
        running.wait(0)
        assert running.out.endswith(b"ann: bye\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--room", "a b"], "'a b' is no name of a room"),
        ([":1", "--peer"], "a peer is its own hub: what it calls stands behind --peer"),
        (["--trust", "new"], "--trust is for peers: add --peer, alone or with whom to call"),
        (["--mesh", "friends"], "--mesh is for peers"),
        (["--name", "ann@desk"], "--name is for peers"),
    ],
)
def test_a_wrong_command_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["chat", *arguments, "--no-record"])
    assert ended.value.code in (1, 2)
    assert capsys.readouterr().err.startswith(f"tincans: {sentence}")


def test_a_peer_that_is_not_known_cannot_be_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["chat", "--forget", "nobody"])
    assert ended.value.code == 1
    assert "has no peer 'nobody'" in capsys.readouterr().err


def test_ones_own_fingerprint_is_told() -> None:
    first, second = (run(tincans("chat", "--identity")) for _ in range(2))
    assert first == second
    assert re.fullmatch(rb"([a-z2-7]{4}-){12}[a-z2-7]{4}\n", first)


# ── at a terminal ─────────────────────────────────────────────────────────────────────────────────────────


class Sitting(AtTerminal):
    """A person at a terminal of 80 columns and 24 rows, who sees the screen."""

    def sees(self, text: str) -> str:
        """Wait until this is on the screen, which is given."""
        deadline = time.monotonic() + PATIENCE
        while True:
            glass = Screen(80, 24)
            glass.feed(self.screen.replace("\n", "\r\n"))
            if text in glass.text:
                return glass.text
            assert self._read(deadline), f"{text!r} never came on the screen:\n{glass.text}"


def test_a_person_talks(place: str) -> None:
    with Sitting(tincans("chat", place, "--room", "talk", "--nick", "ann", "--no-record"), size=(80, 24)) as ann:
        ann.sees("#talk · 1 person")
        ann.type("hello\r")
        ann.sees("ann: hello")
        run(tincans("say", "talk", "hello, ann", "--nick", "bob", "--to", place, "--no-record"))
        ann.sees("bob: hello, ann")
        assert "\a" in ann.screen
        lines = ann.sees("bob left the hub").splitlines()
        assert (len(lines), lines[0], lines[-2]) == (24, " #talk · 1 person", " 0 hub  1 #talk")
        ann.type("\x04")
        ann.wait(0)
        assert ann.screen.endswith("\x1b[?25h") or "\x1b[?1049l" in ann.screen


def test_ctrl_z_gives_the_shell_back_and_fg_the_chat(place: str) -> None:
    with Sitting(["bash", "--norc", "--noediting", "-i"], size=(80, 24)) as ann:
        ann.type(" ".join(tincans("chat", place, "--room", "rest", "--nick", "ann", "--no-record")) + "\r")
        ann.sees("#rest · 1 person")
        ann.type("half a line\x1a")
        ann.wait_for("Stopped.* chat ")
        ann.type("fg\r")
        ann.sees("#rest> half a line")
        ann.type(" is said\r")
        ann.sees("ann: half a line is said")
        ann.type("\x04")
        ann.wait_for(r"[$#] $")
        ann.type("exit\r")
        ann.wait(0)


def test_ctrl_c_ends_the_question_for_a_password(place: str) -> None:
    with Sitting(tincans("chat", place, "--login", "ann", "--no-record"), size=(80, 24)) as ann:
        ann.wait_for(r"password of ann at 127\.0\.0\.1: $")
        ann.type("\x03")
        ann.wait(130)


@pytest.mark.parametrize("options", [[], ["--plain"]])
def test_sigterm_leaves_in_good_order(place: str, options: list[str]) -> None:
    with Sitting(tincans("chat", place, "--room", "term", "--nick", "ann", "--no-record", *options)) as ann:
        ann.type("hello\r")
        ann.wait_for("ann.*: hello")
        ann.process.terminate()
        ann.wait(0)
    assert options or "\x1b[?1049l" in ann.screen  # the terminal is as it was


def test_no_colours_where_none_are_wanted(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with Sitting(tincans("chat", place, "--room", "grey", "--nick", "ann", "--no-record"), size=(80, 24)) as ann:
        ann.sees("#grey · 1 person")
        ann.type("hello\r")
        ann.sees("ann: hello")
        ann.type("\x04")
        ann.wait(0)
    assert not re.search(r"\x1b\[[\d;]*(?:3[0-7]|38;|9[0-7])[\d;]*m", ann.screen)


def test_a_terminal_that_knows_nothing_gets_lines(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sitting(tincans("chat", place, "--room", "dumb", "--nick", "ann", "--no-record", "--plain")) as ann:
        ann.type("hello\n")
        ann.wait_for("\nann: hello\n")
        ann.type("\x04")
        ann.wait(0)
    assert "\x1b" not in ann.screen
