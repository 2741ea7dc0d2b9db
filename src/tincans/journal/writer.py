"""The one thread that a folder journal writes with.

Taps collect records in memory and never wait. The thread sleeps until there is something, then for the rest of
FLUSH_SECONDS so that more comes along, and then works in two steps:

    write    takes the records of every tap that has some (`Batch`) and appends them to the segment, many with one call;
             what is in kernel pipes is spliced there. When much waits this happens at once, and more than once.
    commit   tells the index, in one transaction, what was written where. Only now is it there for readers.

In this order a crash leaves at worst records that no index knows, and whoever opens the journal next finds them.

A disk that refuses (full, gone) or an index that is locked is *trouble*: the same records are tried again every
second, and a warning is logged once. What waits meanwhile is bounded by `Bounds.unwritten`: beyond it what is said is
counted and dropped. Pipes are not kept waiting through trouble, for the relay has only so many: they are emptied, and
that is told too.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from concurrent.futures import Future
from itertools import takewhile

from tincans.clock import SYSTEM, Clock
from tincans.conversation import Conversation, How
from tincans.errors import JournalError
from tincans.journal import Bounds
from tincans.journal.folder import Folder
from tincans.journal.index import Extent, Flushed, Index, joined
from tincans.journal.segments import HEADER, Segment
from tincans.journal.tap import Batch, Piece, Piped, SegmentTap, piece_size
from tincans.limits import FLUSH_SECONDS, HURRY_BYTES, JOURNAL_RETRY_SECONDS, PIPE_BYTES

_log = logging.getLogger("tincans.journal")

#: Written by one call: enough to cost nothing a byte, little enough that segments keep their size.
_GROUP_BYTES = 4 * 1024 * 1024

#: The bounds are looked at after an eighth of a segment, and after so long: a look costs as much as a small commit.
_CHECK_SECONDS = 10.0


class Writer:
    """The thread, and what it shares with the taps, which call it under its lock."""

    def __init__(self, folder: Folder, bounds: Bounds, clock: Clock = SYSTEM) -> None:
        self._folder, self._bounds = folder, bounds
        self.now = clock.now
        self.lock = threading.Lock()
        self._changed = threading.Condition(self.lock)
        #: Bytes told and not yet in a segment; a tap that makes it more than `mark` has to say so (`grew`).
        self.unwritten = 0
        self.mark = min(HURRY_BYTES, bounds.unwritten)
        #: Why the disk did not take the last records; empty when it did.
        self.trouble = ""
        self.taps: set[SegmentTap] = set()
        self._touched: list[SegmentTap] = []
        self._hurry = False
        self._closing = False
        self._flushes: list[Future[None]] = []
        self._ended: Future[None] = Future()
        self._ended.set_running_or_notify_cancel()  # nobody may cancel it
        # From here on the thread's own.
        self._index: Index | None = None
        self._identity = 0
        self._segment: Segment | None = None
        self._queue: deque[Batch] = deque()
        #: Where the batch at the queue's head began, while only a part of it is written.
        self._begun: int | None = None
        self._due: float | None = None
        self._uncommitted = _Uncommitted()
        #: A segment's size; bytes written since the bounds were last looked at, and when to do so anyway.
        self._limit = min(bounds.segment, bounds.total // 8)
        self._unchecked = 0
        self._check_again = 0.0

    def start(self) -> None:
        threading.Thread(target=self._run, name="tincans-journal", daemon=True).start()

    # ── for the taps ──────────────────────────────────────────────────────────────────────────────────────

    def has_room(self, count: int) -> bool:
        """Whether so many bytes more may wait."""
        return self.unwritten + count <= self._bounds.unwritten

    def overwhelmed(self) -> bool:
        """Whether not even entries that say little can be taken on any more."""
        return self.unwritten > 2 * self._bounds.unwritten

    def grew(self, size: int) -> None:
        """So many bytes more wait."""
        self.unwritten += size
        if self.unwritten > self.mark:
            self.press()

    def press(self) -> None:
        """Write at once what waits."""
        if not self._hurry:
            self._hurry = True
            self.mark = self._bounds.unwritten
            self._changed.notify()

    def touch(self, tap: SegmentTap) -> None:
        """`tap` has something, after it had nothing."""
        if not self._touched:
            self._changed.notify()
        self._touched.append(tap)

    def forget(self, tap: SegmentTap) -> None:
        """`tap` has closed."""
        self.taps.discard(tap)

    def why(self) -> str:
        """Why bytes are dropped now."""
        return self.trouble or "the disk was too slow"

    # ── for the journal ───────────────────────────────────────────────────────────────────────────────────

    def flush(self) -> Future[None]:
        """Done when all that was told so far is committed."""
        future: Future[None] = Future()
        with self._changed:
            if self._closing:
                return self._ended
            self._flushes.append(future)
            self._changed.notify()
        return future

    def close(self) -> Future[None]:
        """Close the open conversations as STOPPED, write everything, and end. Done when the thread has ended."""
        for tap in list(self.taps):
            tap.closed(How.STOPPED)
        with self._changed:
            self._closing = True
            self._changed.notify()
        return self._ended

    # ── the thread ────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        try:
            self._prepare()
            while self._sleep():
                self._work()
        except BaseException as error:  # a mistake of ours must not leave anybody waiting
            self.trouble = f"the journal's writer crashed: {error!r}"
            _log.exception("the journal's writer crashed")
        finally:
            self._leave()
            self._ended.set_result(None)

    def _prepare(self) -> None:
        """Get ready while the first records gather."""
        try:
            self._ready_segment()
        except (OSError, sqlite3.Error, JournalError):
            pass  # the first work meets it again

    def _sleep(self) -> bool:
        """Wait for something to do, and then for more of it until it is due. False when all is done and closing."""
        with self._changed:
            while not (self._touched or self._queue or self._uncommitted or self._flushes or self._closing):
                self._changed.wait()
            now = time.monotonic()
            if self._due is None:
                self._due = now + FLUSH_SECONDS
            while not (self._hurry or self._flushes or self._closing) and now < self._due:
                self._changed.wait(self._due - now)
                now = time.monotonic()
            return not self._closing or bool(self._touched or self._queue or self._uncommitted)

    def _work(self) -> None:
        with self._changed:
            flushes, self._flushes = self._flushes, []
            commit = bool(flushes) or self._closing or time.monotonic() >= (self._due or 0)
        try:
            self._take()
            self._write()
            if commit:
                self._commit()
                self._due = None
            self._trouble_is_over()
        except (OSError, sqlite3.Error, JournalError) as error:
            self._rest(error, flushes)
        else:
            for future in flushes:
                _settle(future)

    def _take(self) -> None:
        with self.lock:
            taps, self._touched = self._touched, []
        for tap in taps:
            with self.lock:
                self._queue.append(tap.take())
        with self.lock:
            self._hurry = False
            self.mark = self._mark()

    def _mark(self) -> int:
        return min(self.unwritten + HURRY_BYTES, self._bounds.unwritten)

    # ── write ─────────────────────────────────────────────────────────────────────────────────────────────

    def _write(self) -> None:
        while self._queue:
            if self._queue[0].piped or self._begun is not None:
                self._write_pieces(self._queue[0])
                self._queue.popleft()
            else:
                self._write_group()

    def _write_group(self) -> None:
        """Append the batches at the queue's head that have no pipes, with one call."""
        segment = self._ready_segment()
        buffers: list[bytes | bytearray] = []
        ends: list[int] = []
        end = segment.end
        for batch in takewhile(lambda batch: not batch.piped, self._queue):
            for piece in batch.pieces:
                if isinstance(piece, bytearray):
                    buffers.append(piece)
                else:
                    buffers += piece  # type: ignore[arg-type]
            end += batch.size
            ends.append(end)
            if end - segment.end >= _GROUP_BYTES:
                break
        start = segment.end
        segment.write(buffers)
        self._wrote(end - start)
        for end in ends:
            self._uncommitted.add(self._queue.popleft(), segment, start, end)
            start = end

    def _write_pieces(self, batch: Batch) -> None:
        """Append a batch piece by piece, in one segment; what is written is gone from it, so it may be tried again."""
        segment = self._ready_segment()
        start = self._begun = segment.end if self._begun is None else self._begun
        pieces = batch.pieces
        while pieces:
            piece = pieces[0]
            left: list[Piece] = []
            if isinstance(piece, Piped):
                left = self._splice(segment, batch, piece)
            else:
                segment.write([piece] if isinstance(piece, bytearray) else piece)
            pieces[:1] = left
            self._wrote(piece_size(piece) - sum(map(piece_size, left)))
        self._begun = None
        self._uncommitted.add(batch, segment, start, segment.end)

    def _splice(self, segment: Segment, batch: Batch, piped: Piped) -> list[Piece]:
        """Append what is in a pipe. Gives the record that tells of what the disk did not take, if so."""
        start = segment.end
        segment.write([piped.header(piped.length)])
        try:
            segment.splice(piped.reader, piped.length)
        except OSError as error:
            moved = segment.end - start - HEADER.size
            segment.rewrite(start, piped.header(moved))
            return [_spilled(batch, piped, piped.length - moved, _sentence(error))]
        _hand_back(piped)
        return []

    def _wrote(self, size: int) -> None:
        """So many bytes wait no longer."""
        self._unchecked += size
        with self.lock:
            self.unwritten -= size
            if not self._hurry:
                self.mark = self._mark()

    def _ready_segment(self) -> Segment:
        """The segment to append to: another when the last one is full, but never within a batch."""
        segment = self._segment
        if segment is None or (segment.end >= self._limit and self._begun is None):
            identity, end = self._ready_index().claim(self._identity, self._limit // 2)
            if segment is not None:
                segment.close()
            segment = self._segment = Segment(identity, self._folder.segment(identity), end)
        return segment

    # ── commit ────────────────────────────────────────────────────────────────────────────────────────────

    def _ready_index(self) -> Index:
        """The index, opened when first needed, in which this writer is known."""
        if self._index is None:
            self._index = Index(self._folder)
            delete_strangers(self._folder, self._index)
        if not self._identity:
            self._identity = self._index.register()
        return self._index

    def _commit(self) -> None:
        new = self._uncommitted
        if not new:
            return
        assert self._segment is not None
        index = self._ready_index()
        index.commit(new.flushed(self._identity, self._segment.identity, self.now()))
        self._uncommitted = _Uncommitted()
        now = time.monotonic()
        if self._unchecked * 8 >= self._limit or now >= self._check_again:
            self._unchecked, self._check_again = 0, now + _CHECK_SECONDS
            self._forget(index)

    def _forget(self, index: Index) -> None:
        """Drop what is beyond the bounds."""
        age = self._bounds.age
        for identity in index.forget(self._bounds.total, None if age is None else self.now() - int(age * 1e9)):
            self._folder.segment(identity).unlink(missing_ok=True)

    # ── trouble ───────────────────────────────────────────────────────────────────────────────────────────

    def _rest(self, error: Exception, flushes: list[Future[None]]) -> None:
        """The disk refused: say so once, keep what can be kept, and wait before the next try."""
        reason = _sentence(error)
        if not self.trouble:
            _log.warning("the journal %s cannot be written: %s; trying again every second", self._folder.path, reason)
        with self.lock:
            self.trouble = reason
        self._spill(reason)
        for future in flushes:
            _settle(future, JournalError(f"the journal {self._folder.path} cannot be written: {reason}"))
        with self._changed:
            self._hurry = True
            self.mark = self._bounds.unwritten
            self._changed.wait_for(lambda: self._closing, JOURNAL_RETRY_SECONDS if not self._closing else 0)
            if self._closing:
                self._give_up()

    def _spill(self, reason: str) -> None:
        """Empty the pipes that wait, and put records in their places that say so."""
        for batch in self._queue:
            for at, piece in enumerate(batch.pieces):
                if isinstance(piece, Piped):
                    batch.pieces[at] = left = _spilled(batch, piece, piece.length, reason)
                    self._wrote(piece_size(piece) - piece_size(left))

    def _give_up(self) -> None:
        """Closing, and the disk still refuses. The writer's row stays, for the next to find what is there."""
        _log.warning("%d bytes of the journal %s are lost: %s", self.unwritten, self._folder.path, self.trouble)
        self._touched.clear()
        self._queue.clear()
        self._uncommitted = _Uncommitted()
        self._identity = 0

    def _trouble_is_over(self) -> None:
        if self.trouble:
            _log.warning("the journal %s is written again", self._folder.path)
            with self.lock:
                self.trouble = ""

    def _leave(self) -> None:
        """The thread ends: nobody may wait for it any more, and what it appended to is anybody's."""
        with self.lock:
            self._closing = True
            flushes, self._flushes = self._flushes, []
        for future in flushes:
            _settle(future, JournalError("the journal is closed"))
        if self._segment is not None:
            self._segment.close()
        if self._index is not None:
            try:
                if self._identity:
                    self._index.leave(self._identity)
            except sqlite3.Error:
                pass  # whoever opens the journal next finds the writer dead, and does it
            self._index.close()


class _Uncommitted:
    """What was written to segments and is not yet in the index."""

    def __init__(self) -> None:
        self._rows: dict[int, Conversation] = {}
        self._counts: dict[int, Conversation] = {}
        self._extents: list[Extent] = []
        self._sizes: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._extents)

    def add(self, batch: Batch, segment: Segment, start: int, end: int) -> None:
        """A batch stands in the segment from `start` to `end`."""
        number = batch.conversation.number
        if batch.changed or number in self._rows:
            self._rows[number] = batch.conversation
        else:
            self._counts[number] = batch.conversation
        self._sizes[segment.identity] = end
        self._extents.append(
            Extent(number, segment.identity, start, end - start, batch.client_bytes, batch.server_bytes)
        )

    def flushed(self, writer: int, appending: int, now: int) -> Flushed:
        counts = [each for number, each in self._counts.items() if number not in self._rows]
        return Flushed(writer, self._sizes, appending, now, list(self._rows.values()), counts, joined(self._extents))


def delete_strangers(folder: Folder, index: Index) -> None:
    """Delete the files of segments that were dropped, where a crash prevented it."""
    for identity in index.strangers(folder.segments()):
        folder.segment(identity).unlink(missing_ok=True)


def _spilled(batch: Batch, piped: Piped, count: int, reason: str) -> bytearray:
    """Throw away what is left in a pipe and hand it back; gives the record that says so."""
    try:
        while os.read(piped.reader, PIPE_BYTES):
            pass
    except OSError:
        pass  # empty (EAGAIN), or gone
    _hand_back(piped)
    batch.unsaid(count)
    return piped.dropped(count, reason)


def _hand_back(piped: Piped) -> None:
    try:
        piped.done()
    except Exception:
        _log.exception("whoever lent a pipe to the journal failed to take it back")


def _settle(future: Future[None], error: Exception | None = None) -> None:
    if future.set_running_or_notify_cancel():
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _sentence(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
