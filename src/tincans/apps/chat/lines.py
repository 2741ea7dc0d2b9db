"""Lines of a caller, cut from what comes: all that are whole at once, so that a burst is acted upon in one turn."""

from __future__ import annotations

from tincans.limits import CHAT_LINE_BYTES


class Lines:
    """Lines without their LF or CR LF. One of more than CHAT_LINE_BYTES is `too_long`, and nothing comes behind it."""

    __slots__ = ("_begun", "too_long")

    def __init__(self) -> None:
        self.too_long = False
        self._begun = bytearray()  # of a line whose end has not come

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now."""
        if self.too_long:
            return []
        whole, end, rest = data.rpartition(b"\n")
        if not end:
            self._begin(data)
            return []
        if self._begun:
            whole = bytes(self._begun) + whole
            self._begun = bytearray()
        lines = whole.split(b"\n")
        for place, line in enumerate(lines):
            if line.endswith(b"\r"):
                lines[place] = line = line[:-1]
            if len(line) > CHAT_LINE_BYTES:
                self.too_long = True
                return lines[:place]
        self._begin(rest)
        return lines

    def _begin(self, data: bytes) -> None:
        self._begun += data
        self.too_long = len(self._begun) > CHAT_LINE_BYTES + 1  # the last may be a CR

    def end(self) -> list[bytes]:
        """The caller has ended: a last line without an end is a line."""
        rest, self._begun = bytes(self._begun), bytearray()
        return [rest] if 0 < len(rest) <= CHAT_LINE_BYTES and not self.too_long else []
