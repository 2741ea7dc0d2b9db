"""WebSocket's opening handshakes, with the `websockets` library's own client and server, curl, and hand-made peers."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response

from running import program
from tincans import transports
from tincans.address import Address
from tincans.certificates import Leaf
from tincans.channel import Channel
from tincans.errors import ChannelError, HandshakeFailed
from tincans.tasks import spawn
from tincans.transports import ws_channel
from wrapping import in_memory, over_tcp, wrapped


def at(text: str) -> Address:
    return Address.parse(text)


@pytest.fixture(autouse=True)
def _short_farewells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends are closed by one task here, so neither hears the other's close frame."""
    monkeypatch.setattr(ws_channel, "WEBSOCKET_CLOSE_SECONDS", 0.02)


@asynccontextmanager
async def echoing(where: str) -> AsyncIterator[tuple[Address, list[Channel | HandshakeFailed]]]:
    """A listener that says every message back, and remembers who called and who could not be greeted."""
    callers: list[Channel | HandshakeFailed] = []

    async def take() -> None:
        while True:
            try:
                bare = await listener.accept()
            except ChannelError:
                return
            try:
                channel = await listener.greet(bare)
            except HandshakeFailed as error:
                callers.append(error)
                continue
            callers.append(channel)
            async with channel:
                async for message in channel:
                    await channel.send(message)

    async with await transports.listen(at(where)) as listener:
        taking = spawn(take())
        yield listener.address, callers
    await taking


# ── the library's own ends ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_the_librarys_client(scheme: str, leaf: Leaf) -> None:
    files = f"?cert={leaf.cert_path}&key={leaf.key_path}" if scheme == "wss" else ""
    trust = ssl.create_default_context(cafile=str(leaf.ca_path)) if scheme == "wss" else None
    async with echoing(f"{scheme}://127.0.0.1:0{files}") as (address, callers):
        url = f"{scheme}://127.0.0.1:{address.port}/some/path?a=1"
        async with connect(url, ssl=trust, origin="http://here", subprotocols=["a"], proxy=None) as client:  # type: ignore[arg-type,list-item]  # NewTypes
            for message in ("text", b"bytes", "", "x" * 100_000):
                await client.send(message)
                assert await client.recv(decode=False) == (message if isinstance(message, bytes) else message.encode())
            await client.ping()
        assert client.close_code == 1000
        (caller,) = callers
        assert isinstance(caller, Channel)
        assert caller.facts["ws.resource"] == "/some/path?a=1"
        assert caller.facts["ws.origin"] == "http://here"
        assert caller.facts["ws.deflate"] == "yes"


async def test_the_librarys_server() -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)
        await connection.close(4000, "enough")

    async with serve(echo, "127.0.0.1", 0, subprotocols=["b", "a"]) as server:  # type: ignore[list-item]  # NewType
        port = server.sockets[0].getsockname()[1]
        async with await transports.dial(at(f"ws://127.0.0.1:{port}/x?subprotocol=a,b&deflate=on")) as channel:
            for message in (b"one", b"", b"x" * 1_000_000):
                await channel.send(message)
                assert await channel.receive() == message
            assert channel.facts["ws.subprotocol"] == "b"
            assert channel.facts["ws.deflate"] == "yes"


# ── what is asked for ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "resource"),
    [
        ("ws://h:1", "/"),
        ("ws://h:1/a/b?c=d", "/a/b?c=d"),
        ("ws://h:1/a b/ü", "/a%20b/%C3%BC"),
        ("ws+memory:x?resource=feed", "/feed"),
        ("ws+unix:///run/x?resource=/feed", "/feed"),
    ],
)
async def test_the_resource(client: str, resource: str) -> None:
    here, there = await wrapped(in_memory, at(client), at("ws://h:1"))
    async with here, there:
        assert here.facts["ws.resource"] == there.facts["ws.resource"] == resource


async def test_a_listener_with_a_path_answers_it_whatever_the_query() -> None:
    here, there = await wrapped(in_memory, at("ws://h:1/feed?a=1"), at("ws://h:1/feed"))
    async with here, there:
        assert there.facts["ws.resource"] == "/feed?a=1"


@pytest.mark.parametrize(
    ("client", "server", "why", "why_there"),
    [
        (
            "ws://h:1/other",
            "ws://h:1/feed",
            "cannot connect to ws://h:1/other: the other side answered '404 Not Found' and opened no WebSocket",
            "it asked for '/other', and here is '/feed'",
        ),
        (
            "ws://h:1?origin=http://evil",
            "ws://h:1?origin=http://good",
            "the other side answered '403 Forbidden'",
            "its origin is 'http://evil', and only 'http://good' is answered",
        ),
        (
            "ws://h:1?subprotocol=a",
            "ws://h:1?subprotocol=b",
            "the other side answered '400 Bad Request'",
            "its request opens no WebSocket: invalid subprotocol; expected one of b",
        ),
    ],
)
async def test_refusals(client: str, server: str, why: str, why_there: str) -> None:
    one, two = await over_tcp()
    serving = spawn(transports.greet(two, transports.server_wraps(at(server))))
    with pytest.raises(HandshakeFailed) as caught:
        await transports.greet(one, transports.client_wraps(at(client)))
    assert why in str(caught.value)
    with pytest.raises(HandshakeFailed) as caught:
        await serving
    assert str(caught.value).startswith("cannot serve tcp://127.0.0.1:")
    assert str(caught.value).endswith(why_there)


async def test_the_librarys_client_hears_the_refusal_too() -> None:
    async with echoing("ws://127.0.0.1:0/feed") as (address, _):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://127.0.0.1:{address.port}/other", proxy=None)
        assert caught.value.response.status_code == 404
        assert caught.value.response.body == b"There is no WebSocket at /other.\n"


# ── who does not speak WebSocket ──────────────────────────────────────────────────────────────────────────


@pytest.mark.foreign
async def test_a_browser_that_only_looks_gets_an_answer_in_words() -> None:
    async with echoing("ws://127.0.0.1:0") as (address, callers):
        curl = await asyncio.create_subprocess_exec(
            program("curl"), "--silent", "--include", f"http://127.0.0.1:{address.port}/x", stdout=subprocess.PIPE
        )
        answer, _ = await curl.communicate()
        assert curl.returncode == 0
        assert answer.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
        assert b"\r\nUpgrade: websocket\r\n" in answer
        assert answer.endswith(
            b"This is a WebSocket, to be called by a program: tincans connect ws://127.0.0.1:%d/x\n" % address.port
        )
        assert "it asked for '/x' in plain HTTP, and this is a WebSocket" in str(callers[0])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"EHLO me\r\n", "the other side does not speak HTTP: it said 'EHLO me'"),
        (
            b"GET /" + b"x" * 9000,
            "what the other side said opens no WebSocket: read 9005 bytes, expected no more than 8192",
        ),
        (b"POST / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "its request opens no WebSocket"),
        (b"", "the other side hung up"),
    ],
)
async def test_callers_that_do_not_speak_it(said: bytes, why: str) -> None:
    one, two = await in_memory()
    serving = spawn(transports.greet(two, transports.server_wraps(at("ws://h:1"))))
    await one.send(said)
    if not said:
        await one.send_eof()
    with pytest.raises(HandshakeFailed) as caught:
        await serving
    assert why in str(caught.value)
    await one.aclose()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            b"220 mail ready\r\n",
            "cannot connect to ws://h:1: the other side does not speak HTTP: it said '220 mail ready'",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "the other side answered '200 OK' and opened no WebSocket"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "what the other side said opens no WebSocket: missing Sec-WebSocket-Accept header",
        ),
        (b"", "the other side hung up"),
    ],
)
async def test_servers_that_do_not_speak_it(said: bytes, why: str) -> None:
    one, two = await in_memory()
    calling = spawn(transports.greet(one, transports.client_wraps(at("ws://h:1"))))
    await two.receive()
    await two.send(said)
    if not said:
        await two.send_eof()
    with pytest.raises(HandshakeFailed) as caught:
        await calling
    assert why in str(caught.value)
    await two.aclose()


async def test_a_peer_that_is_lost_in_the_handshake() -> None:
    for wrap in (transports.client_wraps(at("ws://h:1")), transports.server_wraps(at("ws://h:1"))):
        one, two = await in_memory()
        shaking = spawn(transports.greet(one, wrap))
        await asyncio.sleep(0)
        two.abort()
        with pytest.raises(HandshakeFailed, match="during the handshake"):
            await shaking


async def test_a_handshake_that_is_cancelled_leaves_nothing_open() -> None:
    for wrap in (transports.client_wraps(at("ws://h:1")), transports.server_wraps(at("ws://h:1"))):
        one, two = await in_memory()
        shaking = spawn(transports.greet(one, wrap))
        await asyncio.sleep(0)
        shaking.cancel()
        await asyncio.gather(shaking, return_exceptions=True)
        with pytest.raises(ChannelError):
            await one.receive()
        two.abort()


async def test_what_comes_with_the_answer_is_not_lost() -> None:
    """A server may speak in the same packet as its answer."""

    def with_a_message(connection: ServerConnection, request: Request, response: Response) -> Response:
        assert isinstance(response.headers, Headers)
        response.body = b"\x82\x05hello"  # after the head comes the first frame
        return response

    async def wait(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with serve(wait, "127.0.0.1", 0, process_response=with_a_message) as server:
        port = server.sockets[0].getsockname()[1]
        async with await transports.dial(at(f"ws://127.0.0.1:{port}")) as channel:
            assert await channel.receive() == b"hello"
