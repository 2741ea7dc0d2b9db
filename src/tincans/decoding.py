"""A conversation's entries with their bytes decoded: what `show`, the live view, `diff` and `export` go through.

A `Decoding` takes the entries of one conversation in their order and gives them back, but for `Said`, in whose place
come the events that it completes, each as `Heard`: with its time and the protocol's name. Decoding happens here, when
somebody looks, and never on the way of the traffic.
"""

from __future__ import annotations

from collections import deque

import msgspec

from tincans.address import Address
from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Ended, Entry, Opened, Said, Secured
from tincans.errors import AddressError
from tincans.protocols import Decoder, Event


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a conversation: when its first byte and its last were said (nanoseconds since 1970-01-01 UTC)."""

    conversation: int
    began: int
    at: int
    protocol: str
    event: Event


class Decoding:
    """Decodes one conversation, entry by entry. Holds what is unfinished, and nothing else."""

    def __init__(self, opened: Opened, protocol: str = "") -> None:
        """`protocol` as `find_protocol` takes it; empty to guess it. Raises `NoSuchProtocol`."""
        self._number = opened.conversation
        self._decoder = Decoder(protocol, port=_port(opened.server), boundaries=opened.boundaries)
        self._offsets = dict.fromkeys(Side, 0)
        #: Of each side: where every piece ended that was not yet wholly decoded, and when it was said.
        self._pieces: dict[Side, deque[tuple[int, int]]] = {side: deque() for side in Side}
        self._ended: set[Side] = set()
        self._last = opened.at

    @property
    def decoder(self) -> Decoder:
        return self._decoder

    def unfinished(self, side: Side) -> bytes:
        """What `side` has begun to say and is not an event yet."""
        return self._decoder.unfinished(side)

    def take(self, entry: Entry) -> list[Entry | Heard]:
        """What happened next: the events that it completes, and then the entry itself unless it is all in them."""
        self._last = entry.at
        match entry:
            case Said(side=side, data=data):
                self._piece(side, len(data), entry.at)
                return self._heard(self._decoder.receive(side, data))
            case Dropped(side=side, count=count):
                self._piece(side, count, entry.at)
                return [*self._heard(self._decoder.lost(side, count)), entry]
            case Ended(side=side):
                return [*self._end(side), entry]
            case Secured():
                return [*self._heard(self._decoder.secured()), entry]
            case Closed():
                return [*self._end(Side.CLIENT), *self._end(Side.SERVER), entry]
            case _:
                return [entry]

    def close(self) -> list[Entry | Heard]:
        """No more entries come, though the conversation may go on: what was kept to tell the protocol."""
        return self._heard(self._decoder.close())

    def _end(self, side: Side) -> list[Entry | Heard]:
        if side in self._ended:
            return []
        self._ended.add(side)
        return self._heard(self._decoder.end(side))

    def _piece(self, side: Side, count: int, at: int) -> None:
        self._offsets[side] += count
        self._pieces[side].append((self._offsets[side], at))

    def _heard(self, told: list[tuple[str, Event]]) -> list[Entry | Heard]:
        return [
            Heard(
                conversation=self._number, protocol=protocol, event=event,
                began=self._when(event.side, event.start, forget=True),
                at=self._when(event.side, max(event.start, event.end - 1)),
            )
            for protocol, event in told
        ]  # fmt: skip

    def _when(self, side: Side, offset: int, *, forget: bool = False) -> int:
        """When the byte at `offset` was said; `forget` the pieces before it."""
        pieces = self._pieces[side]
        if forget:
            while len(pieces) > 1 and pieces[0][0] <= offset:
                pieces.popleft()
        return next((at for end, at in pieces if end > offset), self._last)


def _port(server: str) -> int | None:
    try:
        return Address.parse(server).port or None
    except AddressError:
        return None
