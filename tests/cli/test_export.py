from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from running import tincans
from tincans import tin
from tincans.channel import Side
from tincans.cli import main
from tincans.conversation import Entry, How, Kind, Opening
from tincans.journal import open_journal

REQUEST = b"GET /it HTTP/1.1\r\nHost: a\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"
MASKED = REQUEST.replace(b"c2VjcmV0", b"********")
PCAPNG = bytes.fromhex("0a0d0d0a")
PROGRAMS = {"sh": b"#!/bin/sh", "py": b"#!/usr/bin/env python3", "java": b"//", "php": b"<?php", "c": b"// cc"}


async def _record(where: Path) -> None:
    journal = open_journal(where)
    for port in (1, 2, 3):
        opening = Opening(
            kind=Kind.RELAY, client=f"tcp://10.0.0.1:{port}", server="tcp://10.0.0.9:7", near="tcp://10.0.0.2:8"
        )
        tap = journal.begin(opening)
        tap.joined("tcp://10.0.0.2:9", "tcp://10.0.0.9:7", {})
        tap.said(Side.CLIENT, REQUEST if port == 1 else b"\x00\x1b%d" % port)
        tap.noted("\x1b[2J")
        tap.closed(How.FINISHED)
    await journal.aclose()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("export") / "journal"
    asyncio.run(_record(where))
    return where


@pytest.fixture(autouse=True)
def _here(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_JOURNAL", str(folder))
    monkeypatch.chdir(tmp_path)


def _run(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, bytes, str]:
    with pytest.raises(SystemExit) as stop:
        main(["export", *arguments])
    assert isinstance(stop.value.code, int)
    out, err = capfdbinary.readouterr()
    return stop.value.code, out, err.decode()


def _read(path: str) -> list[Entry]:
    return list(tin.read(Path(path).read_text().splitlines()))


def _recorded(folder: Path, number: int) -> list[Entry]:
    async def read() -> list[Entry]:
        journal = open_journal(folder)
        entries = [entry async for entry in journal.read(number)]
        await journal.aclose()
        return entries

    return asyncio.run(read())


@pytest.mark.parametrize("name", ["a.tin", "a.TIN", "b.text"])
def test_a_conversation_is_written_as_it_was(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes], name: str
) -> None:
    assert _run(capfdbinary, "3", "--to", name, "--format", "tin") == (0, b"", "")
    assert [repr(entry).replace("conversation=1", "conversation=3") for entry in _read(name)] == [
        repr(entry) for entry in _recorded(folder, 3)
    ]
    assert Path(name).stat().st_mode & 0o777 == 0o600


def test_secrets_are_masked_and_that_is_said(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    status, _, err = _run(capfdbinary, "1", "--to", "a.tin")
    assert (status, err) == (0, "1 secret masked; --secrets leaves them as they were\n")
    assert MASKED in [getattr(entry, "data", b"") for entry in _read("a.tin")]
    assert _run(capfdbinary, "1", "--to", "b.tin", "--secrets")[2] == ""
    assert _read("b.tin") == _recorded(folder, 1)
    status, out, err = _run(capfdbinary, "1", "--to", "-", "--format", "jsonl")
    assert (status, err) == (0, "1 secret masked; --secrets leaves them as they were\n")
    assert b"c2VjcmV0" not in out
    assert b"c2VjcmV0" in _run(capfdbinary, "1", "--to", "-", "--format", "jsonl", "--secrets")[1]
    assert b"c2VjcmV0" in _run(capfdbinary, "1", "--to", "-", "--format", "tin", "--as", "raw")[1]


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        (("2",), [2]),
        (("last",), [3]),
        (("#3", "1", "last"), [3, 1]),
        (("--all",), [1, 2, 3]),
        (("--party", "10.0.0.1:2"), [2]),
        (("--limit", "2"), [2, 3]),
        (("--since", "1h", "--kind", "relay", "--all"), [1, 2, 3]),
    ],
)
def test_which(capfdbinary: pytest.CaptureFixture[bytes], chosen: tuple[str, ...], numbers: list[int]) -> None:
    status, out, _ = _run(capfdbinary, *chosen, "--to", "-", "--format", "jsonl")
    assert status == 0
    assert list(dict.fromkeys(json.loads(line)["conversation"] for line in out.splitlines())) == numbers


def test_har(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    status, out, err = _run(capfdbinary, "1", "2", "--to", "-", "--format", "har")
    assert (status, err) == (0, "1 secret masked; --secrets leaves them as they were\n")
    (entry,) = json.loads(out)["log"]["entries"]
    assert entry["request"]["url"] == "http://a/it"
    assert _run(capfdbinary, "2", "--to", "a.har")[2] == "there is no HTTP in it, so the file has no entries\n"


def test_packets_of_either_leg(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    near = _run(capfdbinary, "1", "--to", "-", "--format", "pcapng")[1]
    assert near.startswith(PCAPNG)
    assert MASKED in near
    assert bytes([10, 0, 0, 1, 10, 0, 0, 2]) in near
    far = _run(capfdbinary, "1", "--to", "-", "--format", "pcapng", "--leg", "far")[1]
    assert bytes([10, 0, 0, 2, 10, 0, 0, 9]) in far


@pytest.mark.parametrize(
    ("arguments", "status", "sentence", "advice"),
    [
        (("99", "--to", "a.tin"), 1, "there is no conversation 99 in the journal", "tincans conversations lists"),
        (("x", "--to", "a.tin"), 2, "'x' is neither a conversation's number nor 'last'", "--help"),
        (("1", "--to", "a.pcap"), 2, "'a.pcap' does not end in one of .pcapng, .har, .jsonl, .tin, .sh, .py", "--help"),
        (("1", "--to", "a"), 2, "'a' does not end in one of", "--help"),
        (("1", "--to", "-"), 2, "stdout has no suffix: say the form with --format", "--help"),
        (("1",), 2, "--to is missing", "--help"),
        (("--to", "a.tin"), 2, "say which: by their numbers (or 'last'), or by --all", "--help"),
        (("1", "--all", "--to", "a.tin"), 2, "say which", "--help"),
        (("--party", "nobody", "--to", "a.tin"), 1, "no conversation is recorded, or none matches", ""),
        (("1", "--to", "no/a.tin"), 1, "cannot write no/a.tin: no such file or directory", "- is stdout"),
        (("1", "--to", ".", "--format", "tin"), 1, "cannot write .: is a directory", "- is stdout"),
        (("1", "--to", "/proc/a.tin"), 1, "cannot write /proc/a.tin: ", "- is stdout"),
        (("1", "--to", "a.tin", "--as", "htp"), 2, "'htp' is not a protocol: did you mean 'http'?", "http"),
    ],
)
def test_mistakes(
    capfdbinary: pytest.CaptureFixture[bytes], arguments: tuple[str, ...], status: int, sentence: str, advice: str
) -> None:
    found, out, err = _run(capfdbinary, *arguments)
    assert (found, out) == (status, b"")
    assert sentence in err.splitlines()[0]
    assert advice in err.splitlines()[1]
    assert list(Path().iterdir()) == []


def test_a_file_that_is_there_stays_unless_told_otherwise(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Path("a.tin").write_text("mine")
    Path("link.tin").symlink_to("a.tin")
    status, _, err = _run(capfdbinary, "2", "--to", "link.tin")
    assert (status, err.splitlines()) == (
        1,
        ["tincans: link.tin is already there", "  Name another file, or add --force to write over it."],
    )
    assert Path("a.tin").read_text() == "mine"
    assert _run(capfdbinary, "2", "--to", "link.tin", "--force")[0] == 0
    assert Path("link.tin").is_symlink()
    assert Path("a.tin").read_text().startswith("tincans conversation")
    assert sorted(path.name for path in Path().iterdir()) == ["a.tin", "link.tin"]


def test_nothing_is_left_of_a_file_that_could_not_be_written(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tincans.replacing.os.replace", lambda *_: full(None))
    Path("a.tin").write_text("mine")
    status, _, err = _run(capfdbinary, "2", "--to", "a.tin", "--force")
    assert (status, err.splitlines()[0]) == (1, "tincans: cannot write a.tin: no space left on device")
    assert [path.name for path in Path().iterdir()] == ["a.tin"]
    assert Path("a.tin").read_text() == "mine"


def test_a_named_pipe_is_written_to_as_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    os.mkfifo("pipe.tin")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(Path("pipe.tin").read_bytes()))
    reader.start()
    assert _run(capfdbinary, "2", "--to", "pipe.tin")[0] == 0
    reader.join()
    assert found[0].startswith(b"tincans conversation")
    assert Path("pipe.tin").is_fifo()


def test_a_program_that_says_the_same(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    for suffix, begins in PROGRAMS.items():
        status, _, err = _run(capfdbinary, "1", "2", "--to", f"talk.{suffix}")
        assert (status, err.splitlines()) == (
            0,
            ["1 secret masked; --secrets leaves them as they were", "other conversations, which are not in it: 1"],
        )
        source = Path(f"talk.{suffix}").read_bytes()
        assert source.startswith(begins)
        assert b"c2VjcmV0" not in source
        assert _run(capfdbinary, "1", "--to", f"open.{suffix}", "--secrets")[0] == 0
        assert b"c2VjcmV0" in Path(f"open.{suffix}").read_bytes()


def test_no_program_is_left_where_none_can_be(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    status, _, err = _run(capfdbinary, "2", "--to", "talk.sh")
    assert (status, err.splitlines()[0]) == (
        1,
        "tincans: no program in curl can say this again: there is no request of HTTP in it",
    )
    assert list(Path().iterdir()) == []


def test_packets_are_nothing_for_a_terminal() -> None:
    ours, theirs = os.openpty()
    try:
        command = tincans("export", "1", "--to", "-", "--format", "pcapng")
        done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert b"packets are nothing for a terminal" in done.stderr
