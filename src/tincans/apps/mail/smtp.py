"""The app `mail`: an SMTP and LMTP server (RFC 5321, RFC 2033) that takes every mail, and keeps it as it was sent.

A caller has a session, which knows the protocol, and a dialogue, which knows what to answer:

    channel ─► bytes ─► SmtpSession(strict) ─► events ─► Dialogue ─► replies ─► SmtpSession ─► bytes ─► channel
                                                  └─► text of a mail ─► Incoming, on its way to the disk

What came in one piece is answered in one piece (RFC 2920 §3.2). Whoever breaks a rule that others may read differently
(a lone LF or CR, something said behind STARTTLS or behind a DATA that was not answered yet) is told so, and the channel
is closed: none of what follows can be believed, and nothing of it is delivered ("SMTP smuggling").

A mail is there once its 250 was said. Whatever ends the channel before, the caller, the server or a timeout, has left
nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from functools import partial

from tincans.apps.mail.serving import Caller, MailServer, open_mails
from tincans.apps.mail.smtp_dialogue import Dialogue, House, own_name
from tincans.apps.settings import Settings
from tincans.channel import Channel, Side
from tincans.conversation import How
from tincans.errors import ChannelError, RemoteProtocolError, UsageError
from tincans.limits import PIPELINED_COMMANDS, SMTP_GOODBYE_SECONDS, SMTP_SECONDS
from tincans.protocols import sasl
from tincans.protocols.events import Event
from tincans.protocols.smtp import SmtpSession
from tincans.protocols.smtp_commands import Auth, Reply, written
from tincans.recording import Silence, number_of
from tincans.tasks import spawn

_SILENT = written(Reply(code=421, status="4.4.2", lines=(f"nothing was said for {SMTP_SECONDS:.0f} seconds",)))
_STOPPED = written(Reply(code=421, status="4.3.2", lines=("the server stops",)))
_WRONG = written(Reply(code=500, status="5.5.2", lines=("that breaks the rules of SMTP",)))

#: What is answered by a login, which may take its time.
_LOGIN = (Auth, sasl.Response)

#: A piece of this size has no more commands than may wait for their replies, as the shortest is an empty line.
_PIECE_BYTES = 2 * PIPELINED_COMMANDS


def load(settings: Settings) -> SmtpServer:
    """The app, told its settings. Raises `UsageError` where TLS or a login would be impossible."""
    if settings.guests is False and not settings.users:
        raise UsageError("nobody could send a mail: name users, or leave guests in")
    may_send, tls_first = settings.guests is not False, settings.tls == "required"
    wrap, name = settings.wrap(), own_name()
    return SmtpServer(lambda: House(open_mails(settings), settings.users, may_send, wrap, tls_first, name=name))


class SmtpServer(MailServer[House]):
    """The app."""

    def __init__(self, opening: Callable[[], House]) -> None:
        super().__init__(opening, _Caller)


class _Caller(Caller):
    def __init__(self, house: House, channel: Channel) -> None:
        super().__init__(channel)
        self._house = house
        self._session = SmtpSession(strict=True)
        self._dialogue = Dialogue(
            house, client=str(channel.remote.bare()), conversation=partial(number_of, channel),
            secure="tls.version" in channel.facts,
        )  # fmt: skip
        self._wrong: RemoteProtocolError | None = None

    async def attend(self) -> None:
        """As `Caller.attend`. What was not taken whole by then is discarded."""
        silence = Silence(SMTP_SECONDS, lambda: spawn(self._give_up(_SILENT)))
        try:
            await self.channel.send(self._said(self._dialogue.greeting))
            while not self._dialogue.over:
                if self._is_retired and not self._dialogue.is_in_mail:
                    await self._say_last(_STOPPED)
                    break
                self._listens = True
                data = await self.channel.receive()
                self._listens = False
                silence.said(Side.CLIENT, data)
                await self._hear(data)
        except asyncio.CancelledError:
            await self._say_last(_STOPPED)
            raise
        finally:
            silence.closed(How.FINISHED)
            self._dialogue.discard()

    async def _hear(self, data: bytes) -> None:
        """Act on what was said, and answer all of it at once."""
        answers: list[bytes] = []
        for piece in self._pieces(data) if len(data) > _PIECE_BYTES else (data,):
            await self._answer(piece, answers)
            if self._dialogue.over:
                break
        if answers:
            await self.channel.send(b"".join(answers))
        if self._dialogue.begins_tls:
            await self._begin_tls()

    async def _answer(self, data: bytes, answers: list[bytes]) -> None:
        dialogue, events = self._dialogue, self._read(data)
        while events:
            ahead = self._session.waiting(Side.CLIENT)
            for event in events:
                replies = await dialogue.log_in(event) if isinstance(event, _LOGIN) else dialogue.answer(event, ahead)
                answers.extend(map(self._said, replies))
                if dialogue.over:
                    return
            events = self._read(b"") if ahead else []  # what the answers have made readable
        if self._wrong is not None:
            dialogue.over = True
            answers.append(self._wrong.reply or _WRONG)

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """Commands in pieces of not too many; the text of a mail as it came."""
        if self._dialogue.takes_text:
            yield data
            return
        for start in range(0, len(data), _PIECE_BYTES):
            yield data[start : start + _PIECE_BYTES]

    def _read(self, data: bytes) -> list[Event]:
        """What was said; where it breaks the rules, what was said before that."""
        try:
            return self._session.receive(Side.CLIENT, data)
        except RemoteProtocolError as error:
            self._wrong = error
            return [event for event in error.before if isinstance(event, Event)]

    def _said(self, reply: Reply) -> bytes:
        return written(reply) if self._wrong is not None else self._session.send(Side.SERVER, reply)

    async def _begin_tls(self) -> None:
        assert self._house.wrap is not None
        await self._secure(self._house.wrap)
        self._session.secured()
        self._dialogue.secured()

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    def _leave(self) -> None:
        if not self._dialogue.is_in_mail:
            spawn(self._give_up(_STOPPED))

    async def _give_up(self, words: bytes) -> None:
        """Say why, and close the channel, though somebody waits for what comes: he is told that it is closed."""
        await self._say_last(words)
        await self.channel.aclose()

    async def _say_last(self, words: bytes) -> None:
        """Say why the channel is about to be closed, if the other side listens."""
        with contextlib.suppress(ChannelError, TimeoutError):
            async with asyncio.timeout(SMTP_GOODBYE_SECONDS):
                await self.channel.send(words)
