from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from running import run, tincans
from tincans import tin
from tincans.channel import Side
from tincans.cli import main
from tincans.conversation import Closed, Dropped, Ended, Entry, How, Joined, Kind, Noted, Opened, Said, Secured
from tincans.journal import open_journal

AT = 1_600_000_000_123_456_789
K: dict[str, Any] = {"conversation": 1}
EVERYTHING: list[Entry] = [
    Opened(**K, at=AT, kind=Kind.RELAY, name="front", client="tcp://10.0.0.1:5", near="tcp://10.0.0.2:6",
           server="unix:///run/\x1b x", boundaries=True, facts={"tls.sni": "grüße \u202e"}),
    Joined(**K, at=AT + 1, far="unix:", server="unix:///run/x", facts={"tls.alpn": ""}),
    Said(**K, at=AT + 2, side=Side.CLIENT, data=bytes(range(256)) * 300),
    Said(**K, at=AT - 5, side=Side.SERVER, data=b""),
    Dropped(**K, at=AT + 3, side=Side.CLIENT, count=10**12, reason="\x1b[2J "),
    Secured(**K, at=AT + 3, facts={"tls.version": "TLSv1.3"}),
    Noted(**K, at=AT + 4, text=" a note \\ "),
    Ended(**K, at=AT + 5, side=Side.SERVER),
    Closed(**K, at=AT + 10**18, how=How.RESET, by=Side.SERVER, detail="gone"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_JOURNAL", str(tmp_path / "journal"))
    monkeypatch.chdir(tmp_path)


def _run(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert isinstance(stop.value.code, int)
    out, err = capfdbinary.readouterr()
    return stop.value.code, out.decode(), err.decode()


def _recorded(number: int) -> list[Entry]:
    async def read() -> list[Entry]:
        journal = open_journal()
        entries = [entry async for entry in journal.read(number)]
        await journal.aclose()
        return entries

    return asyncio.run(read())


def _write(name: str, entries: list[Entry]) -> None:
    Path(name).write_text("".join(tin.write(entries)))


def test_every_entry_comes_back_with_its_time(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _write("a.tin", EVERYTHING)
    assert _run(capfdbinary, "import", "a.tin") == (0, "a.tin is conversation 1\n", "")
    assert _recorded(1) == EVERYTHING
    assert _run(capfdbinary, "export", "1", "--to", "b.tin", "--as", "raw") == (0, "", "")
    assert Path("b.tin").read_bytes() == Path("a.tin").read_bytes()


def test_several_files_of_several_conversations(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    second = [replace(entry, conversation=2) for entry in EVERYTHING]
    _write("a.tin", [*EVERYTHING, *second])
    _write("b.tin", EVERYTHING)
    status, out, _ = _run(capfdbinary, "import", "a.tin", "b.tin")
    assert (status, out.splitlines()) == (
        0, ["a.tin is conversation 1", "a.tin is conversation 2", "b.tin is conversation 3"],
    )  # fmt: skip
    assert _recorded(2) == second


def test_what_is_written_by_hand_may_be_short(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Path("a.tin").write_bytes(b"C\r\n    hello\\n\r\n\r\nS ends\r\n")
    assert _run(capfdbinary, "import", "a.tin")[0] == 0
    assert [type(entry) for entry in _recorded(1)] == [Opened, Said, Ended, Closed]
    assert _recorded(1)[-1] == Closed(conversation=1, at=0, how=How.LOST)


def test_stdin_and_pipes(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _write("a.tin", EVERYTHING)
    data = Path("a.tin").read_bytes()
    assert run(tincans("import", "-"), stdin=data) == b"- is conversation 1\n"
    assert run(["sh", "-c", f"cat a.tin | {tincans()[0]} import -"]) == b"- is conversation 2\n"
    assert run(["sh", "-c", f"cat a.tin | {tincans()[0]} import /dev/stdin"]) == b"/dev/stdin is conversation 3\n"
    assert [entry.at for entry in _recorded(3)] == [entry.at for entry in EVERYTHING]


@pytest.mark.parametrize(
    ("text", "status", "sentence"),
    [
        (b"", 2, "bad.tin, line 0: there is no conversation in it"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 2, "bad.tin, line 1: 'GET' is nothing that happens in a conversation"),
        (b"\x0a\x0d\x0d\x0a\x1b[2J\xff" * 999, 2, r"bad.tin, line 4: '\x1b[2J\udcff' is nothing"),
        (b"tincans conversation 9\n", 2, "bad.tin, line 1: it is of format 9"),
        (b"closed finished\nC ends\n", 1, "bad.tin: nothing can happen in a conversation after it was closed"),
        (b"opened: 0001-01-01\n\nC ends", 1, "bad.tin: a conversation has a time or a size that no journal can keep"),
        (b"99999999999999999999.0 C ends", 1, "bad.tin: a conversation has a time or a size that no journal can keep"),
        (b"C dropped -1 x", 1, "bad.tin: a conversation has a time or a size that no journal can keep"),
        (b"C hex\n    0", 2, "bad.tin, line 1: non-hexadecimal number found"),
    ],
)
def test_what_makes_no_sense_leaves_nothing(
    capfdbinary: pytest.CaptureFixture[bytes], text: bytes, status: int, sentence: str
) -> None:
    _write("good.tin", EVERYTHING)
    Path("bad.tin").write_bytes(text)
    found, out, err = _run(capfdbinary, "import", "good.tin", "bad.tin")
    assert (found, out) == (status, "")
    assert err.startswith(f"tincans: {sentence}")
    assert err.replace("\n", "").isprintable()
    assert not Path("journal").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("no.tin",), 1, "no.tin: no such file or directory"),
        ((".",), 2, "is a directory"),
        ((), 2, "is missing"),
    ],
)
def test_mistakes(
    capfdbinary: pytest.CaptureFixture[bytes], arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    found, out, err = _run(capfdbinary, "import", *arguments)
    assert (found, out) == (status, "")
    assert sentence in err.splitlines()[0]


def test_the_module_is_named_so_that_python_can_import_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), write_through=True))
    with pytest.raises(SystemExit) as stop:
        main(["import", "--help"])
    assert stop.value.code == 0
