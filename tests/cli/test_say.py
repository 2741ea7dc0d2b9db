"""`tincans say` as a user has it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import tincans as library
from chatting import hub_process, little_hub
from running import PATIENCE, start, tincans
from tincans.cli import main
from tincans.limits import CHAT_AHEAD_MESSAGES, CHAT_TEXT_BYTES, LINE_BYTES


def say(place: str, *arguments: str, typed: bytes = b"", status: int = 0) -> str:
    """What it said on stderr."""
    done = subprocess.run(
        tincans("say", *arguments, "--to", place, "--no-record"), input=typed, capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == status, done.stderr
    assert done.stdout == b""
    return done.stderr.decode()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with hub_process(str(tmp_path_factory.mktemp("rooms"))) as hub:
        yield f"127.0.0.1:{hub.port}"


def said(place: str, room: str) -> list[tuple[str, str, str]]:
    """Who said what in a room, and how."""

    async def read() -> list[tuple[str, str, str]]:
        async with library.join(place, room, nick="reader") as member:
            page = await member.history(limit=500)
            return [(message.nick, message.kind, message.text) for message in page.messages]

    return asyncio.run(read())


def test_a_text_is_said(place: str) -> None:
    say(place, "ops", "deploy done", "--nick", "ci")
    say(place, "#ops", "deploy", "done", "--nick", "ci", "--notice")
    say(place, "ops", "deploys", "--nick", "ci", "--act")
    assert said(place, "#ops") == [
        ("ci", "say", "deploy done"), ("ci", "notice", "deploy done"), ("ci", "act", "deploys"),
    ]  # fmt: skip


def test_each_line_is_a_message_in_order_and_none_is_lost(place: str) -> None:
    count = 3 * CHAT_AHEAD_MESSAGES + 5
    lines = [f"line {number}" for number in range(count)]
    say(place, "lines", "--nick", "ci", typed="\n\n".join(lines).encode() + b"\n \n\xff end")
    assert [text for _, _, text in said(place, "#lines")] == [*lines, "\ufffd end"]


def test_all_of_it_is_one_message(place: str) -> None:
    say(place, "whole", "--whole", "--nick", "ci", typed=b"one\ntwo\n\n")
    assert said(place, "#whole") == [("ci", "say", "one\ntwo")]


def test_a_nick_that_was_not_asked_for_gives_way(place: str) -> None:
    async def both() -> str:
        async with library.join(place, "#names", nick="ci"):
            return await asyncio.to_thread(say, place, "names", "x", "--nick", "ci", status=1)

    assert asyncio.run(both()).startswith("tincans: somebody is called ci already\n")


@pytest.mark.parametrize(
    ("arguments", "typed", "sentence"),
    [
        (["ops", "--whole"], b"", "there is nothing in it"),
        (["ops", ""], b"never read", "there is nothing in it"),
        (["ops", "--whole"], b"a" * (CHAT_TEXT_BYTES + 1), "at most 16384 bytes can be said at once"),
        (["ops", "--whole"], b"a" * (LINE_BYTES + 1), "at most 16384 bytes can be said at once"),
        (["ops"], b"fine\n" + b"a" * (LINE_BYTES + 1), "line 2: at most 16384 bytes can be said at once"),
        (["ops"], b"fine\n\n" + b"a" * (CHAT_TEXT_BYTES + 1), "line 3: at most 16384 bytes can be said at once"),
    ],
)
def test_a_hub_that_refuses_gives_its_sentence(place: str, arguments: list[str], typed: bytes, sentence: str) -> None:
    assert say(place, *arguments, typed=typed, status=1).startswith(f"tincans: {sentence}")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["two words", "x"], "'two words' is no name of a room: letters and signs, without blanks and commas"),
        (["ops", "x", "--whole"], "--whole is for what comes on standard input, and there is a text already"),
        (["ops", "x", "--to", "ftp://a"], "'ftp://a' is not an address"),
    ],
)
def test_a_wrong_command_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["say", *arguments, "--no-record"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"tincans: {sentence}")


async def test_it_ends_well_only_when_the_hub_has_kept_all() -> None:
    async with little_hub() as hub:
        hub.hang_up_before = "two"
        where = str(hub.address)
        error = await asyncio.to_thread(say, where, "ops", typed=b"one\ntwo\nthree\n", status=1)
        assert error.startswith("tincans: the channel is broken: ")
        hub.hang_up_behind = "five"
        await asyncio.to_thread(say, where, "ops", "--retry", "20", typed=b"four\nfive\nsix\n")
        assert [message["text"] for message in hub.kept] == ["one", "four", "five", "six"]


def test_a_hub_killed_meanwhile_has_each_line_once(tmp_path: Path) -> None:
    lines, rooms = [str(number) for number in range(3000)], str(tmp_path)
    with hub_process(rooms) as first:
        command = tincans("say", "ops", "--to", f"127.0.0.1:{first.port}", "--retry", "60", "--no-record")
        with start(command, stdin=subprocess.PIPE) as saying:
            saying.feed("\n".join(lines[:1500]).encode() + b"\n")
            while not said(f"127.0.0.1:{first.port}", "#ops"):
                pass
            first.kill()
            with hub_process(rooms, first.port):
                saying.feed("\n".join(lines[1500:]).encode())
                assert saying.process.stdin is not None
                saying.process.stdin.close()
                saying.wait(0)
                found = _all(f"127.0.0.1:{first.port}")
    assert found == lines


def _all(place: str) -> list[str]:
    async def read() -> list[str]:
        found: list[str] = []
        async with library.join(place, "#ops", nick="reader", after=0) as member:
            async for message in member:
                found.append(message.text)
                if len(found) == 3000:
                    break
        return found

    return asyncio.run(read())
