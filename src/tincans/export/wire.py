"""A conversation as the packets that may have carried it.

A recording has what was said and when, and not how a network cut it up. So the packets are made: bytes, addresses,
ports and times are those of the recording; all else is the simplest that is right, so that a reader of packets finds
nothing to wonder about:

    Opened     SYN, SYN ACK and ACK, at that moment
    Said       segments of at most an MSS, the last one pushed, and at once the other side's acknowledgement
    Dropped    nothing, but the sequence number goes on: there is a gap where there is one
    Ended      the FIN of that side, and its acknowledgement
    Closed     finished: the FINs that are still missing; lost: nothing; else the RST of who went away, for so tincans
               ends a connection

Of datagrams there is only what was said. Numbers begin where the conversation's number puts them, so that two that
used the same ports are told apart.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv6Address

from tincans.channel import Buffer, Side
from tincans.conversation import Closed, Dropped, Ended, Entry, How, Said
from tincans.export.legs import Leg
from tincans.limits import DATAGRAM6_BYTES, DATAGRAM_BYTES, GAP_BYTES, MSS6_BYTES, MSS_BYTES, UNACKNOWLEDGED_SEGMENTS

#: When, in nanoseconds since 1970, and the IP packet.
Packet = tuple[int, bytes]

_TCP, _UDP = 6, 17
_FIN, _SYN, _RST, _PSH, _ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_WINDOW = 0xFFFF
_HOPS = 64
_DONT_FRAGMENT = 0x4000
_MSS_OPTION = struct.Struct("!BBH")

_IP4 = struct.Struct("!HHHHHH4s4s")
_IP6 = struct.Struct("!IHBB16s16s")
_TCP_HEADER = struct.Struct("!HHIIHHHH")
_UDP_HEADER = struct.Struct("!HHHH")
#: Where the checksum stands in each.
_TCP_SUM, _UDP_SUM = 16, 6


class _Headers:
    """Puts IP's header around what one side sends, and the checksum into TCP's or UDP's."""

    def __init__(self, leg: Leg, side: Side, protocol: int) -> None:
        source, target = leg.end(side), leg.end(side.other)
        self.ports = source.port, target.port
        self.six = isinstance(source.ip, IPv6Address)
        self._source, self._target, self._protocol = source.ip.packed, target.ip.packed, protocol
        self._place = _TCP_SUM if protocol == _TCP else _UDP_SUM
        self._addresses = int.from_bytes(self._source + self._target) % 0xFFFF

    def around(self, segment: bytearray) -> bytes:
        """The packet of a segment whose checksum is still 0."""
        # The pseudo header counts too (RFC 9293 §3.1, RFC 768, RFC 8200 §8.1).
        words = int.from_bytes(segment) << 8 * (len(segment) % 2)
        total = self._addresses + self._protocol + len(segment) + words
        struct.pack_into("!H", segment, self._place, _checksum(total))
        return (self._header6 if self.six else self._header4)(len(segment)) + segment

    def _header4(self, length: int) -> bytes:
        hops = _HOPS << 8 | self._protocol
        total = 0x4500 + 20 + length + _DONT_FRAGMENT + hops + self._addresses
        return _IP4.pack(0x4500, 20 + length, 0, _DONT_FRAGMENT, hops, _checksum(total), self._source, self._target)

    def _header6(self, length: int) -> bytes:
        return _IP6.pack(6 << 28, length, self._protocol, _HOPS, self._source, self._target)


def _checksum(total: int) -> int:
    """The Internet's (RFC 1071). 65,536 is 1 modulo 65,535, so the sum of a number's 16-bit words is its remainder."""
    return 0xFFFF - total % 0xFFFF


class Stream:
    """The packets of a TCP connection, in the order of the entries."""

    def __init__(self, leg: Leg, number: int) -> None:
        self._headers = {side: _Headers(leg, side, _TCP) for side in Side}
        self._mss = MSS6_BYTES if self._headers[Side.CLIENT].six else MSS_BYTES
        first = number * 2_654_435_761 % 2**32  # Knuth's multiplier, which scatters neighbours
        #: The number of the next byte of each side, and behind the last one that was there to be acknowledged.
        self._next = {Side.CLIENT: first, Side.SERVER: (first + 2**31) % 2**32}
        self._there = {Side.CLIENT: 0, Side.SERVER: 0}
        self._ended: set[Side] = set()

    def open(self, at: int) -> Iterator[Packet]:
        option = _MSS_OPTION.pack(2, 4, self._mss)
        yield at, self._segment(Side.CLIENT, _SYN, option)
        yield at, self._segment(Side.SERVER, _SYN | _ACK, option)
        yield at, self._segment(Side.CLIENT, _ACK)

    def take(self, entry: Entry) -> Iterator[Packet]:
        """What an entry other than `Opened` makes."""
        match entry:
            case Said(at=at, side=side, data=data):
                yield from self._said(at, side, memoryview(data))
            case Dropped(side=side, count=count):
                self._next[side] = (self._next[side] + min(count, GAP_BYTES)) % 2**32
            case Ended(at=at, side=side):
                yield from self._end(at, side)
            case Closed(at=at, how=How.FINISHED, by=by):
                first = by or Side.CLIENT
                yield from self._end(at, first)
                yield from self._end(at, first.other)
            case Closed(at=at, how=how, by=by) if how is not How.LOST:
                yield at, self._segment(by or Side.SERVER, _RST | _ACK)
            case _:
                pass

    def _said(self, at: int, side: Side, data: memoryview) -> Iterator[Packet]:
        for count, start in enumerate(range(0, len(data), self._mss), 1):
            piece = data[start : start + self._mss]
            is_last = start + self._mss >= len(data)
            yield at, self._segment(side, _PSH | _ACK if is_last else _ACK, data=piece)
            if is_last or count % UNACKNOWLEDGED_SEGMENTS == 0:
                yield at, self._segment(side.other, _ACK)

    def _end(self, at: int, side: Side) -> Iterator[Packet]:
        if side not in self._ended:
            self._ended.add(side)
            yield at, self._segment(side, _FIN | _ACK)
            yield at, self._segment(side.other, _ACK)

    def _segment(self, side: Side, flags: int, option: bytes = b"", data: Buffer = b"") -> bytes:
        headers = self._headers[side]
        words = (_TCP_HEADER.size + len(option)) // 4
        acknowledged = self._there[side.other] if flags & _ACK else 0
        segment = bytearray(
            _TCP_HEADER.pack(*headers.ports, self._next[side], acknowledged, words << 12 | flags, _WINDOW, 0, 0)
        )
        segment += option
        segment += data
        numbers = len(data) + bool(flags & (_SYN | _FIN))  # each of the two takes one (RFC 9293 §3.4)
        self._next[side] = (self._next[side] + numbers) % 2**32
        if numbers:
            self._there[side] = self._next[side]
        return headers.around(segment)


class Datagrams:
    """The packets of datagrams: one for each that was said, the empty ones too."""

    def __init__(self, leg: Leg) -> None:
        self._headers = {side: _Headers(leg, side, _UDP) for side in Side}
        #: The longest that the headers can tell of; a recording of a real network has no longer one.
        self._most = DATAGRAM6_BYTES if self._headers[Side.CLIENT].six else DATAGRAM_BYTES

    def open(self, at: int) -> Iterator[Packet]:
        return iter(())

    def take(self, entry: Entry) -> Iterator[Packet]:
        if isinstance(entry, Said):
            data, headers = entry.data[: self._most], self._headers[entry.side]
            length = _UDP_HEADER.size + len(data)
            yield entry.at, headers.around(bytearray(_UDP_HEADER.pack(*headers.ports, length, 0) + data))
