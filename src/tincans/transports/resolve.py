"""From an `Address` with a host to what the kernel takes, and back: shared by tcp and udp.

Numeric hosts are answered at once, without a thread. A name is looked up in a thread of the loop. The host `*` is
every interface, in one place: the IPv6 one, which takes IPv4 callers too where its socket has IPV6_V6ONLY switched
off (RFC 3493 §5.3), or the IPv4 one on a machine without IPv6.
"""

from __future__ import annotations

import asyncio
import socket
from functools import lru_cache
from typing import Any

from tincans.address import Address
from tincans.errors import AddressError, ConnectError, ListenError, NameNotFound

#: A family, a type, a protocol: `socket.socket(*found[:3])`; and the place to bind it to or to connect it with.
Found = tuple[int, int, int, tuple[Any, ...]]

_KINDS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
}
_MAPPED = "::ffff:"


async def resolve(address: Address, *, passive: bool = False) -> list[Found]:
    """Where `address` is, best first and each place once; `passive` is for listening on it.

    Raises `NameNotFound` (`ListenError` when passive). Cancelling leaves nothing but a look-up that ends by itself.
    """
    if address.host == "*":
        return _everywhere(address, passive)
    numeric = _numeric(address)
    if numeric:
        return list(numeric)
    kind, protocol = _KINDS[address.scheme]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=kind, proto=protocol)
    except (OSError, UnicodeError) as error:  # gaierror; idna refuses some names before asking
        raise _not_found(address, error, passive) from error
    return list(dict.fromkeys((family, kind, protocol, tuple(place)) for family, _, _, _, place in found))


async def resolve_bind(address: Address, family: int) -> tuple[Any, ...] | None:
    """What the option `bind` of `address` asks a socket of `family` to call from; None where nothing is asked.

    `host` leaves the port to the kernel, `:port` (or the bare number) the interface. Raises `ConnectError` when the
    place to call from is of another family, and `AddressError` when it is none.
    """
    text = address.option("bind")
    if not text:
        return None
    source = _source(address.scheme, text)
    if source.host == "*":
        return ("::", source.port, 0, 0) if family == socket.AF_INET6 else ("0.0.0.0", source.port)
    for found in await resolve(source, passive=True):
        if found[0] == family:
            return found[3]
    version = "IPv6" if family == socket.AF_INET6 else "IPv4"
    raise ConnectError(address.bare(), f"it is an {version} address, and {text!r} to call from is not")


def network_address(scheme: str, place: tuple[Any, ...]) -> Address:
    """The address of what the kernel calls `place`; IPv4 seen through an IPv6 socket is IPv4 again."""
    host = str(place[0])
    if host.startswith(_MAPPED) and "." in host:
        host = host.removeprefix(_MAPPED)
    return Address(scheme, host, place[1])


def _source(scheme: str, text: str) -> Address:
    if text.startswith(":") or text.isdecimal():
        return Address.parse(f"{scheme}://*:{text.removeprefix(':')}")
    try:
        return Address.parse(f"{scheme}://{text}")
    except AddressError:
        return Address.parse(f"{scheme}://{text}:0")


def _everywhere(address: Address, passive: bool) -> list[Found]:
    if not passive:
        raise ConnectError(address.bare(), "the host * is every interface, to be listened on and not called")
    kind, protocol = _KINDS[address.scheme]
    try:
        socket.socket(socket.AF_INET6, kind).close()
    except OSError:
        return [(socket.AF_INET, kind, protocol, ("0.0.0.0", address.port))]
    return [(socket.AF_INET6, kind, protocol, ("::", address.port, 0, 0))]


@lru_cache(maxsize=64)
def _numeric(address: Address) -> tuple[Found, ...]:
    kind, protocol = _KINDS[address.scheme]
    try:
        found = socket.getaddrinfo(address.host, address.port, 0, kind, protocol, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return ()
    return tuple((family, kind, protocol, place) for family, _, _, _, place in found)


def _not_found(address: Address, error: Exception, passive: bool) -> ConnectError | ListenError:
    host = address.host
    reason = f"there is no host named {host!r}"
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        reason = f"no name server answered when asked for {host!r}"
    if passive:
        return ListenError(address.bare(), reason)
    return NameNotFound(address.bare(), host, reason)
