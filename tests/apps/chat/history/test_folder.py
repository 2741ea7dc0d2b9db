"""A history in a folder outlives its process, however that ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filling import no_file_longer_than
from remembering import THEN, eventually, numbers, said, say
from running import start
from tincans.apps.chat.events import Message, RoomState, Topic
from tincans.apps.chat.history import forget as history_forget
from tincans.apps.chat.history import index as history_index
from tincans.apps.chat.history import log as history_log
from tincans.apps.chat.history import recent as history_recent
from tincans.apps.chat.history.folder import FolderHistory
from tincans.errors import HistoryBusy, HistoryError, HistoryTooNew
from tincans.limits import CHAT_FORGET_MESSAGES, CHAT_MESSAGE_BYTES, CHAT_RECENT_MESSAGES


@contextlib.asynccontextmanager
async def opened(folder: Path, *, keep: int = 0, days: float = 0) -> AsyncIterator[FolderHistory]:
    """A history that is open while the block runs."""
    history = FolderHistory.open(folder, keep=keep, days=days)
    try:
        yield history
    finally:
        await history.aclose()


async def everything(history: FolderHistory, room: str = "#ops") -> list[Message]:
    """All messages of a room, read in pages from the end."""
    found: list[Message] = []
    while page := await history.read(room, before=found[0].number if found else 0, limit=700):
        found = page + found
    return found


async def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path / "rooms") as history:
        messages = say(history, *(f"word {place}" for place in range(CHAT_RECENT_MESSAGES + 200)))
        say(history, "elsewhere", room="#Other", nick="Bob")
        history.keep(state := RoomState(name="#Ops", created=THEN, topic=Topic("it", "ann", THEN)))
    async with opened(tmp_path / "rooms") as history:
        assert history.rooms == {"#ops": state}
        assert history.last == len(messages) + 1
        assert history.counts("#ops") == (len(messages), len(messages))
        assert history.counts("#other") == (1, len(messages) + 1)
        assert history.recent("#ops", 10**6) == messages[200:]
        assert await everything(history) == messages
        assert await history.read("#ops", after=3, limit=2) == messages[3:5]
        assert await history.search("WORD 7", rooms=["#ops"]) == [messages[7]]
        assert await history.number("#ops", msgid="id5") == 5
        assert await history.number("#ops", at=messages[9].at) == 9
        say(history, "and on")
        assert [message.text for message in history.recent("#ops", 2)] == [messages[-1].text, "and on"]


async def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "a" / "rooms") as history:
        say(history, "secret")
        history.keep(RoomState(name="#ops", created=THEN))
        await history.search("secret", rooms=["#ops"])
        assert history.folder.stat().st_mode & 0o777 == 0o700
        for path in history.folder.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path


# ── who may have it ───────────────────────────────────────────────────────────────────────────────────────

_HOLD = "import sys; from pathlib import Path; from tincans.apps.chat.history.folder import FolderHistory; \
history = FolderHistory.open(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"


async def test_one_process_has_it(tmp_path: Path) -> None:
    with start([sys.executable, "-c", _HOLD, str(tmp_path / "rooms")], stdin=subprocess.PIPE) as holder:
        holder.wait_for("open")
        with pytest.raises(HistoryBusy, match="another hub is running on it"):
            FolderHistory.open(tmp_path / "rooms")
        holder.process.kill()
        holder.process.wait()
        async with opened(tmp_path / "rooms") as history:
            say(history, "one")


async def test_one_process_has_it_once(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(HistoryBusy):
            FolderHistory.open(tmp_path)


def test_a_folder_with_other_things_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with pytest.raises(HistoryError, match="it has other files in it and keeps no rooms"):
        FolderHistory.open(tmp_path)
    with pytest.raises(HistoryError, match=r"cannot keep rooms in .*letter\.txt: file exists"):
        FolderHistory.open(tmp_path / "letter.txt")


async def test_a_later_format_is_left_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, "one")
    marker = tmp_path / "history.json"
    before = marker.read_text()
    marker.write_text(before.replace('"format":1', '"format":2'))
    with pytest.raises(HistoryTooNew, match="it has format 2, and this tincans reads up to 1"):
        FolderHistory.open(tmp_path)
    marker.write_text("what?")
    with pytest.raises(HistoryError, match=r"its history\.json is no longer what tincans wrote"):
        FolderHistory.open(tmp_path)
    marker.write_text("")  # who made it was killed
    async with opened(tmp_path) as history:
        assert numbers(await everything(history)) == [1]


async def test_a_log_without_sense_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, "one")
    (tmp_path / "log" / "00000001.jsonl").write_text("what?\n")
    with pytest.raises(HistoryError, match=r"00000001\.jsonl is no part of a log"):
        FolderHistory.open(tmp_path)


# ── kills ─────────────────────────────────────────────────────────────────────────────────────────────────

_APPEND = """
import os, random, sys
from pathlib import Path
from tincans.apps.chat.events import Message, RoomState, Who
from tincans.apps.chat.history.folder import FolderHistory
history = FolderHistory.open(Path(sys.argv[1]))
while True:
    last = history.last
    some = [
        Message(number=number, at=number, room="#ops", who=Who("ann"), text=f"{number} " * random.randrange(1, 40), id=str(number))
        for number in range(last + 1, last + random.randrange(2, 40))
    ]
    history.append(some)
    history.keep(RoomState(name="#ops", created=1, limit=history.last))
    os.write(1, b"%d\\n" % history.last)
"""  # noqa: E501


async def test_a_killed_process_loses_nothing_that_it_said(tmp_path: Path) -> None:
    script = tmp_path / "append.py"
    script.write_text(_APPEND)
    before = 0
    for _ in range(5):
        with start([sys.executable, str(script), str(tmp_path / "rooms")]) as program:
            program.wait_for(rf"^\d+\n(\d+\n){{{random.randrange(1, 200)}}}")
            time.sleep(random.uniform(0, 0.04))
            program.process.send_signal(signal.SIGKILL)
            program.process.wait()
            acknowledged = int(program.out.splitlines()[-1])
        async with opened(tmp_path / "rooms") as history:
            assert history.last >= acknowledged > before
            assert history.rooms["#ops"].limit >= acknowledged
            messages = await everything(history)
            assert numbers(messages) == [*range(1, history.last + 1)]
            assert all(set(message.text.split()) == {str(message.number)} for message in messages)
            assert numbers(await history.search(str(acknowledged), rooms=["#ops"])) == [acknowledged]
            before = history.last


@pytest.mark.parametrize("cut", range(1, 200, 33))
async def test_a_torn_end_is_cut_off(tmp_path: Path, cut: int) -> None:
    """`test_history_log.py` tears at every byte."""
    async with opened(tmp_path) as history:
        say(history, "one", "two" * 30)
        await history.search("two", rooms=["#ops"])
        say(history, "three" * 30)
        history.keep(state := RoomState(name="#ops", created=THEN))
        history.keep(RoomState(name="#ops", created=THEN, topic=Topic("it" * 150, "ann", THEN)))
    path = tmp_path / "log" / "00000001.jsonl"
    torn = path.read_bytes()[:-cut]
    for file in (path, tmp_path / "rooms.jsonl"):
        os.truncate(file, file.stat().st_size - cut)
    left = torn.count(b"\n") - 1
    async with opened(tmp_path) as history:
        assert history.last == left
        assert history.rooms == {"#ops": state}
        say(history, "next")
        assert numbers(await everything(history)) == [*range(1, left + 2)]
        assert numbers(await history.search("next", rooms=["#ops"])) == [left + 1]


async def test_zeros_at_the_end_are_cut_off(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, "one")
    for rest in (b"\0" * 100, b"\0" * 100 + b"\n", b'{"number":7}\n\n', b"x" * 300_000 + b"\n" + b"y" * 70_000):
        with open(tmp_path / "log" / "00000001.jsonl", "ab") as file:
            file.write(rest)
        async with opened(tmp_path) as history:
            assert numbers(await everything(history)) == [1]
            assert history.last == 1


def index_rows(folder: Path, query: str) -> list[Any]:
    """What the index says that a history has open."""
    index = history_index.Index(folder / "index.sqlite3")
    try:
        return index.rows(query)
    finally:
        index.close()


# ── the index ─────────────────────────────────────────────────────────────────────────────────────────────


def _delete(folder: Path) -> None:
    history_index.remove_index(folder / "index.sqlite3")


def _break(folder: Path) -> None:
    _delete(folder)
    (folder / "index.sqlite3").write_bytes(b"what?" * 1000)


def _empty(folder: Path) -> None:
    _delete(folder)
    (folder / "index.sqlite3").touch()


def _renew(folder: Path) -> None:
    """Have one that a later tincans made."""
    index = history_index.Index(folder / "index.sqlite3")
    index.execute("PRAGMA user_version = 99")
    index.close()


def _exchange(folder: Path) -> None:
    """Have the index of another history."""
    index = history_index.Index(folder / "index.sqlite3")
    index.execute("UPDATE progress SET history = 'another'")
    index.close()


def _forget_log(folder: Path) -> None:
    """Have an index that knows more than the log has: a machine lost power."""
    index = history_index.Index(folder / "index.sqlite3")
    index.execute("UPDATE progress SET number = number + 1")
    index.close()


def _forget_file(folder: Path) -> None:
    index = history_index.Index(folder / "index.sqlite3")
    index.execute("UPDATE progress SET segment = segment + 1")
    index.close()


@pytest.mark.parametrize("spoil", [_delete, _break, _empty, _renew, _exchange, _forget_log, _forget_file])
async def test_an_index_of_no_use_is_made_anew(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    async with opened(tmp_path) as history:
        messages = say(history, *(f"word {place}" for place in range(700)))
        say(history, "elsewhere", room="#other")
    spoil(tmp_path)
    async with opened(tmp_path) as history:
        assert await everything(history) == messages
        assert numbers(await history.search("elsewhere", rooms=["#ops", "#other"])) == [701]
        assert history.counts("#ops") == (700, 700)
        assert await history.number("#ops", msgid="id5") == 5


async def test_an_index_of_the_first_format_is_converted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path) as history:
        messages = say(history, *(f"word {place}" for place in range(700)))
    index = history_index.Index(tmp_path / "index.sqlite3")
    for statement in ("DROP INDEX by_room", "ALTER TABLE progress DROP COLUMN wordless", "PRAGMA user_version = 1"):
        index.execute(statement)
    index.close()
    async with opened(tmp_path) as history:
        assert await everything(history) == messages
        assert await history.search("699", rooms=["#ops"]) == [messages[-1]]
    assert not caplog.records


async def test_an_index_that_is_behind_catches_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, "one")
    shutil.copy(tmp_path / "index.sqlite3", tmp_path / "before")
    async with opened(tmp_path) as history:
        say(history, "two")
    _delete(tmp_path)
    (tmp_path / "before").rename(tmp_path / "index.sqlite3")
    async with opened(tmp_path) as history:
        assert numbers(await history.search("two", rooms=["#ops"])) == [2]
        assert history.counts("#ops") == (2, 2)


async def test_an_index_that_breaks_is_made_anew_at_the_next_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        messages = say(history, *(f"word {place}" for place in range(700)))
    [(page,)] = index_rows(tmp_path, "SELECT rootpage FROM sqlite_master WHERE name = 'words_data'")
    with open(tmp_path / "index.sqlite3", "r+b") as file:
        file.seek(4096 * (page - 1))
        file.write(b"what?" * 800)
    async with opened(tmp_path) as history:
        with pytest.raises(OSError, match="cannot be read"):
            await history.search("word", rooms=["#ops"])
        messages += say(history, "and on")
    async with opened(tmp_path) as history:
        assert await everything(history) == messages
        assert len(await history.search("word", rooms=["#ops"], limit=1000)) == 700


async def test_a_number_is_one_messages(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, "one", "two", "three")
    path = tmp_path / "log" / "00000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"number":2', b'"number":1'))
    _delete(tmp_path)
    async with opened(tmp_path) as history:
        assert [message.text for message in await everything(history)] == ["one", "three"]


async def test_a_line_that_was_lost_costs_only_itself(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, "one", "two", "three")
    path = tmp_path / "log" / "00000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"two"', b"\0\0\0\0\0"))
    _delete(tmp_path)
    async with opened(tmp_path) as history:
        assert numbers(await everything(history)) == [1, 3]
        assert history.last == 3


# ── a full disk ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts disks")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"this root may not mount disks: {mounted.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_refuses_and_takes_again_when_there_is_room(small_disk: Path) -> None:
    async with opened(small_disk / "rooms") as history:
        say(history, "before")
        history.keep(kept := RoomState(name="#ops", created=THEN))
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        log = small_disk / "rooms" / "log" / "00000001.jsonl"
        refused = 0
        for _ in range(20):  # the log's last page may have some room
            size, last, recent = log.stat().st_size, history.last, history.recent("#ops", 100)
            try:
                say(history, "refused " * 200, "refused " * 200)
            except OSError:
                refused += 1
                assert (log.stat().st_size, history.last, history.recent("#ops", 100)) == (size, last, recent)
        assert refused >= 17
        with pytest.raises(OSError, match="No space left"):
            history.keep(RoomState(name="#ops", created=THEN, topic=Topic("x" * 8000, "ann", THEN)))
        assert history.rooms == {"#ops": kept}
        filler.unlink()
        say(history, "after")
        history.keep(kept := RoomState(name="#ops", created=THEN, limit=3))
        expected = history.last
        assert numbers(await history.search("after", rooms=["#ops"])) == [expected]
    async with opened(small_disk / "rooms") as history:
        assert numbers(await everything(history)) == [*range(1, expected + 1)]
        assert history.rooms == {"#ops": kept}


async def test_a_write_that_is_cut_short_is_undone(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, "one")
        path = tmp_path / "log" / "00000001.jsonl"
        size = path.stat().st_size
        with no_file_longer_than(size + 20), pytest.raises(OSError, match="No space left"):
            say(history, "two")
        assert path.stat().st_size == size
        say(history, "two")
        assert numbers(await everything(history)) == [1, 2]


# ── bounds ────────────────────────────────────────────────────────────────────────────────────────────────


def segments(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "log").iterdir())


async def test_a_segment_that_is_full_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as history:
        say(history, "one")
        size = (tmp_path / "log" / "00000001.jsonl").stat().st_size
        monkeypatch.setattr(history_log, "CHAT_SEGMENT_BYTES", size + 1)
        say(history, "two")
        assert segments(tmp_path) == ["00000001.jsonl"]
        monkeypatch.setattr(history_log, "CHAT_SEGMENT_BYTES", (tmp_path / "log" / "00000001.jsonl").stat().st_size)
        say(history, "three", "four")
        assert segments(tmp_path) == ["00000001.jsonl", "00000002.jsonl"]
        assert numbers(await everything(history)) == [1, 2, 3, 4]
        assert numbers(await history.search("two", rooms=["#ops"])) == [2]
    async with opened(tmp_path) as history:
        assert numbers(await everything(history)) == [1, 2, 3, 4]
    _delete(tmp_path)
    async with opened(tmp_path) as history:
        assert numbers(await everything(history)) == [1, 2, 3, 4]


async def test_a_segment_goes_with_its_last_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_log, "CHAT_SEGMENT_BYTES", 1)
    async with opened(tmp_path, keep=2) as history:
        say(history, "quiet", room="#quiet")
        for place in range(5):
            say(history, f"word {place}")
        left = [f"0000000{number}.jsonl" for number in (2, 6, 7)]  # the first had only a head
        await eventually(lambda: segments(tmp_path) == left)
    _delete(tmp_path)
    async with opened(tmp_path, keep=1) as history:
        await eventually(lambda: segments(tmp_path) == [left[0], left[2]])
        assert numbers(await everything(history)) == [6]
        assert numbers(await everything(history, "#quiet")) == [1]
        assert history.counts("#ops") == (1, 6)
        assert numbers(await history.search("word", rooms=["#ops"])) == [6]


async def test_what_is_left_of_a_segment_holds_no_more_than_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (history_log, history_forget):
        monkeypatch.setattr(module, "CHAT_SEGMENT_BYTES", 100_000)
    async with opened(tmp_path, keep=2) as history:
        for place in range(5):
            say(history, "quiet", room=f"#quiet{place}")
            say(history, *["word " * 1000] * 30)
        assert segments(tmp_path) == [f"0000000{number}.jsonl" for number in range(1, 6)]
        await eventually(lambda: used(tmp_path) < 250_000)
        assert segments(tmp_path) == [f"0000000{number}.jsonl" for number in range(1, 6)]
        for place in range(5):
            assert numbers(await everything(history, f"#quiet{place}")) == [31 * place + 1]
    _delete(tmp_path)
    async with opened(tmp_path, keep=2) as history:
        for place in range(5):
            assert numbers(await everything(history, f"#quiet{place}")) == [31 * place + 1]
        assert numbers(await everything(history)) == [154, 155]
        assert numbers(await history.search("quiet", rooms=[f"#quiet{place}" for place in range(5)])) == [
            125, 94, 63, 32, 1,
        ]  # fmt: skip


def used(folder: Path) -> int:
    """What the log takes of the disk, in bytes, but for what is on its way to take a place in it."""
    return sum(path.stat().st_blocks * 512 for path in (folder / "log").glob("*.jsonl"))


async def test_more_than_is_removed_at_once_is_removed(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, *["word"] * (CHAT_FORGET_MESSAGES + 3))
        say(history, "word", room="#quiet")
    async with opened(tmp_path, keep=2) as history:
        assert (history.counts("#ops")[0], history.counts("#quiet")[0]) == (2, 1)
        await eventually(lambda: len(index_rows(tmp_path, "SELECT number FROM messages")) == 3)
    async with opened(tmp_path) as history:
        assert (history.counts("#ops")[0], history.counts("#quiet")[0]) == (2, 1)
        assert len(await history.search("word", rooms=["#ops", "#quiet"])) == 3


async def test_what_is_too_old_goes_and_numbers_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_log, "CHAT_SEGMENT_BYTES", 1)
    async with opened(tmp_path) as history:
        for number in (1, 2, 3):
            history.append([said(number, "old", at=time.time_ns() - 86_401 * 10**9)])
    async with opened(tmp_path, days=1) as history:
        assert await history.search("old", rooms=["#ops"]) == []
        assert history.last == 3
        await eventually(lambda: segments(tmp_path) == ["00000004.jsonl"])
        assert history.counts("#ops") == (0, 3)
        say(history, "new")
    _delete(tmp_path)
    async with opened(tmp_path, days=1 / 10**9) as history:
        await eventually(lambda: segments(tmp_path) == ["00000005.jsonl"])
    (tmp_path / "log" / "00000005.jsonl").write_text('{"first":5}\n')
    for _ in range(2):
        async with opened(tmp_path) as history:
            assert history.last == 4
            assert await history.search("new", rooms=["#ops"]) == []
        _delete(tmp_path)


async def test_rooms_are_let_go_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_recent, "CHAT_AT_HAND_BYTES", 20 * CHAT_MESSAGE_BYTES)
    async with opened(tmp_path) as history:
        for place in range(100):
            say(history, f"word {place}", room=f"#r{place % 10}")
            if place % 7 == 0:
                await history.search("nothing", rooms=["#r1"])  # the index has all of it
        for room in range(10):
            expected = [*range(room + 1, 101, 10)]
            assert numbers(history.recent(f"#r{room}", 100)) == expected
            assert history.counts(f"#r{room}") == (10, expected[-1])


async def test_a_thousand_rooms_change_at_little_cost(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        for change in range(3):
            for room in range(1000):
                history.keep(RoomState(name=f"#r{room}", created=THEN, topic=Topic(f"{change}" * 300, "ann", THEN)))
        size = (tmp_path / "rooms.jsonl").stat().st_size
        history.keep(history.rooms["#r1"])
        assert (tmp_path / "rooms.jsonl").stat().st_size == size
        expected = dict(history.rooms)
    async with opened(tmp_path) as history:
        assert history.rooms == expected


# ── ends ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_cancelled_search_leaves_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, *["word"] * 1000)
        for delay in (0, 0.001, 0.01):
            searching = asyncio.ensure_future(history.search("word", rooms=["#ops"]))  # noqa: TID251
            await asyncio.sleep(delay)
            searching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await searching
        assert len(await history.search("word", rooms=["#ops"])) == 50


async def test_closing_waits_for_those_who_read(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, *["word"] * 1000)
        reading = [asyncio.ensure_future(history.search("word", rooms=["#ops"])) for _ in range(5)]  # noqa: TID251
        await asyncio.sleep(0)
        await history.aclose()
        for found in await asyncio.gather(*reading, return_exceptions=True):
            assert isinstance(found, OSError) or (isinstance(found, list) and len(found) == 50)


async def test_a_closed_one_takes_and_gives_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, "one")
        await history.aclose()
        with pytest.raises(OSError, match="Bad file descriptor"):
            say(history, "two")
        with pytest.raises(OSError, match="Bad file descriptor"):
            history.keep(RoomState(name="#ops", created=THEN))
        with pytest.raises(OSError, match="Operation canceled"):
            await history.search("one", rooms=["#ops"])
        assert history.last == 1
        assert not [thread for thread in threading.enumerate() if thread.name == "tincans-rooms"]


async def test_closing_that_is_cancelled_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as history:
        say(history, *["word"] * 1000)
        closing = asyncio.ensure_future(history.aclose())  # noqa: TID251
        await asyncio.sleep(0)
        closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        await history.aclose()
        async with opened(tmp_path) as again:
            assert again.last == 1000
