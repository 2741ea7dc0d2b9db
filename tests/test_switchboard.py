"""A switchboard runs what its configuration names, and turns into the next one without touching what stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from hearing import Hearing
from running import PATIENCE, Certificates
from tincans.address import Address
from tincans.apps.chat import Chat
from tincans.apps.echo import echo
from tincans.certificates import local_authority
from tincans.channel import Channel, Listener
from tincans.config import Config, parse_config
from tincans.conversation import How
from tincans.errors import AddressInUse, ChannelError, ConnectionRefused, EndOfStream, NoSuchEntry, NotStarted
from tincans.journal.memory import MemoryJournal
from tincans.limits import Limits
from tincans.register import Register
from tincans.server import Server, serve
from tincans.switchboard import Changes, Switchboard, _Line, _watch
from tincans.tasks import spawn
from tincans.transports import dial


def config(*entries: str, top: str = "") -> Config:
    """`echo ADDRESS` is a listener, `ADDRESS > TARGET` a relay; each may go on with `| SETTINGS`."""
    tables = []
    for entry in entries:
        what, _, more = entry.partition(" | ")
        first, *mark, last = what.split()
        kind = "relay" if mark else "listen"
        settings = f'listen = "{first}"\ntarget = "{last}"' if mark else f'app = "{first}"\naddress = "{last}"'
        tables.append(f"[[{kind}]]\n{settings}\n" + more.replace("; ", "\n"))
    return parse_config(top + "\n" + "\n".join(tables), Path("/tincans.toml"))


@pytest_asyncio.fixture
async def board() -> AsyncIterator[Switchboard]:
    async with Switchboard() as board:
        yield board


async def ask(address: Address | str, words: bytes = b"hello") -> bytes:
    async with await dial(Address.parse(str(address))) as channel:
        await channel.send(words)
        return await channel.receive()


async def call(address: Address | str, words: bytes = b"hello") -> Channel:
    """A channel on which something has been answered already."""
    channel = await dial(Address.parse(str(address)))
    await channel.send(words)
    assert await channel.receive() == words
    return channel


def address(board: Switchboard, name: str) -> Address:
    return next(row.address for row in board.rows if row.name == name)


async def until(board: Switchboard, clients: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while board.clients != clients:
            await asyncio.sleep(0.001)


# ── running ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_listener_and_a_relay_in_front_of_it(board: Switchboard) -> None:
    changes = await board.apply(config("echo memory:echo", ":0 > memory:echo | name = 'front'"))
    assert changes == Changes(("memory:echo", "front"), ())
    front = address(board, "front")
    assert front.port
    channel = await call(front)
    assert [tuple(row) for row in board.rows] == [
        ("memory:echo", Address.parse("memory:echo"), "echo", 1, 1, "listen", True, True),
        ("front", front, "memory:echo", 1, 1, "relay", True, True),
    ]
    assert board.clients == 2
    await channel.aclose()
    await until(board, 0)


async def test_what_answers_at_each_listener(board: Switchboard) -> None:
    await board.apply(config('echo :0 | name = "one"', 'chat :0 | name = "two"; rooms = "memory:"', ":0 > :9"))
    assert list(board.apps) == ["one", "two"]
    assert board.apps["one"] is echo
    hub = cast("Chat", board.apps["two"]).hub
    assert hub.name == "tincans"
    await board.stop("two")
    assert list(board.apps) == ["one"]


async def test_the_limits_and_the_target_s_patience_are_the_entry_s(board: Switchboard) -> None:
    await board.apply(
        config(
            "echo :0 | name = 'brief'; limits = { idle = 0.02 }",
            ":0 > memory:nobody | name = 'front'; timeout = 5; retry = 0.01; limits = { drain = 7 }",
        )
    )
    channel = await call(address(board, "brief"))
    with pytest.raises(EndOfStream):
        await channel.receive()
    await channel.aclose()
    with pytest.raises(ChannelError):
        await ask(address(board, "front"))
    assert board.limits.drain == 7


async def test_a_relay_is_told_what_is_spoken(board: Switchboard) -> None:
    async def announce(channel: Channel) -> None:
        await channel.send(b"229 (|||9|)\r\n")

    async with await serve(":0", announce) as server:
        target = f":0 > :{server.address.port} | name = "
        await board.apply(config(f"{target}'told'; protocol = 'ftp'", f"{target}'untold'"))
        assert await ask(address(board, "told")) != b"229 (|||9|)\r\n"
        assert await ask(address(board, "untold")) == b"229 (|||9|)\r\n"


async def test_a_relay_that_intercepts(board: Switchboard, certificates: Certificates, tmp_path: Path) -> None:
    told = "intercept = true"
    async with await serve(f"tls://127.0.0.1:0{certificates.served}", echo) as server:
        target = f":{server.address.port}?ca={certificates.ca}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TINCANS_CA", str(tmp_path))
            await board.apply(config(f"127.0.0.1:0 > {target} | name = 'r'; {told}"))
            ca = local_authority().cert_path
            assert await ask(f"tls://127.0.0.1:{address(board, 'r').port}?sni=localhost&ca={ca}") == b"hello"


async def test_the_register_knows_all_by_the_journal_s_numbers() -> None:
    journal, register, watcher = MemoryJournal(), Register(), Hearing()
    async with Switchboard(journal=journal, register=register, watchers=[watcher]) as board:
        await board.apply(config("echo memory:a", "echo memory:b | record = false", "memory:c > memory:a"))
        assert [row.record for row in board.rows] == [True, False, True]
        async with await call("memory:a"), await call("memory:b"), await call("memory:c"):
            assert [(number, talk.conversation.name) for number, talk in register.talks.items()] == [
                (1, "memory:a"), (-1, "memory:b"), (2, "memory:c"), (3, "memory:a"),
            ]  # fmt: skip
            assert [heard.number for heard in watcher.all] == [1, 2, 2, 3], "as without a register"
        await until(board, 0)
    assert not register.talks
    assert [conversation.number for conversation in await journal.conversations()] == [1, 2, 3]
    await journal.aclose()


async def test_who_is_told() -> None:
    journal, watcher = Hearing(), Hearing()
    async with Switchboard(journal=journal, watchers=[watcher]) as board:
        await board.apply(config("echo memory:a", "echo memory:b | record = false", "memory:c > memory:a"))
        for name in "abc":
            assert await ask(f"memory:{name}", name.encode()) == name.encode()
    assert sorted(heard.opening.name for heard in watcher.all) == ["memory:a", "memory:a", "memory:b", "memory:c"]
    assert sorted(heard.opening.name for heard in journal.all) == ["memory:a", "memory:a", "memory:c"]


# ── all or nothing ────────────────────────────────────────────────────────────────────────────────────────


async def test_one_that_cannot_listen_is_named_and_the_others_are_stopped(board: Switchboard) -> None:
    async with await serve(":0", echo) as other:
        with pytest.raises(NotStarted) as caught:
            await board.apply(config("echo memory:a", f"echo {other.address} | name = 'taken'"))
    assert str(caught.value) == f"taken: cannot listen on {other.address}: the address is already in use"
    assert caught.value.advice == AddressInUse("").advice
    assert board.rows == []
    with pytest.raises(ConnectionRefused):
        await dial(Address.parse("memory:a"))


async def test_a_change_that_fails_changes_nothing(board: Switchboard) -> None:
    await board.apply(config("echo :0 | name = 'a'", "echo memory:b", "echo memory:c"))
    before = board.rows
    channel = await call(before[0].address)
    async with await serve(":0", echo) as other:
        with pytest.raises(NotStarted):
            await board.apply(config("discard memory:c", "echo memory:d", f"echo {other.address}"))
    assert [row.address for row in board.rows] == [row.address for row in before]
    for place in (before[0].address, "memory:b", "memory:c"):
        assert await ask(place) == b"hello"
    with pytest.raises(ConnectionRefused):
        await dial(Address.parse("memory:d"))
    await channel.send(b"still here")
    assert await channel.receive() == b"still here"
    await channel.aclose()


async def test_those_that_had_left_their_addresses_have_them_back(
    board: Switchboard, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    await board.apply(config("echo memory:a", f"echo unix:{folder}/x | name = 'x'", "echo memory:b"))
    folder.rename(tmp_path / "away")
    with pytest.raises(NotStarted, match="x: cannot listen on unix://"):
        await board.apply(config("discard memory:a", f"discard unix:{folder}/x | name = 'x'", "echo memory:c"))
    assert [(row.name, row.answers) for row in board.rows] == [("memory:a", "echo"), ("memory:b", "echo")]
    assert await ask("memory:a") == b"hello"
    assert "x: cannot listen" in caplog.text
    assert "is not running now" in caplog.text


# ── changing ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_unchanged_is_left_alone(board: Switchboard) -> None:
    await board.apply(config("echo :0 | name = 'stays'", "echo memory:goes"))
    stays = address(board, "stays")
    channel, leaver = await call(stays), await call("memory:goes")
    changes = await board.apply(config("echo memory:comes", "echo :0 | name = 'stays'"))
    assert changes == Changes(("memory:comes",), ("memory:goes",))
    assert [row.name for row in board.rows] == ["memory:comes", "stays"]
    assert address(board, "stays") == stays
    await channel.send(b"again")
    assert await channel.receive() == b"again"
    await leaver.send(b"still there?")  # it was dismissed, and its callers have their drain
    assert await leaver.receive() == b"still there?"
    assert board.clients == 2
    with pytest.raises(ConnectionRefused):
        await dial(Address.parse("memory:goes"))
    await leaver.aclose()
    await until(board, 1)
    await channel.aclose()


@pytest.mark.parametrize("kind", ["tcp://127.0.0.1:0", "unix:{folder}/x", "memory:x"])
async def test_an_entry_is_changed_where_it_listens(board: Switchboard, kind: str, tmp_path: Path) -> None:
    await board.apply(config(f"discard {kind.format(folder=tmp_path)} | name = 'a'"))
    place = address(board, "a")
    talker = await dial(place)
    await until(board, 1)
    assert await board.apply(config(f"echo {place} | name = 'a'")) == Changes(("a",), ("a",))
    assert await ask(place) == b"hello"
    await talker.send(b"to the old one")
    await talker.aclose()


async def test_a_port_of_datagrams_is_changed_when_its_peers_have_left(board: Switchboard) -> None:
    await board.apply(config("echo udp://:0 | name = 'a'; limits = { drain = 0.02 }"))
    place = address(board, "a")
    async with await call(place):
        await board.apply(config(f"discard {place} | name = 'a'", f"echo {place._replace(scheme='tcp')}"))
    assert [row.answers for row in board.rows] == ["discard", "echo"]


async def test_the_same_again_is_no_change(board: Switchboard) -> None:
    await board.apply(config("echo memory:a"))
    assert await board.apply(config("echo memory:a")) == Changes()


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["tcp://127.0.0.1:0", "unix:{folder}/x", "memory:x"])
async def test_one_is_stopped_and_started_again(board: Switchboard, kind: str, tmp_path: Path) -> None:
    await board.apply(config(f"echo {kind.format(folder=tmp_path)} | name = 'a'; limits = {{ drain = 0 }}"))
    place = address(board, "a")
    async with await call(place) as talker:
        for _ in range(2):
            await board.stop("a")
        (row,) = board.rows
        assert (row.listening, row.clients, row.served, row.address) == (False, 1, 1, place)
        with pytest.raises(ConnectionRefused):
            await dial(place)
        await talker.send(b"who talks goes on")
        assert await talker.receive() == b"who talks goes on"
        for _ in range(2):
            await board.start("a")
        assert address(board, "a") == place
        assert await ask(place) == b"hello"
        await until(board, 1)
        (row,) = board.rows
        assert (row.listening, row.clients, row.served) == (True, 1, 2)
        await talker.send(b"and on")
        assert await talker.receive() == b"and on"
    await until(board, 0)
    for _ in range(2):
        await board.stop("a")
        await board.start("a")
    assert await ask(place) == b"hello"
    assert board.rows[0].served == 3


async def test_one_that_is_stopped_stays_so_until_it_is_changed(board: Switchboard) -> None:
    await board.apply(config("echo memory:a", "echo memory:b"))
    await board.stop("memory:a")
    assert await board.apply(config("echo memory:a", "echo memory:c")) == Changes(("memory:c",), ("memory:b",))
    assert [(row.name, row.listening) for row in board.rows] == [("memory:a", False), ("memory:c", True)]
    assert await board.apply(config("discard memory:a")) == Changes(("memory:a",), ("memory:a", "memory:c"))
    assert [(row.answers, row.listening) for row in board.rows] == [("discard", True)]


async def test_one_that_was_stopped_is_not_started_by_a_change_that_fails(board: Switchboard) -> None:
    await board.apply(config("echo :0 | name = 'a'"))
    place = address(board, "a")
    await board.stop("a")
    async with await serve(":0", echo) as other:
        with pytest.raises(NotStarted):
            await board.apply(config(f"discard {place} | name = 'a'", f"echo {other.address}"))
    assert [(row.answers, row.listening) for row in board.rows] == [("echo", False)]
    await board.start("a")
    assert await ask(place) == b"hello"


async def test_one_whose_place_is_taken_stays_stopped(board: Switchboard) -> None:
    await board.apply(config("echo :0 | name = 'a'"))
    await board.stop("a")
    async with await serve(address(board, "a"), echo):
        with pytest.raises(NotStarted, match=r"a: cannot listen on .*: the address is already in use"):
            await board.start("a")
    assert not board.rows[0].listening
    await board.start("a")
    assert board.rows[0].listening


async def test_the_callers_of_one_that_was_stopped_have_their_drain_when_it_goes(board: Switchboard) -> None:
    await board.apply(config("echo memory:a | limits = { drain = 1000 }", "echo memory:b"))
    async with await call("memory:a") as old, await call("memory:b"):
        await board.stop("memory:a")
        await board.start("memory:a")
        async with await call("memory:a") as new:
            await board.stop("memory:b")
            await board.apply(config("echo memory:c"))
            assert board.clients == 3
            for talker in (old, new):
                await talker.send(b"still there?")
                assert await talker.receive() == b"still there?"
    await until(board, 0)


async def test_closing_waits_for_the_callers_of_one_that_was_stopped() -> None:
    board = Switchboard()
    await board.apply(config("echo memory:a | limits = { drain = 1000 }"))
    async with await call("memory:a") as old:
        await board.stop("memory:a")
        await board.start("memory:a")
        await board.stop("memory:a")
        closing = spawn(board.aclose())
        await asyncio.sleep(0)
        await old.send(b"one more")
        assert await old.receive() == b"one more"
        assert not closing.done()
    await closing
    with pytest.raises(NoSuchEntry):
        await board.start("memory:a")


async def test_one_that_there_is_not(board: Switchboard) -> None:
    for doing in (board.stop("nobody"), board.start("nobody")):
        with pytest.raises(NoSuchEntry, match="there is no listener or relay named 'nobody'"):
            await doing


# ── ending ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_stops_at_once_with_nobody_connected() -> None:
    board = Switchboard()
    await board.apply(config("echo memory:a | limits = { drain = 1000 }"))
    closed = spawn(board.wait_closed())
    async with asyncio.timeout(PATIENCE):
        await board.aclose()
        await closed
    await board.aclose()
    assert await board.apply(config("echo memory:a")) == Changes()


async def test_who_talks_has_the_drain_and_is_cut_off_on_abort() -> None:
    hearing = Hearing()
    board = Switchboard(watchers=[hearing])
    await board.apply(config("echo memory:a | limits = { drain = 1000 }"))
    async with await call("memory:a") as channel:
        closing = spawn(board.aclose())
        await asyncio.sleep(0)
        await channel.send(b"one more")
        assert await channel.receive() == b"one more"
        assert not closing.done()
        board.abort()
        await closing
        with pytest.raises(ChannelError):
            await channel.receive()
    assert [heard.outcome and heard.outcome[0] for heard in hearing.all] == [How.STOPPED]


async def test_a_cancelled_close_cuts_them_off() -> None:
    board = Switchboard()
    await board.apply(config("echo memory:a | limits = { drain = 1000 }"))
    async with await call("memory:a") as channel:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await board.aclose()
        with pytest.raises(ChannelError):
            await channel.receive()
    await until(board, 0)


class Broken(Listener):
    """A listener that fails as none should."""

    address = Address.parse("memory:broken")

    async def accept(self) -> Channel:
        raise OSError("out of order")

    async def aclose(self) -> None:
        pass


async def test_a_listener_that_breaks_is_told(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(Broken(), echo, Limits())
    await _watch(_Line(config("echo memory:broken").entries[0], server))
    assert "memory:broken does not listen any more: out of order" in caplog.text
