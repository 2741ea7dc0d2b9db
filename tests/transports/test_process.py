"""exec:COMMAND, a child process as a channel."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from running import PATIENCE
from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import ChannelError, ConnectError, EndOfStream, ListenError
from tincans.tasks import run
from tincans.testing import check_channel
from tincans.transports import dial, listen, process
from tincans.transports.pipes import End, PipeChannel
from tincans.transports.process import ProcessChannel, spawn_process


async def start(command: str) -> ProcessChannel:
    channel = await dial(Address("exec", path=command))
    assert isinstance(channel, ProcessChannel)
    return channel


def state(pid: int) -> str:
    """The letter that /proc has for a process; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


async def gone(pid: int) -> bool:
    async with asyncio.timeout(PATIENCE):
        while state(pid) not in ("", "Z"):
            await asyncio.sleep(0.005)
    return True


# ── the contract ──────────────────────────────────────────────────────────────────────────────────────────

#: A child that gives its stdin and stdout away through a socket, and leaves.
GIVES_AWAY = """
import socket, sys
with socket.socket(socket.AF_UNIX) as there:
    there.connect(sys.argv[1])
    socket.send_fds(there, [b"x"], [0, 1])
"""


class GivesAway:
    """Makes pairs: a child, and a channel over the very descriptors that it was given as stdin and stdout."""

    def __init__(self, folder: Path) -> None:
        self._script, self._path = folder / "gives_away.py", folder / "there"
        self._script.write_text(GIVES_AWAY)
        self._socket = socket.socket(socket.AF_UNIX)

    async def __aenter__(self) -> GivesAway:
        self._socket.setblocking(False)
        self._socket.bind(str(self._path))
        self._socket.listen()
        return self

    async def __call__(self) -> tuple[Channel, Channel]:
        client = await start(f"exec {sys.executable} -ISE {self._script} {self._path}")
        connection, _ = await asyncio.get_running_loop().sock_accept(self._socket)
        with connection:
            connection.setblocking(True)
            _, fds, _, _ = socket.recv_fds(connection, 1, 2)
        for fd in fds:
            os.set_blocking(fd, False)
        where = Address("stdio")
        return client, PipeChannel(End(fds[0]), End(fds[1]), where, where)

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()


async def test_keeps_the_channel_contract(tmp_path: Path) -> None:
    async with GivesAway(tmp_path) as make_pair:
        await check_channel(make_pair)


# ── what it says and hears ────────────────────────────────────────────────────────────────────────────────


async def test_half_close_is_the_end_of_its_stdin() -> None:
    async with await start("sort -u") as channel:
        await channel.send(b"two\none\ntwo\n")
        await channel.send_eof()
        assert b"".join([piece async for piece in channel]) == b"one\ntwo\n"
    assert channel.facts["process.status"] == "0"


async def test_the_command_is_a_line_for_the_shell() -> None:
    async with await start('printf "%s\n" "a  b" | tr a-z A-Z; exit 3') as channel:
        assert b"".join([piece async for piece in channel]) == b"A  B\n"
    assert channel.facts["process.status"] == "3"


async def test_its_ends_are_named_and_its_number_is_a_fact() -> None:
    async with await start("cat") as channel:
        assert channel.local == channel.remote == Address.parse("exec:cat")
        assert state(int(channel.facts["process.id"]))
        assert "process.status" not in channel.facts


async def test_more_environment_may_be_given() -> None:
    os.environ["TINCANS_TEST"] = "from us"
    try:
        env = {"TINCANS_CLIENT": "tcp://127.0.0.1:1"}
        async with await spawn_process('echo "$TINCANS_CLIENT $TINCANS_TEST"', env) as channel:
            assert await channel.receive() == b"tcp://127.0.0.1:1 from us\n"
    finally:
        del os.environ["TINCANS_TEST"]


async def test_stderr_is_ours_and_a_command_that_is_not_there_is_127(capfd: pytest.CaptureFixture[str]) -> None:
    async with await start("no-such-command") as channel:
        with pytest.raises(EndOfStream):
            await channel.receive()
    assert channel.facts["process.status"] == "127"
    assert "no-such-command" in capfd.readouterr().err


async def test_the_status_is_known_before_the_close() -> None:
    async with await start("kill -KILL $$") as channel:
        with pytest.raises(EndOfStream):
            await channel.receive()
        async with asyncio.timeout(PATIENCE):
            while "process.status" not in channel.facts:
                await asyncio.sleep(0.001)
        assert channel.facts["process.status"] == "SIGKILL"


# ── how it ends ───────────────────────────────────────────────────────────────────────────────────────────


async def test_closing_lets_it_finish() -> None:
    channel = await start("cat > /dev/null; exit 7")
    await channel.send(b"x")
    await channel.aclose()
    assert channel.facts["process.status"] == "7"
    assert state(int(channel.facts["process.id"])) == ""


@pytest.mark.parametrize(
    ("command", "status"),
    [("exec sleep 1000", "SIGTERM"), ("trap '' TERM; echo ready; while :; do sleep 1000; done", "SIGKILL")],
)
async def test_who_does_not_leave_is_told_and_then_killed(
    command: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PROCESS_POLITE_SECONDS", 0.01)
    monkeypatch.setattr(process, "PROCESS_TERM_SECONDS", 0.05 if status == "SIGKILL" else PATIENCE)
    channel = await start(command)
    if status == "SIGKILL":
        await channel.receive()
    await channel.aclose()
    assert channel.facts["process.status"] == status
    assert state(int(channel.facts["process.id"])) == ""


async def test_what_it_started_ends_with_it() -> None:
    channel = await start("sleep 1000 & echo $!; cat")
    left = int(await channel.receive())
    assert state(left)
    await channel.aclose()
    assert await gone(left)


async def test_what_it_left_behind_still_holds_the_channel_until_it_is_closed() -> None:
    channel = await start("(read line; echo said $line; sleep 1000) & exit 0")
    async with asyncio.timeout(PATIENCE):
        while "process.status" not in channel.facts:
            await asyncio.sleep(0.001)
    assert channel.facts["process.status"] == "0"
    await channel.aclose()
    assert state(int(channel.facts["process.id"])) == ""


async def test_abort_kills_the_whole_group_and_leaves_no_zombie() -> None:
    channel = await start("trap '' TERM; sleep 1000 & echo $!; cat")
    left = int(await channel.receive())
    channel.abort()
    await channel.aclose()
    assert channel.facts["process.status"] == "SIGKILL"
    assert state(int(channel.facts["process.id"])) == ""
    assert await gone(left)


async def test_abort_alone_is_reaped_by_the_loop() -> None:
    channel = await start("cat")
    channel.abort()
    async with asyncio.timeout(PATIENCE):
        while state(int(channel.facts["process.id"])):
            await asyncio.sleep(0.001)


async def test_a_cancelled_close_kills() -> None:
    channel = await start("exec sleep 1000")
    closing = asyncio.get_running_loop().create_task(channel.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await channel.aclose()
    assert channel.facts["process.status"] == "SIGKILL"


async def test_it_does_not_hear_our_ctrl_c() -> None:
    async with await start("cat") as channel:
        assert os.getpgid(int(channel.facts["process.id"])) == int(channel.facts["process.id"]) != os.getpgrp()


def test_a_loop_in_another_thread() -> None:
    said: list[bytes] = []

    async def main() -> None:
        async with await start("echo hello") as channel:
            said.append(await channel.receive())
        said.append(channel.facts["process.status"].encode())

    thread = threading.Thread(target=lambda: run(main()))
    thread.start()
    thread.join()
    assert said == [b"hello\n", b"0"]


# ── what cannot be ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_command_cannot_be_called() -> None:
    with pytest.raises(ListenError, match="tincans listen :9000 exec:cat"):
        await listen(Address.parse("exec:cat"))


async def test_too_long_a_command_cannot_start() -> None:
    with pytest.raises(ConnectError, match="argument list too long"):
        await start("true " + "x" * 4_000_000)


@pytest.mark.parametrize("spare", range(6))
async def test_running_out_of_descriptors_leaves_nothing(spare: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = sorted(os.listdir("/proc/self/fd"))
    limit = next(n for n in range(1000) if len([fd for fd in range(n) if str(fd) not in before]) >= spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    reason = "too many open files"
    try:
        await (await start("cat")).aclose()
    except ConnectError as error:
        reason = error.reason
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert reason == "too many open files"
    assert sorted(os.listdir("/proc/self/fd")) == before


async def test_a_signal_to_who_has_left_is_no_error() -> None:
    channel = await start("exit 0")
    await channel.aclose()
    channel._signal(signal.SIGTERM)
    channel.abort()
    with pytest.raises(ChannelError):
        await channel.receive()


async def test_nobody_waits_longer_than_the_limit_for_the_kernel_to_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in the middle of a system call that cannot be interrupted; here its SIGKILL is held back."""
    for name in ("PROCESS_POLITE_SECONDS", "PROCESS_TERM_SECONDS", "PROCESS_KILL_SECONDS"):
        monkeypatch.setattr(process, name, 0.02)
    channel = await start("trap '' TERM; echo ready; while :; do sleep 1000; done")
    await channel.receive()
    with monkeypatch.context() as held:
        held.setattr(os, "killpg", lambda *_: None)
        async with asyncio.timeout(PATIENCE):
            await channel.aclose()
    assert "process.status" not in channel.facts
    os.killpg(int(channel.facts["process.id"]), signal.SIGKILL)
    await channel.exited()
    assert channel.facts["process.status"] == "SIGKILL"
