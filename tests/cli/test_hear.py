"""`tincans hear` as a user has it."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatting import hub_process, little_hub
from running import PATIENCE, Program, run, start, tincans


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub in whose room #ops three things were said."""
    with hub_process(str(tmp_path_factory.mktemp("rooms"))) as hub:
        place = f"127.0.0.1:{hub.port}"
        for kind, text in (("--notice", "build 7 is green"), ("--act", "waves"), ("--whole", "two\nlines\x1b[2J")):
            words = [] if kind == "--whole" else [text]
            run(tincans("say", "ops", *words, kind, "--nick", "ann", "--to", place, "--no-record"), stdin=text.encode())
        yield place


@contextmanager
def hearing(place: str, *arguments: str) -> Iterator[Program]:
    with start(tincans("hear", *arguments, "--to", place, "--no-record", "-q")) as running:
        yield running


def heard(place: str, *arguments: str) -> list[str]:
    """The lines that it prints until it ends by itself."""
    return run(tincans("hear", *arguments, "--to", place, "--no-record")).decode().splitlines()


def say(place: str, room: str, text: str, nick: str = "bob") -> None:
    run(tincans("say", room, text, "--nick", nick, "--to", place, "--no-record"))


def test_messages_are_lines(place: str) -> None:
    assert heard(place, "ops", "--history", "3", "--count", "3") == [
        "-ann- build 7 is green", "* ann waves", r"ann: two\nlines\x1b[2J",
    ]  # fmt: skip
    (line,) = heard(place, "#ops", "--since", "2", "--count", "1", "--time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ann: two\\nlines\\x1b\[2J", line)


def test_json_is_what_the_hub_said(place: str) -> None:
    (line,) = heard(place, "ops", "--history", "1", "--count", "1", "--json")
    message = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", message.pop("at"))
    assert message.pop("id")
    assert message == {
        "on": "message", "number": 3, "room": "#ops", "kind": "say", "from": "ann", "account": "",
        "text": "two\nlines\x1b[2J",
    }  # fmt: skip


def test_what_was_found_is_printed_the_oldest_first(place: str) -> None:
    assert heard(place, "ops", "--search", "from:ann") == [
        "-ann- build 7 is green", "* ann waves", r"ann: two\nlines\x1b[2J",
    ]  # fmt: skip
    assert heard(place, "ops", "--search", "green", "--count", "5") == ["-ann- build 7 is green"]
    assert heard(place, "ops", "--search", "nothing") == []


async def test_it_is_said_that_older_ones_were_not_searched() -> None:
    async with little_hub() as hub:
        hub.instead["search"] = {"on": "found", "messages": [], "more": False, "unsearched": 7}
        with start(tincans("hear", "ops", "--search", "x", "--to", str(hub.address), "--no-record")) as running:
            assert await asyncio.to_thread(running.wait) == 0
            assert running.out == b""
            assert running.err.splitlines()[-1] == b"older messages are still being indexed, and were not searched yet"


def test_each_line_comes_at_once_and_says_its_room_where_there_are_several(place: str) -> None:
    with hearing(place, "one", "two", "--since", "0") as running:
        say(place, "one", "first")
        running.wait_for("^#one bob: first$")
        say(place, "two", "second")
        running.wait_for("^#two bob: second$")


def test_a_pipe_that_is_closed_ends_it_quietly(place: str) -> None:
    command = tincans("hear", "ops", "--since", "0", "--to", place, "--no-record")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"-ann- build 7 is green\n"
        process.stdout.close()
        say(place, "ops", "anybody?", "eve")
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_full_disk_is_no_reader_who_has_gone(place: str) -> None:
    command = tincans("hear", "ops", "--since", "0", "--to", place, "--no-record")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr.startswith(b"tincans: cannot write stdout: no space left on device\n")


def test_an_empty_search_is_one(place: str) -> None:
    assert heard(place, "ops", "--search", "") == []


def test_a_hub_that_was_killed_is_called_again_and_nothing_is_missed(tmp_path: Path) -> None:
    rooms = str(tmp_path)
    with hub_process(rooms) as first:
        place = f"127.0.0.1:{first.port}"
        with start(tincans("hear", "ops", "--to", place, "--no-record", "--since", "0", "--count", "3")) as running:
            say(place, "ops", "one")
            running.wait_for("^bob: one$")
            first.kill()
            running.wait_for("the hub was lost .*; calling it again", stream="err")
            with hub_process(rooms, first.port):
                say(place, "ops", "two")
                say(place, "ops", "three")
                running.wait(0)
                assert running.out == b"bob: one\nbob: two\nbob: three\n"
                assert running.err.endswith(b"the hub is there again\n")


def test_nobody_is_there() -> None:
    with start(tincans("hear", "ops", "--to", "127.0.0.1:1", "--no-record")) as running:
        running.wait(1)
        assert running.err.startswith(b"tincans: cannot connect to tcp://127.0.0.1:1: the connection was refused\n")
