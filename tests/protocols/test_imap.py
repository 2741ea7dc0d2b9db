"""IMAP, as transcripts and rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import IMAP_LINE_BYTES, PIPELINED_COMMANDS, VIEW_BYTES
from tincans.protocols import Event, Malformed, Match, Upgraded
from tincans.protocols.imap import Command, ImapSession, Literal, More, Tagged, Untagged
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "imap").glob("*.tin"))


def can_be_sent(event: Event) -> bool:
    """Whether it breaks no rule."""
    return not getattr(event, "faults", ())


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "imap", sendable=can_be_sent)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "imap", random)  # type: ignore[arg-type]


# ── rule by rule ──────────────────────────────────────────────────────────────────────────────────────────

C, S = Side.CLIENT, Side.SERVER
GREETED = [(S, b"* OK ready\r\n")]
LOGGED_IN = [(S, b"* PREAUTH ready\r\n")]


def after(said: list[tuple[Side, bytes]], *, strict: bool = False) -> ImapSession:
    session = ImapSession(strict=strict)
    for side, data in said:
        for event in session.receive(side, data):
            assert not getattr(event, "faults", ()), event
    return session


@pytest.mark.parametrize(
    ("said", "line", "fault"),
    [
        ([], b"a NOOP", "the server speaks first"),
        (GREETED, b"a SELECT x", "SELECT comes after the login"),
        (LOGGED_IN, b"a FETCH 1 FLAGS", "FETCH comes after SELECT"),
        (LOGGED_IN, b"a LOGIN b c", "LOGIN comes before the login"),
        (LOGGED_IN, b"a SELECT", "SELECT does not have such arguments"),
        (GREETED, b"a LOGOUT now", "LOGOUT does not have such arguments"),
        ([*GREETED, (C, b"a NOOP\r\n")], b"a NOOP", "a is not over yet"),
    ],
)
def test_a_command_is_complete_and_in_order(said: list[tuple[Side, bytes]], line: bytes, fault: str) -> None:
    (event,) = after(said, strict=True).receive(C, line + b"\r\n")
    assert isinstance(event, Command)
    assert event.faults == (fault,)
    with pytest.raises(LocalProtocolError, match="cannot be said here"):
        after(said, strict=True).send(C, event.bare())


def test_a_literal_has_exactly_its_bytes_and_is_waited_for() -> None:
    session = after(LOGGED_IN)
    assert [event.summary for event in session.receive(C, b"a APPEND x {3}\r\n\r\nb\r\n")] == ["a APPEND x {3}"]
    assert session.awaited is S
    events = session.receive(S, b"+ go on\r\n")
    assert [event.bare() for event in events[1:]] == [Literal(data=b"\r\nb"), More(words="")]


def test_a_literal_that_is_refused_does_not_come() -> None:
    session = after([*LOGGED_IN, (C, b"a APPEND x {3}\r\n"), (S, b"a NO too large\r\n")])
    assert [type(event) for event in session.receive(C, b"b NOOP\r\n")] == [Command]


@pytest.mark.parametrize(
    ("pieces", "shown", "secret"),
    [
        ([b"a LOGIN ada b\r\n"], ["a LOGIN ada ******"], b"b"),
        ([b'a login "a \\"d" "b c"\r\n'], ['a LOGIN "a \\"d" ******'], b'"b c"'),
        (
            [b"a LOGIN {1+}\r\nu {2+}\r\npw\r\n"],
            ["a LOGIN {1+}", "literal, 1 bytes", " {2+}", "literal, ******", ""],
            b"pw",
        ),
        ([b"a LOGIN {1+}\r\nu pw\r\n"], ["a LOGIN {1+}", "literal, 1 bytes", "******"], b" pw"),
        ([b"a LOGIN u {2+}\r\npw\r\n"], ["a LOGIN u {2+}", "literal, ******", ""], b"pw"),
        ([b"a AUTHENTICATE PLAIN AGEAYg==\r\n"], ["a AUTHENTICATE PLAIN ******"], b"AGEAYg=="),
    ],
)
def test_secrets_are_hidden(pieces: list[bytes], shown: list[str], secret: bytes) -> None:
    session = after(GREETED)
    said = b"".join(pieces)
    events = session.receive(C, said)
    assert [event.masked().summary for event in events] == shown
    assert b"".join(said[start:end] for event in events for start, end in event.hidden) == secret


def test_a_line_is_as_long_as_the_limit_and_not_longer() -> None:
    session = after(GREETED)
    longest = b"* " + b"x" * (IMAP_LINE_BYTES - 2) + b"\n"
    assert isinstance(session.receive(S, longest)[0], Untagged)
    assert isinstance(session.receive(S, b"x" + longest)[0], Malformed)
    with pytest.raises(RemoteProtocolError, match="longer than"):
        after(GREETED, strict=True).receive(C, b"a" + longest)


def test_so_many_commands_are_under_way_and_no_more() -> None:
    lines = [b"a%d NOOP\r\n" % at for at in range(PIPELINED_COMMANDS + 1)]
    session = after(GREETED, strict=True)
    session.receive(C, b"".join(lines[:-1]))
    with pytest.raises(RemoteProtocolError, match="not over yet"):
        session.receive(C, lines[-1])
    assert len(after(GREETED).receive(C, b"".join(lines))) == len(lines)


@pytest.mark.parametrize("pieces", [[b"a STARTTLS\r\nb NOOP\r\n"], [b"a STARTTLS\r\n", b"b NOOP\r\n"]])
def test_what_is_said_between_starttls_and_tls_is_never_taken(pieces: list[bytes]) -> None:
    session = after(GREETED)
    assert sum(len(session.receive(C, piece)) for piece in pieces) == 1
    tagged, upgraded = session.receive(S, b"a OK go\r\n")
    assert isinstance(tagged, Tagged)
    assert isinstance(upgraded, Upgraded)
    assert tagged.faults == ("the client said 8 bytes behind STARTTLS, before TLS",)
    strict = after(GREETED, strict=True)
    with pytest.raises((RemoteProtocolError, LocalProtocolError), match="before TLS"):
        [strict.receive(C, piece) for piece in pieces] + [strict.send(S, Tagged(tag="a", status="OK"))]


def test_a_gap_inside_a_literal_leaves_the_rest_certain() -> None:
    session = after([*GREETED, (S, b"* 1 FETCH (BODY[] {10}\r\nabc")])
    session.lost(S, 4)
    assert [event.bare() for event in session.receive(S, b"hij)\r\n")] == [
        Literal(side=S, data=b"hij"),
        More(side=S, words=")"),
    ]


def test_a_mail_is_shown_behind_its_literal() -> None:
    session, viewer = after(GREETED), ImapSession.viewer()
    mail = b"Subject: A string\r\n\r\nFor the cans.\r\n"
    events = session.receive(S, b"* 1 FETCH (FLAGS () BODY[] {%d}\r\n%s FLAGS ())\r\n" % (len(mail), mail))
    *_, view = [viewer.view(event) for event in events]
    assert view.details[0] == "Subject: A string"
    assert view.content == b"For the cans.\r\n"
    parts = session.receive(S, b"* 1 FETCH (BODY[TEXT] {3}\r\nabc)\r\n")
    assert [viewer.view(event).content for event in parts] == [None, b"abc", None]


def test_of_a_long_mail_the_beginning_is_shown() -> None:
    for size in (VIEW_BYTES, VIEW_BYTES + 1):
        viewer = ImapSession.viewer()
        viewer.view(Untagged(response=f"1 FETCH (BODY[] {{{size}}}"))
        viewer.view(Literal(side=S, data=b"\r\n" + b"x" * (size - 2)))
        view = viewer.view(More(side=S, words=")"))
        assert view.content is not None
        assert len(view.content) == VIEW_BYTES - 2


@pytest.mark.parametrize(
    ("side", "event"),
    [
        (C, Literal(data=b"x")),
        (C, More(words=")")),
        (S, Command(tag="a", name="NOOP")),
        (C, Tagged(tag="a", status="OK")),
    ],
)
def test_what_makes_no_sense_now_cannot_be_sent(side: Side, event: Event) -> None:
    with pytest.raises(LocalProtocolError):
        after(LOGGED_IN, strict=True).send(side, event)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Command(tag="", name="NOOP"),
        lambda: Command(tag="a b", name="NOOP"),
        lambda: Command(tag="a", name="noop"),
        lambda: Command(tag="a", name="NOOP", arguments="\r\n"),
        lambda: Untagged(response="\n"),
    ],
)
def test_what_could_not_be_said_is_refused(make: Callable[[], Event]) -> None:
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize(
    ("client", "server", "match"),
    [
        (b"", b"* O", Match.WAIT),
        (b"", b"* OK", Match.WAIT),
        (b"", b"* OK ready\r\n", Match.SURE),
        (b"", b"* PREAUTH r", Match.SURE),
        (b"", b"* BYE\r\n", Match.SURE),
        (b"", b"* FOO\r\n", Match.NO),
        (b"a LOGIN b c\r\n", b"", Match.WAIT),
        (b"a1", b"", Match.WAIT),
        (b"a1 auth", b"", Match.WAIT),
        (b"a1 authenticate plain AGEAYg==\r\n", b"", Match.WAIT),
        (b"a1 authority", b"", Match.NO),
        (b"hello\n", b"", Match.NO),
        (b"GET / HTTP/1.1\r\n", b"", Match.NO),
    ],
)
def test_it_is_recognized_by_its_words(client: bytes, server: bytes, match: Match) -> None:
    assert ImapSession.recognize(client, server) is match


def test_at_a_gap_all_that_waited_is_read() -> None:
    session = after(LOGGED_IN)
    assert len(session.receive(C, b"a APPEND x {3}\r\nabc {2}\r\nde\r\n")) == 1
    events = session.lost(C, 5)
    assert [type(event).__name__ for event in events] == ["Literal", "More", "Literal", "More", "Missing"]
