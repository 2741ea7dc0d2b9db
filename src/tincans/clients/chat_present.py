"""Who is in a room now, and what it is about: a fold over what happens there."""

from __future__ import annotations

from msgspec.structs import replace

from tincans.clients.chat_wire import (
    Away,
    Event,
    Joined,
    Kicked,
    Left,
    LoggedIn,
    ModesSet,
    Person,
    Quit,
    Renamed,
    RoomState,
    Topic,
    TopicSet,
)

_RANKS = {"o": "operator", "v": "voice"}


def folded(name: str) -> str:
    """A nick or a room's name as hubs compare it."""
    return name.lower()


class Present:
    """As the hub has told it."""

    def __init__(self) -> None:
        #: By folded nick.
        self.people: dict[str, Person] = {}
        self.topic: Topic | None = None

    def begin(self, state: RoomState) -> None:
        """The room was entered."""
        self.people = {folded(person.nick): person for person in state.people}
        self.topic = state.topic

    def hear(self, event: Event) -> None:
        """Take what happens; most of it changes nothing."""
        people = self.people
        match event:
            case Joined(who=who):
                people[folded(who.nick)] = who
            case Left(who=who) | Quit(who=who):
                people.pop(folded(who.nick), None)
            case Kicked(nick=nick):
                people.pop(folded(nick), None)
            case Renamed(nick=nick, new=new) if person := people.pop(folded(nick), None):
                people[folded(new)] = replace(person, nick=new)
            case LoggedIn(who=who) if person := people.get(folded(who.nick)):
                people[folded(who.nick)] = replace(person, account=who.account)
            case Away(who=who, text=text) if person := people.get(folded(who.nick)):
                people[folded(who.nick)] = replace(person, away=text)
            case TopicSet(who=who, text=text, at=at):
                self.topic = Topic(text=text, by=who.nick, at=at) if text else None
            case ModesSet(modes=modes):
                self._ranked(modes)

    def _ranked(self, modes: str) -> None:
        """Modes as IRC writes them: signs and letters, and then a value for those that have one."""
        letters, *values = modes.split() or [""]
        on = True
        for letter in letters:
            if letter in "+-":
                on = letter == "+"
            elif letter in "ovbeIq" or (letter in "kl" and on):
                value = values.pop(0) if values else ""
                if letter in _RANKS and (person := self.people.get(folded(value))):
                    self.people[folded(value)] = replace(person, rank=_RANKS[letter] if on else "")
