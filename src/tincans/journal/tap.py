"""The hot path of the folder journal: what a conversation's tap does when something is said.

A tap keeps its own records until the writer's thread takes them, as *pieces*: runs of small records in one bytearray,
a large chunk with its header beside it, or a kernel pipe with its header. All of it happens under the writer's
lock, which either thread holds for about a microsecond: a `said` of 64 bytes is a `struct.pack` and two appends.

`_slow` is the one question that the hot path asks of the tap. It is set wherever there is more to do than append: when
bytes were dropped (that is told first), and after the end.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import asdict, replace

from tincans.channel import Buffer, Side
from tincans.conversation import Closed, Conversation, Dropped, Ended, Entry, How, Joined, Noted, Opened, Secured
from tincans.journal import CARRIED
from tincans.journal.segments import HEADER, SAID, encode
from tincans.limits import LARGE_BYTES, PIPE_BYTES

if TYPE_CHECKING:
    from tincans.journal.writer import Writer

_pack, _HEADER_BYTES = HEADER.pack, HEADER.size
_CLIENT, _SERVER = Side.CLIENT, Side.SERVER
_SAID_CLIENT, _SAID_SERVER = SAID[_CLIENT], SAID[_SERVER]


class Piped(NamedTuple):
    """A record whose payload is in a kernel pipe."""

    number: int
    at: int
    side: Side
    reader: int
    length: int
    done: Callable[[], None]

    def header(self, count: int) -> bytes:
        """The record's header, for so much of the payload."""
        return _pack(SAID[self.side], count, self.number, self.at)

    def dropped(self, count: int, reason: str) -> bytearray:
        """The record that says that so much of the payload is missing."""
        entry = Dropped(conversation=self.number, at=self.at, side=self.side, count=count, reason=reason)
        return bytearray(encode(entry))


#: Whole records: small ones in a row, a large one as header and payload, or one whose payload is in a pipe.
Piece = bytearray | tuple[bytes, bytes] | Piped


class Batch(msgspec.Struct):
    """What the writer takes from one tap at once."""

    tap: SegmentTap
    pieces: list[Piece]
    #: A copy of the conversation as it is after these records, and whether more of it has changed than its counts.
    conversation: Conversation
    changed: bool
    #: Bytes said that these records tell of.
    client_bytes: int
    server_bytes: int

    @property
    def size(self) -> int:
        """Bytes of the pieces that are left, headers included."""
        return sum(map(piece_size, self.pieces))

    @property
    def piped(self) -> bool:
        return Piped in map(type, self.pieces)

    def unsaid(self, count: int) -> None:
        """So many bytes that were counted as said turned out to be dropped."""
        self.conversation.dropped += count
        self.tap.unsaid(count)


class SegmentTap:
    """A `BulkTap` that records."""

    __slots__ = (
        "_changed", "_lost", "_over", "_pieces", "_slow", "_small", "_taken", "_touched",
        "_writer", "conversation", "number",
    )  # fmt: skip

    def __init__(self, writer: Writer, opened: Opened) -> None:
        self.number = opened.conversation
        self._writer = writer
        self.conversation = Conversation.from_opened(opened)
        self._pieces: list[Piece] = []
        self._small = bytearray()
        self._changed = True
        self._slow = self._over = self._touched = False
        # Bytes dropped of which no record tells yet, by side and reason; and what the batches taken so far told of.
        self._lost: dict[tuple[Side, str], int] = {}
        self._taken = (0, 0)
        with writer.lock:
            self._append(encode(opened))

    # ── what is said ──────────────────────────────────────────────────────────────────────────────────────

    def said(self, side: Side, data: Buffer) -> None:
        size = len(data)
        writer = self._writer
        with writer.lock:
            if self._slow or size >= LARGE_BYTES or writer.unwritten + size > writer.mark:
                self._said_slowly(side, data)
                return
            if not self._touched:
                self._touch()
            conversation = self.conversation
            if side is _CLIENT:
                code = _SAID_CLIENT
                conversation.client_bytes += size
                conversation.client_pieces += 1
            else:
                code = _SAID_SERVER
                conversation.server_bytes += size
                conversation.server_pieces += 1
            conversation.last = at = writer.now()
            small = self._small
            small += _pack(code, size, self.number, at)
            small += data
            writer.unwritten += size + _HEADER_BYTES

    def _said_slowly(self, side: Side, data: Buffer) -> None:
        if self._over:
            return
        size = memoryview(data).nbytes
        if not self._writer.has_room(size):
            self._lose(side, size, self._writer.why())
            return
        header = _pack(SAID[side], size, self.number, self._count(side, size))
        if size < LARGE_BYTES:
            self._append(header + data)
        else:
            self._append_piece((header, bytes(data)), _HEADER_BYTES + size)

    def said_pipe(self, side: Side, reader: int, count: int, done: Callable[[], None]) -> bool:
        writer = self._writer
        with writer.lock:
            if self._over or writer.trouble or not writer.has_room(count):
                return False
            piped = Piped(self.number, self._count(side, count), side, reader, count, done)
            self._append_piece(piped, _HEADER_BYTES + count)
            writer.press()
            return True

    def is_behind(self) -> bool:
        writer = self._writer
        return not self._over and not writer.trouble and not writer.has_room(PIPE_BYTES)

    def wants(self, side: Side) -> bool:
        return not self._over

    def carried(self, side: Side, count: int) -> None:
        writer = self._writer
        with writer.lock:
            if not self._over:
                refused = writer.trouble or not writer.has_room(count)
                self._lose(side, count, writer.why() if refused else CARRIED)

    # ── what else happens ─────────────────────────────────────────────────────────────────────────────────

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None:
        known = clean_facts(facts)
        self._tell(Joined(conversation=self.number, at=self._now(), far=clean(far), server=clean(server), facts=known))

    def ended(self, side: Side) -> None:
        self._tell(Ended(conversation=self.number, at=self._now(), side=side))

    def noted(self, text: str) -> None:
        self._tell(Noted(conversation=self.number, at=self._now(), text=clean(text)))

    def secured(self, facts: Mapping[str, str]) -> None:
        self._tell(Secured(conversation=self.number, at=self._now(), facts=clean_facts(facts)))

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        self._tell(Closed(conversation=self.number, at=self._now(), how=how, by=by, detail=clean(detail)))
        self._over = self._slow = True
        self._writer.forget(self)

    def adopt(self, entry: Entry) -> None:
        """What happened once, as it stands, however much waits already."""
        self._tell(entry)
        if isinstance(entry, Closed):
            self._over = self._slow = True
            self._writer.forget(self)

    def _now(self) -> int:
        return self._writer.now()

    def _tell(self, entry: Entry) -> None:
        with self._writer.lock:
            if not self._over:
                self._tell_lost()
                self._changed = True
                self.conversation.fold(entry)
                self._append(encode(entry))

    # ── under the lock, but for `unsaid` ──────────────────────────────────────────────────────────────────

    def _count(self, side: Side, size: int) -> int:
        """Count what is said now, after what was lost before it; gives the time."""
        self._tell_lost()
        conversation = self.conversation
        conversation.last = at = self._writer.now()
        if side is _CLIENT:
            conversation.client_bytes += size
            conversation.client_pieces += 1
        else:
            conversation.server_bytes += size
            conversation.server_pieces += 1
        return at

    def _append(self, record: bytes) -> None:
        self._small += record
        self._grew(len(record))

    def _append_piece(self, piece: Piece, size: int) -> None:
        if self._small:
            self._pieces.append(self._small)
            self._small = bytearray()
        self._pieces.append(piece)
        self._grew(size)

    def _grew(self, size: int) -> None:
        self._writer.grew(size)
        self._touch()

    def _touch(self) -> None:
        if not self._touched:
            self._touched = True
            self._writer.touch(self)

    def _lose(self, side: Side, count: int, reason: str) -> None:
        """`count` bytes are not kept. How many there were is told before the next record, or when the writer comes."""
        self._lost[side, reason] = self._lost.get((side, reason), 0) + count
        self._slow = True
        self._touch()

    def _tell_lost(self) -> None:
        if not self._lost:
            return
        lost, self._lost, self._slow = self._lost, {}, self._over
        at = self._writer.now()
        for (side, reason), count in lost.items():
            entry = Dropped(conversation=self.number, at=at, side=side, count=count, reason=reason)
            self.conversation.fold(entry)
            self._append(encode(entry))

    def unsaid(self, count: int) -> None:
        """The writer's thread found that so many bytes that were counted as said are not there."""
        with self._writer.lock:
            self.conversation.dropped += count

    def take(self) -> Batch:
        """Hand over all records, and begin anew."""
        self._tell_lost()
        pieces, self._pieces = self._pieces, []
        if self._small:
            pieces.append(self._small)
            self._small = bytearray()
        now, before = self.conversation, self._taken
        self._taken = (now.client_bytes, now.server_bytes)
        batch = Batch(
            self, pieces, copy.copy(now), self._changed, now.client_bytes - before[0], now.server_bytes - before[1]
        )
        self._changed = self._touched = False
        return batch


def piece_size(piece: Piece) -> int:
    """Bytes it takes in a segment."""
    if isinstance(piece, Piped):
        return _HEADER_BYTES + piece.length
    return len(piece) if isinstance(piece, bytearray) else len(piece[0]) + len(piece[1])


def clean(text: str) -> str:
    """`text` without what neither JSON nor SQLite can hold: lone surrogates and NUL."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def clean_facts(facts: Mapping[str, str]) -> dict[str, str]:
    """Facts in text that can be kept."""
    return {clean(name): clean(value) for name, value in facts.items()}


def cleaned(entry: Entry, number: int) -> Entry:
    """The entry as it can be kept, under that number."""
    changes: dict[str, object] = {"conversation": number}
    for name, value in asdict(entry).items():
        if isinstance(value, str):
            changes[name] = clean(value)
        elif isinstance(value, dict):
            changes[name] = clean_facts(value)
    return replace(entry, **changes)


class DeafTap:
    """Keeps nothing, and has no number: for a conversation that cannot be recorded at all."""

    __slots__ = ()
    number = 0

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None:
        pass

    def said(self, side: Side, data: Buffer) -> None:
        pass

    def wants(self, side: Side) -> bool:
        return False

    def carried(self, side: Side, count: int) -> None:
        pass

    def ended(self, side: Side) -> None:
        pass

    def noted(self, text: str) -> None:
        pass

    def secured(self, facts: Mapping[str, str]) -> None:
        pass

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        pass


DEAF = DeafTap()
