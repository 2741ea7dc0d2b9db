from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from tincans.channel import Buffer, Side
from tincans.conversation import (
    BulkTap,
    Closed,
    Conversation,
    Dropped,
    Ended,
    Entry,
    How,
    Joined,
    Kind,
    Noted,
    Opened,
    Opening,
    Said,
    Secured,
    begin,
    conversations,
)  # fmt: skip

SECOND = 1_000_000_000

TOLD: list[Entry] = [
    Opened(
        conversation=7, at=1 * SECOND, kind=Kind.RELAY, name="front", client="tcp://127.0.0.1:50312",
        server="tcp://127.0.0.1:7707", near="tcp://127.0.0.1:7708", facts={"tls.version": "TLSv1.3"},
    ),
    Joined(
        conversation=7, at=2 * SECOND, far="tcp://127.0.0.1:50313", server="tcp://127.0.0.1:7709", facts={"a": "b"}
    ),
    Said(conversation=7, at=3 * SECOND, side=Side.CLIENT, data=b"hello"),
    Said(conversation=7, at=4 * SECOND, side=Side.SERVER, data=b"hi"),
    Said(conversation=7, at=4 * SECOND, side=Side.SERVER, data=b""),
    Dropped(conversation=7, at=5 * SECOND, side=Side.SERVER, count=100, reason="the disk is full"),
    Noted(conversation=7, at=6 * SECOND, text="drained for 2 s"),
    Secured(conversation=7, at=6 * SECOND, facts={"client.tls.version": "TLSv1.3"}),
    Ended(conversation=7, at=7 * SECOND, side=Side.CLIENT),
    Closed(conversation=7, at=8 * SECOND, how=How.RESET, by=Side.SERVER, detail="connection reset by peer"),
]  # fmt: skip


def test_a_conversation_is_a_fold_over_its_entries() -> None:
    assert conversations(TOLD)[7] == Conversation(
        number=7, kind=Kind.RELAY, name="front", client="tcp://127.0.0.1:50312", server="tcp://127.0.0.1:7709",
        near="tcp://127.0.0.1:7708", far="tcp://127.0.0.1:50313",
        facts={"tls.version": "TLSv1.3", "a": "b", "client.tls.version": "TLSv1.3"},
        opened=1 * SECOND, closed=8 * SECOND, last=8 * SECOND, how=How.RESET, by=Side.SERVER,
        detail="connection reset by peer", client_bytes=5, client_pieces=1, server_bytes=102, server_pieces=2,
        dropped=100, notes=["drained for 2 s"], joined=2 * SECOND, client_ended=7 * SECOND,
    )  # fmt: skip


def test_a_side_ends_when_it_first_said_so() -> None:
    ends: list[Entry] = [
        Ended(conversation=7, at=0, side=Side.SERVER),
        Ended(conversation=7, at=9 * SECOND, side=Side.SERVER),
        Ended(conversation=7, at=10 * SECOND, side=Side.CLIENT),
        Ended(conversation=7, at=11 * SECOND, side=Side.CLIENT),
    ]
    told = conversations([TOLD[0], *ends])[7]
    assert (told.client_ended, told.server_ended) == (10 * SECOND, 0)


def test_it_lasts_from_the_call_to_the_end_or_to_what_happened_last() -> None:
    assert conversations(TOLD)[7].seconds == 7.0
    assert conversations(TOLD[:4])[7].seconds == 3.0
    assert conversations(TOLD[:1])[7].seconds == 0.0


def test_folding_does_not_change_the_entries() -> None:
    before = msgspec.json.encode(TOLD)
    conversations(TOLD)
    assert msgspec.json.encode(TOLD) == before


def test_without_its_beginning_it_is_left_out() -> None:
    stray = Said(conversation=8, at=1, side=Side.CLIENT, data=b"x")
    assert list(conversations([stray, *TOLD, stray])) == [7]


@pytest.mark.parametrize("entry", TOLD, ids=lambda entry: type(entry).__name__)
def test_every_entry_survives_json(entry: Entry) -> None:
    decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
    assert decoder.decode(msgspec.json.encode(entry)) == entry


class _Tap:
    """The least that a tap is."""

    def __init__(self, number: int) -> None:
        self.number = number

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None: ...
    def said(self, side: Side, data: Buffer) -> None: ...
    def wants(self, side: Side) -> bool:
        return True

    def carried(self, side: Side, count: int) -> None: ...
    def ended(self, side: Side) -> None: ...
    def noted(self, text: str) -> None: ...
    def secured(self, facts: Mapping[str, str]) -> None: ...
    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None: ...


class _Numbers:
    def __init__(self, number: int) -> None:
        self.number, self.openings = number, list[Opening]()

    def begin(self, opening: Opening) -> _Tap:
        self.openings.append(opening)
        return _Tap(opening.number or self.number)


def test_the_first_recorder_with_numbers_numbers_for_all() -> None:
    printer, journal, page = _Numbers(0), _Numbers(42), _Numbers(99)
    opening = Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2")
    taps = begin([printer, journal, page], opening)
    assert [tap.number for tap in taps] == [0, 42, 42]
    assert [recorder.openings[0].number for recorder in (printer, journal, page)] == [0, 0, 42]
    assert opening.number == 0


def test_a_tap_that_takes_pipes_is_told_by_its_method() -> None:
    assert not isinstance(_Tap(1), BulkTap)
