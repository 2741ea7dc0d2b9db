"""Taking a port that several processes will listen on, each with a socket of its own (SO_REUSEPORT, socket(7))."""

from __future__ import annotations

import socket

from tincans.address import NETWORK, Address
from tincans.errors import ListenError
from tincans.transports.tcp import listen_error

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def hold_port(address: Address) -> tuple[Address, socket.socket | None]:
    """`address` with its real port, for processes that listen there with `reuse_port`, and what keeps the port taken.

    The socket that is returned is bound and does not listen: close it when the last process has ended. There is none
    for UDP, where it would be given datagrams, nor for a socket handed down (`fd:`), which all processes share as
    it is. Blocks while a name is looked up. Raises `ListenError`, also for a place that cannot be shared.
    """
    if address.scheme == "fd":
        return address, None
    if address.scheme not in NETWORK:
        raise ListenError(address, "several processes can share a port or a socket handed down, and nothing else")
    try:
        held = _bound(address)
    except OSError as error:
        raise listen_error(address, error) from error
    address = address._replace(port=held.getsockname()[1])
    if address.scheme == "udp":
        held.close()
        return address, None
    return address, held


def _bound(address: Address) -> socket.socket:
    anywhere = address.host == "*"
    host = "::" if anywhere and socket.has_dualstack_ipv6() else "0.0.0.0" if anywhere else address.host
    family, kind, protocol, _, place = socket.getaddrinfo(host, address.port, type=_KINDS[address.scheme])[0]
    held = socket.socket(family, kind, protocol)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if anywhere else 1)
        held.bind(place)
        # Only now: a connection of an earlier server may still be in TIME_WAIT, but a later server is to be refused.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except BaseException:
        held.close()
        raise
    return held
