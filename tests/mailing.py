"""Tiny mail servers made of strict sessions, and what runs them: partners for the standard library's clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from tincans.address import Address
from tincans.channel import Channel, Side
from tincans.errors import EndOfStream
from tincans.protocols import Event, Session, find_protocol, imap, pop3, sasl
from tincans.protocols import smtp_commands as smtp
from tincans.protocols.mail import EndOfMail, Text
from tincans.server import serve

#: Answers one event of the client's.
Answers = Callable[[Event], Iterable[Event]]


async def attend(channel: Channel, session: Session, greeting: Event, answers: Answers) -> None:
    """Serve one caller until it ends."""
    await channel.send(session.send(Side.SERVER, greeting))
    while True:
        try:
            events = session.receive(Side.CLIENT, await channel.receive())
        except EndOfStream:
            return
        while events:
            for event in events:
                for answer in answers(event):
                    await channel.send(session.send(Side.SERVER, answer))
            events = session.receive(Side.CLIENT, b"")  # what the answers have made readable


async def with_server(protocol: str, greeting: Event, answers: Answers, client: Callable[[str, int], None]) -> None:
    """Run `client(host, port)`, which blocks, in a thread, beside a server of it."""

    async def app(channel: Channel) -> None:
        await attend(channel, find_protocol(protocol).session(strict=True), greeting, answers)

    async with await serve("tcp://127.0.0.1:0", app) as server:
        assert isinstance(server.address, Address)
        await asyncio.to_thread(client, "127.0.0.1", server.address.port or 0)


class SmtpServer:
    """Takes every mail but those for `nobody@`, and keeps who sent it to whom, and its text."""

    greeting = smtp.Reply(code=220, lines=("tiny.example ESMTP",))
    offers = ("tiny.example", "PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING", "AUTH PLAIN LOGIN CRAM-MD5")

    def __init__(self) -> None:
        self.mails: list[tuple[str, tuple[str, ...], bytes]] = []
        self.refused: list[str] = []
        self.responses: list[str] = []
        self._sender, self._recipients, self._text = "", list[str](), bytearray()

    def answers(self, event: Event) -> Iterator[Event]:
        if isinstance(event, smtp.Line) and event.refusal is not None:
            self.refused.append(event.faults[0])
            yield event.refusal
            return
        match event:
            case smtp.Hello():
                yield smtp.Reply(code=250, lines=self.offers)
            case smtp.MailFrom(address=address):
                self._sender, self._recipients = address, []
                yield _ok()
            case smtp.RcptTo(address=address) if address.startswith("nobody@"):
                yield smtp.Reply(code=550, status="5.1.1", lines=("no such mailbox",))
            case smtp.RcptTo(address=address):
                self._recipients.append(address)
                yield _ok()
            case smtp.Command(verb="DATA"):
                yield smtp.Reply(code=354, lines=("go on",))
            case Text(data=data):
                self._text += data
            case EndOfMail():
                self.mails.append((self._sender, tuple(self._recipients), bytes(self._text)))
                self._text.clear()
                yield _ok()
            case smtp.Auth(mechanism="PLAIN", response=response) if response:
                yield self._judge(response)
            case smtp.Auth(mechanism=mechanism):
                yield smtp.Reply(
                    code=334, lines=({"LOGIN": "VXNlcm5hbWU6", "CRAM-MD5": "PDFAdGlueT4="}.get(mechanism, ""),)
                )
            case sasl.Response(response=response, secret=False):
                self.responses.append(response)
                yield smtp.Reply(code=334, lines=("UGFzc3dvcmQ6",))
            case sasl.Response(response=response):
                yield self._judge(response)
            case smtp.Command(verb="QUIT"):
                yield smtp.Reply(code=221, status="2.0.0", lines=("bye",))
            case smtp.Command():
                yield _ok()

    def _judge(self, response: str) -> Event:
        self.responses.append(response)
        return smtp.Reply(code=235, status="2.7.0", lines=("it is you",))


def _ok() -> smtp.Reply:
    return smtp.Reply(code=250, status="2.0.0", lines=("OK",))


class Pop3Server:
    """Has some mails for everybody."""

    greeting = pop3.Status(ok=True, message="ready <1.2@tiny.example>")

    def __init__(self, *mails: bytes) -> None:
        self._mails = mails

    def answers(self, event: Event) -> Iterator[Event]:
        assert isinstance(event, pop3.Command)
        assert not event.faults
        number = int(event.argument.split()[0]) if event.argument[:1].isdigit() else 0
        yield pop3.Status(ok=True, message=f"{len(self._mails)} {sum(map(len, self._mails))}")
        match event:
            case pop3.Command(verb="LIST" | "UIDL", argument=""):
                yield from (pop3.Item(item=f"{at} {len(mail)}") for at, mail in enumerate(self._mails, 1))
                yield pop3.EndOfList()
            case pop3.Command(verb="CAPA"):
                yield from (pop3.Item(item=item) for item in ("TOP", "UIDL", ".odd"))
                yield pop3.EndOfList()
            case pop3.Command(verb="RETR"):
                yield Text(data=self._mails[number - 1])
                yield EndOfMail()
            case pop3.Command(verb="TOP"):
                yield Text(data=self._mails[number - 1].partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
                yield EndOfMail()


class ImapServer:
    """Has one mailbox; what is appended can be fetched."""

    greeting = imap.Untagged(response="OK [CAPABILITY IMAP4rev1] ready")

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.logins: list[str] = []
        self._command: imap.Command | None = None
        self._literal = b""

    def answers(self, event: Event) -> Iterator[Event]:
        match event:
            case imap.Command(arguments=arguments):
                assert not event.faults
                self._command = event
                if arguments.endswith("}"):
                    yield imap.Continuation(message="go on")
                else:
                    yield from self._do(event)
            case imap.Literal(data=data):
                self._literal += data
            case imap.More():
                assert self._command is not None
                yield from self._do(self._command)

    def _do(self, command: imap.Command) -> Iterator[Event]:
        match command.name:
            case "CAPABILITY":
                yield imap.Untagged(response="CAPABILITY IMAP4rev1")
            case "LOGIN":
                self.logins.append(command.arguments)
            case "SELECT":
                yield imap.Untagged(response=f"{len(self.mails)} EXISTS")
            case "APPEND":
                self.mails.append(self._literal)
                self._literal = b""
            case "SEARCH":
                yield imap.Untagged(response="SEARCH " + " ".join(map(str, range(1, len(self.mails) + 1))))
            case "FETCH":
                yield from self._fetch(int(command.arguments.split()[0]))
            case "LOGOUT":
                yield imap.Untagged(response="BYE")
        yield imap.Tagged(tag=command.tag, status="OK", message="done")

    def _fetch(self, number: int) -> Iterator[Event]:
        mail = self.mails[number - 1]
        yield imap.Untagged(response=f"{number} FETCH (RFC822 {{{len(mail)}}}")
        if mail:
            yield imap.Literal(data=mail)
        yield imap.More(words=")")
