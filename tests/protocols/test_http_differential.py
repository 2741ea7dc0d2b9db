"""HTTP/1.x as we read it beside h11 and httptools (llhttp): good messages, broken ones, and what we write.

Where they read a message we read the same. Where h11 refuses one a strict session refuses it, too. The exceptions are
stated: `STRICTER` has what we refuse beyond h11, `LOOSER` what we take and h11 does not.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import h11
import httptools
from hypothesis import given, settings
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.errors import RemoteProtocolError
from tincans.protocols import Event
from tincans.protocols.http import HttpSession
from tincans.protocols.http_events import Body, MessageEnd, Request, Response

#: What h11 lets pass and a strict session of ours does not: the ways in which requests are smuggled.
STRICTER = (
    "a line ends in LF alone",  # RFC 9112 §2.2: MAY
    "a field goes on in the next line",  # §5.2: MUST reject or replace
    "there is a Content-Length beside a Transfer-Encoding",  # §6.1: ought to be handled as an error
    "HTTP/1.0 has no Transfer-Encoding",  # §6.1: as if the framing is faulty
    "the version",  # only 1.x is spoken
    "the Host is no host",  # §3.2: MUST respond with 400
    "a trailer says what only a head can",  # RFC 9110 §6.5.1
    "the line before a chunk does not end in CR LF alone",  # CVE-2025-32094 and its like
)
#: What h11 refuses, in its words, and a strict session of ours takes.
LOOSER = (
    r"illegal chunk header: .*[ \\t]+;",  # §7.1.1: blanks before a semicolon MUST be removed
)


class Message(NamedTuple):
    """A message as any of them reads it: the words of its start line, and names in lower case."""

    start: tuple[bytes, ...]
    headers: list[tuple[bytes, bytes]]
    body: bytes
    trailers: list[tuple[bytes, bytes]]


class Refused(NamedTuple):
    reason: str


#: A message, why there is none, or None where more has to come.
Read = Message | Refused | None


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────────

FRAMING = {"content-length", "transfer-encoding", "host", "connection", "upgrade", "expect"}
tokens = st.text("abcXYZ0189!#$%&'*+-.^_`|~", min_size=1, max_size=8)
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=12).map(
    lambda text: text.strip()
)
fields = st.lists(st.tuples(tokens.filter(lambda name: name.lower() not in FRAMING), values), max_size=5)
bodies = st.binary(max_size=40)
METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
targets = st.text("abc/?&=%20~:;@,", min_size=0, max_size=20).map(lambda text: "/" + text)


def lines(*parts: str) -> bytes:
    return "".join(f"{part}\r\n" for part in parts).encode()


def framed(draw: st.DrawFn, body: bytes) -> tuple[list[str], bytes]:
    """A body with its length, or in chunks with extensions and trailers: its field, and its bytes."""
    if draw(st.booleans()):
        return [f"Content-Length: {len(body)}"], body
    data = b""
    while body:
        size = draw(st.integers(1, len(body)))
        extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b"']))
        data += b"%x%b\r\n%b\r\n" % (size, extension, body[:size])
        body = body[size:]
    trailers = [f"{name}: {value}" for name, value in draw(fields)]
    return ["Transfer-Encoding: chunked"], data + b"0\r\n" + lines(*trailers) + b"\r\n"


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    heads = [f"{name}:{draw(st.sampled_from(['', ' ', '  ']))}{value} " for name, value in draw(fields)]
    more, body = framed(draw, draw(bodies)) if draw(st.booleans()) else ([], b"")
    start = f"{draw(st.sampled_from(METHODS))} {draw(targets)} HTTP/1.{draw(st.sampled_from('11110'))}"
    if start.endswith("0") and more and more[0].startswith("T"):
        start = start[:-1] + "1"
    return lines(start, "Host: x.example", *heads, *more, "") + body


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    heads = [f"{name}: {value}" for name, value in draw(fields)]
    more, body = framed(draw, draw(bodies))
    status = draw(st.sampled_from(["200 OK", "404 Not Found", "500", "299 Grüße aus dem All", "201 "]))
    return lines(f"HTTP/1.1 {status}", *heads, *more, "") + body


SNIPPETS = [
    b"\n", b"\r", b"\r\n", b" ", b"\t", b"\0", b":", b"0", b"-", b"+", b"0x", b"chunked", b",", b";", b"\x0b", b"\xff",
    b"\r\nContent-Length: 3\r\n", b"\r\nTransfer-Encoding: chunked\r\n", b"\r\nTransfer-Encoding: gzip, chunked\r\n",
    b"\r\nHost: y\r\n", b"\r\n x\r\n", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1", b"\r\nContent-Length : 1\r\n",
    b"\r\n\r\n",
]  # fmt: skip


@st.composite
def broken(draw: st.DrawFn, good: st.SearchStrategy[bytes]) -> bytes:
    data = draw(good)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.sampled_from(SNIPPETS)) + data[at + draw(st.integers(0, 3)) :]
    return data


# ── who reads it ──────────────────────────────────────────────────────────────────────────────────────────


def read_ours(data: bytes, side: Side, *, strict: bool = True) -> Read:
    session = HttpSession(strict=strict)
    if side is Side.SERVER:
        session.receive(Side.CLIENT, b"GET / HTTP/1.1\r\nHost: x.example\r\n\r\n")
    events: list[Event] = []
    for piece in pieces(data):
        try:
            events += session.receive(side, piece)
        except RemoteProtocolError as error:
            return Refused(error.reason)
        if (read := message(events)) is not None:
            return read
    return None


def pieces(data: bytes) -> list[bytes]:
    """Byte by byte, so that what is wrong behind the first message does not hide it."""
    return [data[at : at + 1] for at in range(len(data))]


def message(events: list[Event]) -> Read:
    """The message that these make, once it is complete."""
    start = next((event for event in events if isinstance(event, Request | Response)), None)
    end = events[-1] if events else None
    if start is None or not isinstance(end, MessageEnd):
        return None
    words: tuple[str, ...] = (start.version,)
    words += (start.method, start.target) if isinstance(start, Request) else (str(start.status), start.reason)
    return Message(
        tuple(map(as_bytes, words)), lower(start.headers), b"".join(e.data for e in events if isinstance(e, Body)),
        lower(end.trailers),
    )  # fmt: skip


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def lower(headers: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    return [(as_bytes(name.lower()), as_bytes(value)) for name, value in headers]


def read_h11(data: bytes, side: Side) -> Read:
    connection = h11.Connection(h11.SERVER if side is Side.CLIENT else h11.CLIENT)
    if side is Side.SERVER:
        connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x.example")]))
        connection.send(h11.EndOfMessage())
    start: Any = None
    body = b""
    for piece in pieces(data):
        connection.receive_data(piece)
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                return Refused(str(error))
            if isinstance(event, h11.Request | h11.Response):
                start = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Message(h11_words(start), list(start.headers), body, list(event.headers))
            else:
                break
    return None


def h11_words(event: Any) -> tuple[bytes, ...]:
    if isinstance(event, h11.Request):
        return (event.http_version, event.method, event.target)
    return (event.http_version, b"%d" % event.status_code, event.reason)


class Parser:
    """What httptools calls. It makes no difference between headers and trailers."""

    def __init__(self, side: Side) -> None:
        kind = httptools.HttpRequestParser if side is Side.CLIENT else httptools.HttpResponseParser
        self.parser: Any = kind(self)
        self.url = self.status = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] | None = None
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_status(self, status: bytes) -> None:
        self.status += status

    def on_header(self, name: bytes, value: bytes) -> None:
        into = self.headers if self.trailers is None else self.trailers
        into.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.trailers = []

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


def read_httptools(data: bytes, side: Side) -> Read:
    reader = Parser(side)
    for piece in pieces(data):
        try:
            reader.parser.feed_data(piece)
        except httptools.HttpParserError as error:
            return Refused(str(error))
        except httptools.HttpParserUpgrade:
            return Refused("an upgrade")
        if reader.complete:
            version = reader.parser.get_http_version().encode()
            words = (
                (version, reader.parser.get_method(), reader.url)
                if side is Side.CLIENT
                else (version, b"%d" % reader.parser.get_status_code(), reader.status)
            )
            return Message(words, reader.headers, reader.body, reader.trailers or [])
    return None


# ── and whether they agree ────────────────────────────────────────────────────────────────────────────────


def normal(read: Read) -> Read:
    """As h11 gives it: the repeated lengths as one, the coding in lower case; and with one blank for any."""
    if not isinstance(read, Message):
        return read
    headers: list[tuple[bytes, bytes]] = []
    for name, value in read.headers:
        if name == b"content-length":
            value = value.split(b",")[0].strip()
            if any(name == b"content-length" for name, _ in headers):
                continue
        value = re.sub(rb"[ \t]+", b" ", value)
        headers.append((name, value.lower() if name == b"transfer-encoding" else value))
    return read._replace(headers=headers)


def check_like_h11(data: bytes, side: Side) -> None:
    if side is Side.CLIENT:
        data = data.lstrip(b"\r\n")  # RFC 9112 §2.2: a server SHOULD ignore an empty line here; h11 refuses it
    ours, theirs = read_ours(data, side), read_h11(data, side)
    if theirs is None and isinstance(ours, Refused):
        return  # a head that goes on
    if isinstance(ours, Refused) and isinstance(theirs, Message):
        assert ours.reason.startswith(STRICTER), f"{data!r}: {ours} and {theirs}"
        ours = read_ours(data, side, strict=False)
        if isinstance(theirs, Message) and theirs.start[0] in (b"1.0", b"1.1"):
            assert normal(ours) == normal(theirs), data
    elif isinstance(theirs, Refused):
        assert isinstance(ours, Refused) or any(re.match(looser, theirs.reason) for looser in LOOSER), (
            f"{data!r}: {ours} and {theirs}"
        )
    else:
        assert normal(ours) == normal(theirs), data


def test_good_messages_mean_the_same_to_all() -> None:
    @given(requests())
    def check_request(data: bytes) -> None:
        assert read_ours(data, Side.CLIENT) == read_h11(data, Side.CLIENT) == read_httptools(data, Side.CLIENT)

    @given(responses())
    def check_response(data: bytes) -> None:
        assert read_ours(data, Side.SERVER) == read_h11(data, Side.SERVER) == read_httptools(data, Side.SERVER)

    check_request()
    check_response()


@settings(max_examples=500)
@given(broken(requests()))
def test_broken_requests_are_refused_where_h11_refuses_them(data: bytes) -> None:
    check_like_h11(data, Side.CLIENT)


@settings(max_examples=500)
@given(broken(responses()))
def test_broken_responses_are_refused_where_h11_refuses_them(data: bytes) -> None:
    check_like_h11(data, Side.SERVER)
