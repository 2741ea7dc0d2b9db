"""Names to numbers and back."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import pytest

from tincans.address import Address
from tincans.errors import ConnectError, ListenError, NameNotFound
from tincans.transports.resolve import network_address, resolve, resolve_bind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://127.0.0.1:80", (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, ("127.0.0.1", 80))),
        ("udp://127.0.0.1:53", (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP, ("127.0.0.1", 53))),
        ("tcp://[::1]:80", (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, ("::1", 80, 0, 0))),
    ],
)
async def test_a_number_is_not_looked_up(text: str, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", numbers_only(socket.getaddrinfo))
    assert await resolve(Address.parse(text)) == [expected]


def numbers_only(real: Any) -> Any:
    def getaddrinfo(*given: Any) -> Any:
        assert given[-1] == socket.AI_NUMERICHOST, "a name server was asked"
        return real(*given)

    return getaddrinfo


async def test_a_name_is_found_once_for_each_place() -> None:
    found = await resolve(Address.parse("tcp://localhost:80"))
    assert len(found) == len(set(found)) >= 1
    assert {place[0] for *_, place in found} <= {"127.0.0.1", "::1"}
    assert all(place[1] == 80 for *_, place in found)


@pytest.mark.parametrize(("code", "says"), [(socket.EAI_NONAME, "no host named"), (socket.EAI_AGAIN, "no name server")])
async def test_a_name_that_is_not_there(code: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(code, "said the resolver")

    async def look_up(*_: Any, **__: Any) -> Any:
        return getaddrinfo()

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: type("Loop", (), {"getaddrinfo": look_up}))
    with pytest.raises(NameNotFound, match=says) as caught:
        await resolve(Address.parse("tcp://example.invalid:80"))
    assert caught.value.host == "example.invalid"
    with pytest.raises(ListenError, match=says):
        await resolve(Address.parse("tcp://example.invalid:80"), passive=True)


async def test_a_real_look_up_of_no_name() -> None:
    with pytest.raises(NameNotFound):
        await resolve(Address.parse("tcp://no-such-host.invalid:80"))


async def test_every_interface_is_listened_on_and_not_called() -> None:
    found = await resolve(Address.parse("tcp://*:80"), passive=True)
    assert [place for *_, place in found] == [("::", 80, 0, 0)]
    with pytest.raises(ConnectError, match="every interface"):
        await resolve(Address.parse("tcp://*:80"))


async def test_every_interface_of_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_six(family: int, kind: int) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "address family not supported")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", no_six)
        found = await resolve(Address.parse("udp://*:80"), passive=True)
    assert [place for *_, place in found] == [("0.0.0.0", 80)]


@pytest.mark.parametrize(
    ("bind", "place"),
    [
        ("127.0.0.1:5000", ("127.0.0.1", 5000)),
        ("127.0.0.1", ("127.0.0.1", 0)),
        (":5000", ("0.0.0.0", 5000)),
        ("5000", ("0.0.0.0", 5000)),
    ],
)
async def test_where_to_call_from(bind: str, place: Any) -> None:
    assert await resolve_bind(Address.parse(f"tcp://127.0.0.1:80?bind={bind}"), socket.AF_INET) == place


async def test_nowhere_to_call_from() -> None:
    assert await resolve_bind(Address.parse("tcp://127.0.0.1:80"), socket.AF_INET) is None
    with pytest.raises(ConnectError, match="IPv6"):
        await resolve_bind(Address.parse("tcp://[::1]:80?bind=127.0.0.1"), socket.AF_INET6)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (("127.0.0.1", 80), "tcp://127.0.0.1:80"),
        (("::1", 80, 0, 0), "tcp://[::1]:80"),
        (("::ffff:127.0.0.1", 80, 0, 0), "tcp://127.0.0.1:80"),
    ],
)
def test_the_way_back(place: Any, text: str) -> None:
    assert network_address("tcp", place) == Address.parse(text)
