"""The base of all sessions, on tiny ones made here: spans, what is wrong, holding, upgrades, gaps, sending."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import HELD_BYTES
from tincans.protocols import Chunk, Data, Event, Malformed, Match, Missing, Session, Upgraded
from tincans.protocols.events import encoded, text
from tincans.protocols.inbox import Inbox, Wrong

C, S = Side.CLIENT, Side.SERVER


class Word(Event, frozen=True, kw_only=True):
    word: str

    @property
    def summary(self) -> str:
        return self.word


class Other(Word, frozen=True, kw_only=True):
    """What is no `Word`."""


class Piece(Chunk, frozen=True, kw_only=True):
    """Some bytes of a message."""


class WordsSession(Session):
    """Words with a full stop behind them. Each has its own effect on the session, as `_read` says."""

    name: ClassVar[str] = "words"
    title: ClassVar[str] = "words"
    resumes = False

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        start = inbox.start
        word = inbox.line(20, b".")
        if word is None:
            return None
        match word[:-1]:
            case b"ask":
                self._hold(side)
            case b"answer":
                self._release(side.other)
            case b"both":
                self._hold(side)
                self._release(side.other)
            case b"tls":
                self._upgrade("tls", host="h")
            case b"raw":
                self._upgrade("")
            case b"broken":
                raise Wrong("it is broken", start)
            case b"until":
                raise Wrong("it goes to the bang", start, until=b"!!", reply=b"no!")
            case b"skip":
                raise Wrong("it is three too long", start, skip=3)
            case b"secret":
                self._hide(side, start + 1, start + 3)
                self._hide(side, start + 4, start + 4)
        return Word(word=text(word[:-1]))

    def _write(self, side: Side, event: Event) -> bytes:
        if isinstance(event, Word):
            return encoded(event.word + ".")
        raise LocalProtocolError("words only")

    def _finish(self, side: Side, inbox: Inbox) -> Event | None:
        if inbox.data == b"bye":
            return Word(word=text(inbox.take_all()))
        if inbox.data == b"bad":
            raise Wrong("badly ended", inbox.start, skip=3)
        return None

    def _skip(self, side: Side, count: int) -> bool:
        return self.resumes


class Resuming(WordsSession):
    resumes = True


class Seeking(WordsSession):
    """Lost, it goes on behind a hash."""

    def _seek(self, side: Side, inbox: Inbox) -> tuple[int, bool]:
        found = inbox.data.find(b"#")
        return (found + 1, True) if found >= 0 else (len(inbox), False)


class Framed(WordsSession):
    framed: ClassVar[bool] = True


def spans(events: list[Event]) -> list[tuple[str, int, int]]:
    return [
        (event.summary if isinstance(event, Word) else type(event).__name__, e.start, e.end)
        for event in events
        for e in [event]
    ]


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────


def test_every_event_has_its_side_and_its_place() -> None:
    session = WordsSession()
    assert session.receive(C, b"on") == []
    assert session.unfinished(C) == b"on"
    first, second = session.receive(C, b"e.two.th")
    assert first == Word(word="one", side=C, start=0, end=4)
    assert second == Word(word="two", side=C, start=4, end=8)
    assert session.receive(S, b"x.") == [Word(word="x", side=S, start=0, end=2)]
    assert (session.offset(C), session.unfinished(C)) == (8, b"th")


def test_offsets_begin_where_they_are_told_to() -> None:
    session = WordsSession(start={C: 100})
    assert spans(session.receive(C, b"a.")) == [("a", 100, 102)]
    assert spans(session.receive(S, b"a.")) == [("a", 0, 2)]


def test_a_secret_has_the_bytes_that_it_is_in() -> None:
    session = WordsSession()
    plain, secret, after = session.receive(C, b"a.secret.b.")
    assert (plain.hidden, secret.hidden, after.hidden) == ((), ((3, 5),), ())
    assert secret.bare() == Word(word="secret")


def test_what_is_malformed_is_masked_where_its_data_are() -> None:
    broken = Malformed(data=b"secret", start=0, end=10, reason="so", at=0, hidden=((0, 2), (5, 7)))
    assert broken.masked().data == b"s**ret"


def test_chunks_that_are_neighbours_may_be_joined() -> None:
    one = Piece(data=b"ab", start=3, end=6, hidden=((3, 4),))
    other = Piece(data=b"c", start=6, end=7, hidden=((6, 7),))
    assert one.join(other) == Piece(data=b"abc", start=3, end=7, hidden=((3, 4), (6, 7)))


def test_the_end_completes_what_it_can() -> None:
    session = WordsSession()
    assert spans(session.receive(C, b"a.bye") + session.end(C)) == [("a", 0, 2), ("bye", 2, 5)]
    assert session.has_ended(C)
    assert not session.has_ended(S)
    assert session.end(C) == [], "a side ends once"


def test_what_is_unfinished_at_the_end_is_malformed() -> None:
    session = WordsSession()
    session.receive(C, b"a.oth")
    assert session.end(C) == [Malformed(side=C, start=2, end=5, data=b"oth", reason="it ends in the middle", at=5)]


def test_what_is_wrong_at_the_end_is_malformed_too() -> None:
    session = WordsSession()
    session.receive(C, b"bad")
    assert session.end(C) == [Malformed(side=C, end=3, data=b"bad", reason="badly ended", at=0)]


def test_an_inbox_gives_lines_up_to_the_limit() -> None:
    inbox = Inbox(5)
    inbox.data += b"abc\ndef"
    assert inbox.line(3) == b"abc\n"
    assert (inbox.start, inbox.line(3)) == (9, None)
    inbox.data += b"g"
    with pytest.raises(Wrong, match="longer than 3 bytes") as wrong:
        inbox.line(3)
    assert (wrong.value.at, wrong.value.until) == (12, b"\n")
    assert inbox.find(b"d") == -1, "it looks no more where it looked"
    inbox.look_again()
    assert inbox.find(b"d") == 0
    inbox.put_back(inbox.take(2))
    assert (inbox.start, inbox.take_all(), inbox.start) == (9, b"defg", 13)


# ── what is wrong ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cut", [1, 2, 7, 100])
@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"a.skip.xyzb.", [("a", 0, 2), ("Malformed", 2, 10), ("b", 10, 12)]),
        (b"a.until.x!x!!b.", [("a", 0, 2), ("Malformed", 2, 13), ("b", 13, 15)]),
        (b"a.until.x!!until.!!b.", [("a", 0, 2), ("Malformed", 2, 11), ("Malformed", 11, 19), ("b", 19, 21)]),
        (b"a.broken.b.c.", [("a", 0, 2), ("Malformed", 2, 9), ("Data", 9, 13)]),
        (b"x" * 25 + b".b.", [("Malformed", 0, 26), ("b", 26, 28)]),
        (b"a.until.x!", [("a", 0, 2), ("Malformed", 2, 10)]),
        (b"a.until.bye", [("a", 0, 2), ("Malformed", 2, 11)]),
    ],
)
def test_decoding_goes_on_behind_what_is_wrong(data: bytes, found: list[tuple[str, int, int]], cut: int) -> None:
    session = WordsSession()
    told: list[Event] = []
    for at in range(0, len(data), cut):
        told += session.receive(C, data[at : at + cut])
    told += session.end(C)
    joined: list[Event] = []
    for event in told:
        before = joined[-1] if joined else None
        if isinstance(before, Chunk) and type(before) is type(event) and not getattr(event, "reason", ""):
            assert isinstance(event, Chunk)
            joined[-1] = before.join(event)
        else:
            joined.append(event)
    if b"skip" in data and cut < 10:
        return  # what is skipped by number has to be there at once: a session waits for it
    assert spans(joined) == found


def test_where_it_is_lost_it_seeks() -> None:
    session = Seeking()
    assert spans(session.receive(C, b"broken.a.b#c.")) == [("Malformed", 0, 7), ("Data", 7, 11), ("c", 11, 13)]
    assert spans(session.receive(C, b"broken.a.")) == [("Malformed", 13, 20), ("Data", 20, 22)]
    assert spans(session.receive(C, b"#d.")) == [("Data", 22, 23), ("d", 23, 25)]


def test_strict_it_is_refused_and_over() -> None:
    session = WordsSession(strict=True)
    with pytest.raises(RemoteProtocolError, match="bang") as error:
        session.receive(C, b"one.until.")
    assert (error.value.at, error.value.reply) == (4, b"no!")
    assert error.value.before == (Word(word="one", start=0, end=4),)
    for side in Side:
        with pytest.raises(RemoteProtocolError, match="bang"):
            session.receive(side, b"a.")
        with pytest.raises(RemoteProtocolError, match="bang"):
            session.end(side)


def test_strict_it_stays_over_with_messages_too() -> None:
    session = Framed(strict=True, boundaries=True)
    with pytest.raises(RemoteProtocolError):
        session.receive(C, b"until.")
    with pytest.raises(RemoteProtocolError, match="bang"):
        session.receive(C, b"a.")


# ── messages ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_one_event_and_what_is_over_is_malformed() -> None:
    session = Framed(boundaries=True)
    assert spans(session.receive(C, b"a.")) == [("a", 0, 2)]
    many, few = session.receive(C, b"a.b."), session.receive(C, b"b")
    assert spans(many) == [("a", 2, 4), ("Malformed", 4, 6)]
    assert isinstance(many[1], Malformed)
    assert many[1].reason == "2 bytes too many in the message"
    assert isinstance(few[0], Malformed)
    assert (few[0].start, few[0].end, few[0].reason) == (6, 7, "the message ends too soon")
    assert spans(session.receive(C, b"broken.")) == [("Malformed", 7, 14)]
    assert spans(session.receive(C, b"what") + session.receive(C, b"")) == [("Data", 14, 18), ("Data", 18, 18)]


def test_without_frames_boundaries_mean_nothing() -> None:
    session = WordsSession(boundaries=True)
    assert spans(session.receive(C, b"a") + session.receive(C, b".b.")) == [("a", 0, 2), ("b", 2, 4)]


# ── holding ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_held_is_read_right_behind_the_answer() -> None:
    session = WordsSession()
    assert spans(session.receive(C, b"ask.b.c")) == [("ask", 0, 4)]
    assert (session.waiting(C), session.waiting(S)) == (3, 0)
    assert spans(session.receive(C, b"d.")) == []
    told = session.receive(S, b"x.answer.y.")
    assert [(e.side, *span) for e, span in zip(told, spans(told), strict=True)] == [
        (S, "x", 0, 2), (S, "answer", 2, 9), (C, "b", 4, 6), (C, "cd", 6, 9), (S, "y", 9, 11),
    ]  # fmt: skip
    assert session.waiting(C) == 0


def test_two_that_hold_each_other_go_to_and_fro() -> None:
    """Ten thousand times, which a call in a call would not survive."""
    count = HELD_BYTES // 5
    session = WordsSession()
    session.receive(C, b"ask.")
    session.receive(C, b"both." * count)
    told = session.receive(S, b"both." * count)
    assert len(told) == 2 * count
    assert [event.side for event in told[:4]] == [S, C, S, C]


def test_a_side_is_held_up_to_the_limit() -> None:
    session = WordsSession()
    session.receive(C, b"ask.")
    assert session.receive(C, b"a." * (HELD_BYTES // 2)) == []
    assert len(session.receive(C, b"a")) == HELD_BYTES // 2


def test_the_end_of_a_side_that_is_held_releases_it() -> None:
    session = WordsSession()
    session.receive(C, b"ask.a.bye")
    assert spans(session.end(C)) == [("a", 4, 6), ("bye", 6, 9)]


# ── the rest is something else ────────────────────────────────────────────────────────────────────────────


def test_after_an_upgrade_the_rest_is_left() -> None:
    session = WordsSession()
    session.receive(S, b"beg")
    told = session.receive(C, b"a.tls.\x16\x03")
    assert told[-1] == Upgraded(side=C, start=6, end=6, to="tls", options={"host": "h"})
    assert session.upgraded == told[-1]
    assert session.is_through
    assert session.receive(C, b"\x01") + session.receive(S, b"in") + session.lost(C, 5) + session.end(S) == []
    assert (session.offset(C), session.offset(S)) == (6, 0)
    assert (session.rest(C), session.rest(C), session.rest(S)) == (b"\x16\x03\x01", b"", b"begin")
    assert session.has_ended(S)


def test_inside_tls_the_same_session_goes_on() -> None:
    session = WordsSession()
    session.receive(C, b"ask.tls.")
    session.receive(S, b"answer.")
    assert session.rest(C) == b""
    session.secured()
    session.moved({C: 20, S: 30})
    assert spans(session.receive(C, b"b.") + session.receive(S, b"c.")) == [("b", 20, 22), ("c", 30, 32)]


def test_what_was_said_before_tls_is_not_said_inside() -> None:
    session = WordsSession(strict=True)
    session.receive(C, b"tls.forged.")
    session.secured()
    assert spans(session.receive(C, b"b.")) == [("b", 11, 13)]


# ── gaps ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_behind_a_gap_some_go_on_and_others_are_lost() -> None:
    for kind, rest in ((Resuming, [("b", 14, 16)]), (WordsSession, [("Data", 14, 16)])):
        session = kind()
        session.receive(C, b"a.")
        assert session.lost(C, 12) == [Missing(side=C, start=2, end=14)]
        assert spans(session.receive(C, b"b.")) == rest
        assert spans(session.receive(S, b"b.")) == [("b", 0, 2)], "the other side is whole"
    assert session.lost(C, 0) == []


def test_what_was_begun_before_a_gap_is_malformed() -> None:
    session = Resuming()
    session.receive(C, b"a.be")
    cut, missing = session.lost(C, 6)
    assert cut == Malformed(side=C, start=2, end=4, data=b"be", reason="what follows is missing", at=4)
    assert missing == Missing(side=C, start=4, end=10)
    assert spans(session.receive(C, b"b.")) == [("b", 10, 12)]


def test_a_gap_in_what_is_wrong_ends_it() -> None:
    session = Resuming()
    session.receive(C, b"until.x!")
    assert spans(session.lost(C, 2) + session.receive(C, b"b.")) == [
        ("Malformed", 7, 8),
        ("Missing", 8, 10),
        ("b", 10, 12),
    ]


def test_a_gap_behind_what_is_held_releases_it() -> None:
    session = Resuming()
    session.receive(C, b"ask.b.c")
    assert spans(session.lost(C, 3)) == [("b", 4, 6), ("Malformed", 6, 7), ("Missing", 7, 10)]


def test_a_gap_behind_a_held_upgrade_is_not_taken() -> None:
    session = Resuming()
    session.receive(C, b"ask.tls.x")
    assert spans(session.lost(C, 3)) == [("tls", 4, 8), ("Upgraded", 8, 8)]
    assert session.rest(C) == b"x"


# ── sending ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_sent_is_heard_by_the_session_itself() -> None:
    session = WordsSession(strict=True)
    assert session.send(S, Word(word="one")) == b"one."
    assert session.offset(S) == 4


@pytest.mark.parametrize("word", ["one.two", "until", "x" * 21])
def test_what_would_be_heard_as_something_else_is_not_sent(word: str) -> None:
    with pytest.raises(LocalProtocolError):
        WordsSession(strict=True).send(C, Word(word=word))


def test_what_has_no_bytes_is_not_sent() -> None:
    with pytest.raises(LocalProtocolError, match="words only"):
        WordsSession(strict=True).send(C, Data(data=b"x"))
    with pytest.raises(LocalProtocolError, match="would be heard as"):
        WordsSession(strict=True).send(C, Other(word="x"))


def test_what_our_answer_releases_is_not_lost() -> None:
    session = WordsSession(strict=True)
    session.receive(C, b"ask.b.")
    assert session.send(S, Word(word="answer")) == b"answer."
    assert spans(session.receive(C, b"")) == [("b", 4, 6)]


def test_a_listener_cannot_send() -> None:
    class Listening(WordsSession):
        def _write(self, side: Side, event: Event) -> bytes:
            return Session._write(self, side, event)

    with pytest.raises(LocalProtocolError, match="words is only listened to here"):
        Listening().send(C, Word(word="x"))


# ── what a subclass may leave out ─────────────────────────────────────────────────────────────────────────


def test_a_session_that_says_no_more_than_it_must() -> None:
    session = WordsSession()
    assert session.awaited is None
    assert WordsSession.recognize(b"a.", b"") is Match.NO
    assert (session.line_end, session.options) == (b"", {})
    WordsSession.check_option("")
    with pytest.raises(ValueError, match="words takes no option"):
        WordsSession.check_option("x")
