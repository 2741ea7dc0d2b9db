"""Packets for Wireshark: a pcapng file (draft-ietf-opsawg-pcapng).

    file    = section header, interface, packet…
    block   = type, length, body, length again               32-bit numbers, each part filled up to 32 bits
    option  = code, length, value

The interface carries bare IP packets (LINKTYPE_RAW) and its times are nanoseconds. What the recording knows and no
packet says stands in comments: who the parties are in the conversation's first packet; notes, gaps and what handshakes
found out in the packet that comes next. What was said inside TLS that tincans ended is written plain, as it was
recorded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import ClassVar

from tincans.conversation import Closed, Dropped, Entry, Joined, Kind, Noted, Opened, Said, Secured, title_of
from tincans.export.legs import Leg
from tincans.export.wire import Datagrams, Packet, Stream
from tincans.limits import COMMENT_BYTES
from tincans.text import escape

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER = 0x1A2B3C4D
_UNKNOWN_LENGTH = -1
_LINKTYPE_RAW = 101  # https://www.tcpdump.org/linktypes.html: begins with an IPv4 or IPv6 header

# Options: of any block, of a section, of an interface.
_NO_MORE = (0, b"")
_COMMENT = 1
_APPLICATION = 4
_NAME, _RESOLUTION = 2, 9
_NANOSECONDS = bytes([9])  # 10 to the power of -9

_BLOCK = struct.Struct("<II")
_SECTION_BODY = struct.Struct("<IHHq")
_INTERFACE_BODY = struct.Struct("<HHI")
_PACKET_BODY = struct.Struct("<IIIII")
_OPTION = struct.Struct("<HH")
_LENGTH = struct.Struct("<I")


class Pcapng:
    """The `Form` of packets: between client and relay, where there is one, or `far`, between relay and server."""

    lack: ClassVar[str] = ""
    understands: ClassVar[bool] = False

    def __init__(self, creator: str, *, far: bool = False) -> None:
        self._creator, self._far = creator, far
        self.masked = 0
        self._opened: Opened | None = None
        self._wire: Stream | Datagrams | None = None
        #: For the packet that comes next.
        self._comment = ""

    def head(self) -> bytes:
        section = _SECTION_BODY.pack(_BYTE_ORDER, 1, 0, _UNKNOWN_LENGTH)
        interface = _INTERFACE_BODY.pack(_LINKTYPE_RAW, 0, 0)
        return _block(_SECTION, section, (_APPLICATION, self._creator.encode())) + _block(
            _INTERFACE, interface, (_NAME, b"tincans"), (_RESOLUTION, _NANOSECONDS)
        )

    def take(self, entry: Entry) -> Iterator[bytes]:
        if isinstance(entry, Opened):
            self._opened, self._wire, self._comment = entry, None, ""
        if self._opened is None:
            return
        self._remark(_comments(entry))
        if self._wire is None:
            yield from self._begin(self._opened, entry)
        if self._wire is not None:
            yield from self._packets(self._wire.take(entry))

    def over(self) -> Iterator[bytes]:
        self._opened = self._wire = None
        return iter(())

    def foot(self) -> bytes:
        return b""

    def _begin(self, opened: Opened, entry: Entry) -> Iterator[bytes]:
        """The connection begins, if it does so with `entry`: the far one once the server has answered."""
        if not self._far or opened.kind is not Kind.RELAY:
            yield from self._open(entry.at, opened, opened.client, opened.near or opened.server)
        elif isinstance(entry, Joined):
            yield from self._open(entry.at, opened, entry.far, entry.server)
        elif isinstance(entry, Said):
            yield from self._open(entry.at, opened, opened.far, opened.server)

    def _open(self, at: int, opened: Opened, client: str, server: str) -> Iterator[bytes]:
        leg = Leg.between(client, server, opened.conversation)
        self._remark(f"{end} stands for {escape(end.instead_of)}" for end in leg[:2] if end.instead_of)
        self._wire = Datagrams(leg) if leg.datagrams else Stream(leg, opened.conversation)
        yield from self._packets(self._wire.open(at))

    def _remark(self, comments: Iterable[str]) -> None:
        for comment in comments:
            if len(self._comment) < COMMENT_BYTES:
                self._comment += ("\n" if self._comment else "") + comment

    def _packets(self, packets: Iterator[Packet]) -> Iterator[bytes]:
        for at, data in packets:
            high, low = divmod(max(0, at), 2**32)
            body = _PACKET_BODY.pack(0, high, low, len(data), len(data)) + _filled(data)
            comment, self._comment = self._comment, ""
            yield _block(_PACKET, body, (_COMMENT, _cut(comment))) if comment else _block(_PACKET, body)


def _comments(entry: Entry) -> Iterator[str]:
    """What an entry says that no packet can."""
    match entry:
        case Opened(facts=facts):
            yield from (*_opened(entry), *_facts(facts))
        case Joined(far=far, server=server, facts=facts):
            yield from (f"{escape(server)} answers, called from {escape(far)}", *_facts(facts))
        case Secured(facts=facts):
            yield from ("from here on TLS protects it, and tincans has it plain", *_facts(facts))
        case Dropped(side=side, count=count, reason=reason):
            yield f"{count} bytes of the {side.value} are missing here: {escape(reason)}"
        case Noted(text=text):
            yield escape(text)
        case Closed(how=how, detail=detail) if detail:
            yield f"{how.value}: {escape(detail)}"
        case _:
            pass


def _opened(opened: Opened) -> Iterator[str]:
    yield f"tincans conversation {opened.conversation}: {escape(title_of(opened))}"
    for name in ("client", "near", "far", "server"):
        if address := getattr(opened, name):
            yield f"{name}: {escape(address)}"


def _facts(facts: dict[str, str]) -> Iterator[str]:
    return (f"{escape(name)}: {escape(fact)}" for name, fact in facts.items())


def _cut(comment: str) -> bytes:
    """As much of it as an option can hold, whole characters."""
    return comment.encode("utf-8", "replace")[:COMMENT_BYTES].decode("utf-8", "ignore").encode()


# ── blocks ────────────────────────────────────────────────────────────────────────────────────────────────


def _block(kind: int, body: bytes, *options: tuple[int, bytes]) -> bytes:
    if options:
        body += b"".join(_OPTION.pack(code, len(value)) + _filled(value) for code, value in options) + _OPTION.pack(
            0, 0
        )
    length = _BLOCK.size + len(body) + _LENGTH.size
    return _BLOCK.pack(kind, length) + body + _LENGTH.pack(length)


def _filled(data: bytes) -> bytes:
    """Filled up to 32 bits."""
    return data + bytes(-len(data) % 4)
