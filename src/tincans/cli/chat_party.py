"""A person in a chat: what the hub says goes into the panes, and what is typed is said, or done, at the hub.

One task for each room takes what happens there, one takes what is of no room, and each thing that is typed is a task
until it is answered: nobody waits for a slow one, and messages go out in the order in which they were typed.

    hub ─► Chat, Membership ─► follow ─► Talk ─► changed()          typed(line) ─► Acts ─► Chat ─► hub
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tincans.cli.chat_acts import Acts
from tincans.cli.chat_talk import Pane, Talk
from tincans.cli.chat_words import Known, NotACommand, parse
from tincans.clients.chat_present import folded
from tincans.errors import ChannelError, ChatRefused, TincansError
from tincans.limits import CHAT_PAGE_MESSAGES
from tincans.tasks import spawn

if TYPE_CHECKING:
    from tincans.cli.chat_mesh import Meshed
    from tincans.clients.calling import Calling
    from tincans.clients.chat import Chat
    from tincans.clients.chat_room import Membership


async def _at_once() -> None:
    pass


class Party:
    """Owns its tasks, and neither the chat nor the talk."""

    def __init__(self, chat: Chat, talk: Talk, how: Calling, *, history: int = CHAT_PAGE_MESSAGES) -> None:
        self.chat, self.talk, self.how, self.history = chat, talk, how, history
        #: Called whenever something that is shown has changed.
        self.changed: Callable[[], object] = lambda: None
        #: Awaited after each thing that happened in a room.
        self.pace: Callable[[], Awaitable[None]] = _at_once
        #: The mesh behind the hub, where there is one.
        self.peers: Meshed | None = None
        #: What is being transferred, in a few words.
        self.progress = ""
        #: Done when the person, or the hub, ends it: with what is said at leaving, or with the error.
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._acts = Acts(self)
        self._tasks = {spawn(self._follow_chat())}
        self._typed: set[asyncio.Task[None]] = set()
        self._asking: set[str] = set()  # panes for which earlier messages are being asked for
        talk.nick = chat.nick

    # ── rooms ─────────────────────────────────────────────────────────────────────────────────────────────

    async def enter(self, room: str, key: str = "") -> Pane:
        """Enter a room and turn to it. Raises `ChatRefused`, `ChannelError`."""
        member = await self.chat.join(room, key=key, history=self.history)
        pane = self.talk.pane(member.room)
        if pane.member is not member:
            pane.member = member
            self._keep(spawn(self._follow(pane, member)))
        self.talk.turn_to(pane)
        self.changed()
        return pane

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, pane: Pane, member: Membership) -> None:
        """Show what happens in a room, as long as we are in it."""
        try:
            async for event in member.events():
                self.talk.nick = self.chat.nick
                self.talk.hear(event, pane)
                self.changed()
                await self.pace()
        except ChatRefused as error:
            self.talk.note(str(error), pane, error=True)
        except ChannelError:
            return  # it is told once, for all rooms
        pane.member = None
        self.changed()

    async def _follow_chat(self) -> None:
        try:
            async for event in self.chat.events():
                self.talk.nick = self.chat.nick
                self.talk.hear(event)
                self.changed()
        except TincansError as error:
            if not self.over.done():
                self.over.set_exception(error)

    def look_back(self, pane: Pane, count: int = CHAT_PAGE_MESSAGES) -> None:
        """Ask for earlier messages of a pane, unless that is being done, or there are none."""
        if pane.member is not None and not pane.is_whole and pane.name not in self._asking:
            self._asking.add(pane.name)
            self._keep(spawn(self._look_back(pane, count)))

    async def _look_back(self, pane: Pane, count: int) -> None:
        assert pane.member is not None
        try:
            page = await pane.member.history(before=pane.oldest or None, limit=count)
            self.talk.earlier(pane, page.messages)
            pane.is_whole = not page.more
        except TincansError as error:
            self.talk.note(str(error), pane, error=True)
        finally:
            self._asking.discard(pane.name)
            self.changed()

    # ── what is typed ─────────────────────────────────────────────────────────────────────────────────────

    def typed(self, line: str) -> asyncio.Task[None] | None:
        """Say or do what was typed; gives what ends when that was answered."""
        if not line.strip():
            return None
        try:
            typed = parse(line)
        except NotACommand as error:
            self.talk.note(str(error), error=True)
            self.changed()
            return None
        task = spawn(self._acts.act(typed.command, typed.words, self.talk.current))
        self._typed.add(task)
        task.add_done_callback(self._answered)
        return task

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._typed.discard(task)
        self.changed()

    @property
    def waiting(self) -> int:
        """How many things that were typed have no answer yet."""
        return len(self._typed)

    async def answered(self) -> None:
        """Wait until all that was typed was answered, and all that came of it is shown."""
        while self._typed:
            await asyncio.wait(self._typed)
        try:
            await self.chat.command("ping")  # what the hub has told before is here then
        except TincansError:
            return
        for member in list(self.chat.rooms.values()):
            await member.taken()

    def leave(self, text: str = "") -> None:
        """End it, saying this."""
        if not self.over.done():
            self.over.set_result(text)

    @property
    def known(self) -> Known:
        """What a line can be completed with: who spoke last comes first."""
        pane = self.talk.current
        nicks = {folded(row.nick): row.nick for row in reversed(pane.rows) if row.nick}
        if pane.member is not None:
            here = pane.member.people
            nicks = {name: nick for name, nick in nicks.items() if name in here}
            nicks |= {name: person.nick for name, person in sorted(here.items()) if name not in nicks}
        for member in self.chat.rooms.values():
            nicks |= {name: person.nick for name, person in sorted(member.people.items()) if name not in nicks}
        nicks.pop(folded(self.talk.nick), None)
        return Known(list(nicks.values()), [each.name for each in self.talk.panes if each.is_room])

    async def aclose(self) -> None:
        """End the tasks."""
        tasks = {*self._tasks, *self._typed}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self.over.cancel()
