"""Messages that are said once, however often a program says them: by names of the programs' own.

A program whose hub was lost cannot know whether its last messages were kept. It says them again, each under the name
that it gave it (`id` in docs/chat.md), and what was kept is not said a second time. The name of a message that the
history keeps for ever (`Message.id`) is then a digest of the program's name and the room: so what was said before a
hub was killed is found after it. The program's name itself is told to nobody, who could take it.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from tincans.apps.chat.events import Message
from tincans.apps.chat.history import History
from tincans.apps.chat.names import folded
from tincans.limits import CHAT_ONCE_MESSAGES, CHAT_RECENT_MESSAGES


def msgid_of(room: str, name: str) -> str:
    """The id of a message that a program calls so: 128 bits, as there are no two such messages by chance."""
    return blake2b(f"{folded(room)}\0{name}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Once:
    """One hub's. What was said last is known at once; what was said at any time is looked up."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._said: OrderedDict[str, Message] = OrderedDict()
        self._rooms: set[str] = set()  # whose recent messages are in it

    def find(self, room: str, msgid: str) -> Message | None:
        """The message, if it is among the last of the room, or among those noted last. Raises `OSError`."""
        room = folded(room)
        if room not in self._rooms:
            for message in self._history.recent(room, CHAT_RECENT_MESSAGES):
                self.note(message)
            self._rooms.add(room)
        return self._said.get(msgid)

    async def look_up(self, room: str, msgid: str) -> Message | None:
        """The message, if it is in the history at all. Raises `OSError`. Cancelling leaves nothing behind."""
        found = self.find(room, msgid)
        if found is not None:
            return found
        number = await self._history.number(folded(room), msgid=msgid)
        if not number:
            return None
        for message in await self._history.read(folded(room), after=number - 1, before=number + 1, limit=1):
            self.note(message)
        return self._said.get(msgid)

    def note(self, message: Message) -> None:
        """This was said."""
        self._said[message.id] = message
        if len(self._said) > CHAT_ONCE_MESSAGES:
            self._said.popitem(last=False)
