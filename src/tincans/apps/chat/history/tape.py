"""A file that is only appended to (`tincans.appending`), of whole lines.

A line that a kill has torn is cut off when the file is opened again, and so is anything else at its end that makes no
sense (a machine without power may leave zeros).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tincans.appending import Appending

#: How much of a file's end is read first, to find its last whole line; then four times as much.
_END_BYTES = 64 * 1024


class Tape(Appending):
    """One such file, open."""

    def __init__(self, path: Path, makes_sense: Callable[[bytes], bool]) -> None:
        """Open it, made where it is not there, and cut off what is torn, or makes no sense at its end.

        `makes_sense` is asked of lines without their ends, from the last on. Raises `OSError`.
        """
        super().__init__(path)
        try:
            end, self.last_line = _end(self.file, makes_sense)
            self.cut(end)
        except BaseException:
            self.close()
            raise


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
