"""`tincans relay`: the channel between the two, and what it shows."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

from partners import ByHand, read_all
from running import free_port, recorded, run, start, tincans


def test_who_calls_whom_what_is_said_and_how_it_ends(tmp_path: Path) -> None:
    def serve(caller: socket.socket) -> None:
        assert read_all(caller) == b"what is\r\nthere?"
        caller.sendall(b"this:\r\n" + b"x" * 3000)

    journal = str(tmp_path / "journal")
    with ByHand(serve) as server, start(
        tincans("relay", "tcp://127.0.0.1:0", f":{server.port}", "--journal", journal)
    ) as running:  # fmt: skip
        port = running.wait_for(r"listening on tcp://127.0.0.1:(\d+)", stream="err")[1]
        answer = run(tincans("connect", f":{port}", "--no-record"), stdin=b"what is\r\nthere?")
        assert len(answer) == 3007
        running.wait_for("finished")
        running.process.send_signal(signal.SIGINT)
        running.wait(0)
        text = re.sub(r"^\d\d:\d\d:\d\d\.\d{3}  ", "", running.out.decode(), flags=re.MULTILINE)
    expected = rf"""
#1  tcp://127\.0\.0\.1:\d+ calls tcp://127\.0\.0\.1:{port}
#1  tcp://127\.0\.0\.1:{server.port} answers; it is called from tcp://127\.0\.0\.1:{server.peer[1]}
#1  C:       9 B  what is\\r\\n
#1  C:       6 B  there\?
#1  C: the client has ended what it says
#1  S:       7 B  this:\\r\\n
#1  S:   2\.9 KiB  x{{320}} … and 2680 characters more
#1  S: the server has ended what it says
#1  finished, the client first: C 15 B, S 2\.9 KiB in .+
1 conversation: C 15 B, S 2\.9 KiB
"""
    assert re.fullmatch(expected.lstrip(), text), text
    (conversation,) = recorded(Path(journal))
    assert conversation.server == answer


def test_secrets_are_masked_and_what_begins_in_the_middle_is_told(tmp_path: Path) -> None:
    def serve(caller: socket.socket) -> None:
        assert read_all(caller) == b"login me hunter2\nswitch lines\nhello\n"
        caller.sendall(b"hi\n")

    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    protocol = ("--as", "secretive:SecretiveSession")
    journal = ("--journal", str(tmp_path / "journal"))
    with ByHand(serve) as server:
        with start(tincans("relay", "tcp://127.0.0.1:0", f":{server.port}", *protocol, *journal), env=env) as running:
            port = running.wait_for(r"listening on tcp://127.0.0.1:(\d+)", stream="err")[1]
            run(tincans("connect", f":{port}", "--no-record"), stdin=b"login me hunter2\nswitch lines\nhello\n")
            running.wait_for("finished")
            running.stop()
            shown = running.out.decode()
    assert [line.partition("#1  ")[2] for line in shown.splitlines()[2:6]] == [
        "C:      17 B  login me ******",
        "C:      13 B  switch lines",
        "C:            lines from here",
        r"C:       6 B  hello\n",
    ]
    for how in ([], ["--hex"], ["--json"], ["--diagram"], ["--diagram=svg"]):
        for secrets in ([], ["--secrets"]):
            with start(tincans("show", "1", *how, *secrets, *protocol, *journal), env=env) as running:
                running.wait(0)
                assert (b"hunter2" in running.out) == bool(secrets), (how, secrets)


def test_a_target_that_cannot_be_reached_is_told_and_the_relay_goes_on() -> None:
    target = free_port()
    with start(tincans("relay", "tcp://127.0.0.1:0", f":{target}", "--no-record", "--timeout", "5")) as running:
        port = running.wait_for(r"listening on tcp://127.0.0.1:(\d+)", stream="err")[1]
        for _ in range(2):
            with start(tincans("connect", f":{port}", "--no-record")) as caller:
                caller.wait(1)
        running.wait_for(rf"(?s)(failed \(cannot connect to tcp://127.0.0.1:{target}: the connection was re.*){{2}}")
        running.process.send_signal(signal.SIGTERM)
        running.wait(0)
        assert "2 conversations, 2 reset or failed: C 0 B, S 0 B" in running.out.decode()


def test_an_address_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with start(tincans("relay", f":{taken.getsockname()[1]}", ":9", "--no-record")) as running:
            running.wait(1)
            sentence, advice = running.err.decode().splitlines()
            assert sentence.endswith("the address is already in use")
            assert advice.startswith("  Another program listens there")


def test_stdout_is_the_partys_own_where_it_is_one() -> None:
    with ByHand(lambda caller: caller.sendall(read_all(caller).upper())) as server:
        command = tincans("relay", "stdio:", f":{server.port}", "--no-record")
        with start(command, stdin=b"as a ProxyCommand\n") as running:
            running.wait(0)
            assert running.out == b"AS A PROXYCOMMAND\n"
            assert "stdio: calls stdio:" in running.err.decode()
            assert running.err.decode().endswith("1 conversation: C 18 B, S 18 B\n")


def test_a_target_has_the_options_of_tls_only_where_tls_is_seen_through(tmp_path: Path) -> None:
    environment = {"TINCANS_CA": str(tmp_path)}
    for arguments, sentence in (
        ((":0", ":9?verify=off"), "the option 'verify' is for tls only"),
        ((":0", ":9?ca=/no/such/file", "--intercept"), "the file '/no/such/file' cannot be used"),
        (("--intercept", ":0", ":9?text=on"), "the option 'text' is for ws only"),
    ):
        with start(tincans("relay", *arguments, "--no-record"), env=environment) as running:
            running.wait(2)
            assert sentence in running.err.decode()
