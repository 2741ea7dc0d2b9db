"""Removing what a history has more than it should: beyond `keep` messages of a room, or `days`.

It is exact in the index: what is beyond is not found any more, CHAT_INDEX_SECONDS or CHAT_LOOK_SECONDS later. What is
too old goes in the order of numbers; so a message from elsewhere that was old when it came waits for those before it.

A file of the log is removed once no message in it is left, and thinned out when a quarter of it was removed since the
hub began: messages of rooms in which hardly anybody speaks may be left in files of which all others are gone. Then each
has a block of the disk to itself, and the rest is holes.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import MutableMapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from tincans.apps.chat.history import DAY
from tincans.apps.chat.history.index import Index
from tincans.apps.chat.history.log import End, Log, Place
from tincans.apps.chat.history.search import indexed
from tincans.apps.chat.links import files_in
from tincans.limits import CHAT_FORGET_MESSAGES, CHAT_FORGOTTEN_FILES, CHAT_LOOK_SECONDS, CHAT_SEGMENT_BYTES

#: A message in the index: its number, its room's, its place, and when it was said.
_Row = tuple[int, int, int, int, int, int]
_ROW = 'number, room, segment, "offset", length, at'


class Room(NamedTuple):
    """A room in the index: its number there, how many messages it has, and the number of the last."""

    number: int
    size: int
    last: int


class Forgetting:
    """Removes what is beyond, CHAT_FORGET_MESSAGES at a time. Its errors are `sqlite3.Error` and `OSError`."""

    def __init__(self, log: Log, index: Index, rooms: MutableMapping[str, Room], keep: int, days: float) -> None:
        """`rooms` are those of the index, by name, which it changes as the index does. 0 keeps all, or for ever."""
        self._log, self._index, self._rooms = log, index, rooms
        self._keep, self._days = keep, int(days * DAY)
        #: The rooms that may have more than `keep`.
        self.touched = set(rooms)
        #: By room, how many of its messages were removed.
        self.removed: dict[str, int] = {}
        #: The files that those named, for another thread to take.
        self.files: deque[str] = deque(maxlen=CHAT_FORGOTTEN_FILES)
        self._look_at = 0.0  # when to look for what is too old, by time.monotonic
        self._removed_of: Counter[int] = Counter()  # bytes, by segment, since it was thinned out
        self._may_free = False  # something was removed since segments were looked at

    def some(self, done: End) -> bool:
        """Remove some, if anything is beyond. `done` is how far the index is."""
        found = self._surplus() or self._old()
        if found:
            self._forget(found)
            self._may_free = True
        elif self._may_free:
            self._remove_segments(done)
            self._thin_out(done)
            self._may_free = False
        return bool(found)

    def _surplus(self) -> list[_Row]:
        """Some of the oldest messages of rooms that have more than `keep`."""
        found: list[_Row] = []
        query = f"SELECT {_ROW} FROM messages WHERE room = ? ORDER BY number LIMIT ?"
        while self._keep and self.touched and len(found) < CHAT_FORGET_MESSAGES:
            room = self._rooms[self.touched.pop()]
            if room.size > self._keep:
                most = min(room.size - self._keep, CHAT_FORGET_MESSAGES)
                found += self._index.rows(query, (room.number, most))
        return found

    def _old(self) -> list[_Row]:
        """Some that are older than `days`: of the oldest, up to the first that is not."""
        if not self._days or time.monotonic() < self._look_at:
            return []
        oldest = time.time_ns() - self._days
        found = self._index.rows(f"SELECT {_ROW} FROM messages ORDER BY number LIMIT ?", (CHAT_FORGET_MESSAGES,))
        old = [*takewhile(lambda row: row[-1] < oldest, found)]
        if len(old) < CHAT_FORGET_MESSAGES:
            self._look_at = time.monotonic() + CHAT_LOOK_SECONDS
        return old

    def _forget(self, rows: Sequence[_Row]) -> None:
        """Remove these messages from the index. What FTS5 has of one is removed by telling it the same words again."""
        room_of = {number: room for number, room, *_ in rows}
        messages = self._log.read(Place(segment, offset, length) for _, _, segment, offset, length, _ in rows)
        words = [("delete", message.number, indexed(message, room_of[message.number])) for message in messages]
        names = {room.number: name for name, room in self._rooms.items()}
        counts = {names[room]: count for room, count in Counter(room_of.values()).items()}
        less = [(count, name) for name, count in counts.items()]
        with self._index.transaction():
            self._index.insert("INSERT INTO words (words, rowid, text)", words)
            self._index.execute_many("DELETE FROM messages WHERE number = ?", [(number,) for number in room_of])
            self._index.execute_many("UPDATE rooms SET size = size - ? WHERE name = ?", less)
        for message in messages:
            self.files.extend(files_in(message.text))
        for _, _, segment, _, length, _ in rows:
            self._removed_of[segment] += length
        for name, count in counts.items():
            room = self._rooms[name]
            self._rooms[name] = room._replace(size=room.size - count)
            self.removed[name] = self.removed.get(name, 0) + count
        self.touched.update(counts)

    def _remove_segments(self, done: End) -> None:
        """Give back to the disk the segments of which no message is left."""
        query = (
            "SELECT id FROM segments WHERE id < ? AND NOT EXISTS (SELECT 1 FROM messages WHERE number >= first AND "
            "number < (SELECT MIN(first) FROM segments AS next WHERE next.id > segments.id))"
        )
        for (segment,) in self._index.rows(query, (done.segment,)):
            self._log.remove(segment)
            self._index.execute("DELETE FROM segments WHERE id = ?", (segment,))
            del self._removed_of[segment]

    def _thin_out(self, done: End) -> None:
        """Give back to the disk the room of what was removed, where that is worth it."""
        for segment, size in list(self._removed_of.items()):
            if segment < done.segment and 4 * size >= CHAT_SEGMENT_BYTES:
                self._log.thin_out(segment, self._places(segment))
                del self._removed_of[segment]

    def _places(self, segment: int) -> list[Place]:
        """Where the messages are that a segment still has, which is not the last."""
        [(first,)] = self._index.rows("SELECT first FROM segments WHERE id = ?", (segment,))
        [(end,)] = self._index.rows("SELECT MIN(first) FROM segments WHERE id > ?", (segment,))
        query = 'SELECT segment, "offset", length FROM messages WHERE number >= ? AND number < ?'
        return [Place(*row) for row in self._index.rows(query, (first, end))]
