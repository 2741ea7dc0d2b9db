"""The listing of a folder: a page for people, and JSON for programs.

    ?sort=name|size|time&order=asc|desc     folders first; names as people count, "file 2" before "file 10"
    ?delete=NAME                            asks, above the rest of the page, whether that shall be deleted; the name is
                                            percent-encoded once more, as it may have bytes that are no text

To a request with `Accept: application/json` the same is said as one object:

    {"path": "/music/", "items": [{"name": "a b.wav", "href": "a%20b.wav", "type": "file", "size": 44,
                                   "modified": "2026-11-27T20:15:00.250000000Z"}, …]}

`href` is the name as a relative reference (RFC 3986), and exact; in `path` and `name` bytes that are no UTF-8 are
replaced. `type` is "folder", whose `href` ends in "/", or "file"; `size` is in bytes, and 0 for a folder; `modified` is
RFC 3339 in UTC with nine decimals, or empty for a time that has no such form.

Both are made piece by piece, so that a folder of any size costs little memory, and have a tag that changes with what
they say.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from stat import S_ISDIR
from typing import NamedTuple
from urllib.parse import parse_qs, quote

import msgspec

from tincans.files import Item
from tincans.limits import LISTING_ROWS

_DIGITS = re.compile(r"(\d+)")
#: Which order is meant where none is said: small names first, large sizes, and new times.
KEYS = {"name": "asc", "size": "desc", "time": "desc"}


class Sorting(NamedTuple):
    """By what a listing is sorted; whatever else somebody asks for is by name."""

    key: str = "name"
    order: str = "asc"

    @classmethod
    def of(cls, query: str) -> Sorting:
        asked = parse_qs(query, errors="surrogateescape")
        key = asked.get("sort", ["name"])[0]
        if key not in KEYS:
            return cls()
        order = asked.get("order", [KEYS[key]])[0]
        return cls(key, order if order in ("asc", "desc") else KEYS[key])

    def turned(self, key: str) -> Sorting:
        """What a click on the head of this column asks for."""
        if key != self.key:
            return Sorting(key, KEYS[key])
        return Sorting(key, "asc" if self.order == "desc" else "desc")


class Row(NamedTuple):
    """One thing in a folder."""

    name: str
    is_folder: bool
    size: int
    #: When it was changed, in nanoseconds since 1970.
    at: int

    @property
    def href(self) -> str:
        return quote(os.fsencode(self.name), safe="") + ("/" if self.is_folder else "")


class Listing:
    """What is in a folder, sorted. Making one takes some microseconds for each item."""

    def __init__(self, path: str, items: Sequence[Item], sorting: Sorting) -> None:
        """`path` is the folder's, from the root on, and ends in "/"."""
        self.path, self.sorting = path, sorting
        self.rows = _sorted([_row(item) for item in items], sorting)
        told = "".join(f"{row.name}\0{row.is_folder:d}{row.size} {row.at}\0" for row in self.rows)
        self._digest = blake2b(f"{path}\0{told}".encode("utf-8", "surrogateescape"), digest_size=12)

    def tag(self, variant: str) -> str:
        """Its ETag, as far as it does not depend on the items, of `variant` (RFC 9110 §8.8.3)."""
        digest = self._digest.copy()
        digest.update(f"{self.sorting}{variant}".encode("utf-8", "surrogateescape"))
        return f'"{digest.hexdigest()}"'

    def json(self) -> Iterator[bytes]:
        """As the object that the head of this module shows."""
        yield b'{"path":%b,"items":[' % msgspec.json.encode(_readable(self.path))
        for start in range(0, len(self.rows), LISTING_ROWS):
            told = [_told(row) for row in self.rows[start : start + LISTING_ROWS]]
            yield (b"," if start else b"") + msgspec.json.encode(told)[1:-1]
        yield b"]}\n"


def rfc3339(at: int) -> str:
    """A time in nanoseconds since 1970; empty where its year has not four digits."""
    second, rest = divmod(at, 1_000_000_000)
    if not -62_135_596_800 <= second < 253_402_300_800:
        return ""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second)):0>19}.{rest:09}Z"


def _row(item: Item) -> Row:
    is_folder = S_ISDIR(item.stat.st_mode)
    return Row(item.name, is_folder, 0 if is_folder else item.stat.st_size, item.stat.st_mtime_ns)


def _sorted(rows: list[Row], sorting: Sorting) -> list[Row]:
    down = sorting.order == "desc"
    rows.sort(key=lambda row: _natural(row.name), reverse=down and sorting.key == "name")
    if sorting.key == "size":
        rows.sort(key=lambda row: row.size, reverse=down)
    elif sorting.key == "time":
        rows.sort(key=lambda row: row.at, reverse=down)
    rows.sort(key=lambda row: not row.is_folder)
    return rows


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Numbers in it count as numbers, and letters whatever their case; then what is equal is told apart."""
    parts = _DIGITS.split(name.casefold())
    return [(int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)], name


def _told(row: Row) -> dict[str, str | int]:
    kind = "folder" if row.is_folder else "file"
    return {"name": _readable(row.name), "href": row.href, "type": kind, "size": row.size, "modified": rfc3339(row.at)}


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
