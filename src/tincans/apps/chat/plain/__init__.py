"""The door for people with nc or telnet, and for scripts: plain lines (docs/chat.md, "Plain lines").

    hello ─► said in the room      /join #ops ─► a command (commands.py)      //etc ─► "/etc", said

Who waits is greeted, and is in the lobby; who begins with commands may take a name and a room first. What one says
oneself is not said back, as the terminal shows what was typed. A script that ends what it says (`printf 'hello\\n' | nc
-N HOST PORT`) is told all that there was, and then the end.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable

from tincans.apps.chat import events
from tincans.apps.chat.callers import Caller, unreadable
from tincans.apps.chat.events import Event, Kind, Message
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.names import LOBBY, folded
from tincans.apps.chat.places import base_url
from tincans.apps.chat.plain.commands import Command, find
from tincans.apps.chat.plain.words import Plain, plain, sentence, written
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.room import Room
from tincans.channel import Channel
from tincans.limits import CHAT_DOOR_SECONDS, CHAT_GREETING_MESSAGES, CHAT_LINE_BYTES

#: What a telnet client says of itself among the words (RFC 854): options, subnegotiations, and commands.
_TELNET = re.compile(rb"\xff(?:[\xfb-\xfe].|\xfa.*?\xff\xf0|[\xf0-\xf9])", re.DOTALL)
#: What no message has: it would be a key that the terminal did not keep for itself, or no text at all.
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


async def attend(hub: Hub, channel: Channel, first: bytes) -> None:
    """Talk with somebody to the end. Raises what the channel does, and then they have left, too."""
    person = Person(hub, channel)
    loop = asyncio.get_running_loop()
    waiting = loop.call_later(CHAT_DOOR_SECONDS, person.arrive) if first else loop.call_soon(person.arrive)
    try:
        await person.serve(first)
    finally:
        waiting.cancel()


class Person(Caller):
    """A member who is told plain lines."""

    __slots__ = ("_base", "_current", "_plain", "has_been_in")

    def __init__(self, hub: Hub, channel: Channel) -> None:
        self._base = base_url(channel)
        self._plain: Plain = plain(self._base, named=False)
        super().__init__(hub, channel, self._plain)
        self._current: Room | None = None
        #: They were in a room already: the lobby is only for who has just come.
        self.has_been_in = False

    # ── being told ────────────────────────────────────────────────────────────────────────────────────────

    def own(self, event: Event) -> None:
        if not isinstance(event, events.Said | events.Whispered | events.Joined):
            self.tell(event)

    def say(self, *sentences: str) -> None:
        """Tell only them."""
        self.show([sentence(each) for each in sentences])

    def show(self, lines: list[str]) -> None:
        """Tell only them, lines as they are."""
        self.outbox.add(written(lines))

    def show_history(self, messages: list[Message]) -> None:
        """Tell only them what was said, the oldest first."""
        self.show(self._plain.history(messages, self.hub.now()))

    def ping(self) -> None:
        """Nobody who types is asked; that a machine is gone is found by TCP's keepalive."""
        self.heard = asyncio.get_running_loop().time()

    def part_from(self, text: str) -> bytes:
        return written([sentence(f"goodbye: {text}" if text else "goodbye")])

    def too_long(self) -> None:
        self.dismiss(f"a line has at most {CHAT_LINE_BYTES} bytes")

    # ── rooms ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def current(self) -> Room | None:
        """The room that they speak in: the one entered last of those that they are still in."""
        if self._current not in self.rooms:
            self._current = next(iter(self.rooms), None)
        return self._current

    def arrive(self) -> None:
        """Come in, if they have not, and into the lobby, if they were in no room."""
        if self.has_been_in or self.over:
            return
        try:
            if not self.is_in:
                self.come_in()
            self.enter_room(LOBBY)
        except (Refused, OSError) as error:
            self._refuse(error)
            self.say("/help says what there is")

    def come_in(self, nick: str = "") -> None:
        """Come in, and be greeted. Raises `Refused`."""
        self.enter(nick)
        self.say(f"welcome to {self.hub.name}, {self.nick}: a line is a message, and /help says what else there is")

    def enter_room(self, name: str, key: str = "") -> None:
        """Enter a room, or speak in it again; show who is there and what was said last. Raises `Refused`."""
        room = self.hub.join(self, name, key)
        self._current, self.has_been_in = room, True
        self.reform()
        others = len(room.members) - 1
        whom = "alone" if not others else f"with {others} other{'s' * (others > 1)}"
        topic = f": {room.state.topic.text}" if room.state.topic is not None else ""
        self.say(f"you are in {room.name}, {whom}{topic}")
        self.show_history(self.hub.history.recent(folded(room.name), CHAT_GREETING_MESSAGES))

    def reform(self) -> None:
        """Who is in several rooms is told which of them something is of."""
        form = plain(self._base, named=len(self.rooms) > 1)
        if form is not self._plain:
            self._plain = form
            self.hub.reform(self, form)

    # ── hearing ───────────────────────────────────────────────────────────────────────────────────────────

    def hear(self, said: bytes) -> Awaitable[None] | None:
        text = _TELNET.sub(b"", said).decode("utf-8", "replace").rstrip("\0\r")
        if not text.strip():
            return None
        try:
            return self._do(text)
        except (Refused, OSError) as error:
            self._refuse(error)
            return None

    def _refuse(self, error: Refused | OSError) -> None:
        self.say(str(unreadable(error) if isinstance(error, OSError) else error))

    def _do(self, text: str) -> Awaitable[None] | None:
        if _CONTROLS.search(text):
            raise Refused(Why.NOT_UNDERSTOOD, "that has a key in it that is no text, and was not said")
        self.reform()  # they may have been put out of a room
        if text.startswith("/") and not text.startswith("//"):
            word, _, rest = text[1:].partition(" ")
            return self._command(find(word), rest.strip())
        self.speak(text.removeprefix("/"))
        return None

    def _command(self, command: Command, rest: str) -> Awaitable[None]:
        """Do it, and have its answer, which may be long, taken before more is heard."""
        if command.needs_hub and not self.is_in:
            self.come_in()
        outcome = command.do(self, rest)
        return self._wait_for(outcome) if outcome is not None else self.outbox.drained()

    async def _wait_for(self, outcome: Awaitable[None]) -> None:
        """Have done what takes its time; what was said next waits."""
        try:
            await outcome
        except (Refused, OSError) as error:
            self._refuse(error)
        await self.outbox.drained()

    def speak(self, text: str, kind: Kind = "say") -> None:
        """Say something in the room that they are in. Raises `Refused`."""
        if not self.is_in:
            self.come_in()
        if not self.has_been_in:
            self.enter_room(LOBBY)
        self.hub.say(self, self.here().name, text, kind)

    def here(self) -> Room:
        """The room that they are in. Raises `Refused`."""
        room = self.current
        if room is None:
            raise Refused(Why.NOT_IN_ROOM, "you are in no room: /join #ROOM")
        return room
