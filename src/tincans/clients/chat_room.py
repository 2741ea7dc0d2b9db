"""A room that a program is in: what is said there, one after the other, and what it says itself.

A `Membership` keeps what its chat hears of the room until somebody takes it, CHAT_WAITING_EVENTS at most, and knows the
number of the last message that is among them. From that follows all that makes it whole:

    it is full, and somebody takes from it    → the chat reads no more for now, and the hub's socket fills
    it is full, and a command waits, or       → what comes is left out, and it is behind: once what waits was taken, it
    nobody has ever taken from it               asks for the messages behind its last number, page by page
    the connection broke, and there is a new  → it is behind in the same way

So no message is lost, and none given twice. What else happens while it is behind (who came and went) is not told later;
`people` and `topic` are right all the same. A hub that has not the last message under its number is another one, or has
begun anew: it is begun with at its last CHAT_PAGE_MESSAGES.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from tincans.clients.chat_present import Present, folded
from tincans.clients.chat_waiting import Waiting
from tincans.clients.chat_wire import (
    Event,
    Found,
    History,
    Kicked,
    Left,
    Message,
    Person,
    Quit,
    RoomState,
    Topic,
)
from tincans.errors import ChatRefused
from tincans.limits import CHAT_PAGE_MESSAGES

if TYPE_CHECKING:
    from tincans.clients.chat import Chat


class Membership:
    """A room that was joined: made by `Chat.join`, over with `part`, or when it was kicked out or the chat ends.

    `async for message in room` gives what others say, in the hub's order; `events` all that happens in it.
    """

    def __init__(self, chat: Chat, room: str, key: str) -> None:
        self.chat = chat
        #: As the hub writes it, and the key that lets us in.
        self.room, self.key = room, key
        self._present = Present()
        self.waiting = Waiting()
        #: The number of the last message that was given or waits, and its id; the greatest number of those left out.
        self.last, self._last_id, self.missed = 0, "", 0
        self._behind = True  # until it is known which messages are to be given

    @property
    def people(self) -> dict[str, Person]:
        """Who is in it now, by folded nick."""
        return self._present.people

    @property
    def topic(self) -> Topic | None:
        return self._present.topic

    # ── what is said ──────────────────────────────────────────────────────────────────────────────────────

    async def __aiter__(self) -> AsyncIterator[Message]:
        """What others say: what our own nick has said is not among it. Ends as `events` does."""
        async for event in self.events():
            if isinstance(event, Message) and folded(event.nick) != folded(self.chat.nick):
                yield event

    async def events(self) -> AsyncIterator[Event]:
        """All that happens in the room, our own messages too, one task at a time (`ChannelBusy`).

        Ends when we have left the room or closed the chat; raises `ChatRefused` where we were sent away, and
        `ChannelError` where the hub was lost. Cancelling loses nothing.
        """
        while (event := await self.next_event()) is not None:
            yield event

    async def next_event(self) -> Event | None:
        """The next of `events`; None at their end."""
        event = await self.waiting.take(self._catch_up)
        self.chat.taken()
        return event

    async def _catch_up(self) -> bool:
        """Take one page of what was left out; False where nothing was."""
        if not self._behind:
            return False
        missed, page = self.missed, await self._page(self.last)
        for message in page.messages:
            if message.number > self.last:
                self._put(message)
        if not page.more:
            if missed > self.last:  # what the hub has told, and has no more, is gone
                self.last, self._last_id = missed, ""
            self._behind = self.missed > self.last
        return True

    async def _page(self, after: int) -> History:
        """The messages behind that number, the oldest first: some CHAT_PAGE_MESSAGES at most."""
        first = () if after else (await self.history(before=2, limit=1)).messages
        page = await self.history(after=after or 1, limit=CHAT_PAGE_MESSAGES)  # behind none at all would be the newest
        return msgspec.structs.replace(page, messages=(*first, *page.messages))

    # ── saying ────────────────────────────────────────────────────────────────────────────────────────────

    async def say(self, text: str) -> Message:
        """Say something, and give it as the hub keeps it: once this returns, a hub that is killed does not lose it.

        Raises `ChatRefused`, and `ChannelError` where the hub was lost: then nobody knows whether it was said, unless
        the chat reconnects, which finds out and says it once. Cancelling may leave it said.
        """
        return await self.chat.say(self.room, text)

    async def act(self, text: str) -> Message:
        """Do something, as `/me` does: "waves". As `say`."""
        return await self.chat.say(self.room, text, kind="act")

    async def notice(self, text: str) -> Message:
        """Announce something, which no program answers. As `say`."""
        return await self.chat.say(self.room, text, kind="notice")

    async def history(self, *, before: int | None = None, after: int | None = None, limit: int = 50) -> History:
        """Messages of the room, the oldest first: the newest, or those next to a number."""
        return await self.chat.ask(History, "history", room=self.room, before=before, after=after, limit=limit)

    async def search(self, text: str, *, before: int | None = None, limit: int = 50) -> Found:
        """Messages of the room with all these words in them, the newest first."""
        return await self.chat.ask(Found, "search", room=self.room, text=text, before=before, limit=limit)

    async def set_topic(self, text: str) -> None:
        """An empty text takes it away. Raises `ChatRefused`."""
        await self.chat.command("topic", room=self.room, text=text)

    async def part(self, text: str | None = None) -> None:
        """Leave the room."""
        await self.chat.command("part", room=self.room, text=text)

    # ── what the chat hears ───────────────────────────────────────────────────────────────────────────────

    def entered(self, state: RoomState) -> None:
        """The hub has let us in."""
        self.room = state.room
        self._present.begin(state)

    def begin(self, page: History, history: int, after: int | None) -> None:
        """Begin with the last messages of a page, or behind a number."""
        newest = page.messages[-1].number if page.messages else 0
        if after is not None:
            self.last = after
        elif page.messages:
            self.waiting.put(*page.messages[len(page.messages) - history :] if history else ())
            self.last, self._last_id = newest, page.messages[-1].id
        self.missed = max(self.missed, newest)
        self._behind = self.missed > self.last

    def lose(self) -> None:
        """The hub was lost: what it says next, there or elsewhere, does not follow what was heard."""
        self._behind = True

    async def resume(self, ask: Callable[..., Awaitable[Event]]) -> None:
        """Go on with a hub that is there again; `ask` says commands to it before all others."""
        if self._last_id:
            known = await self._messages(ask, before=self.last + 1, limit=1)
            if not known or known[-1].id != self._last_id:
                newest = await self._messages(ask, limit=CHAT_PAGE_MESSAGES)
                self.last, self._last_id, self.missed = 0, "", 0
                for message in newest:
                    self._put(message)
        self._fall_behind()

    async def _messages(self, ask: Callable[..., Awaitable[Event]], **which: int) -> tuple[Message, ...]:
        answer = await ask("history", room=self.room, **which)
        return answer.messages if isinstance(answer, History) else ()

    def _fall_behind(self) -> None:
        self._behind = True
        self.waiting.wake()

    def _put(self, message: Message) -> None:
        self.last, self._last_id = message.number, message.id
        self.waiting.put(message)

    def hear(self, event: Event, *, must_read: bool) -> None:
        """Take what happens. Where it is full that is left out, if it cannot be left in the socket."""
        self._present.hear(event)
        self._leave(event)
        left_out = self._behind or (self.waiting.is_full and (must_read or not self.waiting.is_read))
        if not isinstance(event, Message):
            if not left_out:
                self.waiting.put(event)
        elif event.number > max(self.last, self.missed):
            if not left_out:
                self._put(event)
            else:
                self.missed = event.number
                self._fall_behind()

    async def taken(self) -> None:
        """Wait until all that has happened was taken, and whoever takes it waits for more."""
        while not self.waiting.over and (self.waiting.events or self._behind):
            await self.waiting.idle()

    def has(self, nick: str) -> bool:
        return folded(nick) in self.people

    def _leave(self, event: Event) -> None:
        """We may be in the room no more."""
        if isinstance(event, Left | Quit):
            nick, error = event.who.nick, None
        elif isinstance(event, Kicked):
            nick, error = event.nick, _kicked(self.room, event)
        else:
            return
        if folded(nick) == folded(self.chat.nick):
            self.chat.rooms.pop(folded(self.room), None)
            self.waiting.end(error)


def _kicked(room: str, event: Kicked) -> ChatRefused:
    return ChatRefused("kicked", f"{event.by.nick} took you out of {room}" + (f": {event.text}" if event.text else ""))
