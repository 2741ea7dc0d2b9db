"""`/api/live`: what a reader is told, in its order, and that nothing is queued for one that is slow."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from running import PATIENCE, POLL
from tincans.address import Address
from tincans.channel import Side
from tincans.conversation import How, Kind, Opening, Tap
from tincans.journal import Journal, open_journal
from tincans.limits import ANSWER_SECONDS, LOOK_ROWS
from tincans.watch import following
from tincans.watch.asking import Call
from tincans.watch.page import serve_page
from tincans.watch.watched import Watched
from visiting import TOKENS, Guest, Listener, hang_up, office, serving_page

OPENING = Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:50312", server="tcp://127.0.0.1:80", name="echo")


@contextlib.asynccontextmanager
async def watching(folder: Path | None = None) -> AsyncIterator[tuple[Journal, Guest]]:
    """A journal that the test writes, and its page."""
    journal = open_journal("memory:" if folder is None else folder)
    async with serving_page(journal) as guest:
        yield journal, guest
    await journal.aclose()


def begin(journal: Journal) -> Tap:
    return journal.begin(OPENING)


async def test_it_begins_with_the_hello_and_tells_nothing_that_nobody_asked_for() -> None:
    async with watching() as (journal, guest):
        async with guest.live() as told:
            hello = await told.next()
            assert (hello["type"], hello["steer"], hello["board"], hello["journal"]) == (
                "hello",
                True,
                False,
                "a test's journal",
            )
            begin(journal).closed(How.FINISHED)
            await told.ask(seconds=True)
            assert (await told.next())["type"] == "seconds"


async def test_at_first_it_tells_what_is_open_and_then_what_changes() -> None:
    async with watching() as (journal, guest):
        begin(journal).closed(How.FINISHED)
        tap = begin(journal)
        async with guest.live(all=True) as told:
            first = await told.until("changes")
            assert ([row["number"] for row in first["rows"]], first["skipped"], first["total"]) == ([2], 0, 2)
            assert (await told.next())["type"] == "board"
            tap.said(Side.CLIENT, b"hello")
            assert (await told.row(lambda row: row["number"] == 2))["client_bytes"] == 5
            begin(journal).closed(How.FAILED, None, "no way\x1b[31m there")
            row = await told.row(lambda row: row["number"] == 3 and row["how"])
            assert (row["how"], row["detail"]) == ("failed", r"no way\x1b[31m there")
            await told.ask(all=False, seconds=True)
            await told.ask(all=True)
            again = await told.until("changes")
            assert [row["number"] for row in again["rows"]] == [2]


async def test_of_too_many_the_rest_is_counted() -> None:
    async with watching() as (journal, guest):
        for _ in range(LOOK_ROWS + 1):
            begin(journal)
        async with guest.live(all=True) as told:
            changes = await told.until("changes")
            assert (len(changes["rows"]), changes["skipped"]) == (LOOK_ROWS, 1)
            for _ in range(LOOK_ROWS + 2):
                begin(journal)
            seen = skipped = 0
            while seen + skipped < LOOK_ROWS + 2:
                changes = await told.until("changes")
                assert len(changes["rows"]) <= LOOK_ROWS
                seen, skipped = seen + len(changes["rows"]), skipped + changes["skipped"]
            assert skipped >= 2


async def test_who_waits_for_whom_is_told_of_one_that_became_silent() -> None:
    async with watching() as (journal, guest):
        begin(journal).said(Side.CLIENT, b"HELLO")
        begin(journal).said(Side.CLIENT, b"GET /slow HTTP/1.1\r\n\r\n")
        states: dict[int, dict[str, object]] = {}
        async with guest.live(all=True) as told:
            while len(states) < 2:
                states |= {each["conversation"]: each for each in (await told.until("states"))["states"]}
        assert str(states[1]["sentence"]).startswith("the server has `HELLO` without a line end since 1.")
        assert str(states[2]["sentence"]).startswith("the server has been silent since the client's request `GET /slow")
        assert [states[number]["is_stuck"] for number in (1, 2)] == [True, False], "an answer may take longer"


async def test_the_programs_at_the_ends_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with socket.create_connection(listening.getsockname()) as client, listening.accept()[0] as server:
            ends = [f"tcp://127.0.0.1:{each.getsockname()[1]}" for each in (client, server)]
            async with watching() as (journal, guest):
                journal.begin(Opening(kind=Kind.LISTEN, client=ends[0], server=ends[1]))
                async with guest.live(all=True) as told:
                    of = (await told.until("programs"))["of"]
            assert list(of) == ["1"]
            assert {side: program["name"] for side, program in of["1"].items()}.keys() == {"client", "server"}


async def test_each_second_is_told_once() -> None:
    async with watching() as (journal, guest):
        async with guest.live(seconds=True) as told:
            begin(journal).said(Side.CLIENT, b"hello")
            seen: list[dict[str, int]] = []
            while not any(second["client_bytes"] for second in seen):
                seen += (await told.until("seconds"))["seconds"]
        assert sum(second["client_bytes"] for second in seen) == 5
        assert sum(second["opened"] for second in seen) == 1
        assert [second["at"] for second in seen] == sorted({second["at"] for second in seen})


# ── one conversation ──────────────────────────────────────────────────────────────────────────────────────


async def test_the_open_conversation_is_followed_to_its_end(tmp_path: Path) -> None:
    async with watching(tmp_path) as (journal, guest):
        tap = begin(journal)
        tap.said(Side.CLIENT, b"one\n")
        await journal.flush()
        async with guest.live(conversation=1) as told:
            grew = await told.until("grew")
            assert (grew["conversation"], grew["pages"], grew["total"], grew["held"], grew["can"]) == (1, 1, 2, [], [])
            assert grew["state"]["client"]["said"] == 4
            tap.said(Side.SERVER, b"two\n")
            assert (await told.until("grew", lambda grew: grew["total"] == 3))["state"]["server"]["said"] == 4
            tap.closed(How.FINISHED)
            assert (await told.until("grew", lambda grew: grew["total"] == 4))["state"] is None


async def test_where_nothing_happens_it_is_told_twice_more_and_then_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(following._PAUSES) == ANSWER_SECONDS
    monkeypatch.setattr(following, "_PAUSES", (0.01, 0.02))
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.001)
    waited: list[float | None] = []
    wait = following._changed

    async def changed(call: Call, number: int, revision: int, seconds: float | None) -> bool:
        waited.append(seconds)
        return await wait(call, number, revision, seconds)

    monkeypatch.setattr(following, "_changed", changed)

    async def is_left_alone() -> None:
        async with asyncio.timeout(PATIENCE):
            while waited[-1:] != [None]:
                await asyncio.sleep(POLL)
        assert waited[-3:] == [0.01, 0.02, None], "told at once, twice more, and then when something happens"

    async with watching() as (journal, guest):
        tap = begin(journal)
        tap.said(Side.CLIENT, b"one\n")
        async with guest.live(conversation=1) as told:
            assert [(await told.until("grew"))["total"] for _ in range(3)] == [2, 2, 2]
            await is_left_alone()
            waited.clear()
            tap.said(Side.CLIENT, b"two\n")
            for _ in range(3):
                await told.until("grew", lambda grew: grew["total"] == 3)
            await is_left_alone()


async def test_another_one_is_followed_as_soon_as_it_is_asked_for(tmp_path: Path) -> None:
    async with watching(tmp_path) as (journal, guest):
        for _ in range(2):
            begin(journal)
        await journal.flush()
        async with guest.live(conversation=1) as told:
            await told.until("grew", lambda grew: grew["conversation"] == 1)
            await told.ask(conversation=2, protocol="lines")
            await told.until("grew", lambda grew: grew["conversation"] == 2 and grew["state"]["protocol"] == "lines")
            await told.ask()


async def test_one_that_cannot_be_shown_is_a_trouble_until_it_can(tmp_path: Path) -> None:
    async with watching(tmp_path) as (journal, guest):
        async with guest.live(conversation=1) as told:
            assert (await told.until("trouble"))["error"] == "there is no conversation 1 in the journal"
            begin(journal)
            await journal.flush()
            await told.until("well")
            await told.until("grew")
            await told.ask(conversation=1, protocol="xyz")
            assert (await told.until("trouble"))["error"] == "'xyz' is not a protocol"


async def test_whom_may_only_look_nothing_can_be_done(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        client, server, number = await here.talk()
        async with here.guest.live(conversation=number) as steering:
            assert (await steering.until("grew"))["can"][0] == "say"
        looking = Guest(here.guest.page, read_only=True)
        async with looking.live(conversation=number) as told:
            assert (await told.next())["steer"] is False
            assert (await told.until("grew"))["can"] == []
        await hang_up(client, server)


# ── readers ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "said", ["x", "[]", '{"type": "look", "more": 1}', '{"type": "look", "conversation": "x"}', ""]
)
async def test_what_makes_no_sense_is_told_and_changes_nothing(said: str) -> None:
    async with watching() as (journal, guest):
        async with guest.live(all=True) as told:
            await told.until("board")
            await told.socket.send(said)
            assert (await told.until("trouble"))["error"].startswith("what was asked makes no sense: ")
            await told.socket.send(json.dumps({"type": "look", "all": True}).encode())  # binary is as good as text
            begin(journal)
            await told.row(lambda row: row["number"] == 1)


async def test_a_reader_that_is_slow_is_told_what_holds_when_it_is_ready() -> None:
    async with watching() as (journal, guest):
        tap = journal.begin(msgspec.structs.replace(OPENING, facts={"much": MUCH * "x"}))
        async with guest.live(all=True) as quick, _stalled(guest) as slow:
            for number in range(1, ROUNDS + 1):
                tap.said(Side.CLIENT, b"x")
                await quick.row(lambda row, number=number: row["client_bytes"] == number)  # type: ignore[misc]
            slow.socket.transport.resume_reading()
            told = [(await slow.until("changes"))["rows"][0]["client_bytes"]]
            while told[-1] != ROUNDS:
                told.append((await slow.until("changes"))["rows"][0]["client_bytes"])
        assert len(told) < ROUNDS, "what was overtaken is not told"
        assert told == sorted(told)


#: A row of four megabytes, and more of them than the kernel's buffers hold of a connection (6 MiB, tcp(7)).
MUCH, ROUNDS = 4 * 1024 * 1024, 6


@contextlib.asynccontextmanager
async def _stalled(guest: Guest) -> AsyncIterator[Listener]:
    """A reader that has stopped to read."""
    async with guest.live(all=True) as told:
        told.socket.transport.pause_reading()
        yield told


# ── a journal that goes and comes ─────────────────────────────────────────────────────────────────────────


async def test_a_journal_that_goes_and_comes_back_is_told_and_read_anew(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    first = open_journal(folder)
    for _ in range(2):
        first.begin(OPENING)
    await first.flush()
    async with Watched.reading(str(folder)) as watched, serve_page(Address.parse(":0"), watched, TOKENS) as page:
        guest = Guest(page)
        async with guest.live(all=True) as told:
            assert [row["number"] for row in (await told.until("changes"))["rows"]] == [1, 2]
            await first.aclose()
            shutil.rmtree(folder)
            assert (await told.until("trouble"))["error"] == f"the journal in {folder} is gone"
            second = open_journal(folder)
            second.begin(OPENING).said(Side.CLIENT, b"new")
            await second.flush()
            await told.until("well")
            assert 2 in (await told.until("gone"))["numbers"]
            while (await guest.get("/api/conversations"))["total"] != 1:
                await asyncio.sleep(POLL)
            assert (await guest.get("/api/conversations/1"))["conversation"]["client_bytes"] == 3
            await second.aclose()
