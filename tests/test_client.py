"""A client calls with a timeout, retries and a proxy, and says in different sentences why it did not get through."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable, Iterator

import pytest

from hearing import Hearing
from running import PATIENCE, Certificates
from tincans import transports
from tincans.address import Address
from tincans.channel import Buffered, Channel, Side
from tincans.client import connect
from tincans.conversation import How, Kind
from tincans.errors import (
    CertificateNotTrusted,
    ConnectError,
    ConnectionRefused,
    ConnectTimedOut,
    HandshakeFailed,
    NameNotFound,
)
from tincans.limits import CONNECT_SECONDS, RETRY_FIRST, RETRY_MOST
from tincans.recording import RecordingChannel
from tincans.relays import relay
from tincans.server import serve
from tincans.tasks import spawn

ANY = "tcp://127.0.0.1:0"


async def echo(channel: Channel) -> None:
    while True:
        await channel.send(await channel.receive())


@pytest.fixture
def nobody() -> Iterator[Address]:
    """An address on which nobody listens, though the port is taken."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield Address("tcp", *held.getsockname())


async def test_it_gives_the_channel_as_it_is() -> None:
    async with await serve(ANY, echo) as server, await connect(str(server.address)) as channel:
        await channel.send(b"hello")
        assert await channel.receive() == b"hello"
        assert not isinstance(channel, RecordingChannel)


async def test_recorders_are_told_that_we_are_the_client() -> None:
    hearing = Hearing()
    async with await serve(ANY, echo) as server:
        async with await connect(server.address, recorders=[hearing], name="mine") as channel:
            await channel.send(b"hello")
            await channel.receive()
            where = str(channel.local)
    heard = hearing.all[0]
    assert (heard.opening.kind, heard.opening.name) == (Kind.CONNECT, "mine")
    assert (heard.opening.client, heard.opening.server) == (where, str(server.address))
    assert heard.pieces == [(Side.CLIENT, b"hello"), (Side.SERVER, b"hello")]
    assert heard.outcome == (How.FINISHED, Side.CLIENT, "")


async def test_a_fixed_source_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with await serve(ANY, echo) as server:
        async with await connect(f"{server.address}?bind=:{port}") as channel:
            assert channel.local.port == port


# ── four sentences ────────────────────────────────────────────────────────────────────────────────────────


async def test_refused(nobody: Address) -> None:
    with pytest.raises(ConnectionRefused, match="the connection was refused"):
        await connect(nobody)


async def test_nobody_at_a_path(tmp_path: object) -> None:
    with pytest.raises(ConnectionRefused):
        await connect(f"unix:{tmp_path}/nobody.sock")


async def test_timed_out_while_nobody_answers() -> None:
    """A listener with a full queue answers nobody; here one that never finishes the handshake stands for it."""
    listener = await transports.listen(Address.parse(ANY))
    async with listener:
        with pytest.raises(ConnectTimedOut, match=r"no answer within 0\.02 s") as timed_out:
            await connect(f"tls://127.0.0.1:{listener.address.port}?verify=off", timeout=0.02)
        assert timed_out.value.seconds == 0.02


async def test_no_such_name() -> None:
    with pytest.raises(NameNotFound, match=r"there is no host named 'no-such-host\.invalid'"):
        await connect("tcp://no-such-host.invalid:80", timeout=PATIENCE)


async def test_not_trusted(certificates: Certificates) -> None:
    async with await serve(f"tls://127.0.0.1:0{certificates.served}", echo) as server:
        with pytest.raises(CertificateNotTrusted, match="not trusted"):
            await connect(f"tls://127.0.0.1:{server.address.port}", retry=60)
        async with await connect(f"tls://127.0.0.1:{server.address.port}{certificates.trusted}") as channel:
            await channel.send(b"secret")
            assert await channel.receive() == b"secret"


async def test_no_tls_there() -> None:
    async with await serve(ANY, echo) as server:
        with pytest.raises(HandshakeFailed):
            await connect(f"tls://127.0.0.1:{server.address.port}?verify=off", retry=60)


# ── retries ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_keeps_calling_until_the_server_is_there(tmp_path: object) -> None:
    calling = spawn(connect(f"unix:{tmp_path}/late.sock", retry=10))
    await asyncio.sleep(0.01)
    assert not calling.done()
    async with await serve(f"unix:{tmp_path}/late.sock", echo), await calling as channel:
        await channel.send(b"at last")
        assert await channel.receive() == b"at last"


async def test_it_gives_up_when_the_time_is_over(nobody: Address) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(ConnectionRefused):
        await connect(nobody, retry=0.08)
    assert loop.time() - start >= 0.07  # uvloop counts whole milliseconds


async def test_the_pauses_double_up_to_a_bound(nobody: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 9:
            raise InterruptedError

    monkeypatch.setattr("tincans.client.asyncio.sleep", note)
    with pytest.raises(InterruptedError):
        await connect(nobody, retry=1000)
    assert pauses[:6] == [RETRY_FIRST * 2**n for n in range(6)]
    assert max(pauses) == pauses[-1] == RETRY_MOST


async def test_cancelling_a_call_leaves_nothing_open(nobody: Address) -> None:
    calling = spawn(connect(nobody, retry=60))
    await asyncio.sleep(0.01)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling


# ── proxies ───────────────────────────────────────────────────────────────────────────────────────────────


async def connect_proxy(channel: Channel) -> None:
    """An HTTP proxy that joins whoever asks to whom it asks for, and tells the answer apart with a letter."""
    from tincans.pump import pump

    asking = Buffered(channel)
    request = await asking.receive_until(b"\r\n\r\n")
    host = request.split()[1].decode()
    try:
        there = await transports.dial(Address.parse(host))
    except ConnectError:
        await asking.send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        return
    await asking.send(b"HTTP/1.1 200 OK\r\n\r\n")
    await pump(asking, there)


@pytest.mark.parametrize("how", ["argument", "option"])
async def test_through_a_proxy(how: str) -> None:
    async with await serve(ANY, echo) as server, await serve(ANY, connect_proxy) as proxy:
        url = f"http://127.0.0.1:{proxy.address.port}"
        if how == "argument":
            channel = await connect(server.address, proxy=url)
        else:
            channel = await connect(f"{server.address}?proxy={url}")
        async with channel:
            await channel.send(b"through")
            assert await channel.receive() == b"through"
            assert proxy.served == 1


async def test_tls_through_a_proxy(certificates: Certificates) -> None:
    async with await serve(f"tls://127.0.0.1:0{certificates.served}", echo) as server:
        async with await serve(ANY, connect_proxy) as proxy:
            url = f"http://127.0.0.1:{proxy.address.port}"
            address = f"tls://127.0.0.1:{server.address.port}{certificates.trusted}"
            async with await connect(address, proxy=url) as channel:
                await channel.send(b"secret")
                assert await channel.receive() == b"secret"


async def test_a_proxy_that_cannot_get_through(nobody: Address) -> None:
    async with await serve(ANY, connect_proxy) as proxy:
        with pytest.raises(ConnectError):
            await connect(nobody, proxy=f"http://127.0.0.1:{proxy.address.port}")


@pytest.mark.parametrize("call", [connect, relay])
def test_one_call_may_take_as_long_as_the_limit_unless_told_otherwise(call: Callable[..., object]) -> None:
    assert inspect.signature(call).parameters["timeout"].default == CONNECT_SECONDS
