"""Where the two sides of an HTTP/1.x connection are, and what joins them.

Each side is at one place of this table; who reads there stands in `http.py`:

    place         comes next in the stream                  and then
    HEAD          a request or a response                   a place of the body; HEAD again after 1xx
    LENGTH        as many bytes as were promised            END
    SIZE          the line before a chunk                   CHUNK, or TRAILERS before the last
    CHUNK         the bytes of a chunk                      CHUNK_END
    CHUNK_END     the line's end behind them                SIZE
    TRAILERS      the fields behind the last chunk          HEAD, CLOSED
    UNTIL_CLOSE   whatever comes before the side's end      END
    END           nothing: the message is complete          HEAD, CLOSED
    UNKNOWN       a body of which nobody knows the length   lost, until something looks like a head
    CLOSED        nothing: the side said `close`            (only where strict)

A response is read as what its request asked for, so there is an `Exchange` for every request that waits for one.
"""

from __future__ import annotations

from enum import IntEnum

from tincans.channel import Side
from tincans.protocols.http_head import CHUNKED, UNKNOWN, UNTIL_CLOSE


class Place(IntEnum):
    HEAD = 0
    LENGTH = 1
    SIZE = 2
    CHUNK = 3
    CHUNK_END = 4
    TRAILERS = 5
    UNTIL_CLOSE = 6
    END = 7
    UNKNOWN = 8
    CLOSED = 9


#: Where a body begins that has no length.
_BODY = {
    0: Place.END,
    CHUNKED: Place.SIZE,
    UNTIL_CLOSE: Place.UNTIL_CLOSE,
    UNKNOWN: Place.UNKNOWN,
}


class Exchange:
    """A request that waits for its response."""

    __slots__ = ("answered", "connects", "method", "patient", "switches")

    def __init__(self, method: str) -> None:
        self.method = method
        self.connects = method == "CONNECT"
        self.switches = self.connects  # it asked for another protocol
        self.patient = False  # it waits for 100 (Continue) before its body
        self.answered = False


class Half:
    """Where one side is."""

    __slots__ = ("closing", "exchange", "left", "notes", "place", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.place = Place.HEAD
        self.left = 0  # of the body or the chunk
        self.closing = False  # nothing follows this message
        self.notes: list[str] = []  # about the framing of this body
        self.exchange = Exchange("")  # what this message belongs to

    def begin_body(self, length: int) -> None:
        """Of so many bytes, or in one of the ways that have no length."""
        self.left = length
        self.place = Place.LENGTH if length > 0 else _BODY[length]
