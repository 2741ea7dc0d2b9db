"""A history in a folder: what was said is in a log, what rooms are in another, and an index finds things.

    history.json                {"format": 1, "id": …}; who holds its flock(2) is the hub of the folder
    log/                        all messages, as they were said: `history/log.py`, `history/tape.py`
    rooms.jsonl                 what rooms are: `history/rooms.py`
    index.sqlite3               can be made anew from the log: `history/index.py`, `history/search.py`

    append ─► the log ─► at hand (`history/recent.py`) ─► the index, a tenth of a second later (`history/follow.py`)

What is appended or kept is on its way to the disk when the call returns, and `kill -9` loses nothing of it; a machine
that loses power loses about the last second (`history/syncing.py`). Reading what is at hand costs no disk and no
thread. Anything else is read in a thread with a connection of its own, after the index has taken in what there was when
it was asked for.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import msgspec

from tincans.apps.chat.events import Message, RoomState
from tincans.apps.chat.history import DAY, Messages, check_numbers
from tincans.apps.chat.history.follow import Follower
from tincans.apps.chat.history.index import Index, open_index
from tincans.apps.chat.history.log import End, Log, Place
from tincans.apps.chat.history.readers import Readers
from tincans.apps.chat.history.recent import AtHand, Recent
from tincans.apps.chat.history.rooms import Rooms
from tincans.apps.chat.history.search import parse
from tincans.apps.chat.history.syncing import Syncer
from tincans.apps.chat.names import folded
from tincans.errors import HistoryBusy, HistoryError, HistoryTooNew, reason_of
from tincans.limits import CHAT_WORDS_SECONDS

FORMAT = 1

_Answer = TypeVar("_Answer")


class Marker(msgspec.Struct, frozen=True):
    """What says that a folder is a history, and which one."""

    format: int
    id: str


class FolderHistory:
    """A `History` in a folder. For the loop's thread, but where it says else. `aclose` gives the folder back."""

    @classmethod
    def open(cls, folder: Path, *, keep: int = 0, days: float = 0) -> FolderHistory:
        """Open it, made where it is not there: quick, but for some seconds for a million messages where the index was
        lost, the most of which is made behind (`history/words.py`). For any thread.

        Keeps the last `keep` messages of each room, of the last `days`; 0 for all. Raises `HistoryError`,
        `HistoryBusy` where another process has it, `HistoryTooNew`.
        """
        with ExitStack() as stack:
            try:
                return cls(folder, keep, days, stack)
            except OSError as error:
                raise HistoryError(folder, reason_of(error)) from error
            except sqlite3.Error as error:
                raise HistoryError(folder, f"its index cannot be used: {error}") from error

    def __init__(self, folder: Path, keep: int, days: float, stack: ExitStack) -> None:
        self.folder = folder
        self._keep, self._days = keep, int(days * DAY)
        marker, identity = _take(folder)
        stack.callback(os.close, marker)
        self._log = Log(folder / "log")
        stack.callback(self._log.close)
        self._rooms = Rooms(folder / "rooms.jsonl")
        stack.callback(self._rooms.close)
        index = open_index(folder / "index.sqlite3", identity, self._log)
        stack.callback(index.close)
        self._readers = Readers(index.path)
        stack.callback(self._readers.close)
        self._follower = Follower(self._log, index, index.progress(identity) or End(0, 0, 0), keep=keep, days=days)
        self._follower.catch_up()
        self._recent = Recent(self._follower.counts(), self._load, keep=keep)
        self._follower.begin()
        stack.callback(self._follower.close)
        self._syncer = Syncer(folder, self._sync)
        stack.callback(self._syncer.close)
        self._closing, self._closing_turn = stack.pop_all(), threading.Lock()

    @property
    def last(self) -> int:
        return self._log.end.number

    @property
    def rooms(self) -> dict[str, RoomState]:
        return self._rooms.states

    # ── keeping ───────────────────────────────────────────────────────────────────────────────────────────

    def append(self, messages: Iterable[Message]) -> None:
        some = list(messages)
        if not some:
            return
        last = self.last
        check_numbers(some, last)
        self._log.append(some)
        for message in some:
            self._recent.add(folded(message.room), message, last)
            last = message.number
        self._recent.let_go(self._follower.done.number)
        self._follower.arrived()
        self._syncer.arrived()

    def keep(self, room: RoomState) -> None:
        self._rooms.keep(room)
        self._syncer.arrived()

    def _sync(self) -> None:
        self._log.sync()
        self._rooms.sync()

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def recent(self, room: str, limit: int) -> Messages:
        return self._young(self._recent.of(folded(room), self.last).last(limit))

    def counts(self, room: str) -> tuple[int, int]:
        count, last = self._recent.counts.get(folded(room), (0, 0))
        count -= self._follower.removed.get(folded(room), 0)
        return min(count, self._keep) if self._keep else count, last

    async def read(self, room: str, *, after: int = 0, before: int = 0, limit: int = 50) -> Messages:
        room = folded(room)
        at_hand = self._recent.of(room, self.last)
        found = at_hand.read(after, before, limit, is_all=self._is_all(room, at_hand))
        if found is None:
            oldest, last = bool(after and not before), self.counts(room)[1]
            found = await self._find(
                lambda index: index.places(room, after=after, before=before, limit=limit, oldest=oldest),
                min(last, before - 1) if before else last,
            )
        return self._young(found)

    async def search(self, text: str, *, rooms: Iterable[str], before: int = 0, limit: int = 50) -> Messages:
        terms, names = parse(text), [folded(room) for room in rooms]
        if not terms or not names:
            return []
        return self._young(await self._find(lambda index: index.search(terms, names, before, limit), self.last))

    async def unsearched(self) -> int:
        if self._follower.wordless:
            await asyncio.to_thread(self._follower.wait_for_words, CHAT_WORDS_SECONDS)
        return self._follower.wordless

    async def number(self, room: str, *, msgid: str = "", at: int = 0) -> int:
        room = folded(room)
        at_hand = self._recent.of(room, self.last)
        for message in reversed(at_hand.said):
            if message.id == msgid if msgid else message.at < at:
                return message.number
        if self._is_all(room, at_hand) or not (msgid or at):
            return 0
        before_those = (at_hand.said[0].number if at_hand.said else self.last + 1) - 1
        if not msgid:
            older = await self._find(lambda index: index.before(room, at), before_those)
        else:
            if self._follower.wordless:
                same = await asyncio.to_thread(self._log.named, msgid)
            else:
                same = await self._find(lambda index: index.named(msgid), before_those)
            older = [message for message in same if message.id == msgid and folded(message.room) == room]
        return max((message.number for message in older), default=0)

    def forgotten(self) -> set[str]:
        return self._follower.forgotten()

    async def unnamed(self, files: Collection[str]) -> set[str]:
        last = self.last

        def ask(index: Index) -> set[str]:
            if not index.has_all(last):  # it is behind, as the disk refuses, or was given up
                raise OSError(errno.EAGAIN, f"the index {index.path} does not have all messages")
            return {each for each in files if not index.names(each)}

        return await self._ask(ask, last)

    def _is_all(self, room: str, at_hand: AtHand) -> bool:
        """Whether a room has no more messages than those that are at hand."""
        return len(at_hand.said) >= self.counts(room)[0]

    def _young(self, messages: Messages) -> Messages:
        """Those that are not older than `days`, which the index may not have removed yet."""
        if not self._days:
            return messages
        oldest = time.time_ns() - self._days
        return [message for message in messages if message.at >= oldest]

    def _load(self, room: str, up_to: int, limit: int) -> Messages:
        """The last messages of a room, of those that the index has. Raises `OSError`."""
        with self._readers.lent() as index:
            return self._log.read(index.places(room, after=0, before=up_to + 1, limit=limit))

    async def _find(self, question: Callable[[Index], Sequence[Place]], up_to: int) -> Messages:
        """The messages at the places that the index gives, as `_ask`."""
        return await self._ask(lambda index: self._log.read(question(index)), up_to)

    async def _ask(self, question: Callable[[Index], _Answer], up_to: int) -> _Answer:
        """What the index answers, once it has the messages up to that number; asked in a thread.

        Raises `OSError`. Cancelling ends the question.
        """
        cancelled = threading.Event()

        def ask() -> _Answer:
            self._follower.wait(up_to)
            with self._readers.lent(cancelled) as index:
                return question(index)

        try:
            return await asyncio.to_thread(ask)
        except asyncio.CancelledError:
            self._readers.cancel(cancelled)
            raise

    async def aclose(self) -> None:
        """Have the index take in the rest, and give the folder back. Idempotent; goes on where it is cancelled."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._closing_turn:
            self._closing.close()


def _take(folder: Path) -> tuple[int, str]:
    """Take the folder; gives the descriptor that holds it, and the history's id. Raises `OSError`, `HistoryError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "history.json"
    if not path.exists():
        if any(folder.iterdir()):
            raise HistoryError(folder, "it has other files in it and keeps no rooms")
        folder.chmod(0o700)
    marker = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return marker, _identity(folder, marker)
    except BlockingIOError:
        os.close(marker)
        raise HistoryBusy(folder) from None
    except BaseException:
        os.close(marker)
        raise


def _identity(folder: Path, marker: int) -> str:
    data = os.pread(marker, 1024, 0)
    if not data:  # it is new, or whoever made it was killed
        data = msgspec.json.encode(Marker(FORMAT, uuid4().hex))
        os.pwrite(marker, data, 0)
    try:
        found = msgspec.json.decode(data, type=Marker)
    except msgspec.MsgspecError:
        raise HistoryError(folder, "its history.json is no longer what tincans wrote") from None
    if found.format > FORMAT:
        raise HistoryTooNew(folder, found.format, FORMAT)
    return found.id
