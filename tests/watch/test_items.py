"""What a reader of a page is shown: bounded, escaped, and neighbours as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Ended, Entry, How, Joined, Kind, Noted, Opened, Said, Secured
from tincans.limits import ITEM_CHARACTERS, ITEM_DETAIL_CHARACTERS, ITEM_DETAILS, PREVIEW_BYTES, PREVIEW_LINES
from tincans.watch.items import Items, preview
from tincans.watch.playhead import Pace, Playhead
from tincans.watch.shapes import Item, to_json

PLACE: dict[str, Any] = {"conversation": 1, "at": 1_790_000_000_000_000_000}
OPENED = Opened(
    **PLACE, kind=Kind.RELAY, client="tcp://a.example:5", near="tcp://b.example:6", server="tcp://c.example:7"
)


def client(data: bytes) -> Said:
    return Said(**PLACE, side=Side.CLIENT, data=data)


def server(data: bytes) -> Said:
    return Said(**PLACE, side=Side.SERVER, data=data)


def items(*entries: Entry, protocol: str = "", secrets: bool = False, opened: Opened = OPENED) -> list[Item]:
    """All that a page shows, but that it was opened."""
    head, told = Playhead(opened, protocol, secrets=secrets), Items(3)
    head.read([opened, *entries], told, {side: [] for side in Side}, Pace())
    head.end(told)
    return told.made()[1:]


def one(*entries: Entry, protocol: str = "secretive:SecretiveSession") -> Item:
    (item,) = items(*entries, protocol=protocol)
    return item


def test_an_event_is_an_item() -> None:
    request, answer, body = items(
        client(b"GET /it HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n"),
        server(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\none\ntwo"),
    )
    assert request == Item(
        id="3.1", kind="request", at=PLACE["at"] // 1000, began=PLACE["at"] // 1000, side="client", protocol="http",
        start=0, end=42, summary="GET /it HTTP/1.1", details=["Host: a", "Cookie: a=******"], preview=[], content=None,
        tone="said",
    )  # fmt: skip
    assert (answer.id, answer.kind, answer.summary) == ("3.2", "response", "HTTP/1.1 200 OK")
    assert (body.id, body.kind, body.summary, body.preview) == ("3.3", "body", "body, 7 bytes", ["one", "two"])
    assert body.content is not None
    assert (body.content.first, body.content.size, body.content.media) == ("3.2", 7, "text/plain")


def test_entries_that_are_no_events() -> None:
    told = items(
        Joined(**PLACE, far="tcp://b.example:8", server="tcp://c.example:7", facts={"tls.version": "TLSv1.3"}),
        Noted(**PLACE, text="\x1b[2J"),
        client(b"hello\n"),
        Dropped(**PLACE, side=Side.CLIENT, count=5, reason="why"),
        Secured(**PLACE, facts={"a": "\x07"}),
        Ended(**PLACE, side=Side.CLIENT),
        Closed(**PLACE, how=How.RESET, by=Side.SERVER),
        protocol="lines",
    )
    assert [(item.kind, item.side, item.start, item.end, item.tone) for item in told] == [
        ("joined", None, 0, 0, "faint"),
        ("noted", None, 0, 0, "faint"),
        ("line", "client", 0, 6, "said"),
        ("dropped", "client", 6, 11, "faint"),
        ("secured", None, 0, 0, "faint"),
        ("ended", "client", 11, 11, "faint"),
        ("closed", None, 0, 0, "wrong"),
    ]
    assert told[0].details == ["tls.version: TLSv1.3"]
    assert told[1].summary == "\\x1b[2J"
    assert told[4].details == ["a: \\a"]


def test_neighbouring_pieces_are_one_item() -> None:
    head, body, other, rest = items(
        client(b"body 20\n"), client(b"one"), client(b"two"), server(b"facts 1\n"), client(b"three"),
        protocol="secretive:SecretiveSession",
    )  # fmt: skip
    assert (head.kind, other.kind) == ("head", "facts")
    assert (body.summary, body.preview, body.start, body.end) == ("body, 6 bytes in 2 pieces", ["one"], 8, 14)
    assert (rest.summary, rest.preview) == ("body, 5 bytes", ["three"])
    assert body.content is not None
    assert rest.content is not None
    assert (body.content.size, rest.content.size) == (6, 5)
    assert rest.content.first == body.content.first == body.id


def test_what_nobody_misses_belongs_to_the_item_before_it() -> None:
    told = items(client(b"facts 1\nquiet\nquiet\nfacts 2\n"), protocol="secretive:SecretiveSession")
    assert [(item.kind, item.start, item.end) for item in told] == [("facts", 0, 20), ("facts", 20, 28)]
    told = items(client(b"quiet\nfacts 2\n"), protocol="secretive:SecretiveSession")
    assert [(item.kind, item.start, item.end, item.tone) for item in told] == [
        ("quiet", 0, 6, "faint"),
        ("facts", 6, 14, "said"),
    ]


def test_tones() -> None:
    told = items(client(b"what\n"), client(b"switch lines\nhello\n"), protocol="secretive:SecretiveSession")
    assert {item.kind: item.tone for item in told} == {
        "malformed": "wrong", "switch": "said", "upgraded": "bold", "line": "said",
    }  # fmt: skip


def test_secrets_are_masked_unless_they_are_asked_for() -> None:
    word = client(b"login ada secret\nlogin ada sec")
    whole, begun = items(word, protocol="secretive:SecretiveSession")
    assert (whole.summary, begun.summary, begun.kind) == ("login ada ******", "(not yet whole)", "unfinished")
    whole, begun = items(word, protocol="secretive:SecretiveSession", secrets=True)
    assert (whole.summary, begun.summary) == ("login ada secret", "login ada sec (not yet whole)")


# ── bounds ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_summary_of_so_many_characters_and_not_one_more() -> None:
    line = b"x" * (ITEM_CHARACTERS - 1) + b"\n"
    assert one(client(line), protocol="lines").summary == "x" * (ITEM_CHARACTERS - 1) + "\\n"
    assert one(client(b"x" + line), protocol="lines").summary == "x" * ITEM_CHARACTERS + " … and 1 characters more"


def test_so_many_details_and_not_one_more() -> None:
    assert one(client(b"facts %d\n" % ITEM_DETAILS)).details[-1] == f"fact {ITEM_DETAILS}"
    details = one(client(b"facts %d\n" % (ITEM_DETAILS + 1))).details
    assert details[ITEM_DETAILS - 1 :] == [f"fact {ITEM_DETAILS}", "… and 1 more"]


def test_a_detail_of_so_many_characters_and_not_one_more() -> None:
    field = b"GET / HTTP/1.0\r\nX: %s\r\n\r\n"
    room = ITEM_DETAIL_CHARACTERS - len("X: ")
    assert one(client(field % (b"x" * room)), protocol="http").details == ["X: " + "x" * room]
    (detail,) = one(client(field % (b"x" * (room + 1))), protocol="http").details
    assert detail == "X: " + "x" * room + " … and 1 characters more"


def test_a_preview_of_so_many_lines_and_bytes_and_not_one_more() -> None:
    assert preview(b"x\n" * PREVIEW_LINES) == preview(b"x\n" * (PREVIEW_LINES + 1)) == ["x"] * PREVIEW_LINES
    assert preview(b"x" * PREVIEW_BYTES) == preview(b"x" * (PREVIEW_BYTES + 1)) == ["x" * PREVIEW_BYTES]
    assert preview(b"x" * (PREVIEW_BYTES - 1) + "ü".encode()) == ["x" * (PREVIEW_BYTES - 1)]
    assert preview(b"\x00\x01\x02") == []
    assert preview(b"one\r\ntwo\rthree\x1b") == ["one", "two", "three\\x1b"]


@given(st.lists(st.tuples(st.sampled_from(list(Side)), st.binary(max_size=60)), max_size=20))
def test_whatever_is_said_every_text_prints(words: list[tuple[Side, bytes]]) -> None:
    entries = [Said(**PLACE, side=side, data=data) for side, data in words]
    opened = Opened(**PLACE, kind=Kind.LISTEN, client="\x1b", server="tcp://a:1", name="\n", facts={"\t": "\x00"})
    for protocol in ("", "http", "secretive:SecretiveSession"):
        for item in items(*entries, protocol=protocol, opened=opened):
            for text in _texts(item):
                assert text.isprintable()
            assert to_json(item)


def _texts(item: Item) -> Iterator[str]:
    yield from (item.summary, *item.details, *item.preview, item.protocol)
    yield from [item.content.media] if item.content else []


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_what_a_mail_is_made_of_begins_as_it_does(size: int) -> None:
    mail = b"Subject: tins\r\n\r\nhello\r\n"
    talk: list[Entry] = [
        server(b"220 mx ESMTP\r\n"), client(b"EHLO a\r\n"), server(b"250 ok\r\n"), client(b"MAIL FROM:<a@b>\r\n"),
        server(b"250 ok\r\n"), client(b"RCPT TO:<c@d>\r\n"), server(b"250 ok\r\n"), client(b"DATA\r\n"),
        server(b"354 go\r\n"),
    ]  # fmt: skip
    data = mail + b".\r\n"
    said = [client(data[at : at + size]) for at in range(0, len(data), size)]
    told = items(*talk, *said, protocol="smtp")
    text, end = (next(item for item in told if item.kind == kind) for kind in ("text", "end_of_mail"))
    assert text.content is not None
    assert end.content is not None
    assert (text.content.media, end.content.media) == ("message/rfc822", "message/rfc822")
    assert end.content.first == text.content.first == text.id
    assert end.preview == ["hello"]
    assert "Subject: tins" in end.details
