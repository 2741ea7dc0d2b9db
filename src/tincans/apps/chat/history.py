"""What was said in the rooms of a hub, and what the rooms are: the part of a hub that outlives it.

A `History` is kept in a folder (`history_folder.py`), or in memory, for a hub that ends with its process. Appending is
synchronous: once it has returned, `kill -9` loses nothing of it. Reading what is recent is synchronous, too; anything
older is read in a thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from tincans.apps.chat.events import Message, RoomState
from tincans.apps.chat.names import folded
from tincans.limits import CHAT_RECENT_MESSAGES

#: Names of their own, as a method may hide a type's.
Messages = list[Message]


class History(Protocol):
    """Keeps messages and rooms. Rooms are known by their folded name (`names.folded`)."""

    @property
    def last(self) -> int:
        """The number of the last message; 0 where there is none."""

    @property
    def rooms(self) -> dict[str, RoomState]:
        """The rooms that were kept, by folded name, as `keep` was last told of each."""

    def append(self, messages: Iterable[Message]) -> None:
        """Keep these, whose numbers follow `last` one by one: all, or none. Raises `OSError` as the disk does."""

    def keep(self, room: RoomState) -> None:
        """Keep what a room is now. Raises `OSError`, and then it is kept as it was."""

    def recent(self, room: str, limit: int) -> Messages:
        """The last messages of a room, the oldest first: at most CHAT_RECENT_MESSAGES of them, and at once."""

    async def read(self, room: str, *, after: int = 0, before: int = 0, limit: int = 50) -> Messages:
        """Messages of a room, the oldest first, with numbers above `after` and, unless it is 0, below `before`.

        At most `limit`: those nearest to `after` where that is given and `before` is not, else the newest. Cancelling
        leaves nothing behind.
        """

    async def search(self, text: str, *, rooms: Iterable[str], before: int = 0, limit: int = 50) -> Messages:
        """Messages in these rooms with all the words in them, the newest first. A quoted part is a phrase, a word that
        ends in * is a beginning, `from:NICK` is who said it. What is no word at all finds nothing."""

    async def number(self, room: str, *, msgid: str = "", at: int = 0) -> int:
        """The number of the message with this `msgid`, or of the last one said before `at`; 0 where there is none."""

    def counts(self, room: str) -> tuple[int, int]:
        """How many messages a room has, and the number of its last one."""

    async def aclose(self) -> None:
        """Give the folder back. Idempotent."""


class MemoryHistory:
    """A `History` that is gone with its process, and keeps CHAT_RECENT_MESSAGES of each room."""

    def __init__(self) -> None:
        self.last = 0
        self.rooms: dict[str, RoomState] = {}
        self._said: dict[str, deque[Message]] = {}
        self._count: dict[str, int] = {}

    def append(self, messages: Iterable[Message]) -> None:
        for message in messages:
            room = folded(message.room)
            self._said.setdefault(room, deque(maxlen=CHAT_RECENT_MESSAGES)).append(message)
            self._count[room] = self._count.get(room, 0) + 1
            self.last = message.number

    def keep(self, room: RoomState) -> None:
        self.rooms[folded(room.name)] = room

    def recent(self, room: str, limit: int) -> Messages:
        said = self._said.get(folded(room), ())
        return list(islice(said, max(0, len(said) - limit), None))

    async def read(self, room: str, *, after: int = 0, before: int = 0, limit: int = 50) -> Messages:
        said = [
            message
            for message in self._said.get(folded(room), ())
            if message.number > after and (not before or message.number < before)
        ]
        return said[:limit] if after and not before else said[max(0, len(said) - limit) :]

    async def search(self, text: str, *, rooms: Iterable[str], before: int = 0, limit: int = 50) -> Messages:
        words, names = text.lower().split(), {folded(room) for room in rooms}
        found = [
            message
            for room, said in self._said.items()
            if room in names
            for message in said
            if (not before or message.number < before) and all(word in message.text.lower() for word in words)
        ]
        return sorted(found, key=lambda message: -message.number)[:limit]

    async def number(self, room: str, *, msgid: str = "", at: int = 0) -> int:
        for message in reversed(self._said.get(folded(room), ())):
            if message.id == msgid if msgid else message.at < at:
                return message.number
        return 0

    def counts(self, room: str) -> tuple[int, int]:
        said = self._said.get(folded(room))
        return self._count.get(folded(room), 0), said[-1].number if said else 0

    async def aclose(self) -> None:
        pass


def open_history(text: str, *, keep: int = 0, days: float = 0) -> History:
    """The history in the folder `text`, in the user's own where it is empty, or, for `memory:`, in memory."""
    return MemoryHistory()
