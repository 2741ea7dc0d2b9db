"""What a history keeps and finds: one suite for the one in a folder and the one in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remembering import THEN, numbers, said, say
from tincans.apps.chat import history as kept
from tincans.apps.chat.events import File, Mask, RoomState, Topic
from tincans.apps.chat.history import History, MemoryHistory, open_history, weight
from tincans.apps.chat.history.folder import FolderHistory
from tincans.folders import rooms_folder
from tincans.limits import CHAT_RECENT_MESSAGES, CHAT_SEARCH_CHARACTERS, CHAT_SEARCH_WORDS

Open = Callable[..., History]


@pytest.fixture(params=["folder", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens one, of either sort."""
    return lambda **bounds: open_history("memory:" if request.param == "memory" else str(tmp_path / "rooms"), **bounds)


@pytest.fixture
async def history(opened: Open) -> AsyncIterator[History]:
    history = opened()
    yield history
    await history.aclose()


async def test_a_new_one_has_nothing(history: History) -> None:
    assert history.last == 0
    assert history.rooms == {}
    assert history.recent("#ops", 10) == []
    assert history.counts("#ops") == (0, 0)
    assert await history.read("#ops") == []
    assert await history.search("word", rooms=["#ops"]) == []
    assert await history.number("#ops", msgid="id1") == await history.number("#ops", at=THEN) == 0


async def test_what_is_appended_is_recent_as_it_was(history: History) -> None:
    messages = [
        said(1, "two\nlines", room="#Ops"),
        said(2, "waves", kind="act", nick="Bob"),
        said(3, "a.png", kind="file", file=File("a.png", 5, "image/png", "/files/1/a.png")),
        said(4, "\x00 \U0001f600 \ue000 é " + "x" * 16_000),
    ]
    history.append(messages)
    assert history.recent("#ops", 10) == await history.read("#ops") == messages
    assert history.recent("#OPS", 2) == messages[2:]
    assert history.recent("#ops", 0) == []
    assert history.counts("#ops") == (4, 4)
    assert history.last == 4


async def test_rooms_are_apart_and_numbers_are_of_all(history: History) -> None:
    say(history, "one", room="#a")
    say(history, "two", "three", room="#b")
    say(history, "four", room="#A")
    assert numbers(history.recent("#a", 10)) == [1, 4]
    assert numbers(history.recent("#b", 10)) == [2, 3]
    assert (history.counts("#a"), history.counts("#b"), history.last) == ((2, 4), (2, 3), 4)


@pytest.mark.parametrize("first", [1, 3])
async def test_a_number_that_does_not_follow_is_refused(history: History, first: int) -> None:
    say(history, "one")
    with pytest.raises(ValueError, match="is not the one behind"):
        history.append([said(first)])
    with pytest.raises(ValueError, match="is not the one behind"):
        history.append([said(2), said(4)])
    assert history.last == 1
    say(history, "two")
    assert numbers(await history.read("#ops")) == [1, 2]


async def test_nothing_may_be_appended(history: History) -> None:
    history.append([])
    assert history.last == 0


async def test_reading_goes_both_ways(history: History) -> None:
    say(history, *map(str, range(1, 11)))
    assert numbers(await history.read("#ops", limit=3)) == [8, 9, 10]
    assert numbers(await history.read("#ops", before=8, limit=3)) == [5, 6, 7]
    assert numbers(await history.read("#ops", after=2, limit=3)) == [3, 4, 5]
    assert numbers(await history.read("#ops", after=2, before=8, limit=3)) == [5, 6, 7]
    assert numbers(await history.read("#ops", after=10)) == []
    assert numbers(await history.read("#ops", limit=0)) == []


async def test_all_that_is_at_hand_is_given_at_once(history: History) -> None:
    say(history, *map(str, range(CHAT_RECENT_MESSAGES + 1)))
    assert numbers(history.recent("#ops", 10**6)) == [*range(2, CHAT_RECENT_MESSAGES + 2)]


async def test_a_message_is_found_by_its_id_and_by_time(history: History) -> None:
    say(history, "one", room="#a")
    say(history, "two", "three")
    assert await history.number("#ops", msgid="id3") == 3
    assert await history.number("#ops", msgid="id1") == 0  # it is of another room
    assert await history.number("#ops", msgid="ID3") == 0
    assert [await history.number("#ops", at=THEN + at) for at in range(2, 6)] == [0, 2, 3, 3]


async def test_rooms_are_kept(history: History) -> None:
    topic = Topic("all about it", "ann", THEN)
    state = RoomState(name="#Ops", created=THEN, topic=topic, masks={"b": (Mask("*!*@bad", "ann", THEN),)}, limit=3)
    history.keep(RoomState(name="#ops", created=THEN))
    history.keep(state)
    assert history.rooms == {"#ops": state}


# ── search ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("deploy", [3, 2, 1]),
        ("DEPLOY done", [3, 1]),
        ("done deploy", [3, 1]),
        ('"deploy done"', [1]),
        ('"deploy done', [1]),
        ("dep*", [3, 2, 1]),
        ('d* "of it"', [2]),
        ("deplo", []),
        ("from:bob", [3]),
        ("FROM:BOB deploy", [3]),
        ("from:ann dep* done", [1]),
        ("from:bo", []),
        ("uber", [2]),
        ("über", [2]),
        ("well-known", [3]),
        ("known-well", []),
        ("wel*", [3]),
        ("a OR deploy", []),
        ("NOT deploy", []),
        ("text:deploy", []),
        ("", []),
        ("  ", []),
        ('""', []),
        ("*", []),
        ("!? … (", []),
        ("deploy ! (", [3, 2, 1]),
        ("東京", [4]),
        ("京東", []),
        ("京都", []),
        ("#ops", []),
        ("\ue000r1", []),
    ],
)
async def test_search(history: History, text: str, found: list[int]) -> None:
    say(history, "Deploy done")
    say(history, "DEPLOY Über all, parts of it")
    say(history, "done (deploy), as is well-known", nick="Bob")
    say(history, "私は東京に住んでいます")
    assert numbers(await history.search(text, rooms=["#OPS"])) == found


async def test_search_keeps_to_the_rooms_that_it_is_given(history: History) -> None:
    for place in range(60):
        say(history, f"word {place}", room=f"#r{place % 40}")
    assert numbers(await history.search("word", rooms=["#r1"])) == [42, 2]
    assert numbers(await history.search("word", rooms=["#r1", "#R2", "#none"])) == [43, 42, 3, 2]
    assert numbers(await history.search("word", rooms=[])) == []
    assert numbers(await history.search("word", rooms=["#none"])) == []
    assert len(await history.search("word", rooms=[f"#r{place}" for place in range(20)], limit=100)) == 40
    assert len(await history.search("word", rooms=[f"#r{place}" for place in range(39)], limit=100)) == 59
    assert len(await history.search("word", rooms=[f"#r{place}" for place in range(40)], limit=100)) == 60


async def test_search_goes_on_where_it_stopped(history: History) -> None:
    say(history, *["same"] * 5)
    assert numbers(await history.search("same", rooms=["#ops"], limit=2)) == [5, 4]
    assert numbers(await history.search("same", rooms=["#ops"], before=4, limit=2)) == [3, 2]
    assert numbers(await history.search("same", rooms=["#ops"], before=1)) == []


async def test_nobody_can_say_what_marks_another_room_or_nick(history: History) -> None:
    say(history, "secret", room="#private")
    say(history, "\ue000r1 secret \ue000n626f62 \ue000iid1", room="#ops")
    assert numbers(await history.search("secret", rooms=["#private"])) == [1]
    assert numbers(await history.search("from:bob", rooms=["#ops", "#private"])) == []
    assert await history.number("#ops", msgid="id1") == 0


async def test_more_words_than_are_heeded_find_what_has_the_first(history: History) -> None:
    words = [f"w{place}" for place in range(CHAT_SEARCH_WORDS)]
    say(history, " ".join(words))
    assert numbers(await history.search(" ".join([*words[1:], "missing"]), rooms=["#ops"])) == []
    assert numbers(await history.search(" ".join([*words, "missing"]), rooms=["#ops"])) == [1]
    long = "x" * CHAT_SEARCH_CHARACTERS
    say(history, long)
    assert numbers(await history.search(f"{long}y", rooms=["#ops"])) == [2]
    assert numbers(await history.search(f"{long[1:]}y", rooms=["#ops"])) == []


# ── bounds ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_keep_is_how_many_of_each_room(opened: Open) -> None:
    history = opened(keep=3)
    try:
        say(history, *["word"] * 5)
        say(history, "word", room="#quiet")
        await _settled(history, 4)
        assert numbers(history.recent("#ops", 10)) == numbers(await history.read("#ops")) == [3, 4, 5]
        assert numbers(await history.search("word", rooms=["#ops", "#quiet"])) == [6, 5, 4, 3]
        assert await history.number("#ops", msgid="id2") == 0
        assert (history.counts("#ops"), history.counts("#quiet")) == ((3, 5), (1, 6))
    finally:
        await history.aclose()


async def _settled(history: History, left: int) -> None:
    """Wait until what is too much was removed."""
    while len(await history.search("word", rooms=["#ops", "#quiet"])) != left:
        await asyncio.sleep(0.005)


async def test_days_is_for_how_long(opened: Open) -> None:
    history = opened(days=1)
    try:
        now = time.time_ns()
        history.append([said(1, "word", at=now - 86_401 * 10**9), said(2, "word", at=now - 86_000 * 10**9)])
        assert numbers(history.recent("#ops", 10)) == numbers(await history.read("#ops")) == [2]
        assert numbers(await history.search("word", rooms=["#ops"])) == [2]
    finally:
        await history.aclose()


async def test_memory_is_bounded_whatever_is_kept_of_each_room(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = MemoryHistory()
    monkeypatch.setattr(kept, "CHAT_AT_HAND_BYTES", sum(weight(said(number)) for number in range(1, 6)))
    say(memory, "line 1", "line 2", "line 3")
    say(memory, "line 4", "line 5", room="#b")
    assert (numbers(memory.recent("#ops", 9)), numbers(memory.recent("#b", 9))) == ([1, 2, 3], [4, 5])
    say(memory, "6", room="#c")
    assert [numbers(memory.recent(room, 9)) for room in ("#ops", "#b", "#c")] == [[3], [5], []]
    say(memory, "7", "8")
    assert [numbers(memory.recent(room, 9)) for room in ("#ops", "#b", "#c")] == [[3, 7, 8], [5], []]


async def test_closing_twice_is_closing_once(history: History) -> None:
    say(history, "one")
    await history.aclose()
    await history.aclose()


def test_the_name_says_where() -> None:
    assert isinstance(open_history("memory:"), MemoryHistory)
    history = open_history("")
    assert isinstance(history, FolderHistory)
    assert history.folder == rooms_folder()
    asyncio.run(history.aclose())


# ── against a model ───────────────────────────────────────────────────────────────────────────────────────

_TEXTS = st.lists(st.sampled_from(["a", "b", "ab", "Ä", "x-y", "c,", "東京"]), min_size=1, max_size=4).map(" ".join)
_SAID = st.lists(st.tuples(st.sampled_from(["#a", "#A", "#b"]), st.sampled_from(["ann", "Bob"]), _TEXTS), max_size=20)
_WORD = st.sampled_from(["a", "b", "ab", "a*", "x-y", "from:ann", "from:bob", '"a b"', '"b a', "東", "京*", "-"])


@settings(max_examples=20)
@given(
    _SAID, st.lists(_WORD, max_size=3).map(" ".join), st.sets(st.sampled_from(["#a", "#b", "#c"])), st.integers(0, 9)
)
async def test_both_find_the_same(tmp_path_factory: pytest.TempPathFactory, spoken: list[tuple[str, str, str]],
                                  text: str, rooms: set[str], bound: int) -> None:  # fmt: skip
    folder, memory = FolderHistory.open(tmp_path_factory.mktemp("rooms")), MemoryHistory()
    try:
        for history in (folder, memory):
            for room, nick, words in spoken:
                say(history, words, room=room, nick=nick)
        for before in (0, bound):
            assert await folder.search(text, rooms=rooms, before=before) == await memory.search(
                text, rooms=rooms, before=before
            )
            assert await folder.read("#a", after=bound, before=before, limit=3) == await memory.read(
                "#a", after=bound, before=before, limit=3
            )
        assert await folder.number("#a", at=THEN + bound) == await memory.number("#a", at=THEN + bound)
    finally:
        await folder.aclose()
