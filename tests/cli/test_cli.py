"""The command itself: its help, its near misses, its errors and its exit status."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import click
import pytest

from running import run, start, tincans
from tincans import cli
from tincans.cli import COMMANDS, guarded, main
from tincans.cli.options import Settings
from tincans.errors import ChannelBroken, ConnectionRefused

Told = pytest.CaptureFixture[str]


def fails(told: Told, *arguments: str) -> tuple[int, str, str]:
    """The exit status, the sentence and the advice of a command that fails in this process."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = told.readouterr()
    sentence, advice = err.splitlines()
    assert not out
    assert sentence.startswith("tincans: ")
    assert advice.startswith("  ")
    assert isinstance(ended.value.code, int)
    return ended.value.code, sentence.removeprefix("tincans: "), advice.strip()


def test_help_groups_the_commands_by_the_four_parts(capsys: Told) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "tincans connect ──calls──► tincans relay ──calls──► tincans listen" in text
    order = re.findall(r"^(The server|The client|The channel|  listen|  connect|  relay)", text, re.MULTILINE)
    assert order == ["The server", "  listen", "The client", "  connect", "The channel", "  relay"]
    assert all(re.search(rf"^  {name} ", text, re.MULTILINE) for name in COMMANDS)
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize("name", ["listen", "connect", "relay", "cert"])
def test_every_command_has_its_help_and_the_common_options(capsys: Told, name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert f"Usage: tincans {name}" in text
    assert "--debug" in text
    assert "--verbose" in text


def test_no_command_is_answered_with_the_help(capsys: Told) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "Usage: tincans" in capsys.readouterr().err


def test_it_tells_its_version(capsys: Told) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"tincans {metadata.version('tincans')}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence", "advice"),
    [
        (["conect"], "there is no command 'conect', did you mean 'connect'?", "tincans --help says what it takes."),
        (["xyzzy"], "there is no command 'xyzzy'", "tincans --help says what it takes."),
        (
            ["relay", "--hx", ":1", ":2"],
            "there is no option '--hx', did you mean '--hex'?",
            "tincans relay --help says what it takes.",
        ),
        (["--vresion"], "there is no option '--vresion', did you mean '--version'?", "tincans --help says what"),
        (["connect"], "ADDRESS is missing", "tincans connect --help"),
        (["relay", ":1"], "TARGET is missing", "tincans relay --help"),
        (["connect", ":1", "--timeout", "x"], "invalid value for '--timeout': 'x' is not a valid number of", "tincans"),
        (["connect", ":1", ":2"], "got unexpected extra argument (:2)", "tincans connect --help"),
        (["connect", "htp://x:1"], "'htp://x:1' is not an address: there is no scheme 'htp', did", "An address names"),
        (["connect", "unix:x", "--from", "9"], "--from is for tcp and udp, and unix:x is neither", "Add --help"),
        (["connect", ":1", "--from", "x:y"], "'tcp://x:y' is not an address: the port 'y' is not a", "An address"),
        (["listen", ":0", "ecko"], "there is no app 'ecko', did you mean 'echo'?", "Add --help"),
        (["listen", ":0", "--workers", "2"], "--workers needs an app that answers every caller", "Add --help"),
        (["listen", ":0", "--json"], "--as, --full, --json and --secrets show what callers", "Add --help"),
    ],
)
def test_a_wrong_command_is_told_in_a_sentence_and_an_advice(
    capsys: Told, arguments: list[str], sentence: str, advice: str
) -> None:
    status, told, advised = fails(capsys, *arguments)
    assert status == 2
    assert told.startswith(sentence)
    assert advised.startswith(advice)


@pytest.mark.parametrize("arguments", [["--debug", "connect", ":x"], ["connect", ":x", "--debug"]])
def test_a_traceback_is_printed_only_with_debug(capsys: Told, arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert "AddressError" in err
    assert "\ntincans: ':x' is not an address" in err


def raising(error: BaseException) -> Callable[[], object]:
    def work() -> object:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (
            ConnectionRefused("tcp://a:1"),
            1,
            "tincans: cannot connect to tcp://a:1: the connection was refused\n  Nobody",
        ),
        (FileNotFoundError(2, "No such file", "x"), 1, "tincans: x: no such file\n  Run the command again with"),
        (OSError("odd"), 1, "tincans: odd\n  Run the command again"),
        (ZeroDivisionError("division"), 1, "tincans: ZeroDivisionError: division\n  This is a mistake in tincans"),
        (ChannelBroken("\x1b[31m"), 1, "tincans: the channel is broken: \\x1b[31m\n"),
        (click.FileError("x", "gone"), 1, "tincans: could not open file 'x': gone\n"),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
    ],
)
def test_a_failure_has_its_sentence_and_its_status(capsys: Told, error: BaseException, status: int, told: str) -> None:
    assert guarded(raising(error), Settings()) == status
    assert capsys.readouterr().err.startswith(told)


def test_what_the_work_returns_is_the_status() -> None:
    assert guarded(lambda: None, Settings()) == 0
    assert guarded(lambda: 3, Settings()) == 3


def test_a_reader_that_has_gone_is_no_failure_to_speak_of() -> None:
    with subprocess.Popen(tincans("--help"), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE == cli.PIPE_CLOSED


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_it_was_started_without_is_nothing(closed: str, tmp_path: Path) -> None:
    command = tincans("listen", ":0", "--no-record", "--once", "--port-file", str(tmp_path / "port"))
    with start(["sh", "-c", f'exec "$@" {closed}', "sh", *command]) as running:
        running.wait_for_file(tmp_path / "port")
        with socket.create_connection(("127.0.0.1", int((tmp_path / "port").read_text()))) as caller:
            caller.sendall(b"hello")
            caller.shutdown(socket.SHUT_WR)
            assert caller.recv(1) == b""
        running.wait(0)


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    heavy = "{'asyncio', 'msgspec', 'rich', 'ssl', 'cryptography', 'uvloop', 'logging', 'websockets', 'platformdirs'}"
    program = f"import tincans.cli, sys; print(sorted({heavy} & set(sys.modules)))"
    assert run([sys.executable, "-c", program]) == b"[]\n"


def test_a_shell_completes_commands_and_addresses() -> None:
    def complete(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_TINCANS_COMPLETE": "bash_complete"}
        return run(tincans(), env=words).decode().split()

    assert complete("tincans rel") == ["plain,relay"]
    assert complete("tincans listen :0 ec") == ["plain,echo"]
    assert complete("tincans connect un") == ["plain,unix:"]
