"""Decoding recordings: events a second of every protocol, and HTTP beside its peers.

Each protocol's conversations are the tests' transcripts (`tests/protocols/transcripts`), over and over, and decoded as
`tincans show` does it, in memory; tshark reads the same as a capture, and is given our count of events. HTTP is
measured on one conversation of small requests, as its peers are: a message is a request or a response with its head,
its body and its end.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h11
import httptools
import msgspec

from bench.figures import Figure, Once, Target, alternate
from bench.peers import TINCANS
from bench.workplace import HERE, MITMPROXY, Workplace, has
from tincans.channel import Side
from tincans.conversation import Closed, Ended, Entry, How, Kind, Opened, Said
from tincans.decoding import Decoding, Heard
from tincans.export.pcapng import Pcapng
from tincans.journal import Bounds, open_journal
from tincans.protocols import names
from tincans.testing.sessions import read

TRANSCRIPTS = HERE.parent / "tests" / "protocols" / "transcripts"

#: At least so many bytes of each protocol are decoded in a round, and so many HTTP messages.
BYTES = 1_000_000
MESSAGES = 20_000
#: What a journal gives at once.
PIECE = 64 * 1024

_REQUEST = (
    b"GET /items/%d HTTP/1.1\r\nHost: example.org\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"
    b"Accept-Encoding: gzip\r\n\r\n"
)
_RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 24 Nov 2026 22:45:17 GMT\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 12\r\nConnection: keep-alive\r\n\r\nhello world\n"
)


def measure(place: Workplace) -> list[Figure]:
    return [*_every_protocol(place), *_http(place), *_bulk(place)]


# ── every protocol ────────────────────────────────────────────────────────────────────────────────────────


def _every_protocol(place: Workplace) -> Iterator[Figure]:
    for name in names():
        if found := sorted((TRANSCRIPTS / name).glob("*.tin")):
            yield from _protocol(place, name, [read(path) for path in found])


def _protocol(place: Workplace, name: str, transcripts: Sequence[Sequence[Entry]]) -> list[Figure]:
    size = sum(len(entry.data) for entries in transcripts for entry in entries if isinstance(entry, Said))
    conversations = [*transcripts] * max(1, int(BYTES * place.scale) // size)
    capture = place.path(".pcapng")
    capture.write_bytes(_packets(conversations))
    events = sum(1 for entries in transcripts for _ in _heard(entries, name)) * (len(conversations) // len(transcripts))
    figure = Figure(f"Decoding: {name}", "events/s", drawn=False)
    figure.remark = f"{len(transcripts)} conversations, {len(conversations) // len(transcripts)} times."
    runs: dict[str, Once] = {
        TINCANS: lambda: _timed(events, lambda: [sum(1 for _ in _heard(entries, name)) for entries in conversations]),
        "tshark": lambda: _timed(events, lambda: _tshark(capture)),
    }
    alternate([figure], runs, place.rounds, place.say)
    return [figure]


def _heard(entries: Sequence[Entry], name: str) -> Iterator[Heard]:
    opened = entries[0]
    assert isinstance(opened, Opened)
    decoding = Decoding(opened, name)
    for entry in entries:
        yield from (told for told in decoding.take(entry) if isinstance(told, Heard))
    yield from (told for told in decoding.close() if isinstance(told, Heard))


# ── HTTP beside its peers ─────────────────────────────────────────────────────────────────────────────────


def _http(place: Workplace) -> list[Figure]:
    figure = Figure(
        "Decoding: small HTTP messages", "messages/s",
        remark=(
            "Requests of 110 bytes and responses of 170, kept alive, both sides. h11 and httptools are told each side "
            "alone; h11 has to be told an answer to each request before it reads the next. tshark is the whole "
            "command on the exported pcapng file; mitmproxy the reader of its proxy, without the proxy. tincans keeps "
            "the offsets of every event, and pairs responses with requests."
        ),
    )  # fmt: skip
    count = int(MESSAGES * place.scale) // 2
    requests = b"".join(_REQUEST % number for number in range(count))
    responses = _RESPONSE * count
    entries = list(_conversation(count))
    capture = place.path(".pcapng")
    capture.write_bytes(_packets([entries]))
    runs: dict[str, Once] = {
        TINCANS: lambda: _timed(2 * count, lambda: sum(1 for _ in _heard(entries, "http"))),
        "h11": lambda: _timed(2 * count, lambda: _h11(requests, responses)),
        "httptools": lambda: _timed(2 * count, lambda: _httptools(requests, responses)),
        "tshark": lambda: _timed(2 * count, lambda: _tshark(capture)),
        "mitmproxy": lambda: _mitmproxy(place, requests, responses),
    }
    alternate([figure], runs, place.rounds, place.say)
    return [figure]


def _timed(messages: int, decode: Callable[[], object]) -> tuple[float]:
    began = time.perf_counter()
    decode()
    return (messages / (time.perf_counter() - began),)


def _conversation(count: int) -> Iterator[Entry]:
    at = 1_790_000_000_000_000_000
    yield Opened(
        conversation=1, at=at, kind=Kind.RELAY, client="tcp://127.0.0.1:50000", server="tcp://127.0.0.1:80",
        near="tcp://127.0.0.1:8080", far="tcp://127.0.0.1:50001",
    )  # fmt: skip
    for number in range(count):
        at += 100_000
        yield Said(conversation=1, at=at, side=Side.CLIENT, data=_REQUEST % number)
        yield Said(conversation=1, at=at + 50_000, side=Side.SERVER, data=_RESPONSE)
    yield Ended(conversation=1, at=at, side=Side.CLIENT)
    yield Ended(conversation=1, at=at, side=Side.SERVER)
    yield Closed(conversation=1, at=at, how=How.FINISHED, by=Side.CLIENT)


def _packets(conversations: Iterable[Sequence[Entry]]) -> bytes:
    """A capture of them; each has a client port of its own, as it had on the wire."""
    form = Pcapng("tincans")
    pieces = [form.head()]
    for number, entries in enumerate(conversations):
        opened = entries[0]
        assert isinstance(opened, Opened)
        client = f"tcp://127.0.0.1:{1024 + number % 60_000}"
        for entry in (msgspec.structs.replace(opened, client=client, near=""), *entries[1:]):
            pieces += form.take(entry)
        pieces += form.over()
    return b"".join([*pieces, form.foot()])


def _h11(requests: bytes, responses: bytes) -> None:
    server = h11.Connection(h11.SERVER)
    answer = [h11.Response(status_code=200, headers=[("Content-Length", "0")]), h11.EndOfMessage()]
    _h11_read(server, requests, lambda: [server.send(event) for event in answer])
    client = h11.Connection(h11.CLIENT)
    question = [h11.Request(method="GET", target="/", headers=[("Host", "example.org")]), h11.EndOfMessage()]

    def ask() -> None:
        for event in question:
            client.send(event)

    ask()
    _h11_read(client, responses, lambda: None, ask)


def _h11_read(connection: h11.Connection, data: bytes, answer: Callable[[], object], ask: Any = None) -> None:
    for at in range(0, len(data), PIECE):
        connection.receive_data(data[at : at + PIECE])
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.EndOfMessage):
                answer()
                connection.start_next_cycle()
                if ask is not None:
                    ask()


class _Headers:
    """What httptools calls: as much as its users do, to have the head at all."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, list[tuple[bytes, bytes]]]] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.target = b""

    def on_url(self, url: bytes) -> None:
        self.target = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None: ...

    def on_message_complete(self) -> None:
        self.messages.append((self.target, self.headers))
        self.headers = []


def _httptools(requests: bytes, responses: bytes) -> None:
    for kind, data in ((httptools.HttpRequestParser, requests), (httptools.HttpResponseParser, responses)):
        parser = kind(_Headers())
        for at in range(0, len(data), PIECE):
            parser.feed_data(data[at : at + PIECE])


def _tshark(capture: Path) -> None:
    """The whole command: every packet with all that it means in one line, thrown away."""
    command = [has("tshark"), "-r", str(capture), "-n"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def _mitmproxy(place: Workplace, requests: bytes, responses: bytes) -> tuple[float]:
    has("mitmdump")
    files = [place.path(".bytes"), place.path(".bytes")]
    for file, data in zip(files, (requests, responses), strict=True):
        file.write_bytes(data)
    command = [MITMPROXY / "python", HERE / "decoders" / "mitmproxy_http.py", *files]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return (found["messages"] / found["seconds"],)


# ── bulk ──────────────────────────────────────────────────────────────────────────────────────────────────


def _bulk(place: Workplace) -> list[Figure]:
    """A gigabyte of recorded HTTP: responses of a megabyte, with a length and chunked by turns."""
    figure = Figure(
        "Decoding: a gigabyte of HTTP in large bodies", "MB/s", targets=[Target(TINCANS, 30)],
        remark="Read from a journal in a folder, piece by piece, as `tincans show` reads it.",
    )  # fmt: skip
    size = int(1024 * place.scale)
    alternate([figure], {TINCANS: lambda: _read_journal(place, size)}, 1, place.say)
    return [figure]


def _read_journal(place: Workplace, megabytes: int) -> tuple[float]:
    folder = place.path("-journal")
    return (asyncio.run(_record_and_decode(folder, megabytes)),)


async def _record_and_decode(folder: Path, megabytes: int) -> float:
    """Megabytes a second, of the reading alone."""
    journal = open_journal(folder, Bounds(total=4 * 1024**3))
    try:
        number = await journal.adopt(_entries(_megabytes(megabytes)))
        began, size, decoding = time.perf_counter(), 0, None
        async for entry in journal.read(number):
            if isinstance(entry, Opened):
                decoding = Decoding(entry)
            elif isinstance(entry, Said):
                size += len(entry.data)
            assert decoding is not None
            decoding.take(entry)
        return size / (time.perf_counter() - began) / 1e6
    finally:
        await journal.aclose()


def _entries(said: Iterator[tuple[Side, bytes]]) -> Iterator[Entry]:
    opened, *_, closed = _conversation(0)
    yield opened
    for side, data in said:
        yield Said(conversation=1, at=opened.at, side=side, data=data)
    yield closed


def _megabytes(count: int) -> Iterator[tuple[Side, bytes]]:
    body = bytes(range(256)) * 256
    for number in range(count):
        yield Side.CLIENT, _REQUEST % number
        if number % 2:
            yield Side.SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (16 * len(body))
            yield from ((Side.SERVER, body) for _ in range(16))
        else:
            yield Side.SERVER, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            yield from ((Side.SERVER, b"%x\r\n" % len(body) + body + b"\r\n") for _ in range(16))
            yield Side.SERVER, b"0\r\n\r\n"
