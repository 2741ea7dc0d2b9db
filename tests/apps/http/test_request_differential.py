"""Whatever the server accepts, h11 and our strict session read in the same way: there is nothing to smuggle in between.

What is tried is what `tests/protocols/test_http_differential.py` tries: good requests, and such with something in them
that does not belong there; two behind one another, in pieces.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import test_http_differential as peers
from tincans.apps.http.exchange import Exchange
from tincans.channel import Side
from tincans.errors import RemoteProtocolError
from tincans.protocols import Event
from tincans.protocols.http import HttpSession
from tincans.protocols.http_events import MessageEnd
from wired import said_to

#: h11 takes no empty line before a request (RFC 9112 §2.2: a server SHOULD pass over one).
LOOSER = "no request line received"


def read_server(data: bytes, step: int) -> tuple[list[peers.Message], bytes]:
    """The requests that a handler was given with their whole bodies, and what the client heard."""
    found: list[peers.Message] = []

    async def handler(exchange: Exchange) -> None:
        request = exchange.request
        body = b"".join([piece async for piece in exchange.body()])
        words = tuple(map(peers.as_bytes, (request.version, request.method, request.target)))
        found.append(peers.Message(words, peers.lower(tuple(request.fields)), body, []))
        await exchange.respond(204)

    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    heard = asyncio.run(said_to(handler, *pieces))
    return found, heard


def read_session(data: bytes) -> list[peers.Message]:
    session = HttpSession(strict=True)
    found: list[peers.Message] = []
    events: list[Event] = []
    for piece in peers.pieces(data):
        try:
            new = session.receive(Side.CLIENT, piece)
        except RemoteProtocolError:
            break
        for event in new:
            events.append(event)
            if isinstance(event, MessageEnd):
                message = peers.message(events)
                assert isinstance(message, peers.Message)
                found.append(message._replace(trailers=[]))
                events = []
    return found


def read_h11(data: bytes) -> tuple[list[peers.Message], str]:
    """The requests, and why there are no more."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    found: list[peers.Message] = []
    start: Any = None
    body = b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            return found, str(error)
        if isinstance(event, h11.Request):
            start, body = event, b""
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            found.append(peers.Message(peers.h11_words(start), list(start.headers), body, []))
            connection.send(h11.Response(status_code=204, headers=[]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is h11.MUST_CLOSE:
                return found, ""
            connection.start_next_cycle()
        else:
            return found, ""


def normal(messages: list[peers.Message]) -> list[peers.Read]:
    return [peers.normal(message) for message in messages]


def check(data: bytes, step: int) -> None:
    data = data.removeprefix(b"\r\n")
    ours, heard = read_server(data, step)
    assert heard.count(b"HTTP/1.1 204 ") == len(ours)
    strict, (theirs, reason) = read_session(data), read_h11(data)
    assert normal(ours) == normal(strict[: len(ours)]), data
    if reason == LOOSER:
        ours = ours[: len(theirs)]
    assert normal(ours) == normal(theirs[: len(ours)]), data


def is_encoded(request: bytes) -> bool:
    """Whether its target is more than h11 looks at."""
    return not re.search(rb"%(?![0-9A-Fa-f]{2})", request.split(b" ")[1])


steps = st.sampled_from([1, 7, 1000])


@settings(max_examples=150)
@given(st.lists(peers.requests().filter(is_encoded), min_size=1, max_size=3), steps)
def test_good_requests_are_read_by_all_alike(requests: list[bytes], step: int) -> None:
    data = b"".join(requests)
    ours, _ = read_server(data, step)
    assert ours == read_h11(data)[0]
    assert ours == read_session(data)


@settings(max_examples=400)
@given(peers.broken(peers.requests()), peers.requests(), steps)
def test_what_is_accepted_of_broken_requests_is_what_others_read(broken: bytes, behind: bytes, step: int) -> None:
    check(broken + behind, step)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(peers.SNIPPETS), max_size=4), peers.requests(), steps)
def test_so_it_is_with_fields_that_frame(snippets: list[bytes], behind: bytes, step: int) -> None:
    check(b"POST / HTTP/1.1\r\nHost: a" + b"".join(snippets) + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + behind, step)
