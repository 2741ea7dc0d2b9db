"""`tincans connect`: the client, in a pipeline and at a terminal."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from partners import AtTerminal, ByHand, read_all, reset
from running import PATIENCE, Certificates, free_port, recorded, run, start, tincans


def connect(*arguments: str, record: bool = False) -> list[str]:
    return tincans("connect", *arguments, *(() if record else ("--no-record",)))


# ── in a pipeline ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_pipe_gets_the_whole_answer_and_exits(tmp_path: Path) -> None:
    answer = bytes(range(256)) * 4000

    def serve(caller: socket.socket) -> None:
        assert read_all(caller) == b"GET / HTTP/1.0\r\n\r\n"  # to the end of stdin, half-closed
        caller.sendall(answer)

    journal = tmp_path / "journal"
    with ByHand(serve) as server:
        command = connect(f":{server.port}", "--journal", str(journal), record=True)
        assert run(command, stdin=b"GET / HTTP/1.0\r\n\r\n") == answer
    (conversation,) = recorded(journal)
    assert conversation.client == b"GET / HTTP/1.0\r\n\r\n"
    assert conversation.server == answer


def test_a_server_that_ends_first_still_hears_the_rest_of_a_pipe() -> None:
    heard = []

    def serve(caller: socket.socket) -> None:
        caller.sendall(b"hello")
        caller.shutdown(socket.SHUT_WR)
        heard.append(read_all(caller))

    with ByHand(serve) as server, start(connect(f":{server.port}"), stdin=subprocess.PIPE) as running:
        running.wait_for("hello")
        running.feed(b"and goodbye")
        assert running.process.stdin is not None
        running.process.stdin.close()
        running.wait()
        assert running.err == b""  # a pipeline is not told what it did not ask for
    assert heard == [b"and goodbye"]


def test_once_sends_one_line_and_prints_one() -> None:
    def serve(caller: socket.socket) -> None:
        assert caller.recv(100) == b"PING\r\n"
        caller.sendall(b"+PO")
        caller.sendall(b"NG\r\nmore")
        assert read_all(caller) == b""

    with ByHand(serve) as server:
        assert run(connect("--once", "--crlf", f":{server.port}"), stdin=b"PING\nQUIT\n") == b"+PONG\r\n"


def test_once_asks_nothing_of_a_server_that_speaks_first() -> None:
    with ByHand(lambda caller: caller.sendall(b"220 hello\r\n250 more")) as server:
        assert run(connect("--once", f":{server.port}")) == b"220 hello\r\n"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with start(connect("--once", "--timeout", "0.1", f"udp://127.0.0.1:{silent.getsockname()[1]}")) as running:
            running.wait(1)
            assert running.err.startswith(b"tincans: there was no answer")


@pytest.mark.parametrize(
    ("serve", "seconds", "sentence"),
    [
        (read_all, "0.2", "there was no answer: nothing came within 0.2 s"),
        (lambda caller: caller.recv(100), f"{PATIENCE:g}", "there was no answer: the other side has ended"),
    ],
)
def test_once_does_not_wait_for_ever(serve: Callable[[socket.socket], None], seconds: str, sentence: str) -> None:
    with (
        ByHand(serve) as server,
        start(connect("--once", "--timeout", seconds, f":{server.port}"), stdin=b"hello?\n") as running,
    ):
        running.wait(1)
        assert running.err.decode().splitlines()[0] == f"tincans: {sentence}"


def test_crlf_ends_every_line_and_no_line_twice() -> None:
    def serve(caller: socket.socket) -> None:
        assert read_all(caller) == b"one\r\ntwo\r\n\r\nthree"

    with ByHand(serve) as server:
        run(connect("--crlf", f":{server.port}"), stdin=b"one\ntwo\r\n\nthree")


def test_hexadecimal_both_ways() -> None:
    def serve(caller: socket.socket) -> None:
        assert read_all(caller) == b"\x00\xffHi\n"
        caller.sendall(bytes(range(18)))

    with ByHand(serve) as server:
        out = run(connect("--hex", "--hex-input", f":{server.port}"), stdin=b"00 ff\n4869 0A\n\n")
    assert out.decode().splitlines() == [
        "00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|",
        "00000010  10 11                                             |..|",
    ]


def test_what_both_say_is_shown_beside_the_answer() -> None:
    def serve(caller: socket.socket) -> None:
        assert read_all(caller) == b"one\n"
        caller.sendall(b"two\0")

    for how in (["--show"], ["--as", "lines"], ["--show", "--hex"], ["--json"]):
        with ByHand(serve) as server, start(connect(*how, f":{server.port}"), stdin=b"one\n") as running:
            running.wait(0)
            assert running.out == b"two\0"
            shown = running.err.decode()
        if "--json" in how:
            kinds = [json.loads(line)["type"] for line in shown.splitlines()]
            assert kinds == ["opened", "line", "ended", "line", "ended", "closed"]
            continue
        lines = [line.split("  ", 1)[1] for line in shown.splitlines()]
        assert lines[0].endswith(f"calls tcp://127.0.0.1:{server.port}")
        assert lines[1] == r"#1  C:       4 B  one\n"
        assert r"#1  S:       4 B  two\x00" in lines
        assert ("|one.|" in shown) == ("--hex" in how)
        assert lines[-1].startswith("#1  finished, the client first: C 4 B, S 4 B in ")


def test_what_is_not_hexadecimal_is_not_sent() -> None:
    def serve(caller: socket.socket) -> None:
        with pytest.raises(ConnectionError):
            read_all(caller)

    with ByHand(serve) as server, start(connect("--hex-input", f":{server.port}"), stdin=b"xyz\n") as running:
        running.wait(2)
        assert running.err.startswith(b"tincans: 'xyz' is not hexadecimal, and was not sent\n  Write two digits")


def test_the_port_to_call_from_can_be_chosen() -> None:
    port = free_port()
    with ByHand(lambda caller: None) as server:
        run(connect(f":{server.port}", "--from", str(port)))
    assert server.peer == ("127.0.0.1", port)


def test_it_calls_again_until_somebody_listens() -> None:
    port = free_port()
    with start(connect(f":{port}", "--retry", "20")) as running:
        time.sleep(0.05)  # long enough to be refused once, on most days
        with ByHand(lambda caller: caller.sendall(b"at last"), port):
            running.wait()
        assert running.out == b"at last"


def test_a_line_is_a_message_where_the_channel_has_messages() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        address = f"udp://127.0.0.1:{server.getsockname()[1]}"
        with start(connect(address), stdin=subprocess.PIPE) as running:
            running.feed(b"one\ntwo\n")
            assert server.recv(100) == b"one"
            message, peer = server.recvfrom(100)
            assert message == b"two"
            server.sendto(b"answer", peer)
            running.wait_for("answer\n")


def test_whoever_reads_the_answer_may_leave() -> None:
    def serve(caller: socket.socket) -> None:
        try:
            while True:
                caller.sendall(b"more\n" * 10_000)
        except OSError:
            pass

    with ByHand(serve) as server:
        process = subprocess.Popen(
            connect(f":{server.port}"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"more\n"
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == b""
        assert process.returncode == 141


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────────────────


def failure(*arguments: str) -> str:
    """The sentence of a call that fails."""
    with start(connect(*arguments)) as running:
        running.wait(1)
        sentence, advice = running.err.decode().splitlines()
        assert advice.startswith("  ")
        return sentence


def test_four_different_sentences_for_four_different_failures(tmp_path: Path) -> None:
    refused = failure(f":{free_port()}")
    assert refused.endswith("the connection was refused")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        timed_out = failure(f"tls://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "0.1")
    assert timed_out.endswith("no answer within 0.1 s")
    unknown = failure("nobody.invalid:80")
    assert unknown.endswith("there is no host named 'nobody.invalid'")
    certificates = Certificates.make(tmp_path)
    served = tincans("listen", f"tls://127.0.0.1:0{certificates.served}", "echo", "--no-record")
    with start(served) as server:
        port = server.wait_for(r"listening on tls://127.0.0.1:(\d+)", stream="err")[1]
        untrusted = failure(f"tls://localhost:{port}")
        assert "its certificate is not trusted" in untrusted
        trusted = f"tls://localhost:{port}{certificates.trusted}"
        assert run(connect(trusted), stdin=b"now it is") == b"now it is"


def test_a_server_that_hangs_up_is_told() -> None:
    def serve(caller: socket.socket) -> None:
        assert caller.recv(100) == b"hello"
        reset(caller)

    with ByHand(serve) as server, start(connect(f":{server.port}"), stdin=subprocess.PIPE) as running:
        running.feed(b"hello")
        running.wait(1)
        assert running.err.startswith(b"tincans: the channel is broken: ")


def test_a_journal_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with start(tincans("connect", ":9", "--journal", str(tmp_path / "file"))) as running:
        running.wait(1)
        sentence, advice = running.err.decode().splitlines()
        assert "journal" in sentence
        assert advice == "  Name another folder with --journal, or leave recording out with --no-record."


# ── at a terminal ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_terminal_is_not_waited_for_once_the_server_has_ended() -> None:
    with ByHand(lambda caller: caller.sendall(b"bye\n")) as server:
        with AtTerminal(connect(f":{server.port}")) as terminal:
            terminal.wait_for(rf"connected to tcp://127.0.0.1:{server.port} from tcp://127.0.0.1:\d+\n")
            terminal.wait_for("bye\n")
            terminal.wait(0)


def test_a_person_types_and_ends_with_ctrl_d_and_hostile_bytes_stay_harmless() -> None:
    def serve(caller: socket.socket) -> None:
        assert caller.recv(100) == b"hello\n"
        caller.sendall(b"\x1b[2Jna\xc3")
        caller.sendall(b"\xafve\ttext\r\n")
        assert read_all(caller) == b""  # Ctrl-D
        caller.sendall(b"goodbye\n")

    with ByHand(serve) as server, AtTerminal(connect(f":{server.port}")) as terminal:
        terminal.wait_for("connected")
        terminal.type("hello\n")
        terminal.wait_for("\\\\x1b\\[2Jnaïve\ttext\n")
        terminal.type("\x04")
        terminal.wait_for("goodbye\n")
        terminal.wait(0)
        assert "\x1b" not in terminal.screen


def test_ctrl_c_ends_it_cleanly() -> None:
    left = threading.Event()

    def serve(caller: socket.socket) -> None:
        try:
            read_all(caller)
        except ConnectionError:
            pass
        left.set()

    with ByHand(serve) as server, AtTerminal(connect(f":{server.port}")) as terminal:
        terminal.wait_for("connected")
        terminal.type("\x03")
        terminal.wait(128 + signal.SIGINT)
        assert "Traceback" not in terminal.screen
        assert left.wait(20)


def test_a_person_is_told_what_is_not_hexadecimal_and_goes_on() -> None:
    def serve(caller: socket.socket) -> None:
        assert caller.recv(100) == b"\x41\x0a"
        caller.sendall(b"ok\n")

    with ByHand(serve) as server, AtTerminal(connect("--hex-input", f":{server.port}")) as terminal:
        terminal.wait_for("connected")
        terminal.type("hello\n")
        terminal.wait_for("tincans: 'hello' is not hexadecimal, and was not sent\n  Write two digits")
        terminal.type("41 0a\n")
        terminal.wait_for("ok\n")
        terminal.wait(0)
