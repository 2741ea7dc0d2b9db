"""The live printer: how each turn begins is shown, the rest is counted, and nothing is lost from the counts."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from typing import cast

import pytest

from tincans.channel import Side
from tincans.cli import live
from tincans.cli.live import BOUNDS, PIECES, Printer, wants_colour
from tincans.cli.meaning import Style
from tincans.cli.output import Output
from tincans.cli.transcript import Event, Pause, Script, Totals
from tincans.clock import Clock
from tincans.conversation import Dropped, Ended, Entry, How, Kind, Opened, Opening, Said

OPENING = Opening(kind=Kind.RELAY, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:7")
KIB = 1024


class Kept:
    """An output that keeps what is put."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed = False
        self.full = False  # it has no room but for what must be put

    def put(self, item: Event, size: int = 0, *, must: bool = False) -> bool:
        if self.full and not must:
            return False
        self.events.append(item)
        return True

    def close(self) -> None:
        self.closed = True

    @property
    def entries(self) -> list[Entry]:
        return [event[0] for event in self.events if isinstance(event, tuple)]

    @property
    def shown(self) -> list[tuple[Side, int] | str]:
        """What was told, in short: who said how many bytes, `-n` bytes that are not shown, and the other entries."""
        return [_short(entry) for entry in self.entries]


def _short(entry: Entry) -> tuple[Side, int] | str:
    if isinstance(entry, Said):
        return entry.side, len(entry.data)
    if isinstance(entry, Dropped):
        return entry.side, -entry.count
    return type(entry).__name__


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> int:
        return int(self.seconds * 1e9)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def printer(kept: Kept, hands: Hands) -> Printer:
    return Printer(cast("Output[Event]", kept), clock=cast("Clock", hands))


A, B = Side.CLIENT, Side.SERVER


async def test_a_short_turn_is_shown_whole(printer: Printer, kept: Kept) -> None:
    tap = printer.begin(OPENING)
    tap.said(A, bytearray(b"hello"))
    tap.said(B, memoryview(b"hi"))
    tap.ended(A)
    tap.closed(How.FINISHED, A)
    assert [entry.data for entry in kept.entries if isinstance(entry, Said)] == [b"hello", b"hi"]
    assert kept.shown == ["Opened", (A, 5), (B, 2), "Ended", "Closed"]


async def test_a_long_turn_is_cut_at_its_bound_and_the_rest_counted(printer: Printer, kept: Kept) -> None:
    tap = printer.begin(OPENING)
    tap.said(B, b"x" * BOUNDS.turn)
    assert not tap.wants(B)
    assert tap.wants(A)
    tap.said(B, b"y")
    tap.carried(B, 1_000_000)
    tap.closed(How.RESET, B)
    assert kept.shown == ["Opened", (B, BOUNDS.turn), (B, -1_000_001), "Closed"]


async def test_a_new_turn_begins_when_the_other_side_speaks(printer: Printer, kept: Kept) -> None:
    tap = printer.begin(OPENING)
    for _ in range(2):
        tap.said(A, b"more")
        assert tap.wants(B)
        tap.said(B, b"x" * (BOUNDS.turn + 2 * KIB))
        assert not tap.wants(B)
    tap.closed(How.FINISHED)
    turn = [(A, 4), (B, BOUNDS.turn), (B, -2 * KIB)]
    assert kept.shown == ["Opened", *turn, *turn, "Closed"]


async def test_two_long_streams_that_cross_are_shown_to_the_bound_of_a_second(printer: Printer, kept: Kept) -> None:
    tap = printer.begin(OPENING)
    for _ in range(50):
        tap.said(A, b"a" * 16 * KIB)
        tap.said(B, b"b" * 16 * KIB)
    assert not tap.wants(A)
    assert not tap.wants(B)
    tap.closed(How.FINISHED)
    for side in Side:
        told = [shown[1] for shown in kept.shown if isinstance(shown, tuple) and shown[0] is side]
        assert sum(count for count in told if count > 0) == BOUNDS.second
        assert sum(map(abs, told)) == 50 * 16 * KIB


async def test_a_slow_stream_is_shown_whole(printer: Printer, kept: Kept, hands: Hands) -> None:
    tap = printer.begin(OPENING)
    for _ in range(40):
        assert tap.wants(B)
        tap.said(B, b"x" * 1000)
        hands.seconds += 0.2
    tap.closed(How.FINISHED)
    assert kept.shown == ["Opened", *[(B, 1000)] * 40, "Closed"]


async def test_a_long_turn_tells_every_second_how_far_it_has_come(
    printer: Printer, kept: Kept, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SECOND", 0.01)
    tap = printer.begin(OPENING)
    tap.said(B, b"x" * BOUNDS.turn)
    tap.carried(B, 5000)
    tap.carried(B, 5000)
    hands.seconds += 1.1
    while not tap.wants(B):
        await asyncio.sleep(0.005)
    assert kept.shown == ["Opened", (B, BOUNDS.turn), (B, -10_000)]
    tap.said(B, b"y" * 10)
    tap.closed(How.FINISHED)
    assert kept.shown[3:] == [(B, 10), "Closed"]


async def test_of_many_conversations_no_more_is_shown_in_a_second_than_anybody_reads(
    printer: Printer, kept: Kept, hands: Hands
) -> None:
    taps = [printer.begin(OPENING) for _ in range(PIECES.second)]
    for tap in taps:
        assert tap.wants(A)
        tap.said(A, b"one")
    late = printer.begin(OPENING)
    assert not late.wants(A)
    late.said(A, b"five!")
    assert [entry for entry in kept.shown if entry != "Opened"] == [(A, 3)] * PIECES.second
    hands.seconds += 1.1
    assert late.wants(B)
    late.said(B, b"two")
    for tap in [*taps, late]:
        tap.closed(How.FINISHED)
    assert kept.shown[-len(taps) - 3 : -len(taps) - 1] == [(A, -5), (B, 3)]


async def test_all_is_shown_on_request(kept: Kept) -> None:
    tap = Printer(cast("Output[Event]", kept), full=True).begin(OPENING)
    tap.said(A, b"x" * 1_000_000)
    assert tap.wants(A)
    tap.said(A, b"x" * 1_000_000)
    tap.closed(How.FINISHED)
    assert kept.shown == ["Opened", (A, 1_000_000), (A, 1_000_000), "Closed"]


async def test_an_empty_message_is_told(printer: Printer, kept: Kept) -> None:
    tap = printer.begin(OPENING)
    tap.said(A, b"")
    tap.closed(How.FINISHED)
    assert kept.shown == ["Opened", (A, 0), "Closed"]


async def test_what_a_relay_finds_out_is_told(printer: Printer, kept: Kept) -> None:
    tap = printer.begin(OPENING)
    tap.joined("tcp://127.0.0.1:6", "tcp://127.0.0.1:7", {"tls.version": "TLSv1.3"})
    tap.noted("a boundary was lost")
    tap.closed(How.FINISHED)
    assert kept.shown == ["Opened", "Joined", "Noted", "Closed"]


async def test_the_journals_number_is_used_and_else_one_of_its_own(printer: Printer, kept: Kept) -> None:
    assert printer.begin(OPENING).number == 1
    assert printer.begin(Opening(kind=Kind.LISTEN, client="a", server="b", number=734)).number == 734
    assert [entry.conversation for entry in kept.entries] == [1, 734]
    assert all(isinstance(entry, Opened) for entry in kept.entries)


async def test_the_totals_come_last_and_count_what_was_not_shown(printer: Printer, kept: Kept) -> None:
    for how in (How.FINISHED, How.RESET):
        tap = printer.begin(OPENING)
        tap.said(A, b"x" * 5000)
        tap.ended(A)
        tap.closed(how)
    printer.close()
    assert kept.events[-1] == Totals(conversations=2, failed=1, client_bytes=10_000)
    assert kept.closed
    assert sum(isinstance(entry, Ended) for entry in kept.entries) == 2


async def test_what_there_is_no_room_for_is_told_as_a_gap_before_what_comes_next(printer: Printer, kept: Kept) -> None:
    tap = printer.begin(OPENING)
    tap.said(A, b"one")
    kept.full = True
    tap.said(A, b"four")
    tap.said(B, b"five!")
    tap.noted("so")
    kept.full = False
    tap.said(A, b"seven..")
    tap.closed(How.FINISHED)
    printer.close()
    assert kept.shown == ["Opened", (A, 3), (A, -4), (B, -5), (A, 7), "Closed"]
    assert kept.events[-1] == Totals(conversations=1, client_bytes=14, server_bytes=5)


async def test_a_conversation_begins_with_its_beginning_however_late(printer: Printer, kept: Kept) -> None:
    kept.full = True
    tap = printer.begin(OPENING)
    tap.said(A, b"one")
    tap.ended(A)
    assert kept.shown == []
    kept.full = False
    tap.said(B, b"two")
    tap.closed(How.FINISHED)
    assert kept.shown == ["Opened", (A, -3), (B, 3), "Closed"]


async def test_the_end_of_what_was_begun_is_always_told(printer: Printer, kept: Kept) -> None:
    begun = printer.begin(OPENING)
    kept.full = True
    never = printer.begin(OPENING)
    for tap in (begun, never):
        tap.said(A, b"one")
        tap.secured({})
        tap.ended(A)
        tap.closed(How.FINISHED)
    assert kept.shown == ["Opened", "Secured", "Ended", "Closed"]
    kept.full = False
    printer.close()
    assert kept.events[-1] == Totals(conversations=2, client_bytes=6)


async def test_who_is_silent_for_a_second_is_looked_at_once(
    printer: Printer, kept: Kept, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SECOND", 0.001)
    tap = printer.begin(OPENING)
    tap.said(A, b"HEL")
    while printer._look is not None:
        await asyncio.sleep(0.001)
    assert [event for event in kept.events if isinstance(event, Pause)] == [Pause(hands.now())] * 2
    tap.closed(How.FINISHED)


async def test_a_slow_reader_loses_lines_and_what_comes_later_is_understood() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    filled = os.write(writer, b"\0" * 2**20)  # as much as there is room for
    os.set_blocking(writer, True)
    output = Output[Event](writer, Script(Style(protocol="lines", live=True)), pytest.fail, waiting=2000)
    printer = Printer(output)
    tap = printer.begin(OPENING)
    for number in range(40):
        tap.said(A, b"line %d, a half and " % number + b"x" * 100)
    os.read(reader, filled)
    while output._taken < output._put:
        await asyncio.sleep(0.001)
    tap.said(A, b"the rest\nand a whole line\n")
    tap.closed(How.FINISHED)
    await asyncio.to_thread(printer.close)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        text = file.read()
    assert re.search(r"C: +[\d.]+ KiB  more, not shown \(--full shows all\)\n", text)
    assert re.search(r"… \d+ events are not shown: what is printed is not read fast enough\n", text)
    assert r"C:      17 B  and a whole line\n" in text
    assert text.splitlines()[-1] == "1 conversation: C 4.7 KiB, S 0 B"


@pytest.fixture
def terminal() -> Iterator[int]:
    main, other = os.openpty()
    yield other
    os.close(main)
    os.close(other)


def test_colour_is_for_terminals_that_want_it(terminal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_colour(terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(terminal)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour(terminal)


def test_a_pipe_is_not_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    reader, writer = os.pipe()
    assert not wants_colour(writer)
    os.close(reader)
    os.close(writer)
