"""A history in a folder, against what it should be: whatever is said, asked and reopened, with bounds so small that all
of them are crossed."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from remembering import THEN, said
from tincans.apps.chat.events import Message, RoomState
from tincans.apps.chat.history import folder as history_folder
from tincans.apps.chat.history import follow as history_follow
from tincans.apps.chat.history import forget as history_forget
from tincans.apps.chat.history import log as history_log
from tincans.apps.chat.history import recent as history_recent
from tincans.apps.chat.history import rooms as history_rooms
from tincans.apps.chat.history import words as history_words
from tincans.apps.chat.history.folder import FolderHistory
from tincans.apps.chat.history.index import remove_index
from tincans.apps.chat.history.search import parse
from tincans.apps.chat.names import folded
from tincans.limits import CHAT_MESSAGE_BYTES

_ROOMS = st.sampled_from(["#a", "#A", "#b", "#c"])
_NICKS = st.sampled_from(["ann", "Bob"])
_TEXTS = st.lists(st.sampled_from(["a", "b", "Ä", "ab", "東京"]), min_size=1, max_size=3).map(" ".join)
_SEARCHES = st.sampled_from(["a", "b a", '"a b"', "a*", "from:bob", "from:ann a", "東", "none", "-"])
_NUMBERS = st.integers(0, 40)


class Histories(RuleBasedStateMachine):
    """One in a folder, and the list of all that was said."""

    @initialize(keep=st.sampled_from([0, 0, 3]))
    def begin(self, keep: int) -> None:
        self.patch = pytest.MonkeyPatch()
        for module, name, bound in [
            (history_log, "CHAT_SEGMENT_BYTES", 400),
            (history_forget, "CHAT_SEGMENT_BYTES", 400),
            (history_forget, "CHAT_FORGET_MESSAGES", 2),
            (history_log, "CHAT_PIECE_BYTES", 250),
            (history_recent, "CHAT_AT_HAND_BYTES", 8 * CHAT_MESSAGE_BYTES),
            (history_recent, "CHAT_RECENT_MESSAGES", 5),
            (history_rooms, "CHAT_ROOMS_LOG_BYTES", 100),
            (history_follow, "CHAT_INDEX_SECONDS", 0.001),
            (history_follow, "CHAT_WORDS_AT_ONCE", 3),
            (history_words, "CHAT_WORDS_MESSAGES", 2),
            (history_folder, "CHAT_WORDS_SECONDS", 60),
        ]:
            self.patch.setattr(module, name, bound)
        self.keep = keep
        self.folder = Path(tempfile.mkdtemp(prefix="tincans-"))
        self.loop = asyncio.Runner()
        self.history = FolderHistory.open(self.folder, keep=keep)
        self.said: list[Message] = []
        self.rooms: dict[str, RoomState] = {}

    def teardown(self) -> None:
        self.loop.run(self.history.aclose())
        self.loop.close()
        self.patch.undo()
        shutil.rmtree(self.folder)

    def of(self, room: str) -> list[Message]:
        """What is kept of a room."""
        messages = [message for message in self.said if folded(message.room) == folded(room)]
        return messages[-self.keep :] if self.keep else messages

    @rule(some=st.lists(st.tuples(_ROOMS, _NICKS, _TEXTS), max_size=6))
    def say(self, some: list[tuple[str, str, str]]) -> None:
        messages = [
            said(number, text, room=room, nick=nick)
            for number, (room, nick, text) in enumerate(some, len(self.said) + 1)
        ]
        self.history.append(messages)
        self.said += messages

    @rule(room=_ROOMS, limit=_NUMBERS)
    def keep_room(self, room: str, limit: int) -> None:
        state = RoomState(name=room, created=THEN, limit=limit)
        self.history.keep(state)
        self.rooms[folded(room)] = state

    @rule(anew=st.booleans())
    def reopen(self, anew: bool) -> None:
        self.loop.run(self.history.aclose())
        if anew:
            remove_index(self.folder / "index.sqlite3")
        self.history = FolderHistory.open(self.folder, keep=self.keep)

    @rule(room=_ROOMS, limit=st.integers(0, 7))
    def recent(self, room: str, limit: int) -> None:
        expected = self.of(room)[-5:]
        assert self.history.recent(room, limit) == expected[max(0, len(expected) - limit) :]

    @rule(room=_ROOMS, after=_NUMBERS, before=_NUMBERS, limit=st.integers(0, 12))
    def read(self, room: str, after: int, before: int, limit: int) -> None:
        found = self.loop.run(self.history.read(room, after=after, before=before, limit=limit))
        if self.keep:  # what is too much goes soon, and not at once
            found = [message for message in found if message in self.of(room)]
            limit = min(limit, len(found))
        expected = [each for each in self.of(room) if each.number > after and (not before or each.number < before)]
        oldest = after and not before
        assert found == (expected[:limit] if oldest else expected[max(0, len(expected) - limit) :])

    @rule(text=_SEARCHES, rooms=st.sets(_ROOMS), before=_NUMBERS, limit=st.integers(1, 9))
    def search(self, text: str, rooms: set[str], before: int, limit: int) -> None:
        assert self.loop.run(self.history.unsearched()) == 0
        found = self.loop.run(self.history.search(text, rooms=rooms, before=before, limit=10**6))
        terms, names = parse(text), {folded(room) for room in rooms}
        expected = [
            message
            for room in names
            for message in self.of(room)
            if terms and (not before or message.number < before) and all(term.is_in(message) for term in terms)
        ]
        expected.sort(key=lambda message: -message.number)
        assert [message for message in found if not self.keep or message in expected] == expected
        if not self.keep:
            assert self.loop.run(self.history.search(text, rooms=rooms, before=before, limit=limit)) == expected[:limit]

    @rule(room=_ROOMS, number=_NUMBERS)
    def find(self, room: str, number: int) -> None:
        kept = self.of(room)
        if not self.keep:
            same = [message.number for message in kept if message.number == number]
            assert self.loop.run(self.history.number(room, msgid=f"id{number}")) == (same or [0])[0]
            earlier = [message.number for message in kept if message.number < number]
            assert self.loop.run(self.history.number(room, at=THEN + number)) == ([0, *earlier])[-1]

    @invariant()
    def all_is_counted(self) -> None:
        assert self.history.last == len(self.said)
        assert self.history.rooms == self.rooms
        for room in ("#a", "#b", "#c"):
            kept = self.of(room)
            assert self.history.counts(room) == (len(kept), kept[-1].number if kept else 0)


# Each of its steps is one example of another test.
Histories.TestCase.settings = settings(max_examples=settings().max_examples // 4, stateful_step_count=20)
TestHistories = Histories.TestCase
