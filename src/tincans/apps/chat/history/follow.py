"""The thread that has the index of a history follow its log.

    append ─► the log's end ─► arrived ─► (CHAT_INDEX_SECONDS later, or at once when somebody waits) ─► a transaction

The loop's thread tells it only that there is something, and never waits for it. Each piece of the log is taken in by
one transaction, with how far it goes; so a process that is killed leaves an index that is behind, and none that is
wrong.

When all is taken in it removes what is beyond `keep` and `days` (`history/forget.py`), a little at a time.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Mapping

from tincans.apps.chat.events import Message
from tincans.apps.chat.history.forget import Forgetting, Room
from tincans.apps.chat.history.index import Index, give_up_broken
from tincans.apps.chat.history.log import End, Log, messages_of
from tincans.apps.chat.history.search import indexed
from tincans.apps.chat.names import folded
from tincans.limits import CHAT_INDEX_SECONDS, CHAT_LOOK_SECONDS

logger = logging.getLogger(__name__)

#: What becomes of a room that there is.
_UPDATE_ROOM = "ON CONFLICT (id) DO UPDATE SET size = excluded.size, last = excluded.last"


class Follower:
    """Follows a log with an index, which is its own. `begin` starts the thread; before, `follow` may be called."""

    def __init__(self, log: Log, index: Index, done: End, *, keep: int = 0, days: float = 0) -> None:
        """`done` is how far the index is."""
        self._log, self._index = log, index
        #: How far the index is.
        self.done = done
        self._rooms = {name: Room(*row) for name, *row in index.rooms()}
        self._forgetting = Forgetting(log, index, self._rooms, keep, days)
        self._thread: threading.Thread | None = None
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._turn = threading.Condition()
        self._ends = self._is_over = self._failed = False

    def begin(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="tincans-rooms", daemon=True)
        self._thread.start()
        self.arrived()  # what is beyond may have been there before

    def counts(self) -> list[tuple[str, int, int]]:
        """Each room, with how many messages it has in the index, and the number of the last. Before `begin`."""
        return [(name, room.size, room.last) for name, room in self._rooms.items()]

    @property
    def removed(self) -> Mapping[str, int]:
        """By room, how many of its messages were removed since this was made."""
        return self._forgetting.removed

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
                while not self._ends and self._forgetting.some(self.done):
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
            if message.number > batch.last:  # a number is one message's, whatever a broken log says
                batch.add(start.offset + offset, length, message)
        done = End(start.segment, start.offset + len(piece), batch.last)
        with self._index.transaction():
            batch.insert(self._index)
            self._progress(done)
        self._rooms.update(batch.rooms)
        self._forgetting.touched.update(batch.rooms)
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
