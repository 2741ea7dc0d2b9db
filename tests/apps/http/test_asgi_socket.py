"""WebSockets of ASGI applications, talked to by the client of the websockets library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asking import asking, raw
from tincans.apps.http.asgi import Asgi
from tincans.apps.http.asgi_scope import Receive, Scope, Send
from tincans.limits import WEBSOCKET_MESSAGE_BYTES
from tincans.transports import dial


@asynccontextmanager
async def calling(talk: Any, path: str = "/talk", **options: Any) -> AsyncIterator[ClientConnection]:
    """A client of an application with this endpoint, or of any ASGI application."""
    app = talk if isinstance(talk, Application) else Starlette(routes=[WebSocketRoute("/talk", talk)])
    async with asking(Asgi(app)) as ask:
        async with connect(f"ws://{ask.host}{path}", proxy=None, **options) as client:
            yield client


class Application:
    """An ASGI application of one function, for WebSockets alone."""

    def __init__(self, talk: Any) -> None:
        self.talk = talk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"
        await self.talk(scope, receive, send)


async def _echo(socket: WebSocket) -> None:
    await socket.accept()
    while (message := await socket.receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_text_stays_text_and_bytes_stay_bytes(compression: str | None) -> None:
    async with calling(_echo, compression=compression) as client:
        for message in ("Grüße 🥫", b"\xff\x00", "", b"", "j" * 100_000, b"text"):
            await client.send(message)
            assert await client.recv() == message
        await client.send(["frag", "ments"])
        assert await client.recv() == "fragments"


async def test_the_scope_of_a_websocket() -> None:
    async def talk(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        assert (scope["scheme"], scope["path"], scope["query_string"]) == ("ws", "/talk", b"a=b")
        assert (scope["subprotocols"], scope["extensions"]) == (["jam", "tea"], {"websocket.http.response": {}})
        assert "method" not in scope
        await send({"type": "websocket.accept", "subprotocol": "tea", "headers": [(b"x-shelf", b"2")]})
        await send({"type": "websocket.send", "text": "welcome", "bytes": None})
        await receive()

    async with calling(Application(talk), "/talk?a=b", subprotocols=["jam", "tea"]) as client:
        assert client.subprotocol == "tea"
        assert client.response is not None
        assert client.response.headers["x-shelf"] == "2"
        assert await client.recv() == "welcome"


# ── how it ends ───────────────────────────────────────────────────────────────────────────────────────────


async def test_the_application_leaves_with_a_code_and_a_reason() -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(4001, "no jam left")

    async with calling(talk) as client:
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (4001, "no jam left")


async def test_an_application_that_returns_leaves_with_1000() -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("bye")

    async with calling(talk) as client:
        assert await client.recv() == "bye"
        await client.wait_closed()
        assert client.close_code == 1000


async def test_an_application_that_crashes_leaves_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        raise RuntimeError("no jam today")

    async with calling(talk) as client:
        await client.wait_closed()
        assert client.close_code == 1011
    assert "no jam today" in caplog.text


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "away"), (4002, "enough")])
async def test_the_application_hears_how_the_client_left(code: int, reason: str) -> None:
    heard: asyncio.Future[tuple[int, str | None]] = asyncio.get_running_loop().create_future()

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await socket.receive_text()
        except WebSocketDisconnect as error:
            heard.set_result((error.code, error.reason))

    async with calling(talk) as client:
        await client.close(code, reason)
        assert await heard == (code, reason)


async def test_a_client_that_is_lost_left_with_1006_and_hears_nothing_more() -> None:
    heard: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()

    async def talk(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        left = await receive()
        again = await receive()
        try:
            while True:
                await send({"type": "websocket.send", "text": "anybody?"})
        except OSError as error:
            heard.set_result([left["code"], again["code"], str(error)])

    async with calling(Application(talk)) as client:
        client.transport.abort()
        assert await heard == [1006, 1006, "the client has left"]


async def test_an_application_that_only_speaks_notices_that_its_client_left() -> None:
    noticed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def talk(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "bytes": bytes(1000)})
                await asyncio.sleep(0)
        except OSError:
            noticed.set_result(True)

    async with calling(Application(talk)) as client:
        await client.recv()
        await client.close()
        assert await noticed


async def test_pings_are_answered_while_the_application_does_something_else() -> None:
    go_on = asyncio.Event()

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await go_on.wait()

    async with calling(talk) as client:
        await (await client.ping())
        go_on.set()


async def test_one_message_is_received_ahead_and_no_more() -> None:
    heard: list[str] = []
    go_on = asyncio.Event()

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("ready")
        await go_on.wait()
        heard.extend([await socket.receive_text() for _ in range(3)])

    async with calling(talk) as client:
        await client.recv()
        for message in ("one", "two", "three"):
            await client.send(message)
        go_on.set()
        await client.wait_closed()
    assert heard == ["one", "two", "three"]


async def test_whoever_stops_waiting_for_a_message_loses_none() -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        try:
            async with asyncio.timeout(0.01):
                await socket.receive_text()
        except TimeoutError:
            await socket.send_text("now")
        await socket.send_text(await socket.receive_text())

    async with calling(talk) as client:
        assert await client.recv() == "now"
        await client.send("jam")
        assert await client.recv() == "jam"


async def test_a_message_may_be_so_long() -> None:
    async with calling(_echo, compression=None, max_size=None) as client:
        await client.send(bytes(WEBSOCKET_MESSAGE_BYTES))
        assert len(await client.recv()) == WEBSOCKET_MESSAGE_BYTES


async def test_a_message_that_is_longer_by_one_is_refused_with_1009() -> None:
    async with calling(_echo, compression=None) as client:
        client.transport.write(b"\x82\xff" + (WEBSOCKET_MESSAGE_BYTES + 1).to_bytes(8, "big") + b"mask")
        await client.wait_closed()
        assert client.close_code == 1009


# ── no WebSocket ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_connection_that_is_refused_is_403() -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.close()

    with pytest.raises(InvalidStatus) as caught:
        async with calling(talk):
            pass
    assert caught.value.response.status_code == 403


async def test_a_connection_may_be_answered_with_any_response() -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.send_denial_response(PlainTextResponse("log in", 401, {"WWW-Authenticate": "Bearer"}))

    with pytest.raises(InvalidStatus) as caught:
        async with calling(talk):
            pass
    answer = caught.value.response
    assert (answer.status_code, answer.body, answer.headers["www-authenticate"]) == (401, b"log in", "Bearer")


async def test_a_crash_before_it_opens_is_500(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(socket: WebSocket) -> None:
        raise RuntimeError("no jam today")

    with pytest.raises(InvalidStatus) as caught:
        async with calling(talk):
            pass
    assert caught.value.response.status_code == 500
    assert "no jam today" in caplog.text


@pytest.mark.parametrize(
    ("field", "status"),
    [("Sec-WebSocket-Version: 8", b"400"), ("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x", b"400")],
)
async def test_a_handshake_that_is_wrong_never_gets_to_the_application(field: str, status: bytes) -> None:
    async with asking(Asgi(Application(None))) as ask:
        head = f"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n{field}\r\n\r\n"
        answer = await raw(ask, head.encode())
        assert answer.startswith(b"HTTP/1.1 %b " % status)


async def test_a_client_that_leaves_before_it_is_let_in_is_no_fault_of_anybodys(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def talk(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        asked.set()
        await go_on.wait()
        await send({"type": "websocket.accept"})
        heard.set_result((await receive())["code"])

    async with asking(Asgi(Application(talk))) as ask:
        async with await dial(ask.address) as channel:
            await channel.send(
                b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n"
            )
            await asked.wait()
            channel.abort()
        go_on.set()
        assert await heard == 1006
    assert "crashed" not in caplog.text
