"""Heads and bodies: whole, byte by byte, with bytes behind them, and no further than their limits."""

from __future__ import annotations

import pytest

from tincans.apps.http.intake import Content, Intake
from tincans.apps.http.patience import Deadline, Patience
from tincans.apps.http.request import CHUNKED, read_request
from tincans.channel import Channel
from tincans.errors import EndOfStream, RemoteProtocolError
from tincans.limits import HTTP_CHUNK_DIGITS, HTTP_CHUNK_LINE_BYTES, HTTP_HEAD_BYTES, HTTP_START_BYTES
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def said(*pieces: bytes) -> tuple[Intake, Channel]:
    """Where these pieces arrive one by one, and the end behind them."""
    client, server = memory_pair()

    async def say() -> None:
        for piece in pieces:
            await client.send(piece)
        await client.send_eof()

    spawn(say())
    return Intake(server, Deadline(lambda: None), Patience()), client


def ways(data: bytes) -> list[list[bytes]]:
    """Whole, and byte by byte."""
    return [[data], [data[at : at + 1] for at in range(len(data))]]


async def status_of(data: bytes) -> list[bytes]:
    """The statuses with which a head is refused, said whole and byte by byte."""
    statuses = []
    for pieces in ways(data):
        intake, client = await said(*pieces)
        with pytest.raises(RemoteProtocolError) as caught:
            read_request(await intake.head())
        statuses.append(caught.value.reply.split(b" ")[1])
        intake.deadline.close()
        await client.aclose()
    return statuses


@pytest.mark.parametrize("behind", [b"", b"\r", b"x", HEAD, b"\n"])
@pytest.mark.parametrize("before", [b"", b"\r\n"])
async def test_a_head_in_any_pieces(before: bytes, behind: bytes) -> None:
    for pieces in ways(before + HEAD + behind):
        intake, client = await said(*pieces)
        assert await intake.head() == HEAD
        rest = b""
        while len(rest) < len(behind):
            rest += await intake.some(len(behind))
        assert rest == behind
        intake.deadline.close()
        await client.aclose()


async def test_heads_behind_one_another() -> None:
    intake, _ = await said(HEAD * 3)
    assert [await intake.head() for _ in range(3)] == [HEAD] * 3
    with pytest.raises(EndOfStream):
        await intake.head()
    intake.deadline.close()


@pytest.mark.parametrize(
    "data",
    [b"\r\n\r\n" + HEAD, b"\n" + HEAD, b"\0" + HEAD, b" " + HEAD, b"\x16\x03\x01\x02\x00\x01", b"\x80",
     b"(/ HTTP/1.1\r\n",
     b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: a\n", b"GET / HTTP/1.1\r\nHost: a\rb", b"GET\r\n", b"\r\nGET\r\n",
     b"GET / HTTP/1.1\r\nHost: a\r\n\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r", b"\rG", b"GET /"],
)  # fmt: skip
async def test_what_no_head_begins_with_is_refused(data: bytes) -> None:
    assert await status_of(data) == [b"400", b"400"]


@pytest.mark.parametrize("data", [b"\x16", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nA: b\rc", b"\r\n\r\n"])
async def test_it_is_refused_before_the_end_is_there(data: bytes) -> None:
    client, server = memory_pair()
    intake = Intake(server, Deadline(lambda: None), Patience())
    await client.send(data)
    with pytest.raises(RemoteProtocolError):
        await intake.head()
    intake.deadline.close()
    await client.aclose()


async def test_the_end_between_requests_is_no_fault() -> None:
    for data in (b"", b"\r\n"):
        intake, client = await said(data) if data else await said()
        with pytest.raises(EndOfStream):
            await intake.head()
        intake.deadline.close()
        await client.aclose()


async def test_a_request_line_without_an_end() -> None:
    intake, client = await said(b"GET /" + b"a" * (HTTP_START_BYTES - 4))
    with pytest.raises(RemoteProtocolError) as caught:
        await intake.head()
    assert caught.value.reply.startswith(b"HTTP/1.1 414 ")
    intake.deadline.close()
    await client.aclose()


async def test_a_head_has_a_limit() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n"
    longest = HTTP_HEAD_BYTES - len(head % b"")
    intake, client = await said(head % (b"a" * longest))
    assert len(await intake.head()) == HTTP_HEAD_BYTES
    await client.aclose()
    intake, client = await said(head % (b"a" * (longest + 1)))
    with pytest.raises(RemoteProtocolError) as caught:
        await intake.head()
    assert caught.value.reply.startswith(b"HTTP/1.1 431 ")
    intake.deadline.close()
    await client.aclose()


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────────────


async def body_of(length: int, pieces: list[bytes]) -> tuple[bytes, bytes]:
    """The body, and what is left behind it."""
    intake, client = await said(*pieces)
    content = Content(intake, length)
    try:
        body = b""
        while piece := await content.take():
            body += piece
        assert content.ended
        assert content.left == 0
        rest = intake.take_all()
        while True:
            rest += await intake.channel.receive()
    except EndOfStream:
        return body, rest
    finally:
        intake.deadline.close()
        await client.aclose()


@pytest.mark.parametrize("behind", [b"", HEAD, b"\r\n", b"0\r\n\r\n"])
@pytest.mark.parametrize(
    ("length", "data", "body"),
    [
        (5, b"hello", b"hello"),
        (0, b"", b""),
        (CHUNKED, b"0\r\n\r\n", b""),
        (CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (CHUNKED, b"3\r\nhel\r\n002\r\nlo\r\n000\r\n\r\n", b"hello"),
        (CHUNKED, b'A;a=b;c="d e"\r\n0123456789\r\n0;x\r\nA: b\r\nc:\r\n\r\n', b"0123456789"),
        (CHUNKED, b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
    ],
)
async def test_a_body_in_any_pieces(length: int, data: bytes, body: bytes, behind: bytes) -> None:
    for pieces in ways(data + behind):
        assert await body_of(length, pieces) == (body, behind)


CUT_OFF = [b"", b"5", b"5\r\nhell", b"5\r\nhello", b"5\r\nhello\r\n", b"0\r\n", b"0\r\nA: b\r\n"]
BAD_CHUNKS = [
    b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"0\r\n\n", b"0\n\n", b"5\rhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n", b"5 ;a\r\nhello\r\n0\r\n\r\n",
    b"\r\n5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"g\r\n",
    b"5_0\r\n", b";a\r\n",
    b"5;a\0\r\nhello\r\n0\r\n\r\n", b"5;a\rb\r\nhello\r\n0\r\n\r\n", b"5,\r\nhello\r\n0\r\n\r\n",
    b"4\r\nhello\r\n0\r\n\r\n", b"6\r\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n",
    b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\na b\r\n\r\n", b"0\r\nA : b\r\n\r\n", b"0\r\nA: b\n\r\n",
    b"0\r\nA: b\r\n c\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("data", CUT_OFF + BAD_CHUNKS)
async def test_bad_chunks_are_refused(data: bytes) -> None:
    for pieces in ways(data):
        with pytest.raises(RemoteProtocolError) as caught:
            await body_of(CHUNKED, pieces)
        assert caught.value.reply.startswith(b"HTTP/1.1 400 ")


async def test_a_body_that_is_cut_off_is_refused() -> None:
    for pieces in ways(b"hell"):
        with pytest.raises(RemoteProtocolError):
            await body_of(5, pieces)


async def test_a_chunk_is_given_before_its_end_is_there() -> None:
    client, server = memory_pair()
    intake = Intake(server, Deadline(lambda: None), Patience())
    content = Content(intake, CHUNKED)
    await client.send(b"5\r\nhello")
    assert await content.take() == b"hello"
    assert content.left is None
    intake.deadline.close()
    await client.aclose()


async def test_the_size_of_a_chunk_has_a_limit() -> None:
    assert await body_of(CHUNKED, [b"0" * HTTP_CHUNK_DIGITS + b"\r\n\r\n"]) == (b"", b"")
    with pytest.raises(RemoteProtocolError):
        await body_of(CHUNKED, [b"0" * (HTTP_CHUNK_DIGITS + 1) + b"\r\n\r\n"])


async def test_the_line_before_a_chunk_has_a_limit() -> None:
    longest = HTTP_CHUNK_LINE_BYTES - len(b"0;\r\n")
    assert await body_of(CHUNKED, [b"0;" + b"a" * longest + b"\r\n\r\n"]) == (b"", b"")
    for end in (b"\r\n\r\n", b""):
        with pytest.raises(RemoteProtocolError):
            await body_of(CHUNKED, [b"0;" + b"a" * (longest + 1) + end])


async def test_trailers_have_a_limit() -> None:
    longest = HTTP_HEAD_BYTES - len(b"A: \r\n\r\n")
    assert await body_of(CHUNKED, [b"0\r\nA: " + b"a" * longest + b"\r\n\r\n"]) == (b"", b"")
    with pytest.raises(RemoteProtocolError):
        await body_of(CHUNKED, [b"0\r\nA: " + b"a" * (longest + 1) + b"\r\n\r\n"])
