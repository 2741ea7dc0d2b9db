"""HTTP/1.x, as transcripts, and strict where smuggling begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.conversation import Dropped, Ended, Entry, Said
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import (
    GUESS_BYTES,
    HTTP_CHUNK_DIGITS,
    HTTP_CHUNK_LINE_BYTES,
    HTTP_FIELDS,
    HTTP_HEAD_BYTES,
    HTTP_LENGTH_DIGITS,
    HTTP_PIPELINED,
    HTTP_START_BYTES,
)
from tincans.protocols import Data, Event, Match, Upgraded
from tincans.protocols.http import HttpSession
from tincans.protocols.http_events import Body, Head, InterimResponse, MessageEnd, Request, Response
from tincans.protocols.lines import Line
from tincans.testing import check_mutations, check_session
from tincans.testing.sessions import bytewise, joined, mutated, read

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "http").glob("*.tin"))

#: Where the rest may have to be guessed: from the first byte of something broken that may be another protocol than from
#: two. So they are broken for a session alone.
GUESSED = {"connect", "upgrade-refused", "websocket"}


def in_order(event: Event) -> bool:
    """A strict session says nothing that another strict one would refuse."""
    return not (isinstance(event, Head | MessageEnd) and event.notes)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(
        path, "http", guessed=path.stem != "lenient", sendable=in_order
    )  # nobody is sure of a blank in a target


@pytest.mark.parametrize("path", [path for path in TRANSCRIPTS if path.stem not in GUESSED], ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: Random) -> None:
    check_mutations(path, "http", random)


@pytest.mark.parametrize("stem", sorted(GUESSED))
@given(random=st.randoms(use_true_random=False))
def test_a_broken_upgrade_is_the_same_byte_by_byte(stem: str, random: Random) -> None:
    entries = mutated(read(TRANSCRIPTS[0].with_stem(stem)), random)
    assert heard(entries) == heard(bytewise(entries))


def heard(entries: list[Entry]) -> dict[Side, list[Event]]:
    """What each side means to a session, up to an upgrade."""
    session, events = HttpSession(), list[Event]()
    for entry in entries:
        match entry:
            case Said(side=side, data=data):
                events += session.receive(side, data)
            case Dropped(side=side, count=count):
                events += session.lost(side, count)
            case Ended(side=side):
                events += session.end(side)
    return {side: [event for event in joined(events) if event.side is side] for side in Side}


# ── strict ────────────────────────────────────────────────────────────────────────────────────────────────

HOST = b"Host: x.example\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x.example\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "beside a"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "different"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 2\r\n\r\n", 400, "different"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\n", 400, "no length"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: \xc2\xb2\r\n\r\n", 400, "no length"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 501, "not only chunked"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n", 400, "not the last"),
        (
            b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "last",
        ),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0 has no"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "no Host"),
        (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400, "more than one Host"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "is no host"),
        (b"GET / HTTP/1.1\r\nHost : x.example\r\n\r\n", 400, "before a colon"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n z\r\n\r\n", 400, "goes on"),
        (b"GET / HTTP/1.1\r\n Host: x.example\r\n\r\n", 400, "goes on"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n\r\n", 400, "bare CR"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n", 400, "bare CR or another control"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\r\n\n\r\n", 400, "bare CR"),
        (b"GET / HTTP/1.1\n" + HOST + b"\r\n", 400, "LF alone"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"\n", 400, "LF alone"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X Y: z\r\n\r\n", 400, "no token"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"no colon\r\n\r\n", 400, "no colon"),
        (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400, "one blank"),
        (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400, "one blank"),
        (b"GET /\xc3\xbc HTTP/1.1\r\n" + HOST + b"\r\n", 400, "encoded"),
        (b"G\xc3\x9cT / HTTP/1.1\r\n" + HOST + b"\r\n", 400, "no token"),
        (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505, "version 2.0"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version 2.0"),
        (b"GET /\r\n", 400, "no request line"),
        (b"\x16\x03\x01", 400, "0x16"),
        (CHUNKED + b"g\r\n", 400, "size of a chunk"),
        (CHUNKED + b"-1\r\n", 400, "size of a chunk"),
        (CHUNKED + b"0x1\r\n", 400, "size of a chunk"),
        (CHUNKED + b"1\nx\r\n", 400, "CR LF alone"),
        (CHUNKED + b"1;a\rb\r\nx\r\n", 400, "CR LF alone"),
        (CHUNKED + b"1\r\nxx\r\n", 400, "where its size says"),
        (CHUNKED + b"1\r\nx\n", 400, "is LF alone"),
        (CHUNKED + b"0\r\nContent-Length: 3\r\n\r\n", 400, "only a head"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\nGET / HTTP/1.1\r\n", 0, "behind the last"),
    ],
)
def test_a_strict_session_refuses(data: bytes, status: int, reason: str) -> None:
    session = HttpSession(strict=True)
    with pytest.raises(RemoteProtocolError, match=reason) as caught:
        session.receive(Side.CLIENT, data)
    assert caught.value.reply.startswith(b"HTTP/1.1 %d " % status if status else b"")
    assert caught.value.at < len(data)
    with pytest.raises(RemoteProtocolError):
        session.receive(Side.CLIENT, b"anything more")
    described = HttpSession().receive(Side.CLIENT, data)
    assert described[-1].end <= len(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "beside a"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "different"),
        (b"HTTP/1.1 101 Sw\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "nobody has asked for another"),
        (b"HTTP/1.1\t200 OK\r\n\r\n", "one blank"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "no status line"),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "0x0d"),
        (b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "nobody has asked"),
    ],
)
def test_a_strict_client_refuses(data: bytes, reason: str) -> None:
    session = HttpSession(strict=True)
    session.send(Side.CLIENT, Request(method="GET", target="/", headers=(("Host", "x.example"),)))
    with pytest.raises(RemoteProtocolError, match=reason):
        session.receive(Side.SERVER, data)


@pytest.mark.parametrize(
    "event",
    [
        lambda: Request(method="GET /", target="/"),
        lambda: Request(method="GET", target="/\nX: y"),
        lambda: Request(method="GET", target="/", headers=(("X", "y\nZ: z"),)),
        lambda: Request(method="GET", target="/", headers=(("X:", "y"),)),
        lambda: Request(method="GET", target="/", version="1.1\n"),
        lambda: Response(status=100),
        lambda: Response(status=200, reason="OK\n"),
        lambda: InterimResponse(status=200),
        lambda: MessageEnd(trailers=(("X", "\n"),)),
    ],
)
def test_what_could_not_be_said_is_not_built(event: Callable[[], Event]) -> None:
    with pytest.raises(ValueError):
        event()


@pytest.mark.parametrize(
    "event",
    [
        Request(method="GET", target="/"),  # no Host
        Request(method="GET", target="/a b", headers=(("Host", "x"),)),
        Request(method="GET", target="/", headers=(("Host", "x"), ("X", "y\rz"))),
        Request(method="GET", target="/", headers=(("Host", "x"), ("", "y"))),
        Response(status=200),
        Body(data=b"nobody has promised that"),
        MessageEnd(trailers=(("X", "y"),)),
        Line(line="GET / HTTP/1.1"),
    ],
)
def test_what_breaks_the_rules_is_not_sent(event: Event) -> None:
    with pytest.raises(LocalProtocolError):
        HttpSession(strict=True).send(Side.CLIENT, event)


def test_a_body_is_as_long_as_its_head_says() -> None:
    session = HttpSession(strict=True)
    session.send(Side.CLIENT, Request(method="PUT", target="/", headers=(("Host", "x"), ("Content-Length", "4"))))
    with pytest.raises(LocalProtocolError):
        session.send(Side.CLIENT, Request(method="GET", target="/", headers=(("Host", "x"),)))
    with pytest.raises(LocalProtocolError):
        session.send(Side.CLIENT, Body(data=b"12345"))
    assert session.send(Side.CLIENT, Body(data=b"12")) == b"12"
    with pytest.raises(LocalProtocolError):
        session.send(Side.CLIENT, MessageEnd())
    assert session.send(Side.CLIENT, Body(data=b"34")) == b"34"
    assert session.send(Side.CLIENT, MessageEnd()) == b""  # nobody has to know whether it takes any


def test_a_server_reads_requests_and_answers_them_in_their_order() -> None:
    session = HttpSession(strict=True)
    session.receive(Side.CLIENT, b"HEAD /a HTTP/1.1\r\n" + HOST + b"\r\nGET /b HTTP/1.1\r\n" + HOST + b"\r\n")
    answer = Response(status=200, reason="OK", headers=(("Content-Length", "2"),))
    session.send(Side.SERVER, answer)
    with pytest.raises(LocalProtocolError):
        session.send(Side.SERVER, Body(data=b"HEAD has none"))
    session.send(Side.SERVER, answer)
    assert session.send(Side.SERVER, Body(data=b"ok")) == b"ok"


def test_a_body_in_chunks_is_sent_with_its_trailers() -> None:
    session = HttpSession(strict=True)
    session.receive(Side.CLIENT, b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    session.send(Side.SERVER, Response(status=200, headers=(("Transfer-Encoding", "chunked"),)))
    assert session.send(Side.SERVER, Body(data=b"twelve bytes")) == b"c\r\ntwelve bytes\r\n"
    assert session.send(Side.SERVER, Body(data=b"")) == b""  # which would be the end
    assert session.send(Side.SERVER, MessageEnd(trailers=(("X", "y"),))) == b"0\r\nX: y\r\n\r\n"
    assert session.awaited is Side.CLIENT


# ── limits, each crossed by one ───────────────────────────────────────────────────────────────────────────


def refused(data: bytes, side: Side = Side.CLIENT) -> str:
    """The status with which a strict session refuses `data`, however it is cut; empty where it does not."""
    statuses = set()
    for size in (len(data), 1000):
        session = HttpSession(strict=True)
        try:
            for at in range(0, len(data), size):
                session.receive(side, data[at : at + size])
            statuses.add("")
        except RemoteProtocolError as error:
            statuses.add(error.reply[9:12].decode())
    assert len(statuses) == 1
    return statuses.pop()


def test_a_request_line_has_a_limit() -> None:
    target = b"/" * (HTTP_START_BYTES - len(b"GET  HTTP/1.1\r\n"))
    assert refused(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n") == ""
    assert refused(b"GET /" + target + b" HTTP/1.1\r\n" + HOST + b"\r\n") == "414"


def test_a_head_has_a_limit() -> None:
    head = b"GET / HTTP/1.1\r\n" + HOST + b"X: \r\n\r\n"
    value = b"x" * (HTTP_HEAD_BYTES - len(head))
    assert refused(head.replace(b"X: ", b"X: " + value)) == ""
    assert refused(head.replace(b"X: ", b"X: x" + value)) == "431"
    trailers = b"X: " + b"x" * (HTTP_HEAD_BYTES - len(b"X: \r\n\r\n"))
    assert refused(CHUNKED + b"0\r\n" + trailers + b"\r\n\r\n") == ""
    assert refused(CHUNKED + b"0\r\n" + trailers + b"x\r\n\r\n") == "431"


def test_empty_lines_before_a_request_have_a_limit() -> None:
    assert refused(b"\r\n" * (HTTP_HEAD_BYTES // 2 - 1) + b"GET / HTTP/1.1\r\n" + HOST + b"\r\n") == ""
    assert refused(b"\r\n" * (HTTP_HEAD_BYTES // 2)) == "400"


def test_the_fields_of_a_head_have_a_limit() -> None:
    assert refused(b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * (HTTP_FIELDS - 1) + b"\r\n") == ""
    assert refused(b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * HTTP_FIELDS + b"\r\n") == "431"


def test_the_line_before_a_chunk_has_a_limit() -> None:
    extension = b"x" * (HTTP_CHUNK_LINE_BYTES - len(b"1;\r\n"))
    assert refused(CHUNKED + b"1;" + extension + b"\r\n") == ""
    assert refused(CHUNKED + b"1;x" + extension + b"\r\n") == "400"


def test_lengths_have_a_limit() -> None:
    length = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %b\r\n\r\n"
    assert refused(length % (b"9" * HTTP_LENGTH_DIGITS)) == ""
    assert refused(length % (b"9" * (HTTP_LENGTH_DIGITS + 1))) == "400"
    assert refused(CHUNKED + b"f" * HTTP_CHUNK_DIGITS + b"\r\n") == ""
    assert refused(CHUNKED + b"f" * (HTTP_CHUNK_DIGITS + 1) + b"\r\n") == "400"


def test_requests_without_an_answer_have_a_limit() -> None:
    request = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
    assert refused(request * HTTP_PIPELINED) == ""
    assert refused(request * (HTTP_PIPELINED + 1)) == "503"
    assert len(HttpSession().receive(Side.CLIENT, request * 3 * HTTP_PIPELINED)) == 6 * HTTP_PIPELINED


# ── whose turn it is ──────────────────────────────────────────────────────────────────────────────────────


def test_it_is_known_who_has_to_speak() -> None:
    session = HttpSession()
    turns = []
    for side, data in [
        (Side.CLIENT, b""), (Side.CLIENT, b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"),
        (Side.CLIENT, b"Expect: 100-continue\r\n\r\n"), (Side.SERVER, b"HTTP/1.1 100 Continue\r\n\r\n"),
        (Side.CLIENT, b"o"), (Side.CLIENT, b"k"), (Side.SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"),
        (Side.SERVER, b"!"),
    ]:  # fmt: skip
        session.receive(side, data)
        turns.append(session.awaited)
    client, server = Side
    assert turns == [client, client, server, client, client, server, server, client]


@pytest.mark.parametrize(
    ("client", "server", "match"),
    [
        (b"GET / HTTP/1.1\r\n", b"", Match.SURE), (b"\r\nM-SEARCH * HTTP/1.1\r\n", b"", Match.SURE),
        (b"GET", b"", Match.WAIT), (b"GET /x", b"", Match.WAIT), (b"GET / HTTP/1.1\r", b"", Match.WAIT),
        (b"GET /" + b"x" * GUESS_BYTES, b"", Match.SURE), (b"", b"HTTP/1.1 200", Match.SURE),
        (b"", b"HT", Match.WAIT), (b"", b"HTML", Match.NO), (b"GET key\r\n", b"", Match.NO),
        (b"OPTIONS * RTSP/1.0\r\n", b"", Match.NO), (b"\x16\x03\x01", b"", Match.NO), (b"", b"", Match.NO),
    ],
)  # fmt: skip
def test_it_is_recognized(client: bytes, server: bytes, match: Match) -> None:
    assert HttpSession.recognize(client, server) is match


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("head", "shown"),
    [
        (b"Authorization: Basic dXNlcjpwYXNz\r\n", b"Authorization: Basic *****\r\n"),
        (b"authorization:token\r\n", b"authorization:*****\r\n"),
        (b"Proxy-Authorization: Digest a=b, c=d\r\n", b"Proxy-Authorization: Digest *****\r\n"),
        (b"Cookie: a=b; c=d=e; f\r\nCookie:g=h\r\n", b"Cookie: a=*****; c=*****;*****\r\nCookie:g=*****\r\n"),
        (b"Cookie : a=b\r\n c\r\nX: y\r\n", b"Cookie : a=*****\r\nX: y\r\n"),
    ],
)
def test_secrets_are_masked_and_their_bytes_known(head: bytes, shown: bytes) -> None:
    data = b"GET / HTTP/1.1\r\n" + HOST + head + b"\r\n"
    session = HttpSession()
    session.receive(Side.CLIENT, b"GET / HTTP/1.0\r\n\r\n")
    event = session.receive(Side.CLIENT, data)[0]
    covered = bytearray(data)
    for start, end in reversed(event.hidden):
        covered[start - event.start : end - event.start] = b"*****"
    assert bytes(covered) == b"GET / HTTP/1.1\r\n" + HOST + shown + b"\r\n"
    for secret in ("dXNl", "token", "c=d", "=b", "=h", "=e"):
        assert secret not in str(event.masked())


def test_a_password_in_a_target_is_masked() -> None:
    data = b"GET http://user:pass@x.example/a:b@c HTTP/1.0\r\n\r\n"
    event = HttpSession().receive(Side.CLIENT, data)[0]
    assert [data[start:end] for start, end in event.hidden] == [b"pass"]
    assert event.masked().summary == "GET http://user:******@x.example/a:b@c HTTP/1.0"
    plain = Request(method="GET", target="/a:b@c")
    assert plain.masked() == plain


def test_a_cookie_that_is_set_keeps_its_attributes() -> None:
    event = Response(status=200, headers=(("Set-Cookie", "id=secret; Path=/"), ("Set-Cookie", "b=c")))
    assert event.masked().every("set-cookie") == ["id=******; Path=/", "b=******"]
    assert event.field("SET-COOKIE") == "id=secret; Path=/, b=c"
    assert event.field("nothing", "else") == "else"


# ── gaps ──────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.data())
def test_behind_a_gap_the_next_message_is_found(data: st.DataObject) -> None:
    body = data.draw(st.binary(min_size=1, max_size=300).filter(lambda body: b"HTTP/1" not in body))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    said = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    start = data.draw(st.integers(0, len(said) - 1))
    end = data.draw(st.integers(start + 1, len(said)))
    session = HttpSession()
    session.receive(Side.CLIENT, b"GET / HTTP/1.0\r\n\r\n")
    events = session.receive(Side.SERVER, said[:start])
    events += session.lost(Side.SERVER, end - start)
    rest = said[end:] + b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    for at in range(0, len(rest), 7):
        events += session.receive(Side.SERVER, rest[at : at + 7])
    assert [event.summary for event in events[-2:]] == ["HTTP/1.1 404 Not Found", "end of the message"]
    assert [event.start for event in events[1:]] == [event.end for event in events[:-1]]


def test_behind_a_gap_an_answer_belongs_to_the_request_before_it() -> None:
    session = HttpSession()
    session.receive(Side.CLIENT, b"HEAD / HTTP/1.0\r\n\r\n")
    session.lost(Side.SERVER, 100)
    session.receive(Side.CLIENT, b"GET / HTTP/1.0\r\n\r\n")
    events = session.receive(Side.SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert [type(event) for event in events] == [Response, Body, MessageEnd]


def test_a_gap_up_to_the_end_of_a_chunk_is_counted() -> None:
    session = HttpSession()
    session.receive(Side.CLIENT, CHUNKED + b"5\r\nhe")
    session.lost(Side.CLIENT, 3)
    events = session.receive(Side.CLIENT, b"\r\n1\r\n!\r\n0\r\n\r\n")
    assert [type(event) for event in events] == [Body, MessageEnd]


# ── what follows is something else ────────────────────────────────────────────────────────────────────────


def test_an_upgrade_tells_the_next_session_what_it_needs() -> None:
    session = HttpSession()
    session.receive(
        Side.CLIENT, b"GET / HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\nearly"
    )
    assert session.waiting(Side.CLIENT) == 5
    session.receive(
        Side.SERVER,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: chat\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n",
    )
    assert session.upgraded is not None
    assert session.upgraded.to == "websocket"
    extensions = "permessage-deflate; server_no_context_takeover"
    assert session.upgraded.options == {"extensions": extensions, "subprotocol": "chat"}
    assert session.rest(Side.CLIENT) == b"early"


def test_an_upgrade_that_is_refused_was_plain_http() -> None:
    session = HttpSession()
    ask = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert len(session.receive(Side.CLIENT, ask + b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n")) == 2
    events = session.receive(Side.SERVER, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    assert [event.side for event in events].count(Side.CLIENT) == 2


def test_after_an_upgrade_to_tls_http_goes_on_inside() -> None:
    session = HttpSession()
    ask = b"OPTIONS * HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: TLS/1.0\r\n\r\n"  # RFC 2817
    session.receive(Side.CLIENT, ask)
    session.receive(Side.SERVER, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n\r\n")
    assert session.upgraded is not None
    assert session.upgraded.to == "tls"
    session.secured()
    events = session.receive(Side.SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert [type(event) for event in events] == [Response, MessageEnd]


def test_http2_is_not_taken_for_http1() -> None:
    session = HttpSession()
    events = session.receive(Side.CLIENT, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
    assert [type(event) for event in events] == [Request, Upgraded]
    assert session.rest(Side.CLIENT).startswith(b"SM")


def test_empty_lines_at_the_end_mean_nothing() -> None:
    session = HttpSession(strict=True)
    events = session.receive(Side.CLIENT, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nok\r\n")
    assert len(events) == 3
    assert [type(event) for event in session.end(Side.CLIENT)] == [Data]


def test_a_body_that_ends_too_soon_is_refused() -> None:
    session = HttpSession(strict=True)
    session.receive(Side.CLIENT, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\no")
    with pytest.raises(RemoteProtocolError, match="before the body does"):
        session.end(Side.CLIENT)
