"""The grammar of SMTP's commands: what they mean, and what is wrong with them."""

from __future__ import annotations

import pytest

from tincans.limits import MAIL_LOCAL_BYTES, MAIL_PATH_BYTES
from tincans.protocols import smtp_commands
from tincans.protocols.smtp_commands import (
    RULES,
    Auth,
    Bdat,
    Command,
    Hello,
    Line,
    MailFrom,
    RcptTo,
    Reply,
    command,
    split_status,
)


def parse(line: str) -> Line:
    verb, _, argument = line.partition(" ")
    return RULES[verb].parse(verb, argument)


@pytest.mark.parametrize(
    "line",
    [
        "MAIL FROM:<a@b> SIZE=1",
        "MAIL FROM:a",
        "RCPT TO:<c@d>",
        "DATA",
        "DATA x",
        "RSET",
        "EHLO x",
        "EHLO",
        "NOOP",
        "X y",
    ],
)
def test_a_command_means_the_same_again_and_is_another_event(line: str) -> None:
    verb, _, argument = line.partition(" ")
    first, second = command(verb, argument), command(verb, argument)
    assert first == second == (parse(line) if verb in RULES else Command(verb=verb, argument=argument))
    assert first is not second, "each has its own place"


def test_no_secret_is_remembered() -> None:
    before = smtp_commands._parsed.cache_info()
    assert isinstance(command("AUTH", "PLAIN AGJvYgBib2Incw=="), Auth)
    assert smtp_commands._parsed.cache_info() == before


@pytest.mark.parametrize(
    "address",
    [
        "a@b",
        "a.b+c@x-y.example",
        '"a b"@c',
        '"a\\"> b"@c',
        "a@[127.0.0.1]",
        "a@[IPv6:::1]",
        "a@[tag:what!]",
        "æ@ø.example",
        "@relay.example,@other.example:a@b",
        "!#$%&'*+/=?^_`{|}~-@x",
    ],
)
def test_an_address_is_as_the_rfc_has_it(address: str) -> None:
    assert parse(f"MAIL FROM:<{address}>") == MailFrom(address=address)
    assert parse(f"RCPT TO:<{address}>") == RcptTo(address=address)


@pytest.mark.parametrize(
    "address", ["a", "a@", "@b", "a@b@c", ".a@b", "a..b@c", "a@-b", "a@b-", "a b@c", "a@[x]", "a@b."]
)
def test_what_is_no_address_is_said(address: str) -> None:
    assert parse(f"MAIL FROM:<{address}>").faults == ("501 5.1.7 that is no address",)
    assert parse(f"RCPT TO:<{address}>").faults == ("501 5.1.3 that is no address",)


def test_nobody_may_send_and_postmaster_may_receive() -> None:
    assert parse("MAIL FROM:<>").faults == parse("RCPT TO:<Postmaster>").faults == ()
    assert parse("RCPT TO:<>").faults
    assert parse("MAIL FROM:<postmaster>").faults


@pytest.mark.parametrize(
    ("address", "is_good"),
    [
        ("x" * MAIL_LOCAL_BYTES + "@b", True),
        ("x" * (MAIL_LOCAL_BYTES + 1) + "@b", False),
        ("æ" * (MAIL_LOCAL_BYTES // 2) + "x@b", False),
        ("a@" + "x" * (MAIL_PATH_BYTES - 4), True),
        ("a@" + "x" * (MAIL_PATH_BYTES - 3), False),
    ],
)
def test_an_address_is_as_long_as_its_limits_and_not_longer(address: str, is_good: bool) -> None:
    assert bool(parse(f"RCPT TO:<{address}>").faults) is not is_good


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("MAIL FROM:<a@b> size=1 BODY=8BITMIME smtputf8", {"SIZE": "1", "BODY": "8BITMIME", "SMTPUTF8": ""}),
        ("MAIL FROM:<a@b>  AUTH=<>  X-OWN=a-b", {"AUTH": "<>", "X-OWN": "a-b"}),
    ],
)
def test_parameters_have_names_and_values(line: str, event: dict[str, str]) -> None:
    assert parse(line) == MailFrom(address="a@b", parameters=event)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("MAIL FROM: <a@b>", "501 5.5.2 there is no blank"),
        ("MAIL FROM:a@b", "501 5.5.2 an address stands"),
        ("MAIL TO:<a@b>", "501 5.5.4 it is MAIL FROM:<address>"),
        ("MAIL", "501 5.5.4 it is MAIL FROM:<address>"),
        ("MAIL FROM:<a@b", "501 5.5.4 it is"),
        ("MAIL FROM:<a@b>x", "501 5.5.4 it is"),
        ('MAIL FROM:a"b', "501 5.5.4 it is"),
        ("MAIL FROM:<a@b> SIZE=x", "501 5.5.4 SIZE has no such value"),
        ("MAIL FROM:<a@b> SIZE", "501 5.5.4 SIZE has no such value"),
        ("MAIL FROM:<a@b> SMTPUTF8=1", "501 5.5.4 SMTPUTF8 has no such value"),
        ("MAIL FROM:<a@b> BODY=8", "501 5.5.4 BODY has no such value"),
        ("MAIL FROM:<a@b> A=1 a=2", "501 5.5.4 a=2 is no parameter, or there twice"),
        ("MAIL FROM:<a@b> =1", "501 5.5.4 =1 is no parameter"),
        ("RCPT FROM:<a@b>", "501 5.5.4 it is RCPT TO:<address>"),
        ("RCPT TO:<a@b> NOTIFY=NEVER,DELAY", "501 5.5.4 NOTIFY has no such value"),
        ("EHLO", "501 5.5.4 EHLO names"),
        ("EHLO under_score", "501 5.5.2 that is neither"),
        ("BDAT", "501 5.5.4 it is BDAT"),
        ("BDAT -1", "501 5.5.4 it is BDAT"),
        ("BDAT 123456789012345678901", "501 5.5.4 it is BDAT"),
        ("AUTH", "501 5.5.4 it is AUTH"),
        ("AUTH PLAIN a b", "501 5.5.4 it is AUTH"),
        ("AUTH PLAIN a!", "501 5.5.2 a mechanism"),
        ("DATA x", "501 5.5.4 DATA has no argument"),
        ("VRFY", "501 5.5.4 VRFY has an argument"),
    ],
)
def test_what_is_wrong_is_said_with_the_reply_to_give(line: str, fault: str) -> None:
    event = parse(line)
    assert event.faults[0].startswith(fault)
    refusal = event.refusal
    assert refusal is not None
    assert f"{refusal.code} {refusal.status} {refusal.lines[0]}" == event.faults[0]


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("BDAT 12", Bdat(size=12)),
        ("BDAT 0 last", Bdat(size=0, last=True)),
        ("AUTH plain =", Auth(mechanism="PLAIN", response="=")),
        ("HELO [::1]", None),
        ("LHLO x", Hello(verb="LHLO", domain="x")),
        ("NOOP what ever", Command(verb="NOOP", argument="what ever")),
    ],
)
def test_a_command_means_an_event(line: str, event: Line | None) -> None:
    if event is not None:
        assert parse(line) == event
    assert parse(parse(line).line).line == parse(line).line


@pytest.mark.parametrize(
    "make",
    [
        lambda: Command(verb="noop"),
        lambda: Command(verb="NOOP", argument="x\r\nQUIT"),
        lambda: Command(verb="NOOP", argument=" x"),
        lambda: Hello(domain=""),
        lambda: Hello(domain="x\n"),
        lambda: MailFrom(address="a>b"),
        lambda: RcptTo(address="a\r\n"),
        lambda: MailFrom(address="a", parameters={"a": ""}),
        lambda: MailFrom(address="a", parameters={"A": "b c"}),
        lambda: MailFrom(address="a", parameters={"A=": ""}),
        lambda: Bdat(size=-1),
        lambda: Bdat(size=10**20),
        lambda: Auth(mechanism="A B"),
        lambda: Auth(mechanism="A", response="b c"),
        lambda: Reply(code=250, status="4.0.0"),
        lambda: Reply(code=250, status="x"),
    ],
)
def test_what_could_not_be_said_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize(
    ("code", "lines", "status"),
    [
        (250, ("2.1.0 OK",), "2.1.0"),
        (550, ("5.1.1 a", "5.1.1 b"), "5.1.1"),
        (250, ("2.1.0 a", "2.1.5 b"), ""),
        (250, ("4.1.0 OK",), ""),
        (250, ("2.1.0",), ""),
        (250, ("2.1.0 a", "b"), ""),
        (220, ("mail.example",), ""),
    ],
)
def test_a_status_stands_before_every_line(code: int, lines: tuple[str, ...], status: str) -> None:
    found, rest = split_status(code, lines)
    assert found == status
    assert tuple(f"{status} {line}" if status else line for line in rest) == lines
