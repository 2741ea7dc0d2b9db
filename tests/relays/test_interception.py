"""Seeing through TLS: what each side is shown, what both agree on, and what is told of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hearing import Hearing
from running import Certificates
from tincans import transports
from tincans.address import Address
from tincans.certificates import local_authority
from tincans.channel import Buffer, Buffered, Channel, Side
from tincans.conversation import How
from tincans.errors import AddressError, ChannelBroken, ConnectError, EndOfStream
from tincans.limits import TLS_MESSAGE_BYTES, Limits
from tincans.recording import RecordingChannel
from tincans.relays import relay
from tincans.server import serve
from tincans.transports.tls import client_wrap

CLIENT, SERVER = Side.CLIENT, Side.SERVER


@pytest.fixture(autouse=True)
def _own_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_CA", str(tmp_path / "ca"))


async def greet(channel: Channel) -> None:
    """An app that says what it is told in capitals."""
    async for data in channel:
        await channel.send(data.upper())


@asynccontextmanager
async def intercepted(
    certificates: Certificates, *, target: str = "", served: str = "", app: Callable[[Channel], Awaitable[None]] = greet
) -> AsyncIterator[tuple[Address, Hearing]]:
    """A server with TLS and a relay before it; the relay's address, and what was heard there."""
    hearing = Hearing()
    async with await serve(f"tls://127.0.0.1:0{certificates.served}{served}", app) as server:
        there = f"127.0.0.1:{server.address.port}?ca={certificates.ca}{target}"
        async with await relay(":0", there, recorders=[hearing], intercept=True) as there_between:
            yield there_between.address, hearing


def call(address: Address, options: str = "") -> Address:
    ca = local_authority().cert_path
    return Address.parse(f"tls://127.0.0.1:{address.port}?ca={ca}{options}")


async def asked(address: Address, options: str = "") -> Channel:
    """Call the relay, and have an answer."""
    client = await transports.dial(call(address, options))
    try:
        await client.send(b"hello")
        assert await client.receive() == b"HELLO"
    except BaseException:
        client.abort()
        raise
    return client


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_said_inside_is_heard(certificates: Certificates) -> None:
    async with intercepted(certificates) as (address, hearing):
        async with await asked(address, "&sni=localhost") as client:
            await client.send_eof()
            assert [piece async for piece in client] == []
        [heard] = hearing.all
        await heard.over.wait()
        assert heard.words == {CLIENT: b"hello", SERVER: b"HELLO"}
        assert heard.ends == [CLIENT, SERVER]
        assert heard.outcome == (How.FINISHED, CLIENT, "")


async def test_the_facts_of_both_handshakes_are_told(certificates: Certificates) -> None:
    served = "&alpn=h2,http/1.1&min=1.3"
    async with intercepted(certificates, served=served) as (address, hearing):
        async with await asked(address, "&sni=localhost&alpn=http/1.1"):
            [heard] = hearing.all
            assert heard.join is not None
            assert "server.tls.version" not in heard.join[2]
            [facts] = heard.security
            for side in ("client", "server"):
                assert facts[f"{side}.tls.version"] == "TLSv1.3"
                assert facts[f"{side}.tls.cipher"] == "TLS_AES_256_GCM_SHA384"
                assert facts[f"{side}.tls.sni"] == "localhost"
                assert facts[f"{side}.tls.alpn"] == "http/1.1"
            assert facts["client.tls.shown"] == "localhost"
            assert facts["server.tls.peer.names"] == "localhost 127.0.0.1"


# ── what each side is shown ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("offered", ["", "h2", "http/1.1", "h2,http/1.1", "postgresql"])
async def test_name_and_protocols_are_kept(offered: str, certificates: Certificates) -> None:
    seen: list[dict[str, str]] = []

    async def app(channel: Channel) -> None:
        seen.append(dict(channel.facts))
        await greet(channel)

    served = "&alpn=h2,http/1.1" if offered != "postgresql" else ""
    async with intercepted(certificates, served=served, app=app) as (address, _):
        async with await asked(address, "&sni=localhost" + (f"&alpn={offered}" if offered else "")) as client:
            chosen = "" if offered == "postgresql" else offered.partition(",")[0]
            assert client.facts.get("tls.alpn", "") == chosen
            assert seen[0].get("tls.alpn", "") == chosen
            assert seen[0]["tls.sni"] == "localhost"
            assert client.facts["tls.peer.names"] == "localhost"


async def test_who_asks_for_no_name_is_shown_all_that_it_may_have_meant(certificates: Certificates) -> None:
    async with intercepted(certificates) as (address, _):
        async with await asked(address) as client:  # an address is not asked for (RFC 6066 §3)
            assert set(client.facts["tls.peer.names"].split()) == {"localhost", "127.0.0.1"}


async def test_the_option_sni_is_asked_for_whatever_the_client_wants(certificates: Certificates) -> None:
    async with intercepted(certificates, target="&sni=localhost") as (address, hearing):
        async with await asked(address, "&sni=shop.example") as client:
            assert client.facts["tls.peer.names"] == "shop.example"
            assert hearing.all[0].security[0]["server.tls.sni"] == "localhost"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_each_leg_has_its_own_version(version: str, certificates: Certificates) -> None:
    async with intercepted(certificates, served="&min=1.3") as (address, _):
        context = ssl.create_default_context(cafile=str(local_authority().cert_path))
        context.maximum_version = ssl.TLSVersion.TLSv1_2 if version == "1.2" else ssl.TLSVersion.TLSv1_3
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port, ssl=context)
        assert writer.get_extra_info("ssl_object").version() == f"TLSv{version}"
        writer.write(b"hello")
        assert await reader.read(5) == b"HELLO"
        writer.close()
        await writer.wait_closed()


async def test_a_hello_may_come_byte_by_byte(certificates: Certificates) -> None:
    async with intercepted(certificates) as (address, _):
        async with await transports.dial(Address.parse(f":{address.port}")) as below:
            client = await transports.greet(Slow(below), transports.client_wraps(call(address)))
            await client.send(b"hello")
            assert await client.receive() == b"HELLO"


class Slow(RecordingChannel):
    """Sends what comes first byte by byte."""

    def __init__(self, below: Channel) -> None:
        super().__init__(below, (), CLIENT)
        self._sent = False

    async def send(self, data: Buffer) -> None:
        pieces = [data] if self._sent else [data[at : at + 1] for at in range(len(data))]
        self._sent = True
        for piece in pieces:
            await super().send(piece)
            await asyncio.sleep(0)


# ── who is not let through ────────────────────────────────────────────────────────────────────────────────


async def refused(address: Address, options: str = "&sni=localhost") -> str:
    """How a client is told that it will not be answered."""
    with pytest.raises((ConnectError, ChannelBroken, EndOfStream)) as told:
        async with await transports.dial(call(address, options)) as client:
            await client.receive()
    return str(told.value)


async def test_a_server_that_is_not_trusted_is_not_shown_to_the_client(certificates: Certificates) -> None:
    hearing = Hearing()
    async with await serve(f"tls://127.0.0.1:0{certificates.served}", greet) as server:
        async with await relay(":0", server.address.without_wraps(), recorders=[hearing], intercept=True) as between:
            assert "access denied" in (await refused(between.address)).replace("denies access", "access denied")
    [heard] = hearing.all
    assert heard.outcome is not None
    how, by, sentence = heard.outcome
    assert (how, by) == (How.FAILED, SERVER)
    assert sentence.startswith("cannot connect to tls://127.0.0.1:")
    assert sentence.endswith("its certificate is not trusted: its authority is not known here")
    assert not heard.security


async def test_a_server_without_the_name_asked_for_is_not_trusted(certificates: Certificates) -> None:
    async with intercepted(certificates) as (address, hearing):
        await refused(address, "&sni=shop.example")
        await hearing.all[0].over.wait()
        assert "not for the name 'shop.example'" in str(hearing.all[0].outcome)


async def test_anyone_is_trusted_where_that_is_said(certificates: Certificates) -> None:
    async with intercepted(certificates, target="&verify=off") as (address, _):
        async with await asked(address, "&sni=shop.example") as client:
            assert client.facts["tls.peer.names"] == "shop.example"


async def test_a_client_that_does_not_trust_us_says_so(certificates: Certificates) -> None:
    async with intercepted(certificates) as (address, hearing):
        with pytest.raises(ConnectError, match="authority is not known"):
            await transports.dial(Address.parse(f"tls://127.0.0.1:{address.port}?ca={certificates.ca}&sni=localhost"))
        [heard] = hearing.all
        await heard.over.wait()
        assert heard.outcome is not None
        assert heard.outcome[:2] == (How.FAILED, CLIENT)
        assert "does not accept this end's certificate" in heard.outcome[2]


async def test_a_server_without_tls_is_told(certificates: Certificates) -> None:
    hearing = Hearing()

    async def app(channel: Channel) -> None:
        await channel.receive()
        await channel.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with await serve(":0", app) as server:
        async with await relay(":0", server.address, recorders=[hearing], intercept=True) as between:
            await refused(between.address)
    assert "the other side does not speak TLS: it said 'HTTP/1.1 400 Bad Request'" in str(hearing.all[0].outcome)


async def test_a_handshake_that_takes_too_long_is_given_up() -> None:
    hearing = Hearing()
    limits = Limits(handshake=0.02)

    async def silent(channel: Channel) -> None:
        async for _ in channel:
            pass

    async with await serve(":0", silent) as server:
        there = await relay(":0", server.address, recorders=[hearing], limits=limits, intercept=True)
        async with there as between:
            await refused(between.address)
    assert "no handshake within 0.02 s" in str(hearing.all[0].outcome)


async def test_a_file_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(AddressError, match="cannot be used"):
        await relay(":0", f":1?ca={tmp_path}/none", intercept=True)


# ── client certificates ───────────────────────────────────────────────────────────────────────────────────


async def test_a_server_that_asks_for_a_client_certificate_gets_ours(certificates: Certificates) -> None:
    served, ours = f"&client-ca={certificates.ca}", f"&cert={certificates.leaf}&key={certificates.leaf}"
    async with intercepted(certificates, served=served, target=ours) as (address, _):
        async with await asked(address, "&sni=localhost"):
            pass


async def test_a_server_that_is_not_shown_a_client_certificate_says_so(certificates: Certificates) -> None:
    async with intercepted(certificates, served=f"&client-ca={certificates.ca}&min=1.3") as (address, hearing):
        await refused(address)
        [heard] = hearing.all
        await heard.over.wait()
        assert "asks for a client certificate: add cert=FILE&key=FILE" in str(heard.outcome)


# ── what is no TLS ────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def plain(app: Callable[[Channel], Awaitable[None]] = greet) -> AsyncIterator[tuple[Channel, Hearing]]:
    hearing = Hearing()
    async with await serve(":0", app) as server:
        async with await relay(":0", server.address, recorders=[hearing], intercept=True) as between:
            async with await transports.dial(between.address) as client:
                yield client, hearing


async def test_what_is_no_tls_passes() -> None:
    async with plain() as (client, hearing):
        for word in (b"\x16\x03", b"hello"):  # it could have been
            await client.send(word)
        assert b"".join([await client.receive()]).endswith(b"HELLO")
        await client.send_eof()
        assert [piece async for piece in client] == []
        [heard] = hearing.all
        await heard.over.wait()
        assert heard.outcome == (How.FINISHED, CLIENT, "")
        assert not heard.security


async def test_a_client_that_only_begins_to_say_hello_is_passed_on_at_its_end() -> None:
    async with plain() as (client, _):
        await client.send(b"\x16\x03\x01")
        await client.send_eof()
        assert await client.receive() == b"\x16\x03\x01"


async def test_a_hello_longer_than_the_limit_passes_untouched() -> None:
    async with plain() as (client, _):
        record = b"\x16\x03\x01\x00\x10\x01" + (TLS_MESSAGE_BYTES + 1).to_bytes(3, "big") + bytes(12)
        await client.send(record)
        assert await Buffered(client).receive_exactly(len(record)) == record


async def test_messages_are_joined_as_ever() -> None:
    """What has boundaries is no stream that TLS could begin on."""
    async with await serve("ws://127.0.0.1:0", greet) as server:
        async with await relay("ws://127.0.0.1:0", server.address, intercept=True) as between:
            async with await transports.dial(between.address) as client:
                await client.send(b"\x16\x03\x01")
                assert await client.receive() == b"\x16\x03\x01"


async def test_a_silent_link_is_closed_after_the_idle_limit(certificates: Certificates) -> None:
    hearing = Hearing()
    async with await serve(f"tls://127.0.0.1:0{certificates.served}", greet) as server:
        target, limits = f"127.0.0.1:{server.address.port}?ca={certificates.ca}", Limits(idle=0.03)
        between = await relay(":0", target, recorders=[hearing], limits=limits, intercept=True)
        async with between:
            with pytest.raises((ConnectError, ChannelBroken, EndOfStream)):  # perhaps in the handshake already
                async with await asked(between.address, "&sni=localhost") as client:
                    await client.receive()
    assert hearing.all[0].outcome == (How.IDLE, None, "nothing was said for 0.03 s")


async def test_a_reset_passes_as_a_reset(certificates: Certificates) -> None:
    async with intercepted(certificates) as (address, hearing):
        async with await asked(address, "&sni=localhost") as client:
            client.abort()
            [heard] = hearing.all
            await heard.over.wait()
            assert heard.outcome == (How.RESET, CLIENT, "the other side reset it")


# ── sessions taken up again ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_session_is_taken_up_again(version: str, certificates: Certificates) -> None:
    async with await serve(f"tls://127.0.0.1:0{certificates.served}&min={version}", greet) as server:
        address = Address.parse(f"tls://localhost:{server.address.port}?ca={certificates.ca}")
        async with await transports.dial(address) as first:
            await first.send(b"hello")
            await first.receive()
            below = await transports.dial(server.address.without_wraps())
            async with await client_wrap(address, resume=first)(below) as second:
                await second.send(b"hello")
                assert await second.receive() == b"HELLO"
                assert (first.facts["tls.resumed"], second.facts["tls.resumed"]) == ("no", "yes")
