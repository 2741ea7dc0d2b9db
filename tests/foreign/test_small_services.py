"""ncat, socat and a WebSocket client that is not ours ask echo, discard, chargen, daytime and time."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from apps.test_daytime import as_unix
from running import PATIENCE, program, run, serving, start
from tincans.apps.chargen import LINES

pytestmark = pytest.mark.foreign

#: Ask with a text, and give back the beginning of the answer, at least so long or all of it.
Ask = Callable[[int, bytes, int], bytes]


def by_program(command: list[str], port: int, said: bytes, enough: int) -> bytes:
    """A program that says its stdin and prints what it hears, until it has printed enough or ended."""
    with start([*(each.replace("PORT", str(port)) for each in command)], stdin=subprocess.PIPE) as running:
        running.feed(said)
        while len(running.out) < enough and running.process.poll() is None:
            time.sleep(0.005)
        return running.out


def by_websocket(port: int, said: bytes, enough: int) -> bytes:
    heard = b""
    with connect(f"ws://127.0.0.1:{port}", close_timeout=0.05) as channel:
        with suppress(ConnectionClosed):  # it may have told the time and closed already
            channel.send(said)
        with suppress(ConnectionClosed):
            while len(heard) < enough:
                message = channel.recv()
                assert isinstance(message, bytes)
                heard += message
    return heard


PLACES = {
    "tcp": "tcp://127.0.0.1:0",
    "udp": "udp://127.0.0.1:0?idle=0.05",  # a peer does not say that it leaves
    "ws": "ws://127.0.0.1:0",
}
ASKING: dict[str, tuple[str, Ask]] = {
    "ncat": ("tcp", partial(by_program, [program("ncat"), "127.0.0.1", "PORT"])),
    "socat": ("tcp", partial(by_program, [program("socat"), "-", "TCP:127.0.0.1:PORT"])),
    "ncat over UDP": ("udp", partial(by_program, [program("ncat"), "--udp", "127.0.0.1", "PORT"])),
    "socat over UDP": ("udp", partial(by_program, [program("socat"), "-", "UDP:127.0.0.1:PORT"])),
    "websockets": ("ws", by_websocket),
}


@pytest.mark.parametrize(("scheme", "ask"), ASKING.values(), ids=ASKING)
def test_echo(scheme: str, ask: Ask) -> None:
    with serving("listen", PLACES[scheme], "echo") as server:
        assert ask(server.port, b"hello", 5) == b"hello"


@pytest.mark.parametrize(("scheme", "ask"), ASKING.values(), ids=ASKING)
def test_chargen(scheme: str, ask: Ask) -> None:
    with serving("listen", PLACES[scheme], "chargen") as server:
        enough = 74 if scheme == "udp" else 20_000
        heard = ask(server.port, b"x", enough)
        assert len(heard) >= enough
        assert heard == (b"".join(LINES) * (len(heard) // 7030 + 1))[: len(heard)]


@pytest.mark.parametrize(("scheme", "ask"), ASKING.values(), ids=ASKING)
@pytest.mark.parametrize("app", ["daytime", "time"])
def test_the_time(app: str, scheme: str, ask: Ask) -> None:
    with serving("listen", PLACES[scheme], app) as server:
        before = int(time.time())
        said = ask(server.port, b"x", 4 if app == "time" else 20)
        assert before <= as_unix(said) <= time.time()


def test_discard() -> None:
    with serving("listen", "tcp://127.0.0.1:0", "discard") as server:
        for command in (
            ["ncat", "127.0.0.1", f"{server.port}"],
            ["socat", "-t", "20", "-", f"TCP:127.0.0.1:{server.port}"],
        ):
            name, *rest = command
            assert run([program(name), *rest], stdin=b"hello" * 100_000) == b""


def test_the_time_as_rdate_asks_for_it() -> None:
    """RFC 868 by nothing but a socket: called, four bytes, closed; and an empty datagram, four bytes."""
    with serving("listen", "tcp://127.0.0.1:0", "time") as server:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as caller:
            said = caller.recv(100)
            assert caller.recv(100) == b""
        assert abs(as_unix(said) - time.time()) < 60
    with serving("listen", PLACES["udp"], "time") as server, socket.socket(type=socket.SOCK_DGRAM) as caller:
        caller.settimeout(PATIENCE)
        caller.sendto(b"", ("127.0.0.1", server.port))
        assert abs(as_unix(caller.recv(100)) - time.time()) < 60
