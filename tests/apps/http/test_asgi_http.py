"""Requests and responses of ASGI applications: whole, in pieces, as slow as the client, and when one of them leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from asking import asking, raw
from running import Certificates
from tincans.address import Address
from tincans.apps.http.asgi import Asgi
from tincans.apps.http.asgi_scope import Receive, Scope, Send
from tincans.errors import ChannelBroken
from tincans.limits import HTTP_HEAD_BYTES
from tincans.server import serve
from tincans.tasks import spawn
from tincans.transports import dial


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """What most tests ask: answers by the path."""
    assert scope["type"] == "http"
    routes = [route.path for route in _site.routes if isinstance(route, Route)]
    await (_site if scope["path"] in routes else _scope)(scope, receive, send)


async def _echo(request: Request) -> StreamingResponse:
    return StreamingResponse(request.stream(), media_type=request.headers.get("content-type"))


async def _scope(scope: Scope, receive: Receive, send: Send) -> None:
    told = {name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in scope.items()}
    told["headers"] = [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]]
    await JSONResponse(told)(scope, receive, send)


async def _length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def _crash(request: Request) -> PlainTextResponse:
    raise RuntimeError("no jam today")


async def _cookies(request: Request) -> PlainTextResponse:
    response = PlainTextResponse("two")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


_site = Starlette(
    routes=[
        Route("/echo", _echo, methods=["POST"]), Route("/length", _length, methods=["POST"]),
        Route("/crash", _crash), Route("/cookies", _cookies),
    ]
)  # fmt: skip


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_scope_is_complete() -> None:
    async with asking(Asgi(app)) as ask:
        answer = await ask.get("/a%20b/%C3%BC%ff/%2F?q=%20&p", [("X-One", "1"), ("x-one", "2")])
        told = _json(answer.body)
        assert told.pop("client")[0] == "127.0.0.1"
        headers = [["host", ask.host], ["x-one", "1"], ["x-one", "2"]]
        assert told == {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.5"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": "/a b/ü\ufffd//", "raw_path": "/a%20b/%C3%BC%ff/%2F", "query_string": "q=%20&p",
            "root_path": "", "server": ["127.0.0.1", ask.address.port], "extensions": {}, "state": {},
            "headers": headers,
        }  # fmt: skip


async def test_an_absolute_target_is_a_path_all_the_same() -> None:
    async with asking(Asgi(app)) as ask:
        told = _json((await ask.get(f"http://{ask.host}?q")).body)
        assert (told["path"], told["raw_path"], told["query_string"]) == ("/", "/", "q")


async def test_over_tls_the_scheme_is_https(certificates: Certificates) -> None:
    async with await serve(f"tls://127.0.0.1:0{certificates.served}", Asgi(app)) as server:
        address = Address.parse(f"tls://127.0.0.1:{server.address.port}{certificates.trusted}")
        async with await dial(address) as channel:
            await channel.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join([data async for data in channel])
    assert _json(answer.partition(b"\r\n\r\n")[2])["scheme"] == "https"


async def test_on_a_unix_socket_the_server_is_a_path(tmp_path: Path) -> None:
    async with asking(Asgi(app), f"unix://{tmp_path}/socket") as ask:
        told = _json((await ask.get("/")).body)
        assert told["server"] == [f"{tmp_path}/socket", None]
        assert told["client"] is None


@pytest.mark.parametrize("body", [b"", b"jam", b"j" * 300_000, [b"j" * 70_000, b"a", b"m" * 70_000]])
async def test_a_body_arrives_whole_and_comes_back_in_pieces(body: bytes | list[bytes]) -> None:
    whole = body if isinstance(body, bytes) else b"".join(body)
    async with asking(Asgi(app)) as ask:
        assert (await ask("POST", "/length", body=body)).text == str(len(whole))
        answer = await ask("POST", "/echo", [("Content-Type", "text/jam")], body)
        assert (answer.body, answer.field("content-type")) == (whole, "text/jam; charset=utf-8")
        assert answer.field("transfer-encoding") == "chunked"


async def test_who_waits_to_be_asked_for_a_body_is_asked_when_the_application_wants_it() -> None:
    async with asking(Asgi(app)) as ask:
        async with await dial(ask.address) as channel:
            await channel.send(_head("POST /length", "Content-Length: 3", "Expect: 100-continue"))
            assert (await channel.receive()).startswith(b"HTTP/1.1 100 Continue\r\n")
            await channel.send(b"jam")
            assert (await channel.receive()).endswith(b"\r\n\r\n3")
        assert b" 500 " in await raw(ask, _head("GET /crash", "Content-Length: 3", "Expect: 100-continue"))


async def test_a_malformed_body_is_answered_with_400(caplog: pytest.LogCaptureFixture) -> None:
    async with asking(Asgi(app)) as ask:
        answer = await raw(ask, _head("POST /length", "Transfer-Encoding: chunked") + b"nonsense\r\n")
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert "crashed" not in caplog.text


# ── responses ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_fields_may_be_there_twice_and_what_frames_is_ours() -> None:
    async with asking(Asgi(app)) as ask:
        answer = await ask.get("/cookies")
        assert [value for name, value in answer.fields if name == "set-cookie"] == [
            "a=1; Path=/; SameSite=lax",
            "b=2; Path=/; SameSite=lax",
        ]
        assert (answer.field("server"), answer.field("content-length")) == ("tincans", "3")


async def test_head_has_the_length_and_no_body() -> None:
    async with asking(Asgi(app)) as ask:
        answer = await ask("HEAD", "/cookies")
        assert (answer.status, answer.field("content-length"), answer.body) == (200, "3", b"")
        assert (await ask.get("/cookies")).body == b"two"  # the connection is as it was


async def test_a_file_is_sent_whole(tmp_path: Path) -> None:
    file = tmp_path / "jam"
    file.write_bytes(bytes(range(256)) * 1000)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await FileResponse(file)(scope, receive, send)

    async with asking(Asgi(app)) as ask:
        answer = await ask.get("/")
        assert (answer.body, answer.field("content-length")) == (file.read_bytes(), "256000")
        part = await ask.get("/", [("Range", "bytes=1-3")])
        assert (part.status, part.body) == (206, b"\x01\x02\x03")


async def test_an_application_waits_while_its_client_is_slow() -> None:
    said, total = 0, 200

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal said
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200})
        for _ in range(total):
            await send({"type": "http.response.body", "body": bytes(1024 * 1024), "more_body": True})
            said += 1
        await send({"type": "http.response.body"})

    async with asking(Asgi(app), "memory:slow") as ask:
        async with await dial(ask.address) as channel:
            await channel.send(_head("GET /", "Connection: close"))
            await channel.receive()
            for _ in range(100):
                await asyncio.sleep(0)
            assert said <= 2  # one that is being sent, and one behind it
            received = sum([len(data) async for data in channel])
            assert said == total
            assert received > total * 1024 * 1024


async def test_a_client_waits_while_the_application_is_slow() -> None:
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await go_on.wait()
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async with asking(Asgi(app), "memory:fast") as ask:
        async with await dial(ask.address) as channel:
            await channel.send(_head("PUT /", f"Content-Length: {1024 * 1024}"))
            sending = spawn(channel.send(bytes(1024 * 1024)))
            await asyncio.sleep(0.01)
            assert not sending.done()
            go_on.set()
            await sending
            assert b" 204 " in await channel.receive()


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_crash_is_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with asking(Asgi(app)) as ask:
        assert (await ask.get("/crash")).status == 500
    assert "no jam today" in caplog.text


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "left without a response"),
        ([{"type": "http.response.start", "status": 200}], "left without a response"),
        ([{"type": "http.response.body"}, {}], "where its response begins"),
        ([{"type": "http.response.start", "status": 103}, {"type": "http.response.body"}], "no status of a response"),
        (
            [
                {"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\r\nb: c")]},
                {"type": "http.response.body"},
            ],
            "is no field",
        ),
        (
            [
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]},
                {"type": "http.response.body", "body": b"jam"},
            ],
            "announced 5 bytes and gave 3",
        ),
    ],
)
async def test_what_is_no_response_is_500(
    messages: list[dict[str, Any]], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        for message in messages:
            await send({"type": "", **message})

    async with asking(Asgi(app)) as ask:
        assert (await ask.get("/")).status == 500
    assert said in caplog.text


@pytest.mark.parametrize("length", [[], [(b"content-length", b"10")]])
async def test_a_response_that_breaks_off_is_torn(length: list[tuple[bytes, bytes]]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": b"jam", "more_body": True})

    async with asking(Asgi(app)) as ask:
        with pytest.raises(ChannelBroken):
            await raw(ask, _head("GET /"))


async def test_a_response_that_goes_on_as_something_else_is_torn() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"jam", "more_body": True})
        await send({"type": "http.response.trailers", "headers": []})
        await send({"type": "http.response.body"})

    async with asking(Asgi(app)) as ask:
        with pytest.raises(ChannelBroken):
            await raw(ask, _head("GET /"))


async def test_an_application_hears_that_its_client_has_left() -> None:
    left: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        heard: list[object] = [(await receive())["type"], (await receive())["type"], (await receive())["type"]]
        try:
            await send({"type": "http.response.start", "status": 200})
            for _ in range(100):
                await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
        except OSError as error:
            heard.append(str(error))
        left.set_result(heard)

    async with asking(Asgi(app)) as ask:
        async with await dial(ask.address) as channel:
            await channel.send(_head("GET /"))
        assert await left == ["http.request", "http.disconnect", "http.disconnect", "the client has left"]


async def test_a_body_that_is_cut_off_is_a_client_that_left() -> None:
    heard: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def upload(request: Request) -> PlainTextResponse:
        try:
            await request.body()
        except ClientDisconnect as error:
            heard.set_result(type(error))
        return PlainTextResponse("")

    async with asking(Asgi(Starlette(routes=[Route("/", upload, methods=["PUT"])]))) as ask:
        async with await dial(ask.address) as channel:
            await channel.send(_head("PUT /", "Content-Length: 100") + b"half")
        assert await heard is ClientDisconnect


async def test_who_waits_for_the_client_behind_the_response_hears_that_it_is_over() -> None:
    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await receive()
        waiting = spawn(receive())
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
        if not heard.done():
            heard.set_result((await waiting)["type"])
        else:
            await waiting

    async with asking(Asgi(app)) as ask:
        assert (await ask.get("/")).status == 204
        assert await heard == "http.disconnect"
        assert (await ask.get("/")).status == 204  # nobody else listens to this connection


async def test_whoever_stops_waiting_for_the_body_loses_nothing() -> None:
    stopped = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        try:
            async with asyncio.timeout(0.01):
                await receive()
        except TimeoutError:
            stopped.set()
            await send({"type": "http.response.start", "status": 200})
        pieces = []
        while (message := await receive())["more_body"]:
            pieces.append(message["body"])
        await send({"type": "http.response.body", "body": b"".join([*pieces, message["body"]])})

    async with asking(Asgi(app)) as ask:
        async with await dial(ask.address) as channel:
            await channel.send(_head("PUT /", "Content-Length: 3", "Connection: close"))
            await stopped.wait()
            await channel.send(b"jam")
            assert b"".join([data async for data in channel]).endswith(b"\r\n\r\njam")


@pytest.mark.parametrize("more", [0, 1])
async def test_what_is_said_ahead_is_kept_as_long_as_it_is_not_too_much(more: int) -> None:
    """Pipelined requests wait while the application waits for the client to leave, whose leaving nobody sees then."""
    answers = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await receive()
        waiting = spawn(receive())
        if scope["path"] == "/first":
            await answers.wait()
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
        await waiting

    second = _head("GET /second", "Connection: close")
    filler = HTTP_HEAD_BYTES - len(second) + more
    async with asking(Asgi(app)) as ask:
        async with await dial(ask.address) as channel:
            await channel.send(_head("GET /first") + second + b"x" * filler)
            await asyncio.sleep(0.01)
            answers.set()
            heard = b"".join([data async for data in channel])
    assert heard.count(b"HTTP/1.1 204 No Content\r\n") == 2


def _head(line: str, *fields: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def _json(body: bytes) -> Any:
    import json

    return json.loads(body)
