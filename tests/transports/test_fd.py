"""Sockets handed down: by number, and as systemd does it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from running import PATIENCE
from tincans.address import Address
from tincans.errors import ConnectError, ListenError
from tincans.tasks import spawn
from tincans.transports import dial, listen

# What systemd does, in a child: put the sockets at 3 and 4, name them, say for whom they are, and run the program.
ACTIVATE = """
import os, sys
one, two = int(sys.argv[1]), int(sys.argv[2])
os.dup2(one, 3); os.dup2(two, 4)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="web:mail")
os.execv(sys.executable, [sys.executable, "-c", sys.argv[3]])
"""

ANSWER = """
from tincans.address import Address
from tincans.errors import ListenError
from tincans.tasks import run
from tincans.transports import listen

async def main():
    try:
        await listen(Address.parse("fd:wep"))
    except ListenError as error:
        print(error)
    for name in ("mail", ""):
        async with await listen(Address.parse("fd:" + name)) as listener:
            channel = await listener.accept()
            await channel.send(name.encode() or b"first")
            await channel.aclose()

run(main())
"""


def test_systemd_s_sockets_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as web, socket.create_server(("127.0.0.1", 0)) as mail:
        callers = [socket.create_connection(server.getsockname()) for server in (web, mail)]
        done = subprocess.run(
            [sys.executable, "-c", ACTIVATE, str(web.fileno()), str(mail.fileno()), ANSWER],
            pass_fds=(web.fileno(), mail.fileno()), capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.stderr == ""
        assert "there is no socket named 'wep' among those handed down (web, mail)" in done.stdout
        assert [caller.recv(9) for caller in callers] == [b"first", b"mail"]
        for caller in callers:
            caller.close()


async def test_a_listening_socket_by_number() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    async with await listen(Address.parse(f"fd:{server.detach()}")) as listener:
        calling = spawn(dial(listener.address))
        async with await listener.accept(), await calling:
            pass


async def test_a_connected_socket_by_number() -> None:
    one, two = socket.socketpair()
    with two:
        async with await dial(Address.parse(f"fd:{one.detach()}")) as channel:
            await channel.send(b"hello")
            assert two.recv(9) == b"hello"


async def test_what_will_not_do_is_left_open() -> None:
    one, two = socket.socketpair()
    with one, two, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        with pytest.raises(ListenError, match="a connected socket, not a listening one"):
            await listen(Address.parse(f"fd:{one.fileno()}"))
        with pytest.raises(ConnectError, match="not a stream socket"):
            await dial(Address.parse(f"fd:{datagrams.fileno()}"))
        os.fstat(one.fileno())
        os.fstat(datagrams.fileno())
    with pytest.raises(ListenError, match="bad file descriptor"):
        await listen(Address.parse("fd:987"))
    with pytest.raises(ListenError, match="no socket was handed down"):
        await listen(Address.parse("fd:"))
