"""The handlers of what only looks: who answers, the switchboard, and the conversations in rows.

A handler is given the call's context and what was asked, read and checked already, and gives a shape or a file. It
raises what goes wrong; `trouble.py` has the statuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from tincans import __version__
from tincans.conversation import Conversation, How, Kind
from tincans.errors import NoSuchConversation
from tincans.journal import Filter
from tincans.limits import LIST_MOST, LIST_ROWS
from tincans.protocols import names
from tincans.text import escape
from tincans.watch import shapes
from tincans.watch.answers import Board, Finding, Hello, Listing, One
from tincans.watch.asking import Call, Number, Numbered, Size, Standing, Text, Time
from tincans.watch.endpoints import Nothing
from tincans.watch.lookout import board_of
from tincans.watch.search import known_protocol, search


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations, and how many of them."""

    party: Annotated[Text, Meta(description="text in one of the addresses")] = ""
    kind: Annotated[Kind | None, Meta(description="the part that tincans played")] = None
    name: Annotated[Text, Meta(description="the listener's or relay's name, exactly")] = ""
    state: Annotated[list[Standing], Meta(description="how they stand; may be given several times")] = []
    least: Annotated[Size | None, Meta(description="bytes said in it, by both together, at least")] = None
    most: Annotated[Size | None, Meta(description="bytes said in it, by both together, at most")] = None
    since: Annotated[Time | None, Meta(description="begun then or later, in microseconds")] = None
    until: Annotated[Time | None, Meta(description="begun before, in microseconds")] = None
    text: Annotated[Text, Meta(description="what was said in it, case aside")] = ""
    protocol: Annotated[Text, Meta(description="what is spoken in it")] = ""
    offset: Annotated[Size, Meta(description="rows left out at the beginning")] = 0
    limit: Annotated[int, Meta(ge=1, le=LIST_MOST, description="rows at most")] = LIST_ROWS
    secrets: Annotated[bool, Meta(description="find a text in passwords and the like, too")] = False
    before: Annotated[Number | None, Meta(description="where text or protocol read on: NEXT of the answer before")] = (
        None
    )

    @property
    def filter(self) -> Filter:
        """As the journal takes it."""
        how = tuple(None if each == "open" else How(each) for each in self.state)
        since, until = (None if at is None else at * 1000 for at in (self.since, self.until))
        return Filter(
            party=self.party, kind=self.kind, how=how, since=since, until=until, name=self.name, least=self.least,
            most=self.most, before=self.before,
        )  # fmt: skip


def hello_of(call: Call) -> Hello:
    """The beginning of every visit."""
    watched = call.watched
    return Hello(
        version=__version__, steer=call.steers, journal=escape(watched.where), now=shapes.micros(watched.now()),
        protocols=names(), board=watched.board is not None,
    )  # fmt: skip


async def hello(call: Call, asked: Nothing) -> Hello:
    return hello_of(call)


async def board(call: Call, asked: Nothing) -> Board:
    return board_of(call.watched)


async def conversations(call: Call, asked: Which) -> Listing | Finding:
    journal, which = call.watched.journal, asked.filter
    if not asked.text and not asked.protocol:
        total = await journal.count(which)
        listed = await journal.some(which, asked.offset, asked.limit)
        return Listing(total=total, offset=asked.offset, rows=_rows(call, listed))
    found = await search(
        journal, which, text=asked.text, protocol=asked.protocol, before=asked.before, secrets=asked.secrets,
        limit=asked.limit,
    )  # fmt: skip
    return Finding(rows=_rows(call, found.rows), next=found.next, looked=found.looked, total=found.total)


def _rows(call: Call, found: Sequence[Conversation]) -> list[shapes.Conversation]:
    """With what is known to be spoken; the rest is found out, and told by `/api/live`."""
    spoken = {each.number: known_protocol(call.watched.journal, each.number) for each in found}
    call.lookout.shown.take(each for each in found if not spoken[each.number])
    return [shapes.conversation(each, spoken[each.number]) for each in found]


async def told(call: Call, number: int) -> Conversation:
    """A conversation as it stands: of those that go on here the register knows more than the journal, and sooner.

    Raises `NoSuchConversation`.
    """
    register = call.watched.register
    found = register and (register.talks.get(number) or register.over.get(number))
    if found:
        return found.conversation
    if number <= 0:
        raise NoSuchConversation(number)
    journal = call.watched.journal
    try:
        return await journal.conversation(number)
    except NoSuchConversation:
        if register is None:
            raise
        await journal.flush()  # it may have ended here a moment ago
        return await journal.conversation(number)


async def length(call: Call, number: int, protocol: str = "") -> tuple[int, int]:
    """Pages and recorded entries; none of what is not recorded, or not yet. Raises `NoSuchProtocol`, `JournalError`."""
    if number <= 0:
        return 0, 0
    register = call.watched.register
    if register is not None and number in register.talks:  # it is known here before it is written
        await call.watched.journal.flush()
    reel = call.reel(number, protocol)
    try:
        await reel.look()
    except NoSuchConversation:
        return 0, 0
    return reel.pages, reel.total


async def conversation(call: Call, asked: Numbered) -> One:
    found = await told(call, asked.number)
    pages, total = await length(call, asked.number)
    return One(conversation=_rows(call, [found])[0], pages=pages, total=total)
