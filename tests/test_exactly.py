"""The channel carries exactly what was said.

First every transport to every transport in one process: a byte at a time, then much at once, and whoever ends first,
the other is heard to its end. Then the real command, as fast as it goes: a gigabyte from TCP to TCP, and through two
relays with each transport between them. `make deep` (pytest --deep) sends a gigabyte through every one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from running import PATIENCE, Certificates, recorded, serving, tincans
from tincans.address import Address
from tincans.channel import Buffered, Channel
from tincans.client import connect
from tincans.limits import Limits
from tincans.relays import relay
from tincans.server import App, serve

#: Everything that can be listened on and called in one process, and the options that only the caller's address has.
PLACES = {
    "tcp": "tcp://127.0.0.1:0",
    "unix": "unix://{folder}/{name}.sock",
    "memory": "memory:{name}",
    "tls": "tls://127.0.0.1:0{served}",
    "tls+unix": "tls+unix://{folder}/{name}.sock{served}",
    "ws": "ws://127.0.0.1:0/talk",
    "wss": "wss://127.0.0.1:0/talk{served}",
    "ws+unix": "ws+unix://{folder}/{name}.sock",
}

SINGLE = random.Random(1).randbytes(64)
MUCH = random.Random(2).randbytes(300_000)
WORDS = SINGLE + MUCH

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30


@pytest.fixture
def much(pytestconfig: pytest.Config) -> int:
    """Bytes to send through every transport."""
    return GIBIBYTE if pytestconfig.getoption("deep") else 64 * MEBIBYTE


def place(kind: str, name: str, folder: Path, certificates: Certificates) -> str:
    """An address of that kind to listen on."""
    return PLACES[kind].format(folder=folder, name=name, served=certificates.served)


def called(listened: Address, certificates: Certificates) -> Address:
    """The address with which to call somebody who listens there."""
    trust = (("ca", str(certificates.ca)), ("sni", "localhost")) if "tls" in listened.wraps else ()
    return listened._replace(options=trust)


class Chain:
    """Where a client, a relay and a server meet: the relay is listened on at one kind of place and calls another."""

    def __init__(self, near: str, far: str, folder: Path, certificates: Certificates) -> None:
        self._listen = place(near, "relay", folder, certificates)
        self._target = place(far, "server", folder, certificates)
        self._certificates = certificates
        self.half_close = "ws" not in near + far

    @contextlib.asynccontextmanager
    async def client(self, app: App) -> AsyncIterator[Channel]:
        """A client's channel to `app`, through the relay."""
        async with await serve(self._target, app) as server:
            async with await relay(self._listen, called(server.address, self._certificates)) as between:
                async with await connect(called(between.address, self._certificates)) as client:
                    yield client


@pytest.fixture(params=[f"{near} to {far}" for near in PLACES for far in PLACES])
def chain(request: pytest.FixtureRequest, tmp_path: Path, certificates: Certificates) -> Chain:
    near, _, far = request.param.partition(" to ")
    return Chain(near, far, tmp_path, certificates)


async def say(channel: Channel) -> None:
    """A byte at a time, then much at once."""
    for at in range(len(SINGLE)):
        await channel.send(SINGLE[at : at + 1])
    await channel.send(MUCH)


async def hear(channel: Channel, *, to_the_end: bool) -> bytes:
    """All that comes until the end; or what was agreed, where no side can end and still listen."""
    if to_the_end:
        return b"".join([data async for data in channel])
    return await Buffered(channel).receive_exactly(len(WORDS))


async def test_the_client_ends_first_and_hears_the_rest(chain: Chain) -> None:
    async def app(channel: Channel) -> None:
        heard.append(await hear(channel, to_the_end=chain.half_close))
        await say(channel)

    heard: list[bytes] = []
    async with asyncio.timeout(PATIENCE), chain.client(app) as client:
        await say(client)
        if chain.half_close:
            await client.send_eof()
        assert await hear(client, to_the_end=chain.half_close) == WORDS
    assert heard == [WORDS]


async def test_the_server_ends_first_and_hears_the_rest(chain: Chain) -> None:
    async def app(channel: Channel) -> None:
        await say(channel)
        if chain.half_close:
            await channel.send_eof()
        heard.set_result(await hear(channel, to_the_end=chain.half_close))

    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(PATIENCE), chain.client(app) as client:
        assert await hear(client, to_the_end=chain.half_close) == WORDS
        await say(client)
        if chain.half_close:
            await client.send_eof()
        assert await heard == WORDS


async def test_both_speak_at_once(chain: Chain) -> None:
    async def talk(channel: Channel) -> bytes:
        _, heard = await asyncio.gather(say(channel), hear(channel, to_the_end=False))
        return heard

    async def app(channel: Channel) -> None:
        heard.set_result(await talk(channel))

    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(PATIENCE), chain.client(app) as client:
        assert await talk(client) == await heard == WORDS


@pytest.mark.parametrize("kind", PLACES)
async def test_thousands_of_bytes_one_at_a_time(kind: str, tmp_path: Path, certificates: Certificates) -> None:
    async def app(channel: Channel) -> None:
        heard.set_result(await Buffered(channel).receive_exactly(len(words)))

    words = random.Random(4).randbytes(3000)
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(PATIENCE), Chain(kind, kind, tmp_path, certificates).client(app) as client:
        for at in range(len(words)):
            await client.send(words[at : at + 1])
        assert await heard == words


# ── messages ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "sizes"),
    [
        ("udp://127.0.0.1:0", [1, 0, 1472, 0, 65_507]),
        ("ws://127.0.0.1:0/talk", [1, 0, 125, 126, 65_535, 65_536, 0, 1_000_000]),
    ],
    ids=["udp", "ws"],
)
async def test_messages_are_kept_whole(place: str, sizes: list[int]) -> None:
    async def app(channel: Channel) -> None:
        async for message in channel:
            await channel.send(message[::-1])

    at_once = Limits(drain=0)  # nobody says goodbye by datagram
    async with asyncio.timeout(PATIENCE), await serve(place, app, limits=at_once) as server:
        async with await relay(place, server.address, limits=at_once) as between:
            async with await connect(between.address) as client:
                for size in sizes:
                    message = random.Random(size).randbytes(size)
                    await client.send(message)
                    assert await client.receive() == message[::-1]


# ── the real command ──────────────────────────────────────────────────────────────────────────────────────


class Words:
    """`size` bytes: one random mebibyte again and again, each time with its number at the head."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._block = bytearray(random.Random(size).randbytes(MEBIBYTE))

    def __iter__(self) -> Iterator[bytearray]:
        for number in range(self.size // MEBIBYTE):
            self._block[:8] = number.to_bytes(8, "big")
            yield self._block

    def say(self, send: Callable[[bytearray], object]) -> str:
        """Send all of it; returns its hash."""
        said = hashlib.sha256()
        for block in self:
            send(block)
            said.update(block)
        return said.hexdigest()

    def hear(self, of: socket.socket) -> str:
        """Receive as many bytes; returns their hash."""
        heard, room, left = hashlib.sha256(), memoryview(bytearray(MEBIBYTE)), self.size
        while left and (count := of.recv_into(room[:left])):
            heard.update(room[:count])
            left -= count
        return heard.hexdigest()


def rest(of: socket.socket) -> bytes:
    """All that comes until the end."""
    return b"".join(iter(lambda: of.recv(65536), b""))


@contextlib.contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on a plain socket, in a thread, which talks to one caller; gives its port."""

    def answer() -> None:
        caller, _ = listener.accept()
        with caller:
            caller.settimeout(PATIENCE)
            talk(caller)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        listener.settimeout(PATIENCE)
        done = threads.submit(answer)
        try:
            yield listener.getsockname()[1]
        except BaseException:
            listener.shutdown(socket.SHUT_RDWR)  # nobody will call
            raise
        done.result()


#: Gives the port of a way to the server on this port, while the block runs.
Way = Callable[[int], AbstractContextManager[int]]


def the_client_ends_first(way: Way, words: Words, half_close: bool = True) -> None:
    """The client says it all and ends; the server's answer is the hash of what it heard."""

    def talk(caller: socket.socket) -> None:
        digest = words.hear(caller)
        assert not half_close or rest(caller) == b""
        caller.sendall(digest.encode())

    with server(talk) as target, way(target) as port, call(port) as client:
        said = words.say(client.sendall)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        assert rest(client).decode() == said


def the_server_ends_first(way: Way, words: Words, half_close: bool = True) -> None:
    """The server says it all and ends; the client's answer is the hash of what it heard."""
    compared: Future[bool] = Future()

    def talk(caller: socket.socket) -> None:
        said = words.say(caller.sendall)
        if half_close:
            caller.shutdown(socket.SHUT_WR)
        compared.set_result(rest(caller).decode() == said)

    with server(talk) as target, way(target) as port:
        with call(port) as client:
            digest = words.hear(client)
            assert not half_close or rest(client) == b""
            client.sendall(digest.encode())
        assert compared.result(PATIENCE)


def call(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


ENDINGS = [the_client_ends_first, the_server_ends_first]
Ending = Callable[[Way, Words, bool], None]


@pytest.mark.parametrize(("ending", "loop"), [(ENDINGS[0], "uvloop"), (ENDINGS[1], "asyncio")])
def test_a_gigabyte_from_tcp_to_tcp(ending: Ending, loop: str) -> None:
    @contextlib.contextmanager
    def way(target: int) -> Iterator[int]:
        with serving("relay", ":0", f":{target}", env={"TINCANS_LOOP": loop}) as between:
            yield between.port

    ending(way, Words(GIBIBYTE), True)


@pytest.mark.parametrize("ending", ENDINGS)
def test_much_from_tcp_to_tcp_and_into_the_journal(ending: Ending, tmp_path: Path) -> None:
    @contextlib.contextmanager
    def way(target: int) -> Iterator[int]:
        with serving("relay", ":0", f":{target}", journal=tmp_path / "journal") as between:
            yield between.port

    words = Words(64 * MEBIBYTE)
    ending(way, words, True)
    (only,) = recorded(tmp_path / "journal")
    long, short = (only.client, only.server) if ending is the_client_ends_first else (only.server, only.client)
    assert hashlib.sha256(long).hexdigest() == short.decode()
    assert len(long) == words.size


@pytest.mark.parametrize(
    ("kind", "ending"),
    [(kind, ending) for kind in ("unix", "tls", "tls+unix") for ending in ENDINGS]
    + [(kind, the_client_ends_first) for kind in ("ws", "wss", "ws+unix")],
)
def test_much_through_two_relays(
    kind: str, ending: Ending, much: int, tmp_path: Path, certificates: Certificates
) -> None:
    @contextlib.contextmanager
    def way(target: int) -> Iterator[int]:
        between = Address.parse(place(kind, "between", tmp_path, certificates))
        with serving("relay", str(between), f":{target}") as far:
            between = called(between._replace(port=far.port), certificates)
            with serving("relay", ":0", str(between)) as near:
                yield near.port

    ending(way, Words(much), "ws" not in kind)


def test_much_into_a_program_and_its_answer(much: int) -> None:
    words = Words(much)
    with serving("relay", ":0", "exec:sha256sum") as between, call(between.port) as client:
        said = words.say(client.sendall)
        client.shutdown(socket.SHUT_WR)
        assert rest(client).decode().split()[0] == said


def test_much_from_a_pipe() -> None:
    """`producer | tincans relay stdio: … | consumer`."""
    words = Words(64 * MEBIBYTE)
    with server(lambda caller: caller.sendall(words.hear(caller).encode() + rest(caller))) as target:
        with subprocess.Popen(stdio_relay(target), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as between:
            assert between.stdin is not None
            assert between.stdout is not None
            said = words.say(between.stdin.write)
            between.stdin.close()
            assert between.stdout.read().decode() == said
    assert between.returncode == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_much_from_one_socket_as_stdin_and_stdout(ending: Ending, much: int) -> None:
    """As inetd starts a program for every caller."""

    def through(caller: socket.socket, target: int) -> None:
        ends = caller.fileno()
        assert subprocess.run(stdio_relay(target), stdin=ends, stdout=ends, timeout=PATIENCE).returncode == 0

    @contextlib.contextmanager
    def way(target: int) -> Iterator[int]:
        with server(lambda caller: through(caller, target)) as port:
            yield port

    ending(way, Words(much), True)


def stdio_relay(target: int) -> list[str]:
    return tincans("relay", "stdio:", f":{target}", "--no-record", "--quiet")
