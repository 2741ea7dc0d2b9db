"""stdio:, this process's own stdin and stdout as a channel; what is said is written to stdout.

Descriptors 0 and 1 are inherited: the shell, and whoever else is in the pipeline, uses the same open files. O_NONBLOCK
is a mark on the open file, not on our descriptor, so setting it would break the others, and kill -9 would leave it on
the terminal. Instead each end is taken as what it is:

* a regular file, /dev/null: never waits, so it is read and written as it is, from where its offset stands;
* a socket: asked with MSG_DONTWAIT, which is a mark on the call alone;
* a pipe, a terminal: opened once more through /proc/self/fd, which gives an open file of our own to mark;
* where that is forbidden (a terminal after su): marked all the same, and unmarked at the close or at the exit.

A closed end gives way to /dev/null, so that the others of the pipeline see the end while this process lives on, and a
`print` still has somewhere to go. A terminal stays open: nobody waits for its end.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import select
import socket
import stat
from collections.abc import Callable
from functools import partial

from tincans.address import Address
from tincans.channel import Channel, Listener
from tincans.errors import ChannelClosed, ConnectError, ListenError
from tincans.transports.pipes import End, PipeChannel
from tincans.transports.stream import describe

_STDIO = Address("stdio")

#: Which pairs of descriptors are a channel now: (0, 1) or nothing, outside of tests.
_in_use = set[tuple[int, int]]()


class StdioChannel(PipeChannel):
    """Two inherited descriptors; when it is closed `over` is set."""

    __slots__ = ("_inherited", "over")

    def __init__(self, stdin: int = 0, stdout: int = 1) -> None:
        """Raises `OSError` where one of the two is not open, or they are a channel already."""
        if (stdin, stdout) in _in_use:
            raise OSError("they are in use as a channel already")
        source = _end(stdin, os.O_RDONLY)
        try:
            sink = _end(stdout, os.O_WRONLY)
        except BaseException:
            os.close(source.fd)
            raise
        super().__init__(source, sink, _STDIO, _STDIO)
        self.over = asyncio.Event()
        self._inherited = (stdin, stdout)
        _in_use.add(self._inherited)

    def _close(self) -> None:
        super()._close()
        self.over.set()
        _in_use.discard(self._inherited)


class StdioListener(Listener):
    """Whoever started this process is the one caller there will ever be: once it has left, so is the listener done."""

    __slots__ = ("_caller", "_over", "address")

    def __init__(self, caller: StdioChannel) -> None:
        self.address = _STDIO
        self._caller: StdioChannel | None = caller
        self._over = caller.over

    async def accept(self) -> Channel:
        """The caller, once; then wait until it has left, for `ChannelClosed`."""
        caller, self._caller = self._caller, None
        if caller is None or self._over.is_set():
            await self._over.wait()
            raise ChannelClosed
        return caller

    async def aclose(self) -> None:
        if self._caller is not None:
            self._caller.abort()
        self._over.set()


async def dial(address: Address) -> Channel:
    """Take stdin and stdout; `ConnectError` where they are a channel already, or not open."""
    try:
        return StdioChannel()
    except OSError as error:
        raise ConnectError(address, describe(error)) from error


async def listen(address: Address, *, reuse_port: bool = False) -> Listener:
    """Take stdin and stdout as the one caller; `ListenError` where they are a channel already, or not open."""
    try:
        return StdioListener(StdioChannel())
    except OSError as error:
        raise ListenError(address, describe(error)) from error


# ── what a descriptor is ──────────────────────────────────────────────────────────────────────────────────


class _SocketEnd(End):
    """A socket that others use too. As stdin and stdout are often one socket, the writer's close ends the writing."""

    __slots__ = ("_socket", "_writes")

    def __init__(self, fd: int, *, writes: bool, then: Callable[[], None]) -> None:
        super().__init__(fd, then=then)
        self._socket = socket.socket(fileno=fd)
        self._writes = writes

    def read(self, count: int) -> bytes:
        return self._socket.recv(count, socket.MSG_DONTWAIT)

    def write(self, data: memoryview) -> int:
        return self._socket.send(data, socket.MSG_DONTWAIT)

    def close(self) -> None:
        if self._writes:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the other side has left
        self._socket.detach()
        super().close()


def _end(inherited: int, direction: int) -> End:
    """An end of our own over an inherited descriptor, which stays as it is until the end's close."""
    fd = os.dup(inherited)
    then = partial(_give_up, inherited)
    if stat.S_ISSOCK(os.fstat(fd).st_mode):
        return _SocketEnd(fd, writes=direction == os.O_WRONLY, then=then)
    if not _can_wait(fd):
        return End(fd, waits=False, then=then)
    try:
        own = os.open(f"/proc/self/fd/{fd}", direction | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return _marked(fd, then)
    os.close(fd)
    return End(own, then=then)


def _can_wait(fd: int) -> bool:
    """Whether epoll takes it: not so regular files and some devices (epoll_ctl(2), EPERM)."""
    with select.epoll() as poll:
        try:
            poll.register(fd, 0)
        except PermissionError:
            return False
    return True


def _marked(fd: int, then: Callable[[], None]) -> End:
    """`fd` itself, its open file marked non-blocking until the close, or until the interpreter's exit."""
    if not os.get_blocking(fd):
        return End(fd, then=then)
    spare = os.dup(fd)  # the end's own is closed when the mark is taken away

    def unmark() -> None:
        os.set_blocking(spare, True)
        os.close(spare)

    def closed() -> None:
        atexit.unregister(unmark)
        unmark()
        then()

    os.set_blocking(fd, False)
    atexit.register(unmark)
    return End(fd, then=closed)


def _give_up(inherited: int) -> None:
    """Put /dev/null in the place of a pipe, a file or a socket, so that its other users see that we are done."""
    if os.isatty(inherited):
        return
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, inherited, inheritable=True)
    os.close(null)
