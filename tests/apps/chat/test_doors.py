"""One port, and what a caller says first decides: each door, in pieces, inside TLS, and a peer's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from rooming import hub_of
from running import Certificates
from tincans import connect, serve
from tincans.apps.chat import Chat, doors
from tincans.apps.chat.doors import Lobby, attend, door_of
from tincans.apps.settings import Settings, Tls
from tincans.channel import Channel, Traits
from tincans.errors import ChannelBroken, EndOfStream, HandshakeFailed
from tincans.limits import CHAT_DOOR_SECONDS, LINE_BYTES, Limits
from tincans.recording import look_ahead
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports import Wrap

#: What is said first, which door that is, and what is heard there.
FIRST = [
    (b"NICK ann\r\nUSER ann 0 * :Ann\r\n", "irc", b" 001 ann "),
    (b"CAP LS 302\r\n", "irc", b" CAP * LS "),
    (b"@label=1 PING x\r\n", "irc", b"PONG"),
    (b"nick ann\nuser ann 0 * ann\n", "irc", b" 001 ann "),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "browser", b"HTTP/1.1 "),
    (b'{"do": "hello", "nick": "ann"}\n', "programs", b'"welcome"'),
    (b' {"do": "hello", "nick": "ann"}\n', "programs", b'"welcome"'),
    (b"/who\n", "plain", b"\n"),
]
IDS = [f"{door}-{first.split()[0].decode()}" for first, door, _ in FIRST]


#: Calls the app that is served, `tcp` or `tls`.
Call = Callable[[str], Awaitable[Channel]]


@asynccontextmanager
async def served(certificates: Certificates, tls: Tls = "off") -> AsyncIterator[Call]:
    """The app on a port of its own."""
    leaf = str(certificates.leaf)
    app = Chat("tincans", Settings(rooms="memory:", tls=tls, cert=leaf, key=leaf))
    async with await serve("127.0.0.1:0", app) as server:

        def call(wrap: str) -> Awaitable[Channel]:
            return connect(f"{wrap}://localhost:{server.address.port}{f'?ca={certificates.ca}' * (wrap == 'tls')}")

        yield call


async def heard(channel: Channel, what: bytes) -> None:
    """Until this was said."""
    data = bytearray()
    while what not in data:
        data += await channel.receive()


@pytest.mark.parametrize(("first", "door", "answer"), FIRST, ids=IDS)
@pytest.mark.parametrize("wrap", ["tcp", "tls"])
@pytest.mark.parametrize("pieces", [False, True])
async def test_what_is_said_first_opens_a_door(
    first: bytes, door: str, answer: bytes, wrap: str, pieces: bool, certificates: Certificates
) -> None:
    assert door_of(first) == door
    async with served(certificates) as call, await call(wrap) as channel:
        for piece in [first[:1], first[1:3], first[3:]] if pieces else [first]:
            await channel.send(piece)
            await asyncio.sleep(0.002)
        await heard(channel, answer)


@pytest.mark.parametrize(
    ("first", "door"),
    [
        (b"", "plain"),
        (b"hello\n", "plain"),
        (b"NICKY is here\n", "plain"),
        (b"GETTING there\n", "plain"),
        (b"PASS\n", "irc"),
        (b"[1]\n", "plain"),
        (b"DELETE /files HTTP/1.1\r\n", "browser"),
        (b"\xff\xfb\x01hi\n", "plain"),
    ],
)
def test_what_only_begins_like_another_door_s_is_plain(first: bytes, door: str) -> None:
    assert door_of(first) == door


async def test_who_says_nothing_is_greeted_as_a_person(
    monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> None:
    async def look(channel: Channel, enough: Callable[[bytes], object], *, seconds: float) -> tuple[Channel, bytes]:
        """A handshake is given its time: it is what is said inside that is not waited for."""
        assert seconds == CHAT_DOOR_SECONDS
        soon = wrap == "tcp" or "tls.version" in channel.facts
        return await look_ahead(channel, enough, seconds=0.001 if soon else None)

    monkeypatch.setattr(doors, "look_ahead", look)
    async with served(certificates) as call:
        for wrap in ("tcp", "tls"):
            async with await call(wrap) as channel:
                await heard(channel, b"\n")


async def test_a_line_without_an_end_is_looked_at_up_to_a_limit() -> None:
    lobby = Lobby(hub=None, wrap=_no_wrap, is_peer=lambda first: None)  # type: ignore[arg-type]
    for first in (b"x", b"\x16"):
        assert not lobby.is_clear(first * LINE_BYTES)
        assert lobby.is_clear(first * (LINE_BYTES + 1))


def _no_wrap() -> Wrap:
    raise AssertionError("TLS was begun")


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_where_tls_is_required_nothing_is_said_outside(certificates: Certificates) -> None:
    async with served(certificates, "required") as call:
        async with await call("tcp") as channel:
            await channel.send(b"NICK ann\r\nUSER ann 0 * ann\r\n")
            assert await channel.receive() == b"This hub is spoken with inside TLS alone.\r\n"
        async with await call("tls") as channel:
            await channel.send(b"NICK ann\r\nUSER ann 0 * ann\r\n")
            await heard(channel, b" 001 ann ")


async def test_a_handshake_that_fails_or_never_ends_is_one_caller_s_end(
    monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> None:
    monkeypatch.setattr(doors, "Limits", lambda: Limits(handshake=0.01))
    async with served(certificates) as call:
        for first in (b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\x02\x00\x01"):
            async with await call("tcp") as channel:
                await channel.send(first)
                with contextlib.suppress(EndOfStream, ChannelBroken):
                    while True:
                        await channel.receive()
        async with await call("tcp") as channel:
            await channel.send(b"PING x\r\n")
            await heard(channel, b"PONG")


# ── peers ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_peer_is_let_through_with_what_it_said() -> None:
    client, server = memory_pair()
    told: list[bytes] = []
    asked: list[bytes] = []

    def is_peer(first: bytes) -> bool | None:
        asked.append(first)
        return None if len(first) < 5 else True

    async def attend_peer(channel: Channel) -> None:
        told.append(await channel.receive())

    async with hub_of() as hub:
        lobby = Lobby(hub, _no_wrap, is_peer=is_peer, attend_peer=attend_peer)
        await client.send(b"\x16he")
        meeting = spawn(attend(lobby, server))
        await asyncio.sleep(0.001)
        await client.send(b"llo")
        await meeting
    assert told == [b"\x16hello"]
    assert asked[0] == b"\x16he"
    await client.aclose()


async def test_who_is_no_peer_is_met_inside_tls() -> None:
    client, server = memory_pair()
    await client.send(b"\x16hello")

    def wrap() -> Wrap:
        raise HandshakeFailed(server.remote, "begun", caller=True)

    async with hub_of() as hub:
        with pytest.raises(HandshakeFailed, match="begun"):
            await attend(Lobby(hub, wrap, is_peer=lambda first: False, attend_peer=_no_peer), server)
    await client.aclose()
    await server.aclose()


async def _no_peer(channel: Channel) -> None:
    raise AssertionError("it is no peer")


@pytest.mark.parametrize("first", [b'{"do": "hello"}', b"hello"])
async def test_messages_are_a_program_s(first: bytes) -> None:
    client, server = memory_pair(Traits(boundaries=True, half_close=False))
    async with hub_of() as hub:
        meeting = spawn(attend(Lobby(hub, _no_wrap), server))
        await client.send(first)
        assert (await client.receive()).startswith(b'{"on":')
        await client.aclose()
        await meeting
    await server.aclose()
