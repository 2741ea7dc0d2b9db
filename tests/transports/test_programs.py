"""Which program has a socket: real ones at the other end, over TCP, UDP and Unix sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from running import PATIENCE, program, start
from tincans.limits import COMMAND_CHARACTERS
from tincans.transports.programs import programs

ME = os.getpid()

CONNECTS = """
import socket, sys
connected = socket.create_connection((sys.argv[1], int(sys.argv[2])))
connected.recv(1)
"""


def address(name: tuple[str, int], scheme: str = "tcp") -> str:
    return f"{scheme}://[{name[0]}]:{name[1]}" if ":" in name[0] else f"{scheme}://{name[0]}:{name[1]}"


@contextlib.contextmanager
def listening(host: str = "127.0.0.1", *, dual: bool = False) -> Iterator[socket.socket]:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET,
                              dualstack_ipv6=dual) as server:  # fmt: skip
        server.settimeout(PATIENCE)
        yield server


@pytest.mark.parametrize(("host", "called", "dual"), [
    ("127.0.0.1", "127.0.0.1", False), ("::1", "::1", False), ("::", "127.0.0.1", True),
])  # fmt: skip
def test_the_program_that_called_is_told_and_who_accepted(host: str, called: str, dual: bool) -> None:
    """The last row is what Java does: its sockets are of IPv6 and speak IPv4."""
    with listening(host, dual=dual) as server:
        command = [sys.executable, "-c", CONNECTS, called, str(server.getsockname()[1])]
        with start(command) as running:
            accepted, peer = server.accept()
            with accepted:
                client, near = (address((called, name[1])) for name in (peer, accepted.getsockname()))
                found = programs({"client": (client, near), "near": (near, client), "listener": (near, "")})
                assert found["client"].pid == running.process.pid
                assert found["client"].name == psutil.Process(running.process.pid).name()
                assert found["client"].command.startswith(f"{sys.executable} -c ")
                assert found["client"].command.endswith(f" {called} {near.rpartition(':')[2]}")
                assert found["near"].pid == found["listener"].pid == ME
                accepted.sendall(b"x")
            assert running.process.wait(PATIENCE) == 0


def test_ncat_is_known_by_its_name_with_and_without_tls_over_it() -> None:
    with listening() as server:
        port = server.getsockname()[1]
        with start([program("ncat"), "127.0.0.1", str(port)]) as running:
            accepted, peer = server.accept()
            with accepted:
                for scheme in ("tcp", "tls", "ws"):
                    client, near = address(peer, scheme), address(accepted.getsockname())
                    told = programs({1: (client, near)})[1]
                    assert told[:2] == (running.process.pid, "ncat")
                    assert told.command.endswith(f"ncat 127.0.0.1 {port}")


def test_who_listens_is_told_for_one_address_and_for_all() -> None:
    with listening() as one, listening("0.0.0.0") as every:
        exactly, port = address(one.getsockname()), every.getsockname()[1]
        found = programs({
            "one": (exactly, ""), "other": (exactly.replace("127.0.0.1", "127.0.0.2"), ""),
            "every": (f"tcp://*:{port}", ""), "among": (f"tcp://127.0.0.3:{port}", ""), "udp": (f"udp://*:{port}", ""),
        })  # fmt: skip
        assert {key: each.pid for key, each in found.items()} == {"one": ME, "every": ME, "among": ME}


def test_udp_is_told_connected_or_not() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind(("0.0.0.0", 0))
        client.connect(("127.0.0.1", server.getsockname()[1]))
        near, far = address(client.getsockname(), "udp"), address(client.getpeername(), "udp")
        found = programs({"client": (near, far), "server": (far, near), "listener": (far, ""), "nobody": (near, near)})
        assert {key: each.pid for key, each in found.items()} == {"client": ME, "server": ME, "listener": ME}


def test_a_unix_socket_is_told_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with start([program("ncat"), "--listen", "--keep-open", "--unixsock", str(path)]) as running:
        running.wait_for_socket(path)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            ends = {"listener": (f"unix://{path}", ""), "server": (f"unix://{path}", "unix:")}
            found = programs(ends | {"client": ("unix:", f"unix://{path}")})
            assert {key: each.pid for key, each in found.items()} == dict.fromkeys(ends, running.process.pid)


def test_a_unix_socket_without_a_file_is_told_by_its_name() -> None:
    name = f"tincans-{ME}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        assert programs({1: (f"unix:@{name}", "")})[1].pid == ME


def test_of_a_server_and_its_workers_one_is_told() -> None:
    """The worker waits for callers without accepting: the socket of a server with a timeout blocks nobody."""
    waits = "import select; select.select([0], [], [])"
    with listening() as server, start([sys.executable, "-c", waits], stdin=server.fileno()) as running:
        assert programs({1: (address(server.getsockname()), "")})[1].pid in (ME, running.process.pid)


def test_of_what_makes_no_sense_or_is_elsewhere_nothing_is_known() -> None:
    ends = {
        1: ("", ""), 2: ("unix:", "unix:"), 3: ("memory:x", ""), 4: ("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"),
        5: ("://", "://"), 6: ("tcp://example.com:80", "tcp://127.0.0.1:2"), 7: ("unix:/nobody/is/here", ""),
    }  # fmt: skip
    assert programs(ends) == {}
    assert programs({}) == {}


def test_a_long_command_is_cut(tmp_path: Path) -> None:
    with listening() as server:
        port = str(server.getsockname()[1])
        for extra in (-1, 0, 1):
            command = [sys.executable, "-c", CONNECTS.replace("\n", ";").strip(";"), "127.0.0.1", port, ""]
            length = COMMAND_CHARACTERS + extra
            command[-1] = "x" * (length - len(" ".join(command)) - 2)  # but for the quotes around the program
            with start(command):
                accepted, peer = server.accept()
                with accepted:
                    told = programs({1: (address(peer), address(accepted.getsockname()))})[1]
                    assert len(told.command) == min(length, COMMAND_CHARACTERS)
                    accepted.sendall(b"x")


def test_what_may_not_be_seen_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems where only root may list sockets, and where a process ends while it is asked for."""

    def refuse(*_: object) -> None:
        raise psutil.AccessDenied

    with listening() as server:
        ends = {1: (address(server.getsockname()), "")}
        with monkeypatch.context() as patched:
            patched.setattr(psutil.Process, "cmdline", refuse)
            assert programs(ends)[1].command == programs(ends)[1].name
            patched.setattr(psutil.Process, "name", refuse)
            assert programs(ends) == {}
        monkeypatch.setattr(psutil, "net_connections", refuse)
        assert programs(ends) == {}
