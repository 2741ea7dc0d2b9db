"""What is spoken is found out for those that were shown last, and told as a change."""

from __future__ import annotations

from tincans.channel import Side
from tincans.conversation import Conversation, How, Kind, Opening
from tincans.journal import open_journal
from tincans.limits import LIST_MOST
from tincans.watch.speaking import Shown
from visiting import serving_page


def told(number: int, pieces: int = 1) -> Conversation:
    return Conversation(number=number, kind=Kind.LISTEN, client="c", server="s", opened=0, client_pieces=pieces)


def test_those_shown_last_come_first_and_no_more_wait_than_a_list_has() -> None:
    shown = Shown()
    shown.take(told(number) for number in range(1, LIST_MOST + 2))
    assert shown.next()[0].number == LIST_MOST + 1
    found = [each.number for _ in range(LIST_MOST) for each in shown.next()]
    assert found[-1] == 2


def test_what_is_not_recorded_or_has_said_nothing_is_not_looked_at() -> None:
    shown = Shown()
    shown.take([told(-1), told(1, pieces=0)])
    assert shown.next() == []


async def test_a_listed_conversation_is_told_again_with_what_is_spoken_in_it() -> None:
    journal = open_journal("memory:")
    tap = journal.begin(Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:80"))
    tap.said(Side.CLIENT, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    tap.closed(How.FINISHED)
    async with serving_page(journal) as guest, guest.live(all=True) as told:
        await told.until("board")
        assert (await guest.get("/api/conversations"))["rows"][0]["protocol"] == ""
        assert (await told.row(lambda row: row["number"] == 1))["protocol"] == "http"
        assert (await guest.get("/api/conversations"))["rows"][0]["protocol"] == "http"
    await journal.aclose()
