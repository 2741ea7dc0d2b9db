"""POP3, as transcripts and rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import PIPELINED_COMMANDS, POP3_COMMAND_BYTES, POP3_RESPONSE_BYTES
from tincans.protocols import Event, Match, Upgraded
from tincans.protocols.mail import EndOfMail, Text
from tincans.protocols.pop3 import Command, EndOfList, Item, Pop3Session, Status
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "pop3").glob("*.tin"))


def can_be_sent(event: Event) -> bool:
    """Whether it breaks no rule."""
    return not getattr(event, "faults", ()) and not (isinstance(event, Text) and b"\n." in event.data)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "pop3", sendable=can_be_sent)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "pop3", random)  # type: ignore[arg-type]


# ── rule by rule ──────────────────────────────────────────────────────────────────────────────────────────

C, S = Side.CLIENT, Side.SERVER
GREETED = [(S, b"+OK ready\r\n")]
LOGGED_IN = [*GREETED, (C, b"USER a\r\nPASS b\r\n"), (S, b"+OK\r\n+OK\r\n")]


def after(said: list[tuple[Side, bytes]], *, strict: bool = False) -> Pop3Session:
    session = Pop3Session(strict=strict)
    for side, data in said:
        for event in session.receive(side, data):
            assert not getattr(event, "faults", ()), event
    return session


@pytest.mark.parametrize(
    ("said", "line", "fault"),
    [
        ([], b"STAT", "the server speaks first"),
        (GREETED, b"STAT", "STAT comes after the login"),
        (LOGGED_IN, b"USER a", "USER comes before the login"),
        (LOGGED_IN, b"STLS", "STLS comes before the login"),
        (LOGGED_IN, b"RETR", "RETR does not have such an argument"),
        (LOGGED_IN, b"RETR x", "RETR does not have such an argument"),
        (LOGGED_IN, b"TOP 1", "TOP does not have such an argument"),
        (GREETED, b"APOP a b", "APOP does not have such an argument"),
        (GREETED, b"XYZZY", "that command is not known"),
    ],
)
def test_a_command_is_known_complete_and_in_order(said: list[tuple[Side, bytes]], line: bytes, fault: str) -> None:
    (event,) = after(said, strict=True).receive(C, line + b"\r\n")
    assert isinstance(event, Command)
    assert fault in event.faults
    with pytest.raises(LocalProtocolError, match="cannot be said here"):
        after(said, strict=True).send(C, event.bare())


@pytest.mark.parametrize(
    ("command", "answer", "kinds"),
    [
        (b"LIST", b"+OK\r\n1 2\r\n.\r\n", ["Status", "Item", "EndOfList"]),
        (b"LIST 1", b"+OK 1 2\r\n+OK\r\n", ["Status", "Status"]),
        (b"CAPA", b"-ERR\r\n+OK\r\n", ["Status", "Status"]),
        (b"RETR 1", b"+OK\r\n..x\r\n.\r\n", ["Status", "Text", "EndOfMail"]),
        (b"RETR 1", b"-ERR no\r\n+OK\r\n", ["Status", "Status"]),
        (b"TOP 1 0", b"+OK\r\n.\r\n", ["Status", "EndOfMail"]),
        (b"LANG", b"+OK\r\nen\r\n.\r\n", ["Status", "Item", "EndOfList"]),
    ],
)
def test_the_command_says_what_follows_a_status(command: bytes, answer: bytes, kinds: list[str]) -> None:
    session = after(LOGGED_IN)
    session.receive(C, command + b"\r\n")
    assert [type(event).__name__ for event in session.receive(S, answer)] == kinds


@pytest.mark.parametrize(
    ("line", "shown", "secret"),
    [
        (b"PASS a b", "PASS ******", b"a b"),
        (b"pass  a", "PASS ******", b" a"),
        (b"APOP ada c4c9334bac560ecc979e58001b3e22fb", "APOP ada ******", b"c4c9334bac560ecc979e58001b3e22fb"),
        (b"AUTH PLAIN AGEAYg==", "AUTH PLAIN ******", b"AGEAYg=="),
        (b"AUTH LOGIN YQ==", "AUTH LOGIN YQ==", b""),
        (b"USER ada", "USER ada", b""),
    ],
)
def test_secrets_are_hidden(line: bytes, shown: str, secret: bytes) -> None:
    (event,) = after(GREETED).receive(C, line + b"\r\n")
    assert event.masked().summary == shown
    assert b"".join(line[start:end] for start, end in event.hidden) == secret


def test_a_command_is_as_long_as_the_limit_and_not_longer() -> None:
    longest = b"USER " + b"x" * (POP3_COMMAND_BYTES - 7) + b"\r\n"
    (event,) = after(GREETED, strict=True).receive(C, longest)
    assert event == after(GREETED).receive(C, longest)[0]
    (event,) = after(GREETED).receive(C, longest.replace(b"\r", b"x\r"))
    assert isinstance(event, Command)
    assert event.faults == (f"the command is longer than {POP3_COMMAND_BYTES} bytes",)
    with pytest.raises(RemoteProtocolError, match="longer than"):
        after(GREETED, strict=True).receive(C, longest.replace(b"\r", b"x\r"))


def test_a_response_is_as_long_as_the_limit_and_not_longer() -> None:
    longest = b"+OK " + b"x" * (POP3_RESPONSE_BYTES - 6) + b"\r\n"
    assert after([(S, longest)])
    (event,) = Pop3Session().receive(S, longest.replace(b"\r", b"x\r"))
    assert isinstance(event, Status)
    assert event.faults == (f"the response is longer than {POP3_RESPONSE_BYTES} bytes",)


def test_so_many_commands_wait_for_responses_and_no_more() -> None:
    session = after(LOGGED_IN, strict=True)
    session.receive(C, b"NOOP\r\n" * PIPELINED_COMMANDS)
    with pytest.raises(RemoteProtocolError, match="wait for responses"):
        session.receive(C, b"NOOP\r\n")
    assert len(after(LOGGED_IN).receive(C, b"NOOP\r\n" * (PIPELINED_COMMANDS + 1))) == PIPELINED_COMMANDS + 1


@pytest.mark.parametrize("pieces", [[b"STLS\r\nCAPA\r\n"], [b"STLS\r\n", b"CAPA\r\n"]])
def test_what_is_said_between_stls_and_tls_is_never_taken(pieces: list[bytes]) -> None:
    session = after(GREETED)
    assert sum(len(session.receive(C, piece)) for piece in pieces) == 1
    status, upgraded = session.receive(S, b"+OK go\r\n")
    assert isinstance(status, Status)
    assert isinstance(upgraded, Upgraded)
    assert status.faults == ("the client said 6 bytes behind STLS, before TLS",)
    strict = after(GREETED, strict=True)
    with pytest.raises((RemoteProtocolError, LocalProtocolError), match="before TLS"):
        [strict.receive(C, piece) for piece in pieces] + [strict.send(S, Status(ok=True))]


def test_after_a_gap_in_a_login_passwords_are_hidden_and_commands_are_read() -> None:
    session = after([*GREETED, (C, b"AUTH LOGIN YQ==\r\n")])
    session.lost(S, 18)
    (response,) = session.receive(C, b"Yg==\r\n")
    assert response.masked().summary == "******"
    session = after([*GREETED, (C, b"AUTH PLAIN\r\n")])
    session.lost(S, 10)
    assert [event.summary for event in session.receive(C, b"CAPA\r\n")] == ["CAPA"]


@given(lines=st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a"])), cut=st.integers(0, 40))
def test_a_text_is_said_as_it_is_heard(lines: list[bytes], cut: int) -> None:
    text = b"".join(line + b"\r\n" for line in lines)
    cut -= text[:cut].endswith(b"\r")
    ours = after([*LOGGED_IN, (C, b"RETR 1\r\n")], strict=True)
    theirs = after([*LOGGED_IN, (C, b"RETR 1\r\n")], strict=True)
    said = ours.send(S, Status(ok=True)) + b"".join(ours.say_text([text[:cut], text[cut:]]))
    heard = theirs.receive(S, said)
    assert b"".join(event.data for event in heard if isinstance(event, Text)) == text
    assert isinstance(heard[-1], EndOfMail)
    assert ours.offset(S) == theirs.offset(S)
    assert ours.send(S.other, Command(verb="NOOP"))
    assert ours.receive(S, b"+OK\r\n")[0].start == theirs.offset(S), "it goes on behind it"


def test_a_list_is_said_as_it_is_heard() -> None:
    ours = after([*LOGGED_IN, (C, b"LIST\r\n")], strict=True)
    said = ours.send(S, Status(ok=True)) + b"".join(ours.say_text([b"1 20\r\n2 30\r\n"]))
    heard = after([*LOGGED_IN, (C, b"LIST\r\n")]).receive(S, said)
    assert [event.summary for event in heard] == ["+OK", "1 20", "2 30", "."]


@pytest.mark.parametrize("text", [b"no end", b"a\r\nb"])
def test_a_text_without_an_end_cannot_be_said(text: bytes) -> None:
    session = after([*LOGGED_IN, (C, b"RETR 1\r\n"), (S, b"+OK\r\n")], strict=True)
    with pytest.raises(LocalProtocolError):
        list(session.say_text([text]))


def test_a_text_that_nobody_asked_for_cannot_be_said() -> None:
    with pytest.raises(LocalProtocolError):
        list(after(LOGGED_IN, strict=True).say_text([b"a\r\n"]))


@pytest.mark.parametrize("event", [Text(data=b"x"), EndOfMail(), Item(item="x"), EndOfList(), Command(verb="STAT")])
def test_what_makes_no_sense_now_cannot_be_sent(event: Event) -> None:
    with pytest.raises(LocalProtocolError):
        after(LOGGED_IN, strict=True).send(S, event)


@pytest.mark.parametrize(
    "make", [lambda: Command(verb="stat"), lambda: Status(ok=True, message="a\r\n"), lambda: Item(item="\n")]
)
def test_what_could_not_be_said_is_refused(make: Callable[[], Event]) -> None:
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize(
    ("client", "server", "match"),
    [
        (b"", b"+OK", Match.WAIT),
        (b"", b"+OK ready\r\n", Match.SURE),
        (b"US", b"+OK\r\n", Match.SURE),
        (b"*1\r\n$4\r\nPING\r\n", b"+OK\r\n", Match.NO),
        (b"USER a\r\n", b"", Match.WAIT),
        (b"USER a\r\n", b"220 ", Match.NO),
        (b"GET / HTTP/1.1\r\n", b"", Match.NO),
        (b"AUTH PLAIN\r\n", b"+OK ready\r\n", Match.SURE),
        (b"AUTH secret\r\n", b"+OK\r\n", Match.MAYBE),  # Redis more likely
    ],
)
def test_it_is_recognized_by_its_words(client: bytes, server: bytes, match: Match) -> None:
    assert Pop3Session.recognize(client, server) is match
