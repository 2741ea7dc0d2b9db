"""The register knows what goes on, recorded or not, and gives those their numbers that have none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from tincans.channel import Side
from tincans.conversation import Controls, How, Kind, Opening, SteeringTap, begin
from tincans.journal.memory import MemoryJournal
from tincans.limits import JOINS_KEPT, OVER_KEPT
from tincans.recording import Deaf
from tincans.register import Join, Register, Totals

CLIENT, SERVER = Side.CLIENT, Side.SERVER
OPENING = Opening(kind=Kind.RELAY, client="tcp://127.0.0.1:50312", server="tcp://127.0.0.1:7707", name="front")


class Ticking:
    """A clock on which every look takes a nanosecond."""

    def __init__(self) -> None:
        self._times: Iterator[int] = iter(range(100, 10**9))

    def now(self) -> int:
        return next(self._times)


class Printing:
    """A recorder that comes after the register, and numbers those that have no number yet."""

    def __init__(self) -> None:
        self.openings: list[Opening] = []

    def begin(self, opening: Opening) -> Deaf:
        self.openings.append(opening)
        return Deaf()


@pytest.fixture
def register() -> Register:
    return Register(Ticking())


def test_a_recorded_conversation_has_the_journal_s_number() -> None:
    journal, register, printing = MemoryJournal(), Register(), Printing()
    taps = [begin([journal, register, printing], OPENING)[1] for _ in range(2)]
    assert [tap.number for tap in taps] == [1, 2]
    assert list(register.talks) == [1, 2]
    assert [talk.recorded for talk in register.talks.values()] == [True, True]
    assert [opening.number for opening in printing.openings] == [1, 2]
    taps[0].closed(How.FINISHED)
    assert list(register.talks) == [2]
    assert not register.over, "the journal has it"


def test_one_that_is_not_recorded_has_a_number_here_and_none_for_others(register: Register) -> None:
    printing = Printing()
    taps = [begin([register, printing], OPENING)[0] for _ in range(2)]
    assert [tap.number for tap in taps] == [0, 0]
    assert {number: talk.conversation.number for number, talk in register.talks.items()} == {-1: -1, -2: -2}
    assert not register.talks[-1].recorded
    assert [opening.number for opening in printing.openings] == [0, 0]


def test_a_talk_is_the_fold_of_what_happens(register: Register) -> None:
    talk = register.begin(OPENING)
    told = talk.conversation
    assert (told.kind, told.name, told.client, told.opened) == (Kind.RELAY, "front", OPENING.client, 100)
    talk.joined("tcp://127.0.0.1:1", "tcp://127.0.0.1:2", {"server.tls.version": "TLSv1.3"})
    assert (told.joined, told.far, told.server) == (101, "tcp://127.0.0.1:1", "tcp://127.0.0.1:2")
    talk.said(CLIENT, b"hello")
    talk.said(SERVER, memoryview(b"welcome"))
    talk.carried(CLIENT, 1000)
    talk.carried(SERVER, 2000)
    assert (told.client_bytes, told.client_pieces, told.server_bytes, told.server_pieces) == (1005, 2, 2007, 2)
    assert told.last == 105
    talk.secured({"client.tls.version": "TLSv1.2"})
    assert told.facts == {"server.tls.version": "TLSv1.3", "client.tls.version": "TLSv1.2"}
    talk.noted("something")
    talk.ended(SERVER)
    assert (told.notes, told.client_ended, told.server_ended) == (["something"], None, 108)
    talk.closed(How.RESET, CLIENT, "gone")
    assert (told.closed, told.how, told.by, told.detail) == (109, How.RESET, CLIENT, "gone")
    assert not talk.wants(CLIENT)


def test_a_talk_keeps_its_controls_until_it_is_over(register: Register) -> None:
    talk = register.begin(OPENING)
    kept: list[Controls | None] = [talk.controls]
    assert isinstance(talk, SteeringTap)
    controls = cast("Controls", object())
    talk.steer(controls)
    kept.append(talk.controls)
    talk.closed(How.FINISHED)
    kept.append(talk.controls)
    assert kept == [None, controls, None]


def test_the_last_unrecorded_ones_that_closed_are_remembered(register: Register) -> None:
    talks = [register.begin(OPENING) for _ in range(OVER_KEPT + 1)]
    for talk in talks[:-1]:
        talk.closed(How.FINISHED)
    assert list(register.over) == list(range(-1, -OVER_KEPT - 1, -1))
    talks[-1].closed(How.FINISHED)
    assert list(register.over) == list(range(-2, -OVER_KEPT - 2, -1))
    assert not register.talks


def test_the_totals_are_of_all_there_ever_were(register: Register) -> None:
    assert register.totals == Totals()
    one, two = register.begin(OPENING), register.begin(OPENING)
    one.said(CLIENT, b"12345")
    two.said(SERVER, b"123")
    two.carried(CLIENT, 10)
    assert register.totals == Totals(15, 3, 2, 1, 2, 2)
    one.closed(How.FINISHED)
    one.closed(How.FINISHED)
    assert register.totals == Totals(15, 3, 2, 1, 2, 1)
    two.said(CLIENT, b"1")
    two.closed(How.FINISHED)
    assert register.totals == Totals(16, 3, 3, 1, 2, 0)


def test_the_latest_joins_are_remembered(register: Register) -> None:
    for _ in range(JOINS_KEPT + 1):
        register.begin(OPENING).joined("", "", {})
    assert len(register.joins) == JOINS_KEPT
    assert register.joins[0] == Join(at=103, took=1)
