"""How a conversation stands that somebody reads: it is decoded anyway, by its reel, and that knows who waits for
whom."""

from __future__ import annotations

from tincans.conversation import Conversation
from tincans.errors import NoSuchConversation
from tincans.waiting import State
from tincans.watch import shapes
from tincans.watch.asking import Call, Decoded
from tincans.watch.glance import by_counts
from tincans.watch.looking import told


async def state(call: Call, asked: Decoded) -> shapes.State:
    conversation = await told(call, asked.number)
    return shapes.state(await standing(call, conversation, asked.protocol, secrets=asked.secrets))


async def standing(call: Call, conversation: Conversation, protocol: str, *, secrets: bool = False) -> State:
    """The state now. Raises `NoSuchProtocol`."""
    now = call.watched.now()
    if conversation.number > 0:
        try:
            return await call.reel(conversation.number, protocol, secrets=secrets).state(now)
        except NoSuchConversation:
            pass  # it has only begun, and is not written yet
    return await by_counts(conversation, now)
