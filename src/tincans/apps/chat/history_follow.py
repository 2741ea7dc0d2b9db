"""The thread that has the index of a history follow its log, and removes what is too old or too much.

    append ─► the log's end ─► arrived ─► (CHAT_INDEX_SECONDS later, or at once when somebody waits) ─► a transaction

The loop's thread tells it only that there is something, and never waits for it. Each piece of the log is taken in by
one transaction, with how far it goes; so a process that is killed leaves an index that is behind, and none that is
wrong.

`keep` and `days` are exact in the index: what is beyond is not found any more, CHAT_INDEX_SECONDS or CHAT_LOOK_SECONDS
later. A file of the log is removed once no message in it is left, so the disk may have up to a file of what is beyond,
and more where a room in which hardly anybody speaks holds some.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tincans.apps.chat.events import Message
from tincans.apps.chat.history import DAY
from tincans.apps.chat.history_index import Index
from tincans.apps.chat.history_log import End, Log, Place, messages_of
from tincans.apps.chat.history_search import indexed
from tincans.apps.chat.names import folded
from tincans.limits import CHAT_FORGET_MESSAGES, CHAT_INDEX_SECONDS, CHAT_LOOK_SECONDS

logger = logging.getLogger(__name__)


class Follower:
    """Follows a log with an index, which is its own. `begin` starts the thread; before, `follow` may be called."""

    def __init__(self, log: Log, index: Index, done: End, *, keep: int = 0, days: float = 0) -> None:
        """`done` is how far the index is."""
        self._log, self._index = log, index
        self._keep, self._days = keep, int(days * DAY)
        #: How far the index is; and by room, how many of its messages were removed since this was made.
        self.done = done
        self.removed: dict[str, int] = {}
        self._rooms = {name: Room(*row) for name, *row in index.rooms()}
        self._thread: threading.Thread | None = None
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._turn = threading.Condition()
        self._ends = self._is_over = self._failed = False
        self._looked = -CHAT_LOOK_SECONDS

    def begin(self) -> None:
        """Start the thread. What is removed is counted from here on."""
        self.removed.clear()
        self._thread = threading.Thread(target=self._run, name="tincans-rooms", daemon=True)
        self._thread.start()

    def counts(self) -> list[tuple[str, int, int]]:
        """Each room, with how many messages it has in the index, and the number of the last. Before `begin`."""
        return [(name, room.size, room.last) for name, room in self._rooms.items()]

    def arrived(self) -> None:
        """The log is longer."""
        if not self._wake.is_set():
            self._wake.set()

    def wait(self, number: int) -> None:
        """Wait until the messages up to `number` are in the index; where the disk refuses, only until that is known.

        Not for the loop's thread.
        """
        with self._turn:
            if self.done.number >= number:
                return
            self._failed = False
            self._hurry.set()
            self._wake.set()
            self._turn.wait_for(lambda: self.done.number >= number or self._failed or self._is_over)

    def close(self) -> None:
        """Have the index take in the rest, end the thread, and give the index back. Idempotent."""
        if self._thread is not None:
            self._ends = True
            self._hurry.set()
            self._wake.set()
            self._thread.join()
            self._thread = None
        self._index.close()

    def _run(self) -> None:
        try:
            self._follow_on()
        finally:
            with self._turn:
                self._is_over = True
                self._turn.notify_all()

    def _follow_on(self) -> None:
        ends = False
        while not ends:
            self._wake.wait(CHAT_LOOK_SECONDS)
            self._hurry.wait(CHAT_INDEX_SECONDS)
            self._wake.clear()
            self._hurry.clear()
            ends = self._ends
            try:
                self.follow()
            except (sqlite3.Error, OSError) as error:
                self._say(error)

    def _say(self, error: Exception) -> None:
        if not self._failed:
            logger.warning("the index of %s is behind: %s", self._log.folder.parent, error)
        with self._turn:
            self._failed = True
            self._turn.notify_all()

    def follow(self) -> None:
        """Take in what the log has, and remove what is beyond. Raises `sqlite3.Error` and `OSError`."""
        while self.done != (end := self._log.end):
            rooms = self._take_in(end)
            with self._turn:
                self._failed = False
                self._turn.notify_all()
            if self._keep:
                self._forget_surplus(rooms)
        if self._days and time.monotonic() - self._looked >= CHAT_LOOK_SECONDS:
            self._forget_old()
            self._looked = time.monotonic()

    # ── what came ─────────────────────────────────────────────────────────────────────────────────────────

    def _take_in(self, end: End) -> set[str]:
        """Take in one piece of the log, and tell of which rooms something was in it."""
        start = self.done
        piece = self._log.piece(start, end) if start.segment else b""
        if not piece:
            self._next_segment(start)
            return set()
        batch = _Batch(self._rooms, start)
        for offset, length, message in messages_of(piece):
            if message.number > start.number:
                batch.add(start.offset + offset, length, message)
        done = End(start.segment, start.offset + len(piece), batch.last)
        with self._index.transaction():
            batch.insert(self._index)
            self._progress(done)
        self._rooms.update(batch.rooms)
        self.done = done
        return set(batch.rooms)

    def _next_segment(self, start: End) -> None:
        """The piece before was the last of its segment."""
        segment = min(number for number in self._log.segments if number > start.segment)
        done = End(segment, 0, start.number)
        with self._index.transaction():
            self._index.execute("INSERT OR REPLACE INTO segments VALUES (?, ?)", (segment, start.number + 1))
            self._progress(done)
        self.done = done

    def _progress(self, done: End) -> None:
        self._index.execute('UPDATE progress SET segment = ?, "offset" = ?, number = ?', done)

    # ── what is beyond ────────────────────────────────────────────────────────────────────────────────────

    def _forget_surplus(self, rooms: Iterable[str]) -> None:
        """Remove the oldest messages of these rooms, which have more than `keep`."""
        removed = 0
        for room in rooms:
            while (surplus := self._rooms[room].size - self._keep) > 0:
                where = "room = ? ORDER BY number LIMIT ?"
                removed += self._forget(where, (self._rooms[room].number, min(surplus, CHAT_FORGET_MESSAGES)))
        if removed:
            self._remove_segments()

    def _forget_old(self) -> None:
        """Remove what is older than `days`. It is the oldest that goes, up to the first that is not."""
        oldest = time.time_ns() - self._days
        newer = "(SELECT number FROM messages WHERE at >= ? ORDER BY number LIMIT 1)"
        where = f"number < COALESCE({newer}, {2**62}) ORDER BY number LIMIT ?"
        removed = 0
        while some := self._forget(where, (oldest, CHAT_FORGET_MESSAGES)):
            removed += some
        if removed:
            self._remove_segments()

    def _forget(self, where: str, values: Sequence[object]) -> int:
        """Remove the messages that this names from the index; how many they were."""
        found = self._index.rows(f'SELECT number, room, segment, "offset", length FROM messages WHERE {where}', values)
        by_number = {row[0]: row[1] for row in found}
        messages = self._log.read(Place(*row[2:]) for row in found)
        names = {room.number: name for name, room in self._rooms.items()}
        rooms = {names[number]: count for number, count in Counter(by_number.values()).items()}
        with self._index.transaction():
            words = [(message.number, indexed(message, by_number[message.number])) for message in messages]
            self._index.insert("INSERT INTO words (words, rowid, text) VALUES ", [("delete", *row) for row in words])
            self._index.execute_many("DELETE FROM messages WHERE number = ?", [(number,) for number in by_number])
            counts = [(count, name) for name, count in rooms.items()]
            self._index.execute_many("UPDATE rooms SET count = count - ? WHERE name = ?", counts)
        for name, count in rooms.items():
            self._rooms[name] = self._rooms[name]._replace(size=self._rooms[name].size - count)
            self.removed[name] = self.removed.get(name, 0) + count
        return len(found)

    def _remove_segments(self) -> None:
        """Give back to the disk the segments of which no message is left."""
        query = (
            "SELECT id FROM segments WHERE id < ? AND NOT EXISTS (SELECT 1 FROM messages WHERE number >= first AND "
            "number < (SELECT MIN(first) FROM segments AS next WHERE next.id > segments.id))"
        )
        for (segment,) in self._index.rows(query, (self.done.segment,)):
            self._log.remove(segment)
            self._index.execute("DELETE FROM segments WHERE id = ?", (segment,))


class Room(NamedTuple):
    """A room in the index: its number there, how many messages it has, and the number of the last."""

    number: int
    size: int
    last: int


class _Batch:
    """What one transaction takes in."""

    def __init__(self, rooms: Mapping[str, Room], start: End) -> None:
        self._known, self._segment, self._new = rooms, start.segment, len(rooms)
        #: The number of the last message; the rooms in which something was said, as they are then.
        self.last = start.number
        self.rooms: dict[str, Room] = {}
        self._messages: list[tuple[object, ...]] = []
        self._words: list[tuple[object, ...]] = []

    def add(self, offset: int, length: int, message: Message) -> None:
        name, self.last = folded(message.room), message.number
        room = self.rooms.get(name) or self._known.get(name)
        if room is None:
            self._new += 1
            room = Room(self._new, 0, 0)
        self.rooms[name] = Room(room.number, room.size + 1, message.number)
        self._messages.append((message.number, room.number, self._segment, offset, length, message.at))
        self._words.append((message.number, indexed(message, room.number)))

    def insert(self, index: Index) -> None:
        rows = [(room.number, name, room.size, room.last) for name, room in self.rooms.items()]
        index.insert("INSERT OR REPLACE INTO rooms (id, name, count, last) VALUES ", rows)
        index.insert('INSERT INTO messages (number, room, segment, "offset", length, at) VALUES ', self._messages)
        index.insert("INSERT INTO words (rowid, text) VALUES ", self._words)
