"""`tincans listen` without an app: you are the server, for many callers or for one."""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator

from partners import AtTerminal, read_all, reset
from running import PATIENCE, Program, start, tincans

LISTEN = tincans("listen", "tcp://127.0.0.1:0", "--no-record")


@contextlib.contextmanager
def listening(*arguments: str, stdin: int | bytes = subprocess.PIPE) -> Iterator[tuple[Program, int]]:
    with start([*LISTEN, *arguments], stdin=stdin) as running:
        port = running.wait_for(r"listening on tcp://127.0.0.1:(\d+)", stream="err")[1]
        yield running, int(port)


def call(port: int) -> socket.socket:
    caller = socket.create_connection(("127.0.0.1", port))
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 20, 0))  # MSG_WAITALL works with this
    return caller


def test_callers_are_told_apart_and_answered_together_or_alone() -> None:
    with listening() as (running, port), call(port) as one:
        running.wait_for(rf"^@1 calls from tcp://127.0.0.1:{one.getsockname()[1]}$", stream="err")
        with call(port) as two:
            running.wait_for("^@2 calls from", stream="err")
            one.sendall(b"hello\r\nthere\r\n")
            running.wait_for("^@1 hello\n@1 there\n")
            two.sendall(b"\x1b[2J")
            running.wait_for(r"^@2 \\x1b\[2J\n")
            running.feed(b"to all\n@2 to you\n@1 and you\n@7 nobody\n")
            assert two.recv(14, socket.MSG_WAITALL) == b"to all\nto you\n"
            assert one.recv(15, socket.MSG_WAITALL) == b"to all\nand you\n"
            running.wait_for("^@7 is not connected$", stream="err")
            reset(two)
        running.wait_for("^@2 was lost: ", stream="err")
        running.process.send_signal(signal.SIGINT)
        running.wait(0)
        assert read_all(one) == b""  # a goodbye, not a reset
        assert running.err.endswith(b"@1 was hung up on\n")


def test_the_end_of_stdin_ends_what_is_said_to_all_and_to_who_comes_later() -> None:
    with listening("--crlf") as (running, port), call(port) as one:
        running.wait_for("@1 calls", stream="err")
        running.feed(b"goodbye\n")
        assert running.process.stdin is not None
        running.process.stdin.close()
        assert read_all(one) == b"goodbye\r\n"
        one.sendall(b"you too")  # the other direction is still open
        running.wait_for("^@1 you too\n")
        one.shutdown(socket.SHUT_WR)
        running.wait_for("@1 has hung up", stream="err")
        with call(port) as later:
            assert read_all(later) == b""


def test_what_was_piped_in_waits_for_the_first_caller() -> None:
    with listening("--hex", stdin=b"welcome\n") as (running, port), call(port) as one:
        assert read_all(one) == b"welcome\n"
        one.sendall(b"\x00A")
        running.wait_for(r"^@1 00000000  00 41 +\|\.A\|\n")


def test_once_is_byte_for_byte() -> None:
    data = bytes(range(256)) * 1000
    with listening("--once", stdin=data) as (running, port), call(port) as one:
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        assert read_all(one) == data
        running.wait(0)
        assert running.out == data
        assert f"called from tcp://127.0.0.1:{one.getsockname()[1]}" in running.err.decode()


def test_once_fails_when_the_caller_is_lost() -> None:
    with listening("--once") as (running, port), call(port) as one:
        running.wait_for("called from", stream="err")
        reset(one)
        one.close()
        running.wait(1)
        assert "tincans: the channel is broken: " in running.err.decode()


def test_messages_are_lines_both_ways() -> None:
    with start(tincans("listen", "udp://127.0.0.1:0", "--no-record"), stdin=subprocess.PIPE) as running:
        port = int(running.wait_for(r"listening on udp://127.0.0.1:(\d+)", stream="err")[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.settimeout(PATIENCE)
            caller.sendto(b"hello", ("127.0.0.1", port))
            running.wait_for("^@1 hello\n")
            running.feed(b"hello yourself\n")
            assert caller.recv(100) == b"hello yourself"


def test_whoever_reads_the_callers_words_may_leave() -> None:
    with subprocess.Popen(LISTEN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        port = int(process.stderr.readline().rsplit(b":")[-1])
        process.stdout.close()
        with call(port) as one:
            one.sendall(b"hello")
            assert read_all(one) == b""
        process.stderr.read()
    assert process.returncode == 141


def test_a_person_answers_and_is_told_when_nobody_hears() -> None:
    with AtTerminal(LISTEN) as terminal:
        port = int(terminal.wait_for(r"listening on tcp://127.0.0.1:(\d+)")[1])
        terminal.type("hello?\n")
        terminal.wait_for("nobody is connected, so nobody heard that\n")
        with call(port) as one:
            terminal.wait_for("@1 calls from")
            one.sendall("naïve\n".encode())
            terminal.wait_for("@1 naïve\n")
            terminal.type("indeed\n")
            assert one.recv(100) == b"indeed\n"
        terminal.wait_for("@1 has hung up\n")  # and no key had to be pressed
        terminal.type("\x03")
        terminal.wait(0)
