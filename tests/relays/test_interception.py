"""Seeing through TLS: what each side is shown, what both agree on, and what is told of it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from hearing import Hearing
from running import Certificates
from tincans import transports
from tincans.address import Address
from tincans.certificates import local_authority
from tincans.channel import Channel, Side
from tincans.conversation import How
from tincans.errors import AddressError, ChannelError, ConnectError
from tincans.relays import relay
from tincans.server import serve

CLIENT, SERVER = Side.CLIENT, Side.SERVER


@pytest.fixture(autouse=True)
def _own_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_CA", str(tmp_path / "ca"))


async def greet(channel: Channel) -> None:
    """An app that says what it is told in capitals."""
    async for data in channel:
        await channel.send(data.upper())


@asynccontextmanager
async def intercepted(
    certificates: Certificates, *, target: str = "", served: str = "", app: Callable[[Channel], Awaitable[None]] = greet
) -> AsyncIterator[tuple[Address, Hearing]]:
    """A server with TLS and a relay before it; the relay's address, and what was heard there."""
    hearing = Hearing()
    async with await serve(f"tls://127.0.0.1:0{certificates.served}{served}", app) as server:
        there = f"127.0.0.1:{server.address.port}?ca={certificates.ca}{target}"
        async with await relay(":0", there, recorders=[hearing], intercept=True) as there_between:
            yield there_between.address, hearing


def call(address: Address, options: str = "") -> Address:
    ca = local_authority().cert_path
    return Address.parse(f"tls://127.0.0.1:{address.port}?ca={ca}{options}")


async def test_what_is_said_inside_is_heard(certificates: Certificates) -> None:
    async with intercepted(certificates) as (address, hearing):
        async with await transports.dial(call(address, "&sni=localhost")) as client:
            await client.send(b"hello")
            assert await client.receive() == b"HELLO"
            await client.send_eof()
            assert [piece async for piece in client] == []
        [heard] = hearing.all
        await heard.over.wait()
        assert heard.words == {CLIENT: b"hello", SERVER: b"HELLO"}
        assert heard.outcome == (How.FINISHED, CLIENT, "")
