"""TCP: happy eyeballs, where to call from, and the words for what goes wrong."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tincans.address import Address
from tincans.errors import AddressInUse, ConnectError, ConnectionRefused, ListenError, ListenForbidden
from tincans.limits import ATTEMPT_DELAY
from tincans.tasks import spawn
from tincans.transports import dial, listen, tcp
from tincans.transports.tcp import Candidate, connect_error, listen_error


def candidate(port: int, host: str = "127.0.0.1") -> Candidate:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, (host, port)


async def refusing() -> int:
    """A port on which nobody listens."""
    async with await listen(Address.parse(":0")) as listener:
        return listener.address.port


async def test_port_0_becomes_a_real_one_and_every_interface_is_reached() -> None:
    async with await listen(Address.parse("*:0")) as listener:
        assert listener.address.port
        for host in ("127.0.0.1", "127.0.0.2", "[::1]"):
            calling = spawn(dial(Address.parse(f"{host}:{listener.address.port}")))
            async with await listener.accept() as there, await calling as here:
                assert here.local.port == there.remote.port
                assert there.local.host == host.strip("[]")


async def test_a_name_is_listened_on_at_all_its_addresses() -> None:
    async with await listen(Address.parse("localhost:0")) as listener:
        calling = spawn(dial(Address.parse(f"127.0.0.1:{listener.address.port}")))
        async with await listener.accept(), await calling:
            pass


async def test_the_next_address_is_tried_when_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = await refusing()
    async with await listen(Address.parse(":0")) as listener:

        async def both(_: Address) -> list[Candidate]:
            return [candidate(closed), candidate(listener.address.port)]

        monkeypatch.setattr(tcp, "resolve", both)
        begun = asyncio.get_running_loop().time()
        async with await dial(Address.parse("name:1")) as channel:
            assert channel.remote.port == listener.address.port
        assert asyncio.get_running_loop().time() - begun < ATTEMPT_DELAY, "a refusal is not waited for"


@contextmanager
def silent() -> Iterator[int]:
    """A port that answers nothing, as behind a firewall that drops packets: a listener whose queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for sock in waiting:
            sock.close()


async def test_the_next_address_is_tried_while_the_first_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "ATTEMPT_DELAY", 0.02)
    with silent() as port:
        async with await listen(Address.parse(":0")) as listener:

            async def both(_: Address) -> list[Candidate]:
                return [candidate(port), candidate(listener.address.port)]

            monkeypatch.setattr(tcp, "resolve", both)
            async with await dial(Address.parse("name:1")) as channel:
                assert channel.remote.port == listener.address.port


async def test_families_take_turns() -> None:
    six, four = [candidate(n, "::1") for n in (1, 2, 3)], [candidate(n) for n in (4, 5)]
    ports = [c[3][1] for c in tcp._interleaved([*six, *four])]
    assert ports == [1, 4, 2, 5, 3]


async def test_all_refused_is_refused() -> None:
    with pytest.raises(ConnectionRefused) as caught:
        await dial(Address("tcp", "127.0.0.1", await refusing()))
    assert "the connection was refused" in str(caught.value)


async def test_cancelling_a_call_leaves_nothing_open() -> None:
    with silent() as port:
        before = set(os.listdir("/proc/self/fd"))
        calling = spawn(dial(Address("tcp", "127.0.0.1", port)))
        for _ in range(3):
            await asyncio.sleep(0)
        assert set(os.listdir("/proc/self/fd")) != before
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert set(os.listdir("/proc/self/fd")) == before


async def test_a_fixed_port_to_call_from() -> None:
    port = await refusing()
    async with await listen(Address.parse(":0")) as listener:
        for bind in (f"127.0.0.1:{port}", f":{port}", str(port)):
            calling = spawn(dial(Address.parse(f"{listener.address}?bind={bind}")))
            there = await listener.accept()
            here = await calling
            assert there.remote.port == here.local.port == port
            here.abort()
            there.abort()


async def test_an_address_in_use() -> None:
    async with await listen(Address.parse(":0")) as listener:
        with pytest.raises(AddressInUse) as caught:
            await listen(listener.address)
        assert str(caught.value) == f"cannot listen on {listener.address}: the address is already in use"


async def test_several_may_share_a_port_when_asked() -> None:
    async with await listen(Address.parse(":0"), reuse_port=True) as one:
        async with await listen(one.address, reuse_port=True) as two:
            assert one.address.port == two.address.port


async def test_an_address_that_is_another_machine_s() -> None:
    with pytest.raises(ListenError, match="this machine does not have that address"):
        await listen(Address.parse("192.0.2.1:0"))


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EHOSTUNREACH, "there is no way to that host"), (errno.ENETUNREACH, "there is no way to that network"),
     (errno.ETIMEDOUT, "does not answer"), (errno.EADDRINUSE, "is in use")],
)  # fmt: skip
def test_a_call_that_failed_in_words(number: int, words: str) -> None:
    error = connect_error(Address("tcp", "h", 1), OSError(number, "x"))
    assert type(error) is ConnectError
    assert words in str(error)


def test_a_forbidden_port_in_words() -> None:
    assert isinstance(listen_error(Address("tcp", "h", 80), PermissionError(errno.EACCES, "x")), ListenForbidden)
