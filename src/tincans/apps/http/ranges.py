"""Parts of a file (RFC 9110 §14): which are asked for, and how several are said in one response.

Many small parts, or parts that overlap, would have a server say more than the whole (§17.15): parts that overlap, or
between which there is less than what frames one, become one; and whoever asks for too many is given the whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from tincans.apps.http.exchange import Span
from tincans.limits import HTTP_RANGES

_RANGE = re.compile(r"(?P<first>[0-9]*)-(?P<last>[0-9]*)")
#: Between two parts there are at least so many bytes of boundary and fields.
_FRAME_BYTES = 80


class Part(NamedTuple):
    """Bytes of a file, both ends included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def of(self, size: int) -> str:
        """As Content-Range says it."""
        return f"bytes {self.first}-{self.last}/{size}"


def parts_of(wanted: str, size: int) -> list[Part] | None:
    """The parts of a file of `size` bytes that a Range asks for; none where it has none of them (416).

    None where the Range is to be ignored: it is in another unit, malformed, or asks for too much.
    """
    unit, _, text = wanted.partition("=")
    members = [member.strip(" \t") for member in text.split(",")]
    members = [member for member in members if member]
    if unit.strip(" \t").lower() != "bytes" or not 0 < len(members) <= HTTP_RANGES:
        return None
    parts = []
    for member in members:
        match = _RANGE.fullmatch(member)
        if match is None or member == "-" or len(member) > 40:
            return None
        part = _part(match["first"], match["last"], size)
        if part is None:
            return None
        if part.size > 0:
            parts.append(part)
    return _joined(parts)


def _part(first: str, last: str, size: int) -> Part | None:
    """None where it is malformed; empty where there is nothing of it."""
    if not first:
        return Part(max(0, size - int(last)), size - 1)
    if last and int(last) < int(first):
        return None
    end = min(int(last), size - 1) if last else size - 1
    return Part(int(first), max(end, int(first) - 1))


def _joined(parts: list[Part]) -> list[Part]:
    """In the order in which they were asked for, unless some are so near that they become one."""
    joined: list[Part] = []
    for part in sorted(parts):
        if joined and part.first <= joined[-1].last + _FRAME_BYTES:
            joined[-1] = Part(joined[-1].first, max(joined[-1].last, part.last))
        else:
            joined.append(part)
    return parts if len(joined) == len(parts) else joined


def several(parts: Sequence[Part], size: int, file: int, kind: str) -> tuple[str, list[bytes | Span]]:
    """The type and the body of a response with several parts (RFC 9110 §14.6)."""
    boundary = os.urandom(16).hex()
    body: list[bytes | Span] = []
    for part in parts:
        fields = f"Content-Type: {kind}\r\nContent-Range: {part.of(size)}\r\n"
        body += [f"\r\n--{boundary}\r\n{fields}\r\n".encode(), Span(file, part.first, part.size)]
    return f"multipart/byteranges; boundary={boundary}", [*body, f"\r\n--{boundary}--\r\n".encode()]
