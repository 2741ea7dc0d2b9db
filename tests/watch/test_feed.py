"""The events of all conversations: whole for who reads them, and counted, never late, for who does not."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from running import PATIENCE, POLL
from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Entry, How, Kind, Opened, Opening, Said
from tincans.journal import open_journal
from tincans.limits import FEED_BYTES, FEED_CONVERSATIONS, FEED_PIECES
from tincans.tasks import spawn
from tincans.watch.feed import Ears, Funnel, Wanted, events
from tincans.watch.watched import Watched
from visiting import Guest, serving_page

OPENING = Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:50312", server="tcp://127.0.0.1:7")


class Still:
    """A clock that a test holds still."""

    def __init__(self) -> None:
        self.at = 10**9

    def now(self) -> int:
        return self.at


def said(data: bytes = b"x", number: int = 1, side: Side = Side.CLIENT) -> Said:
    return Said(conversation=number, at=7, side=side, data=data)


def opened(number: int) -> Opened:
    return OPENING.opened(number, 5)


async def all_of(funnel: Funnel) -> tuple[list[Entry], int]:
    """What waits, and how much was skipped before it."""
    entries: list[Entry] = []
    skipped = 0
    while funnel.waits:
        for entry, before in await funnel.take():
            entries.append(entry)
            skipped += before
    return entries, skipped


# ── the funnel ────────────────────────────────────────────────────────────────────────────────────────────


async def test_so_many_pieces_a_second_pass_and_the_rest_is_counted() -> None:
    clock = Still()
    funnel = Funnel(clock=clock)
    for _ in range(FEED_PIECES + 2):
        funnel.put(said(b"two"))
    clock.at += 10**9
    funnel.put(said(b"next"))
    entries, skipped = await all_of(funnel)
    assert (len(entries), skipped) == (FEED_PIECES + 2, 2)
    assert entries[-2] == Dropped(conversation=1, at=7, side=Side.CLIENT, count=6, reason="skipped")
    assert entries[-1] == said(b"next")


async def test_all_of_them_pass_where_all_are_wanted() -> None:
    funnel = Funnel(full=True, clock=Still())
    for _ in range(FEED_PIECES + 1):
        funnel.put(said())
    assert await all_of(funnel) == ([said()] * (FEED_PIECES + 1), 0)


async def test_no_more_waits_than_its_bound() -> None:
    funnel = Funnel(full=True)
    half = said((FEED_BYTES // 2 - 256) * b"x")
    funnel.put(half)
    funnel.put(half)
    funnel.put(said(b"one too many", side=Side.SERVER))
    funnel.put(Closed(conversation=1, at=8, how=How.FINISHED))
    assert [each for each, _ in await funnel.take()] == [half, half]
    funnel.put(said(b"later"))
    entries, skipped = await all_of(funnel)
    lost = Dropped(conversation=1, at=7, side=Side.SERVER, count=12, reason="skipped")
    assert (entries, skipped) == ([lost, said(b"later")], 2)


async def test_a_cancelled_take_has_lost_nothing() -> None:
    funnel = Funnel()
    taking = spawn(funnel.take())
    await asyncio.sleep(0)
    taking.cancel()
    funnel.put(said())
    assert await asyncio.wait_for(funnel.take(), PATIENCE) == [(said(), 0)]


# ── the ears ──────────────────────────────────────────────────────────────────────────────────────────────


def test_there_are_no_more_decoders_than_conversations_that_are_kept() -> None:
    ears = Ears(Wanted())
    for number in range(1, FEED_CONVERSATIONS + 2):
        list(ears.lines(opened(number)))
    assert ears.unknown([said(number=1), said(number=2), said(number=FEED_CONVERSATIONS + 1)]) == {1}
    assert ears.unknown([opened(1), said(number=1)]) == set()


def test_what_is_missing_is_known_to_the_decoder_and_is_no_entry() -> None:
    ears = Ears(Wanted(protocol="lines"))
    list(ears.lines(opened(1)))
    told = [json.loads(line) for entry in _with_a_gap() for line in ears.lines(entry)]
    assert [each["type"] for each in told if each["type"] != "missing"] == ["line", "line"]
    assert (told[-1]["line"], told[-1]["start"]) == ("b", 12)


def _with_a_gap() -> list[Entry]:
    gap = Dropped(conversation=1, at=7, side=Side.CLIENT, count=10, reason="skipped")
    return [said(b"a\n"), gap, said(b"b\n")]


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


async def until(lines: AsyncGenerator[bytes], kind: str) -> list[Any]:
    """Events up to the first of this type."""
    found: list[Any] = []
    async with asyncio.timeout(PATIENCE):
        async for line in lines:
            found.append(json.loads(line))
            if found[-1]["type"] == kind:
                break
    return found


async def test_one_that_has_begun_before_begins_with_its_opening() -> None:
    journal = open_journal("memory:")
    tap = journal.begin(OPENING)
    tap.said(Side.CLIENT, b"before\n")
    async with aclosing(events(Watched(journal), Wanted(protocol="lines"))) as lines:
        coming = spawn(until(lines, "closed"))
        while not journal_is_followed(journal):
            await asyncio.sleep(POLL)
        tap.said(Side.CLIENT, b"after\n")
        tap.closed(How.FINISHED)
        told = await coming
    assert told[0]["type"] == "opened"
    assert [(each["line"], each["start"]) for each in told if each["type"] == "line"] == [("after", 7)]
    await journal.aclose()


def journal_is_followed(journal: Any) -> bool:
    return bool(journal._news._waiters)


@pytest.mark.parametrize("secrets", [False, True])
async def test_secrets_are_masked_unless_they_are_wanted(secrets: bool) -> None:
    journal = open_journal("memory:")
    async with aclosing(events(Watched(journal), Wanted(secrets=secrets))) as lines:
        coming = spawn(until(lines, "closed"))
        while not journal_is_followed(journal):
            await asyncio.sleep(POLL)
        tap = journal.begin(OPENING)
        tap.said(Side.CLIENT, b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hunter2\r\n\r\n")
        tap.closed(How.FINISHED)
        told = json.dumps(await coming)
    assert ("hunter2" in told) is secrets
    await journal.aclose()


async def test_another_journal_in_its_place_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    first = open_journal(folder)
    old = first.begin(OPENING)
    await first.flush()
    async with Watched.reading(str(folder)) as watched, aclosing(events(watched, Wanted())) as lines:
        begun = spawn(until(lines, "opened"))
        while not begun.done():  # from here on the first is followed
            old.said(Side.CLIENT, b"old\n")
            await first.flush()
            await asyncio.sleep(POLL)
        await begun
        coming = spawn(until(lines, "closed"))
        await first.aclose()
        shutil.rmtree(folder)
        second = open_journal(folder)
        while not coming.done():
            tap = second.begin(OPENING)
            tap.said(Side.CLIENT, b"new\n")
            tap.closed(How.FINISHED)
            await second.flush()
            await asyncio.sleep(POLL)
        assert any(each.get("line") == "new" for each in await coming)
        await second.aclose()


# ── over the WebSocket ────────────────────────────────────────────────────────────────────────────────────


async def test_the_websocket_tells_the_same_and_is_told_to_go() -> None:
    journal = open_journal("memory:")
    async with serving_page(journal) as guest:
        async with guest.live("/api/events?protocol=lines&full=1") as told:
            while not journal_is_followed(journal):
                await asyncio.sleep(POLL)
            tap = journal.begin(OPENING)
            tap.said(Side.CLIENT, b"hello\n")
            assert (await told.until("line"))["line"] == "hello"
            await guest.page.aclose()
            assert await told.end() == 1001
    await journal.aclose()


@pytest.mark.parametrize(
    ("query", "read_only", "status"),
    [("?x=1", False, 400), ("?protocol=xyz", False, 400), ("?secrets=1", True, 403), ("?full=maybe", False, 400)],
)
async def test_what_cannot_be_told_is_refused_before_it_begins(query: str, read_only: bool, status: int) -> None:
    journal = open_journal("memory:")
    async with serving_page(journal) as guest:
        guest = Guest(guest.page, read_only=read_only)
        with pytest.raises(InvalidStatus) as refused:
            async with guest.live(f"/api/events{query}"):
                pass
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body)["type"] == "trouble"
    await journal.aclose()
