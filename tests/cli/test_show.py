from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from partners import AtTerminal
from tincans.channel import Side
from tincans.cli import main, show, voice
from tincans.conversation import Entry, How, Kind, Noted, Opening
from tincans.journal import open_journal

TINCANS = [sys.executable, "-c", "from tincans.cli import main; main()"]

EVERY_BYTE = bytes(range(256))


async def _record(where: Path) -> None:
    journal = open_journal(where)
    tap = journal.begin(
        Opening(kind=Kind.RELAY, name="front", client="tcp://10.0.0.1:5", server="tcp://10.0.0.9:7", near="tcp://h:1")
    )
    tap.joined("tcp://10.0.0.8:6", "tcp://10.0.0.9:7", {})
    tap.said(Side.CLIENT, b"list\r\nall\r\n")
    tap.said(Side.SERVER, b"\x1b[2J\x07\x9b\r\n" + "\u202e".encode())
    tap.noted("no half-close \x1b[0m")
    tap.ended(Side.CLIENT)
    tap.closed(How.RESET, Side.SERVER, "gone \x1b[0m")
    tap = journal.begin(Opening(kind=Kind.LISTEN, client="unix:", server="unix:/run/x"))
    for _ in range(40):
        tap.said(Side.SERVER, EVERY_BYTE * 1000)
        tap.said(Side.CLIENT, b"?")
    tap.closed(How.FINISHED)
    tap = journal.begin(Opening(kind=Kind.LISTEN, client="unix:", server="unix:/run/x"))
    tap.said(Side.SERVER, b"hello")
    tap.carried(Side.SERVER, 1000)
    tap.closed(How.FINISHED)
    await journal.aclose()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("show") / "journal"
    asyncio.run(_record(where))
    return where


@pytest.fixture(autouse=True)
def _journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_JOURNAL", str(folder))
    monkeypatch.setenv("TZ", "UTC")


def _run(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, bytes, bytes]:
    with pytest.raises(SystemExit) as stop:
        main(["show", *arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code, *capfdbinary.readouterr()


def test_text_is_a_script_of_what_was_said(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    status, out, err = _run(capfdbinary, "1")
    assert (status, err) == (0, b"")
    head, *lines = out.decode().splitlines()
    assert head.endswith(", relay front")
    assert [line.partition("#1  ")[2] or line.strip() for line in lines] == [
        "tcp://10.0.0.1:5 calls tcp://h:1 (front)",
        "tcp://10.0.0.9:7 answers; it is called from tcp://10.0.0.8:6",
        r"C:       6 B  list\r\n",
        r"C:       5 B  all\r\n",
        r"S:       8 B  \x1b[2J\a\x9b\r\n",
        r"no half-close \x1b[0m",
        "C: the client has ended what it says",
        r"S:       3 B  \xe2\x80\xae",
        lines[-1].partition("#1  ")[2],
    ]
    assert r"reset by the server (gone \x1b[0m): C 11 B, S 11 B in " in lines[-1]


@pytest.mark.parametrize("form", [(), ("--hex",), ("--json",)])
def test_hostile_bytes_never_reach_the_terminal(
    capfdbinary: pytest.CaptureFixture[bytes], form: tuple[str, ...]
) -> None:
    _, out, _ = _run(capfdbinary, "1", *form)
    assert "".join(out.decode().split("\n")).isprintable()


def test_hex(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _, out, _ = _run(capfdbinary, "#1", "--hex")
    lines = [line.strip() for line in out.decode().splitlines()]
    at = lines.index("00000000  6c 69 73 74 0d 0a                                 |list..|")
    assert lines[at - 1].endswith(r"C:       6 B  list\r\n")
    assert lines[at + 2] == "00000006  61 6c 6c 0d 0a                                    |all..|"


def test_raw_is_byte_exact(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert _run(capfdbinary, "2", "--raw", "server") == (0, EVERY_BYTE * 40_000, b"")
    assert _run(capfdbinary, "2", "--raw", "client") == (0, b"?" * 40, b"")


def test_raw_with_a_gap_says_so(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    status, out, err = _run(capfdbinary, "last", "--raw", "server")
    assert (status, out) == (1, b"hello")
    assert err.startswith(b"tincans: 1000 bytes of it are not in the recording\n")
    assert _run(capfdbinary, "last", "--raw", "client") == (0, b"", b"")


def test_json_has_every_entry(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _, out, _ = _run(capfdbinary, "1", "--json")
    entries = [json.loads(line) for line in out.splitlines()]
    assert [entry["type"] for entry in entries] == [
        "opened", "joined", "line", "line", "line", "noted", "ended", "line", "closed",
    ]  # fmt: skip
    assert [entry["line"] for entry in entries if entry["type"] == "line"] == [
        "list", "all", "\x1b[2J\x07\\x9b", "\u202e",
    ]  # fmt: skip


def test_what_is_spoken_is_chosen(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _, out, _ = _run(capfdbinary, "1", "--as", "raw", "--json")
    entries = [json.loads(line) for line in out.splitlines()]
    assert [entry["type"] for entry in entries] == ["opened", "joined", "data", "data", "noted", "ended", "closed"]
    assert base64.b64decode(entries[2]["data"]) == b"list\r\nall\r\n"


def test_a_huge_conversation_is_cut_and_shown_whole_on_request(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _, out, _ = _run(capfdbinary, "2")
    assert out.count(b"  |") == 16 * 8
    assert re.search(r"S: +250.0 KiB  more, not shown \(--full shows all\)\n", out.decode())
    _, out, _ = _run(capfdbinary, "2", "--full", "--hex")
    assert out.count(b"  |") == 40 * 16_000 + 40


def test_a_gap_is_told(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _, out, _ = _run(capfdbinary, "3")
    assert [line.partition("#3  ")[2] for line in out.decode().splitlines()[2:4]] == [
        "S:       5 B  hello",
        "S:    1000 B  more, it was passed on without being looked at",
    ]


def test_last_is_the_newest(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert _run(capfdbinary, "last") == _run(capfdbinary, "3")


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("99",), 1, "there is no conversation 99 in the journal"),
        (("x",), 2, "'x' is neither a conversation's number nor 'last'"),
        (("0",), 2, "'0' is neither"),
        (("99999999999999999999",), 2, "is neither"),
        (("1", "--raw", "client", "--hex"), 2, "--raw is the bytes alone"),
        (("1", "--raw", "client", "--json"), 2, "--raw and --json are forms of their own: choose one"),
        (("1", "--diagram", "--json"), 2, "--diagram and --json are forms of their own"),
        (("1", "--diagram=svg", "--follow"), 2, "it goes without --follow"),
        (("1", "--diagram=png"), 2, "png"),
        (("1", "--as", "htp"), 2, "'htp' is not a protocol: did you mean 'http'?"),
        (("1", "--raw", "both"), 2, "both"),
    ],
)
def test_mistakes(
    capfdbinary: pytest.CaptureFixture[bytes], arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    found, out, err = _run(capfdbinary, *arguments)
    assert (found, out) == (status, b"")
    assert sentence in err.decode()


def test_last_of_nothing_is_told(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    asyncio.run(open_journal(tmp_path / "empty").aclose())
    status, _, err = _run(capfdbinary, "last", "--journal", str(tmp_path / "empty"))
    assert (status, err.splitlines()[0]) == (1, b"tincans: no conversation is recorded yet")


@pytest.mark.parametrize("form", [["--raw", "server"], ["--full", "--hex"], ["--full", "--json"]])
def test_who_stops_reading_is_no_failure(form: list[str]) -> None:
    process = subprocess.Popen([*TINCANS, "show", "2", *form], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(os.read(process.stdout.fileno(), 10)) == 10
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + 13


def test_follow_goes_on_until_it_has_ended(tmp_path: Path) -> None:
    async def talk() -> bytes:
        journal = open_journal(tmp_path / "journal")
        tap = journal.begin(Opening(kind=Kind.LISTEN, client="unix:", server="unix:/run/x"))
        tap.said(Side.CLIENT, b"early ")
        await journal.flush()
        process = await asyncio.create_subprocess_exec(
            *TINCANS, "show", "last", "--follow", "--raw", "client", "--journal", str(tmp_path / "journal"),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        said = await process.stdout.readexactly(6)
        tap.said(Side.CLIENT, b"late")
        tap.closed(How.FINISHED)
        said += await process.stdout.read()
        assert await process.wait() == 0
        await journal.aclose()
        return said

    assert asyncio.run(talk()) == b"early late"


def test_colour_is_for_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    with AtTerminal([*TINCANS, "show", "1"]) as terminal:
        terminal.wait()
        assert "\x1b[36mlist\\r\\n\x1b[0m" in terminal.screen
        assert "\x1b[2J" not in terminal.screen
    monkeypatch.setenv("NO_COLOR", "1")
    with AtTerminal([*TINCANS, "show", "1"]) as terminal:
        terminal.wait()
        assert "\x1b" not in terminal.screen


def test_ctrl_c_ends_it_while_it_follows(tmp_path: Path) -> None:
    async def talk() -> None:
        journal = open_journal(tmp_path / "journal")
        tap = journal.begin(Opening(kind=Kind.LISTEN, client="unix:", server="unix:/run/x"))
        tap.said(Side.CLIENT, b"hello\n")
        await journal.flush()
        process = await asyncio.create_subprocess_exec(
            *TINCANS, "show", "last", "--follow", "--journal", str(tmp_path / "journal"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert rb"C:       6 B  hello\n" in await process.stdout.readuntil(b"hello\\n\n")
        process.send_signal(signal.SIGINT)
        assert (await process.communicate())[1] == b""
        assert process.returncode == 128 + 2
        await journal.aclose()

    asyncio.run(talk())


async def test_who_follows_is_told_of_every_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "SECOND", 0.001)
    told: list[Entry | str] = []
    spoke = asyncio.Event()

    class Printer:
        def print(self, entry: Entry) -> None:
            told.append(entry)

        def pause(self, at: int) -> None:
            told.append("pause")
            spoke.set()

        def end(self) -> int:
            return 0

    entries = [Noted(conversation=1, at=number, text="") for number in range(2)]

    async def coming() -> AsyncIterator[Entry]:
        yield entries[0]
        await spoke.wait()
        yield entries[1]

    await show._follow(coming(), Printer())
    assert told[:2] == [entries[0], "pause"]
    assert told[-1] == entries[1]


def test_a_diagram_is_drawn(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _, out, _ = _run(capfdbinary, "1", "--diagram")
    assert r"├─ list\r\n ──" in out.decode()
    _, out, _ = _run(capfdbinary, "1", "--diagram=svg")
    assert out.startswith(b"<svg ")
    assert out.endswith(b"</svg>\n")
