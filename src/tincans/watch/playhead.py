"""Where reading of a conversation stands: all that is needed to read on from there, and that can be copied.

`Marks` keeps copies of a playhead at the beginnings of pages, so that a page anywhere is decoded from one near it. What
it keeps is bounded: when there are too many, every second of them goes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from typing import ClassVar

from tincans.channel import Side
from tincans.conversation import Dropped, Entry, Opened
from tincans.decoding import Decoding, Heard, Views
from tincans.journal import Place
from tincans.limits import (
    BUSY_REST_SECONDS,
    BUSY_SHARE,
    CHECKPOINT_BYTES,
    CHECKPOINTS,
    IDLE_WORK_SECONDS,
    REST_SECONDS,
    WORK_SECONDS,
)
from tincans.waiting import Waiting
from tincans.watch.items import Begun, Items

#: In these a secret is not known to be one, so what was begun can be shown as what is whole is.
_PLAIN = ("lines", "raw")

Spans = list[tuple[int, int]]


class Pace:
    """Leaves the interpreter to others: while traffic is carried, a thread that decodes should not keep it for long.

    After each bit of work it rests: a moment, and not often, where nobody else works, and long where others do. Whether
    they do is seen while it rests; on a machine that has much to do they get only a part of the time that they want.
    """

    #: How long was rested last, by whichever thread.
    rest: ClassVar[float] = REST_SECONDS

    def __init__(self) -> None:
        self._since = time.monotonic()

    def step(self) -> None:
        """A bit of work is done."""
        began = time.monotonic()
        if began - self._since < (WORK_SECONDS if Pace.rest > REST_SECONDS * 2 else IDLE_WORK_SECONDS):
            return
        used = time.process_time()
        time.sleep(Pace.rest)
        self._since = time.monotonic()
        busy = (time.process_time() - used) / max(self._since - began, 1e-9)
        Pace.rest = REST_SECONDS + min(1.0, busy / BUSY_SHARE) * (BUSY_REST_SECONDS - REST_SECONDS)


class Playhead:
    """Reads one conversation, entry by entry; `page` is the one that comes next or is being read."""

    def __init__(self, opened: Opened, protocol: str = "", *, secrets: bool = False, page: int = 0) -> None:
        """`protocol` as `find_protocol` takes it. Raises `NoSuchProtocol`."""
        self.page, self.is_exact = page, True
        self.decoding = Decoding(opened, protocol)
        self.waiting = Waiting(opened, self.decoding, secrets=secrets)
        self._views = Views(protocol)
        self._secrets = secrets
        self._begun: dict[Side, Begun] = {}
        #: Up to where what each side said has been told by events.
        self.told = dict.fromkeys(Side, 0)

    @classmethod
    def at(cls, place: Place, opened: Opened, protocol: str, *, secrets: bool, page: int, torn: bool) -> Playhead:
        """One that has not read what comes before a place, and knows only how much that was.

        `torn`: the place may be in the middle of a message. Protocols that can find the next one by what it looks like
        are lenient then; others read nothing any more, and had better take it for the beginning of one.
        """
        head = cls(opened, protocol, secrets=secrets, page=page)
        head.is_exact = False
        head.told = {Side.CLIENT: place.client, Side.SERVER: place.server}
        if not torn:
            head.decoding.moved(head.told)
        for side, count in head.told.items():
            if count:
                lost = Dropped(conversation=opened.conversation, at=place.at, side=side, count=count, reason="")
                head.waiting.take(lost, head.decoding.take(lost) if torn else ())
        head.waiting.conversation.dropped = 0
        return head

    def read(self, entries: Iterable[Entry], items: Items, hidden: dict[Side, Spans], pace: Pace) -> None:
        """Read on, and tell `items` what happened; where secrets are goes to `hidden`."""
        for entry in entries:
            told = self.decoding.take(entry)
            self.waiting.take(entry, told)
            for each in told:
                if isinstance(each, Heard):
                    self._hear(each, items, hidden)
                else:
                    items.happened(each, self.waiting.conversation)
            pace.step()

    def _hear(self, heard: Heard, items: Items, hidden: dict[Side, Spans]) -> None:
        event = heard.event
        self.told[event.side] = max(self.told[event.side], event.end)
        hidden[event.side] += event.hidden
        shown = heard if self._secrets else heard.masked()
        items.heard(shown, self._views.view(shown), self._begun)

    def goes_on(self, first: str) -> bool:
        """Whether a side is in the middle of the message that begins with that item."""
        return any(begun.first == first for begun in self._begun.values())

    def widen(self, most: int) -> None:
        """Show so many bytes of what a message carries, of those that begin from now on."""
        self._views.widen(most)

    def end(self, items: Items) -> None:
        """Nothing more has happened until now: tell `items` what was begun."""
        conversation = self.waiting.conversation
        protocol = self.decoding.protocol
        for side, said in ((Side.CLIENT, conversation.client_bytes), (Side.SERVER, conversation.server_bytes)):
            if begun := self.decoding.unfinished(side):
                items.unfinished(
                    side, begun, conversation.last, said, shown=self._secrets or self.is_plain, protocol=protocol
                )

    @property
    def is_plain(self) -> bool:
        """Whether nothing of what is said now can be known to be a secret."""
        return self.decoding.protocol.partition(":")[0] in _PLAIN

    @property
    def size(self) -> int:
        """Bytes of unfinished messages that it holds."""
        return sum(len(self.decoding.unfinished(side)) for side in Side)

    def copied(self) -> Playhead | None:
        """Another that stands here; None where it holds what cannot be copied: some decompressors."""
        try:
            return copy.deepcopy(self)
        except TypeError:
            return None


class Marks:
    """Playheads at the beginnings of pages: CHECKPOINTS at most, those used last and others that are evenly spread."""

    def __init__(self) -> None:
        self._heads: dict[int, Playhead] = {}  # the one used last is last
        self._every = 1

    def __len__(self) -> int:
        return len(self._heads)

    def nearest(self, page: int) -> int | None:
        """The last page not behind that one at whose beginning one stands."""
        return max((each for each in self._heads if each <= page), default=None)

    def protocol(self, page: int) -> str:
        """What is spoken at the beginning of that page, where one stands."""
        return self._heads[page].decoding.protocol

    def take(self, page: int) -> Playhead:
        """One that stands there, and is the caller's: a copy, or where there can be none the very one."""
        head = self._heads.pop(page)
        copied = head.copied()
        if copied is None:
            return head
        self._heads[page] = head
        return copied

    def put(self, head: Playhead) -> None:
        """Keep one that stands at the beginning of its page and goes no further, where there is room."""
        if head.size > CHECKPOINT_BYTES:
            return
        self._heads.pop(head.page, None)
        self._heads[head.page] = head
        while len(self._heads) > CHECKPOINTS:
            between = next((page for page in self._heads if page % self._every and page != head.page), None)
            if between is None:
                self._every *= 2
            else:
                del self._heads[between]

    def clear(self) -> None:
        """Forget all of them."""
        self._heads.clear()
        self._every = 1
