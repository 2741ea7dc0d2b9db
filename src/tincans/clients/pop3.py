"""A client of POP3 (RFC 1939): logs in, and lists, fetches and deletes the mails of one mailbox.

    +OK ──► CAPA ──► STLS ──+OK──► (TLS) CAPA ──► AUTH, or USER and PASS ──► LIST, UIDL, TOP, RETR, DELE ──► QUIT

What was marked to be deleted is deleted at `aclose`, which says QUIT, and at nothing else (RFC 1939 §6): who is aborted
or cut off has deleted nothing. Responses are read by the strict `Pop3Session`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType

import msgspec

from tincans.channel import Channel, Side
from tincans.clients.calling import Calling, begin_tls, call
from tincans.clients.login import Login, find_login
from tincans.clients.sasl import Answers, choose
from tincans.clients.url import Url
from tincans.errors import (
    ChannelError,
    EndOfStream,
    HandshakeFailed,
    LocalProtocolError,
    MailboxRefused,
    RemoteProtocolError,
)
from tincans.limits import GOODBYE_SECONDS, POP3_AHEAD
from tincans.protocols import sasl
from tincans.protocols.events import Event, Upgraded
from tincans.protocols.mail import EndOfMail, Text, heads
from tincans.protocols.pop3 import Challenge, Command, EndOfList, Item, Pop3Session, Status

#: The URLs of servers that give mails out.
SCHEMES = ("pop3", "pop3s")


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One mail in a mailbox, as a list shows it. The texts are decoded, and may hold anything but ends of lines."""

    #: In this session; `uid` names it for ever, and is empty where the server has no UIDL.
    number: int
    uid: str = ""
    size: int = 0
    from_: str = msgspec.field(name="from", default="")
    to: str = ""
    subject: str = ""
    date: str = ""


class Pop3Client:
    """A mailbox, opened. Made by `open_mailbox`; owns its channel. One task uses it at a time."""

    def __init__(self, channel: Channel, url: Url, how: Calling) -> None:
        self.channel, self.url, self.how = channel, url, how
        self._session = Pop3Session(strict=True)
        self._events: deque[Event] = deque()
        self._owed = 1  # responses that are still to come, or to be read to their end: the greeting
        #: What CAPA lists, by keyword in capitals, with what stands behind it.
        self.capabilities: dict[str, str] = {}

    # ── mails ─────────────────────────────────────────────────────────────────────────────────────────────

    async def letters(self, *, headers: bool = True) -> list[Letter]:
        """All mails of the mailbox, the oldest first; with what their headers say, where the server has TOP."""
        sizes = dict(_pair(line) for line in await self._list("LIST"))
        uids = dict(_pair(line) for line in await self._list("UIDL")) if "UIDL" in self.capabilities else {}
        found = {
            number: Letter(number=number, uid=uids.get(number, ""), size=_size(size)) for number, size in sizes.items()
        }
        if headers and "TOP" in self.capabilities:
            for number, header in zip(found, await self._tops(list(found)), strict=True):
                found[number] = _headed(found[number], header)
        return list(found.values())

    async def fetch(self, number: int, write: Callable[[bytes], object]) -> None:
        """Give the mail to `write`, piece by piece, as the server has it. Raises `MailboxRefused`: it is not there."""
        await self._say(Command(verb="RETR", argument=str(number)))
        self._accepted(await self._status(follows=True))
        async for piece in self._text():
            write(piece)

    async def delete(self, number: int) -> None:
        """Mark a mail to be deleted, by `aclose`. Raises `MailboxRefused`."""
        self._accepted(await self._ask(Command(verb="DELE", argument=str(number))))

    async def _list(self, verb: str) -> list[str]:
        """The lines of a list."""
        await self._say(Command(verb=verb))
        self._accepted(await self._status(follows=True))
        lines = []
        while isinstance(event := await self._event(), Item):
            lines.append(event.item)
        self._over(event, EndOfList)
        return lines

    async def _tops(self, numbers: Sequence[int]) -> list[bytes]:
        """The headers of these mails; empty where the server refuses one. Asked for ahead, a row at a time."""
        ahead = POP3_AHEAD if "PIPELINING" in self.capabilities else 1  # RFC 2449 §6.6
        headers = []
        for begin in range(0, len(numbers), ahead):
            row = numbers[begin : begin + ahead]
            for number in row:
                await self._say(Command(verb="TOP", argument=f"{number} 0"))
            headers += [await self._header() for _ in row]
        return headers

    async def _header(self) -> bytes:
        if not (await self._status(follows=True)).ok:
            return b""
        return b"".join([piece async for piece in self._text()])

    async def _text(self) -> AsyncIterator[bytes]:
        """A mail, or the beginning of one, to its end."""
        while isinstance(event := await self._event(), Text):
            yield event.data
        self._over(event, EndOfMail)

    def _over(self, event: Event, end: type[Event]) -> None:
        """What followed a response is over, if this is its end."""
        if not isinstance(event, end):
            raise RemoteProtocolError(f"the server goes on with {event.summary!r}")
        self._owed -= 1

    # ── the beginning ─────────────────────────────────────────────────────────────────────────────────────

    async def begin(self) -> None:
        """From the greeting to the login."""
        self._accepted(await self._status())
        await self._learn()
        if self.how.starttls and not self.url.tls:
            await self._secure()
            await self._learn()
        login = find_login(self.url, self.how.ask)
        if login is None:
            raise MailboxRefused(self.url, "a mailbox is opened by name and password, and the URL names nobody")
        await self._log_in(login)

    async def _learn(self) -> None:
        """CAPA; a server without it has UIDL and TOP perhaps, and is asked for neither (RFC 2449 §5)."""
        try:
            words = [line.split(None, 1) for line in await self._list("CAPA") if line.strip()]
        except MailboxRefused:
            words = []
        self.capabilities = {first.upper(): "".join(rest) for first, *rest in words}

    async def _secure(self) -> None:
        """RFC 2595 §4."""
        status = await self._ask(Command(verb="STLS"))
        if not status.ok:
            raise HandshakeFailed(self.url.without_secrets(), f"it does not begin TLS: {status.message}")
        self.channel = await begin_tls(self.channel, self._session, self.url, self.how)

    async def _log_in(self, login: Login) -> None:
        mechanism = choose(self.capabilities.get("SASL", "").split())
        if mechanism in ("", "LOGIN"):
            self._accepted(await self._ask(Command(verb="USER", argument=login.user)))
            self._accepted(await self._ask(Command(verb="PASS", argument=login.password)))
            return
        answers = Answers(mechanism, login)
        await self._say(Command(verb="AUTH", argument=f"{mechanism} {answers.first}"))
        while isinstance(event := await self._event(), Challenge):
            await self._say(sasl.Response(response=answers.answer(event.challenge)))
        self._over(event, Status)
        assert isinstance(event, Status)
        self._accepted(event)
        answers.finish()

    # ── commands and responses ────────────────────────────────────────────────────────────────────────────

    async def _ask(self, command: Command) -> Status:
        await self._say(command)
        return await self._status()

    def _accepted(self, status: Status) -> None:
        if not status.ok:
            raise MailboxRefused(self.url, status.message or "no")

    async def _say(self, event: Event) -> None:
        self._owed += isinstance(event, Command)
        try:
            async with asyncio.timeout(self.how.patience):
                await self.channel.send(self._session.send(Side.CLIENT, event))
        except TimeoutError as error:
            raise MailboxRefused(self.url, f"nothing, and took nothing for {self.how.patience:g} s") from error

    async def _status(self, *, follows: bool = False) -> Status:
        """A response; `follows`: behind +OK there is more of it, which is to be read."""
        event = await self._event()
        if not isinstance(event, Status):
            raise RemoteProtocolError(f"{event.summary!r} is no response to what was asked")
        self._owed -= not (follows and event.ok)
        return event

    async def _event(self) -> Event:
        """What the server says next. Raises `RemoteProtocolError`, `ChannelError`, and `MailboxRefused` when late."""
        while not self._events:
            try:
                async with asyncio.timeout(self.how.patience):
                    data = await self.channel.receive()
            except TimeoutError as error:
                raise MailboxRefused(self.url, f"nothing for {self.how.patience:g} s") from error
            events = self._session.receive(Side.SERVER, data)
            self._events += [event for event in events if not isinstance(event, Upgraded)]
        return self._events.popleft()

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────

    async def aclose(self) -> None:
        """Say goodbye, by which what was marked is deleted, and close. Raises `MailboxRefused` where that failed."""
        try:
            if not self._owed:
                async with asyncio.timeout(GOODBYE_SECONDS):
                    self._accepted(await self._ask(Command(verb="QUIT")))
        except (ChannelError, TimeoutError, LocalProtocolError):
            pass
        finally:
            await self.channel.aclose()

    def abort(self) -> None:
        """Close at once; nothing is deleted."""
        self.channel.abort()

    async def __aenter__(self) -> Pop3Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.aclose()
        else:
            self.abort()  # without QUIT, so that nothing is deleted


async def open_mailbox(url: Url, how: Calling) -> Pop3Client:
    """Call a server and open the mailbox of whom the URL or netrc names.

    Raises `ConnectError`, `MailboxRefused` and `ChannelError`; then, and when it is cancelled, all is closed.
    """
    client = Pop3Client(await call(url, how), url, how)
    try:
        await client.begin()
    except MailboxRefused:
        await client.aclose()
        raise
    except BaseException as error:
        client.abort()
        if isinstance(error, EndOfStream):
            raise RemoteProtocolError("the server hung up before the mailbox was open") from error
        raise
    return client


def _pair(line: str) -> tuple[int, str]:
    """A line of LIST or UIDL: the mail's number, and what is said of it."""
    number, _, rest = line.partition(" ")
    if not (number.isascii() and number.isdecimal() and rest.strip()):
        raise RemoteProtocolError(f"{line!r} is no line about a mail")
    return int(number), rest.split()[0]


def _size(word: str) -> int:
    return int(word) if word.isascii() and word.isdecimal() else 0


def _headed(letter: Letter, header: bytes) -> Letter:
    """The same, with what its header says; never raises, whatever that is."""
    mail = message_from_bytes(header, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    known = {name: " ".join(value.split()) for name, value in heads(mail)}
    return msgspec.structs.replace(
        letter, from_=known.get("From", ""), to=known.get("To", ""), subject=known.get("Subject", ""),
        date=known.get("Date", ""),
    )  # fmt: skip
