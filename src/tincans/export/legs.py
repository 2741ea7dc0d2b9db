"""Where the two parties of a conversation are on the Internet, for a file of packets.

A party that has no address there (a Unix socket, a child process, a host that is known by its name alone) is given a
stand-in from the ranges for documentation: 192.0.2.1 is the client and 192.0.2.2 the server (RFC 5737), or 2001:db8::1
and 2001:db8::2 beside an IPv6 address (RFC 3849). A port that it lacks is made of the conversation's number for the
client, and 49151 for the server, which IANA keeps free. Beside an IPv6 address an IPv4 one is written as
::ffff:10.0.0.1 (RFC 4291 §2.5.5.2).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from tincans.address import NETWORK, Address
from tincans.channel import Side
from tincans.errors import AddressError

IP = IPv4Address | IPv6Address

_STAND_INS: dict[Side, tuple[IP, IP]] = {
    Side.CLIENT: (IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")),
    Side.SERVER: (IPv4Address("192.0.2.2"), IPv6Address("2001:db8::2")),
}
_RESERVED_PORT = 49_151
#: The dynamic ports, which a client is given (RFC 6335 §6).
_FIRST_DYNAMIC, _DYNAMIC_PORTS = 49_152, 16_384


class End(NamedTuple):
    """One party's place."""

    ip: IP
    port: int
    #: What the recording says, where this only stands for it; else empty.
    instead_of: str = ""

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if self.ip.version == 6 else f"{self.ip}:{self.port}"


class Leg(NamedTuple):
    """The two ends of a connection, both IPv4 or both IPv6, and whether datagrams pass between them."""

    client: End
    server: End
    datagrams: bool = False

    @classmethod
    def between(cls, client: str, server: str, number: int) -> Leg:
        """Of two addresses as they are recorded; `number` is the conversation's."""
        places = {Side.CLIENT: _parsed(client), Side.SERVER: _parsed(server)}
        numeric = {side: _numeric(place) for side, place in places.items()}
        six = any(isinstance(ip, IPv6Address) for ip in numeric.values())
        ends = []
        for side, text in ((Side.CLIENT, client), (Side.SERVER, server)):
            place, ip = places[side], numeric[side]
            port = place.port if place else 0
            instead_of = "" if ip and port else text or "an unknown address"
            ends.append(End(_fitting(side, ip, six), port or _made_up_port(side, number), instead_of))
        return cls(ends[0], ends[1], any(place is not None and place.scheme == "udp" for place in places.values()))

    def end(self, side: Side) -> End:
        return self.client if side is Side.CLIENT else self.server


def _parsed(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except AddressError:
        return None


def _numeric(place: Address | None) -> IP | None:
    if place is None or place.scheme not in NETWORK:
        return None
    try:
        return IPv6Address(place.host) if ":" in place.host else IPv4Address(place.host)
    except ValueError:
        return None


def _fitting(side: Side, ip: IP | None, six: bool) -> IP:
    if ip is None:
        return _STAND_INS[side][six]
    return IPv6Address(f"::ffff:{ip}") if six and isinstance(ip, IPv4Address) else ip


def _made_up_port(side: Side, number: int) -> int:
    return _RESERVED_PORT if side is Side.SERVER else _FIRST_DYNAMIC + number % _DYNAMIC_PORTS
