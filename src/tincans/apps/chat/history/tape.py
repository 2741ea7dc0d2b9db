"""A file that is only ever appended to, by one process, a line at a time: whole lines, or nothing.

`append` is one write(2). What was written survives the end of its process, however it ends; nothing is forced to the
disk, so a machine that loses power may lose its last seconds, as the kernel writes them back
(vm.dirty_expire_centisecs, 30 s).

A write that a full disk refused or cut short is undone. A line that a kill has torn is cut off when the file is opened
again, and so is anything else at its end that makes no sense (a machine without power may leave zeros).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

#: How much of a file's end is read first, to find its last whole line; then four times as much.
_END_BYTES = 64 * 1024


class Tape:
    """One such file, open. For one thread; `end` may be read by others, and what stands before it does not change."""

    def __init__(self, path: Path, makes_sense: Callable[[bytes], bool]) -> None:
        """Open it, made where it is not there, and cut off what is torn, or makes no sense at its end.

        `makes_sense` is asked of lines without their ends, from the last on. Raises `OSError`.
        """
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._torn = False
        #: How long it is, and the last line that it had when it was opened, without its end.
        self.end, self.last_line = 0, b""
        try:
            self.end, self.last_line = _end(self._file, makes_sense)
            if self.end != os.fstat(self._file).st_size:
                os.ftruncate(self._file, self.end)
        except BaseException:
            self.close()
            raise

    def append(self, lines: bytes) -> None:
        """Write whole lines. Raises `OSError`, and then the file is as it was."""
        if self._torn:
            os.ftruncate(self._file, self.end)
            self._torn = False
        try:
            written = os.write(self._file, lines)
            if written != len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        except OSError:
            self._undo()
            raise
        self.end += written

    def _undo(self) -> None:
        self._torn = True
        try:
            os.ftruncate(self._file, self.end)
            self._torn = False
        except OSError:
            pass  # tried again by who appends next

    def close(self) -> None:
        """Give the descriptor back; who appends then gets an `OSError`. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _end(file: int, makes_sense: Callable[[bytes], bool]) -> tuple[int, bytes]:
    """Where the last whole line that makes sense ends, and that line; 0 where there is none."""
    size = os.fstat(file).st_size
    window = _END_BYTES
    while True:
        start = max(0, size - window)
        data = os.pread(file, size - start, start)
        stop = data.rfind(b"\n")
        while (before := data.rfind(b"\n", 0, max(0, stop))) >= 0 or (start == 0 and stop >= 0):
            line = data[before + 1 : stop]
            if makes_sense(line):
                return start + stop + 1, line
            stop = before
        if start == 0:
            return 0, b""
        window *= 4
