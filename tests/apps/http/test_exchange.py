"""A response is framed as HTTP has it, whatever the handler says; a body is read as far as the handler wants it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator

import pytest

from tincans.apps.http import Http
from tincans.apps.http.exchange import Body, Exchange, Span, render
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import HTTP_SMALL_BYTES, HTTP_UNWANTED_BYTES
from wired import answers_to, get, heard, read, said_to, served, tell, until


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def answer(status: int, body: Body, request: bytes, *, length: int | None = None) -> bytes:
    async def handler(exchange: Exchange) -> None:
        await exchange.respond(status, [("X-One", "1")], body, length=length)
        assert exchange.finished

    return await said_to(handler, request)


async def test_a_response_has_a_length_a_date_and_a_server() -> None:
    [answered] = read(await answer(200, b"hello", get()))
    assert answered.status == 200
    assert answered.body == b"hello"
    assert answered.fields["content-length"] == "5"
    assert answered.fields["x-one"] == "1"
    assert answered.fields["server"] == "tincans"
    assert answered.fields["date"].endswith(" GMT")
    assert "connection" not in answered.fields


@pytest.mark.parametrize(("status", "length"), [(200, "5"), (204, None), (304, None), (404, "5")])
async def test_what_has_no_body_has_none(status: int, length: str | None) -> None:
    [answered] = read(await answer(status, b"hello", get()))
    assert answered.fields.get("content-length") == length
    assert answered.body == (b"hello" if length else b"")


async def test_head_is_told_what_get_would_be() -> None:
    for body, fields in ((b"hello", {"content-length": "5"}), (pieces(b"a"), {"transfer-encoding": "chunked"})):
        data = await answer(200, body, get(method="HEAD"))
        assert data.endswith(b"\r\n\r\n")
        [answered] = read(data, "HEAD")
        assert fields.items() <= answered.fields.items()


async def test_pieces_go_in_chunks() -> None:
    data = await answer(200, pieces(b"he", b"", b"llo"), get())
    assert data.endswith(b"\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
    [answered] = read(data)
    assert answered.body == b"hello"


async def test_pieces_of_a_known_length_go_as_they_are() -> None:
    data = await answer(200, pieces(b"he", b"llo"), get(), length=5)
    assert data.endswith(b"Content-Length: 5\r\n\r\nhello")


@pytest.mark.parametrize("length", [4, 6])
async def test_a_length_that_is_wrong_tears_the_response(length: int) -> None:
    async def handler(exchange: Exchange) -> None:
        with pytest.raises(LocalProtocolError):
            await exchange.respond(200, (), pieces(b"he", b"llo"), length=length)
        raise LocalProtocolError("torn")

    async with served(Http(handler)) as client:
        await client.send(get())
        with pytest.raises(Exception, match="broken"):
            await heard(client)


async def test_an_old_client_hears_the_end_by_the_end() -> None:
    data = await answer(200, pieces(b"he", b"llo"), get("/", "Connection: keep-alive", version="1.0") * 2)
    assert data.endswith(b"Connection: close\r\n\r\nhello")


async def test_an_old_client_may_stay() -> None:
    data = await answer(200, b"hello", get("/", "Connection: keep-alive", version="1.0") * 2)
    assert data.count(b"Connection: keep-alive\r\n") == 2


async def test_who_wants_to_leave_is_let_go() -> None:
    [answered] = read(await answer(200, b"hello", get("/", "Connection: close") + get()))
    assert answered.fields["connection"] == "close"


@pytest.mark.parametrize("size", [0, 1, HTTP_SMALL_BYTES, HTTP_SMALL_BYTES + 1, 300_000])
async def test_parts_of_files(size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        whole = Span(file.fileno(), 1, size)
        [answered] = read(await answer(200, whole, get()))
        assert answered.body == data[1 : size + 1]
        mixed: list[bytes | Span] = [b"a", whole, whole, b"b" * HTTP_SMALL_BYTES, b"c" * HTTP_SMALL_BYTES, b"d"]
        [answered] = read(await answer(200, mixed, get()))
        expected = b"a" + data[1 : size + 1] * 2 + b"b" * HTTP_SMALL_BYTES + b"c" * HTTP_SMALL_BYTES + b"d"
        assert answered.body == expected


@pytest.mark.parametrize("size", [10, HTTP_SMALL_BYTES + 1])
async def test_a_file_that_is_too_short_tears_the_response(size: int) -> None:
    async def handler(exchange: Exchange) -> None:
        with tempfile.TemporaryFile() as file:
            await exchange.respond(200, (), Span(file.fileno(), 0, size))

    async with served(Http(handler)) as client:
        await client.send(get())
        with pytest.raises(Exception, match="broken"):
            await heard(client)


@pytest.mark.parametrize(
    "field",
    [("A b", "c"), ("", "c"), ("A:", "c"), ("A", "c\r\nD: e"), ("A", "c\0"), ("A", "\u20ac"), ("Content-Length", "5"),
     ("transfer-encoding", "chunked"), ("Connection", "close"), ("DATE", "now"), ("Server", "me")],
)  # fmt: skip
def test_what_is_no_field_of_a_handler_is_refused(field: tuple[str, str]) -> None:
    with pytest.raises(LocalProtocolError):
        render([field])
    assert render([("A", "b"), ("C", "\xe4")]) == b"A: b\r\nC: \xe4\r\n"


async def test_there_is_one_response() -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.respond(200, (), b"one")
        with pytest.raises(LocalProtocolError):
            await exchange.respond(200, (), b"two")
        with pytest.raises(LocalProtocolError):
            await exchange.upgrade([])

    [answered] = await answers_to(handler, get())
    assert answered.body == b"one"


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_body_is_what_was_said() -> None:
    chunked = get("/b", "Transfer-Encoding: chunked", method="PUT") + b"2\r\nlo\r\n0\r\n\r\n"
    for said in ([get("/a", body=b"hel") + chunked], [b"%c" % byte for byte in get("/a", body=b"hel") + chunked]):
        answers = read(await said_to(tell, *said))
        assert [answer.body for answer in answers] == [b"GET\n/a\nhel", b"PUT\n/b\nlo"]


async def test_who_waits_for_leave_is_told_to_go_on() -> None:
    async with served(Http(tell)) as client:
        await client.send(get("/", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        assert await until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"hello")
        assert (await until(client, b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_who_waits_for_leave_and_gets_none_is_let_go() -> None:
    async def handler(exchange: Exchange) -> None:
        assert exchange.waited_for
        assert not await exchange.discard()
        await exchange.respond(403)

    [answered] = await answers_to(handler, get("/", "Expect: 100-continue", "Content-Length: 5"), ends=False)
    assert answered.status == 403
    assert answered.interim == ()
    assert answered.fields["connection"] == "close"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_handler_says_how_much_it_takes(chunked: bool) -> None:
    async def handler(exchange: Exchange) -> None:
        body = b"".join([piece async for piece in exchange.body(most=5)])
        await exchange.respond(200, (), body)

    def asked(body: bytes) -> bytes:
        if not chunked:
            return get(body=body)
        return get("/", "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    taken, refused = await answers_to(handler, asked(b"12345"), asked(b"123456"), get("/smuggled"), ends=False)
    assert (taken.status, taken.body) == (200, b"12345")
    assert (refused.status, refused.fields["connection"]) == (413, "close")


async def test_a_body_goes_on_where_it_was_left() -> None:
    async def handler(exchange: Exchange) -> None:
        async for piece in exchange.body():
            first = piece
            break
        rest = b"".join([piece async for piece in exchange.body()])
        await exchange.respond(200, (), first + b"|" + rest)

    chunks = [b"1\r\na\r\n", b"2\r\nbc\r\n0\r\n\r\n"]
    [answered] = await answers_to(handler, get("/", "Transfer-Encoding: chunked"), *chunks)
    assert answered.body == b"a|bc"


async def test_what_nobody_wants_is_read_up_to_a_limit() -> None:
    async def handler(exchange: Exchange) -> None:
        wanted = await exchange.discard()
        await exchange.respond(200, (), b"all" if wanted else b"some")

    first, second = await answers_to(
        handler, get(body=b"x" * HTTP_UNWANTED_BYTES), get(body=b"x" * (HTTP_UNWANTED_BYTES + 1)), get("/more")
    )
    assert (first.body, second.body) == (b"all", b"some")


async def test_another_protocol_goes_on_behind_the_head() -> None:
    async def handler(exchange: Exchange) -> None:
        channel = await exchange.upgrade([("Connection", "Upgrade"), ("Upgrade", exchange.request.upgrade)])
        await channel.send(await channel.receive_exactly(10))

    asked = get("/", "Connection: Upgrade", "Upgrade: tin")
    for said in ([asked + b"01234", b"56789"], [asked, b"0123456789"]):
        data = await said_to(handler, *said, ends=False)
        assert data == b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tin\r\n\r\n0123456789"


async def test_a_body_that_is_malformed_is_answered() -> None:
    malformed = get("/", "Transfer-Encoding: chunked") + b"x\r\n"
    [answered] = await answers_to(tell, malformed + get("/smuggled"), ends=False)
    assert answered.status == 400


async def test_a_handler_may_see_that_a_body_is_malformed() -> None:
    async def handler(exchange: Exchange) -> None:
        with pytest.raises(RemoteProtocolError):
            await exchange.discard()
        await exchange.respond(422)

    [answered] = await answers_to(handler, get("/", "Transfer-Encoding: chunked") + b"x\r\n" + get("/smuggled"))
    assert answered.status == 422
