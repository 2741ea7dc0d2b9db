"""What the pipes of one relay share: the room that small messages pass through, and the kernel's pipes for bulk.

A kernel pipe is how splice(2) carries bytes from socket to socket without bringing them into this process, and tee(2)
how a second reader (the journal) gets them too. Each costs two descriptors and up to PIPE_BYTES of kernel memory, so
a direction has one only while bulk flows: `lend` gives it, and a sweep once a second takes it back from whoever
carried nothing since.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
from collections import deque
from typing import Protocol

from tincans.limits import PIPE_BYTES, PIPES_LENT, ROOM_BYTES

SPLICE = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE if hasattr(os, "splice") else 0

_SWEEP_SECONDS = 1.0


class KernelPipe:
    """An empty, non-blocking pipe of PIPE_BYTES, or of what the kernel allows (pipe(7), pipe-user-pages-soft)."""

    __slots__ = ("reader", "writer")

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            pass  # the default of 64 KiB is slower, and right

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


class Borrower(Protocol):
    """Somebody who has a pipe lent."""

    def idle(self) -> bool:
        """Whether nothing was carried since the last call; if so it has given the pipe back."""


class Plumbing:
    """The room and the pipes that all links of one relay share, on one loop.

    Each link lives in a `with plumbing:`; when the last one is over the pipes are closed.
    """

    def __init__(self) -> None:
        #: Where `recv_into` puts what is sent on in the same breath; nobody keeps it across a turn of the loop.
        self.room = memoryview(bytearray(ROOM_BYTES))
        self._links = 0
        self._made = 0
        self._free: deque[KernelPipe] = deque()  # empty ones; the journal's thread gives back here, too
        self._borrowers: set[Borrower] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    def __enter__(self) -> Plumbing:
        self._links += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._links -= 1
        if not self._links:
            self._close_free()

    def take(self) -> KernelPipe | None:
        """An empty pipe; None when PIPES_LENT are in use or the machine has no descriptor left: then copy instead."""
        try:
            return self._free.pop()
        except IndexError:
            pass
        if self._made >= PIPES_LENT:
            return None
        try:
            pipe = KernelPipe()
        except OSError:
            return None
        self._made += 1
        return pipe

    def give(self, pipe: KernelPipe) -> None:
        """Give an empty pipe back, from any thread."""
        self._free.append(pipe)
        if not self._links:
            self._close_free()

    def scrap(self, pipe: KernelPipe) -> None:
        """Close a pipe that is not empty: nobody else may find what is in it."""
        self._made -= 1
        pipe.close()

    def lend(self, borrower: Borrower) -> KernelPipe | None:
        """As `take`, for as long as `borrower` carries bulk: it is asked once a second whether it still does."""
        pipe = self.take()
        if pipe is not None:
            self._borrowers.add(borrower)
            if self._sweeper is None:
                self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self.sweep)
        return pipe

    def forget(self, borrower: Borrower) -> None:
        """`borrower` has given its pipe back by itself."""
        self._borrowers.discard(borrower)

    def sweep(self) -> None:
        """Take the pipes back from whoever carried nothing since the last sweep; runs by itself while any is lent."""
        self._sweeper = None
        for borrower in tuple(self._borrowers):
            if borrower.idle():
                self.forget(borrower)
        if self._borrowers:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self.sweep)
        else:
            self._close_free()

    def _close_free(self) -> None:
        while True:
            try:
                pipe = self._free.pop()
            except IndexError:
                return
            self.scrap(pipe)


# ── tee(2), which the standard library leaves out ─────────────────────────────────────────────────────────

_libc = ctypes.CDLL(None, use_errno=True)
_tee = getattr(_libc, "tee", None)
if _tee is not None:
    _tee.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint]
    _tee.restype = ctypes.c_ssize_t

CAN_SPLICE = SPLICE != 0
CAN_TEE = CAN_SPLICE and _tee is not None


def tee(source: int, target: int, count: int) -> int:
    """Duplicate up to `count` bytes from one pipe to another without taking them; 0 where that would block (tee(2))."""
    assert _tee is not None
    copied: int = _tee(source, target, count, SPLICE)
    if copied < 0:
        error = ctypes.get_errno()
        if error == errno.EAGAIN:
            return 0
        raise OSError(error, os.strerror(error))
    return copied
