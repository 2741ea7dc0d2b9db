"""Several processes on one port. The parents here are programs of their own: this one has threads and loops."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from running import PATIENCE, POLL, Program, program, start
from tincans.address import Address
from tincans.errors import ListenError
from tincans.workers import Workers

_PARENT = """
import os, signal, sys, asyncio, logging
from tincans.address import Address
from tincans.server import serve
from tincans.tasks import run
from tincans.workers import Workers

async def app(channel):
    async for data in channel:
        if data == b"crash":
            os._exit(7)
        await channel.send(b"%d" % os.getpid())

def work(worker):
    async def main():
        server = await serve(worker.address, app, reuse_port=worker.address.scheme != "fd")
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        worker.ready()
        await stop.wait()
        await server.aclose()
        os.write(1, b"stopped %d\\n" % worker.number)  # one word of three who speak at once
    run(main())
    return 0

logging.basicConfig(format="%(message)s")
with Workers(Address.parse(sys.argv[1]), int(sys.argv[2])) as workers:
    status = workers.run(work, ready=lambda: print("port", workers.address.port, flush=True))
sys.exit(status)
"""

_FAILING = """
import sys
from tincans.address import Address
from tincans.workers import Workers

with Workers(Address.parse(":0"), 2) as workers:
    sys.exit(workers.run(lambda worker: 1 // 0))
"""


def parent(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-c", _PARENT, *arguments]


def port_of(running: Program) -> int:
    return int(running.wait_for(r"^port (\d+)$")[1])


def answer(port: int, words: bytes = b"who?", host: str = "127.0.0.1") -> int:
    """The process that answered."""
    with socket.create_connection((host, port), PATIENCE) as caller:
        caller.sendall(words)
        return int(caller.recv(100) or 0)


def all_answer(port: int, count: int) -> set[int]:
    """The processes that answer, called until so many different ones did."""
    found: set[int] = set()
    for _ in range(1000):
        found.add(answer(port))
        if len(found) == count:
            break
    return found


def gone(processes: set[int]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not any(_runs(process) for process in processes):
            return True
        time.sleep(POLL)
    return False


def _runs(process: int) -> bool:
    """Whether it is there and no zombie (an orphan's is reaped by init, when it likes)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_all_listen_on_the_same_port_and_stop_together() -> None:
    with start(parent("tcp://127.0.0.1:0", "3")) as running:
        port = port_of(running)
        listening = subprocess.run([program("ss"), "-Hltn", f"sport = :{port}"], capture_output=True, text=True).stdout
        assert len(listening.splitlines()) == 3
        processes = all_answer(port, 3)
        assert len(processes) == 3
        assert running.process.pid not in processes
        running.process.send_signal(signal.SIGTERM)
        running.wait(0)
        assert sorted(re.findall(rb"stopped (\d)", running.out)) == [b"0", b"1", b"2"]
        assert gone(processes)
        assert running.err == b""


def test_an_interrupt_is_forwarded() -> None:
    with start(parent("tcp://127.0.0.1:0", "2")) as running:
        port_of(running)
        running.process.send_signal(signal.SIGINT)
        running.wait(0)
        assert running.out.count(b"stopped") == 2


def test_when_one_dies_the_others_go_on_and_a_warning_is_given() -> None:
    with start(parent("tcp://127.0.0.1:0", "2")) as running:
        port = port_of(running)
        both = all_answer(port, 2)
        victim = both.pop()
        os.kill(victim, signal.SIGKILL)
        running.wait_for(rf"worker \d \(process {victim}\) ended by SIGKILL; the other 1 go on", stream="err")
        assert all_answer(port, 1) == both
        running.process.terminate()
        running.wait(128 + signal.SIGKILL)


def test_when_the_last_dies_it_ends_with_its_status() -> None:
    with start(parent("tcp://127.0.0.1:0", "1")) as running:
        assert answer(port_of(running), b"crash") == 0
        running.wait(7)
        assert b"ended with status 7; it was the last" in running.err


def test_when_the_parent_is_killed_they_stop() -> None:
    with start(parent("tcp://127.0.0.1:0", "2")) as running:
        processes = all_answer(port_of(running), 2)
        running.process.kill()
        assert gone(processes)


def test_every_interface_takes_both_families() -> None:
    with start(parent("tcp://*:0", "2")) as running:
        port = port_of(running)
        assert answer(port)
        assert answer(port, host="::1")
        running.stop()


@pytest.mark.parametrize("how", ["number", "systemd"])
def test_a_socket_handed_down_is_shared(how: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        if how == "number":
            command = ["sh", "-c", 'exec "$@" 3<&0 </dev/null', "sh", *parent("fd:3", "2")]
        else:
            command = [
                "sh", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec "$@" 3<&0 </dev/null', "sh",
                *parent("fd:web", "2"),
            ]  # fmt: skip
        with start(command, stdin=listener.fileno()) as running:
            port_of(running)
            assert len(all_answer(port, 2)) >= 1  # whoever wakes first takes the caller
            running.stop()


def test_a_worker_that_cannot_work_is_told() -> None:
    with start([sys.executable, "-c", _FAILING]) as running:
        running.wait(1)
        assert running.err.count(b"ZeroDivisionError") >= 2


def test_a_port_that_is_taken_is_told_before_anybody_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ListenError, match="in use"):
            Workers(Address("tcp", *taken.getsockname()), 2)
