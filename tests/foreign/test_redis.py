"""redis-cli, redis-benchmark and a Redis server, through the relay from TCP to a Unix socket.

The server counts every byte that it reads and writes; the recording must have as many.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Recorded, Serving, program, recorded, run, serving, start

pytestmark = pytest.mark.foreign

QUESTION = b"INFO stats\r\n"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Path]:
    """The socket of a fresh server that keeps nothing."""
    path = tmp_path / "redis.sock"
    options = {"port": "0", "unixsocket": str(path), "save": "", "appendonly": "no", "dir": str(tmp_path)}
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    with start([program("redis-server"), *arguments]) as running:
        running.wait_for("(?i)ready to accept connections")
        yield path


@pytest.fixture
def relay(redis: Path, tmp_path: Path) -> Iterator[Serving]:
    with serving("relay", ":0", f"unix://{redis}", journal=tmp_path / "journal") as relay:
        yield relay


def counted(redis: Path) -> tuple[int, int]:
    """Bytes that the server has read and written, this question left out."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(redis))
        connection.sendall(QUESTION)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += connection.recv(65536)
    received, sent = map(int, re.findall(rb"total_net_(?:in|out)put_bytes:(\d+)", answer))
    return received - len(QUESTION), sent


def totals(found: list[Recorded]) -> tuple[int, int]:
    return sum(len(each.client) for each in found), sum(len(each.server) for each in found)


def redis_cli(relay: Serving, *arguments: str, stdin: bytes = b"") -> bytes:
    return run([program("redis-cli"), "-h", "127.0.0.1", "-p", str(relay.port), *arguments], stdin=stdin)


def test_values_are_kept_byte_for_byte(redis: Path, relay: Serving, tmp_path: Path) -> None:
    value = bytes(range(256)) * 4000
    assert redis_cli(relay, "-x", "SET", "tin", stdin=value) == b"OK\n"
    assert redis_cli(relay, "GET", "tin") == value + b"\n"
    piped = b"".join(b"*2\r\n$4\r\nINCR\r\n$3\r\ncan\r\n" for _ in range(2000))
    assert b"errors: 0, replies: 2000" in redis_cli(relay, "--pipe", stdin=piped)
    assert redis_cli(relay, "GET", "can") == b"2000\n"
    answered = counted(redis)
    relay.program.stop()

    found = recorded(tmp_path / "journal")
    assert totals(found) == answered
    assert found[0].client == b"*3\r\n$3\r\nSET\r\n$3\r\ntin\r\n$%d\r\n%s\r\n" % (len(value), value)
    assert found[1].server == b"$%d\r\n%s\r\n" % (len(value), value)
    assert found[2].client.startswith(piped)


def test_many_clients_at_once(redis: Path, relay: Serving, tmp_path: Path) -> None:
    benchmark = [program("redis-benchmark"), "-h", "127.0.0.1", "-p", str(relay.port)]
    printed = run([*benchmark, "-c", "20", "-n", "2000", "-P", "4", "-t", "set,get,lrange_100", "--csv"])
    assert b'"SET"' in printed
    assert b'"GET"' in printed
    answered = counted(redis)
    relay.program.stop()

    found = recorded(tmp_path / "journal")
    assert totals(found) == answered
    assert len(found) >= 3 * 20
