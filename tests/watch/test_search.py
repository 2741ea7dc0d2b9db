"""Searching recorded conversations, in memory and in a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tincans.channel import Side
from tincans.conversation import Conversation, How, Kind, Opening, Tap
from tincans.errors import JournalError
from tincans.journal import ALL, Bounds, Filter, Journal, open_journal
from tincans.journal.memory import MemoryJournal
from tincans.limits import (
    LIST_ROWS,
    PROTOCOL_BYTES,
    PROTOCOLS_KEPT,
    SEARCH_PASSAGE_BYTES,
    SEARCHES_KEPT,
)
from tincans.watch import search as search_module
from tincans.watch.search import Found, known_protocol, protocol_of, search, spoken_in

C, S = Side.CLIENT, Side.SERVER
WHENEVER = 60.0


@pytest.fixture(params=["memory", "folder"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    journal = open_journal("memory:" if request.param == "memory" else tmp_path / "j")
    yield journal
    await journal.aclose()


def begin(journal: Journal, name: str = "", port: int = 4000) -> Tap:
    return journal.begin(
        Opening(kind=Kind.RELAY, name=name, client="tcp://127.0.0.1:5", server=f"tcp://127.0.0.1:{port}")
    )


def tell(journal: Journal, *words: tuple[Side, bytes], closed: bool = True, name: str = "", port: int = 4000) -> int:
    tap = begin(journal, name, port)
    for side, data in words:
        tap.said(side, data)
    if closed:
        tap.closed(How.FINISHED)
    return tap.number


def numbers(found: Found) -> list[int]:
    return [each.number for each in found.rows]


async def everything(journal: Journal, text: bytes | str, *, secrets: bool = False, seconds: float = 0) -> list[int]:
    """Search in moments that are as short as can be, until all is found."""
    await journal.flush()
    found: list[int] = []
    before = None
    while True:
        answer = await search(journal, text=text, before=before, secrets=secrets, seconds=seconds)
        found += numbers(answer)
        if answer.next is None:
            return found
        assert before is None or answer.next <= before
        before = answer.next


# ── what was said ─────────────────────────────────────────────────────────────────────────────────────────


async def test_the_newest_that_have_the_text_come_first(journal: Journal) -> None:
    tell(journal, (C, b"Hello there\n"))
    tell(journal, (C, b"good bye\n"))
    tell(journal, (S, b"say hel"), (C, b"what?"), (S, b"lo\n"))
    tell(journal, (S, b"hel"), (C, b"lo\n"))
    await journal.flush()
    found = await search(journal, text="hello", seconds=WHENEVER)
    assert (numbers(found), found.next, found.looked, found.total) == ([3, 1], None, 4, 4)
    assert found.rows[0] == await journal.conversation(3)


async def test_other_filters_apply_too_and_count(journal: Journal) -> None:
    for name in ("a", "b", "a"):
        tell(journal, (C, b"hello\n"), name=name)
    await journal.flush()
    found = await search(journal, Filter(name="a", before=1, limit=0), text="hello", seconds=WHENEVER)
    assert (numbers(found), found.looked, found.total) == ([3, 1], 2, 2)
    found = await search(journal, Filter(name="a"), text="hello", before=3, seconds=WHENEVER)
    assert (numbers(found), found.next, found.looked, found.total) == ([1], None, 1, 2)


async def test_a_moment_looks_at_some_and_the_next_goes_on(journal: Journal) -> None:
    for number in range(50):
        tell(journal, (C, b"hello %d\n" % (number % 2)))
    await journal.flush()
    first = await search(journal, text="hello 1", secrets=True, seconds=0)
    assert (numbers(first), first.next, first.looked) == ([50], 50, 1)
    second = await search(journal, text="hello 1", before=first.next, secrets=True, seconds=0)
    assert (numbers(second), second.next, second.looked) == ([], 49, 1)
    assert await everything(journal, "hello 1") == list(range(50, 0, -2))


async def test_it_ends_when_there_are_enough(journal: Journal) -> None:
    for _ in range(5):
        tell(journal, (C, b"hello\n"))
    await journal.flush()
    found = await search(journal, text="hello", limit=2, seconds=WHENEVER)
    assert (numbers(found), found.next, found.looked) == ([5, 4], 4, 2)


async def test_it_gives_as_many_as_a_list_has_and_not_one_more(journal: Journal) -> None:
    for _ in range(LIST_ROWS + 1):
        tell(journal, (C, b"hello\n"))
    await journal.flush()
    found = await search(journal, text="hello", seconds=WHENEVER)
    assert (len(found.rows), found.next, found.looked) == (LIST_ROWS, 2, LIST_ROWS)


async def test_without_a_text_all_are_found(journal: Journal) -> None:
    tell(journal, (C, b"hello\n"))
    await journal.flush()
    assert numbers(await search(journal, seconds=WHENEVER)) == [1]


async def test_what_one_side_said_has_to_be_as_long(journal: Journal) -> None:
    tell(journal, (C, b"hell"), (S, b"hell"))
    tell(journal, (C, b"hello"))
    assert await everything(journal, "hello") == [2]


# ── much of it ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_long_conversation_is_read_in_moments(journal: Journal) -> None:
    """Bytes over bytes, and the word across two passages of it."""
    tap = begin(journal)
    for _ in range(11):
        tap.said(C, bytes(SEARCH_PASSAGE_BYTES // 4))
    tap.said(C, bytes(SEARCH_PASSAGE_BYTES // 4 - 3) + b"hel")
    tap.said(C, b"lo" + bytes(10))
    tell(journal, (C, b"hello\n"))
    await journal.flush()
    first = await search(journal, text="hello", secrets=True, seconds=0)
    assert (numbers(first), first.next, first.looked) == ([2], 2, 1)
    second = await search(journal, text="hello", before=2, secrets=True, seconds=0)
    assert (numbers(second), second.next, second.looked) == ([], 2, 0)
    assert await everything(journal, "hello") == [2, 1]
    assert await everything(journal, "hellooo") == []


async def test_what_is_kept_no_longer_is_read_again(journal: Journal) -> None:
    """Every search is left in the middle; the one that was left first is forgotten for the last."""
    tap = begin(journal)
    for _ in range(3):
        tap.said(C, bytes(SEARCH_PASSAGE_BYTES))
    tap.said(C, b"hello0\n")
    await journal.flush()
    for number in range(SEARCHES_KEPT + 1):
        assert (await search(journal, text=f"hello{number}", seconds=0)).next == 2
    left = search_module._remembered(journal).left
    assert len(left) == SEARCHES_KEPT
    assert (1, b"hello0", False) not in left
    assert await everything(journal, "hello0") == [1]


async def test_what_grows_meanwhile_is_read_to_its_new_end(journal: Journal) -> None:
    tap = begin(journal)
    for _ in range(2):
        tap.said(C, bytes(SEARCH_PASSAGE_BYTES))
    await journal.flush()
    assert (await search(journal, text="hello", seconds=0)).next == 2
    tap.said(C, b"hello")
    assert await everything(journal, "hello") == [1]


async def test_what_is_forgotten_meanwhile_is_not_found(tmp_path: Path) -> None:
    mib = 1024 * 1024
    journal = open_journal(tmp_path / "j", Bounds(total=4 * mib))
    tell(journal, (C, bytes(SEARCH_PASSAGE_BYTES)), (C, b"hello"))
    await journal.flush()
    assert (await search(journal, text="hello", seconds=0)).next == 2
    tap = begin(journal)
    for _ in range(8):
        tap.said(C, bytes(mib))
        await journal.flush()
    assert numbers(await search(journal, text="hello", before=2, seconds=0)) == []
    assert await everything(journal, "\0\0") == [2]
    await journal.aclose()


class Late(MemoryJournal):
    """Forgets the second as soon as it is listed."""

    async def conversations(self, which: Filter = ALL) -> list[Conversation]:
        found = await super().conversations(which)
        self._kept.pop(2, None)
        return found


async def test_what_was_forgotten_since_it_was_listed_is_passed_over() -> None:
    journal = Late()
    for _ in range(2):
        tell(journal, (C, b"hello\n"))
    assert await everything(journal, "hello") == [1]


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────────

REQUEST = b"GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Basic dTpnZWhlaW0=\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_secrets_are_found_only_by_who_may_see_them(journal: Journal) -> None:
    tell(journal, (C, REQUEST[:50]), (C, REQUEST[50:]), (S, ANSWER))
    tell(journal, (S, b"+OK\r\n"), (C, b"USER me\r\n"), (S, b"+OK\r\n"), (C, b"PASS dTpnZWhlaW0=\r\n"), (S, b"+OK\r\n"))
    tell(journal, (C, b"dTpnZWhlaW0= is what I read\n"))
    for text in ("dTpnZWhlaW0=", "nzwhlaw0", "="):
        assert await everything(journal, text) == [3]
    assert await everything(journal, "dTpnZWhlaW0=", secrets=True) == [3, 2, 1]
    assert await everything(journal, "Basic d") == []
    assert await everything(journal, "PASS ") == [2]


async def test_a_secret_in_a_long_conversation_is_not_found_in_moments_either(journal: Journal) -> None:
    tap = begin(journal)
    for _ in range(700):
        tap.said(C, REQUEST)
        tap.said(S, ANSWER)
    assert await everything(journal, "geheim") == []
    assert await everything(journal, "dTpnZWhlaW0=") == []
    assert await everything(journal, "dTpnZWhlaW0=", secrets=True) == [1]
    tap.said(C, REQUEST.replace(b"/x", b"/dTpnZWhlaW0="))
    tap.said(S, ANSWER)
    assert await everything(journal, "dTpnZWhlaW0=") == [1]


# ── what is spoken ────────────────────────────────────────────────────────────────────────────────────────

UPGRADE = (
    b"GET /feed HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


async def spoken(journal: Journal) -> dict[int, str]:
    await journal.flush()
    return await protocol_of(journal, await journal.conversations())


def tell_all(journal: Journal) -> dict[int, str]:
    smtp = (S, b"220 a ESMTP\r\n"), (C, b"EHLO b\r\n"), (S, b"250-a\r\n250 STARTTLS\r\n")
    return {
        tell(journal, (C, REQUEST), (S, ANSWER)): "http",
        tell(journal, (C, UPGRADE), (S, UPGRADED)): "http+websocket",
        tell(journal, *smtp, (C, b"QUIT\r\n"), (S, b"221 bye\r\n")): "smtp",
        tell(journal, *smtp, (C, b"STARTTLS\r\n"), (S, b"220 go\r\n"), (C, b"\x16\x03\x01\x00\x01\x01")): "smtp+tls",
        tell(journal, (C, b"what is this?\n"), (S, b"nothing\n")): "lines",
        tell(journal, (C, b"\x00\x01\x02\x03"), (S, b"\xff\xfe")): "raw",
        tell(journal): "raw",
    }


async def test_it_is_told_by_the_first_words(journal: Journal) -> None:
    expected = tell_all(journal)
    assert await spoken(journal) == expected
    assert {number: known_protocol(journal, number) for number in (*expected, 99)} == {**expected, 99: ""}
    assert await protocol_of(journal, []) == {}


async def test_it_is_searched_for_by_one_name_and_by_both(journal: Journal) -> None:
    names = tell_all(journal)
    await journal.flush()
    for protocol in ("http", "websocket", "smtp", "tls", "lines", "lines:nul", "raw", "imap"):
        bare = protocol.partition(":")[0]
        expected = [number for number, name in names.items() if bare in name.split("+")]
        assert numbers(await search(journal, protocol=protocol, seconds=WHENEVER)) == expected[::-1]
    found = await search(journal, protocol="smtp", text="starttls", seconds=WHENEVER)
    assert (numbers(found), found.looked) == ([4, 3], len(names))


async def test_while_it_cannot_be_told_it_is_empty_and_looked_up_again(journal: Journal) -> None:
    tap = begin(journal)
    assert await spoken(journal) == {1: ""}
    tap.said(S, b"220 a ")
    assert await spoken(journal) == {1: ""}
    tap.said(S, b"ESMTP\r\n")
    tap.said(C, b"EHLO b\r\n")
    assert await spoken(journal) == {1: "smtp"}
    tap.said(S, b"250 STARTTLS\r\n")
    tap.said(C, b"STARTTLS\r\n")
    tap.said(S, b"220 go\r\n")
    tap.said(C, b"\x16\x03\x01\x00\x01\x01")
    assert await spoken(journal) == {1: "smtp+tls"}


async def test_what_is_known_is_not_read_again(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    told = 0

    def count(entries: list[object]) -> str:
        nonlocal told
        told += 1
        return spoken_in(entries)  # type: ignore[arg-type]

    monkeypatch.setattr(search_module, "spoken_in", count)
    tell(journal, (C, REQUEST), (S, ANSWER))
    tap = begin(journal)
    tap.said(C, b"hello\n")
    for expected in (2, 2):
        await spoken(journal)
        assert told == expected
    tap.said(C, bytes(PROTOCOL_BYTES - 7))
    await spoken(journal)
    assert told == 3
    tap.said(C, b"!")
    await spoken(journal)
    assert told == 4
    tap.said(C, b"and more changes nothing any more")
    await spoken(journal)
    assert told == 4


async def test_only_the_first_words_are_read(journal: Journal) -> None:
    """An upgrade behind them is not seen, and one that ends with their last byte is."""
    filler = b"GET / HTTP/1.1\r\nX: %b\r\n\r\n"
    for extra in (0, 1):
        room = PROTOCOL_BYTES - len(filler) + 2 - len(ANSWER) - len(UPGRADE) - len(UPGRADED) + extra
        tell(journal, (C, filler % (b"x" * room)), (S, ANSWER), (C, UPGRADE), (S, UPGRADED))
    assert await spoken(journal) == {1: "http+websocket", 2: "http"}


async def test_so_many_are_remembered_and_not_one_more(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PROTOCOLS_KEPT > 500  # a whole list
    monkeypatch.setattr(search_module, "PROTOCOLS_KEPT", 2)
    for _ in range(3):
        tell(journal, (C, REQUEST))
    await journal.flush()
    for number in (1, 2, 3):
        assert await protocol_of(journal, [await journal.conversation(number)]) == {number: "http"}
    assert list(search_module._remembered(journal).names._known) == [2, 3]


async def test_what_is_not_recorded_has_none(journal: Journal) -> None:
    tell(journal, (C, REQUEST))
    await journal.flush()
    conversation = await journal.conversation(1)
    conversation.number = -1
    forgotten = await journal.conversation(1)
    forgotten.number = 99
    assert await protocol_of(journal, [conversation, forgotten]) == {-1: "", 99: ""}


async def test_a_journal_that_is_closed_is_said(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j")
    tell(journal, (C, REQUEST))
    await journal.flush()
    told = await journal.conversations()
    await journal.aclose()
    with pytest.raises(JournalError, match="is closed"):
        await search(journal, text="x")
    with pytest.raises(JournalError, match="is closed"):
        await protocol_of(journal, told)
