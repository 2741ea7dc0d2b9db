"""Several processes on one port: the kernel hands every caller to one of them (SO_REUSEPORT, socket(7)).

The parent takes the port first, so that all mean the same one, forks, and from then on only supervises:

    SIGTERM, SIGINT, SIGHUP ──► forwarded to every worker, as often as they come
    a worker ends by itself ──► a warning; the others go on
    the last worker has ended ──► so does the parent, with the worst of their statuses
    the parent is killed ──► the kernel sends SIGTERM to the workers (PR_SET_PDEATHSIG, prctl(2))

A fork is safe only while there is one thread and no loop, so the parent never has either: it sleeps in select(2), woken
by signals through a pipe. Workers lead process groups of their own; else a Ctrl-C would reach them twice.
"""

from __future__ import annotations

import ctypes
import logging
import os
import select
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn

from tincans.address import Address
from tincans.transports.ports import hold_port

log = logging.getLogger(__name__)

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_HEARD = (*_FORWARDED, signal.SIGCHLD)
_PID = struct.Struct("i")
_PR_SET_PDEATHSIG = 1


class Worker:
    """One of the processes, as it sees itself."""

    def __init__(self, number: int, address: Address, pipe: int) -> None:
        #: From 0.
        self.number = number
        #: Where to listen, with `reuse_port`.
        self.address = address
        self._pipe = pipe

    def ready(self) -> None:
        """Tell the parent that this one listens."""
        os.write(self._pipe, _PID.pack(os.getpid()))


#: What a worker does with its process; returns the exit status.
Work = Callable[[Worker], int]


class Workers:
    """Processes that share the port of `address`, which is taken, and known, as soon as this exists.

    A context manager, which gives the port back. To be used before the program has a loop or a second thread.
    """

    def __init__(self, address: Address, count: int) -> None:
        """Take the port; raises `ListenError`, also where processes cannot share `address`."""
        #: With the real port.
        self.address, self._held = hold_port(address)
        self._count = count
        self._alive: dict[int, int] = {}  # number by process
        self._ready: set[int] = set()
        self._asked = False  # to stop
        self._status = 0

    def run(self, work: Work, *, ready: Callable[[], object] = lambda: None) -> int:
        """Start the processes, wait until the last has ended, and return the worst exit status.

        `ready` is called here once, when all of them have said that they listen.
        """
        with _signals() as signals, _pipe() as (told, tell):
            try:
                for number in range(self._count):
                    self._start(Worker(number, self.address, tell), work, close=(signals, told))
                self._supervise(signals, told, ready)
            finally:
                self._forward(signal.SIGTERM)  # nobody is left, unless something here went wrong
        return self._status

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held is not None:
            self._held.close()

    # ── the parent ────────────────────────────────────────────────────────────────────────────────────────

    def _supervise(self, signals: int, told: int, ready: Callable[[], object]) -> None:
        waiting = True
        while self._alive:
            readable, _, _ = select.select([signals, told], [], [])
            if signals in readable:
                self._heed(set(os.read(signals, 64)))
            if told in readable:
                self._ready.update(pid for (pid,) in _PID.iter_unpack(os.read(told, 64 * _PID.size)))
            if waiting and self._alive and self._ready.issuperset(self._alive):
                waiting = False
                ready()

    def _heed(self, numbers: set[int]) -> None:
        for number in numbers.intersection(_FORWARDED):
            self._asked = self._asked or number != signal.SIGHUP
            self._forward(number)
        if signal.SIGCHLD in numbers:
            self._reap()

    def _forward(self, number: int) -> None:
        for pid in self._alive:
            os.kill(pid, number)  # it is there: who has ended waits for us to reap it

    def _reap(self) -> None:
        for pid in list(self._alive):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._ended(pid, os.waitstatus_to_exitcode(status))

    def _ended(self, pid: int, code: int) -> None:
        number = self._alive.pop(pid)
        self._status = max(self._status, code if code >= 0 else 128 - code)
        if not self._asked:
            how = f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
            left = f"the other {len(self._alive)} go on" if self._alive else "it was the last"
            log.warning("worker %d (process %d) ended %s; %s", number, pid, how, left)

    # ── a worker ──────────────────────────────────────────────────────────────────────────────────────────

    def _start(self, worker: Worker, work: Work, *, close: tuple[int, int]) -> None:
        """Fork; no signal is heard in between, when it could be taken for one of the other process."""
        sys.stdout.flush()
        sys.stderr.flush()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        try:
            parent, pid = os.getpid(), os.fork()
            if pid == 0:
                _be(worker, work, lambda: _leave_parent(parent, close, mask))
            self._alive[pid] = worker.number
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _be(worker: Worker, work: Work, prepare: Callable[[], None]) -> NoReturn:
    """A worker's whole life. It never returns to what its parent was doing."""
    status = 1
    try:
        prepare()
        status = work(worker)
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _leave_parent(parent: int, close: tuple[int, int], mask: set[int | signal.Signals]) -> None:
    """Be a process of one's own, that ends when the parent is killed."""
    signal.set_wakeup_fd(-1)
    for number in _HEARD:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    for pipe in close:
        os.close(pipe)
    os.setpgid(0, 0)
    if os.environ.get("LISTEN_PID") == str(parent):  # what systemd handed to the parent is for the workers
        os.environ["LISTEN_PID"] = str(os.getpid())
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was killed before that
            os.kill(os.getpid(), signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _signals() -> Iterator[int]:
    """A descriptor from which the numbers of the signals that arrive are read; they do nothing else meanwhile."""
    with _pipe() as (heard, tell):
        os.set_blocking(tell, False)
        before = {number: signal.signal(number, lambda *_: None) for number in _HEARD}
        wakeup = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        try:
            yield heard
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    source, sink = os.pipe()
    try:
        yield source, sink
    finally:
        os.close(source)
        os.close(sink)
