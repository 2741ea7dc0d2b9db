from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tincans.channel import Side
from tincans.cli import main
from tincans.conversation import How, Kind, Opening
from tincans.journal import open_journal

TINCANS = [sys.executable, "-c", "from tincans.cli import main; main()"]


async def _record(where: Path) -> None:
    journal = open_journal(where)
    tap = journal.begin(
        Opening(kind=Kind.RELAY, name="front", client="tcp://10.0.0.1:50312", server="tcp://10.0.0.9:7707")
    )
    tap.said(Side.CLIENT, b"hello")
    tap.said(Side.SERVER, b"x" * 2048)
    tap.closed(How.FINISHED, Side.CLIENT)
    tap = journal.begin(Opening(kind=Kind.LISTEN, client="tcp://10.0.0.2:50312", server="unix:/run/\x1b[2Jx"))
    tap.carried(Side.CLIENT, 5000)
    tap.closed(How.RESET, Side.CLIENT, "connection reset by peer")
    tap = journal.begin(Opening(kind=Kind.CONNECT, client="tcp://10.0.0.3:50312", server="tcp://10.0.0.9:1"))
    tap.closed(How.FAILED, detail="the connection was refused")
    await journal.aclose()


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    where = tmp_path / "journal"
    asyncio.run(_record(where))
    monkeypatch.setenv("TINCANS_JOURNAL", str(where))
    return where


def _run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["conversations", *arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code, *capfd.readouterr()


def _listed(capfd: pytest.CaptureFixture[str], *arguments: str) -> list[int]:
    status, out, _ = _run(capfd, "--json", *arguments)
    assert status == 0
    return [json.loads(line)["number"] for line in out.splitlines()]


@pytest.mark.usefixtures("journal")
def test_in_a_pipe_it_prints_plain_columns(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = _run(capfd)
    head, first, second, third = (line.split() for line in out.splitlines())
    assert (status, err) == (0, "")
    assert head[:4] == ["ID", "BEGAN", "LASTED", "KIND"]
    assert first[5:11] == ["relay", "front", "tcp://10.0.0.1:50312", "tcp://10.0.0.9:7707", "5", "B"]
    assert first[11:] == ["2.0", "KiB", "finished,", "the", "client", "first"]
    assert " ".join(second).endswith("reset by the client (connection reset by peer); 4.9 KiB not recorded")
    assert " ".join(third).endswith("failed (the connection was refused)")
    assert r"unix:/run/\x1b[2Jx" in second
    assert "\x1b" not in out


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ((), [1, 2, 3]),
        (("--party", "10.0.0.9"), [1, 3]),
        (("--kind", "listen"), [2]),
        (("--open",), []),
        (("--failed",), [2, 3]),
        (("--name", "front"), [1]),
        (("--limit", "1"), [3]),
        (("--since", "1h"), [1, 2, 3]),
        (("--since", "0.0000001s"), []),
        (("--since", "2001-01-01"), [1, 2, 3]),
        (("--since", "99999999999999999999d"), [1, 2, 3]),
        (("--since", "2999-01-01T12:00:00+02:00"), []),
        (("--failed", "--party", "refused"), []),
    ],
)
def test_filters(capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], numbers: list[int]) -> None:
    assert _listed(capfd, *arguments) == numbers


def test_json_has_all_of_it(journal: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _run(capfd, "--json", "--limit", "2", "--journal", str(journal))
    told = json.loads(out.splitlines()[0])
    assert (told["kind"], told["client_bytes"], told["dropped"], told["how"]) == ("listen", 5000, 5000, "reset")


@pytest.mark.parametrize("since", ["soon", "10", "10y", "2026-13-01", ""])
def test_a_bad_moment_is_told(capfd: pytest.CaptureFixture[str], since: str) -> None:
    status, out, err = _run(capfd, "--since", since)
    assert (status, out) == (2, "")
    assert "2026-11-22T14:30" in err


@pytest.mark.usefixtures("journal")
def test_nothing_found_is_no_failure(capfd: pytest.CaptureFixture[str]) -> None:
    assert _run(capfd, "--party", "nobody") == (0, "", "no conversation is recorded, or none matches\n")


def test_without_a_journal_it_fails_and_makes_none(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = _run(capfd, "--journal", str(tmp_path / "none"))
    assert (status, out) == (1, "")
    assert err.startswith("tincans: there is no journal in ")
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("journal")
def test_on_a_terminal_it_prints_a_table_in_colour() -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "140"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen([*TINCANS, "conversations"], stdout=theirs, env=environment) as process:
        os.close(theirs)
        out = b""
        while data := _read(ours):
            out += data
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[31m" in out
    assert b"\x1b[2J" not in out
    assert rb"\x1b[2Jx" in out


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: nobody has the other end any more
        return b""
