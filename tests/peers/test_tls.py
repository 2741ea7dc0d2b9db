"""Two keys meet: each learns the other's and no other, whoever stands between, and nobody without a key comes in."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import Certificates, program, start
from tincans import transports
from tincans.address import Address
from tincans.channel import Buffered, Channel, Listener, Side
from tincans.errors import (
    ConnectError,
    ConnectionRefused,
    ConnectTimedOut,
    HandshakeFailed,
    IdentityBroken,
    UsageError,
    WrongPeer,
)
from tincans.limits import PEER_HELLO_BYTES, PEER_NAME_BYTES, TLS_RECORD_BYTES
from tincans.peers.identity import Fingerprint, Identity
from tincans.peers.tls import CODE, FILE, MESH, PROTOCOLS, Peer, PeerTls, is_peer_hello
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports.tls import context_wrap
from tincans.transports.tls_channel import TlsChannel
from tincans.transports.tls_context import bare_context
from wrapping import over_tcp

LOOPBACK = Address.parse("tcp://127.0.0.1:0")


@pytest.fixture
def ann(tmp_path: Path) -> PeerTls:
    return PeerTls(Identity.open(tmp_path / "ann"), "ann")


@pytest.fixture
def bob(tmp_path: Path) -> PeerTls:
    return PeerTls(Identity.open(tmp_path / "bob"), "bob")


async def meet(caller: PeerTls, called: PeerTls, protocol: str = MESH) -> tuple[tuple[Channel, Peer], ...]:
    """A real call, as either side sees it: the caller first."""
    async with await transports.listen(LOOPBACK) as listener:

        async def accept() -> tuple[Channel, Peer]:
            return await called.accept(await listener.accept())

        accepting = spawn(accept())
        try:
            return await caller.call(listener.address, protocol=protocol), await accepting
        except BaseException:
            accepting.cancel()
            await asyncio.wait([accepting])
            raise


async def _shake(context: ssl.SSLContext, channel: Channel) -> Channel:
    """The handshake of a caller with a context of the test's own."""
    return await context_wrap(context, server_side=False, name="x.invalid")(channel)


# ── meeting ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_each_learns_the_others_key_name_and_protocol(ann: PeerTls, bob: PeerTls, protocol: str) -> None:
    (here, they), (there, we) = await meet(ann, bob, protocol)
    async with here, there:
        assert they[:2] == (bob.identity.key, "bob")
        assert we[:2] == (ann.identity.key, "ann")
        assert they.fingerprint == bob.identity.fingerprint
        assert (they.side, we.side) == (Side.SERVER, Side.CLIENT)
        assert they.protocol == we.protocol == protocol
        assert they.address == here.remote
        await here.send(b"hello")
        assert await there.receive() == b"hello"
        facts = here.facts
        assert (facts["tls.version"], facts["tls.sni"]) == ("TLSv1.3", "peer.tincans.invalid")
        await there.send(b"hello")
        assert await here.receive() == b"hello"
        assert isinstance(here, TlsChannel)
        assert here.session is None or not here.session.has_ticket, "there is nothing to resume"


async def test_it_goes_over_any_channel_of_which_the_first_bytes_were_looked_at(ann: PeerTls, bob: PeerTls) -> None:
    near, far = memory_pair()
    calling = spawn(_shake(ann._contexts[MESH], near))
    seen = await far.receive()
    assert is_peer_hello(seen)
    channel, peer = await bob.accept(Buffered(far, seen), looked_ahead=True)
    async with channel, await calling:
        assert peer.key == ann.identity.key


async def test_what_was_said_before_the_handshake_is_refused(bob: PeerTls) -> None:
    near, far = memory_pair()
    with pytest.raises(HandshakeFailed, match="that TLS does not protect came before"):
        await bob.accept(Buffered(far, b"early words"))
    near.abort()


async def test_somebody_else_at_the_address_is_not_who_was_expected(ann: PeerTls, bob: PeerTls) -> None:
    async with await transports.listen(LOOPBACK) as listener:
        accepting = spawn(_accept_all(bob, listener))
        with pytest.raises(WrongPeer) as raised:
            await ann.call(listener.address, expected=Fingerprint(b"x" * 32))
        assert f"its fingerprint is {bob.identity.fingerprint}, and not {Fingerprint(b'x' * 32)}" in str(raised.value)
        channel, _ = await ann.call(listener.address, expected=bob.identity.fingerprint)
        channel.abort()
        accepting.cancel()
        await asyncio.wait([accepting])


async def _accept_all(tls: PeerTls, listener: Listener) -> None:
    channels: list[Channel] = []
    try:
        while True:
            channels.append((await tls.accept(await listener.accept()))[0])
    finally:
        for channel in channels:
            channel.abort()


async def test_nobody_there_and_silence_are_said_as_for_any_call(ann: PeerTls) -> None:
    async with await transports.listen(LOOPBACK) as listener:
        with pytest.raises(ConnectTimedOut):
            await ann.call(listener.address, timeout=0.02)
    with pytest.raises(ConnectionRefused):
        await ann.call(listener.address)


def test_a_name_that_cannot_be_shown_is_none(ann: PeerTls) -> None:
    with pytest.raises(UsageError):
        PeerTls(ann.identity, "a" * (PEER_NAME_BYTES + 1))
    assert PeerTls(ann.identity, "é" * (PEER_NAME_BYTES // 2)).name.startswith("é")


# ── those who are no peers ────────────────────────────────────────────────────────────────────────────────


async def _refused(bob: PeerTls, client: ssl.SSLContext) -> str:
    """How a caller with this context is turned away."""
    near, far = await over_tcp()
    calling = spawn(_shake(client, near))
    with pytest.raises(HandshakeFailed) as raised:
        await bob.accept(far)
    await asyncio.wait([calling])
    near.abort()
    if calling.exception() is None:
        calling.result().abort()
    return raised.value.reason


def _plain(*protocols: str) -> ssl.SSLContext:
    context = bare_context(server_side=False)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


async def test_who_shows_no_certificate_is_turned_away(bob: PeerTls) -> None:
    assert await _refused(bob, _plain(MESH)) == "it showed no certificate, and client-ca asks for one"


async def test_who_speaks_another_protocol_is_turned_away(ann: PeerTls, bob: PeerTls) -> None:
    for protocols in (("http/1.1",), ()):
        context = _plain(*protocols)
        ann._show(context)
        assert await _refused(bob, context) == "it does not speak tincans-peer/1"


async def test_who_speaks_no_tls_1_3_is_turned_away(ann: PeerTls, bob: PeerTls) -> None:
    context = _plain(MESH)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    ann._show(context)
    assert await _refused(bob, context) == "the two ends have no version of TLS in common"


async def test_a_certificate_of_another_authority_is_turned_away(bob: PeerTls, certificates: Certificates) -> None:
    context = _plain(MESH)
    context.load_cert_chain(certificates.leaf)
    near, far = await over_tcp()
    calling = spawn(_shake(context, near))
    with pytest.raises(ConnectError, match="its authority is not known here"):
        await bob.accept(far)
    await asyncio.wait([calling])
    near.abort()
    if calling.exception() is None:
        calling.result().abort()


async def test_whoever_stands_between_is_seen(ann: PeerTls, bob: PeerTls, tmp_path: Path) -> None:
    """Eve has the authority's key, as everybody, and bob's name; the key that she proves to have is her own."""
    eve = PeerTls(Identity.open(tmp_path / "eve"), bob.name)
    (here, they), (there, _) = await meet(ann, eve)
    async with here, there:
        assert they.name == "bob"
        assert they.fingerprint == eve.identity.fingerprint != bob.identity.fingerprint


def test_another_s_certificate_is_of_no_use_without_the_key(ann: PeerTls, bob: PeerTls) -> None:
    copied = Identity(bob.identity.private, ann.identity.path)  # bob's certificate, and the file of ann's key
    with pytest.raises(IdentityBroken, match="it is not the key any more that it was"):
        PeerTls(copied)


@pytest.mark.foreign
async def test_openssl_without_a_certificate_is_turned_away(bob: PeerTls) -> None:
    async with await transports.listen(LOOPBACK) as listener:
        command = ["s_client", "-connect", f"127.0.0.1:{listener.address.port}", "-alpn", MESH, "-tls1_3"]
        with start([program("openssl"), *command]) as running:
            with pytest.raises(HandshakeFailed, match="it showed no certificate"):
                await bob.accept(await listener.accept())
            await asyncio.to_thread(running.wait, None)
            assert b"ALPN protocol: tincans-peer/1" in running.out


# ── knowing a peer by its first words ─────────────────────────────────────────────────────────────────────


def hello(*protocols: str, name: str = "x.invalid") -> bytes:
    """What OpenSSL says first."""
    context = _plain(*protocols)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def records(data: bytes, size: int) -> bytes:
    """The same message in records of at most so many bytes (RFC 8446 §5.1)."""
    message = data[5:]
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(data[:3] + len(piece).to_bytes(2, "big") + piece for piece in pieces)


@pytest.mark.parametrize("protocol", [MESH, CODE, FILE])
def test_a_peer_is_known_once_all_of_its_hello_is_there(protocol: str) -> None:
    data = hello("h2", protocol)
    assert is_peer_hello(data) is True
    assert is_peer_hello(data + b"more") is True
    for count in range(len(data)):
        assert is_peer_hello(data[:count]) is None, count


@given(st.integers(1, 300))
def test_a_hello_may_come_in_several_records(size: int) -> None:
    data = records(hello(MESH), size)
    assert is_peer_hello(data) is True
    assert is_peer_hello(data[:-1]) is None


def test_everybody_else_is_known_too() -> None:
    assert is_peer_hello(hello()) is False
    assert is_peer_hello(hello("h2", "http/1.1", "tincans-peer/2")) is False
    assert is_peer_hello(b"GET / HTTP/1.1\r\n") is False
    assert is_peer_hello(b"\x16\x02\x00\x00\x05") is False, "SSL 2"
    assert is_peer_hello(b"\x16\x03\x01\x00\x05\x02\x00\x00\x00\x00") is False, "a ServerHello"
    assert is_peer_hello(b"\x17\x03\x03\x00\x05hello") is False
    assert is_peer_hello(b"\x16\x03\x01\x00\x00") is False, "an empty record"
    assert is_peer_hello(hello(MESH)[:9] + b"\0" * 600) is False, "a hello with nothing in it"


def test_a_hello_has_its_limits() -> None:
    def begun(length: int) -> bytes:
        return b"\x16\x03\x01\x40\x00\x01" + length.to_bytes(3, "big")

    assert is_peer_hello(begun(PEER_HELLO_BYTES)) is None
    assert is_peer_hello(begun(PEER_HELLO_BYTES + 1)) is False
    assert is_peer_hello(b"\x16\x03\x01" + TLS_RECORD_BYTES.to_bytes(2, "big")) is None
    assert is_peer_hello(b"\x16\x03\x01" + (TLS_RECORD_BYTES + 1).to_bytes(2, "big")) is False


@given(st.binary(max_size=400))
def test_no_bytes_break_it(data: bytes) -> None:
    assert is_peer_hello(data) in (True, False, None)
    whole = hello(MESH)
    assert is_peer_hello(whole[: len(data)] + data) in (True, False, None)
