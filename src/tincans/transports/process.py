"""exec:COMMAND, a child process whose stdin and stdout are the channel.

The command is one line for /bin/sh, so pipes, quotes and variables mean what they mean in a shell. The child leads
a session and a process group of its own: a Ctrl-C here is not meant for it, and what it starts is ended with it. Its
stderr is ours.

Closing is polite first: its stdin ends and nobody reads its stdout any more. After PROCESS_POLITE_SECONDS the whole
group gets SIGTERM, after PROCESS_TERM_SECONDS more SIGKILL; `abort` begins with SIGKILL. The exit is seen through a
pidfd (pidfd_open(2)), which works on every loop and in every thread. The child is reaped only when it has left *and*
the channel is closed: until then its number cannot become another's, and its group can be signalled safely.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack

from tincans.address import Address
from tincans.channel import Channel, Listener
from tincans.errors import ConnectError, ListenError
from tincans.limits import PROCESS_KILL_SECONDS, PROCESS_POLITE_SECONDS, PROCESS_TERM_SECONDS
from tincans.transports.pipes import End, PipeChannel
from tincans.transports.stream import describe


class ProcessChannel(PipeChannel):
    """A child's stdin and stdout; it owns the child, and nobody of its process group outlives the channel."""

    __slots__ = ("_exit", "_last_signal", "_pidfd", "_process", "_status")

    def __init__(self, process: subprocess.Popen[bytes], source: End, sink: End, address: Address) -> None:
        super().__init__(source, sink, address, address)
        self._process = process
        self._status = ""
        self._last_signal = signal.SIGTERM  # for those of the group who are left when the child is not
        self._exit: asyncio.Future[None] = self._loop.create_future()
        self._pidfd = os.pidfd_open(process.pid)
        self._loop.add_reader(self._pidfd, self._on_exit)

    @property
    def facts(self) -> Mapping[str, str]:
        """`process.id`; and once it has left `process.status`, its exit status or the signal that ended it."""
        facts = {"process.id": str(self._process.pid)}
        if self._status:
            facts["process.status"] = self._status
        return facts

    async def exited(self) -> None:
        """Wait until the child has left. Closes nothing; cancelling changes nothing."""
        await asyncio.wait([self._exit])

    async def aclose(self) -> None:
        """Close both directions and wait until the child has left, for at most the three limits together.

        When cancelled the child is killed.
        """
        self._close()
        steps = ((None, PROCESS_POLITE_SECONDS), (signal.SIGTERM, PROCESS_TERM_SECONDS))
        try:
            for number, seconds in (*steps, (signal.SIGKILL, PROCESS_KILL_SECONDS)):
                if number is not None:
                    self._signal(number)
                if await self._left_within(seconds):
                    return
        except asyncio.CancelledError:
            self._signal(signal.SIGKILL)
            raise

    def abort(self) -> None:
        """Close both directions and kill the child; the loop's next turns reap it."""
        self._signal(signal.SIGKILL)
        self._close()

    async def _left_within(self, seconds: float) -> bool:
        if not self._exit.done():
            await asyncio.wait([self._exit], timeout=seconds)
        return self._exit.done()

    def _signal(self, number: signal.Signals) -> None:
        """Tell the whole group, unless it was reaped."""
        if self._process.returncode is None:
            self._last_signal = number
            try:
                os.killpg(self._process.pid, number)
            except (ProcessLookupError, PermissionError):
                pass  # all have left, or became another user's

    def _on_exit(self) -> None:
        """The child has left: note how, and keep its number taken until the channel is closed."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._status = _status(self._process.pid)
        self._exit.set_result(None)
        self._bury()

    def _close(self) -> None:
        super()._close()
        self._bury()

    def _bury(self) -> None:
        if self._closed and self._exit.done() and self._process.returncode is None:
            self._signal(self._last_signal)
            self._process.wait()


def _status(pid: int) -> str:
    """How a child that has left did so, in a word; it stays to be reaped."""
    try:
        result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:  # this process ignores SIGCHLD: nobody can know
        return "unknown"
    assert result is not None
    return str(result.si_status) if result.si_code == os.CLD_EXITED else signal.Signals(result.si_status).name


async def spawn_process(command: str, env: Mapping[str, str] | None = None) -> ProcessChannel:
    """Start `command` through /bin/sh and return its stdin and stdout as a channel; `env` adds to our environment.

    A command that does not exist is the shell's to say, on stderr, and ends with `process.status` 127. `ConnectError`
    where not even the shell can be started. Closing the channel ends the process.
    """
    address = Address("exec", path=command)
    try:
        return _spawn(command, {**os.environ, **(env or {})}, address)
    except OSError as error:
        raise ConnectError(address, describe(error)) from error


def _spawn(command: str, env: Mapping[str, str], address: Address) -> ProcessChannel:
    with ExitStack() as theirs, ExitStack() as ours:  # Popen's own pipes are left open where descriptors run out
        stdin, sink = _pipe(theirs, ours)
        source, stdout = _pipe(ours, theirs)
        process = subprocess.Popen(
            ["/bin/sh", "-c", command], stdin=stdin, stdout=stdout, env=env, start_new_session=True
        )
        try:
            channel = ProcessChannel(process, _end(source), _end(sink), address)
        except BaseException:  # no descriptor is left for the pidfd
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        ours.pop_all()  # the channel's now
        return channel


def _pipe(reads: ExitStack, writes: ExitStack) -> tuple[int, int]:
    """A pipe, whose two ends the two close."""
    reader, writer = os.pipe()
    reads.callback(os.close, reader)
    writes.callback(os.close, writer)
    return reader, writer


def _end(fd: int) -> End:
    os.set_blocking(fd, False)
    return End(fd)


async def dial(address: Address, *, env: Mapping[str, str] | None = None) -> Channel:
    """Start the command of `address`; see `spawn_process`."""
    return await spawn_process(address.path, env)


async def listen(address: Address, *, reuse_port: bool = False) -> Listener:
    """Nobody can call a command: `ListenError` says what works."""
    raise ListenError(address, f"a command cannot be called; write for example tincans listen :9000 {address}")
