"""Forcing what a history keeps to the disk, once a second, so that a machine that loses power loses about the last one.

    append ─► told ─► arrived ─► CHAT_SYNC_SECONDS later, in a thread ─► fdatasync(2) ─► it is on the disk for good

Nobody waits for it: if a message were forced to the disk before it is told, each would cost some milliseconds, and in
one room nothing can be said at the same time. A thread of its own does it, as a disk that is slow must not hold up the
index, for which readers wait. Where nothing is said nothing is forced.

What is forced are the log and what rooms are; the index is made anew where it is lost, and a file that was put in a
room is written back by the kernel, within 30 s (vm.dirty_expire_centisecs).
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from tincans.limits import CHAT_SYNC_SECONDS

logger = logging.getLogger(__name__)


class Syncer:
    """The thread, for one folder. `close` has all forced that arrived, and ends it."""

    def __init__(self, folder: Path, sync: Callable[[], None]) -> None:
        """`sync` forces what is new to the disk, and raises `OSError`; it is called by the thread."""
        self._folder, self._sync = folder, sync
        self._wake, self._ends = threading.Event(), threading.Event()
        self._is_new = self._has_failed = False
        self._thread = threading.Thread(target=self._run, name="tincans-rooms-sync", daemon=True)
        self._thread.start()

    def arrived(self) -> None:
        """Something is new. For any thread."""
        if not self._is_new:
            self._is_new = True
            self._wake.set()

    def close(self) -> None:
        """Not for the loop's thread. Idempotent."""
        self._ends.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.is_set():
            self._wake.wait()
            self._ends.wait(CHAT_SYNC_SECONDS)
            self._wake.clear()
            if self._is_new:
                self._is_new = False  # before: who comes meanwhile wakes it again
                self._try()

    def _try(self) -> None:
        try:
            self._sync()
            self._has_failed = False
        except OSError as error:  # tried again with what comes next
            if not self._has_failed:
                logger.warning("a loss of power may cost more of %s than a second: %s", self._folder, error)
            self._has_failed = True


def force(path: Path) -> None:
    """Force what a file has, or the names in a folder, to the disk. Nothing where it is gone. Raises `OSError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
