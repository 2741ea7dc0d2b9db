"""What the kernel holds of a connection, of whichever program: its state, and the bytes in its two queues.

Linux tells everybody who asks by netlink (sock_diag(7)) of the sockets of his network namespace; `ss` is made of the
same answers. A TCP socket is asked for by its two addresses, which costs the same among ten thousand. Unix
sockets have no such pair: they are listed, and one is known by its path only where it is the only one there.

Where the kernel does not answer (another system, a sandbox) nothing is known, and nothing is raised.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tincans.address import Address
from tincans.errors import AddressError
from tincans.waiting import Socket

#: linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SHOW_NAME, _SHOW_PEER, _SHOW_QUEUES = 0x1, 0x4, 0x10
_UNIX_NAME, _UNIX_PEER, _UNIX_QUEUES = 0, 2, 4
_ANY = 0xFFFFFFFF

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_TCP_REQUEST = struct.Struct("=BBBxI")  # struct inet_diag_req_v2, up to its id
_TCP_SOCKET = struct.Struct("=BBBB48xIIIII")  # struct inet_diag_msg: family, state, … its id, expires, the two queues …
_UNIX_REQUEST = struct.Struct("=BBHIIIII")  # struct unix_diag_req
_UNIX_SOCKET = struct.Struct("=BBBxIII")  # struct unix_diag_msg: family, type, state, inode, cookie
_ATTRIBUTE = struct.Struct("=HH")

#: net/tcp_states.h counts them from 1.
_STATES = (
    "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK",
    "LISTEN", "CLOSING", "NEW_SYN_RECV",
)  # fmt: skip
_ESTABLISHED = 1
#: The kernel's queues are differences of sequence numbers, in which a FIN counts as a byte (RFC 9293 §3.4): until its
#: end was read where one came, and until it was acknowledged where one was sent.
_FIN_CAME = frozenset(("CLOSE_WAIT", "LAST_ACK", "CLOSING"))
_FIN_SENT = frozenset(("FIN_WAIT1", "LAST_ACK", "CLOSING"))

#: More than the longest answer: the kernel fills at most this much of a dump at a time (NLMSG_GOODSIZE is below it).
_ANSWER_BYTES = 32 * 1024
#: The kernel answers at once; one that does not is not waited for.
_ANSWER_SECONDS = 1.0


def queues(ends: Mapping[str, tuple[str, str]]) -> dict[str, Socket]:
    """Those of `ends` that this machine's kernel knows: each is the socket's own address, and its other end's.

    Takes some 20 µs for a TCP socket. Blocks for no longer than the kernel needs. Raises nothing.
    """
    found: dict[str, Socket] = {}
    with contextlib.suppress(OSError, AttributeError), _netlink() as asked:  # no AF_NETLINK but on Linux
        for name, (local, remote) in ends.items():
            with contextlib.suppress(AddressError):
                known = _look_up(asked, _place(local), _place(remote))
                if known is not None:
                    found[name] = known
    return found


def _netlink() -> socket.socket:
    asked = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)
    asked.settimeout(_ANSWER_SECONDS)
    return asked


def _place(text: str) -> Address:
    """An end of a channel; who called a Unix socket has no path."""
    return Address("unix") if text == "unix:" else Address.parse(text)


def _look_up(asked: socket.socket, local: Address, remote: Address) -> Socket | None:
    if local.scheme == remote.scheme == "tcp":
        return _tcp(asked, local, remote)
    if "unix" in (local.scheme, remote.scheme):
        return _unix(asked, local.path, remote.path)
    return None


def _ask(asked: socket.socket, flags: int, request: bytes) -> Iterator[bytes]:
    """The messages that the kernel answers; none where there is no such socket."""
    asked.send(_HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST | flags, 0, 0) + request)
    while True:
        answer = memoryview(asked.recv(_ANSWER_BYTES))
        while answer:
            length, kind, *_ = _HEADER.unpack_from(answer)
            if kind in (_NLMSG_ERROR, _NLMSG_DONE):
                return
            yield bytes(answer[_HEADER.size : length])
            answer = answer[(length + 3) & ~3 :]
        if not flags & _NLM_F_DUMP:
            return


# ── TCP ───────────────────────────────────────────────────────────────────────────────────────────────────


def _tcp(asked: socket.socket, local: Address, remote: Address) -> Socket | None:
    family = socket.AF_INET6 if ":" in local.host else socket.AF_INET
    try:
        places = [socket.inet_pton(family, each.host.partition("%")[0]).ljust(16, b"\0") for each in (local, remote)]
    except OSError:  # a name: it was not resolved
        return None
    request = _TCP_REQUEST.pack(family, socket.IPPROTO_TCP, 0, _ANY)
    request += struct.pack("!HH", local.port, remote.port) + b"".join(places) + struct.pack("=III", 0, _ANY, _ANY)
    for answer in _ask(asked, 0, request):
        _, state, _, _, _, unread, unsent, _, _ = _TCP_SOCKET.unpack_from(answer)
        name = _STATES[state - 1]
        if name != "LISTEN":  # which is found where the connection itself is gone
            return Socket(
                state=name, unread=max(0, unread - (name in _FIN_CAME)), unsent=max(0, unsent - (name in _FIN_SENT))
            )
    return None


# ── Unix sockets ──────────────────────────────────────────────────────────────────────────────────────────


class _Unix(NamedTuple):
    name: bytes
    inode: int
    peer: int
    unread: int


def _unix(asked: socket.socket, local: str, remote: str) -> Socket | None:
    """The end of the one connection to a path: what accepted it bears the path, and what called bears none."""
    path = (local or remote).encode()
    name = b"\0" + path[1:] if path.startswith(b"@") else path
    connected = {each.inode: each for each in _unix_sockets(asked)}
    accepted = [each for each in connected.values() if each.name == name]
    if len(accepted) != 1:
        return None
    found = accepted[0] if local else connected.get(accepted[0].peer)
    return Socket(state="ESTABLISHED", unread=found.unread, unsent=0) if found else None


def _unix_sockets(asked: socket.socket) -> Iterator[_Unix]:
    """All that are connected."""
    show = _SHOW_NAME | _SHOW_PEER | _SHOW_QUEUES
    request = _UNIX_REQUEST.pack(socket.AF_UNIX, 0, 0, 1 << _ESTABLISHED, 0, show, _ANY, _ANY)
    for answer in _ask(asked, _NLM_F_DUMP, request):
        _, _, _, inode, _, _ = _UNIX_SOCKET.unpack_from(answer)
        attributes = dict(_attributes(answer[_UNIX_SOCKET.size :]))
        peer = attributes.get(_UNIX_PEER, bytes(4))
        unread = attributes.get(_UNIX_QUEUES, bytes(8))[:4]
        name = attributes.get(_UNIX_NAME, b"")
        # A path may come with the zero that ends it; an abstract name begins with one.
        name = name if name.startswith(b"\0") else name.rstrip(b"\0")
        yield _Unix(name, inode, *struct.unpack("=I", peer), *struct.unpack("=I", unread))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[(max(length, _ATTRIBUTE.size) + 3) & ~3 :]
