"""Both engines keep the contract of channels, and what TLS adds to it."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import pytest

from running import PATIENCE
from tincans.address import Address
from tincans.certificates import Leaf
from tincans.channel import Channel
from tincans.errors import ChannelBroken, ChannelClosed, EndOfStream
from tincans.limits import RECEIVE_BYTES
from tincans.tasks import spawn
from tincans.testing import check_channel
from tincans.transports import tls_context
from tincans.transports.stream import SocketChannel
from tincans.transports.tls_over_channel import OverChannel
from tincans.transports.tls_over_socket import OverSocket
from wrapping import Pair, in_memory, over_tcp, wrapped

Below = Callable[[], Awaitable[Pair]]

BELOW = pytest.mark.parametrize("below", [in_memory, over_tcp])
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@pytest.fixture
def _at_most(version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """There is no option for it, because nobody should want it."""
    finish = tls_context._finish

    def limited(context: ssl.SSLContext, choice: tls_context._Choice) -> ssl.SSLContext:
        finish(context, choice).maximum_version = version
        return context

    def forget() -> None:
        tls_context._client_context.cache_clear()
        tls_context._server_context.cache_clear()

    monkeypatch.setattr(tls_context, "_finish", limited)
    forget()
    yield
    forget()


async def all_of(channel: Channel) -> bytes:
    return b"".join([piece async for piece in channel])


@BELOW
async def test_tls_keeps_the_contract(below: Below, tls: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.channel.LINGER_SECONDS", 0.01)  # of many clients that never heard a word
    await check_channel(partial(wrapped, below, tls, tls))


async def test_a_socket_has_an_engine_of_its_own(tls: Address) -> None:
    for below, engine in ((in_memory, OverChannel), (over_tcp, OverSocket)):
        here, there = await wrapped(below, tls, tls)
        async with here, there:
            assert type(here) is type(there) is engine


async def test_the_engines_understand_each_other(tls: Address) -> None:
    """TLS over TLS: the inner one runs on memory over the outer one, which runs on the socket."""
    twice = tls._replace(wraps=("tls", "tls"))
    here, there = await wrapped(over_tcp, twice, twice)
    async with here, there:
        await here.send(b"hello")
        assert await there.receive() == b"hello"


@VERSIONS
@BELOW
@pytest.mark.usefixtures("_at_most")
async def test_each_direction_ends_by_itself(below: Below, version: ssl.TLSVersion, tls: Address) -> None:
    """Also when the other side's words are on their way, or here already: nothing of them is lost."""
    here, there = await wrapped(below, tls, tls)
    async with here, there:
        assert here.facts["tls.version"] == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
        answer = bytes(range(256)) * 4000
        answering = spawn(there.send(answer))
        heard = await here.receive()
        await here.send(b"question")
        await here.send_eof()
        assert await all_of(there) == b"question"
        await asyncio.gather(answering, reading := spawn(all_of(here)), there_ends(there, answering))
        assert heard + reading.result() == answer


async def there_ends(there: Channel, answering: asyncio.Task[None]) -> None:
    await answering
    await there.send_eof()


@BELOW
async def test_a_receive_takes_many_records_at_once(below: Below, tls: Address) -> None:
    here, there = await wrapped(below, tls, tls)
    async with here, there:
        saying = spawn(here.send(bytes(8 * RECEIVE_BYTES)))
        sizes: list[int] = []
        while sum(sizes) < 8 * RECEIVE_BYTES:
            sizes.append(len(await there.receive()))
        await saying
        assert max(sizes) > 16 * 1024  # more than a record
        assert max(sizes) <= RECEIVE_BYTES


@BELOW
async def test_an_end_without_a_goodbye_is_an_end_and_a_fact(below: Below, tls: Address) -> None:
    calling, called = await below()
    here, there = await wrapped(partial(_these, calling, called), tls, tls)
    async with here, there:
        await here.send(b"last words")
        if isinstance(here, OverSocket):
            here._torn = True  # so that it says no goodbye
            await here.aclose()
        else:
            await calling.send_eof()
        assert await there.receive() == b"last words"
        for _ in range(2):
            with pytest.raises(EndOfStream):
                await there.receive()
        assert there.facts["tls.truncated"] == "yes"


async def test_a_goodbye_leaves_no_such_fact(tls: Address) -> None:
    here, there = await wrapped(over_tcp, tls, tls)
    async with there:
        await here.aclose()
        with pytest.raises(EndOfStream):
            await there.receive()
        assert "tls.truncated" not in there.facts
        assert here.facts["tls.version"] == "TLSv1.3"  # told after the end, too


async def test_what_was_changed_on_the_way_breaks_the_channel(tls: Address) -> None:
    calling, called = await in_memory()
    here, there = await wrapped(partial(_these, calling, called), tls, tls)
    async with here, there:
        await here.send(b"words")
        record = bytearray(await called.receive())
        record[-1] ^= 1
        await calling.send(record)
        for _ in range(2):
            with pytest.raises(ChannelBroken, match="it was damaged or forged"):
                await there.receive()
        with pytest.raises(ChannelBroken):
            await there.send(b"anything")


@BELOW
async def test_a_close_does_not_wait_for_a_side_that_does_not_read(
    below: Below, tls: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tincans.channel.LINGER_SECONDS", 1000)
    here, there = await wrapped(below, tls, tls)
    saying = spawn(here.send(bytes(32 * 1024 * 1024)))
    await there.receive()
    async with asyncio.timeout(PATIENCE):
        await here.aclose()
    with pytest.raises(ChannelClosed):
        await saying
    there.abort()


async def test_words_that_come_just_after_the_look(tls: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then OpenSSL has read the first ones already, and what is seen next is the middle of a handshake."""
    look, looks = OverSocket._look, 0

    def look_later(self: OverSocket) -> None:
        nonlocal looks
        looks += 1
        if looks > 2:
            look(self)

    monkeypatch.setattr(OverSocket, "_look", look_later)
    here, there = await wrapped(over_tcp, tls, tls)
    async with here, there:
        await here.send(b"hello")
        assert await there.receive() == b"hello"
    assert looks > 2


async def test_send_eof_while_a_receive_waits(tls: Address) -> None:
    """The descriptor is another socket's for a moment; the loop must not notice."""
    here, there = await wrapped(over_tcp, tls, tls)
    async with here, there:
        for _ in range(2):
            hearing = spawn(here.receive())
            await asyncio.sleep(0)
            await here.send_eof()
            await there.send(b"still heard")
            assert await hearing == b"still heard"


async def _these(one: Channel, other: Channel) -> Pair:
    return one, other


@pytest.mark.parametrize("engine", [OverSocket, OverChannel])
@pytest.mark.parametrize("ends_before", [False, True])
async def test_a_server_that_is_late_with_its_tickets_still_has_all_that_was_said(
    engine: type[OverSocket | OverChannel], ends_before: bool, leaf: Leaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come to a client which only spoke, and is about to go."""
    for module in ("channel", "transports.tls_over_channel"):
        monkeypatch.setattr(f"tincans.{module}.LINGER_SECONDS", PATIENCE)
    words = random.randbytes(4 * RECEIVE_BYTES)
    calling, called = await over_tcp()
    assert isinstance(calling, SocketChannel)
    assert isinstance(called, SocketChannel)
    late = Late(called.detach(), leaf)
    here = engine(calling, tls_context.client_context(Address.parse("tls://localhost:1?verify=off")), False, None)
    await asyncio.gather(here.handshake(), late.greet())
    await here.send(words)
    if ends_before:
        await here.send_eof()
    closing = spawn(here.aclose())
    await asyncio.wait([closing], timeout=0.02)
    assert await late.hear() == words
    await closing


class Late:
    """A server which looks at the end of the handshake only when all was said, and says its session tickets then."""

    def __init__(self, sock: socket.socket, leaf: Leaf) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf.cert_path, leaf.key_path)
        self.sock, self.heard, self.says = sock, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.heard, self.says, server_side=True)

    async def greet(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        await self._hear()
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        await self._say()

    async def hear(self) -> bytes:
        """All that the client says, after the tickets were said to it; and then close."""
        await self._hear()
        self.tls.do_handshake()
        await self._say()
        said = b""
        with self.sock:
            while True:
                try:
                    piece = self.tls.read()
                except ssl.SSLWantReadError:
                    await self._hear()
                else:
                    said += piece
                    if not piece:  # close_notify
                        return said

    async def _hear(self) -> None:
        if data := await asyncio.get_running_loop().sock_recv(self.sock, 4096):
            self.heard.write(data)
        else:
            self.heard.write_eof()

    async def _say(self) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, self.says.read())
