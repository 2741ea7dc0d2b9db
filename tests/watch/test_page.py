"""The page as a server: where it listens, what it bounds, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from running import PATIENCE, POLL
from tincans.address import Address
from tincans.errors import AddressInUse, UsageError
from tincans.journal import open_journal
from tincans.limits import HTTP_HEAD_BYTES, LOOK_BYTES, PAGE_CONNECTIONS
from tincans.watch import page
from tincans.watch.page import serve_page
from tincans.watch.watched import Watched
from visiting import TOKENS, Guest


@contextlib.asynccontextmanager
async def serving(address: str = ":0") -> AsyncIterator[Guest]:
    journal = open_journal("memory:")
    async with serve_page(Address.parse(address), Watched(journal), TOKENS) as served:
        yield Guest(served)
    await journal.aclose()


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (":0", f"http://127.0.0.1:PORT/#token={TOKENS.steer}"),
        ("*:0", f"http://127.0.0.1:PORT/#token={TOKENS.steer}"),
        ("[::1]:0", f"http://[::1]:PORT/#token={TOKENS.steer}"),
        ("localhost:0", f"http://localhost:PORT/#token={TOKENS.steer}"),
    ],
)
async def test_its_address_is_what_a_browser_opens(address: str, url: str) -> None:
    async with serving(address) as guest:
        assert guest.page.url() == url.replace("PORT", str(guest.page.address.port))
        assert guest.page.url(read_only=True).endswith(f"#token={TOKENS.look}")
        assert (await guest.ask("/api")).status == 200


@pytest.mark.parametrize("address", ["unix:x.sock", "tls://:0", "udp://:0", "ws://:0", "exec:cat", "stdio:"])
async def test_an_address_that_no_browser_opens_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"a browser opens the page by TCP alone: .* write for example :7700"):
        async with serving(address):
            pass


async def test_a_taken_address_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(AddressInUse):
            async with serving(f":{taken.getsockname()[1]}"):
                pass


# ── its end ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_leaving_it_tells_the_open_sockets_to_go_and_leaves_nothing() -> None:
    before = len(os.listdir("/proc/self/fd"))
    async with contextlib.AsyncExitStack() as stack:
        async with serving() as guest:
            told = [await stack.enter_async_context(guest.live(all=True)) for _ in range(3)]
            silent = await asyncio.open_connection("127.0.0.1", guest.visitor.port)
            for each in told:
                await each.until("changes")
        assert [await each.end() for each in told] == [1001, 1001, 1001]
        assert await silent[0].read() == b""
        silent[1].close()
        await silent[1].wait_closed()
    assert not {task.get_name() for task in asyncio.all_tasks()} - {asyncio.current_task().get_name()}  # type: ignore[union-attr]
    assert len(os.listdir("/proc/self/fd")) <= before + 1


@pytest.mark.parametrize("path", ["/api/live", "/api/events"])
async def test_a_reader_that_was_lost_is_no_fault(path: str, caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as guest:
        async with guest.live(path, all=True) as told, guest.live(path, all=True) as other:
            told.socket.transport.abort()
            while guest.page.connections > 1:
                await asyncio.sleep(POLL)
            other.socket.transport.abort()
            await guest.page.aclose()  # while the page has not noticed yet
    assert not [each for each in caplog.records if each.levelname in ("ERROR", "WARNING")]


async def test_who_reads_nothing_does_not_hold_its_end_up() -> None:
    async with serving() as guest:
        stuck = socket.create_connection(("127.0.0.1", guest.visitor.port))
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.to_thread(stuck.sendall, PIPELINED)
        while guest.page.connections == 0:
            await asyncio.sleep(POLL)
    stuck.close()


#: More answers than all buffers hold.
PIPELINED = 200 * b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


# ── bounds ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_connection_too_many_is_cut_off() -> None:
    async with serving() as guest:
        callers = [await asyncio.open_connection("127.0.0.1", guest.visitor.port) for _ in range(PAGE_CONNECTIONS)]
        while guest.page.connections < PAGE_CONNECTIONS:
            await asyncio.sleep(POLL)
        extra = await asyncio.open_connection("127.0.0.1", guest.visitor.port)
        with contextlib.suppress(ConnectionResetError):
            assert await extra[0].read() == b""
        assert guest.page.connections == PAGE_CONNECTIONS
        callers[0][1].close()
        while guest.page.connections == PAGE_CONNECTIONS:
            await asyncio.sleep(POLL)
        assert (await guest.ask("/api")).status == 200
        for _, writer in [*callers, extra]:
            writer.close()


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\nHo", b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"]
)
async def test_a_request_that_does_not_arrive_is_cut_off(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE_REQUEST_SECONDS", 0.05)
    async with serving() as guest:
        reader, writer = await asyncio.open_connection("127.0.0.1", guest.visitor.port)
        writer.write(said)
        with contextlib.suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()


async def test_one_that_arrives_is_not_cut_off_however_long_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE_REQUEST_SECONDS", PATIENCE)
    timers: list[asyncio.TimerHandle] = []
    expect = page._Http._expect

    def expected(connection: Any) -> None:
        expect(connection)
        timers.append(connection._late)

    monkeypatch.setattr(page._Http, "_expect", expected)
    async with serving() as guest, guest.live(all=True) as told:
        await told.until("changes")
        await guest.ask("/api")
        assert len(timers) == 2
        assert all(each.cancelled() for each in timers)


@pytest.mark.parametrize(
    ("size", "status"), [(HTTP_HEAD_BYTES, b"HTTP/1.1 200"), (HTTP_HEAD_BYTES + 1, b"HTTP/1.1 400")]
)
async def test_a_head_that_does_not_end_is_refused(size: int, status: bytes) -> None:
    async with serving() as guest:
        reader, writer = await asyncio.open_connection("127.0.0.1", guest.visitor.port)
        head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{guest.visitor.port}\r\nConnection: close\r\nX: ".encode()
        writer.write(head.ljust(size, b"x"))
        await writer.drain()
        while guest.page.connections == 0:
            await asyncio.sleep(POLL)
        await asyncio.sleep(0.02)  # the server has all of it, and an end that came with it would be in time
        writer.write(b"\r\n\r\n")
        assert (await reader.readline()).startswith(status)
        writer.close()


@pytest.mark.parametrize(("size", "code"), [(LOOK_BYTES, None), (LOOK_BYTES + 1, 1009)])
async def test_a_message_too_long_ends_its_socket(size: int, code: int | None) -> None:
    async with serving() as guest:
        where = f"ws://127.0.0.1:{guest.visitor.port}/api/live"
        async with connect(where, subprotocols=[f"token.{TOKENS.look}"], proxy=None) as socket:  # type: ignore[list-item]
            assert '"hello"' in str(await socket.recv())
            await socket.send(size * " ")
            if code is None:
                assert '"trouble"' in str(await socket.recv())
            else:
                with pytest.raises(ConnectionClosedError):
                    await socket.recv()
                assert socket.close_code == code


async def test_no_line_of_the_log_has_a_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    async with serving() as guest:
        await guest.get("/api")
        async with guest.live(all=True) as told:
            await told.until("changes")
    ours = [each for each in caplog.records if not each.name.startswith("websockets")]  # the test's own client
    assert not [each for each in ours if TOKENS.steer in each.getMessage()]
