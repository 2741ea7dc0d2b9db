"""One listener, many sockets: every caller of one port is given a socket of its own, and the kernel says so."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path

import pytest

from running import PATIENCE, program, recorded, serving
from tincans.address import Address

CLIENTS = 200


def table(port: int) -> list[tuple[str, int]]:
    """State and peer's port of every socket whose own port this is, from the kernel's table."""
    command = [program("ss"), "-Htan", f"sport = :{port}"]
    rows = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    return [
        (state, int(peer.rpartition(":")[2].replace("*", "0"))) for state, _, _, _, peer, *_ in map(str.split, rows)
    ]


def ask(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    return client.recv(100)


@pytest.mark.foreign
def test_two_hundred_clients_on_one_port(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(serving("listen", ":0", "echo", journal=tmp_path / "journal"))

        def call() -> socket.socket:
            return stack.enter_context(socket.create_connection(("127.0.0.1", listener.port), PATIENCE))

        clients = [call() for _ in range(CLIENTS)]
        ports = {client.getsockname()[1] for client in clients}
        for number, client in enumerate(clients):
            assert ask(client, b"client %d" % number) == b"client %d" % number

        sockets = table(listener.port)
        assert [state for state, _ in sockets].count("LISTEN") == 1
        assert {peer for state, peer in sockets if state == "ESTAB"} == ports
        assert len(sockets) == 1 + CLIENTS == 1 + len(ports)

        last = call()
        assert ask(last, b"one more") == b"one more"
        ports.add(last.getsockname()[1])
        for client in [*clients, last]:
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""

    found = recorded(tmp_path / "journal")
    assert {Address.parse(each.conversation.client).port for each in found} == ports
    assert {Address.parse(each.conversation.server).port for each in found} == {listener.port}
    expected = {b"client %d" % number for number in range(CLIENTS)} | {b"one more"}
    assert {each.client for each in found} == {each.server for each in found} == expected
    assert len(found) == CLIENTS + 1
