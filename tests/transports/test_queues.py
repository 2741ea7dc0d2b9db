"""What the kernel says of real sockets: TCP over both families, and Unix sockets by their path."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from running import PATIENCE, POLL
from tincans.transports.queues import queues
from tincans.waiting import Socket


def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(POLL)


def _address(name: tuple[str, int]) -> str:
    host = f"[{name[0]}]" if ":" in name[0] else name[0].removeprefix("::ffff:")
    return f"tcp://{host}:{name[1]}"


@contextlib.contextmanager
def _pair(host: str, dual: bool = False) -> Iterator[tuple[socket.socket, socket.socket]]:
    family = socket.AF_INET6 if ":" in host or dual else socket.AF_INET
    listening = "::" if dual else host
    with socket.create_server((listening, 0), family=family, dualstack_ipv6=dual) as server:
        with socket.create_connection((host, server.getsockname()[1])) as client:
            accepted, _ = server.accept()
            with accepted:
                yield client, accepted


def _ends(client: socket.socket) -> dict[str, tuple[str, str]]:
    local, remote = _address(client.getsockname()[:2]), _address(client.getpeername()[:2])
    return {"client": (local, remote), "server": (remote, local)}


@pytest.mark.parametrize(("host", "dual"), [("127.0.0.1", False), ("::1", False), ("127.0.0.1", True)])
def test_what_was_sent_and_not_read_is_counted(host: str, dual: bool) -> None:
    """The last row is what Java does: its sockets are of IPv6 and speak IPv4."""
    with _pair(host, dual) as (client, server):
        client.sendall(b"x" * 1234)
        _until(lambda: queues(_ends(client))["server"].unread == 1234)
        assert queues(_ends(client))["client"].state == "ESTABLISHED"
        server.recv(1000)
        assert queues(_ends(client))["server"] == Socket(state="ESTABLISHED", unread=234, unsent=0)


def test_a_reader_that_does_not_read_fills_both_queues() -> None:
    with _pair("127.0.0.1") as (client, _):
        client.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += client.send(bytes(65536))

        def add_up() -> bool:
            """What came is counted twice until it was acknowledged."""
            found = queues(_ends(client))
            return found["client"].unsent > 0 < found["server"].unread == sent - found["client"].unsent

        _until(add_up)


def test_the_states_of_a_half_closed_connection_are_told() -> None:
    with _pair("127.0.0.1") as (client, _):
        client.shutdown(socket.SHUT_WR)
        _until(lambda: queues(_ends(client))["client"].state == "FIN_WAIT2")
        assert queues(_ends(client))["server"].state == "CLOSE_WAIT"


def test_an_end_is_no_byte_that_waits() -> None:
    with _pair("127.0.0.1") as (client, server):
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        _until(lambda: queues(_ends(client))["server"].state == "CLOSE_WAIT")
        assert queues(_ends(client))["server"].unread == 5
        assert server.recv(100) == b"hello"
        assert queues(_ends(client))["server"].unread == 0, "that it ended was not read yet"
        assert server.recv(100) == b""
        assert queues(_ends(client))["server"].unread == 0


def test_an_end_that_was_not_acknowledged_is_no_byte_either() -> None:
    with _pair("127.0.0.1") as (client, _):
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                client.send(bytes(65536))
        before = _settled(client)
        client.shutdown(socket.SHUT_WR)
        _until(lambda: queues(_ends(client))["client"].state == "FIN_WAIT1")
        assert queues(_ends(client))["client"].unsent == before


def _settled(client: socket.socket) -> int:
    """What is unsent once nothing moves any more: as much as the server has no room for."""
    found = [-1]

    def still() -> bool:
        found.append(queues(_ends(client))["client"].unsent)
        return len(found) > 20 and len(set(found[-20:])) == 1

    _until(still)
    return found[-1]


def test_a_connection_that_is_gone_is_not_found_in_its_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = _address(server.getsockname())
        assert queues({"server": (ours, "tcp://127.0.0.1:1"), "client": ("tcp://127.0.0.1:1", ours)}) == {}


@pytest.mark.parametrize("address", ["tcp://example.org:80", "udp://127.0.0.1:9", "memory:x", "what?", "exec:cat"])
def test_of_what_is_no_socket_nothing_is_known(address: str) -> None:
    assert queues({"client": (address, "tcp://127.0.0.1:9"), "server": ("tcp://127.0.0.1:9", address)}) == {}


@pytest.mark.parametrize("abstract", [False, True])
def test_the_only_connection_to_a_unix_path_is_known(tmp_path: Path, abstract: bool) -> None:
    name = f"@tincans-{tmp_path.name}-{id(tmp_path)}" if abstract else str(tmp_path / "x.sock")
    place = name.replace("@", "\0", 1)
    ends = {"client": ("unix:", f"unix:{name}"), "server": (f"unix:{name}", "unix:")}
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(place)
        server.listen()
        client.connect(place)
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"hello")
            accepted.sendall(b"hi")
            found = queues(ends)
            assert (found["server"].unread, found["client"].unread) == (5, 2)
            with socket.socket(socket.AF_UNIX) as other:
                other.connect(place)
                second, _ = server.accept()
                with second:
                    assert queues(ends) == {}, "two of them cannot be told apart"


def test_without_netlink_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with _pair("127.0.0.1") as (client, _):
        monkeypatch.delattr(socket, "AF_NETLINK")
        assert queues(_ends(client)) == {}
