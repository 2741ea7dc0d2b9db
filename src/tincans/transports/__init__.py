"""Where all sockets live: one module a place, one a wrap, composed here.

A place's module (tcp, unix, udp, stdio, exec, memory, fd) has two functions, and raises `ConnectError` or
`ListenError` from them:

    async def dial(address: Address) -> Channel
    async def listen(address: Address, *, reuse_port: bool = False) -> Listener

A wrap's module (tls, ws) has two functions that read the address once (certificates, subprotocols …) and give the
handshake to perform over each channel; the wrap owns the channel below, and closes it when the handshake fails:

    def client_wrap(address: Address) -> Wrap
    def server_wrap(address: Address) -> Wrap
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from tincans.address import Address
from tincans.channel import Channel, Listener

#: A handshake: over the channel below, it gives the channel above.
Wrap = Callable[[Channel], Awaitable[Channel]]

_MODULES = {"exec": "process"}


def _module(name: str) -> Any:
    return import_module(f"tincans.transports.{_MODULES.get(name, name)}")


async def dial(address: Address) -> Channel:
    """Call `address` and perform its handshakes. No timeout, retry or proxy here: `tincans.connect` adds those.

    Raises `ConnectError`. Cancelling leaves nothing open.
    """
    wraps = client_wraps(address)
    channel = await dial_place(address)
    return await greet(channel, wraps)


async def dial_place(address: Address) -> Channel:
    """Call the place alone, without its wraps."""
    return await _module(address.scheme).dial(address.without_wraps())  # type: ignore[no-any-return]


def client_wraps(address: Address) -> list[Wrap]:
    """The caller's handshakes of an address, innermost first; reads certificate files."""
    return [_module(name).client_wrap(address) for name in reversed(address.wraps)]


def server_wraps(address: Address) -> list[Wrap]:
    """The called side's handshakes of an address, innermost first; reads certificate files."""
    return [_module(name).server_wrap(address) for name in reversed(address.wraps)]


async def greet(channel: Channel, wraps: list[Wrap]) -> Channel:
    """Perform handshakes one over the other; when one fails or is cancelled the channel is closed."""
    try:
        for wrap in wraps:
            channel = await wrap(channel)
    except BaseException:
        channel.abort()
        raise
    return channel


async def listen(address: Address, *, reuse_port: bool = False) -> Listener:
    """Listen on `address`; its wraps are performed by the listener's `greet`. Raises `ListenError`.

    `reuse_port` lets several processes listen on one TCP or UDP port (SO_REUSEPORT).
    """
    wraps = server_wraps(address)
    listener: Listener = await _module(address.scheme).listen(address.without_wraps(), reuse_port=reuse_port)
    return WrappedListener(listener, address, wraps) if wraps else listener


class WrappedListener(Listener):
    """A listener whose callers are greeted with the wraps of its address."""

    __slots__ = ("_listener", "_wraps", "address")

    def __init__(self, listener: Listener, address: Address, wraps: list[Wrap]) -> None:
        self._listener, self._wraps = listener, wraps
        self.address = address._replace(host=listener.address.host, port=listener.address.port)

    async def accept(self) -> Channel:
        return await self._listener.accept()

    async def greet(self, channel: Channel) -> Channel:
        return await greet(channel, self._wraps)

    async def aclose(self) -> None:
        await self._listener.aclose()
