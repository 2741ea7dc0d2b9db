"""Connections to the index of a history for those who read: each is lent to one at a time, and two are kept at hand."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tincans.apps.chat.history.index import Index, give_up_broken

#: Connections that are kept for the next who reads.
_IDLE = 2


class Readers:
    """Connections to the index for those who read, lent to one at a time. For any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Condition()
        self._idle = [Index(path)]  # one is at hand for the loop's thread
        self._lent: dict[Index, threading.Event | None] = {}
        self._opening = 0
        self._is_closed = False

    @contextmanager
    def lent(self, cancelled: threading.Event | None = None) -> Iterator[Index]:
        """One of them, for the block. Its errors become `OSError`, and so does being `cancelled`, before or within."""
        try:
            index = self._lend(cancelled)
            try:
                yield index
            finally:
                self._give_back(index)
        except sqlite3.Error as error:
            give_up_broken(self._path, error)
            raise OSError(errno.EIO, f"the index {self._path} cannot be read: {error}") from error

    def _lend(self, cancelled: threading.Event | None) -> Index:
        with self._turn:
            if self._is_closed or (cancelled is not None and cancelled.is_set()):
                raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
            index = self._idle.pop() if self._idle else None
            self._opening += 1
        try:
            index = index or Index(self._path)
        finally:
            with self._turn:
                self._opening -= 1
                if index is not None:
                    self._lent[index] = cancelled
                self._turn.notify_all()
        return index

    def _give_back(self, index: Index) -> None:
        with self._turn:
            del self._lent[index]
            if len(self._idle) < _IDLE:
                self._idle.append(index)
            else:
                index.close()
            self._turn.notify_all()

    def cancel(self, cancelled: threading.Event) -> None:
        """Let who borrowed with this event end soon, now or later."""
        with self._turn:
            cancelled.set()
            for index, event in self._lent.items():
                if event is cancelled:
                    index.interrupt()

    def close(self) -> None:
        """Wait for those who read, and close all. Idempotent."""
        with self._turn:
            self._is_closed = True
            self._turn.wait_for(lambda: not (self._lent or self._opening))
            while self._idle:
                self._idle.pop().close()
