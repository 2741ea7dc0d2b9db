"""Opening a WebSocket over a request: what is spoken, what is too long, and what is no handshake."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from asking import Asker, asking
from tincans.apps.http.connection import Http
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.websocket import offered, opened
from tincans.errors import LimitExceeded
from tincans.limits import WEBSOCKET_MESSAGE_BYTES

MOST = 100


@asynccontextmanager
async def echoing(*subprotocols: str, text: bool = True, most: int = MOST) -> AsyncIterator[Asker]:
    """A server whose WebSockets say back what they hear, behind the facts of the first."""

    async def handle(exchange: Exchange) -> None:
        offer = await offered(exchange, subprotocols, most=most)
        if offer is None:
            return
        async with await opened(exchange, offer, text=text) as channel:
            await channel.send(json.dumps(dict(channel.facts)).encode())
            with contextlib.suppress(LimitExceeded):
                async for message in channel:
                    await channel.send(message)

    async with asking(Http(handle)) as ask:
        yield ask


@pytest.mark.parametrize(
    ("ours", "theirs", "spoken"),
    [
        (["a", "b"], ["b", "a"], "a"), (["a", "b"], ["x", "b"], "b"), (["a"], ["x"], None), (["a"], None, None),
        ([], ["x"], None),
    ],
)  # fmt: skip
async def test_the_first_of_ours_that_they_speak_is_spoken(
    ours: list[str], theirs: list[str] | None, spoken: str | None
) -> None:
    async with (
        echoing(*ours) as ask,
        connect(f"ws://{ask.host}/where?it=is", subprotocols=theirs, proxy=None) as client,  # type: ignore[arg-type]
    ):
        assert client.subprotocol == spoken
        facts = json.loads(await client.recv())
        assert facts["ws.resource"] == "/where?it=is"
        assert facts.get("ws.subprotocol") == spoken


@pytest.mark.parametrize("text", [True, False])
async def test_what_is_utf_8_is_text_where_that_is_wanted(text: bool) -> None:
    async with echoing(text=text) as ask, connect(f"ws://{ask.host}/", proxy=None) as client:
        await client.recv()
        for message in ("Grüße 🥫", b"\xff", b"text"):
            await client.send(message)
            said = await client.recv()
            as_bytes = message.encode() if isinstance(message, str) else message
            assert said == (as_bytes.decode() if text and as_bytes != b"\xff" else as_bytes)


@pytest.mark.parametrize("most", [MOST, WEBSOCKET_MESSAGE_BYTES])
async def test_a_message_may_have_just_so_many_bytes(most: int) -> None:
    async with echoing(most=most) as ask, connect(f"ws://{ask.host}/", proxy=None, max_size=None) as client:
        await client.recv()
        await client.send(b"x" * most)
        assert len(await client.recv()) == most
        await client.send(b"x" * (most + 1))
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1009


@pytest.mark.parametrize(
    "fields",
    [
        [], [("Upgrade", "websocket")], [("Connection", "Upgrade"), ("Upgrade", "h2c")],
        [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "short")],
        [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "8")],
    ],
)  # fmt: skip
async def test_what_is_no_handshake_is_answered_and_the_connection_kept(fields: list[tuple[str, str]]) -> None:
    async with echoing() as ask:
        for _ in range(2):
            answer = await ask.get("/", fields)
            assert answer.status in (400, 426)
        assert ask.server.served == 1
