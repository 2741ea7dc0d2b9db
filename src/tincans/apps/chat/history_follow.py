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
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from tincans.apps.chat.events import Message
from tincans.apps.chat.history import DAY
from tincans.apps.chat.history_index import Index, give_up_broken
from tincans.apps.chat.history_log import End, Log, Place, messages_of
from tincans.apps.chat.history_search import indexed, match
from tincans.apps.chat.names import folded
from tincans.limits import CHAT_FORGET_MESSAGES, CHAT_INDEX_SECONDS, CHAT_LOOK_SECONDS

logger = logging.getLogger(__name__)


#: A message in the index: its number, its room's, its place, and when it was said.
_Row = tuple[int, int, int, int, int, int]
_ROWS = 'SELECT number, room, segment, "offset", length, at FROM messages'

_UPDATE_ROOM = "ON CONFLICT (id) DO UPDATE SET size = excluded.size, last = excluded.last"


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
        #: The rooms that may have more than `keep`; when to look for what is too old, by time.monotonic; whether
        #: something was removed since the log was looked at.
        self._touched = set(self._rooms)
        self._look_at = 0.0
        self._forgot = False

    def begin(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="tincans-rooms", daemon=True)
        self._thread.start()
        self.arrived()  # what is beyond may have been there before

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
                while not self._ends and self._forget_some():
                    self.follow()
            except (sqlite3.Error, OSError) as error:
                self._say(error)

    def _say(self, error: Exception) -> None:
        if not self._failed:
            logger.warning("the index of %s is behind: %s", self._log.folder.parent, error)
        if isinstance(error, sqlite3.Error):
            give_up_broken(self._index.path, error)
        with self._turn:
            self._failed = True
            self._turn.notify_all()

    def follow(self) -> None:
        """Take in what the log has. Raises `sqlite3.Error` and `OSError`."""
        while (end := self._log.end) != self.done:
            is_at_end = self.done[:2] == end[:2]  # and has a number less where the last line was lost
            self._become(end if is_at_end else self._take_in(end))

    def _become(self, done: End) -> None:
        with self._turn:
            self.done, self._failed = done, False
            self._turn.notify_all()

    # ── what came ─────────────────────────────────────────────────────────────────────────────────────────

    def _take_in(self, end: End) -> End:
        """Take in one piece of the log; how far the index is then."""
        start = self.done
        piece = self._log.piece(start, end) if start.segment else b""
        if not piece:
            return self._next_segment(start)
        batch = _Batch(self._rooms, start)
        for offset, length, message in messages_of(piece):
            batch.add(start.offset + offset, length, message)
        done = End(start.segment, start.offset + len(piece), batch.last)
        with self._index.transaction():
            batch.insert(self._index)
            self._progress(done)
        self._rooms.update(batch.rooms)
        self._touched.update(batch.rooms)
        return done

    def _next_segment(self, start: End) -> End:
        """Go on to the next segment: the piece before was the last of its own."""
        segment = min(number for number in self._log.segments if number > start.segment)
        done = End(segment, 0, start.number)
        with self._index.transaction():
            self._index.execute("INSERT INTO segments VALUES (?, ?)", (segment, start.number + 1))
            self._progress(done)
        return done

    def _progress(self, done: End) -> None:
        self._index.execute('UPDATE progress SET segment = ?, "offset" = ?, number = ?', done)

    # ── what is beyond ────────────────────────────────────────────────────────────────────────────────────

    def _forget_some(self) -> bool:
        """Remove some of what is beyond, if anything is."""
        found = self._surplus() or self._old()
        if found:
            self._forget(found)
            self._forgot = True
        elif self._forgot:
            self._remove_segments()
            self._forgot = False
        return bool(found)

    def _surplus(self) -> list[_Row]:
        """Some of the oldest messages of a room that has more than `keep`."""
        while self._keep and self._touched:
            room = self._rooms[self._touched.pop()]
            if room.size > self._keep:
                query = f"{_ROWS} WHERE number IN (SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid LIMIT ?)"
                most = min(room.size - self._keep, CHAT_FORGET_MESSAGES)
                return self._index.rows(query, (match((), (room.number,)), most))
        return []

    def _old(self) -> list[_Row]:
        """Some that are older than `days`: of the oldest, up to the first that is not."""
        if not self._days or time.monotonic() < self._look_at:
            return []
        oldest = time.time_ns() - self._days
        found = self._index.rows(f"{_ROWS} ORDER BY number LIMIT ?", (CHAT_FORGET_MESSAGES,))
        old = [*takewhile(lambda row: row[-1] < oldest, found)]
        if len(old) < CHAT_FORGET_MESSAGES:
            self._look_at = time.monotonic() + CHAT_LOOK_SECONDS
        return old

    def _forget(self, rows: Sequence[_Row]) -> None:
        """Remove these messages from the index."""
        room_of = {number: room for number, room, *_ in rows}
        messages = self._log.read(Place(segment, offset, length) for _, _, segment, offset, length, _ in rows)
        names = {room.number: name for name, room in self._rooms.items()}
        counts = {names[room]: count for room, count in Counter(room_of.values()).items()}
        words = [("delete", message.number, indexed(message, room_of[message.number])) for message in messages]
        with self._index.transaction():
            self._index.insert("INSERT INTO words (words, rowid, text)", words)
            self._index.execute_many("DELETE FROM messages WHERE number = ?", [(number,) for number in room_of])
            self._index.execute_many(
                "UPDATE rooms SET size = size - ? WHERE name = ?", [(count, name) for name, count in counts.items()]
            )
        for name, count in counts.items():
            room = self._rooms[name]
            self._rooms[name] = room._replace(size=room.size - count)
            self._touched.add(name)
            self.removed[name] = self.removed.get(name, 0) + count

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
        index.insert("INSERT INTO rooms (id, name, size, last)", rows, _UPDATE_ROOM)
        index.insert('INSERT INTO messages (number, room, segment, "offset", length, at)', self._messages)
        index.insert("INSERT INTO words (rowid, text)", self._words)
