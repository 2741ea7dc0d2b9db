"""What was said last in each room, at hand without a disk, and how much was said there.

A room's messages are read from the index once somebody asks for them, and kept up with what is said from then on. So
what is in memory is never older than the index, though that is behind: `since` is where the index has to be asked.
Where CHAT_AT_HAND_BYTES are at hand, those rooms are let go that nobody asked for or spoke in for longest.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from itertools import islice

from tincans.apps.chat.events import Message
from tincans.apps.chat.history import weight
from tincans.limits import CHAT_AT_HAND_BYTES, CHAT_RECENT_MESSAGES

#: Reads the last messages of a room from the index: its name, numbers up to which, how many.
Load = Callable[[str, int, int], list[Message]]


class AtHand:
    """The last messages of one room."""

    __slots__ = ("is_loaded", "said", "since")

    def __init__(self, since: int, most: int) -> None:
        self.said: deque[Message] = deque(maxlen=most)
        #: All with a number above this are in `said`, or were, before others came.
        self.since = since
        #: Whether those before are there, too, as many as it takes.
        self.is_loaded = False

    def load(self, before: list[Message]) -> None:
        """Put those before that were said up to `since`."""
        said = self.said
        self.said = deque([*before, *said], maxlen=said.maxlen)
        self.is_loaded = True

    def read(self, after: int, before: int, limit: int, *, is_all: bool) -> list[Message] | None:
        """As `History.read`; None where others may be among them. `is_all`: the room has no more than these."""
        found = [each for each in self.said if each.number > after and (not before or each.number < before)]
        if after and not before:
            return found[:limit] if is_all or (self.said and self.said[0].number <= after + 1) else None
        return found[max(0, len(found) - limit) :] if is_all or len(found) >= limit else None

    def last(self, limit: int) -> list[Message]:
        return list(islice(self.said, max(0, len(self.said) - limit), None))


class Recent:
    """All rooms, by folded name. For one thread."""

    def __init__(self, counts: Iterable[tuple[str, int, int]], load: Load, *, keep: int = 0) -> None:
        """Rooms with how many messages they have, and the number of the last. `keep`: of each at most, 0 for any."""
        self._most = min(CHAT_RECENT_MESSAGES, keep or CHAT_RECENT_MESSAGES)
        self._load = load
        self.counts = {name: (count, last) for name, count, last in counts}
        self._rooms: OrderedDict[str, AtHand] = OrderedDict()
        #: What the messages at hand weigh, and at what weight some have to go.
        self._weight, self._bound = 0, CHAT_AT_HAND_BYTES

    def add(self, room: str, message: Message, last: int) -> None:
        """A message was kept, behind the one with the number `last`."""
        found = self._rooms.get(room)
        if found is None:
            found = self._rooms[room] = AtHand(last, self._most)
        else:
            self._rooms.move_to_end(room)
        if len(found.said) == self._most:
            self._weight -= weight(found.said[0])
        self._weight += weight(message)
        found.said.append(message)
        self.counts[room] = (self.counts.get(room, (0, 0))[0] + 1, message.number)

    def of(self, room: str, last: int) -> AtHand:
        """Those of a room, loaded. `last` is the number of the last message of all. Raises `OSError`."""
        if room not in self.counts:
            return AtHand(last, self._most)
        found = self._rooms.get(room)
        if found is None:
            found = self._rooms[room] = AtHand(last, self._most)
        self._rooms.move_to_end(room)
        if not found.is_loaded:
            missing = self._most - len(found.said)
            before = self._load(room, found.since, missing) if missing else []
            found.load(before)
            self._weight += sum(map(weight, before))
        return found

    def let_go(self, indexed: int) -> None:
        """Let those go that are too many, of rooms of which the index, which goes up to `indexed`, has all."""
        if self._weight <= self._bound:
            return
        for name in list(self._rooms):
            if self._weight <= CHAT_AT_HAND_BYTES * 3 // 4:
                break
            if self.counts.get(name, (0, 0))[1] <= indexed:
                self._weight -= sum(map(weight, self._rooms.pop(name).said))
        self._bound = max(CHAT_AT_HAND_BYTES, self._weight * 9 // 8)
