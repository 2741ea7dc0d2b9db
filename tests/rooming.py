"""A hub for tests, and people on it who write down what they are told, a line each."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator

import pytest

from tincans.apps.chat.events import (
    Away,
    Change,
    Event,
    Invited,
    Joined,
    Kicked,
    Left,
    LoggedIn,
    ModesSet,
    Quit,
    Renamed,
    Said,
    Tagged,
    TopicSet,
    Whispered,
)
from tincans.apps.chat.history import History, MemoryHistory
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.member import Member, written
from tincans.apps.chat.outbox import Outbox
from tincans.apps.chat.refusals import Refused, Why
from tincans.channel import Channel
from tincans.testing import memory_pair
from tincans.users import Users, Verifier


def user(password: str) -> str:
    """What `[users]` has for somebody with this password; few rounds, as nobody guesses here."""
    return str(Verifier.of(password, rounds=1, salt=b"salt"))


#: Everybody's password is their name.
USERS = Users({name: user(name) for name in ("root", "ann", "bob")})


class Lines:
    """Writes what happens as lines."""

    def write(self, event: Event) -> bytes:
        return f"{line_of(event)}\n".encode()


def line_of(event: Event) -> str:
    match event:
        case Said(message=said):
            return f"{said.room} {said.kind} {said.who.nick}: {said.text}"
        case Whispered():
            return f"{event.kind} {event.who.nick} to {event.to}: {event.text}"
        case Tagged():
            return f"{event.who.nick} tags {event.to}: {event.tags}"
        case Joined():
            return f"{event.room} {event.who.nick} joined"
        case Left():
            return f"{event.room} {event.who.nick} left: {event.text}"
        case Quit():
            return f"{event.who.nick} quit: {event.text}"
        case Renamed():
            return f"{event.who.nick} is {event.nick}"
        case LoggedIn():
            return f"{event.who.nick} is the user {event.who.account or 'nobody'}"
        case Away():
            return f"{event.who.nick} is away: {event.text}"
        case TopicSet():
            return f"{event.room} {event.who.nick} sets the topic: {event.text}"
        case ModesSet():
            by = event.who.nick if event.who is not None else "the hub"
            return f"{event.room} {by} sets {modes(event.changes)}"
        case Kicked():
            return f"{event.room} {event.by.nick} kicks {event.who.nick}: {event.text}"
        case Invited():
            return f"{event.by.nick} invites {event.nick} to {event.room}"
    raise AssertionError(f"what is {event!r}?")


def modes(changes: Iterable[Change]) -> str:
    """Changes as `+o ann -k *`."""
    return " ".join(f"{'+' if change.on else '-'}{change.mode} {change.value}".rstrip() for change in changes)


def changes(text: str) -> list[Change]:
    """What `modes` writes, read back."""
    found: list[Change] = []
    for word in text.split():
        if word[0] in "+-":
            found.append(Change(word[1], word[0] == "+"))
        else:
            found[-1] = found[-1]._replace(value=word)
    return found


def ranks(hub: Hub, room: str = "#ops") -> dict[str, str]:
    """Who is in a room, with their ranks."""
    return {member.nick: ranks for member, ranks in hub.room(room).members.items()}


_LINES = Lines()


class Guest(Member):
    """Somebody on a hub, told over a channel; `far` is where they hear it."""

    outbox: Outbox

    def __init__(
        self, hub: Hub, nick: str, *, account: str = "", host: str = "hub", ours: Channel | None = None
    ) -> None:
        """They enter at once. `ours` is the channel that they are told on, of which they hear nothing here."""
        channel, self.far = memory_pair()
        super().__init__("hub", _LINES, Outbox(ours or channel, hub.flusher, lambda: hub.dismiss(self, "too slow")))
        self.hub = hub
        self.pings = 0
        self._ahead = bytearray()
        #: Why the hub let them go; empty while they are on it.
        self.bye = ""
        if account:
            hub.log_in(self, account)
        hub.enter(self, nick)

    def own(self, event: Event) -> None:
        self.outbox.add(b"> " + written(event, _LINES))

    def ping(self) -> None:
        self.pings += 1

    def dismiss(self, text: str) -> None:
        self.bye = text
        self.outbox.last(f"bye: {text}\n".encode())

    async def heard_lines(self) -> list[str]:
        """What they were told since they were last asked; what they did themselves begins with `>`."""
        if not self.bye:
            self.outbox.add(b"--\n")
        await self.outbox.drained()
        end = b"--\n" if not self.bye else f"bye: {self.bye}\n".encode()
        while end not in self._ahead:
            self._ahead += await self.far.receive()
        said, mark, rest = self._ahead.partition(end)
        self._ahead = rest  # what was said behind the mark is for the next time
        return (said + mark).decode().removesuffix("--\n").splitlines()


@contextlib.asynccontextmanager
async def hub_of(
    history: History | None = None, *, users: Users | None = None, guests: bool = True, operators: Iterable[str] = ()
) -> AsyncIterator[Hub]:
    """A hub, closed behind the block."""
    hub = Hub(history or MemoryHistory(), users=users, guests=guests, operators=operators)
    try:
        yield hub
    finally:
        await hub.aclose()


@contextlib.contextmanager
def refused(why: Why) -> Iterator[None]:
    """What is done in the block is refused for this reason."""
    with pytest.raises(Refused) as found:
        yield
    assert found.value.why is why, f"it was refused for another reason: {found.value.why}, {found.value}"
    assert found.value.text == str(found.value)
