"""The door for programs: JSON lines, or a JSON object a message of a WebSocket (docs/chat.md).

    line ─► command (commands.py) ─► what it does (acts.py) ─► the hub
                                                                  │
    line ◄─ object (words.py) ◄─ what answers it, what it did, what others do

Each command is answered by exactly one object with its label: by its answer, if it has one, else by what it has brought
about, else by `done`. Where an answer may be long (`Command.is_long`) it is taken before more is heard.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from tincans.apps.chat.callers import Caller, unreadable
from tincans.apps.chat.events import Event
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.member import written
from tincans.apps.chat.programs import commands, words
from tincans.apps.chat.programs.acts import DO, Answer, welcome
from tincans.apps.chat.programs.commands import Command, NotACommand
from tincans.apps.chat.programs.words import JSON, Word, labelled, line
from tincans.apps.chat.refusals import Refused, Why
from tincans.channel import Channel
from tincans.limits import CHAT_LINE_BYTES, CHAT_NONSENSE

#: What may be said before one is in; who says anything else first comes in as a guest.
_BEFORE = frozenset({commands.Hello, commands.Login, commands.Ping, commands.Pong, commands.Quit})

#: What does a command: at once, or, after a while, what does it then.
_Do = Callable[["Program", Any], "Answer | Awaitable[_Do]"]


async def attend(hub: Hub, channel: Channel, first: bytes) -> None:
    """Talk with a program to the end. Raises what the channel does, and then it has left, too."""
    program = Program(hub, channel)
    try:
        await program.serve(first)
    finally:
        hub.tickets.pop(program.ticket, None)


class Program(Caller):
    """A member who is told objects."""

    __slots__ = ("_nonsense", "_own", "ticket")

    def __init__(self, hub: Hub, channel: Channel) -> None:
        super().__init__(hub, channel, JSON)
        #: Shows the hub's other doors that it is this program; empty before it is in.
        self.ticket = ""
        self._nonsense = 0  # lines in a row that were no commands
        self._own: list[Event] | None = None  # what the command of now has brought about

    def enter(self, nick: str = "") -> None:
        super().enter(nick)
        self.ticket = secrets.token_urlsafe(16)
        self.hub.tickets[self.ticket] = self

    # ── being told ────────────────────────────────────────────────────────────────────────────────────────

    def own(self, event: Event) -> None:
        if self._own is not None:
            self._own.append(event)
        else:  # it came in by another door, with its ticket
            self.tell(event)

    def ping(self) -> None:
        self._say(words.Ping())

    def part_from(self, text: str) -> bytes:
        return line(words.Bye(text=text))

    def too_long(self) -> None:
        self._say(_failed(Refused(Why.TOO_LONG, f"a line has at most {CHAT_LINE_BYTES} bytes")))
        self.dismiss("too long")

    def _say(self, word: Word, label: str = "") -> None:
        self.outbox.add(labelled(line(word), label))

    # ── hearing ───────────────────────────────────────────────────────────────────────────────────────────

    def hear(self, said: bytes) -> Awaitable[None] | None:
        if not said.strip():
            return None
        if len(said) > CHAT_LINE_BYTES:
            self.too_long()
            return None
        try:
            command = commands.read(said)
        except NotACommand as error:
            self._misunderstood(error)
            return None
        self._nonsense = 0
        if type(command) is commands.Pong and not command.label:
            return None
        return self._perform(DO[type(command)], command)

    def _misunderstood(self, error: NotACommand) -> None:
        self._say(_failed(error), error.label)
        if error.why is Why.NOT_UNDERSTOOD:
            self._nonsense += 1
            if self._nonsense >= CHAT_NONSENSE:
                self.dismiss("not understood")

    def _perform(self, do: _Do, command: Command) -> Awaitable[None] | None:
        """Do something, and say what came of it."""
        own = self._own = []
        outcome: Answer | Awaitable[_Do]
        try:
            if not self.is_in and type(command) not in _BEFORE:
                self.enter()
                self._say(welcome(self))
            outcome = do(self, command)
        except (Refused, OSError) as error:
            outcome = (_failed(error),)
        finally:
            self._own = None
        if not isinstance(outcome, tuple):
            return self._wait_for(outcome, command)
        self._answer(own, outcome, command.label)
        return self.outbox.drained() if command.is_long else None

    async def _wait_for(self, rest: Awaitable[_Do], command: Command) -> None:
        """Do what takes its time; what the program said next waits."""
        try:
            do = await rest
        except (Refused, OSError) as error:
            self._answer([], (_failed(error),), command.label)
        else:
            if (more := self._perform(do, command)) is not None:
                await more

    def _answer(self, own: list[Event], answer: Answer, label: str) -> None:
        for event in own:
            is_answer = not answer and event is own[-1]
            self.outbox.add(labelled(written(event, JSON), label if is_answer else ""))
        for word in answer or (() if own else (words.Done(),)):
            self._say(word, label)
            label = ""


def _failed(error: Refused | NotACommand | OSError) -> Word:
    if isinstance(error, OSError):
        error = unreadable(error)
    return words.Failed(code=error.why.value, text=error.text)
