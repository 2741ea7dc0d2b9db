"""What was said in the rooms of a hub, and what the rooms are: the part of a hub that outlives it.

A `History` is kept in a folder (`history/folder.py`), or in memory, for a hub that ends with its process. Appending is
synchronous: once it has returned, `kill -9` loses nothing of it, and a loss of power about the last second. Reading
what is recent is synchronous, too; anything older is read in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Collection, Iterable
from itertools import islice
from pathlib import Path
from typing import Protocol

from tincans.apps.chat.events import Message, RoomState
from tincans.apps.chat.history.search import parse
from tincans.apps.chat.links import files_in
from tincans.apps.chat.names import folded
from tincans.folders import rooms_folder
from tincans.limits import CHAT_AT_HAND_BYTES, CHAT_FORGOTTEN_FILES, CHAT_MESSAGE_BYTES, CHAT_RECENT_MESSAGES

#: In nanoseconds.
DAY = 86_400 * 10**9

#: Names of their own, as a method may hide a type's.
Messages = list[Message]


class History(Protocol):
    """Keeps messages and rooms. Rooms are known by their folded name (`names.folded`)."""

    @property
    def folder(self) -> Path | None:
        """Where it is kept, where the hub may keep files beside it, too; None in memory."""

    @property
    def last(self) -> int:
        """The number of the last message; 0 where there is none."""

    @property
    def rooms(self) -> dict[str, RoomState]:
        """The rooms that were kept, by folded name, as `keep` was last told of each."""

    def append(self, messages: Iterable[Message]) -> None:
        """Keep these, whose numbers follow `last` one by one: all, or none. Raises `OSError` as the disk does.

        `ValueError` where a number does not follow, or a text has half a surrogate pair in it, which no file can have.
        """

    def keep(self, room: RoomState) -> None:
        """Keep what a room is now. Raises `OSError`, and then it is kept as it was."""

    def recent(self, room: str, limit: int) -> Messages:
        """The last messages of a room, the oldest first: at most CHAT_RECENT_MESSAGES of them, and at once."""

    async def read(self, room: str, *, after: int = 0, before: int = 0, limit: int = 50) -> Messages:
        """Messages of a room, the oldest first, with numbers above `after` and, unless it is 0, below `before`.

        At most `limit`: those nearest to `after` where that is given and `before` is not, else the newest. Cancelling
        leaves nothing behind. Raises `OSError`, as all that follows.
        """

    async def search(self, text: str, *, rooms: Iterable[str], before: int = 0, limit: int = 50) -> Messages:
        """Messages in these rooms with all the words in them, the newest first. A quoted part is a phrase, a word that
        ends in * is a beginning, `from:NICK` is who said it. What is no word at all finds nothing.

        What was said before the call is found, but for what is `unsearched`. Text is never wrong (`search.parse`).
        """

    async def unsearched(self) -> int:
        """The number of the last message that `search` does not find yet, nor any before it, as an index that was lost
        is being made anew; 0 where it finds all. Waits for that at most CHAT_WORDS_SECONDS."""

    async def number(self, room: str, *, msgid: str = "", at: int = 0) -> int:
        """The number of the message with this `msgid`, or of the last one said before `at`; 0 where there is none.

        By time it is exact where times grow with numbers, and near it where what was said elsewhere came later.
        """

    def forgotten(self) -> set[str]:
        """The ids of the files (`links.files_in`) that were named by messages that were forgotten since it was asked
        last: the last CHAT_FORGOTTEN_FILES, and the others are forgotten, too. Others may name them still."""

    async def unnamed(self, files: Collection[str]) -> set[str]:
        """Those of these files that no message names that was said before the call, and is kept, and searched."""

    def counts(self, room: str) -> tuple[int, int]:
        """How many messages a room has, and the number of its last one."""

    async def aclose(self) -> None:
        """Give the folder back. Idempotent."""


def open_history(text: str, *, keep: int = 0, days: float = 0) -> History:
    """The history that `text` names: a folder, the user's own where it is empty, or "memory:". For a thread.

    Keeps the last `keep` messages of each room, of the last `days`; 0 for all. Raises `HistoryError`.
    """
    if text == "memory:":
        return MemoryHistory(keep=keep, days=days)
    from tincans.apps.chat.history.folder import FolderHistory

    return FolderHistory.open(Path(text) if text else rooms_folder(), keep=keep, days=days)


class MemoryHistory:
    """A `History` that is gone with its process, and keeps CHAT_RECENT_MESSAGES of each room, or `keep` if less.

    Where that is more than CHAT_AT_HAND_BYTES altogether, the older half of each room goes.
    """

    folder = None

    def __init__(self, *, keep: int = 0, days: float = 0) -> None:
        self._most = min(CHAT_RECENT_MESSAGES, keep or CHAT_RECENT_MESSAGES)
        self._days = int(days * DAY)
        self.last = 0
        self.rooms: dict[str, RoomState] = {}
        self._said: dict[str, deque[Message]] = {}
        self._weight = 0
        self._forgotten: deque[str] = deque(maxlen=CHAT_FORGOTTEN_FILES)

    def append(self, messages: Iterable[Message]) -> None:
        some = list(messages)
        check_numbers(some, self.last)
        for message in some:
            said = self._said.setdefault(folded(message.room), deque())
            if len(said) == self._most:
                self._forget(said)
            said.append(message)
            self._weight += weight(message)
            self.last = message.number
        if self._weight > CHAT_AT_HAND_BYTES:
            self._halve()

    def _halve(self) -> None:
        for said in self._said.values():
            for _ in range((len(said) + 1) // 2):
                self._forget(said)

    def _forget(self, said: deque[Message]) -> None:
        """The oldest of a room."""
        message = said.popleft()
        self._weight -= weight(message)
        self._forgotten.extend(files_in(message.text))

    def keep(self, room: RoomState) -> None:
        self.rooms[folded(room.name)] = room

    def _of(self, room: str) -> deque[Message]:
        """What is kept of a room, after what is too old was dropped."""
        said = self._said.get(folded(room), deque())
        oldest = time.time_ns() - self._days
        while self._days and said and said[0].at < oldest:
            self._forget(said)
        return said

    def recent(self, room: str, limit: int) -> Messages:
        said = self._of(room)
        return list(islice(said, max(0, len(said) - limit), None))

    async def read(self, room: str, *, after: int = 0, before: int = 0, limit: int = 50) -> Messages:
        said = [each for each in self._of(room) if each.number > after and (not before or each.number < before)]
        return said[:limit] if after and not before else said[max(0, len(said) - limit) :]

    async def search(self, text: str, *, rooms: Iterable[str], before: int = 0, limit: int = 50) -> Messages:
        terms = parse(text)
        if not terms:
            return []
        found = [
            message
            for room in {folded(room) for room in rooms}
            for message in self._of(room)
            if (not before or message.number < before) and all(term.is_in(message) for term in terms)
        ]
        return sorted(found, key=lambda message: -message.number)[:limit]

    async def unsearched(self) -> int:
        return 0

    async def number(self, room: str, *, msgid: str = "", at: int = 0) -> int:
        for message in reversed(self._of(room)):
            if message.id == msgid if msgid else message.at < at:
                return message.number
        return 0

    def forgotten(self) -> set[str]:
        for room in self._said if self._days else ():
            self._of(room)
        found = set(self._forgotten)
        self._forgotten.clear()
        return found

    async def unnamed(self, files: Collection[str]) -> set[str]:
        found = set(files)
        for room in list(self._said):
            found.difference_update(*(files_in(message.text) for message in self._of(room)))
            await asyncio.sleep(0)  # a room may have a few megabytes
        return found

    def counts(self, room: str) -> tuple[int, int]:
        said = self._of(room)
        return len(said), said[-1].number if said else 0

    async def aclose(self) -> None:
        pass


def check_numbers(messages: Messages, last: int) -> None:
    """Raises `ValueError` where they do not follow `last` one by one."""
    for wanted, message in enumerate(messages, last + 1):
        if message.number != wanted:
            raise ValueError(f"message {message.number} is not the one behind {wanted - 1}")


def weight(message: Message) -> int:
    """What a message takes in memory, in bytes, roughly."""
    return CHAT_MESSAGE_BYTES + len(message.text)
