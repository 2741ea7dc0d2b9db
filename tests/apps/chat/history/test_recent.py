"""What is at hand is what was said last, and never too much of it."""

from __future__ import annotations

import pytest

from remembering import numbers, said
from tincans.apps.chat.events import Message
from tincans.apps.chat.history import recent as history_recent
from tincans.apps.chat.history import weight
from tincans.apps.chat.history.recent import Recent


class Rooms:
    """Rooms whose messages are all in an index, which tells of which it was asked."""

    def __init__(self, *rooms: str) -> None:
        self.said: list[Message] = []
        self.asked: list[tuple[str, int, int]] = []
        self.recent = Recent([], self._load)
        for room in rooms:
            self.say(room)

    def say(self, room: str) -> None:
        last = len(self.said)
        self.said.append(said(last + 1, room=room))
        self.recent.add(room, self.said[-1], last)

    def of(self, room: str) -> list[int]:
        return numbers(self.recent.of(room, len(self.said)).said)

    def _load(self, room: str, up_to: int, limit: int) -> list[Message]:
        self.asked.append((room, up_to, limit))
        return [message for message in self.said if message.room == room and message.number <= up_to][-limit:]


def test_a_room_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_recent, "CHAT_RECENT_MESSAGES", 3)
    rooms = Rooms("#a", "#b", "#a")
    for _ in range(2):
        assert (rooms.of("#a"), rooms.of("#b")) == ([1, 3], [2])
    assert rooms.asked == [("#a", 0, 1), ("#b", 1, 2)]
    rooms.say("#a")
    rooms.say("#a")
    assert rooms.of("#a") == [3, 4, 5]
    assert len(rooms.asked) == 2


def test_a_room_that_is_full_needs_no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_recent, "CHAT_RECENT_MESSAGES", 2)
    rooms = Rooms("#a", "#a", "#a")
    assert rooms.of("#a") == [2, 3]
    assert rooms.asked == []


def test_who_asks_for_a_room_that_is_none_leaves_nothing() -> None:
    rooms = Rooms()
    for place in range(10):
        assert rooms.of(f"#r{place}") == []
    assert not rooms.recent._rooms
    assert rooms.asked == []


def test_one_too_many_lets_go_of_those_that_were_quiet_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_recent, "CHAT_AT_HAND_BYTES", 4 * weight(said(1)))
    rooms = Rooms("#a", "#b", "#c", "#d")
    rooms.of("#a")
    rooms.recent.let_go(4)
    assert list(rooms.recent._rooms) == ["#b", "#c", "#d", "#a"]
    rooms.say("#e")
    rooms.recent.let_go(1)  # of the others the index may not have all yet
    assert list(rooms.recent._rooms) == ["#b", "#c", "#d", "#e"]
    assert rooms.of("#a") == [1]


def test_nothing_is_let_go_that_the_index_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_recent, "CHAT_AT_HAND_BYTES", 1)
    rooms = Rooms("#a", "#b", "#c")
    rooms.recent.let_go(0)
    assert list(rooms.recent._rooms) == ["#a", "#b", "#c"]
