"""A port is taken for several processes, and is the same for all of them."""

from __future__ import annotations

import socket

import pytest

from tincans.address import Address
from tincans.errors import AddressInUse, ListenError
from tincans.transports import listen
from tincans.transports.ports import hold_port


@pytest.mark.parametrize("text", ["tcp://127.0.0.1:0", "tcp://*:0", "tcp://localhost:0", "tcp://[::1]:0"])
async def test_a_tcp_port_is_held_for_those_who_share_it(text: str) -> None:
    address, held = hold_port(Address.parse(text))
    assert held is not None
    with held:
        assert address.port == held.getsockname()[1]
        async with await listen(address, reuse_port=True) as one, await listen(address, reuse_port=True) as two:
            assert one.address == two.address == address
        with pytest.raises(AddressInUse):
            await listen(address)


async def test_a_udp_port_is_only_found() -> None:
    """A held UDP socket would be given datagrams."""
    address, held = hold_port(Address.parse("udp://127.0.0.1:0"))
    assert held is None
    async with await listen(address, reuse_port=True) as one, await listen(address, reuse_port=True) as two:
        assert one.address.port == two.address.port == address.port


def test_a_socket_handed_down_is_shared_as_it_is() -> None:
    address = Address.parse("fd:3")
    assert hold_port(address) == (address, None)


def test_what_cannot_be_shared_is_told() -> None:
    with pytest.raises(ListenError, match="several processes can share"):
        hold_port(Address.parse("unix:x.sock"))


def test_a_name_that_there_is_not_is_told() -> None:
    with pytest.raises(ListenError, match=r"cannot listen on tcp://no-such-host\.invalid"):
        hold_port(Address.parse("tcp://no-such-host.invalid:0"))


def test_a_wrapped_address_keeps_its_wraps() -> None:
    address, held = hold_port(Address.parse("tls://127.0.0.1:0?cert=x"))
    assert isinstance(held, socket.socket)
    held.close()
    assert address.wraps == ("tls",)
    assert address.port
