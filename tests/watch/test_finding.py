"""Finding a text in pieces, and in what may be seen: every way to cut what was said gives the same answer."""

from __future__ import annotations

import pytest

from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Entry, How, Kind, Opened, Said
from tincans.limits import SEARCH_CHECK_BYTES
from tincans.watch.finding import Check, Finder, Needle

C, S = Side.CLIENT, Side.SERVER


@pytest.mark.parametrize(
    ("text", "said", "is_in"),
    [
        ("hello", b"...Hello there", True),
        ("HELLO", b"...hello", True),
        ("hello", b"hell o", False),
        ("grüße", "Viele GRÜSSE".encode(), True),
        ("GRÜSSE", "Viele grüße".encode(), True),
        ("ΣΊΣΥΦΟΣ", "Σίσυφος".encode(), True),
        ("grüße", b"gruse", False),
        ("ü", b"\xff\xc3\xbc", True),
        ("ü", b"\xc3", False),
        (b"\xff\x00A", b"\x00\xff\x00a", True),
        (b"\xff\x00A", b"\xfe\x00a", False),
        ("\udcff", b"\xff", True),
        ("日本", "今日は日本".encode(), True),
    ],
)
def test_case_is_set_aside_and_cutting_changes_nothing(text: str | bytes, said: bytes, is_in: bool) -> None:
    needle = Needle(text)
    assert needle.is_in(said) is is_in
    for size in range(1, len(said) + 1):
        finder = Finder(needle)
        pieces = [said[at : at + size] for at in range(0, len(said), size)]
        assert any(finder.say(C, piece) for piece in pieces) is is_in


def test_a_match_spans_neither_sides_nor_gaps() -> None:
    needle = Needle("hello")
    finder = Finder(needle)
    assert not finder.say(C, b"hel")
    assert not finder.say(S, b"lo")
    finder.gap(S)
    assert finder.say(C, b"lo")
    finder = Finder(needle)
    assert not finder.say(C, b"hel")
    finder.gap(C)
    assert not finder.say(C, b"lo")


def opened() -> Opened:
    return Opened(conversation=1, at=1, kind=Kind.RELAY, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:6")


def said(side: Side, data: bytes) -> Said:
    return Said(conversation=1, at=1, side=side, data=data)


def gap(side: Side, count: int) -> Dropped:
    return Dropped(conversation=1, at=1, side=side, count=count, reason="a test")


END = Closed(conversation=1, at=1, how=How.FINISHED)


def test_entries_are_searched_across_pieces_and_not_across_gaps() -> None:
    assert Finder(Needle("hello")).take([said(C, b"he"), said(S, b"?"), said(C, b""), said(C, b"llo")])
    assert not Finder(Needle("hello")).take([said(C, b"he"), gap(C, 5), said(C, b"llo")])
    assert Finder(Needle("hello")).take([said(C, b"he"), gap(S, 5), said(C, b"llo")])
    assert Finder(Needle("hello")).take([said(C, b"hello"), gap(C, 5)])
    finder = Finder(Needle("hello"))
    assert not finder.take([said(C, b"he")])
    assert finder.take([said(C, b"llo")])


LOGIN: list[Entry] = [
    opened(),
    said(S, b"220 mail.example ESMTP\r\n"),
    said(C, b"EHLO me\r\n"),
    said(S, b"250 AUTH PLAIN\r\n"),
    said(C, b"AUTH PLAIN AGhhbnMAZ2VoZWlt\r\n"),
    said(S, b"235 welcome\r\n"),
    said(C, b"MAIL FROM:<hans@example.org>\r\n"),
    said(S, b"250 ok\r\n"),
    END,
]


def checked(text: str, entries: list[Entry], size: int = 100) -> bool:
    check = Check(Needle(text))
    for at in range(0, len(entries), size):
        answer = check.take(entries[at : at + size])
        if answer is not None:
            return answer
    return check.finish()


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("text", "is_seen"),
    [
        ("AGhhbnMAZ2VoZWlt", False),
        ("aghhbn", False),
        ("PLAIN AGh", False),
        ("W", True),
        ("lt\r\nmail", False),
        ("AUTH PLAIN ", True),
        ("hans@", True),
        ("***", False),
        ("235 WELCOME", True),
    ],
)
def test_nothing_is_found_in_a_secret_nor_at_its_edge(text: str, is_seen: bool, size: int) -> None:
    assert checked(text, LOGIN, size) is is_seen


def test_a_text_that_is_secret_here_and_seen_there_is_found() -> None:
    assert not checked("AGhhbnMAZ2VoZWlt", LOGIN)
    assert checked("AGhhbnMAZ2VoZWlt", [*LOGIN[:-1], said(C, b"RCPT TO:<AGhhbnMAZ2VoZWlt@example.org>\r\n"), END])


def test_the_end_of_a_secret_that_is_missing_hides_what_follows_no_more() -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    assert checked("hello", [opened(), said(C, request), said(S, answer[:-2]), said(S, answer[-2:]), END])
    assert not checked("hello", [opened(), said(C, request), said(S, answer[:-5] + b"he"), gap(S, 3), END])
    assert not checked("c2Vj", [opened(), said(C, request), said(S, answer), END])


def test_what_is_not_complete_is_not_seen_while_it_goes_on() -> None:
    assert not checked("geheim", [opened(), *LOGIN[1:4], said(C, b"AUTH PLAIN geheim")])
    assert not checked("geheim", [opened(), *LOGIN[1:4], said(C, b"AUTH PLAIN geheim"), END])


def test_a_protocol_without_secrets_is_not_decoded_any_further() -> None:
    check = Check(Needle("anything"))
    assert check.take([opened(), said(C, b"\x00\x01\x02" * 1000), said(S, b"\xff" * 1000)])
    assert checked("there", [opened(), said(C, b"hello there\n"), said(S, b"fine\n"), END])


@pytest.mark.parametrize("extra", [0, 1])
def test_so_much_is_checked_and_not_one_byte_more(extra: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n"
    filled = SEARCH_CHECK_BYTES - len(b"GET / HTTP/1.1\r\n\r\n") - len(head) - len(b"needle") + extra
    entries: list[Entry] = [opened(), said(C, b"GET / HTTP/1.1\r\n\r\n"), said(S, head)]
    entries += [said(S, bytes(filled)), said(S, b"needle")]
    assert checked("needle", entries) is (extra == 0)
