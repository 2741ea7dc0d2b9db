"""A steered link: what waits, what is replaced, and where TLS begins in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from hearing import Heard, Hearing
from running import Certificates
from tincans.address import Address
from tincans.certificates import local_authority
from tincans.channel import Buffered, Side
from tincans.conversation import Kind, Opening
from tincans.errors import ChannelBroken, EndOfStream, HandshakeFailed
from tincans.limits import MEMORY_BYTES
from tincans.protocols import Event
from tincans.protocols.lines import Line
from tincans.recording import Outcome
from tincans.relays.interception import Interception
from tincans.relays.steering import Steerer, steer
from tincans.tasks import spawn
from tincans.transports import greet
from tincans.transports.memory import memory_pair
from tincans.transports.tls import client_wrap, server_wrap

CLIENT, SERVER = Side.CLIENT, Side.SERVER


@pytest.fixture(autouse=True)
def _own_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_CA", str(tmp_path / "ca"))


class Link(NamedTuple):
    """A client and a server in the test's hands, with a steered link between them."""

    client: Buffered
    server: Buffered
    heard: Heard
    carrying: asyncio.Task[Outcome]

    async def passes(self, word: bytes, *, by: Side = CLIENT, instead: bytes | None = None) -> None:
        """`by` says the word, and the other hears it."""
        one, other = (self.client, self.server) if by is CLIENT else (self.server, self.client)
        await one.send(word)
        wanted = word if instead is None else instead
        assert await other.receive_exactly(len(wanted)) == wanted

    async def nothing_passes(self, to: Side) -> None:
        """For some turns of the loop nothing more is heard by that side."""
        hearing = spawn((self.client if to is CLIENT else self.server).receive())
        for _ in range(30):
            await asyncio.sleep(0)
        assert not hearing.done(), hearing
        hearing.cancel()
        await asyncio.wait([hearing])


@asynccontextmanager
async def link(
    steerer: Steerer | None = None, interception: Interception | None = None, protocol: str = ""
) -> AsyncIterator[Link]:
    caller, near = memory_pair()
    far, called = memory_pair()
    heard = Hearing().begin(Opening(kind=Kind.RELAY, client="c", server="s"))
    carrying = spawn(steer(near, far, [heard], steerer, interception, protocol=protocol))
    try:
        yield Link(Buffered(caller), Buffered(called), heard, carrying)
    finally:
        caller.abort()
        called.abort()
        await asyncio.wait([carrying])


# ── what a steerer may do ─────────────────────────────────────────────────────────────────────────────────


class Censor(Steerer):
    """Replaces lines of the client: those in `instead`, by what it says there."""

    def __init__(self, **instead: bytes) -> None:
        self.instead = instead
        self.heard: list[str] = []
        self.closed = False

    def is_done(self, protocol: str) -> bool:
        return "through" in self.heard

    def waits(self, protocol: str, side: Side) -> bool:
        return side is CLIENT

    async def hear(self, protocol: str, event: Event) -> bytes | None:
        assert isinstance(event, Line)
        self.heard.append(event.line)
        await asyncio.sleep(0)  # it may take its time
        return self.instead.get(event.line) if event.side is CLIENT else None

    async def aclose(self) -> None:
        self.closed = True


async def test_an_event_is_replaced_and_its_neighbours_are_not() -> None:
    censor = Censor(secret=b"******\n", gone=b"")
    async with link(censor, protocol="lines") as mid:
        await mid.passes(b"one\nsecret\ngone\ntwo\n", instead=b"one\n******\ntwo\n")
        await mid.passes(b"secret\n", by=SERVER)
        assert mid.heard.words[CLIENT] == b"one\n******\ntwo\n"
    assert censor.heard == ["one", "secret", "gone", "two", "secret"]
    assert censor.closed


async def test_what_has_begun_waits_until_it_is_whole() -> None:
    async with link(Censor(secret=b"******\n"), protocol="lines") as mid:
        await mid.client.send(b"sec")
        await mid.nothing_passes(SERVER)
        await mid.passes(b"ret\n", instead=b"******\n")
        await mid.passes(b"half a lin", by=SERVER)


async def test_what_passed_before_the_protocol_was_known_is_not_replaced() -> None:
    async with link(Censor(GEZ=b"******\n")) as mid:
        await mid.passes(b"GE")  # it might become a GET
        await mid.passes(b"Z\n")
        await mid.passes(b"GEZ\n", instead=b"******\n")


async def test_what_waits_passes_at_the_end() -> None:
    async with link(Censor(), protocol="lines") as mid:
        await mid.client.send(b"no end")
        await mid.client.send_eof()
        assert await mid.server.receive_exactly(6) == b"no end"
        with pytest.raises(EndOfStream):
            await mid.server.receive()
        await mid.passes(b"but an answer\n", by=SERVER)


async def test_who_is_through_hears_nothing_more() -> None:
    censor = Censor(secret=b"******\n")
    async with link(censor, protocol="lines") as mid:
        await mid.passes(b"through\n")
        await mid.passes(b"secret\n")
        await mid.passes(b"half")
        await mid.passes(b"secret\n", by=SERVER)
    assert censor.heard == ["through"]


async def test_a_crash_of_a_decoder_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Censor):
        async def hear(self, protocol: str, event: Event) -> bytes | None:
            raise RuntimeError("out of tin")

    async with link(Broken(), protocol="lines") as mid:
        await mid.passes(b"one\n")
        await mid.passes(b"two\n", by=SERVER)
        assert mid.heard.notes == ["the decoder crashed: RuntimeError: out of tin"]
    assert "goes on without it" in caplog.text


async def test_a_slow_reader_slows_the_writer_down() -> None:
    async with link(Censor(), protocol="raw") as mid:
        saying = spawn(mid.client.send(bytes(4 * MEMORY_BYTES)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not saying.done(), "nothing holds the writer back"
        assert await mid.server.receive_exactly(4 * MEMORY_BYTES) == bytes(4 * MEMORY_BYTES)
        await saying


class Patient(Steerer):
    """Wants to hear everything, and changes nothing."""

    def is_done(self, protocol: str) -> bool:
        return False


# ── where TLS begins in the middle ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def interception(certificates: Certificates) -> Interception:
    return Interception(Address.parse(f"memory:shop?ca={certificates.ca}", also=("tls",)), handshake=5)


async def greeted(mid: Link) -> None:
    """As far as a mail client's STARTTLS, which it has said."""
    await mid.passes(b"220 shop.example ESMTP\r\n", by=SERVER)
    await mid.passes(b"EHLO client.example\r\n")
    await mid.passes(b"250-shop.example\r\n250 STARTTLS\r\n", by=SERVER)
    await mid.passes(b"STARTTLS\r\n")


async def secured(mid: Link, certificates: Certificates) -> tuple[Buffered, Buffered]:
    """Both ends inside TLS, the client's as it trusts the relay."""
    trusting = Address.parse(f"tls+memory:shop?sni=localhost&ca={local_authority().cert_path}")
    serving = Address.parse(f"tls+memory:shop{certificates.served}")
    inside = await asyncio.gather(client_wrap(trusting)(mid.client), server_wrap(serving)(mid.server))
    return Buffered(inside[0]), Buffered(inside[1])


async def test_starttls_is_seen_through(interception: Interception, certificates: Certificates) -> None:
    async with link(interception=interception) as mid:
        await greeted(mid)
        await mid.passes(b"220 go on\r\n", by=SERVER)
        client, server = await secured(mid, certificates)
        inside = Link(client, server, mid.heard, mid.carrying)
        await inside.passes(b"EHLO client.example\r\n")
        await inside.passes(b"250 shop.example\r\n", by=SERVER)
        assert mid.heard.words[CLIENT].endswith(b"STARTTLS\r\nEHLO client.example\r\n")
        assert mid.heard.words[SERVER].endswith(b"220 go on\r\n250 shop.example\r\n")
        [facts] = mid.heard.security
        assert (facts["client.tls.sni"], facts["server.tls.sni"]) == ("localhost", "localhost")
        await client.aclose()
        with pytest.raises(EndOfStream):
            await server.receive()


async def test_a_steerer_hears_what_is_said_inside(interception: Interception, certificates: Certificates) -> None:
    class Ear(Patient):
        def __init__(self) -> None:
            self.heard: list[str] = []

        async def hear(self, protocol: str, event: Event) -> bytes | None:
            self.heard.append(event.summary)
            return None

        def secured(self, facts: Mapping[str, str]) -> None:
            self.heard.append(facts["client.tls.shown"])

    ear = Ear()
    async with link(ear, interception) as mid:
        await greeted(mid)
        await mid.passes(b"220 go on\r\n", by=SERVER)
        client, server = await secured(mid, certificates)
        await Link(client, server, mid.heard, mid.carrying).passes(b"QUIT\r\n")
    assert ear.heard[-4:] == ["220 go on", "TLS from here", "localhost", "QUIT"]


async def test_where_tls_is_refused_the_same_conversation_goes_on(interception: Interception) -> None:
    async with link(interception=interception) as mid:
        await greeted(mid)
        await mid.passes(b"NOOP\r\n")
        await mid.passes(b"454 not now\r\n", by=SERVER)
        await mid.passes(b"QUIT\r\n")
        assert not mid.heard.security


async def test_who_speaks_behind_starttls_is_refused(interception: Interception) -> None:
    async with link(interception=interception) as mid:
        await greeted(mid)
        await mid.passes(b"RSET\r\n")
        await mid.server.send(b"220 go on\r\n")
        with pytest.raises(HandshakeFailed, match="6 bytes that TLS does not protect came before") as refused:
            await mid.carrying
        assert refused.value.caller
        with pytest.raises((ChannelBroken, EndOfStream)):
            await mid.client.receive()


async def test_who_speaks_behind_its_agreement_is_refused(interception: Interception) -> None:
    async with link(interception=interception) as mid:
        await greeted(mid)
        await mid.server.send(b"220 go on\r\n250 forged\r\n")
        with pytest.raises(HandshakeFailed, match="12 bytes that TLS does not protect came before"):
            await mid.carrying
        with pytest.raises((ChannelBroken, EndOfStream)):
            await mid.client.receive()


async def test_who_agrees_to_tls_and_speaks_plainly_is_refused(interception: Interception) -> None:
    async with link(interception=interception) as mid:
        await greeted(mid)
        await mid.passes(b"220 go on\r\n", by=SERVER)
        await mid.client.send(b"MAIL FROM:<ada@shop.example>\r\n")
        with pytest.raises(HandshakeFailed, match="it agreed to TLS, and said 'MAIL FROM"):
            await mid.carrying
        with pytest.raises((ChannelBroken, EndOfStream)):
            await mid.server.receive()


async def test_who_agrees_to_tls_and_leaves_ends_what_it_says(interception: Interception) -> None:
    async with link(interception=interception) as mid:
        await greeted(mid)
        await mid.passes(b"220 go on\r\n", by=SERVER)
        await mid.client.send_eof()
        with pytest.raises(EndOfStream):
            await mid.server.receive()
        await mid.passes(b"goodbye", by=SERVER)


async def test_a_link_that_is_stopped_in_the_handshake_leaves_nothing(interception: Interception) -> None:
    async with link(interception=interception) as mid:
        await greeted(mid)
        await mid.passes(b"220 go on\r\n", by=SERVER)
        trusting = Address.parse(f"tls+memory:shop?sni=localhost&ca={local_authority().cert_path}")
        calling = spawn(greet(mid.client, [client_wrap(trusting)]))
        assert (await mid.server.receive_exactly(3))[:2] == b"\x16\x03"  # the relay's own hello
        mid.carrying.cancel()
        await asyncio.wait([mid.carrying, calling])
        assert isinstance(calling.exception(), HandshakeFailed)
        assert mid.carrying.cancelled()


# ── behind a proxy ────────────────────────────────────────────────────────────────────────────────────────


async def test_what_follows_connect_is_looked_at_again(interception: Interception, certificates: Certificates) -> None:
    async with link(interception=interception) as mid:
        await mid.passes(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n")
        await mid.passes(b"HTTP/1.1 200 OK\r\n\r\n", by=SERVER)
        client, server = await secured(mid, certificates)
        inside = Link(client, server, mid.heard, mid.carrying)
        await inside.passes(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert mid.heard.words[CLIENT].endswith(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


async def test_tls_inside_tls_is_seen_through(interception: Interception, certificates: Certificates) -> None:
    """A proxy that is called with TLS."""
    async with link(interception=interception) as mid:
        outer = Link(*await secured(mid, certificates), mid.heard, mid.carrying)
        await outer.passes(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n")
        await outer.passes(b"HTTP/1.1 200 OK\r\n\r\n", by=SERVER)
        inner = Link(*await secured(outer, certificates), mid.heard, mid.carrying)
        await inner.passes(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert len(mid.heard.security) == 2
        assert bytes(mid.heard.words[CLIENT]).split(b"\r\n")[3] == b"GET / HTTP/1.1"


async def test_what_follows_connect_and_is_no_tls_passes(interception: Interception) -> None:
    async with link(interception=interception) as mid:
        await mid.passes(b"CONNECT localhost:25 HTTP/1.1\r\nHost: localhost:25\r\n\r\n")
        await mid.passes(b"HTTP/1.1 200 OK\r\n\r\n220 shop.example ESMTP\r\n", by=SERVER)
        await mid.passes(b"EHLO client.example\r\n")
