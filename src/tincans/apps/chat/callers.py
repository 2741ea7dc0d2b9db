"""A caller who says lines: what the doors for programs and for people have in common.

    receive ─► whole lines ─► hear(line) ─► the hub
                                 └─ an awaitable: what they said next waits for it, and nobody else does

All lines that came together are acted upon in one turn, and their effects leave in one piece. Nothing more is received
from who does not read what is said to him, or is too quick (`pace.py`). Who ends what he says has left, once he was
told all that there was.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Awaitable

from tincans.apps.chat.hub import Hub
from tincans.apps.chat.lines import Lines
from tincans.apps.chat.member import Form, Member
from tincans.apps.chat.outbox import Outbox
from tincans.apps.chat.pace import Pace
from tincans.apps.chat.places import host_of
from tincans.apps.chat.refusals import Refused, Why
from tincans.channel import Channel
from tincans.errors import ChannelError, EndOfStream, reason_of
from tincans.limits import (
    CHAT_PONG_SECONDS,
    CHAT_REGISTER_SECONDS,
    GOODBYE_SECONDS,
    LOGIN_ATTEMPTS,
    LOGIN_REST_SECONDS,
)


class Caller(Member):
    """A member who says lines, or, where the channel has boundaries, a line a message."""

    __slots__ = ("_lines", "_pace", "_patience", "_wrong", "channel", "farewell", "hub", "over")

    #: A caller has what to be told by.
    outbox: Outbox

    def __init__(self, hub: Hub, channel: Channel, form: Form) -> None:
        super().__init__(host_of(channel), form, Outbox(channel, hub.flusher, self._overrun))
        self.hub, self.channel = hub, channel
        #: Nothing more is heard.
        self.over = False
        #: What others are told of why he left.
        self.farewell = ""
        self._lines, self._pace = Lines(), Pace(hub.flood)
        self._patience = asyncio.timeout(CHAT_REGISTER_SECONDS)
        self._wrong = 0  # logins
        hub.retiring.append(self._retire)  # until he is a member, whom the hub itself lets go

    @abstractmethod
    def hear(self, line: bytes) -> Awaitable[None] | None:
        """Act upon a line; what is to be awaited before the next is heard, if anything."""

    @abstractmethod
    def part_from(self, text: str) -> bytes:
        """The last that is said, and why."""

    @abstractmethod
    def too_long(self) -> None:
        """Say that a line was too long, and nothing more is heard."""

    @property
    def is_in(self) -> bool:
        """Whether the hub has let him in."""
        return self.entered > 0

    async def serve(self, first: bytes) -> None:
        """Talk to the end; `first` was received already. Raises what the channel does, and then he has left, too."""
        try:
            await self._serve(first)
        finally:
            self.hub.leave(self, self.farewell)
            self.outbox.close()
            if not self.is_in:
                self.hub.retiring.remove(self._retire)

    async def _serve(self, first: bytes) -> None:
        ended = False
        try:
            async with self._patience:
                await self._listen(first)
        except EndOfStream:
            ended = True
        except TimeoutError:
            if not self.over:
                self.dismiss("silent")
        self.hub.leave(self, self.farewell)
        await self._finish(ended=ended)

    async def _listen(self, data: bytes) -> None:
        channel, loop = self.channel, asyncio.get_running_loop()
        try:
            while True:
                await self._hear_all([data] if channel.traits.boundaries and data else self._lines.feed(data))
                if self._lines.too_long and not self.over:
                    self.too_long()
                if self.over:
                    return
                data = await channel.receive()
                self.heard = loop.time()
        except EndOfStream:
            await self._hear_all(self._lines.end())
            raise

    async def _hear_all(self, said: list[bytes]) -> None:
        loop = asyncio.get_running_loop()
        for line in said:
            if wait := self._pace.step(loop.time()):
                await asyncio.sleep(wait)
            if (rest := self.hear(line)) is not None:
                await rest
            if self.over:
                return
            if self.outbox.waits:
                await self.outbox.drained()

    async def _finish(self, *, ended: bool) -> None:
        """Have all said that there is. Who has not ended is waited for shortly: a close would take it from him."""
        try:
            async with asyncio.timeout(CHAT_PONG_SECONDS if ended else GOODBYE_SECONDS):
                await self.outbox.drained()
                if not ended:
                    await self.channel.send_eof()
                    while True:
                        await self.channel.receive()
        except (ChannelError, TimeoutError):
            pass

    # ── coming and going ──────────────────────────────────────────────────────────────────────────────────

    def enter(self, nick: str = "") -> None:
        """Come in, called so, or as the account, or as a guest. Raises `Refused`."""
        self.hub.enter(self, nick or self._free_nick())
        self.hub.retiring.remove(self._retire)
        self._wait_until(None)

    def _free_nick(self) -> str:
        try:
            self.hub.check_nick(self.account, self)
        except Refused:
            return self.hub.free_nick(self.account or "guest")
        return self.account

    async def check_login(self, name: str, password: str) -> None:
        """Whether this is he. What is wrong is answered late, and at last is the end. Raises `Refused`."""
        if self.hub.users and await self.hub.users.check(name, password):
            return
        await asyncio.sleep(LOGIN_REST_SECONDS)
        self._wrong += 1
        self.over = self._wrong >= LOGIN_ATTEMPTS
        raise Refused(Why.WRONG_PASSWORD, "the name or the password is wrong")

    def dismiss(self, text: str) -> None:
        self.over = True
        self.outbox.last(self.part_from(text))
        self._wait_until(0)

    def _wait_until(self, when: float | None) -> None:
        """How long the caller is listened to, whatever he is waited for; in the loop's seconds."""
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._patience.reschedule(when)

    def _retire(self) -> None:
        self.dismiss("the hub stops")

    def _overrun(self) -> None:
        self.hub.dismiss(self, "too slow")


def unreadable(error: OSError) -> Refused:
    """What a member is told of a history that cannot be read."""
    return Refused(Why.DISK, f"the history cannot be read: {reason_of(error)}")
