"""A client of SMTP and LMTP: says who it is, logs in, and hands mails over, several on one connection.

    220 ──► EHLO ──► STARTTLS ──220──► (TLS) EHLO ──► AUTH … 235 ──► mails ──► QUIT
    a mail:  MAIL, RCPT, RCPT … in one piece where the server takes that (RFC 2920) ──► DATA ──354──► text . ──250──►

With LMTP the answer behind the text is one for each recipient (RFC 2033 §4.2). Replies are read by the strict
`SmtpSession`, which also sees to it that no line of a text can become a command.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from types import TracebackType
from typing import NamedTuple

from tincans.channel import Channel, Side
from tincans.clients.calling import Calling, begin_tls, call
from tincans.clients.login import find_login
from tincans.clients.sasl import Answers, choose
from tincans.clients.url import Url
from tincans.errors import (
    ChannelError,
    EndOfStream,
    HandshakeFailed,
    LocalProtocolError,
    MailRefused,
    RemoteProtocolError,
)
from tincans.limits import GOODBYE_SECONDS
from tincans.protocols import sasl
from tincans.protocols.events import Event
from tincans.protocols.mail import EndOfMail, Text
from tincans.protocols.smtp import SmtpSession
from tincans.protocols.smtp_commands import Auth, Command, Hello, MailFrom, RcptTo, Reply

#: The URLs of servers that take mails.
SCHEMES = ("smtp", "smtps", "lmtp")


class Delivered(NamedTuple):
    """What became of a mail: who gets it, who does not and why, and what the server said at its end."""

    accepted: tuple[str, ...]
    refused: dict[str, str]
    reply: str


class SmtpClient:
    """A connection on which mails are handed over. Made by `open_smtp`; owns its channel. One task uses it."""

    def __init__(self, channel: Channel, url: Url, how: Calling) -> None:
        self.channel, self.url, self.how = channel, url, how
        self._session = SmtpSession(strict=True)
        self._replies: deque[Reply] = deque()
        self._owed = 1  # replies that are still to come: the greeting
        #: What the server's EHLO lists, by keyword in capitals, with what stands behind it.
        self.extensions: dict[str, str] = {}

    @property
    def _is_lmtp(self) -> bool:
        return self.url.scheme == "lmtp"

    # ── one mail ──────────────────────────────────────────────────────────────────────────────────────────

    async def deliver(
        self, sender: str, recipients: Sequence[str], text: Iterable[bytes], *, size: int = 0
    ) -> Delivered:
        """Hand one mail over. `text` is the mail in pieces, its lines ended by CR LF; `size` its bytes, where known.

        Raises `MailRefused` where nobody gets it: another may follow on this connection then. Where some recipients are
        refused the others get it, and the result says so. Cancelling leaves the connection of no use: abort it.
        """
        begin = self._begin_mail(sender, recipients, size)
        refused: dict[str, str] = {}
        first, *others = await self._ask_all([begin, *(self._recipient(each) for each in recipients)])
        if first.kind == 2:
            refused = {each: reply.summary for each, reply in zip(recipients, others, strict=True) if reply.kind != 2}
        if first.kind != 2 or len(refused) == len(recipients):
            await self._ask(Command(verb="RSET"))
            raise MailRefused(self.url, (first if first.kind != 2 else others[0]).summary)
        accepted = [each for each in recipients if each not in refused]
        return await self._say_text(accepted, refused, text)

    def _begin_mail(self, sender: str, recipients: Sequence[str], size: int) -> MailFrom:
        parameters: dict[str, str] = {}
        most = self.extensions.get("SIZE", "")
        if size and "SIZE" in self.extensions:
            if most.isdecimal() and 0 < int(most) < size:
                raise MailRefused(self.url, f"the mail has {size} bytes, and it takes {most} at most")
            parameters["SIZE"] = str(size)
        if "8BITMIME" in self.extensions:
            parameters["BODY"] = "8BITMIME"
        if not all(map(str.isascii, [sender, *recipients])):
            if "SMTPUTF8" not in self.extensions:
                raise MailRefused(self.url, "it does not take addresses beyond ASCII (SMTPUTF8)")
            parameters["SMTPUTF8"] = ""
        return MailFrom(address=_address(sender), parameters=parameters)

    def _recipient(self, address: str) -> RcptTo:
        return RcptTo(address=_address(address))

    async def _say_text(self, accepted: list[str], refused: dict[str, str], text: Iterable[bytes]) -> Delivered:
        reply = await self._ask(Command(verb="DATA"))
        if reply.code != 354:
            raise MailRefused(self.url, reply.summary)
        self._owed += len(accepted) if self._is_lmtp else 1
        ended = True
        for piece in text:
            if piece:
                await self._say(Text(data=piece))
                ended = piece.endswith(b"\r\n")
        if not ended:
            await self._say(Text(data=b"\r\n"))
        await self._say(EndOfMail())
        return await self._conclude(accepted, refused)

    async def _conclude(self, accepted: list[str], refused: dict[str, str]) -> Delivered:
        """What the server says of the whole mail: to all recipients together, or with LMTP to each."""
        if not self._is_lmtp:
            reply = await self._reply()
            self._accepted(reply)
            return Delivered(tuple(accepted), refused, reply.summary)
        said = {each: await self._reply() for each in accepted}
        good = {each: reply.summary for each, reply in said.items() if reply.kind == 2}
        bad = {each: reply.summary for each, reply in said.items() if reply.kind != 2}
        if not good:
            raise MailRefused(self.url, next(iter(bad.values())))
        return Delivered(tuple(good), {**refused, **bad}, next(iter(good.values())))

    # ── the beginning ─────────────────────────────────────────────────────────────────────────────────────

    async def begin(self) -> None:
        """From the greeting to the login."""
        self._accepted(await self._reply())
        await self._say_hello()
        if self.how.starttls and not self.url.tls:
            await self._secure()
            await self._say_hello()
        await self._log_in()

    async def _say_hello(self) -> None:
        """EHLO, and HELO where that is not known (RFC 5321 §4.1.4)."""
        name = _own_name(self.channel)
        reply = await self._ask(Hello(verb="LHLO" if self._is_lmtp else "EHLO", domain=name))
        if reply.kind == 5 and not self._is_lmtp:
            reply = await self._ask(Hello(verb="HELO", domain=name))
            self.extensions = {}
        else:
            words = [line.split(None, 1) for line in reply.lines[1:] if line.strip()]
            self.extensions = {first.upper(): "".join(rest) for first, *rest in words}
        self._accepted(reply)

    async def _secure(self) -> None:
        """RFC 3207."""
        reply = await self._ask(Command(verb="STARTTLS"))
        if reply.code != 220:
            raise HandshakeFailed(self.url.without_secrets(), f"it does not begin TLS: {reply.summary}")
        self.channel = await begin_tls(self.channel, self._session, self.url, self.how)

    async def _log_in(self) -> None:
        """Where somebody is named: by the URL, or for this host by netrc."""
        login = find_login(self.url, self.how.ask)
        if login is None:
            return
        mechanism = choose(self.extensions.get("AUTH", "").split())
        if not mechanism:
            raise MailRefused(self.url, "it offers no login that is known here (SCRAM-SHA-256, PLAIN, LOGIN)")
        answers = Answers(mechanism, login)
        reply = await self._ask(Auth(mechanism=mechanism, response=answers.first or ""))
        while reply.code == 334:
            reply = await self._ask(sasl.Response(response=answers.answer(reply.lines[0])))
        self._accepted(reply)
        answers.finish()

    def _accepted(self, reply: Reply) -> None:
        if reply.kind != 2:
            raise MailRefused(self.url, reply.summary)

    # ── commands and replies ──────────────────────────────────────────────────────────────────────────────

    async def _ask(self, event: Event) -> Reply:
        """Say it, and give the reply. Raises as `_reply` does."""
        await self._say(event)
        self._owed += 1
        return await self._reply()

    async def _ask_all(self, events: Sequence[Event]) -> list[Reply]:
        """All of them in one piece, where the server takes that; else one after the other."""
        if "PIPELINING" not in self.extensions:
            return [await self._ask(event) for event in events]
        self._owed += len(events)
        await self._send(b"".join([self._session.send(Side.CLIENT, event) for event in events]))
        return [await self._reply() for _ in events]

    async def _say(self, event: Event) -> None:
        await self._send(self._session.send(Side.CLIENT, event))

    async def _send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self.how.patience):
                await self.channel.send(data)
        except TimeoutError as error:
            raise MailRefused(self.url, f"the server took nothing for {self.how.patience:g} s") from error

    async def _reply(self) -> Reply:
        """The next reply. Raises `RemoteProtocolError`, `ChannelError`, and `MailRefused` after `how.patience`."""
        while not self._replies:
            try:
                async with asyncio.timeout(self.how.patience):
                    data = await self.channel.receive()
            except TimeoutError as error:
                raise MailRefused(self.url, f"the server said nothing for {self.how.patience:g} s") from error
            events = self._session.receive(Side.SERVER, data)
            self._replies += [event for event in events if isinstance(event, Reply)]
        self._owed -= 1
        return self._replies.popleft()

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────

    async def aclose(self) -> None:
        """Say goodbye, where the server still listens, and close."""
        try:
            if not self._owed:
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self._ask(Command(verb="QUIT"))
        except (ChannelError, TimeoutError, LocalProtocolError, MailRefused):
            pass
        finally:
            await self.channel.aclose()

    def abort(self) -> None:
        self.channel.abort()

    async def __aenter__(self) -> SmtpClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, MailRefused):
            await self.aclose()
        else:
            self.abort()


async def open_smtp(url: Url, how: Calling) -> SmtpClient:
    """Call a server, say hello and log in where the URL or netrc says as whom.

    Raises `ConnectError`, `MailRefused` and `ChannelError`; then, and when it is cancelled, all is closed.
    """
    client = SmtpClient(await call(url, how), url, how)
    try:
        await client.begin()
    except MailRefused:
        await client.aclose()
        raise
    except BaseException as error:
        client.abort()
        if isinstance(error, EndOfStream):
            raise RemoteProtocolError("the server hung up before it was ready for a mail") from error
        raise
    return client


def _address(address: str) -> str:
    """As it stands between < and >. Raises `LocalProtocolError` at what could be a second command."""
    if any(character in address for character in "<>\r\n\0"):
        raise LocalProtocolError(f"{address!r} is no address of mail")
    return address


def _own_name(channel: Channel) -> str:
    """What we call ourselves: our address, as a name could not be looked up by the other side (RFC 5321 §4.1.3)."""
    try:
        address = ip_address(channel.local.host.partition("%")[0])
    except ValueError:
        return "localhost"
    return f"[{'IPv6:' if address.version == 6 else ''}{address}]"
