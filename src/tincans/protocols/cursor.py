"""Through the fields of one binary message that is whole, each of which may turn out not to be there."""

from __future__ import annotations

from tincans.protocols.inbox import Wrong


def varint(value: int) -> bytes:
    """A number in bytes of seven bits, the low ones first; all but the last have the high bit."""
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


class Cursor:
    """The fields of a message, one after the other. What is wrong with one makes the whole message wrong."""

    __slots__ = ("at", "data", "end", "offset")

    def __init__(self, data: bytes, offset: int, at: int = 0, end: int | None = None) -> None:
        """`data` is the whole message, its head included, and `offset` where it stands in what its side said.

        The fields are between `at` and `end`.
        """
        self.data, self.offset, self.at = data, offset, at
        self.end = len(data) if end is None else end

    @property
    def left(self) -> int:
        return self.end - self.at

    @property
    def place(self) -> int:
        """The offset, in what the side said, of what comes next."""
        return self.offset + self.at

    def wrong(self, reason: str, at: int | None = None) -> Wrong:
        """To be raised: the field at `at`, or the next one, breaks the rules. Decoding goes on behind the message."""
        return Wrong(reason, self.offset + (self.at if at is None else at), skip=len(self.data))

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if not 0 <= count <= self.end - self.at:
            raise self.wrong("the message ends in the middle of a field")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(self.left)

    def number(self, size: int, *, signed: bool = False) -> int:
        """The next `size` bytes as a number, the high byte first."""
        return int.from_bytes(self.take(size), "big", signed=signed)

    def string(self) -> bytes:
        """What stands before the next zero byte."""
        found = self.data.find(b"\0", self.at, self.end)
        if found < 0:
            raise self.wrong("a string has no end")
        data = self.take(found - self.at)
        self.at += 1
        return data

    def part(self, count: int) -> Cursor:
        """A cursor for the next `count` bytes alone; this one goes on behind them."""
        self.take(count)
        return Cursor(self.data, self.offset, self.at - count, self.at)

    def finish(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise self.wrong(f"{self.left} bytes too many in the message")
