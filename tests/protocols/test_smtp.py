"""SMTP and LMTP, as transcripts and rule by rule."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import (
    HELD_BYTES,
    PIPELINED_COMMANDS,
    REPLY_BYTES,
    SASL_BYTES,
    SMTP_COMMAND_BYTES,
    SMTP_ENVELOPE_BYTES,
)
from tincans.protocols import Event, Malformed, Match, Upgraded
from tincans.protocols.mail import EndOfMail, Text
from tincans.protocols.sasl import Response
from tincans.protocols.smtp import SmtpSession
from tincans.protocols.smtp_commands import Command, Hello, Line, MailFrom, RcptTo, Reply
from tincans.protocols.smtp_reading import SmtpReading
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "smtp").glob("*.tin"))


def can_be_sent(event: Event) -> bool:
    """Whether it breaks no rule."""
    return not getattr(event, "faults", ()) and not (isinstance(event, Text) and b"\n." in event.data)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "smtp", sendable=can_be_sent)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "smtp", random)  # type: ignore[arg-type]


# ── what was said until a point ───────────────────────────────────────────────────────────────────────────

C, S = Side.CLIENT, Side.SERVER
GREETED = [(S, b"220 mail.example ESMTP\r\n"), (C, b"EHLO x\r\n"), (S, b"250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n")]
NAMED = [*GREETED, (C, b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"), (S, b"250 OK\r\n250 OK\r\n")]
IN_TEXT = [*NAMED, (C, b"DATA\r\n"), (S, b"354 go on\r\n")]


def after(said: list[tuple[Side, bytes]], *, strict: bool = False) -> SmtpSession:
    session = SmtpSession(strict=strict)
    for side, data in said:
        for event in session.receive(side, data):
            assert not getattr(event, "faults", ()), event
    return session


def faults(session: SmtpSession, data: bytes) -> tuple[str, ...]:
    (event,) = session.receive(C, data)
    found: tuple[str, ...] = getattr(event, "faults", ())
    return found


# ── order ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "line", "fault"),
    [
        (GREETED[:1], b"MAIL FROM:<a@b>", "503 5.5.1 EHLO comes before MAIL"),
        (GREETED[:1], b"AUTH PLAIN", "503 5.5.1 EHLO comes before AUTH"),
        (GREETED, b"RCPT TO:<a@b>", "503 5.5.1 MAIL comes before RCPT"),
        (GREETED, b"DATA", "503 5.5.1 RCPT comes before DATA"),
        (NAMED, b"MAIL FROM:<a@b>", "503 5.5.1 MAIL does not come now, or not twice"),
        (NAMED, b"AUTH PLAIN", "503 5.5.1 AUTH does not come now, or not twice"),
        ([*NAMED, (C, b"BDAT 0\r\n"), (S, b"250 OK\r\n")], b"DATA", "503 5.5.1 after BDAT there is no DATA"),
        ([*NAMED, (C, b"RSET\r\n")], b"RCPT TO:<a@b>", "503 5.5.1 MAIL comes before RCPT"),
        ([*GREETED, (C, b"AUTH PLAIN YQ==\r\n"), (S, b"235 ok\r\n")], b"AUTH PLAIN", "503 5.5.1 AUTH does not"),
        ([], b"EHLO x", "554 5.5.1 the server speaks first"),
        (GREETED, b"MAIL FROM:<a@b> SIZE=1", "555 5.5.4 SIZE belongs to SIZE, which was not offered"),
        (GREETED, "MAIL FROM:<æ@b>".encode(), "553 5.6.7 an address beyond ASCII needs SMTPUTF8"),
        (NAMED, "RCPT TO:<æ@b>".encode(), "553 5.6.7 an address beyond ASCII needs SMTPUTF8"),
    ],
)
def test_a_command_comes_in_its_order(said: list[tuple[Side, bytes]], line: bytes, fault: str) -> None:
    """A server answers and goes on, so it is an event there too; our own client cannot even say it."""
    for strict in (False, True):
        session = after(said, strict=strict)
        (event,) = session.receive(C, line + b"\r\n")
        found: tuple[str, ...] = getattr(event, "faults", ())
        assert found[0].startswith(fault)
        assert session.receive(C, b"NOOP\r\n") or event == Command(verb="DATA") or session.waiting(C)
    with pytest.raises(LocalProtocolError, match="cannot be said here"):
        after(said, strict=True).send(C, event.bare())


def test_what_was_hoped_for_in_vain_is_out_of_order_only_once_that_is_known() -> None:
    session = after([*GREETED, (C, b"MAIL FROM:<a@b>\r\n")])
    assert faults(session, b"RCPT TO:<c@d>\r\n") == ()
    session.receive(S, b"550 not you\r\n")
    assert faults(session, b"RCPT TO:<e@f>\r\n") == ("503 5.5.1 MAIL comes before RCPT",)
    session.receive(S, b"503 no\r\n503 no\r\n")
    assert faults(session, b"MAIL FROM:<a@b>\r\n") == ()


def test_a_text_for_bdat_is_not_sent_by_data() -> None:
    offers = (S, b"250-mail.example\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 BINARYMIME\r\n")
    begin = (C, b"MAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<c@d>\r\n")
    assert faults(after([*GREETED[:2], offers, begin]), b"DATA\r\n") == ("503 5.5.1 binary text is sent by BDAT",)


def test_after_tls_everything_is_anew() -> None:
    session = after([*GREETED, (C, b"STARTTLS\r\n")])
    assert isinstance(session.receive(S, b"220 go\r\n")[-1], Upgraded)
    assert session.is_through
    session.secured()
    assert session.extensions is None
    assert faults(session, b"MAIL FROM:<a@b>\r\n") == ("503 5.5.1 EHLO comes before MAIL",)
    session.receive(S, b"503 no\r\n")
    session.receive(C, b"EHLO x\r\n")
    session.receive(S, b"250 mail.example\r\n")
    assert faults(session, b"STARTTLS\r\n")[0].startswith("503")


def test_who_is_to_speak_is_known() -> None:
    session = SmtpSession()
    said = [*IN_TEXT, (C, b"x\r\n.\r\n"), (S, b"250 OK\r\n")]
    awaited = [session.awaited]
    for side, data in said:
        session.receive(side, data)
        awaited.append(session.awaited)
    assert awaited == [S, C, S, C, S, C, S, C, S, C]


# ── what a server must not take ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [b"a\nb\r\n", b"a\n.\nMAIL", b"a\n.\r\n", b"a\r\n.\nb", b"a\r.\r", b"a\r\n.\rb", b"a\r\n.\r\r\n"],
)
def test_a_strict_session_takes_no_odd_line_ends_in_a_text(text: bytes) -> None:
    """SMTP smuggling: who disagrees about ends of lines disagrees about where a mail ends."""
    with pytest.raises(RemoteProtocolError, match="lone CR or LF") as caught:
        after(IN_TEXT, strict=True).receive(C, text)
    assert caught.value.reply.startswith(b"550 ")


def test_a_lone_dot_with_odd_ends_is_text_where_a_regular_end_follows() -> None:
    session = after(IN_TEXT)
    start = session.offset(C)
    events = [*session.receive(C, b"a\n.\n"), *session.receive(C, b"RSET\r\n"), *session.receive(C, b".\r\nQUIT\r\n")]
    assert b"".join(event.data for event in events if isinstance(event, Text)) == b"a\n.\nRSET\r\n"
    (end,) = (event for event in events if isinstance(event, EndOfMail))
    assert end.faults[1].startswith(f"550 5.5.2 at byte {start + 2} is a lone dot with odd ends")


def test_a_lone_dot_with_odd_ends_is_the_end_where_the_server_answers() -> None:
    session = after(IN_TEXT)
    session.receive(C, b"a\n.\nRSET\n")
    reply, end, reset = session.receive(S, b"250 taken\r\n")
    assert isinstance(reply, Reply)
    assert not reply.faults
    assert isinstance(end, EndOfMail)
    assert isinstance(reset, Command)


def test_a_doubtful_dot_is_text_once_too_much_follows() -> None:
    for count, pieces in ((HELD_BYTES - 2, 1), (HELD_BYTES - 1, 2)):
        session = after(IN_TEXT)
        assert len(session.receive(C, b"a\n.\n" + b"x" * count)) == pieces


def test_a_strict_session_takes_no_lone_lf_behind_a_command() -> None:
    with pytest.raises(RemoteProtocolError, match="lone LF") as caught:
        after(GREETED, strict=True).receive(C, b"NOOP\nNOOP\r\n")
    assert caught.value.at == 8 + 4


@pytest.mark.parametrize("pieces", [[b"STARTTLS\r\nRSET\r\n"], [b"STARTTLS\r\n", b"RSET\r\n"]])
def test_what_is_said_between_starttls_and_tls_is_never_taken(pieces: list[bytes]) -> None:
    session = after(GREETED)
    events = [event for piece in pieces for event in session.receive(C, piece)]
    reply, upgraded = session.receive(S, b"220 go\r\n")
    assert len(events) == 1
    assert isinstance(upgraded, Upgraded)
    assert isinstance(reply, Reply)
    assert reply.faults == ("the client said 6 bytes behind STARTTLS, before TLS",)
    strict = after(GREETED, strict=True)
    with pytest.raises((RemoteProtocolError, LocalProtocolError), match="before TLS"):
        [strict.receive(C, piece) for piece in pieces] + [strict.send(S, Reply(code=220))]


def test_what_came_behind_a_refused_starttls_is_read() -> None:
    session = after(GREETED, strict=True)
    session.receive(C, b"STARTTLS\r\n")
    session.receive(C, b"NOOP\r\n")
    session.send(S, Reply(code=454, lines=("not now",)))
    assert [event.summary for event in session.receive(C, b"")] == ["NOOP"]


@pytest.mark.parametrize("line", [b"\x16\x03\x01\r\n", b"NO\x00OP\r\n"])
def test_what_is_no_command_is_malformed_and_the_next_one_is_read(line: bytes) -> None:
    broken, command = after(GREETED).receive(C, line + b"NOOP\r\n")
    assert isinstance(broken, Malformed)
    assert isinstance(command, Command)
    with pytest.raises(RemoteProtocolError, match="no command"):
        after(GREETED, strict=True).receive(C, line)


# ── what is usual is read quickly, and means the same ─────────────────────────────────────────────────────

SAID = st.sampled_from([
    b"NOOP\r\n", b"noop x \r\n", b"NOOP\r\r\n", b"NOOP\n", b"NO", b"OP\r\n", b"\r\n", b"\0\r\n", b"RSET\r\nNOOP\r\n",
    b"MAIL FROM:<a@b>\r\n", b"mail from:<a@b> SIZE=3\r\n", b"MAIL FROM: <a@b>\r\n", b"RCPT TO:<c@d>\r\n",
    b"RCPT TO:<c>\r\n", b"DATA\r\n", b"BDAT 3\r\n", b"abc", b"BDAT 0 LAST\r\n", b"RSET\r\n", b"QUIT\r\n",
    b"AUTH PLAIN\r\n", b"AGEAYg==\r\n", b"STARTTLS\r\n",
])  # fmt: skip
TEXTS = st.sampled_from([
    b"a\r\n", b".", b"..", b"\r", b"\n", b"\r\n", b".\r\n", b"\r\n.\r\n", b"\r\n.", b"..\r\n", b".a\r\n", b"a\n.\r\n",
    b"a\r\n.\r\nNOOP\r\n", b"a\r\n..\r\n.\r\n", b"\0", b"x" * 499, b"x" * 998 + b"\r\n",
    b"x" * 999 + b"\r\n", b"QUIT\r\n",
])  # fmt: skip


def answered(session: SmtpSession, event: Event) -> list[bytes]:
    """What a server says to it."""
    match event:
        case Text():
            return []
        case Command(verb="DATA", faults=()):
            return [session.send(S, Reply(code=354, lines=("go on",)))]
        case Command(verb="QUIT"):
            return [session.send(S, Reply(code=221, lines=("bye",)))]
        case Line() if event.refusal is not None:
            return [session.send(S, event.refusal)]
        case _:
            return [session.send(S, Reply(code=250, status="2.0.0", lines=("ok",)))]


def joined(events: Iterable[object]) -> list[object]:
    """How a text was cut means nothing."""
    found: list[object] = []
    for event in events:
        before = found[-1] if found else None
        if isinstance(event, Text) and isinstance(before, Text):
            found[-1] = before.join(event)
        else:
            found.append(event)
    return found


def told(session: SmtpSession, data: bytes | bytearray) -> list[object]:
    """What comes of something that the client says, and where it ends; or how it is refused."""
    try:
        events = session.receive(C, data)
        said = [word for event in events for word in answered(session, event)]
    except (RemoteProtocolError, LocalProtocolError) as error:
        before = joined(getattr(error, "before", ()))
        if before and isinstance(before[-1], Text):  # of a text that is torn there may be more or less
            before.pop()
        return [str(error), getattr(error, "reply", b""), getattr(error, "at", 0), before]
    return [*joined(events), *said, session.offset(C), session.offset(S), session.waiting(C), session.awaited]


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=6).map(b"".join), max_size=6))
def test_a_text_means_what_it_means_the_long_way(said: list[bytes]) -> None:
    quick, slow = after(IN_TEXT, strict=True), after(IN_TEXT, strict=True)
    for data in said:
        assert told(quick, data) == told(slow, bytearray(data))


@given(st.lists(st.lists(SAID, min_size=1, max_size=4).map(b"".join), max_size=8))
def test_what_is_usual_means_what_it_means_the_long_way(said: list[bytes]) -> None:
    """Only `bytes` are read quickly: a `bytearray` goes the long way."""
    quick, slow = after(GREETED, strict=True), after(GREETED, strict=True)
    for data in said:
        assert told(quick, data) == told(slow, bytearray(data))
        assert told(quick, b"") == told(slow, bytearray())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(code=250, lines=("x", "SIZE 10", "auth PLAIN", "", "250 x", "2.0.0 x")),
        Reply(code=250, status="2.0.0", lines=("x", "SIZE")),
        Reply(code=250, lines=("2.0.0 x",)),
        Reply(code=250, status="2.0.0"),
        Reply(code=550, status="5.1.1", lines=("no", "grüße \udcff")),
        Reply(code=354),
        Reply(code=421, lines=("bye",)),
    ],
)
@pytest.mark.parametrize("said", [b"", b"NOOP\r\n", b"EHLO y\r\n", b"DATA\r\n", b"STARTTLS\r\n", b"RSET\r\nNOOP\r\n"])
def test_a_reply_means_what_it_means_the_long_way(reply: Reply, said: bytes) -> None:
    quick, slow = SmtpSession(strict=True), SmtpReading(strict=True)
    heard = []
    for session in (quick, slow):
        for side, data in NAMED:
            session.receive(side, data)
        events = session.receive(C, said)
        told = [session.send(S, reply), session.offset(S), session.awaited, session.extensions, session.is_through]
        more = session.receive(C, b"") if session.is_through else session.receive(C, b"RCPT TO:<a@b>\r\n")
        heard.append([*events, *told, *more])
    assert heard[0] == heard[1]


def test_a_reply_that_is_too_long_is_refused_however_many_lines_it_has() -> None:
    with pytest.raises(LocalProtocolError):
        after(NAMED, strict=True).send(S, Reply(code=250, lines=("x" * REPLY_BYTES,)))


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("begin", "limit"),
    [(b"NOOP ", SMTP_COMMAND_BYTES), (b"MAIL FROM:<a@b> X=", SMTP_ENVELOPE_BYTES), (b"AUTH PLAIN ", SASL_BYTES)],
)
def test_a_line_is_as_long_as_its_limit_and_not_longer(begin: bytes, limit: int) -> None:
    longest = begin + b"A" * (limit - len(begin) - 2) + b"\r\n"
    assert "500 5.5.2 the line is too long" not in faults(after(GREETED, strict=True), longest)
    assert "500 5.5.2 the line is too long" in faults(after(GREETED), longest.replace(b"\r", b"A\r"))
    with pytest.raises(RemoteProtocolError, match="longer than") as caught:
        after(GREETED, strict=True).receive(C, longest.replace(b"\r", b"A\r"))
    assert caught.value.reply.startswith(b"500 ")


def test_so_many_commands_wait_for_replies_and_no_more() -> None:
    session = after(GREETED, strict=True)
    assert len(session.receive(C, b"NOOP\r\n" * PIPELINED_COMMANDS)) == PIPELINED_COMMANDS
    with pytest.raises(RemoteProtocolError, match="wait for replies"):
        session.receive(C, b"NOOP\r\n")
    assert len(after(GREETED).receive(C, b"NOOP\r\n" * (PIPELINED_COMMANDS + 1))) == PIPELINED_COMMANDS + 1


def test_a_client_that_waits_for_nothing_is_read_all_the_same() -> None:
    session = after(NAMED)
    text = b"x" * 98 + b"\r\n"
    events = session.receive(C, b"DATA\r\n" + text * (HELD_BYTES // 100 + 1) + b".\r\nQUIT\r\n")
    assert [type(event) for event in events] == [Command, Text, EndOfMail, Command]
    replies = session.receive(S, b"354 go on\r\n250 taken\r\n221 bye\r\n")
    assert not any(getattr(event, "faults", ()) for event in replies)


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "line", "shown", "secret"),
    [
        ([], b"AUTH PLAIN AGEAYg==\r\n", "AUTH PLAIN ******", b"AGEAYg=="),
        ([], b"auth cram-md5 YQ== \r\n", "AUTH CRAM-MD5 ******", b"YQ=="),
        ([], b"AUTH LOGIN YQ==\r\n", "AUTH LOGIN YQ==", b""),
        ([], b"AUTH PLAIN YQ== YQ==\r\n", "AUTH ******", b"PLAIN YQ== YQ=="),
        ([(C, b"AUTH PLAIN\r\n"), (S, b"334 \r\n")], b"AGEAYg==\r\n", "******", b"AGEAYg=="),
        ([(C, b"AUTH LOGIN\r\n"), (S, b"334 VXNlcm5hbWU6\r\n")], b"YQ==\r\n", "YQ==", b""),
        ([(C, b"AUTH LOGIN YQ==\r\n"), (S, b"334 UGFzc3dvcmQ6\r\n")], b"Yg==\r\n", "******", b"Yg=="),
        ([(C, b"AUTH PLAIN\r\n"), (S, b"334 \r\n")], b"*\r\n", "*", b""),
    ],
)
def test_secrets_are_hidden(said: list[tuple[Side, bytes]], line: bytes, shown: str, secret: bytes) -> None:
    session = after([*GREETED, *said])
    (event,) = session.receive(C, line)
    assert event.masked().summary == shown
    hidden = b"".join(line[start - event.start : end - event.start] for start, end in event.hidden)
    assert hidden == secret


def test_a_password_whose_challenge_is_missing_is_hidden() -> None:
    session = after([*GREETED, (C, b"AUTH LOGIN YQ==\r\n")])
    session.lost(S, 18)
    (event,) = session.receive(C, b"Yg==\r\n")
    assert isinstance(event, Response)
    assert event.secret


# ── sending ───────────────────────────────────────────────────────────────────────────────────────────────


def test_dots_are_doubled_wherever_a_text_was_cut() -> None:
    session = after(IN_TEXT, strict=True)
    text = b".\r\n..x\r\n.\r\n"
    sent = b"".join(session.send(C, Text(data=bytes([byte]))) for byte in text)
    assert sent == b"..\r\n...x\r\n..\r\n"
    assert session.send(C, EndOfMail()) == b".\r\n"


def test_a_mail_ends_behind_a_whole_line() -> None:
    session = after(IN_TEXT, strict=True)
    session.send(C, Text(data=b"half a line"))
    with pytest.raises(LocalProtocolError):
        session.send(C, EndOfMail())


@pytest.mark.parametrize(
    ("said", "side", "event"),
    [
        (GREETED, C, Text(data=b"x")),
        ([*NAMED, (C, b"BDAT 3\r\n")], C, Text(data=b"four")),
        (GREETED, S, Hello(domain="x")),
        (GREETED, C, Reply(code=250)),
        (GREETED, C, MailFrom(address="no address")),
        (GREETED, C, RcptTo(address="a@b")),
    ],
)
def test_what_makes_no_sense_now_cannot_be_sent(said: list[tuple[Side, bytes]], side: Side, event: Event) -> None:
    with pytest.raises(LocalProtocolError):
        after(said, strict=True).send(side, event)


# ── recognizing ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "server", "match"),
    [
        (b"", b"220 mail.example ESMTP\r\n", Match.SURE),
        (b"", b"220-mail.example smtp ready\r\n", Match.SURE),
        (b"", b"554 no SMTP service here\r\n", Match.SURE),
        (b"", b"22", Match.WAIT),
        (b"", b"220 mail.example ESM", Match.WAIT),
        (b"", b"220 ftp.example FTP server\r\n", Match.NO),
        (b"", b"220 ready\r\n", Match.WAIT),
        (b"EH", b"220 ready\r\n", Match.WAIT),
        (b"ehlo x\r\n", b"220 ready\r\n", Match.SURE),
        (b"USER x\r\n", b"220 ready\r\n", Match.NO),
        (b"LHLO x\r\n", b"", Match.SURE),
        (b"GET / HTTP/1.1\r\n", b"", Match.NO),
        (b"", b"+OK\r\n", Match.NO),
    ],
)
def test_it_is_recognized_by_its_words(client: bytes, server: bytes, match: Match) -> None:
    assert SmtpSession.recognize(client, server) is match
