"""Lines to a descriptor from a thread of its own, so that a terminal or a pipe that is slow never holds up the loop.

The loop's thread only puts items into a bounded queue; the other one makes lines of them and writes. What does not fit
is counted and left out, and a line says how much that was:

    loop ── put(item) ──► queue, at most WAITING_BYTES ──► thread: form.lines(item) ──► write(2), which may block

The two counters of bytes are each written by one thread alone, so they need no lock.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

log = logging.getLogger(__name__)

#: What may wait for a slow reader: a thousand turns that are shown whole to their limit, twice over.
WAITING_BYTES = 2 * 1024 * 1024

#: What an item costs beyond its bytes.
ITEM_BYTES = 200

#: Items made into lines at once: few, because the loop may have to wait so long for the interpreter.
BATCH = 32

#: `close` gives up on a reader that takes nothing for so long, in seconds; later on our own thread, which on a busy
#: machine is still loading what it makes lines with.
PATIENCE = 1.0
THREAD_PATIENCE = 20.0

Item = TypeVar("Item")
Takes = TypeVar("Takes", contravariant=True)


class Form(Protocol[Takes]):
    """How items are printed: whole lines, their ends included. Called from the output's own thread."""

    def lines(self, item: Takes) -> str:
        """An item."""

    def skipped(self, count: int) -> str:
        """That so many items were left out."""

    def prepare(self) -> None:
        """What takes its time and can be done before there is an item."""


class Output(Generic[Item]):
    """Writes what `form` makes of each item to `fd`, which stays open. `close` it when all has been put."""

    def __init__(
        self, fd: int, form: Form[Item], on_broken: Callable[[], object], waiting: int = WAITING_BYTES
    ) -> None:
        """`on_broken` is called once, from the other thread, when whoever reads has gone."""
        self._fd, self._form, self._on_broken, self._bound = fd, form, on_broken, waiting
        #: An item, what it costs, and how many were skipped before it; the end has no item.
        self._queue: SimpleQueue[tuple[Item | None, int, int]] = SimpleQueue()
        self._put = 0  # the cost of all that was put, ever: written by the loop's thread
        self._taken = 0  # and of all that was written: by the other one
        self._skipped = 0
        self._writing = False  # the other thread waits for the reader
        #: Whoever read it has gone: what is put now is thrown away.
        self.broken = False
        self._thread = threading.Thread(target=self._run, name="tincans output", daemon=True)
        self._thread.start()

    def put(self, item: Item, size: int = 0, *, must: bool = False) -> bool:
        """Have `item`, which holds `size` bytes, written; skip it where too much waits. Never blocks.

        Gives whether it will be written, as far as somebody reads. What `must` be has a bound of its own.
        """
        cost = size + ITEM_BYTES
        if self.broken:
            return False
        if not must and self._put - self._taken + cost > self._bound:
            self._skipped += 1
            return False
        self._put += cost
        self._queue.put((item, cost, self._skipped))
        self._skipped = 0
        return True

    def close(self) -> None:
        """Write what waits, for as long as somebody reads it; gives up after `PATIENCE` without a byte taken."""
        self._queue.put((None, 0, self._skipped))
        waited = 0.0
        while self._thread.is_alive() and waited < (PATIENCE if self._writing else THREAD_PATIENCE):
            before = self._taken
            self._thread.join(PATIENCE)
            waited = waited + PATIENCE if self._taken == before else 0.0

    # ── the other thread ──────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        self._form.prepare()
        try:
            while self._write_batch():
                pass
        except OSError:
            self.broken = True
            self._on_broken()

    def _write_batch(self) -> bool:
        """Wait for an item, write it and those right behind it; whether there may be more."""
        batch = [self._queue.get()]
        while len(batch) < BATCH and not self._queue.empty():
            batch.append(self._queue.get())
        text = "".join(self._lines(item, skipped) for item, _, skipped in batch)
        self._writing = True
        _write_all(self._fd, text.encode("utf-8", "backslashreplace"))
        self._writing = False
        self._taken += sum(cost for _, cost, _ in batch)
        return batch[-1][0] is not None

    def _lines(self, item: Item | None, skipped: int) -> str:
        before = self._form.skipped(skipped) if skipped else ""
        try:
            return before if item is None else before + self._form.lines(item)
        except Exception:  # somebody else's decoder: the others' conversations go on
            log.exception("something cannot be shown")
            return before


def _write_all(fd: int, data: bytes) -> None:
    """Write all of it, waiting as long as that takes, also where somebody made the descriptor non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            select.select([], [fd], [])
