"""By which addresses others reach this machine, and by which names they find what waits on it (`notices.py`)."""

from __future__ import annotations

import ipaddress
import socket

import psutil

#: What an address that is listened on says for all interfaces.
ALL = ("*", "0.0.0.0", "::")


def all_hosts() -> list[str]:
    """The IPv4 addresses of this machine, of interfaces that are up."""
    status = psutil.net_if_stats()
    return [
        address.address
        for interface, addresses in psutil.net_if_addrs().items()
        for address in addresses
        if address.family is socket.AF_INET and interface in status and status[interface].isup
    ]


def own_hosts() -> list[str]:
    """Those by which other machines may reach it; loopback where there are no others."""
    found = all_hosts()
    return [host for host in found if not ipaddress.ip_address(host).is_loopback] or found


def reachable(host: str) -> str:
    """How another machine may call who listens on `host`."""
    return next(iter(own_hosts()), host) if host in ALL else host


def offer_name(number: int) -> str:
    """What the notice of an offer is called."""
    return f"offer-{number}"


def peer_name(short: str) -> str:
    """What the notice of a peer that waits for files is called; `short` is from its fingerprint."""
    return f"peer-{short}"
