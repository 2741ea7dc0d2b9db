"""How an open conversation stands that nobody reads: who waits for whom, at a bounded cost and away from the loop.

What was said is decoded for it, as long as it is not more than STATE_BYTES. Of a longer one, or one that is not
recorded, only how much was said is known, and what the kernel still holds of it for either side: that tells who does
not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace

from tincans.channel import Side
from tincans.conversation import Conversation, Dropped, Entry, Opened
from tincans.decoding import Decoding
from tincans.errors import NoSuchConversation
from tincans.journal import Journal
from tincans.limits import ANSWER_SECONDS, STATE_BYTES
from tincans.transports.queues import queues
from tincans.waiting import State, Waiting, ends


async def at_a_glance(journal: Journal, conversation: Conversation, now: int) -> State:
    """The state at `now` of one that nobody reads: decoded where that is quick, and by what the kernel holds else."""
    entries: list[Entry] = []
    if conversation.number > 0 and conversation.client_bytes + conversation.server_bytes <= STATE_BYTES:
        try:
            entries = [entry async for entry in journal.read(conversation.number)]
        except NoSuchConversation:
            pass  # it has only begun, and is not written yet
    return (
        await asyncio.to_thread(_state, conversation, entries, now) if entries else await by_counts(conversation, now)
    )


async def by_counts(conversation: Conversation, now: int) -> State:
    """The same, of one of which only is known how much was said."""
    state = await asyncio.to_thread(_state, conversation, _counted(conversation), now)
    return replace(state, protocol="")  # nobody has looked


def _state(c: Conversation, entries: Iterable[Entry], now: int) -> State:
    """In the other thread."""
    heard: Waiting | None = None
    for entry in entries:
        if isinstance(entry, Opened):
            heard = Waiting(entry, Decoding(entry))
        assert heard is not None  # Opened is first
        heard.take(entry, heard.decoding.take(entry))
    assert heard is not None
    heard.note(heard.decoding.close())
    heard.conversation = c
    return heard.state(now, queues(ends(c)) if c.closed is None else {}, patience=ANSWER_SECONDS)


def _counted(c: Conversation) -> list[Entry]:
    """A conversation of which only is known how much was said, and when at last."""
    opened = Opened(
        conversation=c.number, at=c.opened, kind=c.kind, name=c.name, client=c.client, server=c.server, near=c.near,
        far=c.far, boundaries=c.boundaries, facts=c.facts,
    )  # fmt: skip
    counts = ((Side.CLIENT, c.client_bytes), (Side.SERVER, c.server_bytes))
    return [opened, *(_said(c, side, count) for side, count in counts if count)]


def _said(c: Conversation, side: Side, count: int) -> Dropped:
    return Dropped(conversation=c.number, at=c.last, side=side, count=count, reason="")
