"""Which program is at an end of a connection, as far as this machine's kernel tells.

`psutil` lists the sockets that are open, each with its process. That takes some 40 ms for a thousand of them, and as
much for one that is asked for as for all, so many are asked for at once. A process's own are always told, those of
other users only to root, and on some systems only root is told at all.

    tcp     the socket that has exactly the two addresses
    udp     the same, or one that is bound there and connected to nobody
    unix    whoever has a socket with that path: of a listener, and of what it accepted; who called has none

Without another end it is a listener that is asked for: at exactly that address, or at every address with that port.
Where several processes share a socket (a server and the workers that it forked) `psutil` tells one of them.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

import psutil

from tincans.address import NETWORK, Address
from tincans.errors import AddressError
from tincans.limits import COMMAND_CHARACTERS

K = TypeVar("K")

#: A socket as it is looked up: tcp, udp or unix, its own place, and the other end's. A place is host and port, or a
#: path; None where there is none.
_Place = tuple[str, int] | str | None
_Socket = tuple[str, _Place, _Place]

_KINDS = {socket.SOCK_STREAM: "tcp", socket.SOCK_DGRAM: "udp"}
#: What a socket is bound to that listens at every address.
_EVERY = ("0.0.0.0", "::")


class Program(NamedTuple):
    """A program that runs. Its texts are as the system has them: they may hold any character, and undecodable bytes as
    lone surrogates."""

    pid: int
    name: str
    #: With its arguments, as a shell would read it, and no more than COMMAND_CHARACTERS of that.
    command: str


def programs(ends: Mapping[K, tuple[str, str]]) -> dict[K, Program]:
    """The programs at those of `ends` of which anything is known: each is the socket's own address, and its other end's
    (empty for a listener).

    It blocks for as long as listing all sockets takes. Raises nothing: of what may not be seen, or is gone, nothing is
    known.
    """
    wanted = {key: list(_sockets(*end)) for key, end in ends.items()}
    owners = _owners({kind for sockets in wanted.values() for kind, _, _ in sockets})
    known: dict[int, Program | None] = {}
    found: dict[K, Program] = {}
    for key, sockets in wanted.items():
        pid = next((owners[each] for each in sockets if each in owners), None)
        if pid is None:
            continue
        if pid not in known:
            known[pid] = _program(pid)
        if (program := known[pid]) is not None:
            found[key] = program
    return found


def _sockets(local: str, remote: str) -> Iterable[_Socket]:
    """What a socket with these ends may look like, the likeliest first."""
    with contextlib.suppress(AddressError):
        own = Address.parse(local)
        if own.scheme == "unix" and own.path:
            yield "unix", own.path, None
        elif own.scheme in NETWORK and not remote:
            yield from ((own.scheme, (host, own.port), None) for host in (_plain(own.host), *_EVERY))
        elif own.scheme in NETWORK:
            other = Address.parse(remote)
            yield own.scheme, (_plain(own.host), own.port), (_plain(other.host), other.port)
            if own.scheme == "udp":
                yield from (("udp", (host, own.port), None) for host in (_plain(own.host), *_EVERY))


def _plain(host: str) -> str:
    """A host without what is written in more than one way: an IPv4 address within IPv6, and an interface's name."""
    return host.removeprefix("::ffff:").partition("%")[0]


def _owners(kinds: set[str]) -> dict[_Socket, int]:
    """Every open socket of these kinds, and whose it is."""
    owners: dict[_Socket, int] = {}
    asked = "unix" if kinds == {"unix"} else "all" if "unix" in kinds else "inet"
    with contextlib.suppress(psutil.Error, OSError):
        for each in psutil.net_connections(asked) if kinds else ():
            if each.pid is None:
                continue
            kind = "unix" if each.family == socket.AF_UNIX else _KINDS.get(each.type, "")
            key = (kind, _place(each.laddr), _place(each.raddr) if kind != "unix" else None)
            owners.setdefault(key, each.pid)
    return owners


def _place(end: tuple[str, int] | tuple[()] | str | None) -> _Place:
    if isinstance(end, tuple) and end:
        return _plain(end[0]), end[1]
    return end or None


def _program(pid: int) -> Program | None:
    """The program of a process; None where it has ended meanwhile."""
    try:
        process = psutil.Process(pid)
        name = process.name()
        command = ""
        with contextlib.suppress(psutil.AccessDenied):
            command = shlex.join(process.cmdline())
    except (psutil.Error, OSError):
        return None
    return Program(pid, name, (command or name)[:COMMAND_CHARACTERS])
