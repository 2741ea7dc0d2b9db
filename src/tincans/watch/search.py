"""Searching conversations by what only the recording tells: what was said, and what is spoken.

The recording is read, the newest conversation first, for a moment a call; then the call gives what it has found, and
where to go on. A conversation that takes longer than a moment is taken up again where it was left: what that needs is
kept here, not in the answer, for the searches that were left last. If it is kept no longer, the conversation is read
from its beginning again.

First the bytes are searched as they are, which is quick. Where something is found, and secrets are not to be seen, the
conversation is decoded to know whether it is in one (`finding.Check`).

What is spoken is what a `Decoder` takes the first words for (PROTOCOL_BYTES of the recording): the protocol's name
without its options, and "+tls" or "+websocket" behind it where they change to that within these words. It is
remembered, and looked up again only while a conversation has not said that much.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from tincans.conversation import Closed, Conversation, Entry, Opened, Said
from tincans.decoding import Decoding, Heard
from tincans.errors import NoSuchConversation
from tincans.journal import ALL, Filter, Journal, Place
from tincans.limits import (
    LIST_ROWS,
    PROTOCOL_BYTES,
    PROTOCOLS_KEPT,
    SEARCH_PASSAGE_BYTES,
    SEARCH_SECONDS,
    SEARCHES_KEPT,
)
from tincans.protocols import Upgraded
from tincans.watch.finding import Check, Finder, Needle

#: Conversations listed at once, and bytes decoded at once: that is a hundred times slower than to search them.
_BATCH = 16
_CHECK_BYTES = 16 * 1024

#: Less than this is searched sooner than a thread is found for it.
_LITTLE_BYTES = 16 * 1024

#: The recording of words is longer than they are by the headers of records: of so many times as much at most is read.
_RECORDED = 4

_CHANGES = frozenset({"tls", "websocket"})


class Found(NamedTuple):
    """What a moment's search has found."""

    #: The newest first.
    rows: list[Conversation]
    #: To be given as `before` to the next call; None: all have been looked at.
    next: int | None
    #: How many were looked at now, and how many there are to look at altogether, those before this call included.
    looked: int
    total: int


async def search(
    journal: Journal, which: Filter = ALL, *, text: bytes | str = "", protocol: str = "", before: int | None = None,
    secrets: bool = False, seconds: float = SEARCH_SECONDS, limit: int = LIST_ROWS,
) -> Found:  # fmt: skip
    """Of those that match `which` (whose own `before` and `limit` are not heeded), those in which `text` was said and
    `protocol` is spoken, each where it is not empty.

    Reads for about `seconds`, and at least a little, or until there are `limit`; mostly in threads. Nothing is found
    in secrets, unless `secrets`. Raises `JournalError`. Cancelling loses what was found, and nothing else.
    """
    end = time.monotonic() + seconds
    total = await journal.count(which._replace(before=None))
    searching = _Searching(journal, Needle(text) if text else None, protocol.partition(":")[0], secrets)
    rows: list[Conversation] = []
    looked = 0
    while True:
        listed = await journal.conversations(which._replace(before=before, limit=_BATCH))
        spoken = await protocol_of(journal, listed) if protocol else {}
        for each in reversed(listed):
            answer = await searching.answer(each, spoken, end)
            if answer is None:
                return Found(rows, each.number + 1, looked, total)
            looked += 1
            rows += [each] if answer else []
            before = each.number
            if len(rows) >= limit or time.monotonic() >= end:
                return Found(rows, before, looked, total)
        if not listed:
            return Found(rows, None, looked, total)


class _Searching(NamedTuple):
    """One call's search."""

    journal: Journal
    needle: Needle | None
    protocol: str
    secrets: bool

    async def answer(self, told: Conversation, spoken: dict[int, str], end: float) -> bool | None:
        """Whether this conversation is one; None: it could not be read to its end before `end`."""
        if self.protocol and self.protocol not in spoken[told.number].split("+"):
            return False
        if self.needle is None:
            return True
        if max(told.client_bytes, told.server_bytes) < self.needle.least:
            return False
        left = _remembered(self.journal).left
        key = (told.number, self.needle.text, self.secrets)
        look = left.pop(key, None) or _Look(self.needle, self.secrets)
        try:
            while (answer := await look.on(self.journal, told)) is None and time.monotonic() < end:
                pass
        except NoSuchConversation:  # it has just been forgotten
            return False
        if answer is None:
            left[key] = look
            while len(left) > SEARCHES_KEPT:
                left.popitem(last=False)
        return answer


class _Look:
    """A look for a text through one conversation, passage by passage, which may be left between two of them."""

    def __init__(self, needle: Needle, secrets: bool) -> None:
        self._needle, self._secrets = needle, secrets
        self._place: Place | None = None
        self._finder = Finder(needle)
        self._check: Check | None = None

    async def on(self, journal: Journal, told: Conversation) -> bool | None:
        """Read the next passage. Whether it was said; None: it has to be read on."""
        size = SEARCH_PASSAGE_BYTES if self._check is None else _CHECK_BYTES
        entries, place = await journal.passage(told.number, self._place, size)
        if self._check is not None:
            return await asyncio.to_thread(self._decode, self._check, entries, place)
        is_all = not entries or (place.client >= told.client_bytes and place.server >= told.server_bytes)
        if is_all and place.client + place.server < _LITTLE_BYTES:
            return self._seek(entries, place, is_all)
        return await asyncio.to_thread(self._seek, entries, place, is_all)

    def _seek(self, entries: list[Entry], place: Place, is_all: bool) -> bool | None:
        """Search a passage as it is. What is found there has to be checked, from the beginning."""
        self._place = place
        if self._finder.take(entries):
            if self._secrets:
                return True
            self._check, self._place = Check(self._needle), None
            return None
        return False if is_all else None

    def _decode(self, check: Check, entries: list[Entry], place: Place) -> bool | None:
        """Search what may be seen of a passage."""
        self._place = place
        answer = check.take(entries)
        if answer is None and (not entries or isinstance(entries[-1], Closed)):
            return check.finish()
        return answer


# ── what is spoken ────────────────────────────────────────────────────────────────────────────────────────


async def protocol_of(journal: Journal, told: Iterable[Conversation]) -> dict[int, str]:
    """What is spoken in each of these, by its number; empty where that cannot be told yet, or is not recorded.

    Raises `JournalError`.
    """
    told = list(told)
    names = _remembered(journal).names
    unknown = [each for each in told if names.is_news(each)]
    passages = await asyncio.gather(*(_beginning(journal, each.number) for each in unknown))
    if unknown:
        found = await asyncio.to_thread(lambda: [spoken_in(entries) for entries in passages])
        for each, entries, name in zip(unknown, passages, found, strict=True):
            names.put(each, name, is_final=each.closed is not None or not _is_all(entries, each))
    return {each.number: names.get(each.number) for each in told}


def known_protocol(journal: Journal, number: int) -> str:
    """What is spoken in that conversation, where somebody has asked for it before; else empty."""
    return _remembered(journal).names.get(number)


async def _beginning(journal: Journal, number: int) -> list[Entry]:
    try:
        return (await journal.passage(number, None, _RECORDED * PROTOCOL_BYTES)).entries
    except NoSuchConversation:  # it was forgotten, or is not written yet
        return []


def _is_all(entries: Iterable[Entry], told: Conversation) -> bool:
    """Whether more words would change something, and these are all that there were."""
    said = sum(len(entry.data) for entry in entries if isinstance(entry, Said))
    return said < PROTOCOL_BYTES and said + told.dropped >= told.client_bytes + told.server_bytes


def spoken_in(entries: Sequence[Entry]) -> str:
    """What is spoken in a conversation that begins with these entries: as the head of this module says."""
    if not entries or not isinstance(entries[0], Opened):
        return ""
    decoding = Decoding(entries[0])
    names: list[str] = []
    room = PROTOCOL_BYTES
    for entry in entries:
        if isinstance(entry, Said):
            entry = replace(entry, data=entry.data[:room])
            room -= len(entry.data)
        for heard in decoding.take(entry):
            if isinstance(heard, Heard):
                names = names or [_bare(heard.protocol)]
                if isinstance(heard.event, Upgraded) and heard.event.to in _CHANGES and heard.event.to not in names:
                    names.append(heard.event.to)
        if room <= 0:
            break
    return "+".join(names) or _bare(decoding.protocol)


def _bare(name: str) -> str:
    return name.partition(":")[0]


# ── what is remembered of a journal ───────────────────────────────────────────────────────────────────────


class _Names:
    """What is spoken in conversations that somebody has asked for, PROTOCOLS_KEPT of them."""

    def __init__(self) -> None:
        #: The name, and with how many pieces it was told; None where more can change nothing.
        self._known: OrderedDict[int, tuple[str, int | None]] = OrderedDict()

    def is_news(self, told: Conversation) -> bool:
        """Whether to look, and again: more was said than when it was last told."""
        _, pieces = self._known.get(told.number, ("", -1))
        return told.number > 0 and pieces not in (None, _pieces(told))

    def put(self, told: Conversation, name: str, *, is_final: bool) -> None:
        self._known[told.number] = name, None if is_final else _pieces(told)
        while len(self._known) > PROTOCOLS_KEPT:
            self._known.popitem(last=False)

    def get(self, number: int) -> str:
        return self._known.get(number, ("", None))[0]


def _pieces(told: Conversation) -> int:
    return told.client_pieces + told.server_pieces


class _Remembered:
    def __init__(self) -> None:
        self.names = _Names()
        #: Looks that were left, by conversation, text, and whether secrets are seen; those left last are the last.
        self.left: OrderedDict[tuple[int, bytes, bool], _Look] = OrderedDict()


_journals: WeakKeyDictionary[Journal, _Remembered] = WeakKeyDictionary()


def _remembered(journal: Journal) -> _Remembered:
    return _journals.setdefault(journal, _Remembered())
