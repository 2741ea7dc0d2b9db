"""`tincans watch`: the page of a journal and the stream of its events, as a command with real programs around it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from partners import AtTerminal
from running import PATIENCE, POLL, Program, serving, start, tincans
from tincans.cli import PIPE_CLOSED
from visiting import Visitor, visit


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's tokens are the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def ask(port: int, words: bytes = b"hello\n") -> bytes:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as caller:
        caller.sendall(words)
        return caller.recv(100)


@contextlib.contextmanager
def watching(journal: Path, *options: str) -> Iterator[tuple[Visitor, Program]]:
    with start(tincans("watch", "--journal", str(journal), "--address", ":0", *options)) as running:
        with visit(running) as visitor:
            yield visitor, running


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_another_program_records_is_seen_as_it_happens(tmp_path: Path) -> None:
    with serving("listen", ":0", "echo", journal=tmp_path / "journal") as echo:
        assert ask(echo.port) == b"hello\n"
        with watching(tmp_path / "journal") as (visitor, running), visitor.live(all=True) as told:
            assert (visitor.get("/api")["steer"], visitor.get("/api")["board"]) == (True, False)
            told.until("changes")
            assert ask(echo.port, b"more\n") == b"more\n"
            number = told.row(lambda row: row["how"] == "finished" and row["client_bytes"] == 5)["number"]
            items = visitor.get(f"/api/conversations/{number}/pages/0")["items"]
            assert "more" in json.dumps(items)
            running.process.send_signal(signal.SIGINT)
            assert told.end() == 1001
            running.wait()
            assert (running.out.decode(), running.err) == (f"{visitor.url}\n", b"")


def test_the_token_is_kept_for_the_next_start_and_is_ones_own(tmp_path: Path) -> None:
    with serving("listen", ":0", "echo", journal=tmp_path / "journal"):
        with watching(tmp_path / "journal") as (first, _), watching(tmp_path / "journal", "--read-only") as (second, _):
            assert first.get("/api")["steer"] is True
            assert second.get("/api")["steer"] is False
            tokens = tmp_path / "data" / "tincans" / "page.tokens"
            assert tokens.read_text().split() == [first.token, second.token]
            assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
            answer = second.post("/api/conversations/1/reset")
            assert (answer.status, answer.json["error"]) == (403, "this token may only look")


def test_its_port_can_be_read_from_a_file_and_is_free_where_the_usual_one_is_taken(tmp_path: Path) -> None:
    with serving("listen", ":0", "echo", journal=tmp_path / "journal"), contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # else somebody has it already
            stack.enter_context(socket.create_server(("127.0.0.1", 7700)))
        command = tincans("watch", "--journal", str(tmp_path / "journal"), "--port-file", str(tmp_path / "port"))
        running = stack.enter_context(start(command))
        visitor = stack.enter_context(visit(running))
        assert visitor.port != 7700
        running.wait_for_file(tmp_path / "port")
        assert (tmp_path / "port").read_text() == f"{visitor.port}\n"
        assert visitor.get("/api/conversations")["total"] == 0
        running.stop()
        running.wait()
    assert not (tmp_path / "port").exists()


def test_who_listens_for_everybody_is_warned(tmp_path: Path) -> None:
    with serving("listen", ":0", "echo", journal=tmp_path / "journal"):
        with start(tincans("watch", "--journal", str(tmp_path / "journal"), "--address", "*:0")) as running:
            running.wait_for("^warning: every machine that can reach this one may call it there", stream="err")


def test_a_browser_is_opened_at_a_terminal_with_a_display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened.part\nmv {tmp_path}/opened.part {tmp_path}/opened\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("DISPLAY", ":99")
    with serving("listen", ":0", "echo", journal=tmp_path / "journal"):
        command = tincans("watch", "--journal", str(tmp_path / "journal"), "--address", ":0")
        with AtTerminal(command) as terminal:
            url = terminal.wait_for(r"(http://\S+)")[1]
            while not (tmp_path / "opened").exists():
                assert terminal.process.poll() is None
        assert (tmp_path / "opened").read_text().strip() == url


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        (("--address", "unix:x"), 2, "a browser opens the page by TCP alone: unix:x is no address for it"),
        (("--address", "tls://:0"), 2, "a browser opens the page by TCP alone: tls://127.0.0.1:0 is no address for it"),
        (("--full",), 2, "--full is about events: it goes with --json"),
        (("--as", "http"), 2, "--as is about events: it goes with --json"),
        (("--json", "--read-only"), 2, "with --json there is no page: it goes without --address"),
        (("--json", "--address", ":0"), 2, "with --json there is no page: it goes without --address"),
        (("--json", "--mails", "x"), 2, "with --json there is no page: it goes without --address"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, arguments: tuple[str, ...], status: int, error: str) -> None:
    with serving("listen", ":0", "echo", journal=tmp_path / "journal"):
        with start(tincans("watch", "--journal", str(tmp_path / "journal"), *arguments)) as running:
            running.wait(status)
            assert running.err.decode().startswith(f"tincans: {error}")
            assert running.out == b""


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_journal_that_is_not_there_is_told_and_not_made(tmp_path: Path, form: tuple[str, ...]) -> None:
    with start(tincans("watch", "--journal", str(tmp_path / "none"), *form)) as running:
        running.wait(1)
        assert running.err.startswith(f"tincans: there is no journal in {tmp_path}/none\n".encode())
    assert not (tmp_path / "none").exists()


def test_tokens_that_others_can_read_are_refused_with_advice(tmp_path: Path) -> None:
    tokens = tmp_path / "data" / "tincans" / "page.tokens"
    tokens.parent.mkdir(parents=True)
    tokens.write_text("")
    tokens.chmod(0o644)
    with serving("listen", ":0", "echo", journal=tmp_path / "journal"):
        with start(tincans("watch", "--journal", str(tmp_path / "journal"))) as running:
            running.wait(1)
            sentence, advice = running.err.decode().splitlines()
            assert sentence == f"tincans: the page's tokens in {tokens} cannot be used: others than you can read it"
            assert advice.startswith("  Delete that file")


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


def events(running: Program) -> list[Any]:
    return [json.loads(line) for line in running.out.splitlines()]


def test_events_are_printed_as_they_are_said_from_now_on(tmp_path: Path) -> None:
    with serving("listen", ":0", "echo", journal=tmp_path / "journal") as echo:
        assert ask(echo.port, b"before\n") == b"before\n"
        with start(tincans("watch", "--json", "--journal", str(tmp_path / "journal"))) as running:
            while not running.out:  # it has to have begun
                assert ask(echo.port) == b"hello\n"
                assert running.process.poll() is None
                time.sleep(4 * POLL)  # not more than it prints
            assert ask(echo.port, b"after\n") == b"after\n"
            running.wait_for('"after".*\n(.*\n)*.*"closed"')
            running.process.send_signal(signal.SIGINT)
            running.wait()
            told = events(running)
            after = next(each["conversation"] for each in told if each.get("line") == "after")
            types = [each["type"] for each in told if each["conversation"] == after]
            assert (types[:3], types[-1]) == (["opened", "line", "line"], "closed")
            assert "before" not in running.out.decode()
            assert running.err == b""


@pytest.mark.parametrize("busy", [True, False])
def test_a_closed_pipe_ends_it_quietly_whether_or_not_there_is_something_to_print(tmp_path: Path, busy: bool) -> None:
    with serving("listen", ":0", "echo", journal=tmp_path / "journal") as echo:
        read, write = os.pipe()
        command = tincans("watch", "--json", "--journal", str(tmp_path / "journal"))
        with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE) as process:
            os.close(write)
            if busy:
                while not _readable(read):
                    ask(echo.port)
                os.read(read, 10)
            os.close(read)
            if busy:
                ask(echo.port)
            _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (PIPE_CLOSED, b"")


def _readable(fd: int) -> bool:
    import select

    return bool(select.select([fd], [], [], 0)[0])
