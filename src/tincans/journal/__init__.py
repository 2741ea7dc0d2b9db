"""Where conversations are kept: append, list, read, follow.

A `Journal` is a `Recorder` (`begin` gives a tap to every conversation) that can tell later what its taps heard. There
are two: one in memory, and one in a folder that many processes share. `tincans.testing.check_journal` proves the
contract on both. `open_journal` chooses:

    None             the folder named by $TINCANS_JOURNAL, else "journal" in the user's data folder
    "memory:"        memory
    "sqlite:PATH"    the folder PATH
    anything else    the folder of that path
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from tincans.channel import Side
from tincans.conversation import Closed, Conversation, Dropped, Entry, How, Kind, Opened, Recorder
from tincans.errors import JournalError, NotAConversation
from tincans.limits import JOURNAL_BYTES, SEGMENT_BYTES, UNWRITTEN_BYTES

#: The reason of the `Dropped` entries that stand for what a journal gave up to stay within its bound.
FORGOTTEN = "the journal was full, and this was the oldest"
#: Of those that stand for what a relay only counted.
CARRIED = "it was passed on without being looked at"

#: Times and sizes are less than this: SQLite's integers have 64 bits, and a sum of sizes has to stay one.
_NUMBERS = 2**62


class Bounds(NamedTuple):
    """How much a journal keeps. Sizes in bytes."""

    #: Kept altogether, index included; beyond it the oldest is dropped.
    total: int = JOURNAL_BYTES
    #: One segment file (a folder's unit of dropping; never more than an eighth of the whole).
    segment: int = SEGMENT_BYTES
    #: Waiting for the disk; beyond it what is said is dropped, and counted.
    unwritten: int = UNWRITTEN_BYTES
    #: Seconds after which a segment that nobody writes to any more is dropped; None keeps it.
    age: float | None = None


class Filter(NamedTuple):
    """Which conversations to list: those to which all of it applies. The default is all."""

    #: Text that one of the four addresses has in it; case does not matter.
    party: str = ""
    kind: Kind | None = None
    #: True for those that go on, False for those that are over.
    open: bool | None = None
    #: Those that ended in one of these ways, and for None among them those that go on; empty for any.
    how: tuple[How | None, ...] = ()
    #: Begun at `since` or later and before `until`, in nanoseconds since 1970-01-01 UTC.
    since: int | None = None
    until: int | None = None
    #: The listener's or relay's name in tincans.toml, exactly.
    name: str = ""
    #: Bytes said in it, by both sides together: at least, and at most.
    least: int | None = None
    most: int | None = None
    #: Those with a smaller number.
    before: int | None = None
    #: At most so many, the newest.
    limit: int | None = None

    def matches(self, conversation: Conversation) -> bool:
        """Whether all of it but the limit applies."""
        c = conversation
        return (
            (not self.party or self.party.lower() in "\n".join((c.client, c.near, c.far, c.server)).lower())
            and (self.kind is None or c.kind is self.kind)
            and (self.open is None or self.open is (c.closed is None))
            and (not self.how or c.how in self.how)
            and (self.since is None or c.opened >= self.since)
            and (self.until is None or c.opened < self.until)
            and (not self.name or c.name == self.name)
            and (self.least is None or c.client_bytes + c.server_bytes >= self.least)
            and (self.most is None or c.client_bytes + c.server_bytes <= self.most)
            and (self.before is None or c.number < self.before)
        )


ALL = Filter()


class Place(NamedTuple):
    """A place among the entries of one conversation, from where on they can be read at once."""

    #: Entries before it, bytes that each side has said (`Said` and `Dropped`) in those, and when the last of them was.
    entry: int
    client: int
    server: int
    at: int
    #: What the journal knows it by.
    token: tuple[int, ...] = ()


class Passage(NamedTuple):
    """Some entries of one conversation that follow each other, and the place behind them."""

    entries: list[Entry]
    end: Place


class Changes(NamedTuple):
    """In what something happened since `changes` was last asked."""

    #: As they are now, the oldest first; none twice.
    conversations: list[Conversation]
    #: How many more there were than were asked for. They are not told again.
    left_out: int
    #: To be given to the next call.
    mark: int


class Journal(Recorder, Protocol):
    """Keeps conversations. What its taps hear can be read back after `flush`, or by itself within 100 ms.

    A tap never blocks and never raises. What cannot be kept (memory or disk full, or too slow) is counted, and the
    count is kept as a `Dropped` entry where the bytes would have been.
    """

    async def conversations(self, which: Filter = ALL) -> list[Conversation]:
        """Those that match, the oldest first. Cancelling leaves nothing behind."""

    async def conversation(self, number: int) -> Conversation:
        """One of them. Raises `NoSuchConversation`."""

    async def count(self, which: Filter = ALL) -> int:
        """How many match, but for `limit`."""

    async def some(self, which: Filter, offset: int, limit: int) -> list[Conversation]:
        """Of those that match, the oldest first, `limit` from the one at `offset` on. Quick among a million."""

    async def changes(self, mark: int | None, limit: int) -> Changes:
        """In what something happened since the call that gave `mark`: at most `limit`, those that changed last.

        With None: those that are open. It takes as long as there are changes, however much is recorded, and tells what
        other processes write, too.
        """

    async def places(self, number: int, every: int, start: Place | None = None) -> list[Place]:
        """The places of each `every`th entry from the beginning, or from `start` on, and at last the place of the end.

        A million entries take less than a second. The entries are those that `read` gives. Where the journal has
        forgotten some since `start` was given, the places are those of what is left, from the beginning.
        Raises `NoSuchConversation`.
        """

    async def entries(self, number: int, place: Place | None, count: int) -> list[Entry]:
        """Up to `count` entries from a place on, or from the beginning, as far as they are there: as `read` gives them,
        at the cost of these alone. Raises `NoSuchConversation`."""

    async def passage(self, number: int, place: Place | None, size: int) -> Passage:
        """About `size` bytes of entries, but one at the least, from a place on, or from the beginning; none where there
        are no more yet.

        Who goes on from its end reads all that `read` gives, piece by piece, and whenever it likes, at the cost of what
        it reads. Raises `NoSuchConversation`.
        """

    def read(self, number: int, *, start: int = 0) -> AsyncGenerator[Entry]:
        """The entries of one conversation, in order, as far as they are there; the first `start` of them left out.

        Begins with `Opened`, also where the oldest entries were dropped: `Dropped` ones, with FORGOTTEN as their
        reason, follow it then. Holds about JOURNAL_READ_BYTES at a time. Raises `NoSuchConversation`.
        """

    def follow(self, number: int | None = None) -> AsyncGenerator[Entry]:
        """Entries as they come, within 100 ms, also those that other processes write.

        With a number: all of that conversation from its beginning, then what comes, until it has closed. Without: of
        every conversation, from this call on, and without end; each conversation's entries are in order, while those of
        different ones may be mixed within some 100 ms. Cancelling leaves nothing behind.
        """

    async def adopt(self, entries: Iterable[Entry]) -> int:
        """Keep a conversation of the past: its entries under a new number, and with the times that they have.

        Gives the number, once all of it can be read. What was never closed is closed as LOST, when it last did
        something. It takes as long as the disk does: no more than a few megabytes wait. Raises
        `NotAConversation` where they are none (`checked`), `JournalError` where the disk refuses them, and whatever
        `entries` raises; what was taken until then is closed as LOST, too, and so it is when this is cancelled.
        """

    async def flush(self) -> None:
        """Wait until all that was told so far can be read. Raises `JournalError` when the disk refuses it."""

    async def aclose(self) -> None:
        """Write what is left and close. Conversations that still go on are closed as STOPPED. Idempotent.

        Waits at most JOURNAL_CLOSE_SECONDS for a slow disk; what it did not take by then is lost, with a warning.
        """


def open_journal(where: str | Path | None = None, bounds: Bounds | None = None, *, create: bool = True) -> Journal:
    """Open the journal at `where` (see the head of this module); make its folder if there is none, where `create`.

    Takes some milliseconds, so open it before the traffic begins. Close it with `aclose`. Raises `JournalError`, or
    `JournalTooNew` where a newer tincans wrote it.
    """
    text = str(where) if where is not None else os.environ.get("TINCANS_JOURNAL", "")
    if text == "memory:":
        from tincans.journal.memory import MemoryJournal

        return MemoryJournal(bounds)
    from tincans.journal.sqlite import SqliteJournal

    path = text.removeprefix("sqlite:")
    folder = Path(path).expanduser() if path else default_folder()
    if not create and not (folder / "index.sqlite3").exists():
        raise JournalError(f"there is no journal in {folder}")
    return SqliteJournal(folder, bounds or Bounds())


def default_folder() -> Path:
    """The journal's folder in the user's data folder."""
    from platformdirs import user_data_path

    return user_data_path("tincans") / "journal"


def checked(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The same, as long as they are what a journal can keep: a conversation is opened once and first, nothing follows
    its end, and times and sizes are numbers that it has room for. Else raises `NotAConversation`."""
    before: Entry | None = None
    dropped = 0
    for entry in entries:
        if isinstance(entry, Opened) is not (before is None):
            raise NotAConversation("a conversation is opened once, and before anything is said in it")
        if isinstance(before, Closed):
            raise NotAConversation("nothing can happen in a conversation after it was closed")
        count = entry.count if isinstance(entry, Dropped) else 0
        dropped += count
        if not 0 <= entry.at < _NUMBERS or count < 0 or dropped >= _NUMBERS:
            raise NotAConversation("a conversation has a time or a size that no journal can keep")
        before = entry
        yield entry
    if before is None:
        raise NotAConversation("a conversation has to be opened")


def beginning(conversation: Conversation, client_forgotten: int, server_forgotten: int) -> list[Entry]:
    """What a journal gives in place of a beginning that it has dropped."""
    c = conversation
    entries: list[Entry] = [
        Opened(
            conversation=c.number, at=c.opened, kind=c.kind, name=c.name, client=c.client, server=c.server,
            near=c.near, far=c.far, boundaries=c.boundaries, facts=c.facts,
        )
    ]  # fmt: skip
    for side, count in ((Side.CLIENT, client_forgotten), (Side.SERVER, server_forgotten)):
        if count:
            entries.append(Dropped(conversation=c.number, at=c.opened, side=side, count=count, reason=FORGOTTEN))
    return entries
