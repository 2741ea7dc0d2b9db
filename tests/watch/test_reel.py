"""A conversation by pages: the same whoever asks for what first, each byte in one item, and only so much is kept."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest

from tincans.channel import Side
from tincans.conversation import Dropped, Entry, How, Kind, Opened, Opening, Said, Tap
from tincans.errors import NoSuchConversation, NoSuchProtocol
from tincans.journal import Bounds, Place, open_journal
from tincans.journal.memory import MemoryJournal
from tincans.limits import CHECKPOINTS, EXACT_PAGES, HEX_BYTES, PAGES_KEPT, STATE_SECONDS
from tincans.tasks import spawn
from tincans.testing.sessions import read
from tincans.watch import reel as module
from tincans.watch.playhead import Pace
from tincans.watch.reel import Reel
from tincans.watch.reels import Reels
from tincans.watch.shapes import Item
from tincans.watch.trouble import Refused

TRANSCRIPTS = sorted((Path(__file__).parent.parent / "protocols" / "transcripts").glob("*/*.tin"))
PLACE: dict[str, Any] = {"conversation": 1, "at": 1_790_000_000_000_000_000}
OPENED = Opened(**PLACE, kind=Kind.LISTEN, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:7")
OPENING = Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:7")


@pytest.fixture
def reels() -> Iterator[Reels]:
    reels = Reels()
    yield reels
    reels.close()


@pytest.fixture
async def journal() -> AsyncIterator[MemoryJournal]:
    journal = MemoryJournal(Bounds(total=2**40))
    yield journal
    await journal.aclose()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pages of few entries, so that what is short has many."""
    size = 4
    monkeypatch.setattr(module, "PAGE_ENTRIES", size)
    monkeypatch.setattr(module, "_STEPS", [4, 2, 1])
    return size


def cut(entries: list[Entry], rng: random.Random) -> Iterator[Entry]:
    """The same, said in smaller pieces where no boundaries are kept."""
    boundaries = False
    for entry in entries:
        if isinstance(entry, Opened):
            boundaries = entry.boundaries
        if not isinstance(entry, Said) or boundaries:
            yield entry
            continue
        at = 0
        while at < len(entry.data):
            size = rng.randint(1, 40)
            yield Said(conversation=entry.conversation, at=entry.at, side=entry.side, data=entry.data[at : at + size])
            at += size


def said(entries: list[Entry], side: Side) -> int:
    told = [entry for entry in entries if isinstance(entry, Said | Dropped) and entry.side is side]
    return sum(len(entry.data) if isinstance(entry, Said) else entry.count for entry in told)


async def all_items(reel: Reel) -> list[Item]:
    await reel.look()
    return [item for number in range(reel.pages) for item in (await reel.page(number, exact=True)).items]


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_pages_are_the_same_whoever_asks_for_what_first(
    path: Path, reels: Reels, journal: MemoryJournal, small: int
) -> None:
    rng = random.Random(path.name)
    entries = list(cut(read(path), rng))
    number = await journal.adopt(entries)
    wanted = await all_items(reels.reel(journal, number))
    for _ in range(3):
        reel = Reel(journal, number, reels.run)
        await reel.look()
        pages: dict[int, list[Item]] = {}
        for page in rng.sample(range(reel.pages), reel.pages):
            if rng.random() < 0.5:
                await reel.page(rng.randrange(reel.pages))
            pages[page] = (await reel.page(page, exact=True)).items
        assert [item for page in sorted(pages) for item in pages[page]] == wanted
    _tiles(wanted, entries)


def _tiles(items: list[Item], entries: list[Entry]) -> None:
    """Every byte is in one item, and no item has an identity twice."""
    for side in Side:
        spans = [(item.start, item.end) for item in items if item.side == side.value and item.end > item.start]
        at = 0
        for start, end in sorted(spans):
            assert start == at
            at = end
        assert at == said(entries, side)
    assert len({item.id for item in items}) == len(items)


async def test_so_they_are_in_the_folder_journal(reels: Reels, tmp_path: Path, small: int) -> None:
    path = next(path for path in TRANSCRIPTS if path.stem == "keep-alive")
    folder = open_journal(tmp_path / "journal")
    try:
        number = await folder.adopt(cut(read(path), random.Random(1)))
        wanted = await all_items(Reel(folder, number, reels.run))
        _tiles(wanted, read(path))
        reel = Reel(folder, number, reels.run)
        await reel.look()
        for page in reversed(range(reel.pages)):
            told = (await reel.page(page, exact=True)).items
            assert told == [item for item in wanted if item.id.startswith(f"{page}.")]
    finally:
        await folder.aclose()


# ── far pages ─────────────────────────────────────────────────────────────────────────────────────────────


def lines(journal: MemoryJournal, count: int, opening: Opening = OPENING) -> Tap:
    """A conversation of so many entries: lines, the client's and the server's in turn."""
    tap = journal.begin(opening)
    for number in range(count - 1):
        tap.said(Side.SERVER if number % 2 else Side.CLIENT, b"line %d\n" % number)
    return tap


async def test_a_far_page_is_decoded_by_itself(reels: Reels, journal: MemoryJournal, small: int) -> None:
    lines(journal, small * 100)
    reel = reels.reel(journal, 1)
    first = await reel.page(0)
    assert (first.exact, first.protocol, first.first, first.entries) == (True, "lines", 0, small)
    assert (first.pages, first.total) == (100, small * 100)
    near, far = await reel.page(1 + EXACT_PAGES), await reel.page(60)
    assert (near.exact, far.exact) == (True, False)
    assert (far.first, far.entries, far.protocol) == (60 * small, small, "lines")
    exact = await reel.page(60, exact=True)
    assert exact.exact
    assert exact.items == far.items
    assert await reel.page(60) == exact
    assert (await reel.page(61)).exact


async def test_pages_behind_a_far_one_go_on_from_it(reels: Reels, journal: MemoryJournal, small: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    tap = journal.begin(OPENING)
    for _ in range(20 * small):
        tap.said(Side.CLIENT, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        tap.said(Side.SERVER, head % 2 + b"ok")
    tap.said(Side.SERVER, head % (9 * small))
    for _ in range(9 * small):
        tap.said(Side.SERVER, b"x")
    reel = reels.reel(journal, 1)
    await reel.look()
    kinds = {page: {item.kind for item in (await reel.page(page)).items} for page in range(39, reel.pages)}
    assert "response" in kinds[39]
    assert all(kinds[page] == {"body"} for page in range(41, 49))
    alone = Reel(journal, 1, reels.run)
    assert {item.kind for item in (await alone.page(45)).items} == {"data"}, "it knows of no head"
    assert (await alone.page(45)).exact is False


@pytest.mark.parametrize(
    ("protocol", "asked", "answered"),
    [
        ("redis", b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
        ("lines:u16", b"\0\x05hello", b"\0\x02ok"),
        ("lines:crlf", b"a\r\n", b"b\r\n"),
        ("http", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("websocket", b"\x81\x82\x01\x01\x01\x01ab", b"\x81\x02ok"),
    ],
)
async def test_a_far_page_of_whole_messages_reads_as_if_all_was_read(
    protocol: str, asked: bytes, answered: bytes, reels: Reels, journal: MemoryJournal, small: int
) -> None:
    tap = journal.begin(OPENING)
    tap.noted("so that turns and pages are even")
    for _ in range(100 * small):
        tap.said(Side.CLIENT, asked)
        tap.said(Side.SERVER, answered)
    reel = reels.reel(journal, 1, protocol)
    far = await reel.page(50)
    assert not far.exact
    assert far.items == (await reel.page(50, exact=True)).items


async def test_it_speaks_what_was_spoken_before(reels: Reels, journal: MemoryJournal, small: int) -> None:
    tap = journal.begin(OPENING)
    tap.said(Side.CLIENT, b"switch redis\n")
    for _ in range(100 * small):
        tap.said(Side.CLIENT, b"*1\r\n$4\r\nPING\r\n")
        tap.said(Side.SERVER, b"+PONG\r\n")
    reel = reels.reel(journal, 1, "secretive:SecretiveSession")
    first, far = await reel.page(0), await reel.page(50)
    assert [item.kind for item in first.items[:3]] == ["opened", "switch", "upgraded"]
    assert (first.protocol, far.protocol, far.exact) == ("redis", "redis", False)
    assert far.items == (await reel.page(50, exact=True)).items


async def test_what_only_its_user_can_name_is_spoken_far_away_too(
    reels: Reels, journal: MemoryJournal, small: int
) -> None:
    tap = journal.begin(OPENING)
    for _ in range(100 * small):
        tap.said(Side.CLIENT, b"login ada secret\n")
    far = await reels.reel(journal, 1, "secretive:SecretiveSession").page(50)
    assert (far.exact, far.protocol) == (False, "secretive")
    assert {item.summary for item in far.items} == {"login ada ******"}
    shown = await reels.reel(journal, 1, "secretive:SecretiveSession", secrets=True).page(50)
    assert {item.summary for item in shown.items} == {"login ada secret"}


async def test_what_cannot_be_copied_is_decoded_all_the_same(reels: Reels, journal: MemoryJournal, small: int) -> None:
    body = brotli.compress(bytes(range(256)) * 20)
    tap = journal.begin(OPENING)
    tap.said(Side.CLIENT, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    tap.said(Side.SERVER, b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: %d\r\n\r\n" % len(body))
    for at in range(0, len(body), 2):
        tap.said(Side.SERVER, body[at : at + 2])
    tap.closed(How.FINISHED)
    wanted = await all_items(reels.reel(journal, 1))
    reel = Reel(journal, 1, reels.run)
    await reel.look()
    assert reel.pages > 2 * EXACT_PAGES
    for page in random.Random(1).sample(range(reel.pages), reel.pages):
        told = (await reel.page(page, exact=True)).items
        assert told == [item for item in wanted if item.id.startswith(f"{page}.")]


# ── as it goes on ─────────────────────────────────────────────────────────────────────────────────────────


async def test_the_last_page_grows_with_the_conversation(reels: Reels, journal: MemoryJournal, small: int) -> None:
    tap = journal.begin(OPENING)
    reel = reels.reel(journal, 1)
    assert [item.kind for item in (await reel.page(0)).items] == ["opened"]
    tap.said(Side.CLIENT, b"one\ntw")
    assert [(item.id, item.kind, item.summary, item.tone) for item in (await reel.page(0)).items[1:]] == [
        ("0.1", "line", "one\\n", "said"),
        ("0.2", "unfinished", "tw (not yet whole)", "faint"),
    ]
    tap.said(Side.CLIENT, b"o\n")
    assert [item.summary for item in (await reel.page(0)).items[1:]] == ["one\\n", "two\\n"]
    tap.said(Side.SERVER, b"thr")
    page = await reel.page(0)
    assert (page.pages, page.total, page.entries) == (1, small, small)
    assert [(item.kind, item.start, item.end) for item in page.items[3:]] == [("unfinished", 0, 3)]
    tap.said(Side.SERVER, b"ee\n")
    assert [item.kind for item in (await reel.page(0)).items] == ["opened", "line", "line"]
    last = await reel.page(1)
    assert (last.pages, last.total, last.entries, last.first) == (2, small + 1, 1, small)
    assert [(item.summary, item.start, item.end) for item in last.items] == [("three\\n", 0, 6)]


async def test_what_was_begun_may_be_a_secret(reels: Reels, journal: MemoryJournal) -> None:
    tap = journal.begin(OPENING)
    tap.said(Side.CLIENT, b"login ada sec")
    hidden = (await reels.reel(journal, 1, "secretive:SecretiveSession").page(0)).items[-1]
    assert (hidden.kind, hidden.summary, hidden.start, hidden.end) == ("unfinished", "(not yet whole)", 0, 13)
    shown = (await reels.reel(journal, 1, "secretive:SecretiveSession", secrets=True).page(0)).items[-1]
    assert shown.summary == "login ada sec (not yet whole)"


async def test_what_is_new_is_decoded_and_nothing_else(
    reels: Reels, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tap = lines(journal, 50)
    reel = reels.reel(journal, 1)
    await reel.page(0)
    asked: list[int] = []
    genuine = module._Tip.read

    def read_on(tip: module._Tip, entries: list[Entry], pace: Pace) -> None:
        asked.append(len(entries))
        genuine(tip, entries, pace)

    monkeypatch.setattr(module._Tip, "read", read_on)
    tap.said(Side.CLIENT, b"more\n")
    assert (await reel.page(0)).items[-1].summary == "more\\n"
    await reel.page(0)
    assert asked == [1]


async def test_who_waits_for_whom(reels: Reels, journal: MemoryJournal, small: int) -> None:
    tap = journal.begin(OPENING)
    reel = reels.reel(journal, 1)
    assert (await reel.state(journal.now())).sentence.startswith("nobody has spoken since it opened")
    tap.said(Side.CLIENT, b"one\n")
    assert "the server has been silent since the client's line `one\\n`" in (await reel.state(journal.now())).sentence
    for _ in range(small * 50):
        tap.said(Side.SERVER, b"two\n")
    far = await Reel(journal, 1, reels.run).state(journal.now())
    assert far.sentence.startswith("judged by its last ")
    assert "the last word was the server's line `two\\n`" in far.sentence
    assert (far.client.said, far.server.said) == (4, 4 * 50 * small)
    tap.closed(How.FINISHED, Side.CLIENT)
    assert "it is over since" in (await reel.state(journal.now() + int(STATE_SECONDS * 1e9))).sentence


async def test_of_one_that_runs_away_the_state_is_a_moment_old(
    reels: Reels, journal: MemoryJournal, small: int
) -> None:
    tap = lines(journal, small)
    reel = reels.reel(journal, 1)
    now = journal.now()
    first = await reel.state(now)
    for _ in range(small * EXACT_PAGES):
        tap.said(Side.SERVER, b"on\n")
    assert (await reel.state(now)).server.said > first.server.said, "so much is read on"
    before = await reel.state(now)
    for _ in range(small * (EXACT_PAGES + 2)):
        tap.said(Side.SERVER, b"on and on\n")
    assert await reel.state(now + int(STATE_SECONDS * 1e9) - 1) == before
    told = await reel.state(now + int(STATE_SECONDS * 1e9))
    assert told.server.said > before.server.said
    assert told.sentence.startswith("judged by its last ")


async def test_whoever_is_cancelled_spoils_nothing(reels: Reels, journal: MemoryJournal, small: int) -> None:
    lines(journal, small * 60)
    wanted = await all_items(Reel(journal, 1, reels.run))
    reel = reels.reel(journal, 1)
    await reel.look()
    for number in range(40):
        task = spawn(reel.page(number, exact=True))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert await all_items(reel) == wanted


async def test_a_journal_that_has_dropped_the_beginning(reels: Reels, small: int) -> None:
    journal = MemoryJournal(Bounds(total=20_000))
    tap = lines(journal, small * 4)
    reel = reels.reel(journal, 1)
    before = await all_items(reel)
    for number in range(100):
        tap.said(Side.CLIENT, b"more %d\n" % number)
    told = await all_items(reel)
    assert told[0].kind == "opened"
    assert {item.kind for item in told[1:3]} == {"dropped"}
    assert told != before
    assert told == await all_items(Reel(journal, 1, reels.run))
    await journal.aclose()


async def test_what_is_not_there(reels: Reels, journal: MemoryJournal) -> None:
    lines(journal, 3)
    with pytest.raises(NoSuchConversation):
        await reels.reel(journal, 9).page(0)
    with pytest.raises(NoSuchProtocol):
        reels.reel(journal, 1, "htp")
    for number in (-1, 1):
        with pytest.raises(Refused, match="there is no page") as caught:
            await reels.reel(journal, 1).page(number)
        assert caught.value.status == 404


# ── bytes ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_bytes_of_a_side(reels: Reels, journal: MemoryJournal, small: int) -> None:
    tap = lines(journal, 20 * small)
    said_ = b"".join(b"line %d\n" % number for number in range(0, 20 * small - 1, 2))
    reel = reels.reel(journal, 1)
    for start, end in ((0, 0), (0, 1), (3, 50), (len(said_) - 1, len(said_)), (0, len(said_)), (40, 10**12)):
        told = await reel.bytes(Side.CLIENT, start, end)
        assert (told.start, bytes.fromhex(told.data), told.hidden, told.missing) == (start, said_[start:end], [], [])
    assert (await reel.bytes(Side.CLIENT, 10**6, 10**6 + 5)).data == ""
    for start, end in ((-1, 5), (5, 4)):
        with pytest.raises(Refused, match="no span"):
            await reel.bytes(Side.CLIENT, start, end)
    tap.said(Side.SERVER, b"\0" * (HEX_BYTES + 1))
    assert len((await reel.bytes(Side.SERVER, 0, HEX_BYTES)).data) == 2 * HEX_BYTES
    assert len((await reel.bytes(Side.SERVER, 0, HEX_BYTES + 1)).data) == 2 * HEX_BYTES


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_secrets_are_zeros_and_told(size: int, reels: Reels, journal: MemoryJournal, small: int) -> None:
    tap = journal.begin(OPENING)
    said_ = b"login ada secret\nlogin bob other\nlogin cy mine"
    for at in range(0, len(said_), size):
        tap.said(Side.CLIENT, said_[at : at + size])
    reel = reels.reel(journal, 1, "secretive:SecretiveSession")
    told = await reel.bytes(Side.CLIENT, 0, 10**6)
    assert bytes.fromhex(told.data) == (
        b"login ada \0\0\0\0\0\0\nlogin bob \0\0\0\0\0\n" + bytes(len(b"login cy mine"))
    ), "what is not whole may be a secret, too"
    assert told.hidden == [(10, 16), (27, 32), (33, 46)]
    part = await reel.bytes(Side.CLIENT, 12, 14)
    assert (part.data, part.hidden) == ("0000", [(12, 14)])
    shown = await reels.reel(journal, 1, "secretive:SecretiveSession", secrets=True).bytes(Side.CLIENT, 0, 10**6)
    assert (bytes.fromhex(shown.data), shown.hidden) == (said_, [])


async def test_what_is_missing_is_told(reels: Reels, journal: MemoryJournal) -> None:
    tap = journal.begin(OPENING)
    tap.said(Side.CLIENT, b"ab\n")
    tap.carried(Side.CLIENT, 5)
    tap.said(Side.CLIENT, b"cd\n")
    told = await reels.reel(journal, 1).bytes(Side.CLIENT, 1, 10)
    assert (bytes.fromhex(told.data), told.missing) == (b"b\n\0\0\0\0\0cd", [(3, 8)])


async def test_bulk_is_read_in_pieces(
    reels: Reels, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(module, "PAGE_READ_BYTES", 2000)
    tap = journal.begin(OPENING)
    for _ in range(20):
        tap.said(Side.SERVER, b"\0" * 1000)
    asked: list[int] = []
    genuine = journal.entries

    async def entries(number: int, place: Place | None, count: int) -> list[Entry]:
        asked.append(count)
        return await genuine(number, place, count)

    wanted = await all_items(Reel(journal, 1, reels.run))
    monkeypatch.setattr(journal, "entries", entries)
    assert await all_items(reels.reel(journal, 1)) == wanted
    assert set(asked) <= {1, 2, small}
    assert 2 in asked
    monkeypatch.setattr(module, "PAGE_READ_BYTES", 1000)
    asked.clear()
    await Reel(journal, 1, reels.run).page(2)
    assert 1 in asked


# ── what is kept ──────────────────────────────────────────────────────────────────────────────────────────


async def test_no_more_is_kept_than_may_be(reels: Reels, journal: MemoryJournal, small: int) -> None:
    lines(journal, small * 200)
    reel = reels.reel(journal, 1)
    for page in range(PAGES_KEPT):
        await reel.page(page)
    assert len(reel._kept) == PAGES_KEPT
    for page in range(PAGES_KEPT, 200):
        await reel.page(page, exact=True)
        assert len(reel._kept) <= PAGES_KEPT
        assert len(reel._exact) <= CHECKPOINTS
    rng = random.Random(1)
    other = Reel(journal, 1, reels.run)
    for _ in range(3 * CHECKPOINTS):
        await other.page(rng.randrange(200))
        assert len(other._provisional) <= CHECKPOINTS
        assert len(other._kept) <= PAGES_KEPT
