"""Two recordings compared by the real command: what it prints, and its exit status."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tincans.channel import Side
from tincans.cli import main
from tincans.conversation import How, Kind, Opening
from tincans.journal import open_journal

REQUEST = b"GET /%s HTTP/1.1\r\nHost: localhost:%d\r\nAuthorization: Bearer %s\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 21:22:0%d GMT\r\nContent-Length: 8\r\n\r\n{\n  %d\n}\n"

ONE = (REQUEST % (b"a", 40000, b"one"), RESPONSE % (1, 1), How.FINISHED)
SAME = (REQUEST % (b"a", 40001, b"one"), RESPONSE % (2, 1), How.FINISHED)
OTHER = (REQUEST % (b"b", 40000, b"two"), RESPONSE % (1, 2), How.RESET)


async def _record(where: Path) -> None:
    journal = open_journal(where)
    for request, response, how in (ONE, SAME, OTHER):
        tap = journal.begin(Opening(kind=Kind.LISTEN, client="tcp://10.0.0.1:5", server="tcp://10.0.0.9:80"))
        tap.said(Side.CLIENT, request)
        tap.said(Side.SERVER, response)
        tap.closed(how)
    await journal.aclose()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("diff") / "journal"
    asyncio.run(_record(where))
    return where


def diff(capfd: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> tuple[int, list[str], str]:
    with pytest.raises(SystemExit) as stop:
        main(["diff", *arguments, "--journal", str(folder)])
    assert isinstance(stop.value.code, int)
    out, err = capfd.readouterr()
    return stop.value.code, out.splitlines(), err


def test_those_that_differ_in_noise_alone_are_the_same(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    assert diff(capfd, folder, "1", "2") == (0, [], "")
    assert diff(capfd, folder, "1", "1", "--all", "--secrets") == (0, [], "")


def test_noise_is_compared_when_it_is_asked_for(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    status, out, _ = diff(capfd, folder, "1", "2", "--all")
    assert status == 1
    assert [line for line in out if line[0] in "+-"][2:] == [
        "-   Host: localhost:40000",
        "+   Host: localhost:40001",
        "-   Date: Tue, 24 Nov 2026 21:22:01 GMT",
        "+   Date: Tue, 24 Nov 2026 21:22:02 GMT",
    ]


def test_what_was_said_differently_is_printed_as_diff_does(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    status, out, err = diff(capfd, folder, "1", "last")
    assert (status, err) == (1, "")
    assert out[0].startswith("--- #1  tcp://10.0.0.1:5 calls tcp://10.0.0.9:80, ")
    assert out[1].startswith("+++ #3  ")
    assert out[2:7] == [
        "@@ C: event 1 and event 1 @@",
        "-C: GET /a HTTP/1.1",
        "+C: GET /b HTTP/1.1",
        "    Host: localhost:40000",
        "    Authorization: Bearer ******",
    ]
    assert "-     1" in out
    assert "+     2" in out
    assert out[-3:] == ["@@ how it ended @@", "-finished", "+reset"]


def test_secrets_are_compared_when_they_are_asked_for(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    _, out, _ = diff(capfd, folder, "1", "3", "--secrets")
    assert "-   Authorization: Bearer one" in out
    assert "+   Authorization: Bearer two" in out


def test_as_another_protocol(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    _, out, _ = diff(capfd, folder, "1", "3", "--as", "lines")
    assert "-C: GET /a HTTP/1.1\\r\\n" in out


def test_json_has_a_difference_a_line(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    status, out, _ = diff(capfd, folder, "1", "3", "--json")
    first, *_, last = map(json.loads, out)
    assert status == 1
    assert first == {
        "type": "difference", "side": "client", "one_event": 1, "other_event": 1,
        "one": ["GET /a HTTP/1.1"], "other": ["GET /b HTTP/1.1"],
    }  # fmt: skip
    assert last == {"type": "ended", "one": "finished", "other": "reset"}
    assert diff(capfd, folder, "1", "2", "--json")[:2] == (0, [])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["1", "99"], "there is no conversation 99 in the journal"),
        (["1"], "ID is missing"),
        (["1", "x"], "neither a conversation's number nor 'last'"),
        (["1", "2", "--as", "lnes"], "'lnes' is not a protocol"),
        (["1", "2", "--journal", "/nowhere/at/all"], "there is no journal in"),
    ],
)
def test_trouble_has_a_status_of_its_own(
    capfd: pytest.CaptureFixture[str], folder: Path, arguments: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["diff", "--journal", str(folder), *arguments])
    assert stop.value.code == 2
    assert sentence in capfd.readouterr().err


def test_a_journal_that_cannot_be_read_is_trouble(
    capfd: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tincans.cli.diff._read", refuse)
    status, out, err = diff(capfd, folder, "1", "2")
    assert (status, out) == (2, [])
    assert err.startswith("tincans: the journal cannot be read: permission denied\n")
