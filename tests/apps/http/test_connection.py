"""Request after request on one connection, and how it ends."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator

import pytest

from apps.http.test_intake import BAD_CHUNKS
from apps.http.test_request import SMUGGLING
from hearing import Hearing
from running import PATIENCE
from tincans.address import Address
from tincans.apps.http import Http
from tincans.apps.http.exchange import Body, Exchange, Span
from tincans.apps.http.patience import Deadline, Patience
from tincans.errors import ChannelBroken
from tincans.limits import HTTP_HEAD_BYTES, HTTP_SEND_BYTES, HTTP_UNWANTED_BYTES, Limits
from tincans.server import serve
from tincans.tasks import spawn
from tincans.transports import dial
from wired import answers_to, get, heard, read, said_to, served, tell, until

SOON = 0.01


async def say_path(exchange: Exchange) -> None:
    """A handler that does not look at the body."""
    await exchange.respond(200, (), exchange.request.path.encode())


async def test_requests_are_answered_in_their_order() -> None:
    said = b"".join([get(f"/{number}", body=b"x" * number) for number in range(50)])
    for pieces in ([said], [said[at : at + 1] for at in range(len(said))]):
        answers = await answers_to(tell, *pieces)
        assert [answer.body for answer in answers] == [b"GET\n/%d\n%b" % (n, b"x" * n) for n in range(50)]


async def test_a_connection_is_kept_for_the_next() -> None:
    async with served(Http(tell)) as client:
        for number in range(3):
            await client.send(get(f"/{number}"))
            assert (await until(client, b"/%d\n" % number)).startswith(b"HTTP/1.1 200 ")


async def test_nothing_is_read_behind_the_last() -> None:
    [answer] = await answers_to(tell, get("/", "Connection: close") + get("/more"), ends=False)
    assert answer.body == b"GET\n/\n"


async def test_a_body_that_nobody_read_is_passed_over() -> None:
    answers = await answers_to(say_path, get("/1", body=get("/smuggled")), get("/2"))
    assert [answer.body for answer in answers] == [b"/1", b"/2"]


async def test_one_that_is_too_long_ends_the_connection() -> None:
    said = [get("/1", body=b"x" * HTTP_UNWANTED_BYTES), get("/2", body=b"x" * (HTTP_UNWANTED_BYTES + 1)), get("/3")]
    assert [answer.body for answer in await answers_to(say_path, *said)] == [b"/1", b"/2"]


async def test_what_is_refused_is_the_last() -> None:
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"nonsense \x00\r\n", b"\x16\x03\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        first, refused = await answers_to(tell, get("/1") + said + get("/smuggled"), ends=False)
        assert first.body == b"GET\n/1\n"
        assert refused.status in (400, 505)
        assert refused.fields["connection"] == "close"


@pytest.mark.parametrize("fields", SMUGGLING.values(), ids=SMUGGLING)
async def test_whoever_smuggles_gets_400_and_a_closed_channel_and_nothing_else(fields: bytes) -> None:
    asked: list[str] = []

    async def handler(exchange: Exchange) -> None:
        asked.append(exchange.request.path)
        await tell(exchange)

    smuggled = get("/smuggled")
    body = b"0\r\n\r\n" + smuggled
    head = b"POST /bad HTTP/1.1\r\nHost: a\r\n%b\r\n" % fields
    for step in (1, 1 << 20):
        data = get("/good") + head + body
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        good, bad = await answers_to(handler, *pieces, ends=False)
        assert (good.status, bad.status, bad.fields["connection"]) == (200, 400, "close")
    assert asked == ["/good", "/good"]


@pytest.mark.parametrize("chunks", BAD_CHUNKS)
async def test_so_does_who_does_it_in_chunks(chunks: bytes) -> None:
    data = get("/bad", "Transfer-Encoding: chunked", method="POST") + chunks
    for ends in (True, False) if chunks.endswith(b"\r\n\r\n") else (True,):
        answers = await answers_to(tell, data + get("/smuggled"), ends=ends)
        assert [answer.status for answer in answers] == [400]


async def test_a_head_that_is_too_long_is_refused_before_it_ends() -> None:
    [refused] = await answers_to(tell, b"GET / HTTP/1.1\r\nX: " + b"a" * HTTP_HEAD_BYTES, ends=False)
    assert refused.status == 431


async def test_a_body_that_turns_out_malformed_behind_the_answer_ends_all() -> None:
    said = get("/1", "Transfer-Encoding: chunked") + b"x\r\n" + get("/smuggled")
    [answer] = await answers_to(say_path, said, ends=False)
    assert answer.body == b"/1"


async def test_a_body_that_turns_out_malformed_within_the_answer_tears_it() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.respond(200, (), exchange.body())

    async with served(Http(handler)) as client:
        await client.send(get("/", "Transfer-Encoding: chunked") + b"1\r\na\r\nx\r\n")
        with pytest.raises(ChannelBroken):
            await heard(client)


# ── handlers that crash ───────────────────────────────────────────────────────────────────────────────────


async def test_a_crash_is_answered_and_told(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(exchange: Exchange) -> None:
        raise ZeroDivisionError

    [answer] = await answers_to(handler, get("/x") + get("/y"), ends=False)
    assert answer.status == 500
    assert answer.fields["connection"] == "close"
    assert "GET /x: the handler crashed" in caplog.text


async def test_so_is_a_handler_that_says_nothing() -> None:
    async def handler(exchange: Exchange) -> None:
        pass

    [answer] = await answers_to(handler, get(), ends=False)
    assert answer.status == 500


async def test_a_crash_behind_the_response_ends_the_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.respond(200, (), b"said")
        raise ZeroDivisionError

    [answer] = await answers_to(handler, get() + get(), ends=False)
    assert answer.body == b"said"
    assert "crashed" in caplog.text


async def test_a_crash_in_the_response_tears_it() -> None:
    async def handler(exchange: Exchange) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"half"
            raise ZeroDivisionError

        await exchange.respond(200, (), body())

    async with served(Http(handler)) as client:
        await client.send(get())
        with pytest.raises(ChannelBroken):
            await heard(client)


# ── patience ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_does_not_finish_a_head_hears_so() -> None:
    [answer] = read(await said_to(tell, b"GET / HT", ends=False, patience=Patience(head=SOON)))
    assert answer.status == 408
    assert answer.fields["connection"] == "close"


async def test_a_head_that_comes_byte_by_byte_has_no_more_time() -> None:
    async with served(Http(tell, Patience(head=0.03))) as client:
        loop = asyncio.get_running_loop()
        began = loop.time()
        hearing = spawn(heard(client))
        while not hearing.done():
            assert loop.time() < began + 20
            try:
                await client.send(b"G")
            except ChannelBroken:
                break
            await asyncio.sleep(0.001)
        assert (await hearing).startswith(b"HTTP/1.1 408 ")


async def test_who_begins_nothing_is_left_without_a_word() -> None:
    assert await said_to(tell, ends=False, patience=Patience(head=SOON)) == b""


async def test_a_connection_is_kept_so_long_and_no_longer() -> None:
    data = await said_to(tell, get(), ends=False, patience=Patience(kept=SOON))
    assert [answer.status for answer in read(data)] == [200]


async def test_a_body_may_pause_so_long_and_no_longer() -> None:
    said = get("/", "Content-Length: 5", method="POST") + b"he"
    [answer] = read(await said_to(tell, said, ends=False, patience=Patience(body=SOON)))
    assert answer.status == 408


@pytest.mark.parametrize("kind", ["bytes", "file", "pieces"])
async def test_who_does_not_take_the_response_is_cut_off(kind: str) -> None:
    cut = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000

    async def handler(exchange: Exchange) -> None:
        with tempfile.TemporaryFile() as file:
            file.truncate(10_000_000)
            bodies: dict[str, Body] = {
                "bytes": b"x" * 10_000_000,
                "file": Span(file.fileno(), 0, 10_000_000),
                "pieces": pieces(),
            }
            try:
                await exchange.respond(200, (), bodies[kind])
            finally:
                cut.set()

    async with served(Http(handler, Patience(send=SOON))) as client:
        await client.send(get())
        await cut.wait()  # and read nothing before
        with pytest.raises(ChannelBroken):
            await heard(client)


@pytest.mark.parametrize(("size", "pieces"), [(HTTP_SEND_BYTES, 1), (HTTP_SEND_BYTES + 1, 2)])
async def test_each_piece_of_a_file_has_its_own_time(size: int, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    monkeypatch.setattr(Deadline, "set", lambda self, seconds: times.append(seconds))

    async def handler(exchange: Exchange) -> None:
        with tempfile.TemporaryFile() as file:
            file.truncate(size)
            await exchange.respond(200, (), Span(file.fileno(), 0, size))

    [answer] = read(await said_to(handler, get(), patience=Patience(send=1234)))
    assert len(answer.body) == size
    assert times.count(1234) == 1 + pieces  # the head, too


async def test_a_handler_takes_all_the_time_that_it_wants() -> None:
    async def handler(exchange: Exchange) -> None:
        await asyncio.sleep(0.03)
        await exchange.respond(200)

    data = await said_to(handler, get(), patience=Patience(head=SOON, kept=SOON, body=SOON))
    assert [answer.status for answer in read(data)] == [200]


async def test_who_pipelines_lets_others_have_their_turn() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = spawn(count())
    try:
        await said_to(say_path, get() * 500)
    finally:
        counting.cancel()
    assert turns > 400


# ── in a server ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_recording_says_why_a_request_was_refused() -> None:
    hearing = Hearing()
    async with await serve("memory:http-refused", Http(tell), recorders=[hearing]) as server:
        async with await dial(server.address) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
            assert (await heard(client)).startswith(b"HTTP/1.1 400 ")
        [conversation] = hearing.all
        await conversation.over.wait()
        assert conversation.notes == ["there is white space before a colon"]


async def test_a_server_that_stops_waits_for_no_kept_connection() -> None:
    server = await serve("memory:http-stops", Http(tell), limits=Limits(drain=3600))
    async with await dial(server.address) as idle, await dial(server.address) as fresh:
        await idle.send(get())
        await until(idle, b"\n/\n")
        while server.clients < 2:
            await asyncio.sleep(0)
        await asyncio.wait_for(server.aclose(), PATIENCE)
        assert await heard(idle) == b""
        assert await heard(fresh) == b""


async def test_a_request_that_goes_on_is_the_last_of_its_connection() -> None:
    going_on = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        going_on.set()
        async for _ in exchange.body():
            pass
        await exchange.respond(200, (), b"done")

    server = await serve("memory:http-ends", Http(handler))
    async with await dial(server.address) as client:
        await client.send(get("/", "Content-Length: 1"))
        await going_on.wait()
        stopping = spawn(server.aclose())
        while server.listening:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await client.send(b"x")
        [answer] = read(await heard(client))
        assert (answer.body, answer.fields["connection"]) == (b"done", "close")
    await stopping


async def test_an_answer_arrives_though_the_client_still_talks() -> None:
    """On a socket: what is not read when it is closed would be answered by a reset that overtakes the answer."""
    async with await serve("tcp://127.0.0.1:0", Http(tell)) as server:
        async with await dial(Address("tcp", "127.0.0.1", server.address.port)) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
            data = await until(client, b"colon\n")
            for _ in range(10):
                await client.send(b"x" * 10_000)
            assert await heard(client) == b""
        assert data.startswith(b"HTTP/1.1 400 ")
