"""What each command of a chat does (`chat_words.COMMANDS` has what they take)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tincans.cli.chat_talk import Pane, spoken
from tincans.cli.chat_words import help_lines
from tincans.errors import ChatRefused, TincansError
from tincans.text import human_bytes

if TYPE_CHECKING:
    from tincans.cli.chat_mesh import Meshed
    from tincans.cli.chat_party import Party
    from tincans.clients.chat_wire import Listed, Message, Person

#: How many messages `/search` shows.
_FOUND = 20

_RANKS = {"operator": "@", "voice": "+"}

Words = tuple[str, ...]


class Acts:
    """The commands, each a method `do_NAME(words, pane)`: the pane is the one in which it was typed."""

    def __init__(self, party: Party) -> None:
        self._party, self._chat, self._talk = party, party.chat, party.talk

    async def act(self, command: str, words: Words, pane: Pane) -> None:
        """Do it; what goes wrong is shown in the pane."""
        try:
            await getattr(self, f"do_{command}")(words, pane)
        except (TincansError, OSError) as error:
            self._talk.note(str(error), pane if pane in self._talk.panes else None, error=True)

    def _room(self, pane: Pane) -> str:
        """The room of a pane. Raises `ChatRefused` where it is none that we are in."""
        if pane.member is None:
            raise ChatRefused("not-in-room", "that is for a room, and this is none that you are in: /join ROOM")
        return pane.member.room

    def _note(self, pane: Pane, lines: Iterable[str]) -> None:
        self._talk.note("\n".join(lines), pane)

    # ── saying ────────────────────────────────────────────────────────────────────────────────────────────

    async def do_say(self, words: Words, pane: Pane, kind: str = "say") -> None:
        if pane.name and not pane.is_room:
            self._talk.hear(await self._chat.whisper(pane.name, words[0], kind=kind))
        else:
            await self._chat.say(self._room(pane), words[0], kind=kind)

    async def do_me(self, words: Words, pane: Pane) -> None:
        await self.do_say(words, pane, "act")

    async def do_notice(self, words: Words, pane: Pane) -> None:
        await self.do_say(words, pane, "notice")

    async def do_msg(self, words: Words, pane: Pane) -> None:
        if len(words) > 1:
            self._talk.hear(await self._chat.whisper(words[0], words[1]))
        self._talk.turn_to(self._talk.pane(words[0]))

    async def do_send(self, words: Words, pane: Pane) -> None:
        path = home_expanded(words[0])
        if self._party.peers is not None:
            await self._chat.say(self._room(pane), await self._party.peers.shares.offer(path))
            return
        from tincans.clients.chat_files import send_file
        from tincans.clients.local import reading

        with reading(path):
            size = os.stat(path).st_size
        with self._showing(path.name, size) as moved:
            await send_file(self._chat, self._party.how, self._room(pane), path, moved)

    async def do_get(self, words: Words, pane: Pane) -> None:
        from tincans.progress import Deed, Step

        with self._showing(words[0], 0) as moved:

            def step(step: Step) -> None:
                if step.deed is Deed.MOVED:
                    moved(step.amount)

            path = await self._peers.shares.fetch(words[0], Path.cwd(), step)
        self._note(pane, [f"{path} is here"])

    @contextmanager
    def _showing(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        """Show how far a transfer is; gives what is told how many bytes went."""
        sent, party = 0, self._party

        def moved(count: int) -> None:
            nonlocal sent
            sent += count
            party.progress = f"{name}: {human_bytes(sent)}" + (f" of {human_bytes(size)}" if size else "")
            party.changed()

        try:
            yield moved
        finally:
            party.progress = ""

    # ── rooms ─────────────────────────────────────────────────────────────────────────────────────────────

    async def do_join(self, words: Words, pane: Pane) -> None:
        from tincans.cli.hubs import room_name

        await self._party.enter(room_name(words[0]), _second(words) or "")

    async def do_part(self, words: Words, pane: Pane) -> None:
        if pane.member is not None:
            await pane.member.part(words[0] if words else None)
        self._talk.close(pane)

    async def do_topic(self, words: Words, pane: Pane) -> None:
        room = self._room(pane)
        if words:
            await self._chat.command("topic", room=room, text="" if words[0] == "-" else words[0])
            return
        topic = pane.member.topic if pane.member is not None else None
        by = f" ({topic.by})" if topic is not None and topic.by else ""
        self._note(pane, [f"the topic is: {topic.text}{by}" if topic is not None else "there is no topic"])

    async def do_who(self, words: Words, pane: Pane) -> None:
        if words:
            people = await self._chat.who(nick=words[0])
        else:
            people = await self._chat.who(room=self._room(pane))
            self._note(pane, [f"{len(people)} here: {', '.join(_person(each) for each in people)}"])
            return
        self._note(pane, (_person(each) + _account(each) for each in people))

    async def do_rooms(self, words: Words, pane: Pane) -> None:
        rooms = await self._chat.list_rooms()
        self._note(pane, map(_room, rooms) if rooms else ["there are no rooms yet: /join ROOM makes one"])

    async def do_mode(self, words: Words, pane: Pane) -> None:
        if not words:
            from tincans.clients.chat_wire import RoomState

            state = await self._chat.ask(RoomState, "join", room=self._room(pane))  # where we are already
            self._note(pane, [f"the modes of {state.room} are {state.modes}"])
            return
        await self._chat.command("mode", room=self._room(pane), modes=words[0])

    async def do_kick(self, words: Words, pane: Pane) -> None:
        await self._chat.command(
            "kick", room=self._room(pane), nick=words[0], text=words[1] if len(words) > 1 else None
        )

    async def do_invite(self, words: Words, pane: Pane) -> None:
        if not words:
            self._note(pane, [await self._peers.invite()])
            return
        await self._chat.command("invite", room=self._room(pane), nick=words[0])
        self._note(pane, [f"{words[0]} may come in"])

    # ── what was said ─────────────────────────────────────────────────────────────────────────────────────

    async def do_history(self, words: Words, pane: Pane) -> None:
        self._room(pane)
        if words and not words[0].isdecimal():
            raise ChatRefused("not-understood", f"{words[0]!r} is no number of messages")
        self._party.look_back(pane, *([min(500, max(1, int(words[0])))] if words else []))

    async def do_search(self, words: Words, pane: Pane) -> None:
        room = pane.member.room if pane.member is not None else None
        found = await self._chat.search(words[0], room=room, limit=_FOUND)
        lines = [_found(message, with_room=room is None) for message in reversed(found.messages)]
        more = ["… and earlier ones"] if found.more else []
        lack = [found.lack] if found.lack else []
        self._note(pane, [*lack, *more, *lines] if lines else [f"nothing has {words[0]!r} in it", *lack])

    async def do_clear(self, words: Words, pane: Pane) -> None:
        pane.clear()

    # ── we ourselves ──────────────────────────────────────────────────────────────────────────────────────

    async def do_nick(self, words: Words, pane: Pane) -> None:
        await self._chat.command("nick", nick=words[0])
        self._talk.nick = self._chat.nick
        if not self._chat.rooms:
            self._note(pane, [f"you are called {self._chat.nick} now"])

    async def do_away(self, words: Words, pane: Pane) -> None:
        await self._chat.command("away", text=words[0] if words else "")
        if not self._chat.rooms:
            self._note(pane, ["you are away" if words else "you are back"])

    @property
    def _peers(self) -> Meshed:
        if self._party.peers is None:
            raise ChatRefused("no-peers", "this chat has no peers: tincans chat --peer has")
        return self._party.peers

    async def do_peers(self, words: Words, pane: Pane) -> None:
        self._note(pane, self._peers.peers or ["no peer is here: tincans chat --peer elsewhere finds this one"])

    async def do_trust(self, words: Words, pane: Pane) -> None:
        self._peers.trust(words[0])

    async def do_call(self, words: Words, pane: Pane) -> None:
        await self._peers.call(words[0])

    async def do_help(self, words: Words, pane: Pane) -> None:
        self._note(pane, help_lines(words[0] if words else "", peers=self._party.peers is not None))

    async def do_quit(self, words: Words, pane: Pane) -> None:
        self._party.leave(words[0] if words else "")


def home_expanded(name: str) -> Path:
    """A path as it is typed: ~ is one's home."""
    return Path(name).expanduser()


def _second(words: Words) -> str | None:
    return words[1] if len(words) > 1 else None


def _person(person: Person) -> str:
    away = f" (away: {person.away})" if person.away else ""
    return f"{_RANKS.get(person.rank, '')}{person.nick}{away}"


def _account(person: Person) -> str:
    return f", logged in as {person.account}" if person.account else ", a guest"


def _room(room: Listed) -> str:
    people = "1 person" if room.people == 1 else f"{room.people} people"
    return f"{room.name}  {people}" + (f"  {room.topic}" if room.topic else "")


def _found(message: Message, *, with_room: bool) -> str:
    at = f"{message.at.astimezone():%Y-%m-%d %H:%M} " if message.at is not None else ""
    return f"{at}{message.room + ' ' if with_room else ''}{message.nick}: {spoken(message)}"
