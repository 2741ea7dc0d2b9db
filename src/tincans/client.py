"""`connect`: calls a server and gives the channel to it, with a timeout, retries, a proxy and recorders."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tincans import transports
from tincans.address import Address
from tincans.channel import Channel, Side
from tincans.conversation import Kind, Recorder, begin
from tincans.errors import CertificateNotTrusted, ConnectError, ConnectTimedOut, HandshakeFailed
from tincans.limits import CONNECT_SECONDS, RETRY_FIRST, RETRY_MOST
from tincans.recording import RecordingChannel, opening

#: Calling again would be answered in the same way.
_FINAL = (CertificateNotTrusted, HandshakeFailed)


async def connect(
    address: Address | str, *, timeout: float = CONNECT_SECONDS, retry: float = 0.0, proxy: Address | str | None = None,
    recorders: Sequence[Recorder] = (), name: str = "",
) -> Channel:  # fmt: skip
    """Call `address`, perform its handshakes and return the channel, which the caller closes.

    One call is given up after `timeout` seconds, handshakes included. A call that fails is repeated for `retry`
    seconds, after pauses that double from `RETRY_FIRST` to `RETRY_MOST`; only an untrusted certificate and a failed
    handshake are final. `proxy` (`socks5://…` or `http://…`) overrides the address' own option. `recorders` are told
    the conversation under `name`. Raises `ConnectError`, of which refused, timed out, no such name and not trusted are
    kinds of their own. Cancelling leaves nothing open.
    """
    if isinstance(address, str):
        address = Address.parse(address)
    channel = await _persist(address, str(proxy) if proxy else address.option("proxy"), timeout, retry)
    if not recorders:
        return channel
    taps = begin(recorders, opening(Kind.CONNECT, channel, name))
    return RecordingChannel(channel, taps, Side.CLIENT, recorders=recorders, name=name)


async def _persist(address: Address, proxy: str, timeout: float, retry: float) -> Channel:
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + retry, RETRY_FIRST
    while True:
        try:
            return await _call(address, proxy, timeout)
        except ConnectError as error:
            left = end - loop.time()
            if left <= 0 or isinstance(error, _FINAL):
                raise
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, RETRY_MOST)


async def _call(address: Address, proxy: str, timeout: float) -> Channel:
    try:
        async with asyncio.timeout(timeout):
            return await (_dial_through(address, proxy) if proxy else transports.dial(address))
    except TimeoutError as error:
        raise ConnectTimedOut(address.bare(), timeout) from error


async def _dial_through(address: Address, text: str) -> Channel:
    """Call the proxy, have it call the place, and perform the address' handshakes over that."""
    from tincans.transports.proxy import parse_proxy, through

    proxy = parse_proxy(text)
    wraps = transports.client_wraps(address)
    channel = await transports.dial(proxy.address)
    return await transports.greet(await through(channel, proxy, address.without_wraps()), wraps)
