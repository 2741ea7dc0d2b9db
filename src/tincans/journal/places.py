"""Where the entries of a conversation stand, found without reading them.

A conversation of a million entries is read in pieces, and for the place of each piece all entries before it have to be
counted. A record's header says what it is and how long, so only headers are looked at: 21 bytes of each, and the
payload only of the few that are neither something said nor the end of it.

The numbers are those of `Reading`: what stands there for what is missing is counted in the same places.

It blocks, and belongs in a thread.
"""

from __future__ import annotations

import os
import struct

from tincans.channel import Side
from tincans.conversation import Dropped, Entry, Opened
from tincans.journal import Place, beginning
from tincans.journal.folder import Folder
from tincans.journal.index import Extent, Index
from tincans.journal.reading import DAMAGED, EXTENTS, Shared, Token, missing
from tincans.journal.segments import HEADER, SAID, entry_at

#: Read of a segment at once. What is left of a longer record is passed over, and not read.
_WINDOW_BYTES = 64 * 1024

#: How a header begins: what a count has to know. The time is looked at where a place is due.
_START = struct.Struct("<BIQ")

_CLIENT, _SERVER = Side.CLIENT, Side.SERVER
_SAID_CLIENT, _SAID_SERVER = SAID[_CLIENT], SAID[_SERVER]


def places(folder: Folder, index: Shared, number: int, every: int, start: Place | None) -> list[Place]:
    """As `Journal.places`."""
    with _Count(folder, index, number, every, start) as count:
        return count.places()


class _Count:
    """A count of a conversation's entries. As a context manager it closes the segment that it has open."""

    def __init__(self, folder: Folder, index: Shared, number: int, every: int, start: Place | None) -> None:
        self._folder, self._index, self._number, self._every = folder, index, number, every
        conversation = index.call(Index.conversation, number)[0]
        first, *forgotten = index.call(Index.standing, number)
        self._origin = (first, sum(forgotten))
        #: What comes first, where that is not recorded any more; empty as soon as that was decided.
        self._beginning = beginning(conversation, *forgotten)
        self._file, self._segment = -1, 0
        self._places: list[Place] = []
        #: Where it stands: entries and bytes before, when the last was, and the position (as in `Token`).
        self._entry, self._client, self._server, self._at = 0, 0, 0, conversation.opened
        self._extent, self._done, self._skip = 0, 0, 0
        self._told = {_CLIENT: 0, _SERVER: 0}
        #: The entry whose place is to be noted next.
        self._due = 0
        if start is not None and start.token[:2] == self._origin:
            self._due = -(-start.entry // every) * every
            self._go_to(start)

    def _go_to(self, start: Place) -> None:
        token = Token(*start.token)
        if start.entry and token.extent:  # else it is among what comes first, and that is counted again
            self._entry, self._client, self._server, self._at = start[:4]
            self._extent, self._done, self._skip = token.extent, token.done, token.skip
            self._told = {_CLIENT: token.client, _SERVER: token.server}
            self._beginning = []

    def __enter__(self) -> _Count:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file >= 0:
            os.close(self._file)

    def places(self) -> list[Place]:
        """Count all that there is; only once."""
        after = self._extent - 1
        while extents := self._index.call(Index.extents, self._number, after, EXTENTS):
            for extent in extents:
                self._count(extent)
            after = extents[-1].identity
        self._begin()
        if not self._places or self._places[-1].entry != self._entry:
            self._note()
        return self._places

    def _note(self, token: Token | None = None) -> None:
        """Note the place where it stands."""
        if token is None:
            token = Token(*self._origin, self._extent, self._done, self._told[_CLIENT], self._told[_SERVER], self._skip)
        self._places.append(Place(self._entry, self._client, self._server, self._at, tuple(token)))
        self._due = self._entry + self._every

    def _count(self, extent: Extent) -> None:
        if extent.identity != self._extent:
            self._extent, self._done, self._skip = extent.identity, 0, 0
            self._told = {_CLIENT: 0, _SERVER: 0}
        if self._open(extent.segment):
            if self._beginning:
                first = entry_at(self._file, extent.offset, extent.offset + extent.length)
                if first is not None:
                    self._begin(first)
            self._records(extent)
        for entry in missing(extent, self._told, self._at, DAMAGED)[self._skip :]:
            self._begin(entry)
            if self._entry == self._due:
                self._note()
            self._pass(entry)
            self._skip += 1

    def _open(self, segment: int) -> bool:
        """Have the file of a segment open; False where it is gone."""
        if self._segment != segment:
            if self._file >= 0:
                os.close(self._file)
            self._file, self._segment = -1, segment
            try:
                self._file = os.open(self._folder.segment(segment), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                pass
        return self._file >= 0

    def _begin(self, first: Entry | None = None) -> None:
        """Count what comes before the first entry, where that is not how the conversation was opened, or is missing."""
        before, self._beginning = self._beginning, []
        if not isinstance(first, Opened):
            for entry in before:
                if self._entry == self._due:
                    self._note(Token(*self._origin, skip=self._entry))
                self._pass(entry)
        if not self._extent:
            self._skip = self._entry

    def _pass(self, entry: Entry) -> None:
        self._entry += 1
        if isinstance(entry, Dropped):
            self._client += entry.count * (entry.side is _CLIENT)
            self._server += entry.count * (entry.side is _SERVER)

    def _records(self, extent: Extent) -> None:
        """Count an extent's records from where it stands, as far as they are whole."""
        at = -1
        end = min(extent.offset + extent.length, os.fstat(self._file).st_size)
        while at < (at := extent.offset + self._done) <= end - HEADER.size:
            self._window(os.pread(self._file, min(_WINDOW_BYTES, end - at), at), at, extent.offset, end - at)

    def _window(self, data: bytes, at: int, start: int, end: int) -> None:
        """Count the records whose headers are in `data`, which stands at `at`; they end by `end`, counted from there.

        All that is done a million times is done here, in local names; it is put down where a place is due.
        """
        unpack, size, number, entry, due = _START.unpack_from, HEADER.size, self._number, self._entry, self._due
        client, server = self._told.values()
        offset, begun, last = 0, -1, len(data) - size
        while offset <= last:
            if entry == due:
                self._put_down(entry, client, server, at - start + offset, data, begun)
                self._note()
                due = self._due
            code, length, whose = unpack(data, offset)
            after = offset + size + length
            if whose != number or after > end:
                break
            if code == _SAID_CLIENT:
                client += length
            elif code == _SAID_SERVER:
                server += length
            else:
                other = entry_at(self._file, at + offset, at + end)
                if other is None:
                    break
                if isinstance(other, Dropped):
                    client += other.count * (other.side is _CLIENT)
                    server += other.count * (other.side is _SERVER)
            entry += 1
            begun, offset = offset, after
        self._put_down(entry, client, server, at - start + offset, data, begun)

    def _put_down(self, entry: int, client: int, server: int, done: int, data: bytes, begun: int) -> None:
        """Where it stands: `client` and `server` are what the extent told of, `begun` is the last record in `data`."""
        self._entry, self._done = entry, done
        self._client += client - self._told[_CLIENT]
        self._server += server - self._told[_SERVER]
        self._told = {_CLIENT: client, _SERVER: server}
        if begun >= 0:
            self._at = HEADER.unpack_from(data, begun)[3]
