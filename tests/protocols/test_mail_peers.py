"""The mail protocols spoken with others: aiosmtpd as the server, the standard library's clients with servers of ours.

`with_server` runs a client of the standard library; `Talk` is a client of ours that plans nothing: it says what it is
told to, waits for as many replies as there were commands, and keeps both directions' bytes.
"""

from __future__ import annotations

import asyncio
import imaplib
import poplib
import smtplib
import time
import warnings
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailing import ImapServer, Pop3Server, SmtpServer, with_server
from tincans.channel import Channel, Side
from tincans.client import connect
from tincans.protocols import Event, find_protocol
from tincans.protocols import smtp_commands as smtp
from tincans.protocols.mail import EndOfMail, Text
from tincans.testing.sessions import joined

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # aiosmtpd's imports, which are not ours to mend
    from aiosmtpd.smtp import SMTP, Envelope

# ── a client of ours and aiosmtpd ─────────────────────────────────────────────────────────────────────────


class Handler:
    """What aiosmtpd says that it received."""

    def __init__(self) -> None:
        self.received: list[tuple[str | None, list[str], list[str], bytes]] = []

    async def handle_RCPT(self, _s: object, _c: object, envelope: Envelope, address: str, _o: object) -> str:  # noqa: N802
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _s: object, _c: object, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.mail_options, envelope.content))
        return "250 2.6.0 taken"


class Talk:
    """A client: a session that only knows what it says and hears."""

    def __init__(self, channel: Channel, *, strict: bool = True) -> None:
        self._channel = channel
        self._session = find_protocol("smtp").session(strict=strict)
        self.said: list[tuple[Side, bytes]] = []
        self.replies: list[smtp.Reply] = []

    async def hear(self) -> smtp.Reply:
        """The reply to come; it comes alone."""
        count = len(self.replies)
        while len(self.replies) == count:
            data = await self._channel.receive()
            self.said.append((Side.SERVER, data))
            heard = self._session.receive(Side.SERVER, data)
            self.replies += [event for event in heard if isinstance(event, smtp.Reply)]
        return self.replies[-1]

    async def say(self, *events: Event) -> None:
        data = b"".join(self._session.send(Side.CLIENT, event) for event in events)
        self.said.append((Side.CLIENT, data))
        await self._channel.send(data)


async def with_aiosmtpd(talk_to: Any, *, strict: bool = True) -> tuple[Handler, Talk]:
    handler = Handler()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="peer.example", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
    )
    async with server:
        channel = await connect(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        talk = Talk(channel, strict=strict)
        async with channel:
            await talk_to(talk)
        while any(task is not asyncio.current_task() and not task.done() for task in asyncio.all_tasks()):
            await asyncio.sleep(0)  # aiosmtpd sees the end
    return handler, talk


def hello() -> smtp.Hello:
    return smtp.Hello(domain="us.example")


_LINE = st.one_of(
    st.binary(max_size=80).map(lambda data: data.replace(b"\r", b".").replace(b"\n", b".")),
    st.sampled_from([b"", b".", b"..", b".x", b"Subject: x", b"x" * 998]),
)
_MAILS = st.lists(_LINE, max_size=12).map(lambda lines: b"".join(line + b"\r\n" for line in lines))
_NAMES = st.sampled_from(["ada", "bob", "nobody", "æ", '"a > b"', "x.y+z"])


class Mail:
    """A mail to send: from whom, to whom, its text in pieces."""

    def __init__(self, sender: str, recipients: list[str], text: bytes, cuts: list[int]) -> None:
        self.sender, self.recipients = f"{sender}@us.example", [f"{name}@peer.example" for name in recipients]
        self.text = text
        places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
        self.pieces = [text[start:end] for start, end in pairwise(places)]

    @property
    def wanted(self) -> list[str]:
        return [name for name in self.recipients if not name.startswith("nobody@")]

    async def send(self, talk: Talk) -> None:
        await talk.say(smtp.MailFrom(address=self.sender, parameters={"BODY": "8BITMIME", "SMTPUTF8": ""}))
        assert (await talk.hear()).code == 250
        for name in self.recipients:
            await talk.say(smtp.RcptTo(address=name))
            assert (await talk.hear()).code == (250 if name in self.wanted else 550)
        if not self.wanted:
            await talk.say(smtp.Command(verb="RSET"))
            assert (await talk.hear()).code == 250
            return
        await talk.say(smtp.Command(verb="DATA"))
        assert (await talk.hear()).code == 354
        await talk.say(*(Text(data=piece) for piece in self.pieces), EndOfMail())
        assert (await talk.hear()).code == 250


_A_MAIL = st.builds(
    Mail, _NAMES, st.lists(_NAMES, min_size=1, max_size=3), _MAILS, st.lists(st.integers(0, 2000), max_size=3)
)


@settings(max_examples=40)
@given(mails=st.lists(_A_MAIL, min_size=1, max_size=3))
def test_what_aiosmtpd_receives_is_what_both_directions_mean(mails: list[Mail]) -> None:
    async def send(talk: Talk) -> None:
        assert (await talk.hear()).code == 220
        await talk.say(hello())
        assert (await talk.hear()).code == 250
        for mail in mails:
            await mail.send(talk)
        await talk.say(smtp.Command(verb="QUIT"))
        assert (await talk.hear()).code == 221

    handler, talk = asyncio.run(with_aiosmtpd(send))
    options = ["BODY=8BITMIME", "SMTPUTF8"]
    wanted = [(mail.sender, mail.wanted, options, mail.text) for mail in mails if mail.wanted]
    assert handler.received == wanted
    assert decoded(talk.said) == wanted


def decoded(said: list[tuple[Side, bytes]]) -> list[tuple[str, list[str], list[str], bytes]]:
    """The mails that a recording of both directions has: senders, accepted recipients, parameters, texts."""
    session = find_protocol("smtp").session()
    mails, envelope, named = [], smtp.MailFrom(address=""), list[str]()
    content, asked, kept = b"", list[Event](), list[str]()
    for event in joined(event for side, data in said for event in session.receive(side, data)):
        assert not getattr(event, "faults", ()), event
        match event:
            case smtp.MailFrom():
                envelope, named, kept = event, [], []
            case smtp.RcptTo(address=address):
                named.append(address)
            case smtp.Reply(code=250) if named and asked and isinstance(asked[-1], smtp.RcptTo):
                kept.append(named[-1])
            case Text(data=data):
                content += data
            case EndOfMail():
                options = [f"{name}={value}" if value else name for name, value in envelope.parameters.items()]
                mails.append((envelope.address, kept, options, content))
                content = b""
        asked.append(event)
    return mails


_STEPS: dict[str, Event] = {
    "hello": hello(),
    "mail": smtp.MailFrom(address="ada@us.example"),
    "rcpt": smtp.RcptTo(address="bob@peer.example"),
    "refused": smtp.RcptTo(address="nobody@peer.example"),
    "data": smtp.Command(verb="DATA"),
    "rset": smtp.Command(verb="RSET"),
    "noop": smtp.Command(verb="NOOP"),
    "wrong": smtp.Command(verb="MAIL", argument="TO:<a@b>"),
    "unknown": smtp.Command(verb="HALP"),
}


@settings(max_examples=80)
@given(steps=st.lists(st.sampled_from(sorted(_STEPS)), max_size=12))
def test_what_is_out_of_order_here_is_out_of_order_for_aiosmtpd(steps: list[str]) -> None:
    async def walk(talk: Talk) -> None:
        await talk.hear()
        for step in steps:
            await talk.say(_STEPS[step])
            if (await talk.hear()).code == 354:
                await talk.say(Text(data=b"x\r\n"), EndOfMail())
                await talk.hear()

    _, talk = asyncio.run(with_aiosmtpd(walk, strict=False))
    session = find_protocol("smtp").session()
    events = [event for side, data in talk.said for event in session.receive(side, data)]
    asked = [event for event in events if isinstance(event, smtp.Line | EndOfMail)]
    replies = [event for event in events if isinstance(event, smtp.Reply)][1:]
    assert len(asked) == len(replies)
    for event, reply in zip(asked, replies, strict=True):
        if isinstance(event, smtp.Line) and event.refusal is not None:
            assert str(reply.code) in {fault[:3] for fault in event.faults}, f"{event.faults}, not {reply.summary}"
        elif event.bare() != _STEPS["refused"]:
            assert reply.kind in (2, 3), f"{event.summary} is in order here, and aiosmtpd says {reply.summary}"


# ── clients of the standard library, and servers of ours ──────────────────────────────────────────────────

MAIL = b"From: ada\r\nSubject: x\r\n\r\n.\r\n..two\r\n.x\r\n\r\nlast\r\n"


async def test_smtplib_sends_a_mail_to_a_strict_session() -> None:
    server = SmtpServer()

    def send(host: str, port: int) -> None:
        with smtplib.SMTP(host, port, "us.example") as client:
            refused = client.sendmail("ada@us.example", ["bob@tiny.example", "nobody@tiny.example"], MAIL)
            assert list(refused) == ["nobody@tiny.example"]
            client.sendmail("æ@us.example", ["ø@tiny.example"], b"\r\n", ["SMTPUTF8", "BODY=8BITMIME"])
            assert client.docmd("MAIL FROM:ada")[0] == 501
            assert client.docmd("RCPT", "TO:<bob@tiny.example>")[0] == 503
            assert client.noop()[0] == 250

    await with_server("smtp", server.greeting, server.answers, send)
    assert server.mails == [
        ("ada@us.example", ("bob@tiny.example",), MAIL),
        ("æ@us.example", ("ø@tiny.example",), b"\r\n"),
    ]
    assert len(server.refused) == 2


@settings(max_examples=25)
@given(text=_MAILS.filter(bool))
def test_a_mail_arrives_as_smtplib_sent_it(text: bytes) -> None:
    server = SmtpServer()

    def send(host: str, port: int) -> None:
        with smtplib.SMTP(host, port, "us.example") as client:
            client.sendmail("ada@us.example", ["bob@tiny.example"], text)

    asyncio.run(with_server("smtp", server.greeting, server.answers, send))
    assert server.mails == [("ada@us.example", ("bob@tiny.example",), text)]


@pytest.mark.parametrize(
    ("method", "responses"),
    [
        ("auth_plain", ["AGFkYQBsb3ZlbGFjZQ=="]),
        ("auth_login", ["YWRh", "bG92ZWxhY2U="]),
        ("auth_cram_md5", ["YWRhIDI5MTBhNzcyYTJkODI5MmRhN2U0NmQ0ZjA1NzJlMjZl"]),
    ],
)
async def test_smtplib_logs_in(method: str, responses: list[str]) -> None:
    server = SmtpServer()

    def log_in(host: str, port: int) -> None:
        with smtplib.SMTP(host, port, "us.example") as client:
            client.ehlo()
            client.user, client.password = "ada", "lovelace"
            name = method.removeprefix("auth_").replace("_", "-").upper()
            assert client.auth(name, getattr(client, method), initial_response_ok=method == "auth_plain")[0] == 235

    await with_server("smtp", server.greeting, server.answers, log_in)
    assert [len(response) for response in server.responses] == [len(response) for response in responses]
    if method != "auth_cram_md5":
        assert server.responses == responses


async def test_poplib_fetches_mails_from_a_strict_session() -> None:
    server = Pop3Server(MAIL, b"Subject: y\r\n\r\n")

    def fetch(host: str, port: int) -> None:
        client = poplib.POP3(host, port)
        assert set(client.capa()) == {"TOP", "UIDL", ".odd"}
        client.user("ada")
        client.pass_("lovelace")
        assert client.stat() == (2, len(MAIL) + 14)
        assert client.list()[1] == [b"1 %d" % len(MAIL), b"2 14"]
        assert client.uidl()[1] == [b"1 %d" % len(MAIL), b"2 14"]
        assert b"".join(line + b"\r\n" for line in client.retr(1)[1]) == MAIL
        assert client.top(2, 0)[1] == [b"Subject: y", b""]
        client.quit()

    await with_server("pop3", server.greeting, server.answers, fetch)


async def test_imaplib_appends_and_fetches() -> None:
    server = ImapServer()

    def speak(host: str, port: int) -> None:
        client = imaplib.IMAP4(host, port)
        client.login("ada", 'love"lace')
        assert client.append("Sent", "", imaplib.Time2Internaldate(time.time()), MAIL)[0] == "OK"
        assert client.select("Sent") == ("OK", [b"1"])
        assert client.search(None, "ALL") == ("OK", [b"1"])
        assert client.fetch("1", "(RFC822)") == ("OK", [(b"1 (RFC822 {%d}" % len(MAIL), MAIL), b")"])
        client.logout()

    await with_server("imap", server.greeting, server.answers, speak)
    assert server.mails == [MAIL]
    assert server.logins == ['ada "love\\"lace"']
