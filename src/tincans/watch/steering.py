"""The handlers of what changes something: the words said by hand, and the switchboard. Whoever comes here may steer."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from tincans.channel import Side
from tincans.conversation import Controls, Conversation
from tincans.errors import CannotSteer
from tincans.limits import SAY_BYTES, SAY_SECONDS
from tincans.switchboard import Switchboard
from tincans.text import unescape
from tincans.watch.answers import Board, Done
from tincans.watch.asking import Call, Numbered, Text
from tincans.watch.endpoints import Nothing
from tincans.watch.looking import told
from tincans.watch.lookout import board_of
from tincans.watch.trouble import Refused

_ESCAPES = r"In a text \n, \r, \t, \\ and \xNN stand for what they do elsewhere; or give the bytes as hex."


class Speaker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the sides."""

    side: Side


class Words(Speaker, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to say as that side: a text with escapes, or hex."""

    text: str | None = None
    hex: str | None = None

    @property
    def data(self) -> bytes:
        """The bytes. Raises `Refused`."""
        if (self.text is None) is (self.hex is None):
            raise Refused(400, "what is to be said is either a text or hex", _ESCAPES)
        try:
            data = unescape(self.text) if self.text is not None else bytes.fromhex(self.hex or "")
        except ValueError as error:
            raise Refused(400, f"what is to be said makes no sense: {error}", _ESCAPES) from None
        if len(data) > SAY_BYTES:
            raise Refused(413, f"{len(data)} bytes are more than the {SAY_BYTES} that can be said at once", "Say less.")
        return data


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A listener or relay."""

    name: Annotated[Text, Meta(description="its name in the switchboard")]


# ── conversations ─────────────────────────────────────────────────────────────────────────────────────────


def controls_of(call: Call, number: int) -> Controls | None:
    """What steers a conversation; None where it cannot be steered."""
    register = call.watched.register
    talk = register.talks.get(number) if register else None
    return talk.controls if talk else None


def can(controls: Controls | None, conversation: Conversation) -> list[str]:
    """What may be done to a conversation now."""
    if controls is None:
        return []
    speaks = conversation.client_ended is None or conversation.server_ended is None
    return [*(("say", "pause", "resume", "end") if speaks else ()), "reset"]


async def _controls(call: Call, number: int) -> Controls:
    found = controls_of(call, number)
    if found is not None:
        return found
    conversation = await told(call, number)
    if conversation.closed is not None:
        raise CannotSteer("the conversation is over")
    register = call.watched.register
    if register is None or number not in register.talks:
        raise CannotSteer("another program carries this conversation")
    raise CannotSteer("there is nothing in this conversation that could be steered yet")


async def say(call: Call, asked: Numbered, words: Words) -> Done:
    data = words.data
    controls = await _controls(call, asked.number)
    try:
        async with asyncio.timeout(SAY_SECONDS):
            await controls.say(words.side, data)
    except TimeoutError:
        reason = f"the {words.side.other.value} takes nothing now; what was to be said is said as soon as it does"
        raise CannotSteer(reason) from None
    return Done()


async def pause(call: Call, asked: Numbered, speaker: Speaker) -> Done:
    (await _controls(call, asked.number)).pause(speaker.side)
    return Done()


async def resume(call: Call, asked: Numbered, speaker: Speaker) -> Done:
    (await _controls(call, asked.number)).resume(speaker.side)
    return Done()


async def end(call: Call, asked: Numbered, speaker: Speaker) -> Done:
    await (await _controls(call, asked.number)).end(speaker.side)
    return Done()


async def reset(call: Call, asked: Numbered, posted: Nothing) -> Done:
    (await _controls(call, asked.number)).reset()
    return Done()


# ── the switchboard ───────────────────────────────────────────────────────────────────────────────────────


def _board(call: Call) -> Switchboard:
    if call.watched.board is None:
        raise CannotSteer("there is no switchboard here: this is the page of a journal")
    return call.watched.board


async def stop(call: Call, asked: Named, posted: Nothing) -> Board:
    await _board(call).stop(asked.name)
    return board_of(call.watched)


async def start(call: Call, asked: Named, posted: Nothing) -> Board:
    await _board(call).start(asked.name)
    return board_of(call.watched)
