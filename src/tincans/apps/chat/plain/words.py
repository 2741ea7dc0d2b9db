"""What the hub says in plain lines: to people with nc or telnet, and to scripts (docs/chat.md, "Plain lines").

    ann: hello               said           - ann is here now        what happens, in words
    * ann waves              done           #ops ann: hello          to who is in several rooms, its room before it
    ann to bob: psst         to one alone   12:03 ann: hello         what was said before, with its time

A nick begins with none of the signs `*`, `-` and `#`, and with no digit: so the first sign of a line says what it is. A
text of several lines is as many lines, each with its nick: nobody can say a line of another's. What does not print is
shown as an escape (`text.legible`), so nobody can paint on another's terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tincans.apps.chat import events
from tincans.apps.chat.events import Event, Kind, Message
from tincans.apps.chat.mode_texts import text_of
from tincans.text import human_bytes, legible


def sentence(text: str) -> str:
    """What the hub itself says."""
    return f"- {legible(text)}"


def _said(nick: str, kind: Kind, text: str) -> list[str]:
    start = f"* {nick} " if kind == "act" else f"{nick}: "
    return [start + legible(line) for line in text.split("\n")]


def clock(at: int, now: int) -> str:
    """When something was said, in the hub's zone: the time, and the day before it where that is not today."""
    then, today = time.localtime(at // 1_000_000_000), time.localtime(now // 1_000_000_000)
    form = "%H:%M" if then[:3] == today[:3] else "%m-%d %H:%M" if then[0] == today[0] else "%Y-%m-%d %H:%M"
    return time.strftime(form, then)


class Plain:
    """The form of who is told plain lines. `base` stands before the path of a file; `named` are the rooms."""

    __slots__ = ("_base", "_named")

    def __init__(self, base: str, *, named: bool) -> None:
        self._base, self._named = base, named

    def write(self, event: Event) -> bytes:
        if isinstance(event, events.Said):
            lines = self.message(event.message)
            room = event.message.room
        else:
            tell = _TELL.get(type(event))
            lines, room = tell(event) if tell is not None else [], getattr(event, "room", "")
        if room and self._named:
            lines = [f"{room} {line}" for line in lines]
        return written(lines)

    def history(self, messages: list[Message], now: int) -> list[str]:
        """What was said before, with its time; the oldest first."""
        lines = []
        for message in messages:
            start = f"{message.room} " * self._named + clock(message.at, now)
            lines += [f"{start} {line}" for line in self.message(message)]
        return lines

    def message(self, message: Message) -> list[str]:
        """What was said in a room, without the room."""
        lines = _said(message.who.nick, message.kind, message.text)
        if message.file is not None:
            lines.append(f"{message.who.nick}: {self._base}{message.file.url} ({human_bytes(message.file.size)})")
        return lines


@lru_cache(maxsize=256)
def plain(base: str, *, named: bool) -> Plain:
    """The form, the same one for all who want it alike."""
    return Plain(base, named=named)


def written(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _because(text: str) -> str:
    return f": {text}" if text else ""


def _told(form: Callable[[Any], str]) -> Callable[[Any], list[str]]:
    return lambda event: [sentence(form(event))]


def _topic(event: events.TopicSet) -> str:
    nick = event.who.nick
    return f"{nick} has set the topic: {event.text}" if event.text else f"{nick} has taken the topic away"


def _modes(event: events.ModesSet) -> str:
    return f"{event.who.nick if event.who else 'the hub'} has set {text_of(event.changes)}"


_TELL: dict[type[Event], Callable[[Any], list[str]]] = {
    events.Whispered: lambda event: _said(f"{event.who.nick} to {event.to}", event.kind, event.text),
    events.Joined: _told(lambda event: f"{event.who.nick} is here now"),
    events.Left: _told(lambda event: f"{event.who.nick} has left{_because(event.text)}"),
    events.Quit: _told(lambda event: f"{event.who.nick} is gone{_because(event.text)}"),
    events.Renamed: _told(lambda event: f"{event.who.nick} is called {event.nick} now"),
    events.Away: _told(lambda event: f"{event.who.nick} is {'away' if event.text else 'back'}{_because(event.text)}"),
    events.TopicSet: _told(_topic),
    events.ModesSet: _told(_modes),
    events.Kicked: _told(lambda event: f"{event.by.nick} has put {event.who.nick} out{_because(event.text)}"),
    events.Invited: _told(lambda event: f"{event.by.nick} invites {event.nick} to {event.room}"),
}
