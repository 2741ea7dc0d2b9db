"""What a dead writer left behind: found, told to the index, and closed.

A writer that was killed may have appended records that it had no time to tell the index of. They stand behind the
indexed end of the segments that are still its own. They describe themselves, so they are read up to the first torn one
and indexed; then each of the writer's open conversations is closed as LOST, with a record like any other. Whoever opens
or reads the journal does this, in one transaction, so of several at once one does it and the others find nothing left
to do.
"""

from __future__ import annotations

import os
from pathlib import Path

from tincans.conversation import Closed, Conversation, How, Opened
from tincans.journal.folder import Folder
from tincans.journal.index import Extent, Flushed, Index, joined
from tincans.journal.segments import Record, Segment, encode, records


def bury(folder: Folder, index: Index) -> None:
    """Deal with every writer whose process is dead. Quick when there is none."""
    if all(map(folder.lives, index.writers())):
        return
    with index.transaction():
        for writer in index.writers():
            if not folder.lives(writer):
                _bury(folder, index, writer)


def _bury(folder: Folder, index: Index, writer: int) -> None:
    estate = _Estate(index.unclosed(writer))
    for identity, indexed in index.segments(writer):
        try:
            estate.search(identity, folder.segment(identity), indexed)
        except OSError:
            continue  # the file is gone: what the index has of it cannot be read either
    estate.close_conversations(folder)
    index.take_in(estate.flushed(writer))
    index.leave(writer)


class _Estate:
    """The conversations that a dead writer left open, and what was found of them in its segments."""

    def __init__(self, unclosed: list[Conversation]) -> None:
        self._open = {conversation.number: conversation for conversation in unclosed}
        self._closed: list[Conversation] = []
        self._extents: list[Extent] = []
        self._sizes: dict[int, int] = {}

    def search(self, identity: int, path: Path, indexed: int) -> None:
        """Read what stands in a segment behind its indexed end."""
        self._sizes[identity] = start = indexed
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for record in records(file, start, os.fstat(file).st_size):
                self._take(identity, start, record)
                self._sizes[identity] = start = record.end
        finally:
            os.close(file)

    def _take(self, identity: int, start: int, record: Record) -> None:
        entry = record.entry
        if isinstance(entry, Opened):
            self._open.setdefault(entry.conversation, Conversation.from_opened(entry))
        conversation = self._open.get(entry.conversation)
        if conversation is None:
            return
        before = conversation.client_bytes, conversation.server_bytes
        conversation.fold(entry)
        self._extents.append(
            Extent(
                conversation.number, identity, start, record.end - start,
                conversation.client_bytes - before[0], conversation.server_bytes - before[1],
            )
        )  # fmt: skip
        if isinstance(entry, Closed):
            self._closed.append(self._open.pop(conversation.number))

    def close_conversations(self, folder: Folder) -> None:
        """Append to the last segment that those that are still open are lost."""
        entries = [Closed(conversation=c.number, at=c.last, how=How.LOST) for c in self._open.values()]
        if entries and self._sizes:
            identity = max(self._sizes)
            segment = Segment(identity, folder.segment(identity), self._sizes[identity])
            try:
                self._append(segment, entries)
            except OSError:  # the disk is full: then only the index tells it, and that something has changed
                self._extents += [Extent(each.conversation, identity, segment.end, 0, 0, 0) for each in entries]
            finally:
                segment.close()
        for entry in entries:
            conversation = self._open.pop(entry.conversation)
            conversation.fold(entry)
            self._closed.append(conversation)

    def _append(self, segment: Segment, entries: list[Closed]) -> None:
        data = [encode(entry) for entry in entries]
        start = segment.end
        segment.write(data)
        for entry, record in zip(entries, data, strict=True):
            self._extents.append(Extent(entry.conversation, segment.identity, start, len(record), 0, 0))
            start += len(record)
        self._sizes[segment.identity] = segment.end

    def flushed(self, writer: int) -> Flushed:
        """All of it, for the index; the writer appends to nothing any more."""
        last = max((conversation.last for conversation in self._closed), default=0)
        return Flushed(writer, self._sizes, 0, last, self._closed, [], joined(self._extents))
