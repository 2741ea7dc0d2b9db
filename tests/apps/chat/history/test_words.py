"""An index that is made anew is of use at once, and has its words behind: what a kill leaves goes on."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from remembering import eventually, numbers, said, say
from running import start
from tincans.apps.chat.history import folder as history_folder
from tincans.apps.chat.history import follow as history_follow
from tincans.apps.chat.history import words as history_words
from tincans.apps.chat.history.folder import FolderHistory
from tincans.apps.chat.history.follow import Follower
from tincans.apps.chat.history.index import Index, open_index, remove_index
from tincans.apps.chat.history.log import End, Log
from tincans.apps.chat.history.search import parse
from tincans.apps.chat.history.words import Words
from tincans.limits import CHAT_RECENT_MESSAGES, CHAT_WORDS_MESSAGES

COUNT = CHAT_RECENT_MESSAGES + 200


@contextlib.asynccontextmanager
async def opened(folder: Path, *, keep: int = 0) -> AsyncIterator[FolderHistory]:
    history = FolderHistory.open(folder, keep=keep)
    try:
        yield history
    finally:
        await history.aclose()


@contextlib.contextmanager
def bare(folder: Path, at_once: int = 0) -> Iterator[tuple[Log, Index, int]]:
    """The log and the index of a history that lost its index, as they are when it opens; and up to which number there
    are no words."""
    remove_index(folder / "index.sqlite3")
    log = Log(folder / "log")
    index = open_index(folder / "index.sqlite3", _identity(folder), log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_follow, "CHAT_WORDS_AT_ONCE", at_once)
        follower = Follower(log, index, End(0, 0, 0))
        follower.catch_up()
    try:
        yield log, index, follower.wordless
    finally:
        index.close()
        log.close()


def _identity(folder: Path) -> str:
    _, _, identity = (folder / "history.json").read_text().rpartition('"id":"')
    return identity.rstrip('"}')


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Nothing is written to the index while the block runs."""
    database = sqlite3.connect(folder / "index.sqlite3", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        database.execute("ROLLBACK")
        database.close()


async def kept(folder: Path, count: int = COUNT) -> None:
    """Keep messages, and one in a quiet room before them."""
    async with opened(folder) as history:
        say(history, "quiet word", room="#quiet")
        say(history, *(f"word {place}" for place in range(count - 1)))


def found(index: Index, text: str) -> int:
    return len(index.search(parse(text), ["#ops", "#quiet"], 0, 10**6))


@pytest.mark.parametrize(("at_once", "wordless"), [(COUNT, 0), (COUNT - 1, COUNT)])
async def test_so_many_get_their_words_at_once(tmp_path: Path, at_once: int, wordless: int) -> None:
    await kept(tmp_path)
    with bare(tmp_path, at_once) as (_, index, without):
        assert (without, index.wordless()) == (wordless, wordless)
        assert found(index, "word") == COUNT - wordless


async def test_the_newest_get_their_words_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_words, "CHAT_WORDS_MESSAGES", 300)
    await kept(tmp_path)
    with bare(tmp_path) as (log, index, _):
        words = Words(log, index)
        for left in (COUNT - 300, COUNT - 600, 0):
            assert words.some()
            assert words.wordless == index.wordless() == left
            assert found(index, "word") == COUNT - left
            assert numbers(log.read(index.search(parse("word"), ["#ops"], 0, 1))) == [COUNT]
        assert not words.some()
        index.execute("INSERT INTO words (words) VALUES ('integrity-check')")


async def test_what_a_kill_left_without_words_goes_on_without(tmp_path: Path) -> None:
    """Killed before all messages were taken in, it does not begin to give words to the rest."""
    await kept(tmp_path)
    with bare(tmp_path) as (log, index, _):
        log.append([said(COUNT + 1, "word")])
        follower = Follower(log, index, index.progress(_identity(tmp_path)) or End(0, 0, 0))
        follower.catch_up()
        assert follower.wordless == index.wordless() == COUNT + 1
        assert Words(log, index).some()
        log.append([said(COUNT + 2, "word")])
        follower = Follower(log, index, index.progress(_identity(tmp_path)) or End(0, 0, 0))
        follower.catch_up()
        assert follower.wordless == COUNT + 1 - CHAT_WORDS_MESSAGES
        assert found(index, "word") == CHAT_WORDS_MESSAGES + 1


async def test_all_but_a_search_is_as_ever_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_folder, "CHAT_WORDS_SECONDS", 0.01)
    await kept(tmp_path)
    with bare(tmp_path):
        pass
    with held(tmp_path):
        async with opened(tmp_path) as history:
            assert history.counts("#ops") == (COUNT - 1, COUNT)
            assert history.counts("#quiet") == (1, 1)
            assert numbers(history.recent("#ops", 10**6)) == [*range(COUNT - CHAT_RECENT_MESSAGES + 1, COUNT + 1)]
            assert numbers(history.recent("#quiet", 10)) == [1]
            assert numbers(await history.read("#ops", before=10, limit=3)) == [7, 8, 9]
            assert await history.number("#ops", at=history.recent("#ops", 1)[0].at - COUNT + 4) == 3
            assert await history.number("#ops", msgid="id5") == 5
            assert await history.number("#ops", msgid="id1") == await history.number("#ops", msgid='i"d') == 0
            assert await history.unsearched() == COUNT
            assert await history.search("word", rooms=["#ops"]) == []
            say(history, "word and more")
            assert numbers(history.recent("#ops", 1)) == [COUNT + 1]
    async with opened(tmp_path) as history:
        await eventually(lambda: not history._follower.wordless)
        assert await history.unsearched() == 0
        assert len(await history.search("word", rooms=["#ops", "#quiet"], limit=10**6)) == COUNT + 1


async def test_an_id_is_found_in_all_parts_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tincans.apps.chat.history import log as history_log

    monkeypatch.setattr(history_log, "CHAT_SEGMENT_BYTES", 2000)
    monkeypatch.setattr(history_log, "CHAT_PIECE_BYTES", 500)
    async with opened(tmp_path) as history:
        for place in range(60):
            say(history, f'"id":"id{place}"', room=f"#r{place % 2}")
        segments = sorted(history._log.segments)
        assert len(segments) > 3
        for number in (1, 2, 30, 60):
            assert numbers(history._log.named(f"id{number}")) == [number]
        assert history._log.named("id61") == []
        history._log.path(segments[1]).unlink()
        left = {number for number in range(1, 61) if history._log.named(f"id{number}")}
        assert 60 - len(left) in range(10, 30)


async def test_nothing_is_forgotten_before_it_has_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no words cannot be taken out of them."""
    monkeypatch.setattr(history_words, "CHAT_WORDS_MESSAGES", 50)
    monkeypatch.setattr(history_follow, "CHAT_WORDS_AT_ONCE", 10)
    await kept(tmp_path)
    remove_index(tmp_path / "index.sqlite3")
    async with opened(tmp_path, keep=20) as history:
        assert history.counts("#ops") == (20, COUNT)
        await eventually(lambda: not history._follower.wordless and history._follower.removed == {"#ops": COUNT - 21})
        assert numbers(await history.search("word", rooms=["#ops"], limit=10**6)) == [*range(COUNT, COUNT - 20, -1)]
    index = Index(tmp_path / "index.sqlite3")
    try:
        index.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        assert len(index.rows("SELECT rowid FROM words WHERE words MATCH 'word'")) == 21
    finally:
        index.close()


_REINDEX = """
import os, signal, sys, time
from pathlib import Path
from tincans.apps.chat.history import follow, words
follow.CHAT_WORDS_AT_ONCE, words.CHAT_WORDS_MESSAGES = 0, 20
from tincans.apps.chat.history.folder import FolderHistory
history = FolderHistory.open(Path(sys.argv[1]))
begun = history._follower.wordless
while history._follower.wordless > begun - 7000:
    time.sleep(0.001)
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_a_killed_process_goes_on_where_it_was(tmp_path: Path) -> None:
    count = 20_000
    folder, script = tmp_path / "rooms", tmp_path / "reindex.py"
    script.write_text(_REINDEX)
    await kept(folder, count)
    remove_index(folder / "index.sqlite3")
    lefts = [count]
    while lefts[-1] >= 7000:
        with start([sys.executable, str(script), str(folder)]) as program:
            program.wait(-signal.SIGKILL)
        index = Index(folder / "index.sqlite3")
        try:
            lefts.append(index.wordless())
            assert found(index, "word") == count - lefts[-1]
        finally:
            index.close()
    assert len(lefts) > 2
    assert lefts == sorted(lefts, reverse=True)
    async with opened(folder) as history:
        await eventually(lambda: not history._follower.wordless)
        assert len(await history.search("word", rooms=["#ops", "#quiet"], limit=10**6)) == count
