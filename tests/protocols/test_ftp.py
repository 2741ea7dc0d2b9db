"""FTP's control connection, as transcripts and as what it announces."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import FTP_COMMAND_BYTES, FTP_COMMANDS_WAITING, REPLY_BYTES
from tincans.protocols import Event, Malformed, Match, find_protocol, guess
from tincans.protocols.events import MASK
from tincans.protocols.ftp import COMMANDS, Command, DataAddress, FtpSession, Opens, Reply, Takes
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "ftp").glob("*.tin"))
CLIENT, SERVER = Side.CLIENT, Side.SERVER


def faultless(event: Event) -> bool:
    return not getattr(event, "faults", ())


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "ftp", sendable=faultless)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "ftp", random)  # type: ignore[arg-type]


# ── what is announced ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("event", "address", "other"),
    [
        (Command(verb="PORT", argument="10,0,0,7,156,64"), ("10.0.0.7", 40000), "PORT 127,0,0,1,0,80"),
        (Command(verb="EPRT", argument="|1|10.0.0.7|40000|"), ("10.0.0.7", 40000), "EPRT |1|127.0.0.1|80|"),
        (Command(verb="EPRT", argument="!2!2001:DB8::7!40000!"), ("2001:db8::7", 40000), "EPRT |1|127.0.0.1|80|"),
        (
            Reply(code=227, lines=("Entering Passive Mode (10,0,0,7,156,64).",)), ("10.0.0.7", 40000),
            "227 Entering Passive Mode (127,0,0,1,0,80).",
        ),
        (Reply(code=227, lines=("=10,0,0,7,156,64",)), ("10.0.0.7", 40000), "227 =127,0,0,1,0,80"),
        (Reply(code=229, lines=("Use this (|||40000|)",)), ("", 40000), "229 Use this (|||80|)"),
        (Reply(code=229, lines=("(!1!10.0.0.7!40000!)",)), ("10.0.0.7", 40000), "229 (|||80|)"),
    ],
)  # fmt: skip
def test_an_address_is_announced_and_can_be_another(
    event: Command | Reply, address: tuple[str, int], other: str
) -> None:
    assert event.announced == DataAddress(*address)
    assert event.announcing(DataAddress("127.0.0.1", 80)).summary == other


@pytest.mark.parametrize(
    "event",
    [
        Command(verb="PORT", argument="10,0,0,7,156"), Command(verb="PORT", argument="10,0,0,256,156,64"),
        Command(verb="PORT", argument="10,0,0,7,0,0"), Command(verb="EPRT", argument="|1|here|40000|"),
        Command(verb="EPRT", argument="|1|10.0.0.7|65536|"), Command(verb="EPRT", argument="|1|10.0.0.7|0|"),
        Command(verb="EPRT", argument="|1|10.0.0.7!40000|"), Command(verb="CWD", argument="10,0,0,7,156,64"),
        Reply(code=227, lines=("Entering Passive Mode",)), Reply(code=229, lines=("(|||x|)",)),
        Reply(code=226, lines=("10,0,0,7,156,64",)),
    ],
)  # fmt: skip
def test_what_announces_nothing(event: Command | Reply) -> None:
    assert event.announced is None


def test_what_cannot_be_announced() -> None:
    six = DataAddress("2001:db8::7", 80)
    assert Command(verb="PORT", argument="10,0,0,7,156,64").announcing(six).summary == "EPRT |2|2001:db8::7|80|"
    assert str(six) == "[2001:db8::7]:80"
    with pytest.raises(ValueError):
        Reply(code=227, lines=("10,0,0,7,156,64",)).announcing(six)
    with pytest.raises(ValueError, match="announces nothing"):
        Reply(code=200, lines=("fine",)).announcing(six)


# ── the state ─────────────────────────────────────────────────────────────────────────────────────────────


def talk(session: FtpSession, *turns: tuple[Side, bytes]) -> list[Event]:
    return [event for side, data in turns for event in session.receive(side, data)]


def test_who_has_to_speak() -> None:
    session = FtpSession()
    awaited = [session.awaited]
    for side, data in (
        (SERVER, b"220 hi\r\n"), (CLIENT, b"LIST\r\n"), (SERVER, b"150 here it comes\r\n"), (SERVER, b"226 done\r\n"),
    ):  # fmt: skip
        session.receive(side, data)
        awaited.append(session.awaited)
    assert awaited == [SERVER, CLIENT, SERVER, SERVER, CLIENT]


def test_a_reply_answers_the_command_before_the_others() -> None:
    session = FtpSession()
    talk(session, (CLIENT, b"PROT C\r\nPROT P\r\nNOOP\r\n"), (SERVER, b"220 hi\r\n200 C\r\n536 no\r\n"))
    assert (session.protection, session.current) == ("C", Command(verb="NOOP", side=CLIENT, start=16, end=22))
    talk(session, (SERVER, b"200\r\n"), (CLIENT, b"prot p\r\n"), (SERVER, b"200 P\r\n"))
    assert session.protection == "P"
    talk(session, (CLIENT, b"REIN\r\n"), (SERVER, b"220 hi\r\n"))
    assert session.protection == "C"


def test_nothing_is_read_between_auth_and_its_answer() -> None:
    session = FtpSession()
    assert len(talk(session, (SERVER, b"220 hi\r\n"), (CLIENT, b"AUTH TLS\r\n\x16\x03\x01"))) == 2
    assert session.waiting(CLIENT) == 3
    talk(session, (SERVER, b"234 go\r\n"))
    assert session.upgraded is not None
    assert session.upgraded.to == "tls"
    assert session.rest(CLIENT) == b"\x16\x03\x01"


def test_commands_ahead_of_their_answers_are_counted() -> None:
    session = FtpSession()
    talk(session, (SERVER, b"220 hi\r\n"), (CLIENT, b"NOOP\r\n" * FTP_COMMANDS_WAITING))
    assert session.current is not None
    assert session.current.start == 0
    talk(session, (CLIENT, b"NOOP\r\n"))
    assert session.current.start == 6


def test_a_command_is_as_long_as_the_limit_and_not_longer() -> None:
    line = b"CWD " + b"x" * (FTP_COMMAND_BYTES - 6)
    session = FtpSession(strict=True)
    assert len(session.receive(CLIENT, line + b"\r\n")) == 1
    with pytest.raises(RemoteProtocolError) as caught:
        session.receive(CLIENT, line + b"xx\r\n")
    assert caught.value.reply.startswith(b"500 ")
    broken, command = FtpSession().receive(CLIENT, line + b"xx\r\nNOOP\r\n")
    assert isinstance(broken, Malformed)
    assert command.summary == "NOOP"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (b"NOOP\r\nSTOR a\nb\r\nSTOR c\r\0d\r\0\n\r\n", ["NOOP", "STOR a\nb", "STOR c\rd\r\n"]),
        (b"NOOP\nSTOR a\nNOOP\r\n", ["NOOP", "STOR a", "NOOP"]),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_a_lone_lf_is_in_a_name_where_the_client_knows_what_ends_a_line(
    said: bytes, meant: list[str], strict: bool
) -> None:
    for pieces in ([said], [said[at : at + 1] for at in range(len(said))]):
        session = FtpSession(strict=strict)
        assert [event.summary for piece in pieces for event in session.receive(CLIENT, piece)] == meant


def test_a_reply_is_as_long_as_the_limit_and_not_longer() -> None:
    lines = b"211-" + b" x\r\n" * ((REPLY_BYTES - 13) // 4)
    assert isinstance(FtpSession().receive(SERVER, lines + b"211 end\r\n")[0], Reply)
    assert isinstance(FtpSession().receive(SERVER, lines + b" " * 20 + b"\r\n211 end\r\n")[0], Malformed)


# ── secrets and writing ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "said", [b"PASS correct horse\r\n", b"pass x\n", b"\xff\xf4\xff\xf2ACCT 7\r\n", b"ADAT YII=\r\n"]
)
def test_a_password_is_masked(said: bytes) -> None:
    (command,) = FtpSession().receive(CLIENT, said)
    assert isinstance(command, Command)
    assert command.masked().argument == MASK
    ((start, end),) = command.hidden
    assert said[start:end].decode() == command.argument


@pytest.mark.parametrize("said", [b"PASS\r\n", b"USER dan\r\n"])
def test_what_is_no_secret_is_shown(said: bytes) -> None:
    (command,) = FtpSession().receive(CLIENT, said)
    assert command.masked() == command
    assert not command.hidden


@pytest.mark.parametrize("fields", [{"verb": "a"}, {"verb": "A B"}, {"verb": "A", "telnet": b"x"}])
def test_what_could_not_be_said_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        Command(**fields)  # type: ignore[arg-type]


def test_what_would_be_heard_as_something_else_cannot_be_sent() -> None:
    session = FtpSession(strict=True)
    with pytest.raises(LocalProtocolError, match="only the last line"):
        session.send(SERVER, Reply(code=211, lines=("a", "211 b", "c")))
    with pytest.raises(LocalProtocolError, match="an LF in an argument"):
        session.send(CLIENT, Command(verb="RETR", argument="x\nDELE y"))
    with pytest.raises(LocalProtocolError, match="no Malformed"):
        session.send(CLIENT, Malformed(data=b"", reason="", at=0))


def test_every_command_has_its_row() -> None:
    assert Command(verb="RETR").opens is Opens.DOWNLOAD
    assert Command(verb="WHAT").opens is Opens.NOTHING
    assert {verb for verb, row in COMMANDS.items() if row.opens is Opens.UPLOAD} == {"APPE", "STOR", "STOU"}
    assert all(row.help and row.takes in Takes for row in COMMANDS.values())
    assert not COMMANDS["USER"].login


# ── recognizing ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "server", "match"),
    [
        (b"", b"220 (vsFTPd 3.0.3)\r\n", Match.SURE),
        (b"", b"220-Hi\r\n220-there\r\n220 ftp\r\n", Match.SURE),
        (b"", b"120 wait\r\n220 FTP\r\n", Match.SURE),
        (b"", b"220 ready\r\n", Match.MAYBE),
        (b"", b"220\r\n", Match.MAYBE),
        (b"USER dan\r\n", b"220 ready\r\n", Match.SURE),
        (b"EHLO me\r\n", b"220 ready\r\n", Match.NO),
        (b"NOOP\r\n", b"220 ready\r\n", Match.MAYBE),
        (b"NO", b"220 ready\r\n", Match.WAIT),
        (b"2+2\r\n", b"220 ready\r\n", Match.NO),
        (b"hello\r\n", b"220 ready\r\n", Match.NO),
        (b"\xff\xf4\xff\xf2ABOR\r\n", b"220 ready\r\n", Match.MAYBE),
        (b"", b"220 mail.example ESMTP\r\n", Match.NO),
        (b"", b"220-Hi\r\n220-ftp", Match.WAIT),
        (b"", b"22", Match.WAIT),
        (b"", b"+OK", Match.NO),
        (b"", b"2200", Match.NO),
        (b"USER dan\r\n", b"", Match.MAYBE),
        (b"USE", b"", Match.WAIT),
        (b"USER dan 0 * :Dan\r\n", b"", Match.NO),
        (b"USER dan\r\n", b"+OK\r\n", Match.NO),
        (b"", b"", Match.NO),
    ],
)
def test_it_is_recognized_by_its_greeting(client: bytes, server: bytes, match: Match) -> None:
    assert FtpSession.recognize(client, server) is match


def test_its_port_decides_where_the_greeting_does_not() -> None:
    found = guess(b"", b"220 files.example ready\r\n", 21)
    assert found is not None
    assert found.name == "ftp"
    assert isinstance(find_protocol("ftp").session(), FtpSession)
