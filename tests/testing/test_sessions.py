"""The proofs of sessions: they hold for a good one, and each finds the mistake that it is there for."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import ClassVar

import pytest

from tincans.channel import Side
from tincans.errors import RemoteProtocolError
from tincans.protocols import Chunk, Data, Event, Malformed, Match, Session, registry
from tincans.protocols.events import encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.lines import LinesSession
from tincans.protocols.raw import RawSession
from tincans.testing import check_mutations, check_session
from tincans.testing.sessions import GOLDEN, at_once, bytewise, decode, joined, meaning, mutated, read

SCRIPT = """\
server: tcp://127.0.0.1:7707

0.0 C
    one;two;3
0.1 S
    yes;
0.2 C
    3;
0.3 C ends
"""
MEANING = """
# C 0-4 word  one
# C 4-8 word  two
# S 0-4 word  yes
# C 8-11 word  33
"""


class Word(Event, frozen=True, kw_only=True):
    word: str

    @property
    def summary(self) -> str:
        return self.word


class Good(Session):
    """Words with a semicolon."""

    name: ClassVar[str] = "good"
    title: ClassVar[str] = "good"
    ports: ClassVar[tuple[int, ...]] = (7707,)

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        return Match.SURE if client.startswith(b"one") else Match.WAIT if b"one".startswith(client) else Match.NO

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        word = inbox.line(100, b";")
        return None if word is None else Word(word=text(word[:-1]))

    def _write(self, side: Side, event: Event) -> bytes:
        assert isinstance(event, Word)
        return encoded(event.word + ";")

    def _skip(self, side: Side, count: int) -> bool:
        return True


class LosesAByte(Good):
    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        event = super()._read(side, inbox)
        if event is not None and inbox.data:
            del inbox.data[:1]
        return event


class TellsAByteTwice(Good):
    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        event = super()._read(side, inbox)
        inbox.start += event is not None
        return event


class DependsOnCuts(Good):
    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if b"tw" in inbox.data and b"two" not in inbox.data:
            inbox.take(1)
        return super()._read(side, inbox)


class DependsOnWhatFollows(Good):
    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        event = super()._read(side, inbox)
        return Word(word="33!") if event == Word(word="33") and len(inbox) == 0 and self.has_spoken(side) else event

    def has_spoken(self, side: Side) -> bool:
        return self.offset(side.other) > 0


class Hides(Good):
    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        self._hide(side, 0, 1)
        return super()._read(side, inbox)


class Moved(Word, frozen=True, kw_only=True):
    def masked(self) -> Moved:
        return Moved(word="")


class MovesWhatItMasks(Good):
    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        event = super()._read(side, inbox)
        return event if event is None else Moved(word="")


class WritesSomethingElse(Good):
    def _write(self, side: Side, event: Event) -> bytes:
        return super()._write(side, event).upper()


class RecognizesTooMuch(Good):
    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        return Match.NO


class RecognizesTooSoon(Good):
    """Whole it is sure; by its first byte it says that it is not."""

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        return Match.SURE if client.startswith(b"one") else Match.NO


class Raises(Good):
    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        event = super()._read(side, inbox)
        if isinstance(event, Word):
            event.word.encode("ascii")
        return event


class RaisesWhereStrict(Good):
    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        event = super()._read(side, inbox)
        if self.strict and isinstance(event, Word) and event.word not in ("one", "two", "33", "yes"):
            raise KeyError(event.word)
        return event


class Talks(Good):
    """Gives events for nothing."""

    _left = 1000

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        self._left -= 1
        return Word(word="") if self._left > 0 else super()._read(side, inbox)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "words.tin"
    path.write_text(SCRIPT + MEANING)
    return path


@pytest.fixture(autouse=True)
def _not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(GOLDEN, raising=False)


def check(path: Path, kind: type[Session], monkeypatch: pytest.MonkeyPatch, **how: bool) -> list[Event]:
    monkeypatch.setattr(registry, "_kinds", lambda: (kind, LinesSession, RawSession))
    return check_session(path, f"{__name__}:{kind.__name__}", **how)


def mutate(path: Path, kind: type[Session], seeds: int = 30) -> None:
    for seed in range(seeds):
        check_mutations(path, f"{__name__}:{kind.__name__}", Random(seed))


# ── a good one ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_good_session_is_proven(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [event.summary for event in check(path, Good, monkeypatch)] == ["one", "two", "yes", "33"]
    mutate(path, Good)


def test_what_it_means_is_written_when_that_is_asked_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(SCRIPT + "\n# C 0-4 word  once\n")
    monkeypatch.setenv(GOLDEN, "write")
    check(path, Good, monkeypatch)
    assert path.read_text() == SCRIPT + MEANING


# ── and bad ones ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (LosesAByte, r"means something else|of .* bytes the events have"),
        (TellsAByteTwice, "means something else"),
        (DependsOnCuts, "read byte by byte, the client means"),
        (DependsOnWhatFollows, "means something else|read with bytes after it, the client means"),
        (Hides, "hides others"),
        (MovesWhatItMasks, "means something else|masked moves"),
        (WritesSomethingElse, "is sent as"),
        (RecognizesTooMuch, "read when the protocol is guessed"),
        (RecognizesTooSoon, "read when it is guessed byte by byte"),
    ],
)
def test_each_mistake_is_found(kind: type[Session], what: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match=what):
        check(path, kind, monkeypatch)


def test_a_byte_in_no_event_is_found_even_where_the_comments_are_wrong_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GOLDEN, "write")
    with pytest.raises(AssertionError, match=r"of .* bytes the events have"):
        check(path, LosesAByte, monkeypatch)
    with pytest.raises(AssertionError, match=r"of .* bytes the events have"):
        check(path, TellsAByteTwice, monkeypatch)
    with pytest.raises(AssertionError, match="masked moves"):
        check(path, MovesWhatItMasks, monkeypatch)


def test_what_is_not_asked_for_is_not_proven(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(path, RecognizesTooMuch, monkeypatch, guessed=False)
    check(path, WritesSomethingElse, monkeypatch, sendable=False)


@pytest.mark.parametrize(
    ("kind", "error"), [(Raises, UnicodeEncodeError), (RaisesWhereStrict, KeyError), (Talks, AssertionError)]
)
def test_broken_input_finds_what_a_transcript_does_not(kind: type[Session], error: type[Exception], path: Path) -> None:
    with pytest.raises(error):
        mutate(path, kind, 200)


def test_a_strict_session_may_refuse(path: Path) -> None:
    class Refuses(Good):
        def _read(self, side: Side, inbox: Inbox) -> Event | None:
            raise Wrong("never", inbox.start)

    with pytest.raises(RemoteProtocolError):
        Refuses(strict=True).receive(Side.CLIENT, b"x")
    mutate(path, Good)


# ── the other ways of saying the same ─────────────────────────────────────────────────────────────────────


def test_the_same_is_said_in_other_pieces(path: Path) -> None:
    entries = read(path)
    whole = [(e.side, e.data) for e in at_once(entries) if e.__class__.__name__ == "Said"]  # type: ignore[union-attr]
    assert whole == [(Side.CLIENT, b"one;two;3"), (Side.SERVER, b"yes;"), (Side.CLIENT, b"3;")]
    assert len(bytewise(entries)) == 2 + 15
    assert bytewise(entries)[-1] == entries[-1]


def test_a_mutation_is_the_same_for_the_same_seed(path: Path) -> None:
    entries = read(path)
    assert mutated(entries, Random(4)) == mutated(entries, Random(4))
    assert any(mutated(entries, Random(seed)) != entries for seed in range(4))


def test_chunks_are_joined_over_the_other_sides_words_and_not_over_ones_own() -> None:
    c, s = Side.CLIENT, Side.SERVER
    events = [
        Data(side=c, data=b"a", end=1), Word(side=s, word="x"), Data(side=c, data=b"b", start=1, end=2),
        Word(side=c, word="y", start=2, end=2), Data(side=c, data=b"c", start=2, end=3),
    ]  # fmt: skip
    assert [event.data for event in joined(events) if isinstance(event, Chunk)] == [b"ab", b"c"]
    broken: list[Event] = [Malformed(data=b"a", reason="r", at=0), Malformed(data=b"b", reason="", at=0)]
    assert len(joined(broken)) == 1
    assert len(joined([*broken, *broken])) == 2, "each mistake has its own reason"


def test_meaning_escapes_what_was_said() -> None:
    assert meaning([Word(word="\x1b[2J", end=3)]) == ["C 0-3 word  \\x1b[2J"]


def test_sides_that_did_not_end_do_so_behind_the_last_entry(tmp_path: Path) -> None:
    path = tmp_path / "open.tin"
    path.write_text("C\n    one;tw\n")
    assert [event.end for event in decode(read(path), f"{__name__}:Good")] == [4, 6]
