"""Secrets are hidden whatever pieces they were said in, and nothing else is."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Ended, Entry, How, Kind, Opened, Said
from tincans.export.hiding import Hiding, _Places

OPENED = Opened(conversation=1, at=1, kind=Kind.RELAY, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:80")
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=secret; b=hidden\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"
MASKED = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=******; b=******\r\nAuthorization: Basic ********\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"


def said(side: Side, data: bytes) -> Said:
    return Said(conversation=1, at=2, side=side, data=data)


def dropped(count: int) -> Dropped:
    return Dropped(conversation=1, at=2, side=Side.CLIENT, count=count, reason="")


def hidden(entries: list[Entry], protocol: str = "") -> list[Entry | None]:
    hiding = looked_at(entries, protocol)
    return [hiding.hide(entry) for entry in entries]


def looked_at(entries: list[Entry], protocol: str = "") -> Hiding:
    hiding = Hiding(protocol)
    for entry in entries:
        hiding.look(entry)
    hiding.look_no_more()
    return hiding


def words(entries: list[Entry | None], side: Side) -> bytes:
    return b"".join(entry.data for entry in entries if isinstance(entry, Said) and entry.side is side)


@pytest.mark.parametrize("step", [1, 2, 7, 50, 1000])
def test_secrets_are_hidden_in_pieces_of_any_size(step: int) -> None:
    talk = REQUEST * 3
    entries: list[Entry] = [OPENED, *(said(Side.CLIENT, talk[at : at + step]) for at in range(0, len(talk), step))]
    found = hidden([*entries, said(Side.SERVER, ANSWER * 3)])
    assert words(found, Side.CLIENT) == MASKED * 3
    assert words(found, Side.SERVER) == ANSWER * 3
    assert looked_at(entries).count == 9


def test_where_nothing_is_secret_nothing_changes() -> None:
    closed = Closed(conversation=1, at=3, how=How.FINISHED)
    ended = Ended(conversation=1, at=3, side=Side.CLIENT)
    entries: list[Entry] = [
        OPENED,
        said(Side.CLIENT, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ended,
        said(Side.SERVER, ANSWER),
        closed,
    ]
    assert all(found is entry for found, entry in zip(hidden(entries), entries, strict=True))
    assert looked_at(entries).count == 0


def test_what_is_missing_takes_its_place() -> None:
    body = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
    entries: list[Entry] = [OPENED, said(Side.CLIENT, body), dropped(1000), said(Side.CLIENT, REQUEST)]
    assert words(hidden(entries), Side.CLIENT) == body + MASKED


def test_the_protocol_can_be_said() -> None:
    entries: list[Entry] = [OPENED, said(Side.CLIENT, REQUEST)]
    assert hidden(entries, "raw") == entries


def test_what_was_not_looked_at_is_not_given() -> None:
    hiding = looked_at([OPENED, said(Side.CLIENT, b"GET")])
    assert hiding.hide(said(Side.CLIENT, b"GET")) == said(Side.CLIENT, b"GET")
    assert hiding.hide(said(Side.CLIENT, b" ")) is None
    assert hiding.hide(dropped(1)) is None
    assert hiding.hide(said(Side.SERVER, b"x")) is None
    assert looked_at([]).count == 0


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9))), st.integers(0, 99))
def test_places_are_hidden_as_if_all_were_one_piece(spans: list[tuple[int, int]], seed: int) -> None:
    data = bytes(range(80))
    expected = bytearray(data)
    ordered = sorted((start, start + size) for start, size in spans if size)
    places, random = _Places(), Random(seed)
    for start, end in ordered:
        expected[start:end] = b"*" * (end - start)
        places.add([(start, end)])
    found, at = b"", 0
    while at < len(data):
        piece = data[at : at + random.randint(0, 20)]
        found += places.hidden(piece, at)
        at += len(piece)
    assert found == expected
