"""Who is on the local network: hubs and peers announce themselves by mDNS, and are found by it (RFC 6762, RFC 6763).

The service is `_tincans._tcp.local.`, and its TXT record says what is there (RFC 6763 §6):

    kind=hub   name=NAME                                    a hub that people may join
    kind=peer  name=NAME  mesh=MESH  fingerprint=abcd-efgh  a peer: the beginning of its fingerprint, to know it again

Anybody on the network can announce anything, so nothing of it is believed: it says where to call, and whom one meets
there is found out by the handshake. What listens on loopback alone is announced there alone.

`zeroconf` does the work; it is an extra, imported when it is needed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import re
import socket
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tincans.address import Address
from tincans.errors import NoDiscovery
from tincans.limits import FIND_SECONDS, FOUND_MOST
from tincans.peers.identity import Fingerprint
from tincans.peers.naming import is_name
from tincans.tasks import spawn

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

SERVICE = "_tincans._tcp.local."

_LABEL_BYTES = 63  # RFC 1035 §2.3.4
_LOOPBACK = "127.0.0.1"

Kind = Literal["hub", "peer"]


def interfaces() -> list[str] | None:
    """The own addresses on whose networks one announces and finds: TINCANS_MDNS, or all."""
    chosen = os.environ.get("TINCANS_MDNS")
    return [chosen] if chosen else None


class Found(NamedTuple):
    """What somebody announces; none of it is proved."""

    kind: Kind
    name: str
    address: Address
    #: Of a peer.
    mesh: str = ""
    #: The beginning of a peer's fingerprint, as `Fingerprint.short`.
    fingerprint: str = ""


class Announcement:
    """Announces while its `async with` lasts, and takes that back at its end."""

    def __init__(
        self, kind: Kind, name: str, address: Address, *, mesh: str = "", fingerprint: Fingerprint | None = None,
        interfaces: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        """`address` is where it really listens: a host and a port. `interfaces` are the own addresses on whose networks
        it is announced: by default all, or loopback alone where it listens on that. Raises `NoDiscovery`.
        """
        _check_installed()
        self._interfaces = interfaces or ([address.host] if _is_loopback(address.host) else None)
        shown = fingerprint.short if fingerprint is not None else ""
        self._properties = {"kind": kind, "name": name, "mesh": mesh, "fingerprint": shown}
        self._address = address
        self._zeroconf: AsyncZeroconf | None = None

    async def __aenter__(self) -> Announcement:
        """Return once it is announced. Raises `OSError` where there is no network to announce it on."""
        self._zeroconf = _open(self._interfaces)
        try:
            await (await self._zeroconf.async_register_service(self._service(), cooperating_responders=True))
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    def _service(self) -> AsyncServiceInfo:
        from zeroconf.asyncio import AsyncServiceInfo

        mark = os.urandom(4).hex()
        label = f"{self._properties['kind']} {self._properties['name']}".replace(".", "-")
        label = label.encode()[: _LABEL_BYTES - len(mark) - 1].decode(errors="ignore")
        return AsyncServiceInfo(
            SERVICE,
            f"{label} {mark}.{SERVICE}",
            port=self._address.port,
            properties={name: value for name, value in self._properties.items() if value},
            server=f"tincans-{mark}.local.",
            parsed_addresses=_own_addresses(self._address.host, self._interfaces),
        )

    async def _close(self) -> None:
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is not None:
            await zeroconf.async_close()


class Finding:
    """Tells what is found while its `async with` lasts: each announcement once, as soon as it is heard."""

    def __init__(self, found: Callable[[Found], object], *, interfaces: Sequence[str] | None = None) -> None:
        """`interfaces` as in `Announcement`. Raises `NoDiscovery`."""
        _check_installed()
        self._found, self._interfaces = found, interfaces
        self._asked: dict[str, asyncio.Task[None]] = {}  # about what is announced now
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: Any = None

    async def __aenter__(self) -> Finding:
        """Raises `OSError` where there is no network to look at."""
        from zeroconf.asyncio import AsyncServiceBrowser

        self._zeroconf = _open(self._interfaces)
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, SERVICE, handlers=[self._heard])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        zeroconf, self._zeroconf = self._zeroconf, None
        for asking in self._asked.values():
            asking.cancel()
        if zeroconf is not None:
            await self._browser.async_cancel()
            await zeroconf.async_close()

    def _heard(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        """zeroconf calls this by the names of its arguments."""
        if state_change.name == "Removed":
            if (asking := self._asked.pop(name, None)) is not None:
                asking.cancel()
        elif name not in self._asked and len(self._asked) < FOUND_MOST:
            self._asked[name] = spawn(self._ask(zeroconf, name))

    async def _ask(self, zeroconf: Zeroconf, name: str) -> None:
        """Where it is, and what. zeroconf tells of an announcement once, so whoever was too busy to answer is asked
        again, after pauses that double (RFC 6762 §5.2), for as long as it is announced."""
        from zeroconf.asyncio import AsyncServiceInfo

        info, pause = AsyncServiceInfo(SERVICE, name), FIND_SECONDS
        while not await info.async_request(zeroconf, FIND_SECONDS * 1000):
            await asyncio.sleep(pause)
            pause *= 2
        for found in _read(info)[:1]:
            self._found(found)


async def find_hubs(timeout: float = FIND_SECONDS, *, interfaces: Sequence[str] | None = None) -> list[Found]:
    """The hubs on the local network that answer within so many seconds. Raises `NoDiscovery`, and `OSError` where there
    is no network to look at.
    """
    hubs: list[Found] = []
    async with Finding(hubs.append, interfaces=interfaces):
        await asyncio.sleep(timeout)
    return [found for found in hubs if found.kind == "hub"]


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────────


def _read(info: AsyncServiceInfo) -> list[Found]:
    """What an announcement says, the address that is nearest first; nothing where it is none of ours."""
    said = {name: value or "" for name, value in info.decoded_properties.items()}
    kind, name = said.get("kind", ""), said.get("name", "")
    mesh, fingerprint = said.get("mesh", ""), said.get("fingerprint", "")
    if kind not in ("hub", "peer") or not is_name(name) or (kind == "peer" and not is_name(mesh)):
        return []
    if not re.fullmatch(r"([a-z2-7]{4}-[a-z2-7]{4})?", fingerprint) or not info.port:
        return []
    hosts = sorted(info.parsed_scoped_addresses(), key=_is_loopback)
    return [Found(kind, name, Address("tcp", host, info.port), mesh, fingerprint) for host in hosts]  # type: ignore[arg-type]


def _own_addresses(host: str, interfaces: Sequence[str] | None) -> list[str]:
    """Where whoever hears it can call: the host that is listened on, or all of this machine's addresses."""
    if host not in ("*", "0.0.0.0", "::", ""):
        return [host if _is_ip(host) else socket.gethostbyname(host)]
    import ifaddr

    if interfaces:
        return list(interfaces)
    ips = [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return [ip for ip in ips if not _is_loopback(ip)] or [_LOOPBACK]


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host.partition("%")[0]).is_loopback)


# ── zeroconf ──────────────────────────────────────────────────────────────────────────────────────────────


def _check_installed() -> None:
    try:
        import zeroconf  # noqa: F401
    except ImportError as error:
        raise NoDiscovery from error


def _open(interfaces: Sequence[str] | None) -> AsyncZeroconf:
    from zeroconf import InterfaceChoice, IPVersion
    from zeroconf.asyncio import AsyncZeroconf

    logging.getLogger("zeroconf").setLevel(logging.CRITICAL)  # it complains of each neighbour that it cannot reach
    chosen = [_LOOPBACK if each == "localhost" else each for each in interfaces or ()]
    return AsyncZeroconf(interfaces=chosen or InterfaceChoice.All, ip_version=IPVersion.V4Only)
