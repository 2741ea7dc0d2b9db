"""`tincans listen`: the server that an app answers for."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from running import PATIENCE, Program, recorded, serving, start, tincans
from tincans.cli import main
from tincans.users import Verifier


@contextmanager
def listening(*arguments: str, cwd: Path | None = None) -> Iterator[tuple[Program, int]]:
    """Run `tincans listen`, and give the port that it says."""
    with start(tincans("listen", "tcp://127.0.0.1:0", *arguments, "--no-record"), cwd=cwd) as running:
        found = running.wait_for(r"^listening on tcp://127\.0\.0\.1:(\d+)$", stream="err")
        yield running, int(found[1])


def ask(port: int, words: bytes) -> bytes:
    """Say `words`, end, and give the whole answer."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as caller:
        caller.sendall(words)
        caller.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: caller.recv(65536), b""))


def test_what_is_said_is_shown_and_the_totals_at_the_end() -> None:
    with listening("echo") as (running, port):
        assert ask(port, b"hello\x1b[31m\r\n") == b"hello\x1b[31m\r\n"
        running.wait_for("finished")
        running.process.send_signal(signal.SIGINT)
        running.wait(0)
        lines = [line.split("  ", 1)[1] for line in running.out.decode().splitlines()[:-1]]
        client = lines[0].split()[1]
        assert lines == [
            f"#1  {client} calls tcp://127.0.0.1:{port}",
            r"#1  C:      12 B  hello\x1b[31m\r\n",
            r"#1  S:      12 B  hello\x1b[31m\r\n",
            "#1  C: the client has ended what it says",
            lines[-1],
        ]
        assert lines[-1].startswith("#1  finished, the client first: C 12 B, S 12 B in ")
        assert running.out.decode().splitlines()[-1] == "1 conversation: C 12 B, S 12 B"
        assert running.err.decode() == f"listening on tcp://127.0.0.1:{port}\n"


def test_json_is_an_event_a_line() -> None:
    with listening("echo", "--json") as (running, port):
        ask(port, b"\x00\xff")
        running.wait_for('"closed"')
        running.stop()
        lines = running.out.splitlines()
        assert [json.loads(line)["type"] for line in lines] == ["opened", "data", "data", "ended", "closed", "totals"]
        assert base64.b64decode(json.loads(lines[1])["data"]) == b"\x00\xff"


def test_how_it_is_shown_is_chosen_and_a_wrong_protocol_is_one_sentence() -> None:
    with listening("echo", "--as", "lines:nul") as (running, port):
        ask(port, b"one\0two\n\0")
        running.wait_for("finished")
        assert re.search(r"C:       5 B  two\\n\n +\\x00\n", running.out.decode())
    with start(tincans("listen", ":0", "echo", "--as", "smpt")) as running:
        running.wait(2)
        assert running.err.decode().startswith("tincans: 'smpt' is not a protocol: did you mean 'smtp'?\n")


def test_a_process_and_a_function_answer_too(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "async def shout(channel):\n    await channel.send((await channel.receive()).upper())\n"
    )
    with listening("mine:shout", cwd=tmp_path) as (_, port):
        assert ask(port, b"hello") == b"HELLO"
    with listening("exec:sort", "--hex") as (running, port):
        assert ask(port, b"b\na\n") == b"a\nb\n"
        running.wait_for(r"00000002  62 0a +\|b\.\|")


def test_an_app_that_crashes_is_told_in_a_sentence_and_the_next_caller_served(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("async def app(channel):\n    await channel.receive()\n    1 / 0\n")
    with listening("mine:app", cwd=tmp_path) as (running, port):
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as caller:
                caller.sendall(b"hello")
                try:
                    assert caller.recv(1) == b""
                except ConnectionResetError:
                    pass
        running.wait_for(r"(?s)mine.py, line 3.*mine.py, line 3", stream="err")
        assert "ZeroDivisionError: division by zero" in running.err.decode()
        assert "Traceback" not in running.err.decode()


def test_once_serves_one_caller() -> None:
    with listening("echo", "--once") as (running, port):
        assert ask(port, b"hello") == b"hello"
        running.wait(0)


def test_the_port_file_is_there_whole_while_it_listens(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    port_file.write_text("1")  # what a killed process left behind
    with listening("discard", "--port-file", str(port_file)) as (running, port):
        assert port_file.read_text() == f"{port}\n"
        assert os.listdir(tmp_path) == ["port"]
        running.process.send_signal(signal.SIGTERM)
        running.wait(0)
    assert not port_file.exists()


def test_a_place_without_a_port_has_no_port_file(tmp_path: Path) -> None:
    command = tincans("listen", f"unix:{tmp_path}/s", "echo", "--port-file", str(tmp_path / "port"), "--no-record")
    with start(command) as running:
        running.wait(2)
        assert b"has no port that could be written to" in running.err


def test_a_warning_where_other_machines_can_call() -> None:
    with start(tincans("listen", "*:0", "echo", "--no-record")) as running:
        running.wait_for("^warning: every machine that can reach this one", stream="err")


def test_open_channels_may_finish_and_a_second_signal_cuts_them_off() -> None:
    with listening("echo") as (running, port), socket.create_connection(("127.0.0.1", port), PATIENCE) as caller:
        caller.sendall(b"one")
        assert caller.recv(10) == b"one"
        running.process.send_signal(signal.SIGINT)
        running.wait_for("stopping: 1 caller may go on for 5 s; Ctrl-C ends that too", stream="err")
        caller.sendall(b"two")
        assert caller.recv(10) == b"two"
        running.process.send_signal(signal.SIGINT)
        running.wait(0)
        assert "stopped by tincans" in running.out.decode()


def test_a_silent_caller_is_closed_and_clients_are_limited() -> None:
    with listening("echo", "--idle", "0.1", "--clients", "1") as (running, port):
        with (
            socket.create_connection(("127.0.0.1", port), PATIENCE) as first,
            socket.create_connection(("127.0.0.1", port), PATIENCE) as second,
        ):
            second.sendall(b"let me in")
            assert first.recv(1) == b""  # it said nothing, and had its turn
            assert second.recv(100) == b"let me in"
        running.wait_for("closed, as nothing was said any more")


def test_it_ends_when_whoever_reads_its_output_has_gone() -> None:
    command = tincans("listen", "tcp://127.0.0.1:0", "echo", "--no-record")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        port = int(process.stderr.readline().rsplit(b":")[-1])
        ask(port, b"hello")
        assert b"calls" in process.stdout.readline()
        process.stdout.close()  # as `| head -1` does
        ask(port, b"hello again")
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_quiet_says_nothing_and_the_journal_hears_all(tmp_path: Path) -> None:
    with serving("listen", ":0", "echo", journal=tmp_path / "journal") as server:
        assert ask(server.port, b"hello") == b"hello"
        server.program.stop()
        assert server.program.out == b""
        assert server.program.err == b""
    (conversation,) = recorded(tmp_path / "journal")
    assert (conversation.client, conversation.server) == (b"hello", b"hello")


def test_workers_share_the_port_and_the_journal(tmp_path: Path) -> None:
    with serving("listen", ":0", "echo", "--workers", "2", journal=tmp_path / "journal") as server:
        for number in range(8):
            assert ask(server.port, b"%d" % number) == b"%d" % number
        server.program.process.send_signal(signal.SIGINT)
        server.program.wait(0)
    assert sorted(heard.client for heard in recorded(tmp_path / "journal")) == [b"%d" % number for number in range(8)]


# ── what an app is told ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["echo", "--write"], "echo has no use for the setting 'write' (it takes none at all)"),
        (["http:.", "--keep", "3"], "http:. has no use for the setting 'keep' (it takes guests, users, write)"),
        (["exec:cat", "--no-guests"], "exec:cat has no use for the setting 'guests' (it takes none at all)"),
        (["--write"], "--write is for an app, and without one you answer yourself"),
        (["ecco", "--write"], "there is no app 'ecco', did you mean 'echo'?"),
        (["http:/no/such"], "'/no/such' is no folder: no such file or directory"),
        (["ftp:.", "--passive", "5"], "'5' are no ports: write the first and the last, as in 50000-50100"),
        (["ftp:.", "--users", "/no/such"], "/no/such: cannot be read: no such file or directory"),
        (["ftp:.", "--cert", "/no/such"], "TLS cannot be offered: the file '/no/such' cannot be used: no such file"),
        (["ftp:.", "--tls", "on"], "invalid value for '--tls': 'on' is not one of 'off', 'offered', 'required'"),
    ],
)
def test_a_setting_that_is_not_right_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["listen", ":0", *arguments, "--no-record"])
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(f"tincans: {sentence}")
    assert len(err.splitlines()) == 2


def fetch(port: int, **request: Any) -> tuple[int, bytes]:
    """The status and the body that `/file` is answered with."""
    caller = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        caller.request(**{"method": "GET", "url": "/file", **request})
        answer = caller.getresponse()
        return answer.status, answer.read()
    finally:
        caller.close()


def test_an_app_serves_as_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    users = tmp_path / "users.toml"
    users.write_text(f"[users]\nann = '{Verifier.of('pencil', rounds=4096)}'\n")
    ann = {"Authorization": f"Basic {base64.b64encode(b'ann:pencil').decode()}"}
    with listening(f"http:{tmp_path}") as (_, port):
        assert fetch(port) == (200, b"hello")
        assert fetch(port, method="PUT", body=b"no")[0] in (403, 405)
    with listening(f"http:{tmp_path}", "--write", "--users", str(users)) as (_, port):
        assert fetch(port)[0] == 401
        assert fetch(port, headers=ann) == (200, b"hello")
        assert fetch(port, method="PUT", body=b"goodbye", headers=ann)[0] in (200, 201, 204)
        assert fetch(port, headers=ann) == (200, b"goodbye")
    with listening(f"http:{tmp_path}", "--users", str(users), "--guests") as (_, port):
        assert fetch(port) == (200, b"goodbye")
