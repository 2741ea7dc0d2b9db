"""How a conversation stands at a glance: decoded where that is quick, and by counts alone where it is not."""

from __future__ import annotations

import pytest

from tincans.channel import Side
from tincans.conversation import How, Kind, Opening
from tincans.journal import open_journal
from tincans.limits import ANSWER_SECONDS, STATE_BYTES
from tincans.watch.glance import at_a_glance, by_counts

OPENING = Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2")


@pytest.mark.parametrize(("more", "protocol"), [(0, "lines"), (1, "")])
async def test_what_is_longer_is_not_decoded(more: int, protocol: str) -> None:
    journal = open_journal("memory:")
    tap = journal.begin(OPENING)
    tap.said(Side.CLIENT, b"hello\n")
    tap.said(Side.CLIENT, (STATE_BYTES - 6 + more) * b"x")
    conversation = await journal.conversation(1)
    state = await at_a_glance(journal, conversation, conversation.last + 5)
    assert (state.protocol, state.client.said, state.server.said) == (protocol, STATE_BYTES + more, 0)
    await journal.aclose()


@pytest.mark.parametrize(("less", "is_stuck"), [(0, True), (1, False)])
async def test_an_answer_may_take_long(less: int, is_stuck: bool) -> None:
    journal = open_journal("memory:")
    journal.begin(OPENING).said(Side.CLIENT, b"GET / HTTP/1.1\r\n\r\n")
    conversation = await journal.conversation(1)
    state = await at_a_glance(journal, conversation, conversation.last + int(ANSWER_SECONDS * 1e9) - less)
    assert state.sentence.startswith("the server has been silent since the client's request `GET /")
    assert state.is_stuck is is_stuck
    await journal.aclose()


async def test_by_counts_alone_it_is_known_how_much_was_said_and_that_it_is_over() -> None:
    journal = open_journal("memory:")
    tap = journal.begin(OPENING)
    tap.said(Side.SERVER, b"secret\n")
    tap.closed(How.FINISHED)
    conversation = await journal.conversation(1)
    state = await by_counts(conversation, conversation.last)
    assert state.server.said == 7
    assert state.sentence.startswith("it is over")
    assert "secret" not in str(state)
    await journal.aclose()
