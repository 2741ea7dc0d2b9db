"""ncat and socat at both ends of the relay: TCP, Unix sockets and UDP, and who ends first is heard to the end."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from running import Recorded, port_of, program, recorded, run, serving, start

pytestmark = pytest.mark.foreign

DATA = random.Random(3).randbytes(3_000_000)
DIGEST = f"{hashlib.sha256(DATA).hexdigest()}  -\n".encode()

#: Clients that send their stdin, end, and print what they hear until the end.
CLIENTS: dict[str, Callable[[int], list[str]]] = {
    "ncat": lambda port: [program("ncat"), "127.0.0.1", str(port)],
    "socat": lambda port: [program("socat"), "-t", "20", "-", f"TCP:127.0.0.1:{port}"],
}
UNIX_CLIENTS: dict[str, Callable[[Path], list[str]]] = {
    "ncat": lambda path: [program("ncat"), "--unixsock", str(path)],
    "socat": lambda path: [program("socat"), "-t", "20", "-", f"UNIX-CONNECT:{path}"],
}

#: A server that answers when its caller has ended: with the hash of all it heard.
HASHING = [program("socat"), "-t", "20", "TCP-LISTEN:0,bind=127.0.0.1", "SYSTEM:sha256sum"]


def only(journal: Path) -> Recorded:
    (found,) = recorded(journal)
    return found


@pytest.mark.parametrize("client", CLIENTS)
def test_the_client_ends_and_hears_the_answer(client: str, tmp_path: Path) -> None:
    with start(HASHING) as server:
        with serving("relay", ":0", f":{port_of(server)}", journal=tmp_path / "journal") as relay:
            assert run(CLIENTS[client](relay.port), stdin=DATA) == DIGEST
        server.wait()
    assert only(tmp_path / "journal")[1:] == (DATA, DIGEST)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_server_only_listens(client: str, tmp_path: Path) -> None:
    with start([program("ncat"), "--listen", "--recv-only", "127.0.0.1", "0"]) as server:
        with serving("relay", ":0", f":{port_of(server)}", journal=tmp_path / "journal") as relay:
            assert run(CLIENTS[client](relay.port), stdin=DATA) == b""
        server.wait()
        assert server.out == DATA
    assert only(tmp_path / "journal")[1:] == (DATA, b"")


@pytest.mark.parametrize("client", CLIENTS)
def test_the_server_only_speaks(client: str, tmp_path: Path) -> None:
    with start([program("ncat"), "--listen", "--send-only", "127.0.0.1", "0"], stdin=DATA) as server:
        with serving("relay", ":0", f":{port_of(server)}", journal=tmp_path / "journal") as relay:
            assert run(CLIENTS[client](relay.port)) == DATA
        server.wait()
    assert only(tmp_path / "journal")[1:] == (b"", DATA)


@pytest.mark.parametrize("client", UNIX_CLIENTS)
def test_unix_sockets_on_both_sides(client: str, tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    with start([program("socat"), "-t", "20", f"UNIX-LISTEN:{far}", "SYSTEM:sha256sum"]) as server:
        server.wait_for_socket(far)
        with serving("relay", f"unix://{near}", f"unix://{far}", journal=tmp_path / "journal"):
            assert run(UNIX_CLIENTS[client](near), stdin=DATA) == DIGEST
        server.wait()
    assert only(tmp_path / "journal")[1:] == (DATA, DIGEST)


@pytest.mark.parametrize("client", ["ncat", "socat"])
def test_datagrams_on_both_sides(client: str, tmp_path: Path) -> None:
    words = [b"tin\n", b"can\n", b"x" * 8000 + b"\n"]
    with start([program("socat"), "UDP4-RECVFROM:0,bind=127.0.0.1,fork", "EXEC:cat"]) as server:
        target = f"udp://127.0.0.1:{port_of(server, 'udp')}"
        with serving("relay", "udp://127.0.0.1:0", target, journal=tmp_path / "journal") as relay:
            commands = {
                "ncat": [program("ncat"), "--udp", "127.0.0.1", str(relay.port)],
                "socat": [program("socat"), "-b", "65536", "-", f"UDP4:127.0.0.1:{relay.port}"],
            }
            with start(commands[client], stdin=subprocess.PIPE) as caller:
                for number, word in enumerate(words, 1):
                    caller.feed(word)
                    caller.wait_for(rf"\A(.*\n){{{number}}}")
                assert caller.out == b"".join(words)
            relay.program.process.send_signal(signal.SIGINT)  # and SIGTERM follows: a datagram says no goodbye
    found = only(tmp_path / "journal")
    assert found.client == b"".join(words)
    assert found.server == b"".join(words)
    assert found.conversation.boundaries
    assert found.conversation.client_pieces == found.conversation.server_pieces == len(words)
