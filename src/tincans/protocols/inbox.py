"""What a session reads from, and what it raises where that is wrong."""

from __future__ import annotations

import re

from tincans.limits import LINE_BYTES


class Inbox:
    """What one side said and nobody read yet. `start` is the offset of its first byte in that side's stream."""

    __slots__ = ("_looked", "data", "ended", "start")

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.data = bytearray()
        #: That side has said its last word.
        self.ended = False
        self._looked = 0  # what was last asked for does not begin before this

    def __len__(self) -> int:
        return len(self.data)

    def take(self, count: int) -> bytes:
        """The next `count` bytes; fewer where there are no more."""
        data = bytes(self.data[:count])
        del self.data[:count]
        self.start += len(data)
        self._looked = 0
        return data

    def take_all(self) -> bytes:
        return self.take(len(self.data))

    def put_back(self, data: bytes) -> None:
        """What was taken last was too much."""
        self.data[:0] = data
        self.start -= len(data)
        self._looked = 0

    def look_again(self) -> None:
        """Something else is to be found next."""
        self._looked = 0

    @property
    def looked(self) -> int:
        """What is looked for does not begin before this place."""
        return self._looked

    def find(self, end: bytes) -> int:
        """Where `end` begins, or -1; what was looked through is remembered, so ask for the same `end` until it came."""
        found = self.data.find(end, self._looked)
        if found < 0:
            self._looked = max(0, len(self.data) - len(end) + 1)
        return found

    def search(self, pattern: re.Pattern[bytes], most: int) -> int | None:
        """Where the first match of `pattern` ends, or None; it has at most `most` bytes. Remembers as `find` does."""
        match = pattern.search(self.data, self._looked)
        if match is None:
            self._looked = max(0, len(self.data) - most + 1)
            return None
        return match.end()

    def line(self, limit: int = LINE_BYTES, end: bytes = b"\n", what: str = "a line") -> bytes | None:
        """The next line with its `end`; None when it is not there yet.

        Raises `Wrong` when it is longer than `limit`, its end not counted; to go on after that line.
        """
        found = self.find(end)
        if found > limit or (found < 0 and len(self.data) >= limit + len(end)):
            raise Wrong(f"{what} is longer than {limit} bytes", self.start + limit, until=end)
        return None if found < 0 else self.take(found + len(end))


class Wrong(Exception):
    """The other side broke the rules: raised by a session's `_read`, and seen by nobody else.

    `at` is the offset of what is wrong. How decoding goes on: after the next `until`; or after `skip` more bytes of the
    inbox; or, with neither, where `_seek` says so. With `seek` that is asked behind what was skipped. `reply` is what a
    polite server answers.
    """

    def __init__(
        self, reason: str, at: int, *, skip: int | None = None, until: bytes = b"", seek: bool = False,
        reply: bytes = b"",
    ) -> None:  # fmt: skip
        super().__init__(reason)
        self.reason, self.at, self.skip, self.until, self.reply = reason, at, skip, until, reply
        self.seek = seek or (skip is None and not until)
