"""Whatever is lost, doubled or out of order: each is told once, causes first, and who has the same has the same set."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tincans.limits import PEER_HELD_POSTS
from tincans.peers.causal import NOTHING, Frontier, Order, lacking

AUTHORS = [bytes([number]) for number in range(5)]


class Note(NamedTuple):
    author: bytes
    seq: int
    after: tuple[tuple[bytes, int], ...] = ()


class Teller:
    """Somebody who is told notes, and tells them in the order that they are given."""

    def __init__(self) -> None:
        self.frontier = Frontier()
        self.order: Order[Note] = Order(self.frontier)
        self.told: list[Note] = []

    def hear(self, note: Note, forgotten: Mapping[bytes, int] = NOTHING) -> None:
        free = [note] if self.order.take(note, forgotten) else []
        while free:
            self.frontier.tell(note := free.pop())
            self.told.append(note)
            free.extend(self.order.released(note))

    def say(self, author: bytes) -> Note:
        note = Note(author, *self.frontier.next(author))
        self.hear(note)
        return note

    def forget(self, count: int) -> None:
        """The oldest ones."""
        for note in self.told[:count]:
            self.frontier.forget({note.author: note.seq})
        del self.told[:count]

    def tell(self, other: Teller) -> None:
        """Tell the other all that it lacks and that is not forgotten, as a link does."""
        lacks = lacking(self.frontier.have, other.frontier.have)
        forgotten = {
            author: seq for author, seq in self.frontier.forgotten.items() if other.frontier.have.get(author, 0) < seq
        }
        for note in [note for note in self.told if note.seq >= lacks.get(note.author, note.seq + 1)]:
            other.hear(note, forgotten)


def causes(note: Note, notes: dict[tuple[bytes, int], Note]) -> set[tuple[bytes, int]]:
    """All that it comes after, itself included."""
    found: set[tuple[bytes, int]] = set()
    ahead = [(note.author, note.seq)]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            one = notes[name]
            ahead += [*one.after, *([(one.author, one.seq - 1)] if one.seq > 1 else [])]
    return found


@st.composite
def conversations(draw: st.DrawFn) -> list[Note]:
    """What five people say to each other, each hearing some of it."""
    people = {author: Teller() for author in AUTHORS}
    said: list[Note] = []
    for _ in range(draw(st.integers(0, 40))):
        author = draw(st.sampled_from(AUTHORS))
        for note in said[: draw(st.integers(0, len(said)))]:
            people[author].hear(note)
        said.append(people[author].say(author))
    return said


@given(conversations(), st.randoms(use_true_random=False))
def test_any_order_and_any_doubles_give_each_once_and_causes_first(said: list[Note], dice: random.Random) -> None:
    teller = Teller()
    for note in dice.sample([*said, *said], 2 * len(said)):
        teller.hear(note)
    assert sorted(teller.told) == sorted(said)
    check(teller)
    assert teller.order.held == 0


@given(conversations(), st.randoms(use_true_random=False), st.floats(0, 1))
def test_who_loses_some_catches_up_from_anybody(said: list[Note], dice: random.Random, kept: float) -> None:
    """Two who each heard some tell each other what the other lacks, until there is nothing, and then have the same.

    What one tells may free what the other held back, and that the first may lack.
    """
    one, two = Teller(), Teller()
    for teller in (one, two):
        for note in dice.sample(said, int(kept * len(said))):
            teller.hear(note)
    here, there = one, two
    for _ in range(2 * len(said) + 2):
        lacks = lacking(here.frontier.have, there.frontier.have)
        for note in here.told:
            if note.seq >= lacks.get(note.author, note.seq + 1):
                there.hear(note)
        check(there)
        here, there = there, here
    assert one.frontier.have == two.frontier.have
    assert sorted(one.told) == sorted(two.told)


@given(conversations(), st.data())
def test_whoever_forgets_tells_the_rest_and_nobody_waits_for_what_is_forgotten(
    said: list[Note], data: st.DataObject
) -> None:
    """Three who each heard some of it forget some, and tell each other the rest; and what is said then all hear."""
    tellers = [Teller(), Teller(), Teller()]
    for teller in tellers:
        heard = data.draw(st.integers(0, len(said)))
        for note in said[:heard]:
            teller.hear(note)
        teller.forget(data.draw(st.integers(0, heard)))
    for one, other in data.draw(st.permutations([(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)])):
        tellers[one].tell(tellers[other])
        assert tellers[other].order.held == 0
        assert all(tellers[other].frontier.has(note) for note in tellers[one].told)
        for teller in tellers:
            check(teller)
    speaker = tellers[data.draw(st.integers(0, 2))]
    last = speaker.say(b"z")
    for teller in tellers:
        speaker.tell(teller)
        assert teller.told[-1] == last
        check(teller)


def test_what_waits_for_one_that_was_stepped_over_waits_no_more() -> None:
    teller = Teller()
    waiting = [Note(b"b", 1, ((b"a", 3),)), Note(b"a", 4), Note(b"c", 1, ((b"a", 7),))]
    for note in waiting:
        teller.hear(note)
    assert (teller.told, teller.order.held) == ([], 3)
    teller.hear(over := Note(b"a", 6), {b"a": 5})
    assert teller.told == [over, waiting[0]], "the fourth of a's was stepped over as well"
    assert teller.order.held == 1
    teller.hear(Note(b"a", 7))
    assert (teller.told[-1], teller.order.held) == (waiting[-1], 0)
    assert teller.frontier.forgotten == {b"a": 5}


def test_what_is_held_back_is_told_once_somebody_says_that_its_causes_are_forgotten() -> None:
    teller = Teller()
    note, other = Note(b"b", 1, ((b"a", 3),)), Note(b"c", 1, ((b"a", 3),))
    teller.hear(note)
    teller.hear(other)
    teller.hear(note, {b"a": 2})
    assert teller.told == [], "up to there, and no further"
    teller.hear(note, {b"a": 3})
    assert (teller.told, teller.order.held) == ([note], 1)
    teller.hear(other, {b"a": 3})
    assert (teller.told, teller.order.held) == ([note, other], 0)
    assert teller.order._waiting == {}


def test_no_word_of_another_makes_deaf_to_what_is_still_to_come() -> None:
    teller = Teller()
    teller.hear(Note(b"b", 1, ((b"a", 2**62),)), {b"a": 2**62})
    notes = [Note(b"a", seq) for seq in (1, 2)]
    for note in notes:
        teller.hear(note)
    assert teller.told[1:] == notes


def test_what_is_forgotten_is_another_object_when_it_has_changed() -> None:
    frontier = Frontier()
    before = frontier.forgotten
    frontier.forget({})
    assert frontier.forgotten is before
    frontier.forget({b"a": 3})
    assert (before, frontier.forgotten) == ({}, {b"a": 3})
    before = frontier.forgotten
    frontier.forget({b"a": 2})
    assert frontier.forgotten is before


def check(teller: Teller) -> None:
    """Each author's are in their order; and each is there and after its causes, or these are forgotten."""
    have: dict[bytes, int] = {}
    forgotten = teller.frontier.forgotten
    for note in teller.told:
        assert note.seq == have.get(note.author, 0) + 1 or note.seq - 1 <= forgotten.get(note.author, 0)
        assert note.seq > have.get(note.author, 0)
        assert all(max(have.get(author, 0), forgotten.get(author, 0)) >= seq for author, seq in note.after)
        have[note.author] = note.seq
    assert {**forgotten, **have}.keys() == {**forgotten, **teller.frontier.have}.keys()
    assert all(teller.frontier.have[author] == seq for author, seq in have.items())


@given(conversations())
def test_a_note_names_no_cause_that_is_implied(said: list[Note]) -> None:
    notes = {(note.author, note.seq): note for note in said}
    for note in said:
        for name in note.after:
            others = [each for each in note.after if each != name]
            others += [(note.author, note.seq - 1)] if note.seq > 1 else []
            for other in others:
                assert name not in causes(notes[other], notes), "it is implied by another"


@given(conversations())
def test_a_new_note_comes_after_everything_that_was_told(said: list[Note]) -> None:
    teller = Teller()
    for note in said:
        teller.hear(note)
    notes = {(note.author, note.seq): note for note in teller.told}
    last = teller.say(b"z")
    notes[last.author, last.seq] = last
    assert causes(last, notes) == set(notes)


def test_two_who_answer_each_other_name_one_each() -> None:
    ann, bob = Teller(), Teller()
    for _ in range(20):
        bob.hear(note := ann.say(b"a"))
        ann.hear(answer := bob.say(b"b"))
        assert answer.after == ((b"a", note.seq),)
    assert len(note.after) == 1


def test_only_so_many_are_held_back_and_one_more_has_to_be_said_again() -> None:
    teller = Teller()
    notes = [Note(b"a", seq) for seq in range(1, PEER_HELD_POSTS + 3)]
    for note in notes[1:-1]:
        teller.hear(note)
    assert (teller.order.held, teller.order.missed) == (PEER_HELD_POSTS, False)
    teller.hear(notes[1])
    assert not teller.order.missed, "it is held already"
    teller.hear(notes[-1])
    assert (teller.order.held, teller.order.missed) == (PEER_HELD_POSTS, True)
    teller.hear(notes[0])
    assert teller.told == notes[:-1]
    teller.hear(notes[-1])
    assert teller.told == notes


def test_what_one_lacks_begins_where_one_ends() -> None:
    assert lacking({b"a": 5, b"b": 2, b"c": 1}, {b"a": 3, b"b": 2, b"d": 9}) == {b"a": 4, b"c": 1}
