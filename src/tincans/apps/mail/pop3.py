"""The app `mail:pop3`: a POP3 server (RFC 1939) that gives out what the app `mail` took.

A caller has a session, which knows the protocol, and a dialogue, which knows what to answer:

    channel ─► bytes ─► Pop3Session(strict) ─► events ─► Dialogue ─► events ─► Pop3Session ─► bytes ─► channel

Answers to commands that came together are sent together (RFC 2449 §6.6), in pieces: a mail of any length takes no more
memory than one piece, and a client that reads slowly slows the reading of the file down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing

from tincans.apps.mail.pop3_dialogue import Answer, Dialogue, House
from tincans.apps.mail.serving import Caller, MailServer, open_mails
from tincans.apps.settings import Settings
from tincans.channel import Channel, Side
from tincans.conversation import How
from tincans.errors import RemoteProtocolError, UsageError
from tincans.limits import PIPELINED_COMMANDS, POP3_SECONDS
from tincans.protocols.events import Event
from tincans.protocols.pop3 import Pop3Session
from tincans.recording import Silence
from tincans.tasks import spawn

_WRONG = b"-ERR that breaks the rules of POP3\r\n"

#: What answers are gathered to before they are sent.
_ANSWER_BYTES = 64 * 1024


def load(settings: Settings) -> Pop3Server:
    """The app, told its settings. Raises `UsageError` where TLS or a login would be impossible."""
    if settings.guests is False and not settings.users:
        raise UsageError("nobody could read a mail: name users, or leave guests in")
    wrap, tls_first = settings.wrap(), settings.tls == "required"
    return Pop3Server(
        lambda: House(open_mails(settings), settings.users, wrap, tls_first, settings.days, settings.keep)
    )  # fmt: skip


class Pop3Server(MailServer[House]):
    """The app."""

    def __init__(self, opening: Callable[[], House]) -> None:
        super().__init__(opening, _Caller)


class _Caller(Caller):
    def __init__(self, house: House, channel: Channel) -> None:
        super().__init__(channel)
        self._house = house
        self._session = Pop3Session(strict=True)
        self._dialogue = Dialogue(house, secure="tls.version" in channel.facts)
        self._wrong: RemoteProtocolError | None = None
        self._said = bytearray()  # and not yet sent
        self._silence: Silence | None = None

    async def attend(self) -> None:
        """As `Caller.attend`. Only a QUIT deletes anything."""
        silence = self._silence = Silence(POP3_SECONDS, lambda: spawn(self.channel.aclose()))
        try:
            await self._say(self._dialogue.greeting)
            await self._flush()
            while not (self._dialogue.over or self._is_retired):
                self._listens = True
                data = await self.channel.receive()
                self._listens = False
                silence.said(Side.CLIENT, data)
                for start in range(0, len(data), PIPELINED_COMMANDS):  # so many at most: the shortest is an empty line
                    await self._hear(data[start : start + PIPELINED_COMMANDS])
                await self._flush()
                if self._dialogue.begins_tls:
                    await self._begin_tls()
        finally:
            silence.closed(How.FINISHED)
            self._dialogue.close()

    async def _hear(self, data: bytes) -> None:
        """Answer what was said."""
        events = self._read(data)
        while events and not self._dialogue.over:
            for event in events:
                await self._say(await self._dialogue.answer(event))
                if self._dialogue.over or self._dialogue.begins_tls:
                    break
            events = self._read(b"")  # what the answers have made readable
        if self._wrong is not None and not self._dialogue.over:
            self._dialogue.over = True
            self._said += self._wrong.reply or _WRONG

    def _read(self, data: bytes) -> list[Event]:
        """What was said; where it breaks the rules, what was said before that."""
        if self._wrong is not None or self._session.is_through:
            return []
        try:
            return self._session.receive(Side.CLIENT, data)
        except RemoteProtocolError as error:
            self._wrong = error
            return [event for event in error.before if isinstance(event, Event)]

    async def _say(self, answer: Answer) -> None:
        self._said += self._session.send(Side.SERVER, answer.event)
        if answer.behind is not None:
            with closing(answer.behind):  # whatever ends this: it has a file open
                for data in self._session.say_text(answer.behind):
                    self._said += data
                    if len(self._said) >= _ANSWER_BYTES:
                        await self._flush()
        elif len(self._said) >= _ANSWER_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        """Send what is said so far. Others have their turn: a client that reads quickly never makes us wait."""
        if self._said:
            data, self._said = self._said, bytearray()
            await self.channel.send(data)
            if self._silence is not None:
                self._silence.said(Side.SERVER, data)  # who reads slowly is not silent
            await asyncio.sleep(0)

    def _leave(self) -> None:
        """Without a word, as RFC 1939 §3 has it where nothing is said for too long, and then nothing is deleted."""
        spawn(self.channel.aclose())

    async def _begin_tls(self) -> None:
        assert self._house.wrap is not None
        await self._secure(self._house.wrap)
        self._session.secured()
        self._dialogue.secured()
