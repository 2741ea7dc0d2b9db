"""The thread that has the index of a history follow its log.

    append ─► the log's end ─► arrived ─► (CHAT_INDEX_SECONDS later, or at once when somebody waits) ─► a transaction

The loop's thread tells it only that there is something, and never waits for it. Each piece of the log is taken in by
one transaction, with how far it goes; so a process that is killed leaves an index that is behind, and none that is
wrong.

When all is taken in it gives those messages words that have none (`history/words.py`), and then removes what is beyond
`keep` and `days` (`history/forget.py`), both a little at a time.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Mapping

from tincans.apps.chat.events import Message
from tincans.apps.chat.history.forget import Forgetting, Room
from tincans.apps.chat.history.index import Index, give_up_broken
from tincans.apps.chat.history.log import End, Log, Stub, messages_of, stubs_of
from tincans.apps.chat.history.search import indexed
from tincans.apps.chat.history.words import Words
from tincans.apps.chat.names import folded
from tincans.limits import CHAT_INDEX_SECONDS, CHAT_LOOK_SECONDS, CHAT_WORDS_AT_ONCE

logger = logging.getLogger(__name__)

#: What becomes of a room that there is.
_UPDATE_ROOM = "ON CONFLICT (id) DO UPDATE SET size = excluded.size, last = excluded.last"


class Follower:
    """Follows a log with an index, which is its own. `catch_up`, and then `begin`, which starts the thread."""

    def __init__(self, log: Log, index: Index, done: End, *, keep: int = 0, days: float = 0) -> None:
        """`done` is how far the index is."""
        self._log, self._index = log, index
        #: How far the index is.
        self.done = done
        self._rooms = {name: Room(*row) for name, *row in index.rooms()}
        self._words = Words(log, index)
        self._forgetting = Forgetting(log, index, self._rooms, keep, days)
        self._thread: threading.Thread | None = None
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._turn = threading.Condition()
        self._ends = self._is_over = self._failed = False
        self._is_bare = False  # messages are taken in without their words

    def catch_up(self) -> None:
        """Take in what the log has: of an index that is made anew, and of many messages, without their words, which
        follow behind. Raises `sqlite3.Error` and `OSError`.
        """
        is_new, was_bare = not self.done.number, 0 < self.wordless == self.done.number
        self._is_bare = was_bare or (is_new and self._log.end.number > CHAT_WORDS_AT_ONCE)
        self.follow()
        self._is_bare = False

    def begin(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="tincans-rooms", daemon=True)
        self._thread.start()
        self.arrived()  # what is beyond may have been there before

    def counts(self) -> list[tuple[str, int, int]]:
        """Each room, with how many messages it has in the index, and the number of the last. Before `begin`."""
        return [(name, room.size, room.last) for name, room in self._rooms.items()]

    @property
    def wordless(self) -> int:
        """Up to which number messages are not found by their words yet; 0 where all are. For any thread."""
        return self._words.wordless

    @property
    def removed(self) -> Mapping[str, int]:
        """By room, how many of its messages were removed since this was made."""
        return self._forgetting.removed

    def forgotten(self) -> set[str]:
        """The files that messages named which were removed since this was asked last. For any thread."""
        files, found = self._forgetting.files, set[str]()
        while files:
            found.add(files.popleft())
        return found

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

    def wait_for_words(self, seconds: float) -> None:
        """Wait until all messages have words, but no longer than this, nor for a disk that refuses.

        Not for the loop's thread.
        """
        with self._turn:
            self._turn.wait_for(lambda: not self.wordless or self._failed or self._is_over, seconds)

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
                while not self._ends and (self._give_words() or self._forgetting.some(self.done)):
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

    def _give_words(self) -> bool:
        given = self._words.some()
        if given and not self.wordless:
            with self._turn:
                self._turn.notify_all()
        return given

    # ── what came ─────────────────────────────────────────────────────────────────────────────────────────

    def _take_in(self, end: End) -> End:
        """Take in one piece of the log; how far the index is then."""
        start = self.done
        piece = self._log.piece(start, end) if start.segment else b""
        if not piece:
            return self._next_segment(start)
        batch = _Batch(self._rooms, start)
        for offset, length, message in stubs_of(piece) if self._is_bare else messages_of(piece):
            if message.number > batch.last:  # a number is one message's, whatever a broken log says
                batch.add(start.offset + offset, length, message)
        done = End(start.segment, start.offset + len(piece), batch.last)
        with self._index.transaction():
            batch.insert(self._index)
            self._progress(done)
        self._rooms.update(rooms := batch.rooms())
        self._forgetting.touched.update(rooms)
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
        if self._is_bare:
            self._words.leave(done.number)


class _Batch:
    """What one transaction takes in."""

    def __init__(self, known: Mapping[str, Room], start: End) -> None:
        self._known, self._segment, self._new = known, start.segment, len(known)
        #: The number of the last message.
        self.last = start.number
        self._rooms: dict[str, list[int]] = {}  # as `Room` has them, by name
        self._spelled: dict[str, list[int]] = {}  # the same, by names as they are written
        self._messages: list[tuple[object, ...]] = []
        self._words: list[tuple[object, ...]] = []

    def add(self, offset: int, length: int, message: Message | Stub) -> None:
        room = self._spelled.get(message.room) or self._room(message.room)
        number = self.last = room[2] = message.number
        room[1] += 1
        self._messages.append((number, room[0], self._segment, offset, length, message.at))
        if isinstance(message, Message):
            self._words.append((number, indexed(message, room[0])))

    def _room(self, spelled: str) -> list[int]:
        name = folded(spelled)
        room = self._rooms.get(name)
        if room is None:
            if name not in self._known:
                self._new += 1
            room = self._rooms[name] = list(self._known.get(name, (self._new, 0, 0)))
        self._spelled[spelled] = room
        return room

    def rooms(self) -> dict[str, Room]:
        """The rooms in which something was said, as they are then."""
        return {name: Room(*room) for name, room in self._rooms.items()}

    def insert(self, index: Index) -> None:
        rows = [(room[0], name, *room[1:]) for name, room in self._rooms.items()]
        index.insert("INSERT INTO rooms (id, name, size, last)", rows, _UPDATE_ROOM)
        index.insert('INSERT INTO messages (number, room, segment, "offset", length, at)', self._messages)
        index.insert("INSERT INTO words (rowid, text)", self._words)
