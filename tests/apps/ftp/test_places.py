"""Where data connections are made, and who may use them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ftping import Caller, calling, everything, is_reset, served, visiting
from hearing import Hearing
from tincans.address import Address
from tincans.channel import Listener
from tincans.errors import ConnectionRefused, EndOfStream
from tincans.limits import FTP_LOWEST_PORT
from tincans.transports import dial, listen


@contextlib.asynccontextmanager
async def waiting(host: str = "127.0.0.1") -> AsyncIterator[Listener]:
    """A client's own place, at which a server can call it."""
    async with await listen(Address("tcp", host, 0)) as listener:
        yield listener


def port_of(reply: str) -> int:
    return int(reply.rpartition("(|||")[2].rstrip("|)"))


# ── both ways ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ask", ["PASV", "EPSV", "EPSV 1"])
async def test_the_client_calls(ask: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    async with visiting(tmp_path) as caller:
        assert await caller.fetch("RETR file", ask) == b"content"


@pytest.mark.parametrize("verb", ["PORT", "EPRT"])
async def test_the_server_calls(verb: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    async with visiting(tmp_path) as caller, waiting() as mine:
        port = mine.address.port
        said = f"127,0,0,1,{port >> 8},{port & 255}" if verb == "PORT" else f"|1|127.0.0.1|{port}|"
        assert await caller.codes(f"{verb} {said}", "RETR file") == [200, 150]
        async with await mine.accept() as data:
            assert await everything(data) == b"content"
        assert (await caller.hear())[:3] == "226"


async def test_a_place_is_used_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    async with visiting(tmp_path) as caller:
        assert await caller.codes("RETR file", "LIST", "STOR x") == [425, 425, 425]
        reply = await caller.say("EPSV")
        async with await dial(Address("tcp", "127.0.0.1", port_of(reply))) as data:
            assert await caller.codes("RETR file") == [150]
            assert await everything(data) == b"content"
        assert (await caller.hear())[:3] == "226"
        assert await caller.codes("RETR file") == [425]
        with pytest.raises(ConnectionRefused):
            await dial(Address("tcp", "127.0.0.1", port_of(reply)))


async def test_another_place_is_instead_of_the_last(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        first = port_of(await caller.say("EPSV"))
        assert port_of(await caller.say("EPSV")) != first
        with pytest.raises(ConnectionRefused):
            await dial(Address("tcp", "127.0.0.1", first))


async def test_epsv_all_forbids_everything_else(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        said = ["EPSV ALL", "PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|40000|", "EPSV", "LIST"]
        assert await caller.codes(*said[:5]) == [200, 503, 503, 503, 229]


@pytest.mark.parametrize(
    ("said", "code"),
    [("EPSV 2", 522), ("EPSV 3", 501), ("EPRT |2|::1|40000|", 522), ("EPRT |1|::1|40000|", 504), ("PORT 1,2,3", 501),
     ("EPRT 127.0.0.1", 501), ("PORT 127,0,0,1,0,0", 501), ("PORT 127,0,0,256,99,0", 501)],
)  # fmt: skip
async def test_what_is_no_place_is_refused(said: str, code: int, tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        assert await caller.codes(said) == [code]


async def test_over_ipv6_there_is_epsv_and_eprt(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"six")
    async with visiting(tmp_path, address="tcp://[::1]:0") as caller, waiting("::1") as mine:
        assert await caller.codes("PASV", "EPSV 1", f"EPRT |2|::1|{mine.address.port}|", "RETR file") == [
            425, 522, 200, 150,
        ]  # fmt: skip
        async with await mine.accept() as data:
            assert await everything(data) == b"six"
        assert (await caller.hear())[:3] == "226"
        assert await caller.fetch("RETR file", "EPSV 2") == b"six"


async def test_on_every_interface_data_goes_over_the_one_that_was_called(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"near")
    async with served(tmp_path, address="tcp://*:0") as server:
        async with await dial(Address("tcp", "127.0.0.2", server.address.port)) as channel, waiting() as mine:
            caller = await Caller(channel).log_in()
            assert (await caller.say("PASV")).startswith("227 Call (127,0,0,2,")
            assert await caller.fetch("RETR file", "PASV") == b"near"
            assert await caller.codes(f"EPRT |1|127.0.0.1|{mine.address.port}|", "RETR file") == [200, 150]
            async with await mine.accept() as data:
                assert data.remote.host == "127.0.0.2"
                assert await everything(data) == b"near"
            assert (await caller.hear())[:3] == "226"


@pytest.mark.parametrize("ask", ["PASV", "EPSV"])
async def test_over_a_unix_socket_data_goes_over_loopback(ask: str, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "file").write_bytes(b"local")
    async with visiting(tmp_path / "root", address=f"unix://{tmp_path}/ftp.sock") as caller, waiting() as mine:
        assert await caller.fetch("RETR file", ask) == b"local"
        assert await caller.codes(f"EPRT |1|127.0.0.1|{mine.address.port}|", "RETR file") == [200, 150]
        async with await mine.accept() as data:
            assert await everything(data) == b"local"
        assert await caller.hear() == "226 That is all, 5 bytes."
        assert await caller.codes("EPRT |1|127.0.0.2|40000|") == [504]


# ── attacks ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("host", "port", "code"),
    [("10.0.0.7", 40000, 504), ("127.0.0.2", 40000, 504), ("127.0.0.1", FTP_LOWEST_PORT - 1, 504),
     ("127.0.0.1", 25, 504), ("127.0.0.1", FTP_LOWEST_PORT, 200)],
)  # fmt: skip
async def test_nobody_is_called_but_the_client_at_a_high_port(host: str, port: int, code: int, tmp_path: Path) -> None:
    """The bounce attack (RFC 2577 §3)."""
    async with visiting(tmp_path) as caller:
        six = f"{host.replace('.', ',')},{port >> 8},{port & 255}"
        assert await caller.codes(f"PORT {six}", f"EPRT |1|{host}|{port}|") == [code, code]


async def test_another_host_that_calls_for_data_is_turned_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    hearing = Hearing()
    async with visiting(tmp_path, recorders=[hearing]) as caller:
        port = port_of(await caller.say("EPSV"))
        thief = await dial(Address("tcp", "127.0.0.1", port, options=(("bind", "127.0.0.2"),)))
        assert await caller.codes("RETR file") == [150]
        async with await dial(Address("tcp", "127.0.0.1", port)) as data:
            assert await everything(data) == b"content"
        assert (await caller.hear())[:3] == "226"
        assert await is_reset(thief)
        control, _ = hearing.all
        assert control.notes[0] == f"{thief.local} called for data, and was turned away"


async def test_who_does_not_call_for_data_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.ftp.places.FTP_DATA_SECONDS", 0.02)
    async with visiting(tmp_path) as caller:
        assert await caller.codes("EPSV", "LIST") == [229, 150]
        assert await caller.hear() == "425 You did not call for data within 0.02 s."
        assert await caller.codes("NOOP") == [200]


async def test_who_does_not_listen_for_data_is_told_so(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        with socket.socket() as mine:  # which has the port, and does not listen there
            mine.bind(("127.0.0.1", 0))
            assert await caller.codes(f"EPRT |1|127.0.0.1|{mine.getsockname()[1]}|", "LIST") == [200, 150]
            reply = await caller.hear()
        assert reply == "425 You cannot be called: the connection was refused."


async def test_passive_ports_are_those_of_the_settings(tmp_path: Path) -> None:
    with _free_ports(2) as (first, last):
        pass
    async with served(tmp_path, passive=f"{first}-{last}") as server:
        async with calling(server) as one, calling(server) as two, calling(server) as three:
            for caller in (one, two, three):
                await caller.log_in()
            assert {port_of(await one.say("EPSV")), port_of(await two.say("EPSV"))} == {first, last}
            assert await three.say("EPSV") == f"425 No port of {first}-{last} is free."
            assert await three.codes("PASV", "NOOP") == [425, 200]
            assert await one.codes("QUIT") == [221]
            with pytest.raises(EndOfStream):
                await one.hear()
            assert await three.codes("EPSV") == [229]


@contextlib.contextmanager
def _free_ports(count: int) -> Iterator[tuple[int, int]]:
    """The first and the last of so many neighbouring ports that were free just now."""
    for first in range(23_000, 32_000, count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            yield first, first + count - 1
            return
    raise AssertionError("there are no free ports")


async def test_a_place_ends_with_its_visit(tmp_path: Path) -> None:
    async with served(tmp_path) as server, calling(server) as caller:
        await caller.log_in()
        port = port_of(await caller.say("EPSV"))
        await caller.codes("QUIT")
        with pytest.raises(EndOfStream):
            await caller.hear()
        with pytest.raises(ConnectionRefused):
            await dial(Address("tcp", "127.0.0.1", port))
