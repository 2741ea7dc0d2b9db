"""The line to a hub: who we are there, which commands have no answer yet, and, if asked for, calling again when lost.

    call ─► hello ─► welcome ─► restore (rooms, messages that were on their way) ─► ready: commands go out
      ▲                                                                              │
      └──── pauses that double, RETRY_FIRST … RETRY_MOST ◄──── the hub is lost ◄─────┘

Commands that are given while it is not ready wait, and those that had no answer are said again. A hub that says nothing
is asked every CHAT_ALIVE_SECONDS whether it is there, and is lost when it does not say so within CHAT_PONG_SECONDS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple, Protocol

from tincans.address import Address
from tincans.clients.calling import Calling
from tincans.clients.chat_link import Link, open_link
from tincans.clients.chat_wire import Bye, Event, Ping, Refused, Renamed, Welcome, command
from tincans.clients.login import find_login
from tincans.clients.url import Url
from tincans.errors import (
    CertificateNotTrusted,
    ChannelBroken,
    ChannelClosed,
    ChannelError,
    ChatRefused,
    ConnectError,
    ConnectTimedOut,
    EndOfStream,
    RemoteProtocolError,
    UsageError,
)
from tincans.limits import CHAT_ALIVE_SECONDS, CHAT_PONG_SECONDS, RETRY_FIRST, RETRY_MOST
from tincans.tasks import spawn, wake

#: How the words begin with which a hub lets somebody go who may call again: all others are an operator's reasons, or a
#: rule that we have broken. And what is no better a second time.
_FOR_NOW = ("the hub stops", "too slow", "silent")
_FINAL = (ChatRefused, RemoteProtocolError, CertificateNotTrusted)

#: Signs that are put behind a nick at most, one after the other.
_SIGNS = 9


class Me(NamedTuple):
    """Who we want to be on a hub."""

    #: Empty for a guest's.
    nick: str = ""
    #: To log in; a password that is empty is netrc's, or asked for where `Calling.ask` can.
    name: str = ""
    password: str = ""
    #: What we call our program.
    client: str = "tincans"
    #: Put signs behind the nick where somebody has it, instead of being refused.
    yields: bool = False


#: Finds where the hub is now, whenever it is called again. Raises `ConnectError` where it is nowhere yet.
Find = Callable[[], Awaitable[Address]]


class Ear(Protocol):
    """Who listens to a line."""

    def hear(self, event: Event) -> None:
        """What the hub says; an answer, too."""

    def has_room(self) -> bool:
        """Whether more can be taken; else it waits in the socket, unless a command waits for its answer."""

    def lost(self, reason: str) -> None:
        """It is being called again."""

    async def restore(self) -> None:
        """The hub is there again: what has to be said (`Line.say_now`) before commands go out."""

    def regained(self) -> None:
        """Commands go out."""

    def over(self, error: Exception) -> None:
        """It ended, and is not called again."""


@dataclass(slots=True)
class Pending:
    """A command whose answer has not come."""

    do: str
    fields: dict[str, Any]
    answer: asyncio.Future[Event]
    #: It has gone out, on this link or on one that was lost.
    said: bool = False

    def take(self, event: Event) -> None:
        """The answer came, unless nobody waits for it any more."""
        if self.answer.done():
            return
        if isinstance(event, Refused):
            self.answer.set_exception(ChatRefused(event.code, event.text))
        else:
            self.answer.set_result(event)


class Line:
    """Owns the link, and a task that reads it."""

    def __init__(
        self, address: Address, me: Me, how: Calling, ear: Ear, *, reconnect: bool, find: Find | None = None
    ) -> None:  # fmt: skip
        self.address, self.me, self.how, self.reconnect, self._find = address, me, how, reconnect, find
        self.welcome = Welcome(nick=me.nick)
        #: Our nick as it is now.
        self.nick = me.nick
        #: Commands without an answer by their labels, in the order in which they were given.
        self.pending: dict[str, Pending] = {}
        self._ear = ear
        self._labels = map(str, count(1))
        self._link: Link | None = None
        self._is_ready = False
        self._bye = ""
        self._failure: Exception | None = None  # why it is over
        self._going_on: asyncio.Future[None] | None = None  # the reader waits for room
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Call for the first time. Raises `ConnectError`, `ChatRefused`, `ChannelError`; then all is closed."""
        self._link = await self._call(self.how)
        self._is_ready = True
        self._running = spawn(self._run())

    # ── commands ──────────────────────────────────────────────────────────────────────────────────────────

    async def ask(self, do: str, **fields: Any) -> Event:
        """Say a command once the line is ready, and give its answer; fields that are None are left out.

        Raises `ChatRefused`, and `ChannelError` where the line is over before that. Cancelling does not take it back.
        """
        return await self._await_answer(do, fields, now=self._is_ready)

    async def say_now(self, do: str, **fields: Any) -> Event:
        """The same, for `Ear.restore`."""
        return await self._await_answer(do, fields, now=True)

    async def _await_answer(self, do: str, fields: dict[str, Any], *, now: bool) -> Event:
        if self._failure is not None:
            raise self._failure
        label = next(self._labels)
        pending = Pending(do, fields, asyncio.get_running_loop().create_future())
        self.pending[label] = pending
        if now:
            self._say(label, pending)
        try:
            return await pending.answer
        finally:
            self.pending.pop(label, None)

    def _say(self, label: str, pending: Pending) -> None:
        assert self._link is not None
        again = True if pending.said and "id" in pending.fields else None
        pending.said = True
        self._link.say(command(pending.do, label, **pending.fields, again=again))
        self.go_on()

    def go_on(self) -> None:
        """There may be room again."""
        wake(self._going_on)

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        """Read, and call again, until it is over."""
        try:
            while True:
                assert self._link is not None
                lost = await self._read(self._link)
                if self._failure is not None:
                    raise self._failure
                for_good = self._bye and not self._bye.startswith(_FOR_NOW)
                if not self.reconnect or for_good or isinstance(lost, RemoteProtocolError):
                    raise lost
                self._is_ready = False
                self._lose(lost.reason)
                self._link = await self._call_again()
        except Exception as error:
            self._end(error)

    async def _read(self, link: Link) -> ChannelBroken | RemoteProtocolError:
        """Hear the hub until it is lost; gives why."""
        helping = [spawn(self._stay_alive(link))]
        if not self._is_ready:
            helping.append(spawn(self._restore(link)))
        try:
            while True:
                for event in await link.receive():
                    self._take(event)
                await self._room()
        except ChannelError as error:
            link.abort()
            if isinstance(error, RemoteProtocolError):
                return error
            return ChannelBroken(self._bye or _reason(error))
        finally:
            for task in helping:
                task.cancel()

    def _lose(self, reason: str) -> None:
        """The hub was lost: what was whispered has arrived or has not."""
        for pending in self.pending.values():
            if pending.said and "to" in pending.fields and not pending.answer.done():
                pending.answer.set_exception(ChannelBroken(f"{reason}; nobody knows whether it was said"))
        self._ear.lost(reason)

    def _take(self, event: Event) -> None:
        if isinstance(event, Bye):
            self._bye = event.text
        if isinstance(event, Ping) and self._link is not None:
            self._link.say(command("pong"))
        if isinstance(event, Renamed) and event.nick == self.nick:
            self.nick = event.new
        self._ear.hear(event)
        if event.label and (pending := self.pending.get(event.label)) is not None:
            pending.take(event)

    async def _room(self) -> None:
        """Wait while nothing more can be taken, which the hub notices; an answer that somebody waits for is taken."""
        while not self.pending and not self._ear.has_room():
            self._going_on = asyncio.get_running_loop().create_future()
            await self._going_on

    async def _stay_alive(self, link: Link) -> None:
        while True:
            await asyncio.sleep(CHAT_ALIVE_SECONDS)
            try:
                async with asyncio.timeout(CHAT_PONG_SECONDS):
                    await self.say_now("ping")
            except TimeoutError:
                self._bye = f"silent for {CHAT_PONG_SECONDS:g} s"
                link.abort()
                return

    # ── calling ───────────────────────────────────────────────────────────────────────────────────────────

    async def _call(self, how: Calling) -> Link:
        self._bye = ""
        link = await open_link(self.address, how)
        try:
            async with asyncio.timeout(how.timeout):
                self.welcome = await self._greet(link)
        except BaseException as error:
            link.abort()
            if isinstance(error, TimeoutError):
                raise ConnectTimedOut(self.address.bare(), how.timeout) from error
            if isinstance(error, EndOfStream):
                raise ChannelBroken(self._bye or "the hub hung up before it said welcome") from error
            raise
        self.nick = self.welcome.nick
        return link

    async def _greet(self, link: Link) -> Welcome:
        """Say who we are. Raises `ChatRefused`."""
        nick, login = self.nick, self._login()
        while True:
            link.say(command("hello", nick=nick or None, client=self.me.client, **login))
            answer = await self._first_answer(link)
            if isinstance(answer, Welcome):
                return answer
            yields = self.me.yields or self._running is not None
            if answer.code != "nick-taken" or not yields or len(nick) - len(self.nick) == _SIGNS:
                raise ChatRefused(answer.code, answer.text)
            nick += "_"

    def _login(self) -> dict[str, str]:
        me, address = self.me, self.address
        if not me.name:
            return {}
        url = Url("chat", address.host, address.port, user=me.name, password=me.password)
        login = find_login(url, self.how.ask)
        password = login.password if login is not None else ""
        if not password and self.how.ask is None:
            raise UsageError(f"{me.name} has no password in ~/.netrc for {address.host}, and nobody here can be asked")
        return {"name": me.name, "password": password}

    async def _first_answer(self, link: Link) -> Welcome | Refused:
        """What the hub says to our greeting; nothing comes behind it before we say more."""
        while True:
            for event in await link.receive():
                if isinstance(event, Welcome | Refused):
                    return event
                if isinstance(event, Bye):
                    self._bye = event.text

    async def _call_again(self) -> Link:
        """Call until the hub is there, or for `Calling.retry` seconds where that is not 0."""
        loop, pause = asyncio.get_running_loop(), RETRY_FIRST
        end = loop.time() + (self.how.retry or float("inf"))
        while True:
            await asyncio.sleep(pause)
            try:
                if self._find is not None:
                    self.address = await self._find()
                return await self._call(self.how._replace(retry=0))
            except _FINAL:
                raise
            except (ConnectError, ChannelError):
                if loop.time() > end:
                    raise
                pause = min(2 * pause, RETRY_MOST)

    async def _restore(self, link: Link) -> None:
        """Have all be as before on the new link, and say what had no answer."""
        try:
            await self._ear.restore()
        except Exception as error:
            if not isinstance(error, ChannelError) or isinstance(error, RemoteProtocolError):
                self._failure = error
            link.abort()  # where that is not lost already: the reader hears it
            return
        self._is_ready = True
        for label, pending in list(self.pending.items()):
            if not pending.answer.done() and pending.do != "ping":
                self._say(label, pending)
        self._ear.regained()

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────

    def _end(self, error: Exception) -> None:
        """Nobody is called any more."""
        self._failure = self._failure or error
        for pending in self.pending.values():
            if not pending.answer.done():
                pending.answer.set_exception(self._failure)
        self._ear.over(self._failure)

    async def aclose(self, text: str | None = None) -> None:
        """Say goodbye and close. Idempotent; when cancelled it is closed all the same."""
        link, self._link = self._link, None
        running, self._running = self._running, None
        self._end(ChannelClosed())
        try:
            if running is not None:
                running.cancel()
                await asyncio.wait([running])
        finally:
            if link is not None:
                await link.aclose(text)


def _reason(error: ChannelError) -> str:
    if isinstance(error, EndOfStream):
        return "the hub hung up"
    return error.reason if isinstance(error, ChannelBroken) else str(error)
