"""From bytes to events through whatever protocols a conversation goes: guessing, following upgrades, ends, gaps."""

from __future__ import annotations

import itertools
from typing import ClassVar

import pytest

from tincans.channel import Side
from tincans.errors import NoSuchProtocol
from tincans.limits import GUESS_BYTES
from tincans.protocols import Data, Decoder, Event, Malformed, Match, Missing, Session, Upgraded, registry
from tincans.protocols.events import text
from tincans.protocols.inbox import Inbox
from tincans.protocols.lines import LinesSession
from tincans.protocols.raw import Message, RawSession

C, S = Side.CLIENT, Side.SERVER


class Word(Event, frozen=True, kw_only=True):
    word: str

    @property
    def summary(self) -> str:
        return self.word


class HintSession(Session):
    """Words with a full stop; `to X.` upgrades to X, and `hold.` waits for the server. Recognized by `hint.`"""

    name: ClassVar[str] = "hint"
    title: ClassVar[str] = "hint"
    ports: ClassVar[tuple[int, ...]] = (4711,)

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        if client.startswith(b"hint."):
            return Match.SURE
        if b"maybe" in client:
            return Match.MAYBE
        return Match.WAIT if b"hint.".startswith(client) else Match.NO

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        word = inbox.line(1000, b".")
        if word is None:
            return None
        if word.startswith(b"to "):
            self._upgrade(text(word[3:-1]))
        elif word == b"hold.":
            self._hold(side)
        elif word == b"go.":
            self._release(side.other)
        return Word(word=text(word[:-1]))


HINT = "hint"


@pytest.fixture(autouse=True)
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, HINT, f"{__name__}:HintSession")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session above is one of those that are recognized, and nothing else but lines and raw is."""
    monkeypatch.setattr("tincans.protocols.registry._kinds", lambda: (HintSession, LinesSession, RawSession))


def said(told: list[tuple[str, Event]]) -> list[tuple[str, str, int, int]]:
    return [(name, event.summary, event.start, event.end) for name, event in told]


# ── telling the protocol ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("known")
def test_what_was_said_before_the_protocol_was_known_is_said_to_it() -> None:
    decoder = Decoder()
    assert decoder.receive(C, b"hi") == []
    assert (decoder.protocol, decoder.session, decoder.unfinished(C)) == ("", None, b"hi")
    assert decoder.receive(C, b"nt") == []
    assert said(decoder.receive(C, b".a.b")) == [("hint", "hint", 0, 5), ("hint", "a", 5, 7)]
    assert (decoder.protocol, decoder.unfinished(C)) == ("hint", b"b")
    assert isinstance(decoder.session, HintSession)


@pytest.mark.usefixtures("known")
def test_both_sides_are_said_again_in_their_order() -> None:
    decoder = Decoder()
    assert decoder.receive(C, b"hi") == []
    assert decoder.receive(S, b"x.") == []
    told = decoder.receive(C, b"nt.")
    assert [(event.side, event.summary) for _, event in told] == [(S, "x"), (C, "hint")]


@pytest.mark.usefixtures("known")
def test_the_port_decides_where_it_might_be() -> None:
    assert Decoder(port=4711).receive(C, b"maybe.")[0][0] == "hint"
    assert Decoder(port=4712).receive(C, b"maybe.\n")[0][0] == "hint", "it is the first that might be"


@pytest.mark.usefixtures("known")
def test_the_end_or_enough_decides_what_was_undecided() -> None:
    decoder = Decoder()
    decoder.receive(C, b"hin")
    assert said(decoder.end(C)) == [("lines", "hin", 0, 3)]
    decoder = Decoder()
    decoder.receive(C, b"hin")
    assert said(decoder.close()) == []
    assert (decoder.protocol, decoder.unfinished(C)) == ("lines", b"hin")
    assert decoder.close() == []
    decoder = Decoder()
    decoder.receive(C, b"h")
    assert decoder.receive(S, b"\n" * (GUESS_BYTES - 2)) == []
    assert len(decoder.receive(S, b"\n")) == GUESS_BYTES - 1


@pytest.mark.usefixtures("known")
def test_one_that_only_listens_does_not_decide() -> None:
    decoder = Decoder()
    assert decoder.end(S) == []
    assert said(decoder.receive(C, b"hint.")) == [("hint", "hint", 0, 5)]
    assert Decoder().end(C) == []


@pytest.mark.usefixtures("known")
def test_behind_a_lost_beginning_it_is_told_by_what_follows() -> None:
    decoder = Decoder()
    assert decoder.lost(C, 100) == []
    assert decoder.receive(C, b"hint") == []
    told = decoder.receive(C, b".")
    assert told[0] == ("hint", Missing(side=C, start=0, end=100))
    assert isinstance(told[-1][1], Data)
    assert (told[1][1].start, told[-1][1].end) == (100, 105)


@pytest.mark.parametrize("how", ["close", "end"])
def test_where_only_a_gap_is_known_it_is_told_at_the_end(how: str) -> None:
    decoder = Decoder()
    assert decoder.lost(S, 7) == []
    told = decoder.close() if how == "close" else decoder.end(C) + decoder.end(S)
    assert told == [("raw", Missing(side=S, start=0, end=7))]


def test_messages_without_a_byte_are_raw() -> None:
    decoder = Decoder(boundaries=True)
    assert decoder.receive(C, b"") == [("raw", Message(data=b""))]


def test_a_protocol_may_be_given() -> None:
    decoder = Decoder("lines:nul")
    assert decoder.protocol == "lines:nul"
    assert said(decoder.receive(C, b"hint.\0")) == [("lines:nul", "hint.\0", 0, 6)]
    with pytest.raises(NoSuchProtocol):
        Decoder("lnes")


# ── following it ──────────────────────────────────────────────────────────────────────────────────────────


def test_one_protocol_follows_another_with_what_was_left_over() -> None:
    decoder = Decoder(HINT)
    decoder.receive(S, b"wel")
    told = decoder.receive(C, b"a.to lines:nul.x\0y")
    assert said(told) == [
        ("hint", "a", 0, 2), ("hint", "to lines:nul", 2, 15), ("hint", "lines:nul from here", 15, 15),
        ("lines:nul", "x\0", 15, 17),
    ]  # fmt: skip
    assert (decoder.unfinished(C), decoder.unfinished(S)) == (b"y", b"wel")
    assert said(decoder.receive(S, b"come\0")) == [("lines:nul", "welcome\0", 0, 8)]


@pytest.mark.usefixtures("known")
def test_where_nobody_says_what_follows_it_is_guessed_again_without_the_port() -> None:
    decoder = Decoder(HINT, port=4711)
    assert said(decoder.receive(C, b"to .text\n"))[2:] == [("lines", "text\n", 4, 9)]


def test_upgrades_may_follow_each_other_in_one_piece() -> None:
    decoder = Decoder(HINT)
    told = decoder.receive(C, f"to {HINT}.to {HINT}.a.".encode())
    assert [event.summary for _, event in told if isinstance(event, Word)] == [f"to {HINT}", f"to {HINT}", "a"]
    assert told[-1][1].end == len(f"to {HINT}.to {HINT}.a.")


def test_an_end_passes_on_to_what_follows() -> None:
    decoder = Decoder(HINT)
    decoder.receive(C, b"hold.to lines.last")
    told = decoder.end(C)
    assert said(told)[-1] == ("lines", "last", 14, 18)
    assert decoder.session is not None
    assert decoder.session.has_ended(C)


def test_an_end_before_the_upgrade_passes_on_too() -> None:
    decoder = Decoder(HINT)
    decoder.receive(S, b"rest")
    decoder.end(S)
    decoder.receive(C, b"to lines.")
    assert decoder.session is not None
    assert decoder.session.has_ended(S)


def test_a_gap_passes_on_to_what_follows() -> None:
    decoder = Decoder(HINT)
    decoder.receive(C, b"hold.to raw.x")
    told = decoder.lost(C, 10)
    assert [event for _, event in told][2:] == [
        Data(side=C, start=12, end=13, data=b"x"), Missing(side=C, start=13, end=23),
    ]  # fmt: skip


# ── TLS that is seen through ──────────────────────────────────────────────────────────────────────────────


def test_after_starttls_the_same_session_goes_on() -> None:
    decoder = Decoder(HINT)
    told = decoder.receive(C, b"to tls.")
    assert isinstance(told[-1][1], Upgraded)
    assert decoder.protocol == "tls"
    assert decoder.secured() == []
    assert decoder.protocol == "hint"
    assert said(decoder.receive(C, b"a.")) == [("hint", "a", 7, 9)]
    assert decoder.secured() == [], "there is nothing more to come back to"


def test_what_was_said_too_early_is_told_and_not_said_inside() -> None:
    decoder = Decoder(HINT)
    told = decoder.receive(C, b"to tls.forged.") + decoder.secured() + decoder.receive(C, b"a.")
    assert all(before.end == after.start for (_, before), (_, after) in itertools.pairwise(told))
    assert isinstance(told[2][1], Malformed | Data)
    assert (told[-1][0], told[-1][1].summary, told[-1][1].start) == ("hint", "a", 14)


def test_tls_from_the_first_byte_changes_nothing() -> None:
    decoder = Decoder(HINT)
    assert decoder.secured() == []
    assert said(decoder.receive(C, b"a.")) == [("hint", "a", 0, 2)]
