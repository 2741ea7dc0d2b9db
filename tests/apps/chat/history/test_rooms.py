"""What rooms are is written with each change, and the past of it is dropped in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remembering import THEN
from tincans.apps.chat.events import RoomState
from tincans.apps.chat.history import rooms as history_rooms
from tincans.apps.chat.history.rooms import Rooms


@contextmanager
def opened(path: Path) -> Iterator[Rooms]:
    rooms = Rooms(path)
    try:
        yield rooms
    finally:
        rooms.close()


def test_the_last_that_was_said_of_a_room_holds(tmp_path: Path) -> None:
    with opened(tmp_path / "rooms") as rooms:
        rooms.keep(RoomState(name="#a", created=THEN))
        rooms.keep(RoomState(name="#b", created=THEN))
        rooms.keep(last := RoomState(name="#A", created=THEN, limit=3))
        expected = {"#a": last, "#b": RoomState(name="#b", created=THEN)}
        assert rooms.states == expected
    assert len((tmp_path / "rooms").read_bytes().splitlines()) == 3
    with opened(tmp_path / "rooms") as rooms:
        assert rooms.states == expected


def test_what_says_nothing_new_is_not_written(tmp_path: Path) -> None:
    with opened(tmp_path / "rooms") as rooms:
        for _ in range(2):
            rooms.keep(RoomState(name="#a", created=THEN))
    assert len((tmp_path / "rooms").read_bytes().splitlines()) == 1


def test_the_past_is_dropped_when_it_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rooms"
    with opened(path) as rooms:
        rooms.keep(RoomState(name="#a", created=THEN, limit=1))
        line = path.stat().st_size
    monkeypatch.setattr(history_rooms, "CHAT_ROOMS_LOG_BYTES", 2 * line)
    with opened(path) as rooms:
        rooms.keep(RoomState(name="#a", created=THEN, limit=2))
        rooms.keep(RoomState(name="#a", created=THEN, limit=3))
        assert path.stat().st_size == 3 * line
        rooms.keep(last := RoomState(name="#a", created=THEN, limit=4))  # as much of the past as is allowed, and one
        assert path.stat().st_size == line
        rooms.keep(RoomState(name="#b", created=THEN))
    with opened(path) as rooms:
        assert rooms.states == {"#a": last, "#b": RoomState(name="#b", created=THEN)}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_disk_that_refuses_to_drop_the_past_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_rooms, "CHAT_ROOMS_LOG_BYTES", 1)

    def refuse(path: Path, *, forced: bool) -> None:
        raise OSError("no room for two of them")

    monkeypatch.setattr(history_rooms, "replacing", refuse)
    with opened(tmp_path / "rooms") as rooms:
        for limit in range(1, 9):
            rooms.keep(last := RoomState(name="#a", created=THEN, limit=limit))
    with opened(tmp_path / "rooms") as rooms:
        assert rooms.states == {"#a": last}
