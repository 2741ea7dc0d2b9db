"""A server gives every caller a channel of its own and goes on listening, whatever one of them does."""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
import subprocess
import sys
import textwrap

import pytest

from hearing import Hearing
from running import PATIENCE
from tincans import transports
from tincans.address import Address
from tincans.blocking import BlockingChannel
from tincans.channel import Channel, Listener, Side
from tincans.conversation import How, Kind
from tincans.errors import AddressInUse, ChannelBroken, ChannelClosed, EndOfStream, HandshakeFailed, UsageError
from tincans.limits import Limits
from tincans.server import Server, serve
from tincans.tasks import spawn
from tincans.transports import dial

ANY = "tcp://127.0.0.1:0"


async def echo(channel: Channel) -> None:
    while True:
        await channel.send(await channel.receive())


async def until(condition: object) -> None:
    """Let the loop turn until `condition()` holds."""
    assert callable(condition)
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


async def ask(channel: Channel, words: bytes) -> bytes:
    await channel.send(words)
    return await channel.receive()


# ── serving ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("address", [ANY, "unix:{folder}/x.sock", "memory:server-test"])
async def test_many_callers_each_have_a_channel(address: str, tmp_path: object) -> None:
    async with await serve(address.format(folder=tmp_path), echo) as server:
        callers = [await dial(server.address) for _ in range(20)]
        answers = await asyncio.gather(*(ask(caller, b"%d" % i) for i, caller in enumerate(callers)))
        assert answers == [b"%d" % i for i in range(20)]
        assert (server.clients, server.served) == (20, 20)
        for caller in callers:
            await caller.aclose()
        await until(lambda: server.clients == 0)
        assert server.served == 20


async def test_the_address_is_the_real_one() -> None:
    async with await serve(ANY, echo) as server:
        assert server.address.port != 0
        with pytest.raises(AddressInUse):
            await serve(server.address, echo)


async def test_the_channel_is_given_as_it_is_where_nobody_records() -> None:
    given: list[Channel] = []

    async def app(channel: Channel) -> None:
        given.append(channel)

    async with await serve("memory:bare", app) as server:
        await (await dial(server.address)).aclose()
        await until(lambda: server.served == 1 and server.clients == 0)
    assert type(given[0]).__name__ == "MemoryChannel"


async def test_the_channel_is_closed_when_the_app_returns() -> None:
    async def app(channel: Channel) -> None:
        await channel.send(b"bye")

    async with await serve(ANY, app) as server, await dial(server.address) as caller:
        assert await caller.receive() == b"bye"
        with pytest.raises(EndOfStream):
            await caller.receive()


async def test_a_listener_that_is_there_already_is_used() -> None:
    listener = await transports.listen(Address.parse(ANY))
    async with await serve(ANY, echo, listener=listener) as server, await dial(listener.address) as caller:
        assert server.address == listener.address
        assert await ask(caller, b"x") == b"x"


async def test_an_object_and_a_partial_can_be_apps() -> None:
    class Greeter:
        async def __call__(self, channel: Channel) -> None:
            await channel.send(b"object")

    async def say(words: bytes, channel: Channel) -> None:
        await channel.send(words)

    for app, words in ((Greeter(), b"object"), (functools.partial(say, b"partial"), b"partial")):
        async with await serve(ANY, app) as server, await dial(server.address) as caller:
            assert await caller.receive() == words


async def test_a_plain_function_is_run_in_a_thread() -> None:
    def app(channel: BlockingChannel) -> None:
        for data in channel:
            channel.send(data.upper())

    async with await serve(ANY, app) as server, await dial(server.address) as caller:
        assert await ask(caller, b"loud") == b"LOUD"


# ── an app's trouble is its own ───────────────────────────────────────────────────────────────────────────


async def test_a_crash_is_logged_told_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    hearing = Hearing()

    async def app(channel: Channel) -> None:
        if await channel.receive() == b"crash":
            raise ValueError("boom")
        await channel.send(b"fine")

    async with await serve(ANY, app, recorders=[hearing]) as server:
        async with await dial(server.address) as caller:
            await caller.send(b"crash")
            with pytest.raises(ChannelBroken):
                await caller.receive()
        async with await dial(server.address) as caller:
            assert await ask(caller, b"hello") == b"fine"
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ValueError]
    assert hearing.all[0].outcome == (How.RESET, Side.SERVER, "the app crashed: ValueError: boom")


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_caller_that_leaves_is_no_crash(blocking: bool, caplog: pytest.LogCaptureFixture) -> None:
    def plain(channel: BlockingChannel) -> None:
        while True:
            channel.receive()

    async with await serve(ANY, plain if blocking else echo) as server:
        caller = await dial(server.address)
        await caller.send(b"x")
        await until(lambda: server.served == 1)
        caller.abort()
        async with await dial(server.address) as caller:
            await caller.send_eof()
            with pytest.raises(EndOfStream):
                await caller.receive()
        await until(lambda: server.clients == 0)
    assert [record for record in caplog.records if record.levelno > logging.INFO and record.name != "asyncio"] == []


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_caller_more_than_the_limit_waits_for_a_place() -> None:
    async with await serve(ANY, echo, limits=Limits(clients=2)) as server:
        first, second, third = [await dial(server.address) for _ in range(3)]
        assert await ask(first, b"1") + await ask(second, b"2") == b"12"
        await third.send(b"3")
        await asyncio.sleep(0.01)
        assert (server.clients, server.served) == (2, 2)
        await first.aclose()
        assert await third.receive() == b"3"
        assert server.served == 3
        for caller in (second, third):
            await caller.aclose()


class _Slow(Listener):
    """A listener whose handshake takes as long as it is told, or fails."""

    def __init__(self, below: Listener, seconds: float, error: Exception | None = None) -> None:
        self.below, self.address, self.seconds, self.error = below, below.address, seconds, error

    async def accept(self) -> Channel:
        return await self.below.accept()

    async def greet(self, channel: Channel) -> Channel:
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error
        return channel

    async def aclose(self) -> None:
        await self.below.aclose()


async def slow(seconds: float, limit: float, hearing: Hearing, error: Exception | None = None) -> Server:
    listener = _Slow(await transports.listen(Address.parse(ANY)), seconds, error)
    return await serve(ANY, echo, listener=listener, limits=Limits(handshake=limit), recorders=[hearing])


async def test_a_handshake_longer_than_the_limit_is_the_end() -> None:
    hearing = Hearing()
    async with await slow(5, 0.01, hearing) as server, await dial(server.address) as caller:
        with pytest.raises(ChannelBroken):
            await caller.receive()
    assert hearing.all[0].outcome == (How.FAILED, Side.CLIENT, "no handshake within 0.01 s")


async def test_a_handshake_shorter_than_the_limit_is_none() -> None:
    hearing = Hearing()
    async with await slow(0.01, 5, hearing) as server, await dial(server.address) as caller:
        assert await ask(caller, b"x") == b"x"


async def test_a_failed_handshake_is_told_and_survived() -> None:
    hearing = Hearing()
    async with await slow(0, 5, hearing, HandshakeFailed("tcp://x:1", "it is no TLS")) as server:
        for _ in range(2):
            async with await dial(server.address) as caller:
                with pytest.raises(ChannelBroken):
                    await caller.receive()
    assert [heard.outcome for heard in hearing.all] == [(How.FAILED, Side.CLIENT, "it is no TLS")] * 2


async def test_a_slow_handshake_holds_nobody_up() -> None:
    started = asyncio.Event()

    class Listening(_Slow):
        async def greet(self, channel: Channel) -> Channel:
            if not started.is_set():
                started.set()
                await asyncio.sleep(5)
            return channel

    listener = Listening(await transports.listen(Address.parse(ANY)), 0)
    async with await serve(ANY, echo, listener=listener, limits=Limits(drain=0)) as server:
        stuck = await dial(server.address)
        await started.wait()
        async with await dial(server.address) as caller:
            assert await ask(caller, b"x") == b"x"
        stuck.abort()


async def test_a_caller_that_says_nothing_for_longer_than_the_limit_is_closed() -> None:
    hearing, apps = Hearing(), list[BaseException]()

    async def app(channel: Channel) -> None:
        try:
            await echo(channel)
        except ChannelClosed as error:
            apps.append(error)
            raise

    limits, time = Limits(idle=0.04), asyncio.get_running_loop().time

    async def talk_for(seconds: float, caller: Channel) -> float:
        """Talk that long, then listen to the end; returns when the last word that was answered was said."""
        start = last = time()
        try:
            while (now := time()) < start + seconds:
                await ask(caller, b"x")
                last = now
                await asyncio.sleep(0.005)
            await caller.receive()
        except (EndOfStream, ChannelBroken):
            pass  # broken, where a word crossed the close
        return last

    async with (
        await serve(ANY, app, limits=limits, recorders=[hearing]) as server,
        await dial(server.address) as caller,
    ):
        last = await talk_for(0.08, caller)
        assert time() - last >= 0.039
        await until(lambda: server.clients == 0)
    assert len(apps) == 1
    assert hearing.all[0].outcome == (How.IDLE, None, "nothing was said for 0.04 s")


async def test_an_idle_limit_needs_no_recorder() -> None:
    async with await serve(ANY, echo, limits=Limits(idle=0.01)) as server, await dial(server.address) as caller:
        with pytest.raises(EndOfStream):
            await caller.receive()


# ── apps that hold something ──────────────────────────────────────────────────────────────────────────────


class Holding:
    """An app that writes down what it is told to do, and echoes."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.may_close = asyncio.Event()
        self.may_close.set()

    async def start(self) -> None:
        self.told.append("start")

    def retire(self) -> None:
        self.told.append("retire")

    async def __call__(self, channel: Channel) -> None:
        self.told.append("call")
        try:
            await echo(channel)
        finally:
            self.told.append("left")

    async def close(self) -> None:
        await self.may_close.wait()
        self.told.append("close")


async def test_an_app_is_started_before_anybody_is_served_and_closed_after_all_have_left() -> None:
    app = Holding()
    server = await serve(ANY, app)
    assert app.told == ["start"]
    one, two = await dial(server.address), await dial(server.address)
    assert await ask(one, b"1") + await ask(two, b"2") == b"12"
    stopping = spawn(server.aclose())
    await until(lambda: "retire" in app.told)
    await one.aclose()
    await until(lambda: server.clients == 1)
    assert "close" not in app.told
    await two.aclose()
    await stopping
    assert app.told == ["start", "call", "call", "retire", "left", "left", "close"]
    await server.aclose()
    server.abort()
    await server.wait_closed()
    assert app.told.count("close") == 1


async def test_an_app_that_nobody_called_is_closed_too() -> None:
    app = Holding()
    server = await serve(ANY, app)
    await server.aclose()
    assert app.told == ["start", "close"]


async def test_what_closing_an_app_takes_is_waited_for() -> None:
    app = Holding()
    app.may_close.clear()
    server = await serve(ANY, app)
    async with await dial(server.address) as caller:
        await ask(caller, b"x")
        server.abort()
        closing, waiting = spawn(server.aclose()), spawn(server.wait_closed())
        await until(lambda: app.told[-1] == "left")
        for _ in range(10):
            await asyncio.sleep(0)
        assert not closing.done()
        assert not waiting.done()
        app.may_close.set()
        await closing
        await asyncio.wait([waiting])
    assert app.told[-1] == "close"


async def test_an_app_may_close_at_once() -> None:
    closed = []

    class Quick:
        async def __call__(self, channel: Channel) -> None:
            await echo(channel)

        def close(self) -> None:
            closed.append(True)

    async with await serve(ANY, Quick()) as server, await dial(server.address) as caller:
        assert await ask(caller, b"x") == b"x"
        assert not closed
        await caller.aclose()
    assert closed == [True]


async def test_an_app_that_cannot_start_leaves_nothing_open() -> None:
    class Lame(Holding):
        async def start(self) -> None:
            raise UsageError("it cannot")

    listener = await transports.listen(Address.parse(ANY))
    with pytest.raises(UsageError, match="it cannot"):
        await serve(ANY, Lame(), listener=listener)
    assert _refused(listener.address.port)


# ── stopping ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stop_with_nobody_connected_is_at_once() -> None:
    server = await serve(ANY, echo, limits=Limits(drain=1000))
    async with asyncio.timeout(PATIENCE):
        await server.aclose()
        await server.aclose()
        await server.wait_closed()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.address.port), 0.1)


async def test_a_graceful_stop_lets_callers_finish_and_takes_no_new_ones() -> None:
    hearing = Hearing()
    server = await serve(ANY, echo, recorders=[hearing])
    caller = await dial(server.address)
    assert await ask(caller, b"1") == b"1"
    stopping = asyncio.gather(server.aclose(), server.wait_closed())
    await until(lambda: _refused(server.address.port))
    assert await ask(caller, b"2") == b"2"
    await caller.aclose()
    await stopping
    assert hearing.all[0].outcome == (How.FINISHED, Side.CLIENT, "")


def _refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_who_is_still_there_when_the_drain_is_over_is_aborted() -> None:
    hearing = Hearing()
    server = await serve(ANY, echo, recorders=[hearing], limits=Limits(drain=0.01))
    async with await dial(server.address) as caller:
        assert await ask(caller, b"x") == b"x"
        await server.aclose()
        with pytest.raises(ChannelBroken):
            await caller.receive()
    assert server.clients == 0
    assert hearing.all[0].outcome == (How.STOPPED, None, "")


async def test_a_cancelled_stop_aborts() -> None:
    server = await serve(ANY, echo)
    async with await dial(server.address) as caller:
        assert await ask(caller, b"x") == b"x"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await server.aclose()
        with pytest.raises(ChannelBroken):
            await caller.receive()
    await server.wait_closed()
    assert server.clients == 0


async def test_an_abort_before_anything_has_run_leaves_nothing_open() -> None:
    server = await serve(ANY, echo)
    server.abort()
    await server.wait_closed()
    assert _refused(server.address.port)


async def test_an_abort_ends_a_thread_that_waits() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def app(channel: BlockingChannel) -> None:
        try:
            channel.receive()
        except ChannelClosed:
            loop.call_soon_threadsafe(ended.set)

    server = await serve(ANY, app)
    async with await dial(server.address):
        await until(lambda: server.served == 1)
        await asyncio.sleep(0.01)
        server.abort()
        await server.wait_closed()
        async with asyncio.timeout(PATIENCE):
            await ended.wait()


async def test_what_breaks_the_listening_is_raised() -> None:
    class Broken(_Slow):
        async def accept(self) -> Channel:
            raise OSError("no more")

    server = await serve(ANY, echo, listener=Broken(await transports.listen(Address.parse(ANY)), 0))
    with pytest.raises(OSError, match="no more"):
        await server.wait_closed()
    await server.aclose()


async def test_a_listener_that_ends_by_itself_ends_the_server() -> None:
    listener = await transports.listen(Address.parse(ANY))
    server = await serve(ANY, echo, listener=listener)
    await asyncio.sleep(0)
    await listener.aclose()
    await server.wait_closed()


# ── recording ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_caller_is_told_to_the_recorders() -> None:
    first, second = Hearing(), Hearing()
    async with await serve(ANY, echo, recorders=[first, second], name="shop") as server:
        for words in (b"one", b"two"):
            async with await dial(server.address) as caller:
                assert await ask(caller, words) == words
                where = str(caller.local)
        await until(lambda: server.clients == 0)
    heard = first.all[1]
    assert heard.opening.kind is Kind.LISTEN
    assert (heard.opening.client, heard.opening.server, heard.opening.name) == (where, str(server.address), "shop")
    assert heard.pieces == [(Side.CLIENT, b"two"), (Side.SERVER, b"two")]
    assert heard.outcome == (How.FINISHED, Side.CLIENT, "")
    assert [tap.number for tap in second.all] == [tap.number for tap in first.all] == [1, 2]


# ── out of descriptors ────────────────────────────────────────────────────────────────────────────────────

_STARVED = """
import asyncio, resource, socket
from tincans.server import serve
from tincans.tasks import run

async def echo(channel):
    while True:
        await channel.send(await channel.receive())

async def main():
    server = await serve("tcp://127.0.0.1:0", echo)
    print(server.address.port, flush=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    await server.wait_closed()

run(main())
"""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_it_survives_running_out_of_descriptors(loop: str) -> None:
    """40 callers on 32 descriptors: those who fit are served, and the others as soon as those have left."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_STARVED)], stdout=subprocess.PIPE, env={"TINCANS_LOOP": loop}
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            callers = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(40)]
            for caller in callers:
                caller.sendall(b"x")
            served = 0
            for caller in callers:  # in the order of the calls: a later one is served when an earlier one has left
                assert caller.recv(1) == b"x"
                caller.close()
                served += 1
            assert served == 40
        finally:
            process.kill()
