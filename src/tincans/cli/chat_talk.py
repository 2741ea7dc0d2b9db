"""What a person in a chat has before them: panes, what is in each, and what of it they have not seen.

It knows neither terminal nor hub. Whoever hears the hub tells it (`hear`), whoever draws asks it; `told` is called with
each row that is new, for those who print rows one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from tincans.clients.chat import Lost, Regained
from tincans.clients.chat_present import folded
from tincans.clients.chat_wire import (
    Away,
    Event,
    Invited,
    Joined,
    Kicked,
    Left,
    LoggedIn,
    Message,
    ModesSet,
    Quit,
    Renamed,
    TopicSet,
    Whisper,
)
from tincans.limits import CHAT_SHOWN_ROWS

if TYPE_CHECKING:
    from tincans.clients.chat_room import Membership


class Row(NamedTuple):
    """One thing that is shown in a pane."""

    #: Grows from one row of a pane to the next.
    serial: int
    #: When, in our zone.
    at: datetime
    #: How it was meant: say, act, notice, file; or event (somebody came), note (an answer), warning, error.
    kind: str
    nick: str
    text: str
    #: Our own nick is in it, or it is for us alone.
    mention: bool = False
    #: The message's, by which earlier ones are asked for; 0 where it is none.
    number: int = 0

    @property
    def is_speech(self) -> bool:
        return self.kind not in ("event", "note", "warning", "error")


class Pane:
    """A room, somebody who is whispered with, or (with no name) the hub: what was said there, CHAT_SHOWN_ROWS of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.member: Membership | None = None
        self.rows: list[Row] = []
        #: Changes when rows were put before others, or taken away: whoever has drawn them draws anew.
        self.version = 0
        #: Messages that were not seen, and those among them that are for us.
        self.unread = self.mentions = 0
        #: The serial of the first row that was not seen when the pane was last turned to.
        self.marker: int | None = None
        #: What is at the bottom of what is seen: a row's serial, and how many of its lines are below; None is the end.
        self.bottom: tuple[int, int] | None = None
        #: There is nothing earlier to be asked for.
        self.is_whole = False
        self._serials = count(1)
        self._earlier = count(0, -1)

    @property
    def is_room(self) -> bool:
        return self.name.startswith("#")

    @property
    def oldest(self) -> int:
        """The number of the first message in it; 0 where it has none."""
        return next((row.number for row in self.rows if row.number), 0)

    def add(self, row: Row) -> Row:
        """Put a row at its end."""
        row = row._replace(serial=next(self._serials))
        self.rows.append(row)
        if len(self.rows) > CHAT_SHOWN_ROWS + CHAT_SHOWN_ROWS // 10:
            del self.rows[: len(self.rows) - CHAT_SHOWN_ROWS]
            self.version += 1
            self.is_whole = False
        return row

    def prepend(self, rows: Iterable[Row]) -> None:
        """Put earlier rows before the others, the oldest first."""
        earlier = [row._replace(serial=next(self._earlier)) for row in reversed(list(rows))]
        self.rows[:0] = reversed(earlier)
        self.version += 1

    def see_end(self) -> None:
        """Look at what is newest, so that nothing is unseen."""
        self.bottom = None
        self.unread = self.mentions = 0

    def clear(self) -> None:
        """Take all rows away."""
        self.rows.clear()
        self.version += 1
        self.bottom = self.marker = None
        self.is_whole = False


class News:
    """What a person is told before there is a pane to show it in waits until there is one."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, bool]] = []
        self._talk: Talk | None = None

    def __call__(self, text: str, *, loud: bool = False) -> None:
        """Tell a sentence, loudly what a person has to know."""
        if self._talk is None:
            self._kept.append((text, loud))
        else:
            self._talk.note(text, loud=loud)

    def show(self, talk: Talk) -> None:
        """From now on it is shown there, and what was kept at once: all of it that is not loud as one note."""
        if quiet := "\n".join(text for text, loud in self._kept if not loud):
            talk.note(quiet)
        for text, loud in self._kept:
            if loud:
                talk.note(text, loud=True)
        self._talk = talk


class Talk:
    """All panes, one of which is turned to."""

    def __init__(self, told: Callable[[Pane, Row], object] = lambda pane, row: None) -> None:
        self.hub = Pane("")
        self.panes = [self.hub]
        self.current = self.hub
        #: Ours; and what is said about the hub: empty as long as it is there.
        self.nick = ""
        self.trouble = ""
        self.told = told
        #: Makes of a message's text what is shown of it.
        self.read: Callable[[str], str] = str

    # ── panes ─────────────────────────────────────────────────────────────────────────────────────────────

    def find(self, name: str) -> Pane | None:
        return next((pane for pane in self.panes if folded(pane.name) == folded(name)), None)

    def pane(self, name: str) -> Pane:
        """The pane of that name, made if need be: rooms before people."""
        pane = self.find(name)
        if pane is None:
            pane = Pane(name)
            rooms = sum(each.is_room for each in self.panes)
            self.panes.insert(1 + rooms if pane.is_room else len(self.panes), pane)
        return pane

    def turn_to(self, pane: Pane) -> None:
        """Have a person look at this pane: all in it is seen."""
        if pane is not self.current:
            self.current.marker = None
            unseen = pane.unread
            said = [row.serial for row in pane.rows if row.is_speech]
            pane.marker = said[-unseen] if 0 < unseen <= len(said) else None
        self.current = pane
        pane.unread = pane.mentions = 0

    def turn(self, step: int) -> None:
        """Turn to the next pane, or the one before."""
        self.turn_to(self.panes[(self.panes.index(self.current) + step) % len(self.panes)])

    def turn_to_unread(self) -> None:
        """Turn to a pane in which something was not seen, best something for us."""
        unread = [pane for pane in self.panes if pane.unread]
        if unread:
            self.turn_to(max(unread, key=lambda pane: pane.mentions))

    def close(self, pane: Pane) -> None:
        """Take a pane away; the hub's stays."""
        if pane is self.hub:
            return
        place = self.panes.index(pane)
        self.panes.remove(pane)
        if pane is self.current:
            self.turn_to(self.panes[min(place, len(self.panes) - 1)])

    @property
    def unread(self) -> int:
        return sum(pane.unread for pane in self.panes)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────

    def hear(self, event: Event, pane: Pane | None = None) -> Row | None:
        """Show what happened, in the pane of its room; gives the row, if it was any."""
        if isinstance(event, Whisper):
            mine = self.is_me(event.nick)
            pane = self.pane(event.to if mine else event.nick)
            return self._say(pane, event.at, event.kind, event.nick, event.text, mention=not mine)
        if isinstance(event, Message):
            pane = pane or self.pane(event.room)
            mention = self._is_for_me(event.text) and not self.is_me(event.nick)
            return self._say(pane, event.at, event.kind, event.nick, self.read(spoken(event)), mention, event.number)
        text = sentence(event, self.nick)
        if isinstance(event, Lost | Regained):
            self.trouble = text if isinstance(event, Lost) else ""
        if not text:
            return None
        row = Row(0, local(event.at), "event", "", text, isinstance(event, Invited))
        return self._put(pane or self.current, row)

    def earlier(self, pane: Pane, messages: Iterable[Message]) -> None:
        """Show messages before those that are shown."""
        pane.prepend(
            Row(0, local(event.at), event.kind, event.nick, self.read(spoken(event)), number=event.number)
            for event in messages
        )

    def note(self, text: str, pane: Pane | None = None, *, error: bool = False, loud: bool = False) -> Row:
        """Show an answer to what was typed, an error, or, loudly, something that a person has to know."""
        kind = "error" if error else "warning" if loud else "note"
        return self._put(pane or self.current, Row(0, local(None), kind, "", text, mention=loud))

    def _say(
        self, pane: Pane, at: datetime | None, kind: str, nick: str, text: str, mention: bool, number: int = 0
    ) -> Row:  # fmt: skip
        if (pane is not self.current or pane.bottom is not None) and not self.is_me(nick):
            pane.unread += 1
            pane.mentions += mention
        return self._put(pane, Row(0, local(at), kind, nick, text, mention, number))

    def _put(self, pane: Pane, row: Row) -> Row:
        row = pane.add(row)
        self.told(pane, row)
        return row

    def is_me(self, nick: str) -> bool:
        return folded(nick) == folded(self.nick)

    def _is_for_me(self, text: str) -> bool:
        return bool(self.nick) and mention_of(self.nick).search(text) is not None


def local(at: datetime | None) -> datetime:
    """A time in our zone; the present where there is none."""
    return (at or datetime.now(UTC)).astimezone()


def mention_of(nick: str) -> re.Pattern[str]:
    """A nick as a word of its own."""
    return re.compile(rf"(?<![\w-]){re.escape(nick)}(?![\w-])", re.IGNORECASE)


def spoken(message: Message) -> str:
    """A message's text; of a file, what it is and where."""
    if message.file is None:
        return message.text
    return f"{message.file.name}: {message.file.url}" if message.file.url not in message.text else message.text


def sentence(event: Event, nick: str) -> str:
    """What happened, in a sentence; empty for what is not shown."""
    match event:
        case Joined(who=who):
            return f"{who.nick} came"
        case Left(who=who, text=text):
            return _because(f"{who.nick} left", text)
        case Quit(who=who, text=text):
            return _because(f"{who.nick} left the hub", text)
        case Renamed(nick=old, new=new):
            return f"{old} is called {new} now"
        case LoggedIn(who=who):
            return f"{who.nick} has logged in as {who.account}" if who.account else f"{who.nick} has logged out"
        case TopicSet(who=who, text=text):
            return f"{who.nick} set the topic: {text}" if text else f"{who.nick} took the topic away"
        case ModesSet(who=who, modes=modes):
            return f"{who.nick if who is not None else 'the hub'} set {modes}"
        case Kicked(nick=whom, by=by, text=text):
            return _because(f"{by.nick} took {whom} out", text)
        case Invited(nick=whom, by=by, room=room):
            mine = folded(whom) == folded(nick)
            return f"{by.nick} invites you to {room}: /join {room}" if mine else f"{by.nick} invited {whom}"
        case Away(who=who, text=text):
            return f"{who.nick} is away: {text}" if text else f"{who.nick} is back"
        case Lost(reason=reason):
            return f"the hub was lost ({reason}); calling it again"
        case Regained():
            return "the hub is there again"
    return ""


def _because(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else text
