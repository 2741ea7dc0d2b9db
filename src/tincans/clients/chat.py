"""A client of a chat's hub (docs/chat.md): programs as members of its rooms.

    async with tincans.join("tcp://127.0.0.1:7767", "#ops", nick="deployer") as room:
        await room.say("deploy begins")
        async for message in room:
            print(message.nick, message.text)

`join` is for one room; `open_chat` gives a `Chat`, which is one connection with any number of them. What the hub says
goes to whom it concerns:

    an answer              to the command that waits for it, by its label (`chat_line.py`)
    what is of a room      to its `Membership` (`chat_room.py`), where it waits to be taken
    what is of none        to `Chat.events`: whispers, invitations, and that the hub was lost and is there again

Where it was asked to reconnect, it calls again when the hub is lost, until that is there: it enters its rooms again,
asks for what was said meanwhile, and says again what had no answer. Each message has a name of ours, by which the hub
knows one that it has kept already, so it is there once. Only a whisper, which is kept nowhere, is not repeated.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, TypeVar

from tincans.address import Address
from tincans.clients.calling import Calling
from tincans.clients.chat_line import Find, Line, Me
from tincans.clients.chat_present import folded
from tincans.clients.chat_room import Membership
from tincans.clients.chat_waiting import Waiting
from tincans.clients.chat_wire import (
    Away,
    Event,
    Found,
    Invited,
    Joined,
    Kicked,
    Left,
    Listed,
    LoggedIn,
    Message,
    ModesSet,
    Person,
    Quit,
    Renamed,
    Rooms,
    RoomState,
    TopicSet,
    Welcome,
    Whisper,
    Who,
)
from tincans.errors import ChannelClosed, ChatRefused, RemoteProtocolError

Answer = TypeVar("Answer", bound=Event)

#: What happens in one room, and what happens to somebody in all rooms that they are in.
_OF_A_ROOM = (Message, Joined, Left, TopicSet, ModesSet, Kicked)
_OF_SOMEBODY = (Quit, Renamed, LoggedIn, Away)

_HERE = Calling()


class Lost(Event, frozen=True, kw_only=True, tag="lost"):
    """The hub was lost, and why; it is being called again."""

    reason: str


class Regained(Event, frozen=True, kw_only=True, tag="regained"):
    """The hub is there again: we are in our rooms, and what was said meanwhile is on its way."""


class Chat:
    """One connection to a hub, made by `open_chat`. `aclose`, which leaving its `async with` is, says goodbye."""

    def __init__(
        self, address: Address, me: Me, how: Calling, *, reconnect: bool, find: Find | None = None
    ) -> None:  # fmt: skip
        #: The rooms that we are in, by folded name.
        self.rooms: dict[str, Membership] = {}
        self._line = Line(address, me, how, self, reconnect=reconnect, find=find)
        self._waiting = Waiting()

    async def open(self) -> None:
        """Call the hub. Raises as `open_chat`."""
        await self._line.open()

    @property
    def address(self) -> Address:
        """Where the hub is, or was last."""
        return self._line.address

    @property
    def nick(self) -> str:
        """Ours, as it is now."""
        return self._line.nick

    @property
    def welcome(self) -> Welcome:
        """What the hub said to our greeting: who we are, what it is called, what it allows."""
        return self._line.welcome

    # ── rooms ─────────────────────────────────────────────────────────────────────────────────────────────

    async def join(self, room: str, *, key: str = "", history: int = 0, after: int | None = None) -> Membership:
        """Enter a room, which is made if need be; one that we are in is given again.

        What is given first are the last `history` messages, or with `after` all those behind that number; nothing is
        missed between them and what is said from now on. Raises `ChatRefused`, `ChannelError`.
        """
        member = self.rooms.get(folded(room))
        if member is not None:
            return member
        member = self.rooms[folded(room)] = Membership(self, room, key)
        try:
            member.entered(await self.ask(RoomState, "join", room=room, key=key or None))
            self.rooms[folded(member.room)] = member
            member.begin(await member.history(limit=max(history, 1)), history, after)
        except BaseException:
            self.rooms = {name: each for name, each in self.rooms.items() if each is not member}
            raise
        return member

    async def list_rooms(self) -> tuple[Listed, ...]:
        """The rooms that there are, as far as we may know of them."""
        return (await self.ask(Rooms, "rooms")).rooms

    async def who(self, *, room: str | None = None, nick: str | None = None) -> tuple[Person, ...]:
        """Who is in a room, or somebody. Raises `ChatRefused`."""
        return (await self.ask(Who, "who", room=room, nick=nick)).people

    async def search(
        self, text: str, *, room: str | None = None, before: int | None = None, limit: int = 50
    ) -> Found:  # fmt: skip
        """Messages with all these words in them, in one room or all that we may read, the newest first."""
        return await self.ask(Found, "search", text=text, room=room, before=before, limit=limit)

    # ── saying ────────────────────────────────────────────────────────────────────────────────────────────

    async def say(self, room: str, text: str, *, kind: str = "say") -> Message:
        """Say something in a room; as `Membership.say`. `kind` is say, act or notice."""
        return await self.ask(Message, kind, room=room, text=text, id=secrets.token_urlsafe(12))

    async def whisper(self, nick: str, text: str, *, kind: str = "say") -> Whisper:
        """Say something to one alone. Raises `ChatRefused`, and `ChannelBroken` where nobody knows if it arrived."""
        return await self.ask(Whisper, kind, to=nick, text=text)

    async def ask(self, kind: type[Answer], do: str, **fields: Any) -> Answer:
        """A command of docs/chat.md that is answered by an event of this kind. As `command`."""
        answer = await self.command(do, **fields)
        if not isinstance(answer, kind):
            raise RemoteProtocolError(f"the hub answers {do} with {type(answer).__name__}, and not {kind.__name__}")
        return answer

    async def command(self, do: str, **fields: Any) -> Event:
        """Any command of docs/chat.md; fields that are None are left out. Returns what answers it.

        Raises `ChatRefused`, and `ChannelError` where the hub was lost before. Cancelling does not take it back.
        """
        return await self._line.ask(do, **fields)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────

    async def events(self) -> AsyncIterator[Event]:
        """What is of no room: `Whisper` of others, `Invited`, `Lost` and `Regained`, one task at a time.

        Ends when the chat is closed; raises `ChannelError` where the hub was lost. As long as nobody takes them, those
        that are too many are dropped. Cancelling loses nothing.
        """
        while (event := await self._waiting.take()) is not None:
            self.taken()
            yield event

    def taken(self) -> None:
        """Somebody has taken an event: there may be room for more."""
        self._line.go_on()

    def hear(self, event: Event) -> None:
        """Of the line: hand an event to whom it concerns."""
        if isinstance(event, _OF_A_ROOM):
            if (member := self.rooms.get(folded(event.room))) is not None:
                member.hear(event, must_read=bool(self._line.pending))
        elif isinstance(event, _OF_SOMEBODY):
            nick = event.nick if isinstance(event, Renamed) else event.who.nick
            for member in list(self.rooms.values()):
                if member.has(nick):
                    member.hear(event, must_read=bool(self._line.pending))
        elif isinstance(event, Whisper | Invited) and not event.label:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        if self._waiting.is_read or not self._waiting.is_full:
            self._waiting.put(event)

    def has_room(self) -> bool:
        """Of the line: whether nobody who takes events has too many already."""
        return not any(each.is_read and each.is_full for each in (self._waiting, *self._all_waiting()))

    def _all_waiting(self) -> list[Waiting]:
        return [member.waiting for member in self.rooms.values()]

    # ── losing the hub ────────────────────────────────────────────────────────────────────────────────────

    def lost(self, reason: str) -> None:
        """Of the line: it calls again."""
        for member in self.rooms.values():
            member.lose()
        self._tell(Lost(reason=reason))

    async def restore(self) -> None:
        """Of the line: enter the rooms again."""
        for name, member in list(self.rooms.items()):
            try:
                answer = await self._line.say_now("join", room=member.room, key=member.key or None)
            except ChatRefused as error:
                self.rooms.pop(name, None)
                member.waiting.end(error)
                continue
            if isinstance(answer, RoomState):
                member.entered(answer)
            await member.resume(self._line.say_now)

    def regained(self) -> None:
        """Of the line: it is ready."""
        self._tell(Regained())

    def over(self, error: Exception) -> None:
        """Of the line: nobody calls any more."""
        reason = None if isinstance(error, ChannelClosed) else error
        for waiting in (self._waiting, *self._all_waiting()):
            waiting.end(reason)

    async def aclose(self, text: str | None = None) -> None:
        """Say goodbye and close. Idempotent; when cancelled it is closed all the same."""
        await self._line.aclose(text)

    async def __aenter__(self) -> Chat:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def open_chat(
    address: Address | str, me: Me | None = None, *, reconnect: bool = False, find: Find | None = None,
    how: Calling = _HERE,
) -> Chat:  # fmt: skip
    """Call the hub at `address` and greet it; the caller closes what this returns.

    With `reconnect` it is called again, there or where `find` says, when it is lost later: for `how.retry` seconds, or
    where that is 0 for as long as it takes. `how` says by which relay, proxy or certificate, and who records it.
    Raises `ConnectError`, `ChatRefused` where the hub does not let us in, `ChannelError` where it says what no hub
    does, and `UsageError` of netrc. Cancelling leaves nothing open.
    """
    address = Address.parse(address) if isinstance(address, str) else address
    chat = Chat(address, me or Me(), how, reconnect=reconnect, find=find)
    await chat.open()
    return chat


class Joining:
    """What `join` gives: entering it is entering the room, leaving it closes the connection."""

    def __init__(self, address: Address | str, me: Me, room: dict[str, Any], how: Calling, *, reconnect: bool) -> None:
        self._address, self._me, self._room, self._how, self._reconnect = address, me, room, how, reconnect
        self._chat: Chat | None = None

    async def __aenter__(self) -> Membership:
        self._chat = await open_chat(self._address, self._me, reconnect=self._reconnect, how=self._how)
        try:
            return await self._chat.join(**self._room)
        except BaseException:
            await self._chat.aclose()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._chat is not None:
            await self._chat.aclose()


def join(
    address: Address | str, room: str = "#lobby", *, nick: str = "", name: str = "", password: str = "",
    key: str = "", history: int = 0, after: int | None = None, reconnect: bool = False, how: Calling = _HERE,
) -> Joining:  # fmt: skip
    """Be in a room of the hub at `address` for as long as an `async with` runs; it gives the `Membership`.

    The address is a stream's (tcp, tls, unix, memory) or a WebSocket's (`ws://host:7767/chat`). Without a `nick` the
    hub finds a guest's; `name` and `password` log in (without a password, netrc's for the host). `history` and `after`
    say which messages are given first (`Chat.join`). With `reconnect` a hub that is lost is called again, and nothing
    is missed or given twice; without, what waits raises `ChannelError` then.

    Entering raises `ConnectError`, `ChatRefused`, `ChannelError`, and when it is cancelled leaves nothing open; leaving
    says goodbye, which takes GOODBYE_SECONDS at most.
    """
    me = Me(nick, name, password)
    return Joining(
        address, me, {"room": room, "key": key, "history": history, "after": after}, how, reconnect=reconnect
    )  # fmt: skip
