"""Notices on the local network: somebody has an offer of a number, or waits for files (mDNS, RFC 6762 and 6763).

A notice is a service of its own name, `offer-7._tincans-file._tcp.local.` or `peer-abcd-efgh._tincans-file…`, so it
can be asked for by that name without listening to all there are, and the network itself sees to it that there is one
of each: who puts one up asks first whether somebody has it (RFC 6762 §8.1). It says a port and addresses, and
nothing more; what it says is believed as little as a stranger: who is there proves who they are.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Iterable

from zeroconf import InterfaceChoice, IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from tincans.address import Address
from tincans.limits import NOTICE_FREE_SECONDS, NOTICE_SECONDS
from tincans.peers.hosts import ALL, all_hosts, own_hosts

_TYPE = "_tincans-file._tcp.local."


class Notice:
    """A notice that is up until it is closed."""

    def __init__(self, network: AsyncZeroconf, info: AsyncServiceInfo, name: str, saying: Awaitable[object]) -> None:
        self._network, self._info, self._saying = network, info, saying
        #: Which of the names it has.
        self.name = name

    @classmethod
    async def put_up(cls, names: Iterable[str], address: Address) -> Notice | None:
        """Put one up for `address`, under the first of `names` that nobody has; None where there is no such network.

        Cancelling leaves none.
        """
        if address.host == "localhost":
            address = address._replace(host="127.0.0.1")
        network = _network(address.host)
        if network is None:
            return None
        try:
            for name in names:
                if await _asked(network, name, NOTICE_FREE_SECONDS):
                    continue
                info = _info(name, address)
                saying = await network.async_register_service(info, cooperating_responders=True)  # we have asked
                return cls(network, info, name, saying)
        except BaseException:
            await network.async_close()
            raise
        await network.async_close()
        return None

    async def aclose(self) -> None:
        """Take it down, and say so once, where zeroconf would take its time to say it three times."""
        try:
            goodbye = await self._network.async_unregister_service(self._info)
            await asyncio.sleep(0)  # the first is said at once
            for saying in (self._saying, goodbye):
                assert isinstance(saying, asyncio.Future)
                saying.cancel()
        finally:
            await self._network.async_close()


async def find(name: str, seconds: float = NOTICE_SECONDS) -> list[Address]:
    """Where the one who has put up the notice of that name can be called; none where nobody has."""
    network = _network("*")
    if network is None:
        return []
    try:
        return await _asked(network, name, seconds)
    finally:
        await network.async_close()


async def _asked(network: AsyncZeroconf, name: str, seconds: float) -> list[Address]:
    info = await network.async_get_service_info(_TYPE, f"{name}.{_TYPE}", timeout=int(seconds * 1000))
    if info is None or not info.port:
        return []
    return [Address("tcp", host, info.port) for host in info.parsed_addresses(IPVersion.V4Only)]


def _network(host: str) -> AsyncZeroconf | None:
    """Where notices are put up and looked for: the interface of that host, all for `*`; TINCANS_MDNS names another."""
    chosen = os.environ.get("TINCANS_MDNS") or ("" if host in ALL else host)
    if chosen and chosen not in all_hosts():  # zeroconf would leave a socket open over it
        return None
    try:
        return AsyncZeroconf(interfaces=[chosen] if chosen else InterfaceChoice.All, ip_version=IPVersion.V4Only)
    except OSError:  # there is no multicast here
        return None


def _info(name: str, address: Address) -> AsyncServiceInfo:
    hosts = own_hosts() if address.host in ALL else [address.host]
    packed = [socket.inet_aton(host) for host in hosts]
    return AsyncServiceInfo(
        _TYPE, f"{name}.{_TYPE}", port=address.port, addresses=packed, server=f"tincans-{secrets.token_hex(4)}.local."
    )
