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
        begun = self._begun
        if begun or not data.endswith(b"\n"):
            begun += data
            if b"\n" not in data:
                self.too_long = len(begun) > CHAT_LINE_BYTES
                return []
            whole, _, rest = begun.rpartition(b"\n")
            data, self._begun = bytes(whole), rest
        else:
            data = data[:-1]
        return self._checked(data.split(b"\n"))

    def _checked(self, lines: list[bytes]) -> list[bytes]:
        for place, line in enumerate(lines):
            if line.endswith(b"\r"):
                lines[place] = line = line[:-1]
            if len(line) > CHAT_LINE_BYTES:
                self.too_long = True
                return lines[:place]
        self.too_long = len(self._begun) > CHAT_LINE_BYTES
        return lines

    def end(self) -> list[bytes]:
        """The caller has ended: a last line without an end is a line."""
        rest, self._begun = bytes(self._begun), bytearray()
        return [rest] if rest and not self.too_long else []
