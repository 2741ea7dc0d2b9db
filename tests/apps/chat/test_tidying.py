"""The files of a hub go with the last message that names them, and no sooner, whatever else happens meanwhile."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest

from chatting import hub_process
from remembering import THEN, eventually, said, say
from running import start
from tincans import databases
from tincans.apps.chat import history as chat_history
from tincans.apps.chat import tidying as chat_tidying
from tincans.apps.chat.events import File, RoomState, Topic
from tincans.apps.chat.files import Shelf
from tincans.apps.chat.history import History, open_history
from tincans.apps.chat.history import folder as history_folder
from tincans.apps.chat.history import forget as history_forget
from tincans.apps.chat.history.folder import FolderHistory
from tincans.apps.chat.history.index import Index, remove_index
from tincans.apps.chat.history.search import indexed
from tincans.apps.chat.tidying import Tidying
from tincans.limits import CHAT_UNNAMED_LOOK_SECONDS, CHAT_UNNAMED_SECONDS
from tincans.tasks import spawn


class Place:
    """A history and the files of its rooms, and what tidies them."""

    def __init__(self, history: History, shelf: Shelf, folder: Path) -> None:
        self.history, self.shelf, self.folder = history, shelf, folder
        self.tidying, self._now = Tidying(shelf, history), 0.0

    async def put(self, data: bytes = b"pears") -> File:
        arrival = await self.shelf.begin("a.txt", len(data))
        with arrival.whole():
            arrival.write(data)
            return arrival.keep()

    async def tell(self, file: File, room: str = "#ops") -> None:
        """Say it as a hub does."""
        number = self.history.last + 1
        text = f"{file.name} (5 bytes) http://hub:7767{file.url}"
        self.history.append([said(number, text, room=room, kind="file", file=file)])

    async def forget(self, room: str = "#ops", keep: int = 2) -> None:
        """Say so much in a room that nothing of before is kept."""
        say(self.history, *["more"] * keep, room=room)
        history = self.history
        if isinstance(history, FolderHistory):
            await eventually(lambda: history._recent.counts[room][0] - history._follower.removed.get(room, 0) <= keep)

    async def tidy(self, *, all_of_them: bool = False) -> None:
        self._now += CHAT_UNNAMED_LOOK_SECONDS if all_of_them else 0
        await self.tidying.round(self._now)

    async def has(self, file: File) -> bool:
        """Whether its link is of use."""
        try:
            (await self.shelf.open(unquote(file.url).removeprefix("/files"))).close()
        except FileNotFoundError:
            return False
        return True

    def age(self, file: File, seconds: float) -> None:
        """Let it have appeared so long ago."""
        then = time.time() - seconds
        os.utime(self.folder / file.url.split("/")[2], (then, then))


@asynccontextmanager
async def opened(rooms: Path, **bounds: int) -> AsyncIterator[Place]:
    history = open_history(str(rooms), keep=bounds.pop("keep", 2))
    shelf = Shelf(rooms / "files", **bounds)
    try:
        yield Place(history, shelf, rooms / "files")
    finally:
        shelf.close()
        await history.aclose()


@pytest.fixture(params=["folder", "memory"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """Of each room two messages are kept."""
    history = open_history("memory:" if request.param == "memory" else str(tmp_path / "rooms"), keep=2)
    shelf = Shelf(tmp_path / "files")
    yield Place(history, shelf, tmp_path / "files")
    shelf.close()
    await history.aclose()


async def test_a_file_goes_with_the_last_message_that_names_it(place: Place) -> None:
    file, other = await place.put(), await place.put(b"plums!")
    await place.tell(file)
    await place.tell(other)
    say(place.history, f"look at http://hub{file.url} and", room="#other")
    await place.tidy()
    assert await place.has(file)
    assert await place.has(other)
    await place.forget("#ops")
    await place.tidy()
    assert await place.has(file)
    assert not await place.has(other)
    assert place.shelf.size == 5
    await place.forget("#other")
    await place.tidy()
    assert not await place.has(file)
    assert place.shelf.size == 0
    assert list(place.folder.iterdir()) == []


@pytest.mark.parametrize("text", ["http://hub/files/{}/a.txt", "x?u=hub%2Ffiles%2F{}%2Fa.txt", "/FILES/{}/a.txt", "{}"])
async def test_whatever_names_it_keeps_it(tmp_path: Path, text: str) -> None:
    async with opened(tmp_path) as place:
        file = await place.put()
        await place.tell(file)
        identity = file.url.split("/")[2]
        say(place.history, f"東京{text.format(identity.upper())}，", room="#other")
        say(place.history, f"{text.format(identity)}!", room="#third")
        await place.forget()
        await place.tidy()
        assert await place.has(file)


async def test_a_topic_keeps_it(place: Place) -> None:
    file = await place.put()
    await place.tell(file)
    place.history.keep(RoomState(name="#x", created=THEN, topic=Topic(f"http://hub{file.url}", "ann", THEN)))
    await place.forget()
    place.age(file, CHAT_UNNAMED_SECONDS + 60)
    await place.tidy(all_of_them=True)
    assert await place.has(file)
    place.history.keep(RoomState(name="#x", created=THEN))
    await place.tidy()
    assert await place.has(file)
    await place.tidy(all_of_them=True)
    assert not await place.has(file)


async def test_a_file_that_nobody_was_told_of_has_a_day(place: Place) -> None:
    young, old, told = [await place.put() for _ in range(3)]
    await place.tell(told)
    place.age(young, CHAT_UNNAMED_SECONDS - 60)
    for file in (old, told):
        place.age(file, CHAT_UNNAMED_SECONDS + 60)
    await place.tidy()
    assert [await place.has(file) for file in (young, old, told)] == [True, False, True]
    place.age(young, CHAT_UNNAMED_SECONDS + 1)
    await place.tidy()  # it is not time to look at all again
    assert await place.has(young)
    await place.tidy(all_of_them=True)
    assert [await place.has(file) for file in (young, told)] == [False, True]


async def test_a_file_that_arrives_for_long_is_let_be(place: Place) -> None:
    arrival = await place.shelf.begin("a.txt", None)
    arrival.write(b"pe")
    (folder,) = place.folder.iterdir()
    os.utime(folder, (1, 1))
    await place.tidy(all_of_them=True)
    arrival.write(b"ars")
    file = arrival.keep()
    assert await place.has(file)
    assert place.shelf.size == 5


async def test_there_is_room_again(tmp_path: Path) -> None:
    async with opened(tmp_path, most=10) as place:
        file = await place.put(b"x" * 10)
        await place.tell(file)
        await place.forget()
        await place.tidy()
        assert await place.has(await place.put(b"x" * 10))


async def test_more_than_are_looked_at_at_once_go(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_tidying, "CHAT_FORGET_MESSAGES", 3)
    files = [await place.put() for _ in range(7)]
    for file in files:
        await place.tell(file)
    await place.forget()
    await place.tidy()
    assert list(place.folder.iterdir()) == []
    assert place.shelf.size == 0


@pytest.mark.parametrize("module", [chat_history, history_forget])
async def test_of_more_than_are_noted_the_rest_goes_later(
    tmp_path: Path, module: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHAT_FORGOTTEN_FILES", 3)
    where = "memory:" if module is chat_history else str(tmp_path / "rooms")
    place = Place(open_history(where, keep=2), Shelf(tmp_path / "files"), tmp_path / "files")
    try:
        await place.tidy()
        files = [await place.put() for _ in range(4)]
        for file in files:
            await place.tell(file)
        await place.forget()
        await place.tidy()
        assert [await place.has(file) for file in files] == [True, False, False, False]
        place.age(files[0], CHAT_UNNAMED_SECONDS + 60)
        await place.tidy(all_of_them=True)
        assert not await place.has(files[0])
    finally:
        place.shelf.close()
        await place.history.aclose()


async def test_who_names_it_while_it_is_looked_for_is_heard(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file, other = await place.put(), await place.put()
    await place.tell(file)
    await place.tell(other)
    await place.forget()
    look = place.history.unnamed

    async def unnamed(files: Collection[str]) -> set[str]:
        found = await look(files)
        if await place.has(file):  # between the look and its hiding
            say(place.history, f"wait: http://hub{file.url}")
        return found

    monkeypatch.setattr(place.history, "unnamed", unnamed)
    await place.tidy()
    assert await place.has(file)
    assert not await place.has(other)
    assert place.shelf.size == 5


# ── what is not known ─────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_goes_while_the_index_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_folder, "CHAT_WORDS_SECONDS", 0.01)
    async with opened(tmp_path) as place:
        file = await place.put()
        await place.tell(file)
        [message] = place.history.recent("#ops", 1)
    index = Index(tmp_path / "index.sqlite3")
    index.execute("INSERT INTO words (words, rowid, text) VALUES ('delete', 1, ?)", (indexed(message, 1),))
    index.execute("UPDATE progress SET wordless = 1")
    index.execute("BEGIN IMMEDIATE")  # nobody else writes
    try:
        async with opened(tmp_path) as place:
            place.age(file, CHAT_UNNAMED_SECONDS + 60)
            await place.tidy(all_of_them=True)
            assert await place.has(file)
            index.execute("ROLLBACK")
            await eventually(lambda: not place.history._follower.wordless)  # type: ignore[attr-defined]
            await place.tidy(all_of_them=True)
            assert await place.has(file)
    finally:
        index.close()


async def test_nothing_goes_where_the_index_is_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "JOURNAL_BUSY_SECONDS", 0.01)
    async with opened(tmp_path) as place:
        file = await place.put()
        place.age(file, CHAT_UNNAMED_SECONDS + 60)
        index = Index(tmp_path / "index.sqlite3")
        try:
            index.execute("BEGIN IMMEDIATE")
            await place.tell(file)
            with pytest.raises(OSError, match="does not have all messages"):
                await place.tidy()
            assert await place.has(file)
        finally:
            index.close()
        await place.tidy(all_of_them=True)
        assert await place.has(file)


async def test_nothing_goes_where_the_index_was_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        file = await place.put()
        await place.tell(file)
        place.age(file, CHAT_UNNAMED_SECONDS + 60)
        assert isinstance(place.history, FolderHistory)
        with place.history._readers.lent():  # so the next is a new connection
            remove_index(tmp_path / "index.sqlite3")
            with pytest.raises(OSError, match="does not have all messages"):
                await place.tidy()
        assert await place.has(file)


async def test_what_cannot_be_looked_for_again_is_shown_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = await place.put()
    place.age(file, CHAT_UNNAMED_SECONDS + 60)
    look = place.history.unnamed

    async def unnamed(files: Collection[str]) -> set[str]:
        if not await place.has(file):
            raise OSError(5, "Input/output error")
        return await look(files)

    monkeypatch.setattr(place.history, "unnamed", unnamed)
    with pytest.raises(OSError, match="Input/output error"):
        await place.tidy()
    assert await place.has(file)


# ── kills ─────────────────────────────────────────────────────────────────────────────────────────────────

_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from test_tidying import opened

async def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with opened(Path(sys.argv[1]), keep=1) as place:
        file = await place.put()
        await place.tell(file)
        print(file.url, flush=True)
        await place.forget(keep=1)
        if sys.argv[2] == "hidden":
            place.shelf.remove = die
            await place.tidy()
        await die()

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["forgotten", "hidden"])
async def test_a_killed_hub_leaves_nothing_for_ever_and_no_file_hidden(tmp_path: Path, when: str) -> None:
    rooms, script = tmp_path / "rooms", tmp_path / "killed.py"
    script.write_text(_KILLED)
    here = Path(__file__).parent
    with start([sys.executable, str(script), str(rooms), when, str(here), str(here.parents[1])]) as program:
        program.wait(-signal.SIGKILL)
        file = File("a.txt", 5, "text/plain", program.out.decode().strip())
    [folder] = (rooms / "files").iterdir()
    assert folder.name.startswith(".") == (when == "hidden")
    async with opened(rooms) as place:
        assert await place.has(file)
        assert place.shelf.size == 5
        await place.tidy()
        assert await place.has(file)  # it is young, and the messages before are not known any more
        place.age(file, CHAT_UNNAMED_SECONDS + 60)
        await place.tidy(all_of_them=True)
        assert not await place.has(file)
        assert list((rooms / "files").iterdir()) == []


async def test_a_hub_tidies_when_it_starts(tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        file, told = await place.put(), await place.put()
        await place.tell(told)
        for each in (file, told):
            place.age(each, CHAT_UNNAMED_SECONDS + 60)
    with hub_process(str(tmp_path)):
        await eventually(lambda: len([*(tmp_path / "files").iterdir()]) == 1)
    async with opened(tmp_path) as place:
        assert [await place.has(each) for each in (file, told)] == [False, True]


async def test_a_hub_goes_on_where_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chat_tidying, "CHAT_TIDY_SECONDS", 0.001)
    async with opened(tmp_path) as place:
        file = await place.put()
        await place.tell(file)
        broken = place.folder.rename(tmp_path / "elsewhere")
        place.folder.touch()
        tidying = spawn(place.tidying.run())
        try:
            await place.forget()
            await eventually(lambda: any("files that nothing names stay" in each.message for each in caplog.records))
            place.folder.unlink()
            broken.rename(place.folder)
            await place.tell(other := await place.put())
            await place.forget()
            await eventually(lambda: not (place.folder / other.url.split("/")[2]).exists())
        finally:
            tidying.cancel()
