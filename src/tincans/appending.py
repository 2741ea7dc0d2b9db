"""A file that is only ever appended to, by one process: what is appended is there whole, or nothing of it is.

`append` is one write(2). What was written survives the end of its process, however it ends. Nothing is forced to the
disk here: where nobody else does, a machine that loses power may lose its last seconds, as the kernel writes them back
(vm.dirty_expire_centisecs, 30 s).

A write that a full disk refused or cut short is undone. What a kill has torn is at the end, and whoever opens the file
knows by its form what that is, and has it cut off: lines (`apps/chat/history/tape.py`), or records with a checksum
(`peers/log.py`).
"""

from __future__ import annotations

import errno
import os
from pathlib import Path


class Appending:
    """One such file, open. For one thread; `end` may be read by others, and what stands before it does not change."""

    def __init__(self, path: Path) -> None:
        """Open it, made for its owner alone where it is not there. Raises `OSError`."""
        self.path = path
        #: The descriptor, to read from; negative once it is closed.
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        #: How long it is.
        self.end = os.fstat(self.file).st_size
        self._torn = False

    def cut(self, end: int) -> None:
        """Cut off what stands behind. Raises `OSError`."""
        if end != self.end:
            os.ftruncate(self.file, end)
            self.end = end

    def append(self, data: bytes) -> None:
        """Write at the end. Raises `OSError`, and then the file is as it was."""
        if self._torn:
            os.ftruncate(self.file, self.end)
            self._torn = False
        try:
            written = os.write(self.file, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        except OSError:
            self._undo()
            raise
        self.end += written

    def _undo(self) -> None:
        self._torn = True
        try:
            os.ftruncate(self.file, self.end)
            self._torn = False
        except OSError:
            pass  # tried again by who appends next

    def close(self) -> None:
        """Give the descriptor back; who appends then gets an `OSError`. Idempotent."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1
